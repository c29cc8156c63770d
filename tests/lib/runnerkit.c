/* SPDX-License-Identifier: ISC */
/* Talking to a runner with blocking calls. */
#include "config.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/chan.h"
#include "common/role.h"
#include "common/unix.h"
#include "tests/lib/runnerkit.h"

#define PATIENCE_MS 20000

static uint8_t control_bytes[PROTO_CONTROL_MAX];

static void
runner_exec(int control)
{
	const char *build = getenv("top_builddir");
	char path[4096];

	snprintf(path, sizeof(path), "%s/broker/runner/holdfast-runner",
	    build != NULL ? build : ".");
	if (control == ROLE_CONTROL_FD)
		fcntl(control, F_SETFD, 0);
	else if (dup2(control, ROLE_CONTROL_FD) == -1)
		_exit(126);
	close_range(ROLE_CONTROL_FD + 1, ~0U, 0);
	execl(path, "holdfast-runner", (char *)NULL);
	_exit(127);
}

void
kit_start(struct kit *kit, void (*adjust)(struct fields_BR_CONFIG *))
{
	int pair[2];

	*kit = (struct kit){
		.data = -1,
		.hello = { .version = PROTO_VERSION, .oldest = PROTO_OLDEST },
	};
	kit->config = (struct fields_BR_CONFIG){
		.version = PROTO_VERSION,
		.oldest = PROTO_OLDEST,
		.session = span_str("00000000-0000-4000-8000-000000000000"),
		.retention_ms = 60000,
		.retain_bytes = 8 << 20,
		.hold_ms = 5000,
		.window = PROTO_WINDOW,
		.max_processes = 64,
		.shell_path = span_str("/bin/sh"),
		.log_level = 2,
	};
	if (adjust != NULL)
		adjust(&kit->config);
	cr_assert_eq(unix_pair(SOCK_SEQPACKET, pair), 0);
	kit->pid = fork();
	cr_assert_neq(kit->pid, -1);
	if (kit->pid == 0)
		runner_exec(pair[1]);
	close(pair[1]);
	kit->control = pair[0];
	kit_order(kit, MSG_BR_CONFIG, &kit->config);
	kit_attach(kit, 0);
	kit_expect_order(kit, MSG_RB_HELLO);
}

void
kit_stop(struct kit *kit)
{
	if (kit->pid > 0) {
		/* The end of its control socket ends all that it started. */
		unix_close(&kit->data);
		close(kit->control);
		waitpid(kit->pid, NULL, 0);
	}
	free(kit->payload);
	*kit = (struct kit){ .data = -1 };
}

void
kit_order(struct kit *kit, uint16_t type, const void *msg)
{
	cr_assert_eq(chan_write_one(kit->control, type, msg, NULL, 0), 0);
}

void
kit_expect_order(struct kit *kit, uint16_t type)
{
	struct chan_fds fds;
	const char *why = "";
	int got;

	/* What is counted is told between all else. */
	do
		got = chan_read_one(kit->control, ROLE_BROKER, ROLE_RUNNER,
		    type == MSG_RB_HELLO ? PHASE_START : PHASE_UP,
		    PATIENCE_MS, control_bytes, &kit->order, &fds, &why);
	while (got == MSG_RB_COUNTS && type != MSG_RB_COUNTS);
	cr_assert_eq(got, type, "%d came instead of %s (%s)", got,
	    proto_name(type), why);
}

int
kit_wait_exit(struct kit *kit)
{
	int status;

	cr_assert_eq(waitpid(kit->pid, &status, 0), kit->pid);
	kit->pid = 0;
	unix_close(&kit->data);
	close(kit->control);
	return status;
}

void
kit_drop(struct kit *kit)
{
	unix_close(&kit->data);
	kit_expect_order(kit, MSG_RB_DETACHED);
}

void
kit_attach(struct kit *kit, int drop)
{
	struct fields_GENERATION generation = {
		.generation = ++kit->generation,
	};
	int pair[2];

	if (drop && kit->data != -1)
		kit_drop(kit);
	cr_assert_eq(unix_pair(SOCK_STREAM, pair), 0);
	cr_assert_eq(chan_write_one(kit->control, MSG_BR_ATTACHMENT,
	    &generation, &pair[1], 1), 0);
	close(pair[1]);
	unix_close(&kit->data);
	kit->data = pair[0];
	kit->cost = 0;
	kit_send(kit, MSG_GR_HELLO, &kit->hello);
}

