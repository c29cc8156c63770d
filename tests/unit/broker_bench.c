/* SPDX-License-Identifier: ISC */
/* A real holdfast-broker, with the test as its supervisor and gateways. */
#include "config.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/unix.h"
#include "tests/unit/broker_bench.h"

#define BENCH_STORED 64

static void
path_of(char *out, size_t size, const char *below)
{
	const char *top = getenv("top_builddir");

	snprintf(out, size, "%s/%s", top == NULL ? "." : top, below);
}

/* The control channel and what is stored, from 3 on and without gaps. */
static void
place_fds(int control, const struct bench_options *options)
{
	int high[BENCH_STORED];
	size_t i;

	if (options->nstored > BENCH_STORED - 1)
		_exit(97);
	high[0] = fcntl(control, F_DUPFD, 500);
	for (i = 0; i < options->nstored; i++)
		high[i + 1] = fcntl(options->stored[i], F_DUPFD, 500);
	for (i = 0; i <= options->nstored; i++)
		if (dup2(high[i], 3 + (int)i) == -1)
			_exit(99);
	closefrom(4 + (int)options->nstored);
}

static void
start_process(struct bench *b, const struct bench_options *options)
{
	const char *fault = options->fault;
	char path[4096];
	int pair[2];

	path_of(path, sizeof(path), "broker/holdfast-broker");
	cr_assert_eq(unix_pair(SOCK_SEQPACKET, pair), 0);
	b->pid = fork();
	cr_assert_neq(b->pid, -1);
	if (b->pid == 0) {
		if (fault != NULL)
			setenv("FAKE_RUNNER", fault, 1);
		if (options->notify != NULL)
			setenv("NOTIFY_SOCKET", options->notify, 1);
		if (options->names != NULL)
			setenv("HOLDFAST_STORE", options->names, 1);
		place_fds(pair[1], options);
		execl(path, path, (char *)NULL);
		_exit(98);
	}
	close(pair[1]);
	b->sup = pair[0];
}

int
bench_listen(char *url, size_t size)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert_eq(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	cr_assert_eq(listen(fd, 64), 0);
	cr_assert_eq(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	snprintf(url, size, "ws://127.0.0.1:%u",
	    (unsigned int)ntohs(in.sin_port));
	return fd;
}

int
bench_connect(int listener)
{
	struct sockaddr_in in;
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1 ||
	    getsockname(listener, (struct sockaddr *)&in, &len) == -1 ||
	    connect(fd, (struct sockaddr *)&in, sizeof(in)) == -1)
		return -1;
	return fd;
}

static void
send_config(struct bench *b, const struct bench_options *options)
{
	struct fields_SB_CONFIG config = {
		.version = PROTO_VERSION,
		.oldest = PROTO_OLDEST,
		.max_sessions = options->max_sessions == 0 ?
		    64 : options->max_sessions,
		.log_level = 0,
	};
	char runner[4096];

	path_of(runner, sizeof(runner), "tests/unit/fake_runner");
	config.runner_path = span_str(options->runner == NULL ?
	    runner : options->runner);
	cr_assert_eq(chan_write_one(b->sup, MSG_SB_CONFIG, &config, NULL, 0),
	    0);
}

/* One tenant, one listener. */
static void
send_usual_order(struct bench *b, const struct bench_options *options)
{
	char url[64];
	struct bench_order order = {
		.count = 1,
		.ttl_ms = options->ttl_ms,
		.listeners = { {
			.url = options->listener,
			.admission = options->admission == 0 ?
			    ADMIT_NONE : options->admission,
			.tenants = { 1 },
		} },
		.tenants = { {
			.name = "self",
			.number = 1,
			.uid = getuid(),
		} },
	};

	if (options->listener == NULL) {
		b->listener = bench_listen(url, sizeof(url));
		order.listeners[0].url = url;
	}
	bench_send_order(b, &order);
}

void
bench_expect(struct bench *b, int fd, enum proto_role self, int type)
{
	enum proto_phase phase = type == MSG_BS_HELLO ||
	    type == MSG_BG_HELLO ? PHASE_START : PHASE_UP;
	const char *why = "";
	int got;

	if (type == MSG_BS_STOPPED)
		phase = PHASE_STOP;
	got = chan_read_one(fd, self, ROLE_BROKER, phase, BENCH_WAIT_MS,
	    b->buf, &b->msg, &b->fds, &why);
	cr_assert_eq(got, type, "expected %s, got %s %s",
	    proto_name((uint16_t)type), got == -1 ? "nothing:" :
	    proto_name((uint16_t)got), why);
}

