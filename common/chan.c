/* SPDX-License-Identifier: ISC */
/* Control channels: the table is asked first, handlers see structs. */
#include "config.h"

#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "common/chan.h"
#include "common/fdpass.h"
#include "common/log.h"
#include "common/unix.h"

#define TYPE_LEN 2		/* bytes before the payload of a packet */
#define PACKET_MAX (TYPE_LEN + PROTO_CONTROL_MAX)
#define TURN_MAX 64		/* packets handled before others get a turn */
#define WHY_SIZE 96

struct packet {
	STAILQ_ENTRY(packet) entry;
	int fds[PROTO_CONTROL_FDS];
	size_t nfds;
	size_t len;
	uint8_t bytes[];
};

struct chan {
	struct event_base *base;
	struct event *ev_read;
	struct event *ev_write;
	struct event *ev_lost;
	int fd;
	enum proto_role self, peer;
	enum proto_phase phase;
	size_t most_fds;	/* that are looked at in one packet */
	uint32_t version;	/* the peer's */
	const struct chan_ops *ops;
	void *arg;
	STAILQ_HEAD(, packet) queue;
	size_t nqueued;
	size_t bytes_queued;
	bool once[PROTO_ROW_COUNT];	/* rows that have come and may not again */
	bool dead;
	bool clean;		/* dead because the peer closed */
	bool freed;
	int depth;		/* handlers on the stack */
	char why[WHY_SIZE];
};

int
chan_take_fd(struct chan_fds *fds, size_t i)
{
	int fd;

	if (i >= fds->count)
		return -1;
	fd = fds->fd[i];
	fds->fd[i] = -1;
	return fd;
}

static void
fds_close(struct chan_fds *fds)
{
	size_t i;

	for (i = 0; i < fds->count; i++)
		unix_close_passed(&fds->fd[i]);
	fds->count = 0;
}

static void
packet_free(struct packet *packet)
{
	size_t i;

	for (i = 0; i < packet->nfds; i++)
		close(packet->fds[i]);
	free(packet);
}

static void
chan_release(struct chan *chan)
{
	struct packet *packet;

	while ((packet = STAILQ_FIRST(&chan->queue)) != NULL) {
		STAILQ_REMOVE_HEAD(&chan->queue, entry);
		packet_free(packet);
	}
	if (chan->ev_read != NULL)
		event_free(chan->ev_read);
	if (chan->ev_write != NULL)
		event_free(chan->ev_write);
	if (chan->ev_lost != NULL)
		event_free(chan->ev_lost);
	unix_close(&chan->fd);
	free(chan);
}

void
chan_free(struct chan *chan)
{
	if (chan == NULL || chan->freed)
		return;
	chan->freed = true;
	chan->dead = true;
	event_del(chan->ev_read);
	event_del(chan->ev_write);
	event_del(chan->ev_lost);
	/* A handler further up the stack still looks at it. */
	if (chan->depth == 0)
		chan_release(chan);
}

static void
chan_end(struct chan *chan, const char *what, const char *why)
{
	if (chan->dead)
		return;
	chan->dead = true;
	chan->clean = why == NULL;
	if (why != NULL)
		snprintf(chan->why, sizeof(chan->why), "%s%s%s",
		    what == NULL ? "" : what, what == NULL ? "" : ": ", why);
	event_del(chan->ev_read);
	event_del(chan->ev_write);
	event_active(chan->ev_lost, EV_TIMEOUT, 0);
}

static void
chan_lost_cb(evutil_socket_t fd, short what, void *arg)
{
	struct chan *chan = arg;

	(void)fd;
	(void)what;
	chan->ops->lost(chan->arg, chan->clean ? NULL : chan->why);
}

static const struct chan_handler *
chan_handler(const struct chan *chan, uint16_t type)
{
	size_t i;

	for (i = 0; i < chan->ops->nhandlers; i++)
		if (chan->ops->handlers[i].type == type)
			return &chan->ops->handlers[i];
	return NULL;
}

static enum proto_error
chan_judge(struct chan *chan, const struct proto_row *row, uint16_t type,
    size_t len, size_t nfds)
{
	enum proto_error error;
	size_t count, i;

	error = proto_check(type, chan->peer, chan->self, chan->phase, len,
	    nfds);
	if (error != PROTO_OK || !row->once)
		return error;
	i = (size_t)(row - proto_rows(&count));
	if (chan->once[i])
		return PROTO_REPEATED;
	chan->once[i] = true;
	return PROTO_OK;
}

static void
chan_dispatch(struct chan *chan, const uint8_t *bytes, size_t len,
    struct chan_fds *fds)
{
	const struct chan_handler *handler;
	const struct proto_row *row;
	enum proto_error error;
	union proto_any msg;
	struct cursor c;
	uint16_t type;

