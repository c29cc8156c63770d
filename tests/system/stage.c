/* SPDX-License-Identifier: ISC */
/* Puppets, and the sockets they hand over. */
#include "config.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/chan.h"
#include "common/fdpass.h"
#include "common/ident.h"
#include "common/unix.h"
#include "common/xmalloc.h"
#include "tests/lib/daemon.h"
#include "tests/lib/wait.h"
#include "tests/system/stage.h"

#define STAGE_ARGS 32
#define STAGE_WANTED 64
#define STAGE_WAITING 256

struct stage {
	struct daemon *daemon;
	char *dir;
	int listener;
	struct waiting {
		int life, fd[2];
		uint32_t number;
		bool runner;
	} waiting[STAGE_WAITING];
	size_t nwaiting;
};

static uint8_t buf[PROTO_CONTROL_MAX];
static union proto_any msg;
static struct chan_fds fds;

static char *
built(const char *below)
{
	const char *top = getenv("top_builddir");
	char *path, *real;

	path = xasprintf("%s/%s", top == NULL ? "." : top, below);
	real = realpath(path, NULL);
	free(path);
	return real;
}

static int
link_to(const struct stage *stage, const char *name, const char *below)
{
	char *target = built(below);
	char *path = xasprintf("%s/%s", stage->dir, name);
	int rc = target == NULL ? -1 : symlink(target, path);

	free(target);
	free(path);
	return rc;
}

/* A copy: the program finds its stage by where it is itself. */
static int
copy_to(const struct stage *stage, const char *name, const char *below)
{
	char *source = built(below);
	char *path = xasprintf("%s/%s", stage->dir, name);
	int in = source == NULL ? -1 : open(source, O_RDONLY | O_CLOEXEC);
	int out = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	char bytes[65536];
	ssize_t n = -1;

	while (in != -1 && out != -1 &&
	    (n = read(in, bytes, sizeof(bytes))) > 0)
		if (write(out, bytes, (size_t)n) != n)
			break;
	unix_close(&in);
	unix_close(&out);
	free(source);
	free(path);
	return n == 0 ? 0 : -1;
}

static int
stage_listen(struct stage *stage)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	stage->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0);
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%.90s/stage",
	    stage->dir);
	return bind(stage->listener, (struct sockaddr *)&sun,
	    sizeof(sun)) == -1 ? -1 : listen(stage->listener, 64);
}

/* Under the same names, by which they are known in ps. */
static int
make_real(const struct stage *stage)
{
	char *path = xasprintf("%s/real", stage->dir);
	int rc = mkdir(path, 0755);

	free(path);
	return rc;
}

static int
stage_prepare(struct stage *stage)
{
	stage->dir = xstrdup("/tmp/holdfast-stage-XXXXXX");
	if (mkdtemp(stage->dir) == NULL || chmod(stage->dir, 0755) == -1 ||
	    link_to(stage, "holdfast-broker", "broker/holdfast-broker") ||
	    make_real(stage) == -1 ||
	    link_to(stage, "real/holdfast-gateway",
		"gateway/holdfast-gateway") ||
	    link_to(stage, "real/holdfast-runner",
		"broker/runner/holdfast-runner") ||
	    copy_to(stage, "holdfast-gateway", "tests/system/puppet") ||
	    copy_to(stage, "holdfast-runner", "tests/system/puppet"))
		return -1;
	return stage_listen(stage);
}

struct stage *
stage_new(const char *const args[])
{
	struct stage *stage = xcalloc(1, sizeof(*stage));
	const char *all[STAGE_ARGS];
	char number[16];
	size_t n = 0;

	stage->listener = -1;
	snprintf(number, sizeof(number), "%d", STAGE_PUPPETS + 1);
	if (stage_prepare(stage) == -1) {
		perror("stage");
		stage_free(stage, 0);
		return NULL;
	}
	all[n++] = "--libexec-dir";
	all[n++] = stage->dir;
	all[n++] = "--gateways";
	all[n++] = number;
	while (args != NULL && *args != NULL && n < STAGE_ARGS - 1)
		all[n++] = *args++;
	all[n] = NULL;
	stage->daemon = daemon_start(all);
	if (stage->daemon != NULL)
		return stage;
	stage_free(stage, 0);
	return NULL;
}

