/* SPDX-License-Identifier: ISC */
/*
 * One client: its states, what goes in and out of its socket, how long things
 * may take.
 */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/unix.h"
#include "gateway/gateway.h"
#include "gateway/ws.h"

#define READ_SIZE (256 * 1024)
#define READ_TURN 4		/* reads before others get a turn */
#define WRITE_IOV 16
#define NEVER UINT64_MAX

/*
 * What a read brings is looked at before the next read: one buffer serves
 * every client, and an idle one holds none.
 */
static uint8_t buffer[READ_SIZE];

static void
timer_set(struct conn *c, uint64_t due, uint64_t now)
{
	uint64_t ms = due <= now ? 0 : due - now;
	struct timeval tv = {
		.tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000 * 1000),
	};

	if (due == NEVER)
		event_del(c->ev_timer);
	else
		event_add(c->ev_timer, &tv);
}

static uint64_t
state_limit(const struct conn *c)
{
	const struct gateway_config *config = &c->gw->config;

	switch (conn_state_row(c->state)->limit) {
	case CONN_LIMIT_HANDSHAKE:
		return clock_add(c->since, config->handshake_ms);
	case CONN_LIMIT_BROKER:
		return clock_add(c->since, CONN_BROKER_MS);
	case CONN_LIMIT_LINGER:
		return clock_add(c->since, CONN_LINGER_MS);
	case CONN_LIMIT_NONE:
		break;
	}
	return NEVER;
}

static uint64_t
ping_limit(const struct conn *c)
{
	if (!conn_state_row(c->state)->pings || c->gw->config.ping_ms == 0)
		return NEVER;
	return c->pinged ? clock_add(c->ping_at, c->gw->config.pong_ms) :
	    c->ping_at;
}

static void
timer_update(struct conn *c)
{
	uint64_t now = clock_ms(), due = state_limit(c), ping = ping_limit(c);

	if (ping < due)
		due = ping;
	if (!c->reading && now + CONN_LOOK_MS < due)
		due = now + CONN_LOOK_MS;
	timer_set(c, due, now);
}

void
conn_move(struct conn *c, enum conn_event event)
{
	enum conn_state to = conn_state_next(c->state, event);

	if (to == CONN_STATES)
		fatalx("%s has no place in state %s", conn_event_name(event),
		    conn_state_row(c->state)->name);
	if (to == c->state)
		return;
	log_debug("conn", "%llu: %s -> %s", (unsigned long long)c->handle,
	    conn_state_row(c->state)->name, conn_state_row(to)->name);
	c->state = to;
	c->since = clock_ms();
	if (to == CONN_ATTACHED)
		c->ping_at = clock_add(c->since, c->gw->config.ping_ms);
	if (to == CONN_DEAD)
		return;
	conn_update(c);
	timer_update(c);
}

bool
conn_gone(const struct conn *c)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);
	ssize_t n;
	char byte;

	memset(&info, 0, sizeof(info));
	if (getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0)
		return info.tcpi_state != TCP_ESTABLISHED;
	n = recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	return n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR);
}

/*
 * A ping is answered late when the client does not read what stands before
 * it; as long as its TCP answers, it is slow and not gone.
 */
static bool
conn_slow(const struct conn *c)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);
	int queued = 0;

	memset(&info, 0, sizeof(info));
	if (ioctl(c->fd, SIOCOUTQ, &queued) == -1)
		queued = 0;
	if (queued == 0 && c->out.len == 0)
		return false;
	if (getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &len) == -1)
		return false;
	return info.tcpi_state == TCP_ESTABLISHED &&
	    info.tcpi_retransmits == 0 && info.tcpi_probes <= 1;
}

struct outq *
conn_replies(struct conn *c)
{
	struct outq *held = c->relay == NULL ? NULL :
	    relay_holding(c->relay);

	return held != NULL ? held : &c->out;
}

uint64_t
conn_written(const struct conn *c)
{
	return c->out.put - c->out.len;
}

static bool
answers_pile_up(const struct conn *c)
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
	return !answers_pile_up(c) &&
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
		if (c->rest != NULL)
			event_active(c->ev_read, EV_READ, 0);
	} else {
		event_del(c->ev_read);
	}
	timer_update(c);
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
		return;
	}
	if (c->ws == NULL)
		return;
	used = ws_feed(c->ws, bytes, len);
	if (c->state != CONN_DEAD)
		keep_rest(c, bytes + used, len - used);
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
	ssize_t n = recv(c->fd, buffer, sizeof(buffer), 0);

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		conn_lost(c);
		return false;
	}
	if (c->pinged) {
		c->pinged = false;
		c->ping_at = clock_add(c->ping_at, c->gw->config.ping_ms);
		timer_update(c);
	}
	conn_input(c, buffer, (size_t)n);
	return (size_t)n == sizeof(buffer);
}

static void
read_cb(evutil_socket_t fd, short what, void *arg)
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
	if (c->state != CONN_DEAD && c->rest != NULL && c->reading &&
	    conn_wants(c))
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
write_cb(evutil_socket_t fd, short what, void *arg)
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
	struct iovec iov[WRITE_IOV];
	ssize_t n;

	if (c->blocked)
		return false;
	n = writev(c->fd, iov, outq_peek(&c->out, iov, WRITE_IOV));
	if (n == -1 && errno != EAGAIN && errno != EINTR) {
		conn_lost(c);
		return false;
	}
	if (n > 0)
		outq_drain(&c->out, (size_t)n);
	if (n > 0 && c->out.len == 0)
		return true;
	c->blocked = true;
	write_later(c);
	return false;
}