static void
put_all(int fd, const uint8_t *bytes, size_t len)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };
	ssize_t n;

	while (len > 0) {
		n = send(fd, bytes, len, MSG_NOSIGNAL);
		/* Who is refused may not wait for the rest. */
		if (n == -1 && errno == EPIPE)
			return;
		if (n == -1 && errno == EAGAIN) {
			cr_assert_eq(poll(&pfd, 1, PATIENCE_MS), 1,
			    "the runner does not read");
			continue;
		}
		cr_assert_gt(n, 0);
		bytes += n;
		len -= (size_t)n;
	}
}

uint32_t
kit_send(struct kit *kit, uint16_t type, const void *msg)
{
	struct proto_head head = { .type = type, .call = ++kit->calls };
	uint8_t bytes[PROTO_HEAD_LEN];
	struct writer w;

	writer_init(&w, PROTO_REQUEST_MAX);
	proto_encode(&w, type, msg);
	cr_assert(!w.failed);
	head.len = (uint32_t)w.len;
	proto_head_put(bytes, &head);
	put_all(kit->data, bytes, sizeof(bytes));
	put_all(kit->data, w.p, w.len);
	writer_clear(&w);
	return kit->calls;
}

uint32_t
kit_start_process(struct kit *kit, const char *id, const char *const *argv,
    int flags)
{
	struct fields_GR_START start = {
		.has_id_int = true,
		.id_int = 7,
		.process_id = span_str(id),
		.directory = span_str("/"),
		.tty = (flags & KIT_TTY) != 0,
		.has_pipe_stdin = true,
		.pipe_stdin = (flags & KIT_STDIN) != 0,
	};
	struct writer list, env;
	uint32_t call;

	writer_init(&list, PROTO_REQUEST_MAX);
	for (; *argv != NULL; argv++)
		proto_list_add(&list, span_str(*argv));
	writer_init(&env, 1024);
	proto_list_add(&env, span_str("PATH=/usr/bin:/bin"));
	start.argv = (struct span){ list.p, list.len };
	start.env = (struct span){ env.p, env.len };
	call = kit_send(kit, MSG_GR_START, &start);
	writer_clear(&list);
	writer_clear(&env);
	return call;
}

uint32_t
kit_shell(struct kit *kit, const char *id, const char *script, int flags)
{
	const char *const argv[] = { "sh", "-c", script, NULL };

	return kit_start_process(kit, id, argv, flags);
}

uint32_t
kit_read(struct kit *kit, const char *id, uint64_t after, uint64_t max,
    uint64_t wait_ms)
{
	struct fields_GR_READ read = {
		.has_id_str = true,
		.id_str = span_str("reader"),
		.process_id = span_str(id),
		.has_after_seq = true,
		.after_seq = after,
		.has_max_bytes = max != UINT64_MAX,
		.max_bytes = max,
		.has_wait_ms = true,
		.wait_ms = wait_ms,
	};

	return kit_send(kit, MSG_GR_READ, &read);
}

uint32_t
kit_write(struct kit *kit, const char *id, const char *write_id,
    const void *bytes, size_t len)
{
	struct fields_GR_WRITE write = {
		.process_id = span_str(id),
		.write_id = span_str(write_id),
		.data = { bytes, len },
	};

	return kit_send(kit, MSG_GR_WRITE, &write);
}

uint32_t
kit_terminate(struct kit *kit, const char *id)
{
	struct fields_GR_TERMINATE terminate = { .process_id = span_str(id) };

	return kit_send(kit, MSG_GR_TERMINATE, &terminate);
}

uint32_t
kit_signal(struct kit *kit, const char *id, const char *signal)
{
	struct fields_GR_SIGNAL request = {
		.process_id = span_str(id),
		.signal = span_str(signal),
	};

	return kit_send(kit, MSG_GR_SIGNAL, &request);
}

void
kit_ack(struct kit *kit, uint64_t total)
{
	struct fields_GR_ACK ack = { .total = total };

	kit_send(kit, MSG_GR_ACK, &ack);
}

/* 1 all came, 0 the end before the first byte. */
static int
get_all(int fd, uint8_t *bytes, size_t len)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	size_t got = 0;
	ssize_t n;

	while (got < len) {
		n = read(fd, bytes + got, len - got);
		if (n == -1 && errno == EAGAIN) {
			cr_assert_eq(poll(&pfd, 1, PATIENCE_MS), 1,
			    "the runner says nothing");
			continue;
		}
		if (n == -1 && errno == ECONNRESET)
			return 0;
		if (n <= 0) {
			cr_assert_eq(got, 0);
			return 0;
		}
		got += (size_t)n;
	}
	return 1;
}

