/* SPDX-License-Identifier: ISC */
/*
 * One data link: calls to the runner; answers and events to the client,
 * answers first, events as fast as the client takes them and no faster.
 */
#include "config.h"

#include <sys/queue.h>
#include <sys/uio.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "common/link.h"
#include "common/log.h"
#include "gateway/gateway.h"
#include "gateway/method.h"
#include "gateway/relay.h"
#include "gateway/ws.h"

/* From this size on a call is not copied once more, in bytes. */
#define CALL_DIRECT (16 * 1024)

/* Calls waiting for the runner to read them stop the reading of the client. */
#define CALLS_MAX (256 * 1024)

/* How long until it is asked again what has left, in milliseconds. */
#define ASK_SOON 1
#define ASK_LATER 20

void
relay_fault(struct relay *relay, const char *what, const char *why)
{
	log_warnx("session %s: its runner broke the rules: %s: %s",
	    relay->conn->session, what, why);
	conn_close(relay->conn, WS_CODE_INTERNAL,
	    "the session's runner broke the rules");
}

void
relay_greet(struct relay *relay)
{
	struct fields_HELLO hello = {
		.version = PROTO_VERSION,
		.oldest = PROTO_OLDEST,
	};

	if (relay->greeted)
		return;
	relay->greeted = true;
	link_send(relay->link, MSG_GR_HELLO, 0, &hello);
}

int
relay_call(struct relay *relay, const struct method *method,
    const struct writer *w)
{
	struct iovec iov = { w->p, w->len };
	uint32_t call = ++relay->calls;

	if (w->len > proto_row(method->type)->max)
		return -1;
	/*
	 * The runner is started by the first byte, so HELLO waits for the
	 * first call.
	 */
	relay_greet(relay);
	relay->pending++;
	if (method->type == MSG_GR_READ)
		relay->parked++;
	if (w->len < CALL_DIRECT)
		link_sendv(relay->link, method->type, call, &iov, 1);
	else
		link_sendv_now(relay->link, method->type, call, &iov, 1);
	return 0;
}

void
relay_flush(struct relay *relay)
{
	link_flush(relay->link);
}

int
relay_dup(const struct relay *relay)
{
	return link_dup(relay->link);
}

void
relay_halt(struct relay *relay, bool halt)
{
	/* The parts of a long answer lead to its end. */
	if (halt && relay->bulk.method == NULL)
		link_halt(relay->link);
	else
		link_resume(relay->link);
}

bool
relay_quiet(struct relay *relay)
{
	struct fields_GR_ACK ack;

	if (!link_halted(relay->link) || relay->bulk.method != NULL ||
	    relay->held.len > 0 || !STAILQ_EMPTY(&relay->events))
		return false;
	credit_settle(&relay->credit, conn_left(relay->conn));
	if (relay->credit.returned != relay->credit.told) {
		ack.total = relay->credit.told = relay->credit.returned;
		relay_greet(relay);
		link_send(relay->link, MSG_GR_ACK, 0, &ack);
	}
	link_flush(relay->link);
	return link_queued(relay->link) == 0;
}

bool
relay_answering(const struct relay *relay)
{
	return relay->pending > relay->parked || relay->bulk.method != NULL;
}

void
relay_save(const struct relay *relay, struct relay_state *state)
{
	*state = (struct relay_state){
		.pending = relay->pending,
		.parked = relay->parked,
		.taken = relay->credit.taken,
		.left = relay->credit.returned,
		.calls = relay->calls,
		.version = relay->version,
		.greeted = relay->greeted,
	};
}

bool
relay_clogged(const struct relay *relay)
{
	return link_queued(relay->link) > CALLS_MAX;
}

size_t
relay_held(const struct relay *relay)
{
	return relay->held.len;
}

struct outq *
relay_holding(struct relay *relay)
{
	return relay->bulk.method != NULL ? &relay->held : NULL;
}

static void
relay_message(void *arg, const struct proto_head *head,
    const uint8_t *payload)
{
	struct relay *relay = arg;
	/* This stays for the turn, whatever becomes of the relay. */
	struct conn *c = relay->conn;
	const char *why = relay_dispatch(relay, head, payload);

	if (why != NULL)
		relay_fault(relay, proto_name(head->type), why);
	else if (c->out.len >= CONN_STAGE / 2)
		conn_push(c);
}

static void
relay_batch(void *arg)
{
	struct relay *relay = arg;

	conn_flush(relay->conn);
}

static void
relay_drained(void *arg)
{
	struct relay *relay = arg;

	conn_update(relay->conn);
}

