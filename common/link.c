/* SPDX-License-Identifier: ISC */
/* Data links: framing, batching, water marks. */
#include "config.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>

#include "common/link.h"
#include "common/log.h"
#include "common/unix.h"

#define SCRATCH_SIZE (256 * 1024)
#define LOOK_MS 50		/* see link_look_cb() */
#define TURN_MAX 4		/* reads before others get a turn */
#define WHY_SIZE 96
#define ENCODE_KEEP (128 * 1024) /* memory kept between messages */

/* Bytes that came and are not delivered yet. */
struct pending {
	uint8_t *p;
	size_t len, cap;
};

struct link {
	struct event_base *base;
	struct event *ev_read;
	struct event *ev_write;
	struct event *ev_look;	/* while reading is paused: is it over? */
	struct event *ev_turn;		/* deferred: flush, resume, drained */
	struct event *ev_ended;
	int fd;
	enum proto_role self, peer;
	enum proto_phase phase;
	uint32_t version;	/* the peer's */
	const struct link_ops *ops;
	void *arg;
	struct evbuffer *out;
	struct pending in;
	size_t high, low;
	bool above;		/* went over "high" and not under "low" since */
	bool paused;
	bool halting;		/* paused, or about to be: see link_halt() */
	bool mute;		/* the peer takes nothing any more */
	bool dead;
	bool clean;
	bool freed;
	int depth;
	bool once[PROTO_ROW_COUNT];
	char why[WHY_SIZE];
};

/*
 * What a read brings is delivered from here before the next read: one buffer
 * serves every link of a process, and an idle link holds none.
 */
static uint8_t scratch[SCRATCH_SIZE];

