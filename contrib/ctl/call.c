/* SPDX-License-Identifier: ISC */
/* The connection to the broker: one question at a time. */
#include "config.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/chan.h"
#include "common/clock.h"
#include "common/fdpass.h"
#include "common/unix.h"
#include "common/xmalloc.h"
#include "contrib/ctl/call.h"

#define RETRY_MS 100
#define ANSWER_MS 15000		/* between two rows */
#define ORDER_MS (11 * 60 * 1000)	/* for what holdfastd does */

struct call {
	const char *runtime_dir;
	int fd;
	uint64_t request;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char why[1280];
};

static enum call_result
fail(struct call *call, enum call_result result, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static enum call_result
fail(struct call *call, enum call_result result, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(call->why, sizeof(call->why), fmt, ap);
	va_end(ap);
	unix_close(&call->fd);
	return result;
}

struct call *
call_new(const char *runtime_dir)
{
	struct call *call = xcalloc(1, sizeof(*call));

	call->runtime_dir = runtime_dir;
	call->fd = -1;
	return call;
}

void
call_free(struct call *call)
{
	unix_close(&call->fd);
	free(call);
}

const char *
call_path(const struct call *call)
{
	return call->path;
}

const char *
call_why(const struct call *call)
{
	return call->why;
}

/* As holdfastd(8) chooses: for root, for others, and the host's. */
static int
place(struct call *call, size_t i)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR");
	int n = -1;

	if (call->runtime_dir != NULL)
		n = i > 0 ? -1 : snprintf(call->path, sizeof(call->path),
		    "%s/admin", call->runtime_dir);
	else if (i == 0 && geteuid() != 0 && xdg != NULL && xdg[0] == '/')
		n = snprintf(call->path, sizeof(call->path),
		    "%s/holdfast/admin", xdg);
	else if (i == 0 && geteuid() != 0)
		n = snprintf(call->path, sizeof(call->path),
		    "/tmp/holdfast-%u/admin", (unsigned int)geteuid());
	else if (i <= 1)
		n = snprintf(call->path, sizeof(call->path),
		    "%s/admin", RUNTIME_DIR);
	if (n < 0)
		return -1;
	if ((size_t)n >= sizeof(call->path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return 0;
}

static int
dial(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd, saved;

	memcpy(sun.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0);
	if (fd == -1 || connect(fd, (struct sockaddr *)&sun,
		sizeof(sun)) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* The first place where there is one, or where one may not. */
static int
dial_any(struct call *call)
{
	size_t i;
	int error = ENOENT;

	for (i = 0; i < 2; i++) {
		errno = ENOENT;
		if (place(call, i) == -1) {
			if (errno == ENAMETOOLONG)
				error = errno;
			break;
		}
		call->fd = dial(call->path);
		if (call->fd != -1)
			return 0;
		error = errno;
		if (errno != ENOENT && errno != ECONNREFUSED)
			break;
	}
	errno = error;
	return -1;
}

/* A packet's type; 0 at the end, -1 with errno. */
static int
receive(struct call *call, uint8_t *bytes, size_t *len, uint64_t ms)
{
	struct pollfd pfd = { .fd = call->fd, .events = POLLIN };
	struct cursor c;
	size_t nfds = 0;
	uint16_t type;
	ssize_t n;
	int ready = poll(&pfd, 1, (int)ms);

	if (ready == -1)
		return -1;
	if (ready == 0) {
		errno = ETIMEDOUT;
		return -1;
	}
	n = fdpass_recv(call->fd, bytes, PROTO_CONTROL_MAX + 2, NULL, &nfds);
	if (n == 0 || (n == -1 && errno == ECONNRESET))
		return 0;
	if (n == -1)
		return -1;
	cursor_init(&c, bytes, (size_t)n);
	type = cursor_u16(&c);
	*len = c.left;
	return c.failed || type == 0 ? 1 : type;
}

static enum call_result
take_refusal(struct call *call, const uint8_t *payload, size_t len)
{
	struct answer answer;
	enum call_result result;

	answer_init(&answer);
	if (answer_take(&answer, MSG_BC_DONE, payload, len) != 1)
		result = fail(call, CALL_VERSION, "the server talks nonsense");
	else
		result = fail(call, answer.status == TOLD_REFUSED ?
		    CALL_VERSION : CALL_NO_SERVER, "%s", answer.text);
	answer_clear(&answer);
	return result;
}

/* CALL_LOST: it went before it said hello. */
static enum call_result
greet(struct call *call, uint8_t *bytes)
{
	static const struct fields_HELLO hello = {
		.version = PROTO_VERSION,
		.oldest = PROTO_OLDEST,
	};
	union proto_any msg;
	size_t len = 0;
	int type;

	if (chan_write_one(call->fd, MSG_CB_HELLO, &hello, NULL, 0) == -1)
		return fail(call, CALL_LOST, "%s", strerror(errno));
	type = receive(call, bytes, &len, CALL_WAIT_MS);
	if (type == -1 && errno == ETIMEDOUT)
		return fail(call, CALL_NO_SERVER,
		    "the server does not answer: it is stuck, or being "
		    "replaced");
	if (type <= 0)
		return fail(call, CALL_LOST, "the server closed the "
		    "connection");
	if (type == MSG_BC_DONE)
		return take_refusal(call, bytes + 2, len);
	if (type != MSG_BC_HELLO || proto_decode(proto_row(MSG_BC_HELLO),
		bytes + 2, len, &msg) != PROTO_OK ||
	    proto_agree(msg.HELLO.version, msg.HELLO.oldest) == 0)
		return fail(call, CALL_VERSION, "the server speaks another "
		    "version than this program: use the holdfastctl that "
		    "came with it");
	return CALL_ANSWERED;
}

static enum call_result
open_once(struct call *call, uint8_t *bytes)
{
	if (call->fd != -1)
		return CALL_ANSWERED;
	if (dial_any(call) == 0)
		return greet(call, bytes);
	if (errno == EACCES || errno == EPERM)
		return fail(call, CALL_NOT_ALLOWED, "%s: you may not: root "
		    "may, who runs the server, and the members of the "
		    "configuration's admin-group", call->path);
	if (errno == EAGAIN)
		return fail(call, CALL_LOST, "the server does not accept");
	if (errno == ENOENT || errno == ECONNREFUSED)
		return fail(call, CALL_NO_SERVER, "no server runs here: "
		    "there is nobody at %s; --runtime-dir tells of another "
		    "place", call->path);
	return fail(call, CALL_NO_SERVER, "%s: %s", call->path,
	    strerror(errno));
}

static void
pause_ms(uint64_t ms)
{
	struct timespec ts = { .tv_nsec = (long)ms * 1000000 };

	(void)nanosleep(&ts, NULL);
}

/* Take rows until the last. */
static enum call_result
listen_to(struct call *call, uint8_t *bytes, uint64_t ms,
    struct answer *answer, void (*told)(void *arg, struct span text),
    void *arg)
{
	union proto_any msg;
	size_t len = 0, last;
	int type, taken;

	for (;;) {
		type = receive(call, bytes, &len, ms);
		if (type == -1 && errno == ETIMEDOUT)
			return fail(call, CALL_NO_SERVER,
			    "the server has stopped answering");
		if (type <= 0)
			return fail(call, CALL_LOST,
			    "the server went away before it had answered");
		taken = answer_take(answer, (uint16_t)type, bytes + 2, len);
		if (taken == -1)
			return fail(call, CALL_VERSION,
			    "the server talks nonsense");
		if (taken == 1)
			return CALL_ANSWERED;
		last = answer->nrows - 1;
		if (told != NULL && answer_next(answer, &last, MSG_BC_TOLD,
			&msg) != 0)
			told(arg, msg.BC_TOLD.text);
	}
}

static enum call_result
ask_once(struct call *call, uint8_t *bytes, uint16_t type,
    union proto_any *msg, int *sent, struct answer *answer,
    void (*told)(void *arg, struct span text), void *arg)
{
	enum call_result result = open_once(call, bytes);

	if (result != CALL_ANSWERED)
		return result;
	msg->ASK.request = ++call->request;
	if (chan_write_one(call->fd, type, msg, NULL, 0) == -1)
		return fail(call, CALL_LOST, "%s", strerror(errno));
	*sent = 1;
	return listen_to(call, bytes, type == MSG_CB_ORDER ? ORDER_MS :
	    ANSWER_MS, answer, told, arg);
}

enum call_result
call_ask(struct call *call, uint16_t type, union proto_any *msg, int again,
    struct answer *answer, void (*told)(void *arg, struct span text),
    void *arg)
{
	uint64_t until = clock_ms() + CALL_WAIT_MS;
	uint8_t *bytes = xmalloc(PROTO_CONTROL_MAX + 2);
	enum call_result result;
	int sent = 0, was_there = call->fd != -1;

	for (;;) {
		answer_init(answer);
		result = ask_once(call, bytes, type, msg, &sent, answer, told,
		    arg);
		if (result == CALL_ANSWERED)
			break;
		answer_clear(answer);
		was_there = was_there || result == CALL_LOST;
		/* Whoever was here a moment ago may be back in another. */
		if ((result != CALL_LOST && (result != CALL_NO_SERVER ||
		    !was_there)) || (sent && !again) || clock_ms() >= until)
			break;
		pause_ms(RETRY_MS);
	}
	free(bytes);
	return result;
}

int
call_hold(struct call *call)
{
	struct pollfd pfd = { .fd = call->fd, .events = POLLIN };

	if (poll(&pfd, 1, -1) == -1)
		return -1;
	unix_close(&call->fd);
	return 0;
}