struct daemon *
stage_daemon(struct stage *stage)
{
	return stage->daemon;
}

static void
stage_remove(const struct stage *stage)
{
	static const char *const names[] = { "holdfast-broker",
		"holdfast-gateway", "holdfast-runner",
		"real/holdfast-gateway", "real/holdfast-runner", "real",
		"stage", "" };
	char *path;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]) + STAGE_WANTED;
	    i++) {
		if (i < STAGE_WANTED)
			path = xasprintf("%s/want-%zu", stage->dir, i);
		else
			path = xasprintf("%s/%s", stage->dir,
			    names[i - STAGE_WANTED]);
		(void)remove(path);
		free(path);
	}
}

static void
waiting_close(struct waiting *w)
{
	unix_close(&w->life);
	unix_close(&w->fd[0]);
	unix_close(&w->fd[1]);
}

void
stage_free(struct stage *stage, int failed)
{
	if (stage == NULL)
		return;
	if (stage->daemon != NULL)
		daemon_free(stage->daemon, failed);
	while (stage->nwaiting > 0)
		waiting_close(&stage->waiting[--stage->nwaiting]);
	unix_close(&stage->listener);
	stage_remove(stage);
	free(stage->dir);
	free(stage);
}

/* Take in one puppet that has connected; 0, or -1 when none does in time. */
static int
stage_take(struct stage *stage, uint64_t deadline)
{
	struct waiting *w = &stage->waiting[stage->nwaiting];
	size_t nfds = 2;

	if (stage->nwaiting == STAGE_WAITING ||
	    wait_fd(stage->listener, POLLIN, deadline) == -1)
		return -1;
	*w = (struct waiting){ -1, { -1, -1 }, 0, false };
	w->life = accept4(stage->listener, NULL, NULL, SOCK_CLOEXEC);
	if (w->life == -1 || wait_fd(w->life, POLLIN, deadline) == -1 ||
	    fdpass_recv(w->life, &w->number, sizeof(w->number), w->fd,
		&nfds) != (ssize_t)sizeof(w->number)) {
		/* It died between coming up and saying so. */
		waiting_close(w);
		return 0;
	}
	if (nfds < 2)
		w->fd[1] = -1;
	w->runner = nfds == 1;
	stage->nwaiting++;
	return 0;
}

static int
stage_next(struct stage *stage, bool runner, struct waiting *out)
{
	uint64_t deadline = deadline_in(STAGE_MS);
	struct pollfd pfd = { .events = POLLIN };
	size_t i;

	for (;;) {
		for (i = 0; i < stage->nwaiting; i++) {
			if (stage->waiting[i].runner != runner)
				continue;
			*out = stage->waiting[i];
			stage->waiting[i] = stage->waiting[--stage->nwaiting];
			pfd.fd = out->life;
			if (poll(&pfd, 1, 0) == 0)
				return 0;
			waiting_close(out);
			i = (size_t)-1;
		}
		if (stage_take(stage, deadline) == -1)
			return -1;
	}
}

int
stage_gateway(struct stage *stage, struct stage_gateway *gateway)
{
	struct waiting w;

	if (stage_next(stage, false, &w) == -1)
		return -1;
	*gateway = (struct stage_gateway){ w.life, w.fd[0], w.fd[1],
		w.number };
	unix_nonblock(gateway->listener);
	return 0;
}

void
stage_gateway_close(struct stage_gateway *gateway)
{
	unix_close(&gateway->broker);
	unix_close(&gateway->listener);
	unix_close(&gateway->life);
}

void
stage_want_runners(struct stage *stage, unsigned int count)
{
	unsigned int i;
	char *path;
	int fd;

	for (i = 0; i < count && i < STAGE_WANTED; i++) {
		path = xasprintf("%s/want-%u", stage->dir, i);
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		unix_close(&fd);
		free(path);
	}
}