void
bench_expect_end(struct bench *b, int fd, enum proto_role self)
{
	const char *why = "";
	int got = chan_read_one(fd, self, ROLE_BROKER, PHASE_UP,
	    BENCH_WAIT_MS, b->buf, &b->msg, &b->fds, &why);

	cr_assert_eq(got, -1, "got %s", proto_name((uint16_t)got));
	cr_assert_str_eq(why, "closed by the peer");
}

void
bench_start(struct bench *b, const struct bench_options *options)
{
	static const struct bench_options usual;

	if (options == NULL)
		options = &usual;
	start_process(b, options);
	b->listener = -1;
	send_config(b, options);
	if (options->order != NULL)
		bench_send_order(b, options->order);
	else
		send_usual_order(b, options);
	bench_expect(b, b->sup, ROLE_SUPERVISOR, MSG_BS_HELLO);
	cr_assert_eq(b->msg.HELLO.version, PROTO_VERSION);
}

int
bench_wait(struct bench *b)
{
	int status;

	cr_assert_eq(waitpid(b->pid, &status, 0), b->pid);
	b->pid = 0;
	return status;
}

void
bench_stop(struct bench *b)
{
	struct fields_STOP stop = { .grace_ms = 0 };

	cr_assert_eq(chan_write_one(b->sup, MSG_SB_STOP, &stop, NULL, 0), 0);
	bench_expect(b, b->sup, ROLE_SUPERVISOR, MSG_BS_STOPPED);
	cr_assert_eq(bench_wait(b), 0);
	close(b->sup);
}

int
bench_gateway(struct bench *b, uint32_t number)
{
	static const struct fields_HELLO hello = {
		.version = PROTO_VERSION,
		.oldest = PROTO_OLDEST,
	};
	struct fields_SB_GATEWAY gateway = { .gateway = number };
	int pair[2];

	cr_assert_eq(unix_pair(SOCK_SEQPACKET, pair), 0);
	cr_assert_eq(chan_write_one(b->sup, MSG_SB_GATEWAY, &gateway, &pair[1],
	    1), 0);
	close(pair[1]);
	cr_assert_eq(chan_write_one(pair[0], MSG_GB_HELLO, &hello, NULL, 0),
	    0);
	bench_expect(b, pair[0], ROLE_GATEWAY, MSG_BG_HELLO);
	return pair[0];
}

void
bench_admit(struct bench *b, int gate, uint64_t handle)
{
	struct fields_GB_ADMIT admit = { .handle = handle };
	int client = bench_connect(b->listener);
	int fd = accept4(b->listener, NULL, NULL, SOCK_CLOEXEC);

	cr_assert_eq(chan_write_one(gate, MSG_GB_ADMIT, &admit, &fd, 1), 0);
	close(fd);
	bench_expect(b, gate, ROLE_GATEWAY, MSG_BG_ADMITTED);
	close(client);
	cr_assert_eq(b->msg.HANDLE.handle, handle);
}

void
bench_offer(int gate, int listener, uint64_t handle, const char *header)
{
	bench_offer_for(gate, listener, handle, header,
	    (struct span){ NULL, 0 });
}

void
bench_offer_for(int gate, int listener, uint64_t handle, const char *header,
    struct span source)
{
	struct fields_GB_ADMIT admit = {
		.handle = handle,
		.has_token = header != NULL,
		.has_client = source.p != NULL,
		.client = source,
	};
	int client = bench_connect(listener);
	int server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (header != NULL)
		admit.token = span_str(header);
	cr_assert_eq(chan_write_one(gate, MSG_GB_ADMIT, &admit, &server, 1),
	    0);
	close(server);
	/* It stays: who has closed has no user any more. */
	(void)client;
}

void
bench_let_in(struct bench *b, int gate, int listener, uint64_t handle,
    const char *header)
{
	bench_offer(gate, listener, handle, header);
	bench_expect(b, gate, ROLE_GATEWAY, MSG_BG_ADMITTED);
}