static void
link_release(struct link *link)
{
	struct event *events[] = { link->ev_read, link->ev_write,
		link->ev_look, link->ev_turn, link->ev_ended };
	size_t i;

	for (i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (events[i] != NULL)
			event_free(events[i]);
	if (link->out != NULL)
		evbuffer_free(link->out);
	free(link->in.p);
	unix_close(&link->fd);
	free(link);
}

static void
link_quiet(struct link *link)
{
	event_del(link->ev_read);
	event_del(link->ev_write);
	event_del(link->ev_look);
	event_del(link->ev_turn);
}

void
link_free(struct link *link)
{
	if (link == NULL || link->freed)
		return;
	link->freed = true;
	link->dead = true;
	link_quiet(link);
	event_del(link->ev_ended);
	unix_close(&link->fd);
	if (link->depth == 0)
		link_release(link);
}

static void
link_leave(struct link *link)
{
	link->depth--;
	if (link->freed && link->depth == 0)
		link_release(link);
}

static void
link_end(struct link *link, const char *what, const char *why)
{
	if (link->dead)
		return;
	link->dead = true;
	link->clean = why == NULL;
	if (why != NULL)
		snprintf(link->why, sizeof(link->why), "%s%s%s",
		    what == NULL ? "" : what, what == NULL ? "" : ": ", why);
	link_quiet(link);
	event_active(link->ev_ended, EV_TIMEOUT, 0);
}

static void
link_ended_cb(evutil_socket_t fd, short what, void *arg)
{
	struct link *link = arg;

	(void)fd;
	(void)what;
	link->ops->ended(link->arg, link->clean ? NULL : link->why);
}

/* The head is judged before a byte of payload is waited for. */
static int
link_judge(struct link *link, const struct proto_head *head)
{
	const struct proto_row *row = proto_row(head->type);
	enum proto_error error;
	size_t count;

	if (row == NULL && link->version > PROTO_VERSION &&
	    head->len <= PROTO_EVENT_MAX)
		return 0;
	error = proto_check(head->type, link->peer, link->self, link->phase,
	    head->len, 0);
	if (error == PROTO_OK && row->once &&
	    link->once[row - proto_rows(&count)])
		error = PROTO_REPEATED;
	if (error != PROTO_OK) {
		link_end(link, proto_name(head->type), proto_strerror(error));
		return -1;
	}
	return 1;
}

static void
link_deliver(struct link *link, const struct proto_head *head,
    const uint8_t *payload)
{
	const struct proto_row *row = proto_row(head->type);
	size_t count;

	if (row->once)
		link->once[row - proto_rows(&count)] = true;
	link->ops->message(link->arg, head, payload);
}

/* Deliver the whole messages in "bytes"; returns how many bytes are done. */
static size_t
link_consume(struct link *link, const uint8_t *bytes, size_t len)
{
	struct proto_head head;
	size_t done = 0;
	int known;

	while (!link->dead && !link->paused && len - done >= PROTO_HEAD_LEN) {
		proto_head_get(bytes + done, &head);
		known = link_judge(link, &head);
		if (known == -1 || len - done - PROTO_HEAD_LEN < head.len)
			break;
		if (known)
			link_deliver(link, &head,
			    bytes + done + PROTO_HEAD_LEN);
		done += PROTO_HEAD_LEN + head.len;
	}
	return done;
}

static int
pending_reserve(struct pending *in, size_t cap)
{
	uint8_t *p;

	if (cap <= in->cap)
		return 0;
	p = realloc(in->p, cap);
	if (p == NULL)
		return -1;
	in->p = p;
	in->cap = cap;
	return 0;
}

static int
pending_add(struct pending *in, const uint8_t *bytes, size_t len)
{
	if (len == 0)
		return 0;
	if (pending_reserve(in, in->len + len) == -1)
		return -1;
	memcpy(in->p + in->len, bytes, len);
	in->len += len;
	return 0;
}

static void
pending_drop(struct pending *in, size_t len)
{
	in->len -= len;
	if (in->len == 0) {
		free(in->p);
		*in = (struct pending){ 0 };
	} else if (len != 0) {
		memmove(in->p, in->p + len, in->len);
	}
}

/*
 * Room in front of the scratch buffer for the rest of a message whose start
 * is pending, so that it ends up in one piece.  Memory follows the bytes that
 * came, not the length that was announced.
 */
static int
pending_room(struct pending *in, size_t *room)
{
	struct proto_head head;
	size_t want, cap;

	*room = 0;
	if (in->len == 0)
		return 0;
	want = PROTO_HEAD_LEN;
	if (in->len >= PROTO_HEAD_LEN) {
		proto_head_get(in->p, &head);
		want += head.len;
	}
	cap = in->len * 2 < SCRATCH_SIZE ? SCRATCH_SIZE : in->len * 2;
	if (cap > want)
		cap = want;
	if (pending_reserve(in, cap) == -1)
		return -1;
	*room = want < in->cap ? want - in->len : in->cap - in->len;
	return 0;
}

static int
link_settle(struct link *link)
{
	pending_drop(&link->in,
	    link_consume(link, link->in.p, link->in.len));
	return link->dead || link->paused;
}

/* One read and what it brings; 1 when there may be more to read. */
static int
link_read(struct link *link)
{
	struct iovec iov[2];
	size_t room, more, done;
	int count = 0;
	ssize_t n;

	if (link->halting && link->in.len == 0) {
		link_pause(link);
		return 0;
	}
	if (pending_room(&link->in, &room) == -1) {
		link_end(link, NULL, "out of memory");
		return 0;
	}
	if (room > 0)
		iov[count++] = (struct iovec){ link->in.p + link->in.len,
			room };
	if (!link->halting || room == 0)
		iov[count++] = (struct iovec){ scratch, sizeof(scratch) };
	n = readv(link->fd, iov, count);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		link_end(link, NULL, NULL);
		return 0;
	}
	more = (size_t)n > room ? (size_t)n - room : 0;
	link->in.len += (size_t)n - more;
	if (link->in.len >= PROTO_HEAD_LEN)
		link_settle(link);
	done = link->in.len == 0 ? link_consume(link, scratch, more) : 0;
	if (!link->dead &&
	    pending_add(&link->in, scratch + done, more - done) == -1)
		link_end(link, NULL, "out of memory");
	/* A head that was split is whole now. */
	if (!link->dead && !link->paused && link->in.len >= PROTO_HEAD_LEN)
		link_settle(link);
	return link->halting || (size_t)n == room + sizeof(scratch);
}

static void
link_read_turn(struct link *link)
{
	int i;

	if (link->in.len > 0 && link_settle(link))
		return;
	for (i = 0; i < TURN_MAX && !link->dead && !link->paused; i++)
		if (!link_read(link))
			break;
}