int
stage_runner(struct stage *stage, struct stage_runner *runner)
{
	struct waiting w;

	if (stage_next(stage, true, &w) == -1)
		return -1;
	*runner = (struct stage_runner){ w.life, w.fd[0], -1, 0, w.number };
	return 0;
}

void
stage_runner_close(struct stage_runner *runner)
{
	unix_close(&runner->data);
	unix_close(&runner->broker);
	unix_close(&runner->life);
}

int
stage_runner_hello(struct stage_runner *runner)
{
	static const struct fields_HELLO hello = {
		.version = PROTO_VERSION,
		.oldest = PROTO_OLDEST,
	};
	const char *why;
	int type;

	while (runner->data == -1) {
		type = chan_read_one(runner->broker, ROLE_RUNNER, ROLE_BROKER,
		    PHASE_START, STAGE_MS, buf, &msg, &fds, &why);
		if (type == -1)
			return -1;
		if (type != MSG_BR_ATTACHMENT)
			continue;
		runner->data = chan_take_fd(&fds, 0);
		runner->generation = msg.GENERATION.generation;
	}
	unix_nonblock(runner->data);
	return chan_write_one(runner->broker, MSG_RB_HELLO, &hello, NULL, 0);
}

int
stage_runner_greet(struct stage_runner *runner)
{
	static const struct fields_HELLO hello = {
		.version = PROTO_VERSION,
		.oldest = PROTO_OLDEST,
	};

	return stage_say_data(runner->data, MSG_RG_HELLO, 0, &hello);
}

int
stage_send_data(int data, uint16_t type, uint32_t call, const void *bytes,
    size_t len)
{
	struct proto_head head = { .len = (uint32_t)len, .type = type,
		.call = call };
	uint64_t deadline = deadline_in(STAGE_MS);
	uint8_t raw[PROTO_HEAD_LEN];
	struct iovec iov[2] = { { raw, sizeof(raw) },
		{ (void *)(uintptr_t)bytes, len } };
	struct iovec *v = iov;
	ssize_t n;

	proto_head_put(raw, &head);
	while (v < iov + 2) {
		n = send(data, v->iov_base, v->iov_len, MSG_NOSIGNAL |
		    MSG_DONTWAIT);
		if (n == -1 && (errno != EAGAIN ||
		    wait_fd(data, POLLOUT, deadline) == -1))
			return -1;
		if (n > 0) {
			v->iov_base = (uint8_t *)v->iov_base + n;
			v->iov_len -= (size_t)n;
		}
		if (v->iov_len == 0)
			v++;
	}
	return 0;
}

int
stage_say_data(int data, uint16_t type, uint32_t call, const void *message)
{
	struct writer w;
	int rc;

	writer_init(&w, PROTO_REQUEST_MAX);
	proto_encode(&w, type, message);
	rc = w.failed ? -1 : stage_send_data(data, type, call, w.p, w.len);
	writer_clear(&w);
	return rc;
}

int
stage_send(int channel, uint16_t type, const void *bytes, size_t len,
    const int *fd, size_t nfds)
{
	uint8_t head[2] = { (uint8_t)(type >> 8), (uint8_t)type };
	struct iovec iov[2] = { { head, sizeof(head) },
		{ (void *)(uintptr_t)bytes, len } };

	return fdpass_send(channel, iov, 2, fd, nfds) == -1 ? -1 : 0;
}

int
stage_closed(int channel, int ms)
{
	/* On a stream socket, which has no packets, this reads bytes. */
	uint64_t deadline = deadline_in(ms);
	ssize_t n;
	int got[FDPASS_MAX];
	size_t nfds;

	while (wait_fd(channel, POLLIN, deadline) != -1) {
		nfds = FDPASS_MAX;
		n = fdpass_recv(channel, buf, sizeof(buf), got, &nfds);
		while (n > 0 && nfds > 0)
			close(got[--nfds]);
		if (n == 0 || (n == -1 && errno != EAGAIN))
			return 1;
	}
	return 0;
}