	cursor_init(&c, bytes, len);
	type = cursor_u16(&c);
	if (c.failed) {
		chan_end(chan, NULL, "packet without a type");
		return;
	}
	row = proto_row(type);
	if (row == NULL && chan->version > PROTO_VERSION)
		return;
	error = chan_judge(chan, row, type, c.left, fds->count);
	if (error == PROTO_OK)
		error = proto_decode(row, c.p, c.left, &msg);
	if (error != PROTO_OK) {
		chan_end(chan, proto_name(type), proto_strerror(error));
		return;
	}
	handler = chan_handler(chan, type);
	if (handler == NULL) {
		/* Our own mistake, but not for the peer to end us by. */
		chan_end(chan, row->name, "nobody here takes it");
		return;
	}
	log_debug("chan", "%s from %s", row->name,
	    proto_role_name(chan->peer));
	handler->fn(chan->arg, &msg, fds);
}

/* One packet; 0 when there is none, or no more to be had. */
static int
chan_receive(struct chan *chan)
{
	/* Shared: handlers never receive, and borrow only while they run. */
	static uint8_t bytes[PACKET_MAX];
	struct chan_fds fds = { .count = chan->most_fds };
	ssize_t n;

	n = fdpass_recv(chan->fd, bytes, sizeof(bytes), fds.fd, &fds.count);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	/*
	 * Whoever leaves without having read all is told of before what it
	 * has sent; once.
	 */
	if (n == -1 && errno == ECONNRESET)
		return 1;
	if (n == -1 && errno == EMSGSIZE) {
		chan_end(chan, NULL, "packet or descriptors too many");
		return 0;
	}
	if (n <= 0) {
		fds_close(&fds);
		chan_end(chan, NULL, NULL);
		return 0;
	}
	chan_dispatch(chan, bytes, (size_t)n, &fds);
	fds_close(&fds);
	return 1;
}

static void
chan_read_cb(evutil_socket_t fd, short what, void *arg)
{
	struct chan *chan = arg;
	int i;

	(void)fd;
	(void)what;
	chan->depth++;
	for (i = 0; i < TURN_MAX && !chan->dead; i++)
		if (!chan_receive(chan))
			break;
	chan->depth--;
	if (chan->freed && chan->depth == 0)
		chan_release(chan);
}

/* 1 sent, 0 to be tried again, -1 the channel has ended. */
static int
chan_transmit(struct chan *chan, const void *bytes, size_t len,
    const int *fds, size_t nfds)
{
	struct iovec iov = { (void *)bytes, len };

	if (fdpass_send(chan->fd, &iov, 1, fds, nfds) != -1)
		return 1;
	if (errno == EAGAIN || errno == EINTR || errno == ENOBUFS ||
	    errno == ETOOMANYREFS)
		return 0;
	/* The end is found by reading, after what is still to be read. */
	return -1;
}

static void
chan_write_cb(evutil_socket_t fd, short what, void *arg)
{
	struct chan *chan = arg;
	struct packet *packet;

	(void)fd;
	(void)what;
	while ((packet = STAILQ_FIRST(&chan->queue)) != NULL) {
		if (chan_transmit(chan, packet->bytes, packet->len,
		    packet->fds, packet->nfds) == 0)
			return;
		STAILQ_REMOVE_HEAD(&chan->queue, entry);
		chan->nqueued--;
		chan->bytes_queued -= packet->len;
		packet_free(packet);
	}
	event_del(chan->ev_write);
	if (chan->ops->drained != NULL && !chan->dead)
		chan->ops->drained(chan->arg);
}

static int
chan_enqueue(struct chan *chan, const struct writer *w, const int *fds,
    size_t nfds)
{
	struct packet *packet;

	if (chan->nqueued >= CHAN_QUEUE_MAX) {
		chan_end(chan, NULL, "does not read what it is sent");
		return -1;
	}
	packet = malloc(sizeof(*packet) + w->len);
	if (packet == NULL) {
		chan_end(chan, NULL, "out of memory");
		return -1;
	}
	packet->len = w->len;
	memcpy(packet->bytes, w->p, w->len);
	packet->nfds = nfds;
	memcpy(packet->fds, fds, nfds * sizeof(*fds));
	STAILQ_INSERT_TAIL(&chan->queue, packet, entry);
	chan->nqueued++;
	chan->bytes_queued += w->len;
	event_add(chan->ev_write, NULL);
	return 0;
}

static void
packet_encode(struct writer *w, uint16_t type, const void *msg)
{
	writer_put_u16(w, type);
	proto_encode(w, type, msg);
	if (w->failed)
		fatalx("%s does not fit its own limits", proto_name(type));
}