static void
relay_ended(void *arg, const char *why)
{
	struct relay *relay = arg;

	if (why != NULL) {
		relay_fault(relay, "data link", why);
		return;
	}
	(void)relay_finish(relay);
	conn_close(relay->conn, WS_CODE_INTERNAL, "the session has ended");
}

static const struct link_ops relay_ops = {
	.message = relay_message,
	.batch = relay_batch,
	.drained = relay_drained,
	.ended = relay_ended,
};

static void
relay_ask_later(struct relay *relay, unsigned int ms)
{
	struct timeval tv = { .tv_usec = (suseconds_t)(ms * 1000) };

	if (!event_pending(relay->ev_ask, EV_TIMEOUT, NULL))
		event_add(relay->ev_ask, &tv);
}

/* Ask what has left, and tell the runner if it is worth a message. */
static void
relay_ask(struct relay *relay)
{
	struct fields_GR_ACK ack = { 0 };
	uint64_t before = relay->credit.returned;

	credit_settle(&relay->credit, conn_left(relay->conn));
	if (relay->credit.returned != before)
		relay->ask_ms = ASK_SOON;
	if (!credit_due(&relay->credit, &ack.total))
		return;
	relay_greet(relay);
	link_send(relay->link, MSG_GR_ACK, 0, &ack);
}

/*
 * Far from the end of the window there is no hurry: a keystroke's echo costs
 * no question and no answer of its own.
 */
void
relay_settle(struct relay *relay)
{
	if (!credit_pending(&relay->credit))
		return;
	if (credit_outstanding(&relay->credit) < CREDIT_STEP) {
		relay_ask_later(relay, ASK_LATER);
		return;
	}
	relay_ask(relay);
	if (credit_pending(&relay->credit))
		relay_ask_later(relay, relay->ask_ms);
}

static void
ask_cb(evutil_socket_t fd, short what, void *arg)
{
	struct relay *relay = arg;

	(void)fd;
	(void)what;
	relay_ask(relay);
	relay->ask_ms = relay->ask_ms * 2 < ASK_LATER ? relay->ask_ms * 2 :
	    ASK_LATER;
	if (credit_pending(&relay->credit))
		relay_ask_later(relay, relay->ask_ms);
}

struct relay *
relay_new(struct conn *c, int fd)
{
	struct relay *relay = calloc(1, sizeof(*relay));

	if (relay == NULL) {
		close(fd);
		return NULL;
	}
	relay->conn = c;
	relay->ask_ms = ASK_SOON;
	credit_init(&relay->credit);
	STAILQ_INIT(&relay->events);
	outq_init(&relay->held);
	relay->link = link_new(c->gw->base, fd, ROLE_GATEWAY, ROLE_RUNNER,
	    &relay_ops, relay);
	relay->ev_ask = event_new(c->gw->base, -1, 0, ask_cb, relay);
	if (relay->link == NULL || relay->ev_ask == NULL) {
		relay_free(relay);
		return NULL;
	}
	link_set_marks(relay->link, CALLS_MAX, CALLS_MAX / 4);
	return relay;
}

/*
 * Bytes of an earlier stream are in the client's socket; this one begins so
 * far on that what has left can be told by them, too.
 */
#define STREAM_BASE ((uint64_t)1 << 32)

struct relay *
relay_adopt(struct conn *c, int fd, const struct relay_state *state)
{
	struct relay *relay = relay_new(c, fd);
	const char *why;

	if (relay == NULL)
		return NULL;
	c->out.put = STREAM_BASE;
	relay->pending = state->pending;
	relay->parked = state->parked;
	relay->calls = state->calls;
	relay->greeted = state->greeted;
	relay->version = state->version;
	if (state->version != 0) {
		link_set_version(relay->link, state->version);
		link_set_phase(relay->link, PHASE_UP);
	}
	why = credit_resume(&relay->credit, state->taken, state->left,
	    c->out.put);
	if (why != NULL) {
		log_debug("relay", "session %s: %s", c->session, why);
		relay_free(relay);
		return NULL;
	}
	relay_settle(relay);
	return relay;
}

void
relay_free(struct relay *relay)
{
	struct event_item *item;

	if (relay == NULL)
		return;
	link_free(relay->link);
	if (relay->ev_ask != NULL)
		event_free(relay->ev_ask);
	while ((item = STAILQ_FIRST(&relay->events)) != NULL) {
		STAILQ_REMOVE_HEAD(&relay->events, entry);
		free(item);
	}
	credit_clear(&relay->credit);
	outq_clear(&relay->held);
	free(relay);
}
