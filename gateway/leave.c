/* SPDX-License-Identifier: ISC */
/*
 * Another gateway serves in place of this one.  Whoever has come so far is
 * served until he has a session; those with one part from us, between
 * messages, with a Close frame that says so, or are handed to the other
 * gateway.  All of them are looked at every few milliseconds: that lasts for
 * seconds, once in a gateway's life.
 */
#include "config.h"

#include <stdlib.h>
#include <unistd.h>

#include <event2/event.h>

#include "common/chan.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/unix.h"
#include "gateway/gateway.h"
#include "gateway/transport.h"
#include "gateway/ws.h"

#define LOOK_MS 10

/* Handed over and not answered for, at most: descriptors are on their way. */
#define HANDED_MAX 64

/* How long the other gateway's first word is waited for, in milliseconds. */
#define HEIR_MS 1000

struct leave {
	struct gateway *gw;
	struct event *ev_look;
	struct chan *heir;	/* NULL: none, or no more */
	uint64_t heir_until;	/* clock_ms(): when its HELLO is due */
	uint64_t until;		/* clock_ms(): when the rest is closed, */
	uint64_t end;		/* and when we go in any case */
	size_t handed;		/* without an answer */
	size_t given;		/* with one */
	bool closing;		/* "until" is over */
};

static const char restart[] = "the server is being restarted";

static bool
can_hand(const struct leave *leave, const struct conn *c)
{
	return leave->heir != NULL &&
	    chan_phase(leave->heir) == PHASE_UP && !leave->closing &&
	    c->io == &transport_plain && c->info_len <= PROTO_INFO_MAX;
}

/* What was read and not looked at, in one piece. */
static size_t
input_of(const struct conn *c, uint8_t out[CONN_HAND_MAX])
{
	struct writer w = { .p = out, .cap = CONN_HAND_MAX,
		.max = CONN_HAND_MAX };
	const uint8_t *first;
	size_t len = ws_first_bytes(c->ws, &first);

	writer_put(&w, first, len);
	writer_put(&w, c->rest, c->rest_len);
	return w.failed ? SIZE_MAX : w.len;
}

/* Until the next ping, or the last one's answer; or until initialize. */
static uint64_t
due_of(const struct conn *c)
{
	const struct gateway_config *config = &c->gw->config;
	uint64_t at = c->ping_at, now = clock_ms();

	if (c->session[0] == '\0')
		at = clock_add(c->since, config->handshake_ms);
	else if (c->pinged)
		at = clock_add(c->ping_at, config->pong_ms);
	return at > now ? at - now : 0;
}

static void
put_session(const struct conn *c, struct fields_GG_CONNECTION *m)
{
	struct relay_state state;

	relay_save(c->relay, &state);
	m->has_session = m->has_generation = m->has_info = true;
	m->session = span_str(c->session);
	m->generation = c->generation;
	m->info = (struct span){ (const uint8_t *)c->info, c->info_len };
	m->has_initialized = true;
	m->initialized = c->state == CONN_READY;
	m->has_greeted = true;
	m->greeted = state.greeted;
	m->has_peer_version = state.version != 0;
	m->peer_version = state.version;
	m->has_calls = m->has_pending = m->has_parked = true;
	m->calls = state.calls;
	m->pending = state.pending;
	m->parked = state.parked;
	m->has_taken_cost = m->has_left_cost = true;
	m->taken_cost = state.taken;
	m->left_cost = state.left;
}

/* Duplicates of its sockets; how many, or -1. */
static int
dup_fds(const struct conn *c, int fds[2])
{
	fds[0] = unix_dup(c->fd);
	if (fds[0] == -1)
		return -1;
	if (c->relay == NULL)
		return 1;
	fds[1] = relay_dup(c->relay);
	if (fds[1] == -1) {
		unix_close(&fds[0]);
		return -1;
	}
	return 2;
}