int
chan_send(struct chan *chan, uint16_t type, const void *msg, const int *fds,
    size_t nfds)
{
	static struct writer w = { .max = PACKET_MAX };
	const struct proto_row *row = proto_row(type);
	int kept[PROTO_CONTROL_FDS];
	size_t i;
	int sent = -1;

	if (row == NULL || row->from != chan->self || row->to != chan->peer ||
	    nfds < row->fdmin || nfds > row->fdmax)
		fatalx("%s is not ours to send", proto_name(type));
	for (i = 0; i < nfds; i++)
		kept[i] = fds[i];
	if (!chan->dead) {
		writer_reset(&w);
		packet_encode(&w, type, msg);
		sent = chan->nqueued > 0 ? 0 :
		    chan_transmit(chan, w.p, w.len, kept, nfds);
		if (sent == 0)
			return chan_enqueue(chan, &w, kept, nfds);
	}
	for (i = 0; i < nfds; i++)
		close(kept[i]);
	return sent == 1 ? 0 : -1;
}

/* Whether there is any message of the peer's with descriptors. */
static bool
chan_takes_fds(enum proto_role self, enum proto_role peer)
{
	const struct proto_row *rows;
	size_t count, i;

	rows = proto_rows(&count);
	for (i = 0; i < count; i++)
		if (rows[i].from == peer && rows[i].to == self &&
		    rows[i].fdmax > 0)
			return true;
	return false;
}

struct chan *
chan_new(struct event_base *base, int fd, enum proto_role self,
    enum proto_role peer, const struct chan_ops *ops, void *arg)
{
	struct chan *chan = calloc(1, sizeof(*chan));

	if (chan == NULL) {
		close(fd);
		return NULL;
	}
	*chan = (struct chan){
		.base = base,
		.fd = fd,
		.self = self,
		.peer = peer,
		.phase = PHASE_START,
		.most_fds = chan_takes_fds(self, peer) ? PROTO_CONTROL_FDS : 0,
		.ops = ops,
		.arg = arg,
	};
	STAILQ_INIT(&chan->queue);
	chan->ev_read = event_new(base, fd, EV_READ | EV_PERSIST,
	    chan_read_cb, chan);
	chan->ev_write = event_new(base, fd, EV_WRITE | EV_PERSIST,
	    chan_write_cb, chan);
	chan->ev_lost = event_new(base, -1, 0, chan_lost_cb, chan);
	if (unix_nonblock(fd) == -1 || chan->ev_read == NULL ||
	    chan->ev_write == NULL || chan->ev_lost == NULL ||
	    event_add(chan->ev_read, NULL) == -1) {
		chan_release(chan);
		return NULL;
	}
	return chan;
}

int
chan_dup_fd(const struct chan *chan)
{
	return fcntl(chan->fd, F_DUPFD_CLOEXEC, 0);
}

bool
chan_peer_closed(const struct chan *chan)
{
	struct pollfd pfd = { .fd = chan->fd, .events = POLLRDHUP };

	return poll(&pfd, 1, 0) == 1 &&
	    (pfd.revents & (POLLHUP | POLLRDHUP | POLLERR)) != 0;
}

void
chan_set_phase(struct chan *chan, enum proto_phase phase)
{
	chan->phase = phase;
}

enum proto_phase
chan_phase(const struct chan *chan)
{
	return chan->phase;
}

void
chan_set_version(struct chan *chan, uint32_t version)
{
	chan->version = version;
}

uint32_t
chan_version(const struct chan *chan)
{
	return chan->version;
}

pid_t
chan_peer_pid(const struct chan *chan)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	return getsockopt(chan->fd, SOL_SOCKET, SO_PEERCRED, &who,
	    &len) == 0 ? who.pid : 0;
}

size_t
chan_queued(const struct chan *chan)
{
	return chan->bytes_queued;
}

int
chan_read_one(int fd, enum proto_role self, enum proto_role peer,
    enum proto_phase phase, int timeout_ms, uint8_t *buf,
    union proto_any *msg, struct chan_fds *fds, const char **why)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	enum proto_error error;
	struct cursor c;
	uint16_t type;
	ssize_t n;

	fds->count = 0;
	if (poll(&pfd, 1, timeout_ms) != 1) {
		*why = "no answer in time";
		return -1;
	}
	fds->count = PROTO_CONTROL_FDS;
	n = fdpass_recv(fd, buf, PROTO_CONTROL_MAX, fds->fd, &fds->count);
	if (n <= 0) {
		fds_close(fds);
		*why = n == 0 ? "closed by the peer" : strerror(errno);
		return -1;
	}
	cursor_init(&c, buf, (size_t)n);
	type = cursor_u16(&c);
	error = proto_check(type, peer, self, phase, c.left, fds->count);
	if (error == PROTO_OK)
		error = proto_decode(proto_row(type), c.p, c.left, msg);
	if (error != PROTO_OK) {
		fds_close(fds);
		*why = proto_strerror(error);
		return -1;
	}
	return type;
}

int
chan_write_one(int fd, uint16_t type, const void *msg, const int *fds,
    size_t nfds)
{
	struct writer w;
	struct iovec iov;
	ssize_t n;

	writer_init(&w, PACKET_MAX);
	packet_encode(&w, type, msg);
	iov = (struct iovec){ w.p, w.len };
	n = fdpass_send(fd, &iov, 1, fds, nfds);
	writer_clear(&w);
	return n == -1 ? -1 : 0;
}