static uint64_t
chunks_bytes(struct span chunks)
{
	struct proto_chunk chunk;
	uint64_t bytes = 0;

	while (proto_chunk_next(&chunks, &chunk))
		bytes += chunk.data.len;
	return bytes;
}

/* The cost of kit->msg, as PROTOCOL counts it. */
static uint64_t
message_cost(const struct kit *kit)
{
	switch (kit->head.type) {
	case MSG_RG_OUTPUT:
		return kit->msg.RG_OUTPUT.data.len + PROTO_EVENT_COST;
	case MSG_RG_EXITED:
	case MSG_RG_CLOSED:
		return PROTO_EVENT_COST;
	case MSG_RG_BULK_PART:
		return chunks_bytes(kit->msg.RG_BULK_PART.chunks) +
		    PROTO_EVENT_COST;
	case MSG_RG_RESULT:
		if (kit->msg.RG_RESULT.has_data)
			return kit->msg.RG_RESULT.data.len + PROTO_EVENT_COST;
		if (!kit->msg.RG_RESULT.has_chunks)
			return 0;
		return chunks_bytes(kit->msg.RG_RESULT.chunks) +
		    PROTO_EVENT_COST;
	default:
		return 0;
	}
}

uint16_t
kit_receive(struct kit *kit)
{
	uint8_t bytes[PROTO_HEAD_LEN];
	uint64_t cost;

	if (!get_all(kit->data, bytes, sizeof(bytes)))
		return 0;
	proto_head_get(bytes, &kit->head);
	cr_assert_eq(proto_check(kit->head.type, ROLE_RUNNER, ROLE_GATEWAY,
	    kit->head.type == MSG_RG_HELLO ? PHASE_START : PHASE_UP,
	    kit->head.len, 0), PROTO_OK);
	free(kit->payload);
	kit->payload = malloc(kit->head.len + 1);
	if (kit->head.len > 0)
		cr_assert_eq(get_all(kit->data, kit->payload, kit->head.len),
		    1);
	cr_assert_eq(proto_decode(proto_row(kit->head.type), kit->payload,
	    kit->head.len, &kit->msg), PROTO_OK);
	cost = message_cost(kit);
	kit->cost += cost;
	if (cost > 0 && !kit->hold_acks)
		kit_ack(kit, kit->cost);
	return kit->head.type;
}

int
kit_quiet(struct kit *kit, int ms)
{
	struct pollfd pfd = { .fd = kit->data, .events = POLLIN };

	return poll(&pfd, 1, ms) == 0;
}

void
kit_until(struct kit *kit, uint16_t type, uint32_t call)
{
	uint16_t got;

	do {
		got = kit_receive(kit);
		cr_assert_neq(got, 0, "the end came before %s",
		    proto_name(type));
	} while (got != type || (call != 0 && kit->head.call != call));
}

static struct span
event_id(const struct kit *kit)
{
	switch (kit->head.type) {
	case MSG_RG_OUTPUT:
		return kit->msg.RG_OUTPUT.process_id;
	case MSG_RG_EXITED:
		return kit->msg.RG_EXITED.process_id;
	case MSG_RG_CLOSED:
		return kit->msg.RG_CLOSED.process_id;
	default:
		return (struct span){ NULL, 0 };
	}
}

void
kit_until_event(struct kit *kit, uint16_t type, const char *id)
{
	do
		kit_until(kit, type, 0);
	while (!span_is(event_id(kit), id));
}

void
kit_result(struct kit *kit, uint32_t call)
{
	do
		cr_assert_neq(kit_receive(kit), 0);
	while (kit->head.call != call);
	cr_assert_eq(kit->head.type, MSG_RG_RESULT, "%s instead of a result",
	    proto_name(kit->head.type));
}

char *
kit_collect(struct kit *kit, const char *id, size_t *len)
{
	char *out = calloc(1, 1);
	size_t used = 0;
	struct span data;

	for (;;) {
		cr_assert_neq(kit_receive(kit), 0);
		if (!span_is(event_id(kit), id))
			continue;
		if (kit->head.type == MSG_RG_CLOSED)
			break;
		if (kit->head.type != MSG_RG_OUTPUT)
			continue;
		data = kit->msg.RG_OUTPUT.data;
		out = realloc(out, used + data.len + 1);
		memcpy(out + used, data.p, data.len);
		used += data.len;
		out[used] = '\0';
	}
	if (len != NULL)
		*len = used;
	return out;
}
