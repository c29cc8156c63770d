/* SPDX-License-Identifier: ISC */
/* What goes in and out of one client's socket, and what stops it. */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <linux/sockios.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "common/clock.h"
#include "gateway/gateway.h"
#include "gateway/transport.h"
#include "gateway/ws.h"

#define READ_SIZE (256 * 1024)
#define READ_TURN 4		/* reads before others get a turn */
#define WRITE_IOV 16

/*
 * What a read brings is looked at before the next read: one buffer serves
 * every client, and an idle one holds none.
 */
static uint8_t buffer[READ_SIZE];

static ssize_t
plain_read(struct conn *c, void *bytes, size_t len)
{
	return recv(c->fd, bytes, len, 0);
}

static enum transport_wrote
plain_write(struct conn *c)
{
	struct iovec iov[WRITE_IOV];
	ssize_t n;

	n = writev(c->fd, iov, outq_peek(&c->out, iov, WRITE_IOV));
	if (n == -1 && errno != EAGAIN && errno != EINTR)
		return TRANSPORT_FAILED;
	if (n > 0)
		outq_drain(&c->out, (size_t)n);
	return n > 0 && c->out.len == 0 ? TRANSPORT_ALL : TRANSPORT_FULL;
}

static size_t
plain_unwritten(const struct conn *c)
{
	(void)c;
	return 0;
}

static bool
plain_unread(const struct conn *c)
{
	(void)c;
	return false;
}

static void
plain_finish(struct conn *c)
{
	(void)c;
}

const struct transport transport_plain = {
	.read = plain_read,
	.write = plain_write,
	.unwritten = plain_unwritten,
	.unread = plain_unread,
	.finish = plain_finish,
};

struct outq *
conn_replies(struct conn *c)
{
	struct outq *held = c->relay == NULL ? NULL :
	    relay_holding(c->relay);

	return held != NULL ? held : &c->out;
}

size_t
conn_unwritten(const struct conn *c)
{
	return c->out.len + c->io->unwritten(c);
}

/*
 * Every byte that waits, encrypted or not, stands for at most one of the
 * queue's; and a record of which only the beginning has left, for nothing.
 */
uint64_t
conn_left(const struct conn *c)
{
	uint64_t taken = c->out.put - c->out.len, waiting;
	int queued;

	if (ioctl(c->fd, SIOCOUTQ, &queued) == -1 || queued < 0)
		return 0;
	waiting = (uint64_t)queued + c->io->unwritten(c);
	if (waiting > 0)
		waiting += c->io->record;
	return waiting < taken ? taken - waiting : 0;
}

bool
conn_piled(const struct conn *c)
{
	size_t waiting = c->out.len;

	if (c->relay != NULL)
		waiting += relay_held(c->relay);
	return waiting > CONN_REPLIES_MAX + CONN_STAGE * 2;
}

bool
conn_wants(const struct conn *c)
{
	if (!conn_state_row(c->state)->reads)
		return false;
	if (c->state == CONN_CLOSING)
		return true;
	if (c->parting && (c->ws == NULL || !ws_begun(c->ws)) &&
	    c->rest_len <= CONN_HAND_MAX)
		return false;
	return !conn_piled(c) &&
	    (c->relay == NULL || !relay_clogged(c->relay));
}

void
conn_update(struct conn *c)
{
	bool wants = conn_wants(c);

	if (wants == c->reading || c->state == CONN_DEAD)
		return;
	c->reading = wants;
	if (wants) {
		event_add(c->ev_read, NULL);
		if (c->rest != NULL || c->io->unread(c))
			event_active(c->ev_read, EV_READ, 0);
	} else {
		event_del(c->ev_read);
	}
	conn_timer(c);
}

/* Keep what could not be looked at yet. */
static void
keep_rest(struct conn *c, const uint8_t *bytes, size_t len)
{
	uint8_t *rest;

	if (len == 0)
		return;
	rest = malloc(len);
	if (rest == NULL) {
		conn_lost(c);
		return;
	}
	memcpy(rest, bytes, len);
	c->rest = rest;
	c->rest_len = len;
}