static void
conn_shut(struct conn *c)
{
	if (c->shut)
		return;
	c->shut = true;
	if (shutdown(c->fd, SHUT_WR) == -1)
		conn_lost(c);
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
	} while (c->out.len > 0 && conn_write(c));
}

static void
conn_drained(struct conn *c)
{
	if (c->writing)
		event_del(c->ev_write);
	c->writing = false;
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
	if (c->out.len == 0)
		conn_drained(c);
	if (c->relay != NULL)
		relay_settle(c->relay);
	if (c->state != CONN_DEAD)
		conn_update(c);
}

static bool
ws_message_cb(struct ws *ws, enum ws_opcode opcode, void *data, size_t len,
    void *arg)
{
	struct conn *c = arg;

	(void)ws;
	if (c->state == CONN_CLOSING || c->state == CONN_DEAD)
		return true;
	return call_handle(c, opcode == WS_TEXT, data, len);
}

/* Only pongs are worth refusing: a client can ask for any number of them. */
static bool
ws_output_cb(struct ws *ws, enum ws_opcode opcode, const void *bytes,
    size_t len, void *arg)
{
	struct conn *c = arg;

	(void)ws;
	if (c->state == CONN_DEAD)
		return true;
	if (opcode == WS_PONG && answers_pile_up(c))
		return false;
	if (outq_add(&c->out, bytes, len) == -1)
		conn_lost(c);
	return true;
}

static void
ws_closed_cb(struct ws *ws, int code, bool local, void *arg)
{
	struct conn *c = arg;

	(void)ws;
	if (local)
		log_debug("conn", "%llu: broke the protocol (%d)",
		    (unsigned long long)c->handle, code);
	if (c->state == CONN_CLOSING || c->state == CONN_DEAD)
		return;
	session_release(c);
	conn_move(c, CONN_EV_CLOSE);
}

static const struct ws_callbacks ws_ops = {
	.message_cb = ws_message_cb,
	.output_cb = ws_output_cb,
	.closed_cb = ws_closed_cb,
};

int
conn_upgrade(struct conn *c)
{
	c->ws = ws_new(&ws_ops, c);
	return c->ws == NULL ? -1 : 0;
}

void
conn_close(struct conn *c, int code, const char *text)
{
	if (c->state == CONN_CLOSING || c->state == CONN_DEAD)
		return;
	if (!conn_state_row(c->state)->websocket) {
		upgrade_refuse(c, code, text);
		return;
	}
	log_debug("conn", "%llu: closing: %s",
	    (unsigned long long)c->handle, text);
	ws_close(c->ws, code, text);
	if (c->state == CONN_DEAD)
		return;
	session_release(c);
	conn_move(c, CONN_EV_CLOSE);
	conn_flush(c);
}

void
conn_lost(struct conn *c)
{
	if (c->state == CONN_DEAD)
		return;
	/* Whole messages that came are carried out. */
	if (c->relay != NULL)
		relay_flush(c->relay);
	session_release(c);
	conn_move(c, CONN_EV_LOST);
	event_del(c->ev_read);
	event_del(c->ev_write);
	event_del(c->ev_timer);
	c->reading = false;
	unix_close(&c->fd);
	outq_clear(&c->out);
	conns_remove(c);
	listeners_room(c->gw->listeners);
}

static void
conn_expire(struct conn *c)
{
	const struct conn_state_row *row = conn_state_row(c->state);

	if (row->expiry == CONN_EXPIRY_DROP)
		conn_lost(c);
	else
		conn_close(c, row->code, row->text);
}

static void
conn_ping(struct conn *c, uint64_t now)
{
	if (!c->pinged) {
		c->pinged = true;
		c->ping_at = now;
		ws_ping(c->ws, NULL, 0);
		conn_flush(c);
	} else if (conn_slow(c)) {
		c->ping_at = now;
	} else {
		log_debug("conn", "%llu: no pong in time",
		    (unsigned long long)c->handle);
		conn_lost(c);
	}
}

static void
timer_cb(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	uint64_t now = clock_ms();

	(void)fd;
	(void)what;
	if (!c->reading && conn_gone(c)) {
		conn_lost(c);
		return;
	}
	if (now >= state_limit(c))
		conn_expire(c);
	else if (now >= ping_limit(c))
		conn_ping(c, now);
	if (c->state != CONN_DEAD)
		timer_update(c);
}

static int
conn_start(struct conn *c)
{
	struct event_base *base = c->gw->base;

	c->ev_read = event_new(base, c->fd, EV_READ | EV_PERSIST, read_cb, c);
	c->ev_write = event_new(base, c->fd, EV_WRITE | EV_PERSIST, write_cb,
	    c);
	c->ev_timer = event_new(base, -1, 0, timer_cb, c);
	if (c->ev_read == NULL || c->ev_write == NULL || c->ev_timer == NULL)
		return -1;
	return conns_add(c->gw, c);
}

int
conn_new(struct gateway *gw, int fd)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		close(fd);
		return -1;
	}
	c->gw = gw;
	c->fd = fd;
	c->state = CONN_HEAD;
	c->since = clock_ms();
	outq_init(&c->out);
	if (conn_start(c) == -1) {
		conn_free(c);
		return -1;
	}
	conn_update(c);
	return 0;
}

void
conn_free(struct conn *c)
{
	struct event *events[] = { c->ev_read, c->ev_write, c->ev_timer };
	size_t i;

	for (i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (events[i] != NULL)
			event_free(events[i]);
	ws_free(c->ws);
	free(c->head);
	free(c->greeting);
	free(c->rest);
	free(c->token);
	free(c->info);
	outq_clear(&c->out);
	unix_close(&c->fd);
	free(c);
}