static void
link_read_cb(evutil_socket_t fd, short what, void *arg)
{
	struct link *link = arg;

	(void)fd;
	(void)what;
	link->depth++;
	link_read_turn(link);
	if (!link->freed && link->ops->batch != NULL)
		link->ops->batch(link->arg);
	if (!link->freed)
		link_flush(link);
	link_leave(link);
}

void
link_catch_up(struct link *link)
{
	link_read_cb(link->fd, EV_READ, link);
}

static void
link_look_later(struct link *link)
{
	struct timeval tv = { .tv_usec = LOOK_MS * 1000 };

	event_add(link->ev_look, &tv);
}

/*
 * Nobody waits for the socket while reading is paused, so the end of the
 * peer is looked for now and then: EV_CLOSED would not tell of a reset, and
 * the loop would spin on it.  What the peer still sent is bounded by the
 * socket's buffer, so it is read then and the end found.
 */
static void
link_look_cb(evutil_socket_t fd, short what, void *arg)
{
	struct link *link = arg;
	struct pollfd pfd = { .fd = link->fd, .events = POLLRDHUP };

	(void)fd;
	(void)what;
	if (poll(&pfd, 1, 0) > 0)
		link_resume(link);
	else
		link_look_later(link);
}

void
link_pause(struct link *link)
{
	if (link->paused || link->dead)
		return;
	link->paused = true;
	event_del(link->ev_read);
	link_look_later(link);
}

void
link_halt(struct link *link)
{
	if (link->halting || link->dead)
		return;
	link->halting = true;
	if (link->in.len == 0)
		link_pause(link);
}

int
link_halted(const struct link *link)
{
	return link->halting && link->paused && link->in.len == 0 &&
	    !link->dead;
}

int
link_dup(const struct link *link)
{
	return unix_dup(link->fd);
}

void
link_resume(struct link *link)
{
	link->halting = false;
	if (!link->paused || link->dead)
		return;
	link->paused = false;
	event_del(link->ev_look);
	event_add(link->ev_read, NULL);
	if (link->in.len > 0)
		event_active(link->ev_read, EV_READ, 0);
}

/* Nothing goes out any more; the end itself is found by reading. */
static void
link_mute(struct link *link)
{
	link->mute = true;
	event_del(link->ev_write);
	if (link->out != NULL)
		evbuffer_drain(link->out, evbuffer_get_length(link->out));
	link_resume(link);
}

size_t
link_queued(const struct link *link)
{
	return link->out == NULL ? 0 : evbuffer_get_length(link->out);
}

void
link_flush(struct link *link)
{
	if (link->dead || link->mute)
		return;
	while (link_queued(link) > 0) {
		if (evbuffer_write(link->out, link->fd) > 0)
			continue;
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN)
			event_add(link->ev_write, NULL);
		else
			link_mute(link);
		break;
	}
	if (link_queued(link) == 0)
		event_del(link->ev_write);
	if (link->above && link_queued(link) <= link->low)
		event_active(link->ev_turn, EV_TIMEOUT, 0);
}

/* From the loop only, so that drained() meets nobody half way. */
static void
link_turn_cb(evutil_socket_t fd, short what, void *arg)
{
	struct link *link = arg;

	(void)fd;
	(void)what;
	link->depth++;
	link_flush(link);
	if (!link->dead && link->above && link_queued(link) <= link->low) {
		link->above = false;
		event_del(link->ev_turn);
		if (link->ops->drained != NULL)
			link->ops->drained(link->arg);
	}
	link_leave(link);
}

static int
link_append(struct link *link, const void *bytes, size_t len)
{
	if (link->out == NULL)
		link->out = evbuffer_new();
	if (link->out == NULL || evbuffer_add(link->out, bytes, len) == -1) {
		link_end(link, NULL, "out of memory");
		return -1;
	}
	return 0;
}

static int
link_append_rest(struct link *link, const struct iovec *iov, int count,
    size_t skip)
{
	int i;

	for (i = 0; i < count; i++) {
		if (skip >= iov[i].iov_len) {
			skip -= iov[i].iov_len;
			continue;
		}
		if (link_append(link, (uint8_t *)iov[i].iov_base + skip,
		    iov[i].iov_len - skip) == -1)
			return -1;
		skip = 0;
	}
	if (link_queued(link) > link->high)
		link->above = true;
	return 0;
}