/* From here on neither socket is touched any more, unless it is declined. */
static void
hand_over(struct leave *leave, struct conn *c)
{
	static uint8_t input[CONN_HAND_MAX];
	struct fields_GG_CONNECTION m = {
		.handle = c->handle,
		.listener = span_str(listener_name(c->listener)),
		.forwarded = c->forwarded,
		.has_token = c->token != NULL,
		.token = { (const uint8_t *)c->token, c->token_len },
		.has_client = c->source_len > 0,
		.client = { c->source_bytes, c->source_len },
		.due_ms = due_of(c),
		.has_pinged = true,
		.pinged = c->pinged,
		.has_input = true,
	};
	size_t len = input_of(c, input);
	int fds[2], count;

	if (len == SIZE_MAX || (count = dup_fds(c, fds)) == -1)
		return;
	m.input = (struct span){ input, len };
	if (c->relay != NULL)
		put_session(c, &m);
	conn_move(c, CONN_EV_HANDED);
	relay_free(c->relay);
	c->relay = NULL;
	leave->handed++;
	chan_send(leave->heir, MSG_GG_CONNECTION, &m, fds, (size_t)count);
}

static bool
is_written(const struct conn *c)
{
	return conn_unwritten(c) == 0 && !c->writing &&
	    !ws_owes_pong(c->ws) && !ws_close_sent(c->ws);
}

static void
look_handing(struct leave *leave, struct conn *c)
{
	c->parting = true;
	if (c->relay != NULL)
		relay_halt(c->relay, true);
	conn_flush(c);
	if (!conn_state_row(c->state)->hands ||
	    leave->handed >= HANDED_MAX || ws_begun(c->ws) ||
	    c->rest_len > CONN_HAND_MAX - WS_HEAD_MAX - WS_CONTROL_MAX ||
	    !is_written(c))
		return;
	if (c->relay == NULL || relay_quiet(c->relay))
		hand_over(leave, c);
}

/* Its answers go out first, and output as far as the client takes it. */
static void
look_parting(struct conn *c)
{
	c->parting = true;
	relay_halt(c->relay, !relay_answering(c->relay));
	conn_flush(c);
	if (conn_state_row(c->state)->parts && !relay_answering(c->relay) &&
	    is_written(c) && relay_quiet(c->relay))
		conn_close(c, WS_CODE_RESTART, restart);
}

static void
close_late(struct conn *c)
{
	if (c->state == CONN_HANDED)
		conn_forget(c);
	else if (conn_state_row(c->state)->websocket)
		conn_close(c, WS_CODE_RESTART, restart);
	else
		conn_close(c, 503, "the server is being restarted, try again");
}

/* Nobody parts who may be handed over in a moment. */
static bool
is_early(const struct leave *leave)
{
	return leave->heir != NULL && !leave->closing &&
	    chan_phase(leave->heir) == PHASE_START &&
	    clock_ms() < leave->heir_until;
}

/* Looking at one may end it at once, but never another. */
static void
look_all(struct leave *leave)
{
	const struct conn_state_row *row;
	struct conn *c, *next;

	if (is_early(leave))
		return;
	TAILQ_FOREACH_SAFE(c, &leave->gw->conns, entry, next) {
		row = conn_state_row(c->state);
		if (leave->closing) {
			close_late(c);
		} else if (row->hands && can_hand(leave, c)) {
			look_handing(leave, c);
		} else if (row->parts) {
			look_parting(c);
		} else if (c->parting) {
			/* It was to be handed over, and cannot be now. */
			c->parting = false;
			conn_update(c);
		}
	}
}

static void
look_cb(evutil_socket_t fd, short what, void *arg)
{
	struct timeval tv = { .tv_usec = LOOK_MS * 1000 };
	struct leave *leave = arg;
	uint64_t now = clock_ms();

	(void)fd;
	(void)what;
	if (leave->gw->nconns == 0 || now >= leave->end) {
		log_debug("leave", "%zu connections were handed over",
		    leave->given);
		event_base_loopbreak(leave->gw->base);
		return;
	}
	leave->closing = leave->closing || now >= leave->until;
	look_all(leave);
	event_add(leave->ev_look, &tv);
}