/* The next message of the broker, of this type; 0 or -1. */
static int
stage_expect(int channel, int type, enum proto_phase phase)
{
	const char *why;
	int got;

	got = chan_read_one(channel, ROLE_GATEWAY, ROLE_BROKER, phase,
	    STAGE_MS, buf, &msg, &fds, &why);
	return got == type ? 0 : -1;
}

int
stage_hello(const struct stage_gateway *gateway)
{
	static const struct fields_HELLO hello = {
		.version = PROTO_VERSION,
		.oldest = PROTO_OLDEST,
	};

	chan_write_one(gateway->broker, MSG_GB_HELLO, &hello, NULL, 0);
	return stage_expect(gateway->broker, MSG_BG_HELLO, PHASE_START);
}

/*
 * A connection of our own to the listener, taken by us: other gateways wait
 * at it too and may be quicker, then again.  "*client" is our other end.
 */
static int
stage_accepted(const struct stage_gateway *gateway, int *client)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int fd, tries;

	if (getsockname(gateway->listener, (struct sockaddr *)&ss, &len) == -1)
		return -1;
	for (tries = 0; tries < 2000; tries++) {
		*client = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (connect(*client, (struct sockaddr *)&ss, len) == 0) {
			fd = accept4(gateway->listener, NULL, NULL,
			    SOCK_CLOEXEC);
			if (fd != -1)
				return fd;
		}
		unix_close(client);
	}
	return -1;
}

int
stage_admit(const struct stage_gateway *gateway, uint64_t handle)
{
	struct fields_GB_ADMIT admit = { .handle = handle };
	int client, fd = stage_accepted(gateway, &client), rc;

	if (fd == -1)
		return -1;
	chan_write_one(gateway->broker, MSG_GB_ADMIT, &admit, &fd, 1);
	rc = stage_expect(gateway->broker, MSG_BG_ADMITTED, PHASE_UP);
	close(fd);
	close(client);
	return rc;
}

int
stage_admit_for(const struct stage_gateway *gateway, uint64_t handle,
    struct span source)
{
	struct fields_GB_ADMIT admit = {
		.handle = handle,
		.has_client = true,
		.client = source,
	};
	int client, fd = stage_accepted(gateway, &client), rc;

	if (fd == -1)
		return -1;
	chan_write_one(gateway->broker, MSG_GB_ADMIT, &admit, &fd, 1);
	rc = stage_expect(gateway->broker, MSG_BG_REFUSED, PHASE_UP);
	close(fd);
	close(client);
	return rc == 0 ? (int)msg.BG_REFUSED.status : -1;
}

int
stage_attach(const struct stage_gateway *gateway, uint64_t handle,
    const char *resume, struct stage_attachment *attachment,
    uint32_t *reason)
{
	struct ident nonce;
	struct fields_GB_ATTACH attach = {
		.handle = handle,
		.client_name = span_str("stage"),
		.has_resume = resume != NULL,
	};
	const char *why;
	int got;

	ident_make(&nonce);
	attach.nonce = (struct span){ nonce.bytes, IDENT_SIZE };
	if (resume != NULL)
		attach.resume = span_str(resume);
	*reason = 0;
	chan_write_one(gateway->broker, MSG_GB_ATTACH, &attach, NULL, 0);
	got = chan_read_one(gateway->broker, ROLE_GATEWAY, ROLE_BROKER,
	    PHASE_UP, STAGE_MS, buf, &msg, &fds, &why);
	if (got == MSG_BG_ATTACH_FAILED)
		*reason = msg.BG_ATTACH_FAILED.reason;
	if (got != MSG_BG_ATTACHED)
		return -1;
	span_to_str(msg.BG_ATTACHED.session, attachment->session,
	    sizeof(attachment->session));
	attachment->generation = msg.BG_ATTACHED.generation;
	attachment->data = chan_take_fd(&fds, 0);
	return 0;
}