static int
link_put(struct link *link, uint16_t type, uint32_t call,
    const struct iovec *payload, int count, int now)
{
	struct iovec iov[LINK_IOV_MAX + 1];
	struct proto_head head = { .type = type, .call = call };
	const struct proto_row *row = proto_row(type);
	uint8_t bytes[PROTO_HEAD_LEN];
	size_t len = 0;
	ssize_t n = 0;
	int i;

	if (row == NULL || row->from != link->self ||
	    row->to != link->peer || count > LINK_IOV_MAX)
		fatalx("%s is not ours to send", proto_name(type));
	if (link->dead || link->mute)
		return -1;
	for (i = 0; i < count; i++) {
		iov[i + 1] = payload[i];
		len += payload[i].iov_len;
	}
	if (len > row->max)
		fatalx("%s of %zu bytes is too long", row->name, len);
	head.len = (uint32_t)len;
	proto_head_put(bytes, &head);
	iov[0] = (struct iovec){ bytes, sizeof(bytes) };
	if (now && link_queued(link) == 0) {
		n = writev(link->fd, iov, count + 1);
		if (n == -1 && errno != EAGAIN && errno != EINTR) {
			link_mute(link);
			return -1;
		}
		if (n == -1)
			n = 0;
		if ((size_t)n == sizeof(bytes) + len)
			return 0;
	}
	if (link_append_rest(link, iov, count + 1, (size_t)n) == -1)
		return -1;
	if (now)
		event_add(link->ev_write, NULL);
	else
		event_active(link->ev_turn, EV_TIMEOUT, 0);
	return 0;
}

int
link_sendv(struct link *link, uint16_t type, uint32_t call,
    const struct iovec *payload, int count)
{
	return link_put(link, type, call, payload, count, 0);
}

int
link_sendv_now(struct link *link, uint16_t type, uint32_t call,
    const struct iovec *payload, int count)
{
	link_flush(link);
	return link_put(link, type, call, payload, count, 1);
}

int
link_send(struct link *link, uint16_t type, uint32_t call, const void *msg)
{
	static struct writer w = { .max = PROTO_REQUEST_MAX };
	struct iovec iov;
	int result;

	writer_reset(&w);
	proto_encode(&w, type, msg);
	if (w.failed)
		fatalx("%s does not fit its own limits", proto_name(type));
	iov = (struct iovec){ w.p, w.len };
	result = link_put(link, type, call, &iov, 1, 0);
	if (w.cap > ENCODE_KEEP)
		writer_clear(&w);
	return result;
}

static void
link_write_cb(evutil_socket_t fd, short what, void *arg)
{
	link_turn_cb(fd, what, arg);
}

struct link *
link_new(struct event_base *base, int fd, enum proto_role self,
    enum proto_role peer, const struct link_ops *ops, void *arg)
{
	struct link *link = calloc(1, sizeof(*link));

	if (link == NULL) {
		close(fd);
		return NULL;
	}
	*link = (struct link){
		.base = base,
		.fd = fd,
		.self = self,
		.peer = peer,
		.phase = PHASE_START,
		.ops = ops,
		.arg = arg,
		.high = 256 * 1024,
		.low = 64 * 1024,
	};
	link->ev_read = event_new(base, fd, EV_READ | EV_PERSIST,
	    link_read_cb, link);
	link->ev_write = event_new(base, fd, EV_WRITE | EV_PERSIST,
	    link_write_cb, link);
	link->ev_look = evtimer_new(base, link_look_cb, link);
	link->ev_turn = event_new(base, -1, 0, link_turn_cb, link);
	link->ev_ended = event_new(base, -1, 0, link_ended_cb, link);
	if (unix_nonblock(fd) == -1 || link->ev_read == NULL ||
	    link->ev_write == NULL || link->ev_look == NULL ||
	    link->ev_turn == NULL || link->ev_ended == NULL ||
	    event_add(link->ev_read, NULL) == -1) {
		link_release(link);
		return NULL;
	}
	return link;
}

void
link_set_phase(struct link *link, enum proto_phase phase)
{
	link->phase = phase;
}

void
link_set_version(struct link *link, uint32_t version)
{
	link->version = version;
}

void
link_set_marks(struct link *link, size_t high, size_t low)
{
	link->high = high;
	link->low = low;
}

int
link_peek(int fd)
{
	char byte;
	ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	if (n > 0)
		return 1;
	return n == -1 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}