static void
conn_input(struct conn *c, uint8_t *bytes, size_t len)
{
	size_t used;

	if (c->state == CONN_HEAD) {
		upgrade_input(c, bytes, len);
	} else if (c->ws != NULL) {
		used = ws_feed(c->ws, bytes, len);
		if (c->state != CONN_DEAD)
			keep_rest(c, bytes + used, len - used);
	}
	if (c->state != CONN_DEAD)
		conn_weigh(c);
}

/* What was kept comes before what is read. */
static void
input_rest(struct conn *c)
{
	uint8_t *rest = c->rest;
	size_t len = c->rest_len;

	if (rest == NULL)
		return;
	c->rest = NULL;
	c->rest_len = 0;
	conn_input(c, rest, len);
	free(rest);
}

/* One read; true when there may be more. */
static bool
conn_read(struct conn *c)
{
	ssize_t n = c->io->read(c, buffer, sizeof(buffer));

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		conn_lost(c);
		return false;
	}
	gateway_count(c->gw, METRIC_CLIENT_IN, (uint64_t)n);
	if (c->pinged) {
		c->pinged = false;
		c->ping_at = clock_add(c->ping_at, c->gw->config.ping_ms);
		conn_timer(c);
	}
	conn_input(c, buffer, (size_t)n);
	return (size_t)n == sizeof(buffer);
}

void
conn_read_cb(int fd, short what, void *arg)
{
	struct conn *c = arg;
	int i;

	(void)fd;
	(void)what;
	input_rest(c);
	for (i = 0; i < READ_TURN && c->rest == NULL && c->reading; i++)
		if (!conn_read(c))
			break;
	if (c->state == CONN_DEAD)
		return;
	if (c->relay != NULL)
		relay_flush(c->relay);
	conn_flush(c);
	/* The relay may have clogged, or what was kept may be wanted. */
	if (c->state != CONN_DEAD && c->reading && conn_wants(c) &&
	    (c->rest != NULL || c->io->unread(c)))
		event_active(c->ev_read, EV_READ, 0);
}

static void
write_later(struct conn *c)
{
	if (!c->writing)
		event_add(c->ev_write, NULL);
	c->writing = true;
}

static void
write_no_more(struct conn *c)
{
	if (c->writing)
		event_del(c->ev_write);
	c->writing = false;
}

void
conn_write_cb(int fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	(void)what;
	c->blocked = false;
	conn_flush(c);
}

/* One write; true when all went out and there may be more to fetch. */
static bool
conn_write(struct conn *c)
{
	size_t before = c->out.len;
	enum transport_wrote wrote;

	if (c->blocked)
		return false;
	wrote = c->io->write(c);
	gateway_count(c->gw, METRIC_CLIENT_OUT, before - c->out.len);
	switch (wrote) {
	case TRANSPORT_ALL:
		return true;
	case TRANSPORT_FULL:
		c->blocked = true;
		write_later(c);
		return false;
	case TRANSPORT_READ_FIRST:
		write_no_more(c);
		return false;
	case TRANSPORT_FAILED:
		break;
	}
	conn_lost(c);
	return false;
}

/* Make frames of what waits and write them, as long as they are taken. */
void
conn_push(struct conn *c)
{
	if (c->state == CONN_DEAD)
		return;
	do {
		if (c->relay != NULL)
			relay_refill(c->relay);
	} while (conn_unwritten(c) > 0 && conn_write(c));
}

static void
conn_shut(struct conn *c)
{
	if (c->shut)
		return;
	if (!c->finished) {
		c->finished = true;
		c->io->finish(c);
		conn_push(c);
		if (c->state == CONN_DEAD || conn_unwritten(c) > 0)
			return;
	}
	c->shut = true;
	if (shutdown(c->fd, SHUT_WR) == -1)
		conn_lost(c);
}

static void
conn_drained(struct conn *c)
{
	write_no_more(c);
	if (c->ws != NULL)
		ws_flush(c->ws);
	if (c->out.len > 0)
		write_later(c);
	else if (c->state == CONN_CLOSING)
		conn_shut(c);
}

void
conn_flush(struct conn *c)
{
	conn_push(c);
	if (c->state == CONN_DEAD)
		return;
	if (conn_unwritten(c) == 0)
		conn_drained(c);
	if (c->relay != NULL)
		relay_settle(c->relay);
	if (c->state != CONN_DEAD)
		conn_update(c);
}