void
bench_kept_out(struct bench *b, int gate, int listener, const char *header,
    uint32_t status, const char *text)
{
	bench_offer(gate, listener, 999, header);
	bench_expect(b, gate, ROLE_GATEWAY, MSG_BG_REFUSED);
	cr_assert_eq(b->msg.BG_REFUSED.status, status);
	cr_assert(span_is(b->msg.BG_REFUSED.text, text), "%.*s",
	    (int)b->msg.BG_REFUSED.text.len, b->msg.BG_REFUSED.text.p);
}

void
bench_ask(int gate, uint64_t handle, const char *resume,
    const struct ident *nonce)
{
	struct ident fresh;
	struct fields_GB_ATTACH attach = {
		.handle = handle,
		.client_name = span_str("test"),
		.has_resume = resume != NULL,
	};

	ident_make(&fresh);
	attach.nonce = (struct span){
		nonce == NULL ? fresh.bytes : nonce->bytes, IDENT_SIZE
	};
	if (resume != NULL)
		attach.resume = span_str(resume);
	cr_assert_eq(chan_write_one(gate, MSG_GB_ATTACH, &attach, NULL, 0),
	    0);
}

struct bench_session
bench_attached(struct bench *b, int gate)
{
	struct bench_session s;

	bench_expect(b, gate, ROLE_GATEWAY, MSG_BG_ATTACHED);
	cr_assert_eq(span_to_str(b->msg.BG_ATTACHED.session, s.id,
	    sizeof(s.id)), 0);
	s.generation = b->msg.BG_ATTACHED.generation;
	s.data = chan_take_fd(&b->fds, 0);
	cr_assert(unix_is_socket(s.data, SOCK_STREAM));
	return s;
}

struct bench_session
bench_attach(struct bench *b, int gate, uint64_t handle, const char *resume)
{
	bench_admit(b, gate, handle);
	bench_ask(gate, handle, resume, NULL);
	return bench_attached(b, gate);
}

void
bench_refused(struct bench *b, int gate, uint32_t reason)
{
	bench_expect(b, gate, ROLE_GATEWAY, MSG_BG_ATTACH_FAILED);
	cr_assert_eq(b->msg.BG_ATTACH_FAILED.reason, reason, "reason %u",
	    b->msg.BG_ATTACH_FAILED.reason);
}

void
bench_gone(struct bench *b, int gate, const struct bench_session *s,
    uint32_t reason)
{
	bench_expect(b, gate, ROLE_GATEWAY, MSG_BG_GONE);
	cr_assert(span_is(b->msg.BG_GONE.session, s->id));
	cr_assert_eq(b->msg.BG_GONE.generation, s->generation);
	cr_assert_eq(b->msg.BG_GONE.reason, reason, "reason %u",
	    b->msg.BG_GONE.reason);
}

void
bench_detach(int gate, const struct bench_session *s, uint64_t generation)
{
	struct fields_ATTACHMENT detach = {
		.session = span_str(s->id),
		.generation = generation,
	};

	cr_assert_eq(chan_write_one(gate, MSG_GB_DETACH, &detach, NULL, 0),
	    0);
}

void
bench_probed(struct bench *b, int gate, uint64_t probe, int gone)
{
	struct fields_GB_PROBED probed = { .probe = probe, .gone = gone };

	(void)b;
	cr_assert_eq(chan_write_one(gate, MSG_GB_PROBED, &probed, NULL, 0),
	    0);
}

void
bench_write(int data, const char *text)
{
	size_t len = strlen(text);

	cr_assert_eq(write(data, text, len), (ssize_t)len);
}

void
bench_read(int data, void *out, size_t len)
{
	struct pollfd pfd = { .fd = data, .events = POLLIN };
	size_t got = 0;
	ssize_t n;

	while (got < len) {
		cr_assert_eq(poll(&pfd, 1, BENCH_WAIT_MS), 1, "no answer");
		n = read(data, (char *)out + got, len - got);
		cr_assert_gt(n, 0, "the end");
		got += (size_t)n;
	}
}

void
bench_read_end(int data)
{
	struct pollfd pfd = { .fd = data, .events = POLLIN };
	char byte;

	cr_assert_eq(poll(&pfd, 1, BENCH_WAIT_MS), 1, "no end");
	cr_assert_leq(read(data, &byte, 1), 0);
}