static void
on_hello(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct leave *leave = arg;

	(void)fds;
	if (proto_agree(msg->HELLO.version, msg->HELLO.oldest) == 0) {
		chan_free(leave->heir);
		leave->heir = NULL;
		return;
	}
	chan_set_version(leave->heir, msg->HELLO.version);
	chan_set_phase(leave->heir, PHASE_UP);
}

/* One that was handed over, by its handle here; or NULL. */
static struct conn *
handed(struct leave *leave, uint64_t handle)
{
	struct conn *c = conns_by_handle(leave->gw, handle);

	if (leave->handed > 0)
		leave->handed--;
	return c != NULL && c->state == CONN_HANDED ? c : NULL;
}

static void
on_taken(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct leave *leave = arg;
	struct conn *c = handed(leave, msg->HANDLE.handle);

	(void)fds;
	leave->given++;
	if (c != NULL)
		conn_forget(c);
}

static void
on_declined(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct leave *leave = arg;
	struct conn *c = handed(leave, msg->HANDLE.handle);

	(void)fds;
	if (c != NULL)
		conn_close(c, WS_CODE_RESTART, restart);
}

static const struct chan_handler handlers[] = {
	{ MSG_GG_HELLO, on_hello },
	{ MSG_GG_TAKEN, on_taken },
	{ MSG_GG_DECLINED, on_declined },
};

/* Who has been handed over may have been taken: no word to them. */
static void
lost(void *arg, const char *why)
{
	struct leave *leave = arg;
	struct conn *c, *next;

	log_warnx("the gateway that takes over is lost: %s", why == NULL ?
	    "it closed the channel" : why);
	chan_free(leave->heir);
	leave->heir = NULL;
	TAILQ_FOREACH_SAFE(c, &leave->gw->conns, entry, next)
		if (c->state == CONN_HANDED)
			conn_forget(c);
}

static const struct chan_ops ops = {
	.handlers = handlers,
	.nhandlers = sizeof(handlers) / sizeof(handlers[0]),
	.lost = lost,
};

static void
greet(struct leave *leave, int heir)
{
	struct fields_HELLO hello = {
		.version = PROTO_VERSION,
		.oldest = PROTO_OLDEST,
	};

	if (heir == -1)
		return;
	leave->heir = chan_new(leave->gw->base, heir, ROLE_GATEWAY,
	    ROLE_GATEWAY, &ops, leave);
	if (leave->heir != NULL)
		chan_send(leave->heir, MSG_GG_HELLO, &hello, NULL, 0);
}

void
leave_free(struct leave *leave)
{
	if (leave == NULL)
		return;
	chan_free(leave->heir);
	if (leave->ev_look != NULL)
		event_free(leave->ev_look);
	free(leave);
}

void
gateway_leave(struct gateway *gw, uint64_t grace_ms, int heir)
{
	struct leave *leave = calloc(1, sizeof(*leave));
	uint64_t last = grace_ms / 2 < CONN_LINGER_MS ? grace_ms / 2 :
	    CONN_LINGER_MS;

	if (leave != NULL)
		leave->ev_look = event_new(gw->base, -1, 0, look_cb, leave);
	if (gw->stopping || gw->leave != NULL || leave == NULL ||
	    leave->ev_look == NULL) {
		unix_close(&heir);
		leave_free(leave);
		return;
	}
	log_info("leaving %zu connections to another gateway", gw->nconns);
	leave->gw = gw;
	leave->heir_until = clock_add(clock_ms(), HEIR_MS);
	leave->end = clock_add(clock_ms(), grace_ms);
	leave->until = leave->end - last;
	gw->leave = leave;
	listeners_stop(gw->listeners);
	greet(leave, heir);
	event_active(leave->ev_look, EV_TIMEOUT, 0);
}
