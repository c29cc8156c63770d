/* SPDX-License-Identifier: ISC */
/* One client: its states, its beginning and its end. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/unix.h"
#include "gateway/crowd.h"
#include "gateway/gateway.h"
#include "gateway/tls.h"
#include "gateway/ws.h"
#include "gateway/wsframe.h"

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
	conn_timer(c);
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
	if (opcode == WS_PONG && conn_piled(c))
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
	/* It is not ours to say anything to. */
	if (c->state == CONN_TAKING) {
		conn_lost(c);
		return;
	}
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

/* The answer to the upgrade request may still be in the queue, too. */
static size_t
out_unit(const uint8_t *bytes, size_t len)
{
	static const char end[] = "\r\n\r\n";
	const uint8_t *at;

	if (bytes[0] != 'H')
		return wsframe_length(bytes, len);
	at = memmem(bytes, len, end, strlen(end));
	return at == NULL ? len : (size_t)(at - bytes) + strlen(end);
}

void
conn_displace(struct conn *c, int code, const char *text)
{
	if (conn_state_row(c->state)->websocket) {
		outq_cut(&c->out, out_unit);
		c->displaced = true;
	}
	conn_close(c, code, text);
}

void
conn_settle(struct conn *c)
{
	if (c->source != NULL)
		crowd_leave(c->gw->crowd, c->source);
	c->source = NULL;
}

void
conn_lost(struct conn *c)
{
	if (c->state == CONN_DEAD)
		return;
	if (c->state == CONN_TAKING)
		heir_decline(c);
	session_release(c);
	conn_move(c, CONN_EV_LOST);
	event_del(c->ev_read);
	event_del(c->ev_write);
	event_del(c->ev_timer);
	c->reading = false;
	unix_close(&c->fd);
	outq_clear(&c->out);
	conn_settle(c);
	conn_weigh(c);
	conns_remove(c);
	meter_touch(&c->gw->meter);
	listeners_room(c->gw->listeners);
}

void
conn_forget(struct conn *c)
{
	if (c->session[0] != '\0')
		conns_unname(c);
	c->session[0] = '\0';
	c->admitted = 0;
	conn_lost(c);
}

static int
conn_start(struct conn *c, enum peers_trust trust)
{
	struct event_base *base = c->gw->base;

	if (listener_start_tls(c->listener, c->fd, &c->tls) == -1)
		return -1;
	if (proxied_begin(c, trust) == -1)
		return -1;
	c->ev_read = event_new(base, c->fd, EV_READ | EV_PERSIST, conn_read_cb, c);
	c->ev_write = event_new(base, c->fd, EV_WRITE | EV_PERSIST, conn_write_cb,
	    c);
	c->ev_timer = event_new(base, -1, 0, conn_timer_cb, c);
	if (c->ev_read == NULL || c->ev_write == NULL || c->ev_timer == NULL)
		return -1;
	return conns_add(c->gw, c);
}

int
conn_new(struct gateway *gw, const struct listener *listener,
    struct crowd_source *source, enum peers_trust trust, int fd)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		if (source != NULL)
			crowd_leave(gw->crowd, source);
		close(fd);
		return -1;
	}
	c->gw = gw;
	c->listener = listener;
	c->source = source;
	c->fd = fd;
	c->state = CONN_HEAD;
	c->since = clock_ms();
	outq_init(&c->out);
	if (conn_start(c, trust) == -1) {
		conn_free(c);
		return -1;
	}
	conn_update(c);
	return 0;
}

struct conn *
conn_adopt(struct gateway *gw, const struct listener *listener, int fd)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		close(fd);
		return NULL;
	}
	c->gw = gw;
	c->listener = listener;
	c->fd = fd;
	c->state = CONN_TAKING;
	c->since = clock_ms();
	outq_init(&c->out);
	if (conn_upgrade(c) == -1 || conn_start(c, PEERS_NONE) == -1) {
		conn_free(c);
		return NULL;
	}
	conn_timer(c);
	return c;
}

void
conn_free(struct conn *c)
{
	struct event *events[] = { c->ev_read, c->ev_write, c->ev_timer };
	size_t i;

	for (i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (events[i] != NULL)
			event_free(events[i]);
	conn_settle(c);
	if (c->tls != NULL)
		tls_engine->session_free(c->tls);
	ws_free(c->ws);
	free(c->lead);
	free(c->head);
	free(c->greeting);
	free(c->rest);
	if (c->token != NULL)
		explicit_bzero(c->token, c->token_len);
	free(c->token);
	arrival_free(c->arrival);
	free(c->info);
	outq_clear(&c->out);
	unix_close(&c->fd);
	free(c);
}
