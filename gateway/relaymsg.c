/* SPDX-License-Identifier: ISC */
/*
 * What a runner says: answers go out at once, events when there is room, and
 * nothing into the middle of a fragmented answer.
 */
#include "config.h"

#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "common/link.h"
#include "common/log.h"
#include "gateway/answer.h"
#include "gateway/credit.h"
#include "gateway/gateway.h"
#include "gateway/relay.h"
#include "gateway/ws.h"

/* A message from the runner, decoded: NULL, or what is wrong with it. */
typedef const char *relay_fn(struct relay *relay,
    const struct proto_head *head, const union proto_any *msg);

static union proto_any decoded;

/* What has just been put at the end of the client's queue has this ticket. */
static void
relay_mark(struct relay *relay, uint64_t ticket)
{
	credit_mark(&relay->credit, ticket, relay->conn->out.put);
}

/* Events: what they become, and the bytes they cost. */
static const struct event_kind {
	uint16_t type;
	const char *(*answer)(struct outq *q, const union proto_any *msg);
	uint64_t (*bytes)(const union proto_any *msg);
} event_kinds[] = {
	{ MSG_RG_OUTPUT, answer_output, answer_output_bytes },
	{ MSG_RG_EXITED, answer_exited, NULL },
	{ MSG_RG_CLOSED, answer_closed, NULL },
	{ MSG_RG_FS_APPEARED, answer_appeared, NULL },
	{ MSG_RG_HTTP_BODY, answer_http_body, answer_http_body_bytes },
};

static const struct event_kind *
event_kind(uint16_t type)
{
	size_t i;

	for (i = 0; event_kinds[i].type != type; i++)
		continue;
	return &event_kinds[i];
}

static uint64_t
event_cost(uint16_t type, const union proto_any *msg)
{
	const struct event_kind *kind = event_kind(type);

	return PROTO_EVENT_COST + (kind->bytes == NULL ? 0 :
	    kind->bytes(msg));
}

/* An event, whole and ready to be put into a frame. */
static const char *
event_write(struct relay *relay, uint16_t type, const union proto_any *msg,
    uint64_t ticket)
{
	const char *why = event_kind(type)->answer(&relay->conn->out, msg);

	relay_mark(relay, ticket);
	return why;
}

static bool
event_room(const struct relay *relay)
{
	return relay->bulk.method == NULL && relay->conn->out.len < CONN_STAGE;
}

/* The first event that waits becomes a frame. */
static const char *
event_next(struct relay *relay)
{
	struct event_item *item = STAILQ_FIRST(&relay->events);
	const char *why;

	STAILQ_REMOVE_HEAD(&relay->events, entry);
	/* It was sound when it came. */
	proto_decode(proto_row(item->type), item->payload, item->len,
	    &decoded);
	why = event_write(relay, item->type, &decoded, item->ticket);
	if (why != NULL)
		log_debug("relay", "%s: %s", proto_name(item->type), why);
	free(item);
	return why;
}

void
relay_refill(struct relay *relay)
{
	const char *why = NULL;

	while (why == NULL && event_room(relay) &&
	    !STAILQ_EMPTY(&relay->events))
		why = event_next(relay);
	if (why != NULL)
		relay_fault(relay, "event", why);
}

const char *
relay_finish(struct relay *relay)
{
	const char *why = NULL;

	while (why == NULL && relay->bulk.method == NULL &&
	    !STAILQ_EMPTY(&relay->events))
		why = event_next(relay);
	return why;
}

static const char *
event_queue(struct relay *relay, uint16_t type, const uint8_t *payload,
    size_t len, uint64_t ticket)
{
	struct event_item *item = malloc(sizeof(*item) + len);

	if (item == NULL)
		return "out of memory";
	item->type = type;
	item->ticket = ticket;
	item->len = len;
	memcpy(item->payload, payload, len);
	STAILQ_INSERT_TAIL(&relay->events, item, entry);
	return NULL;
}

static const char *
relay_event(struct relay *relay, uint16_t type, const uint8_t *payload,
    size_t len, const union proto_any *msg)
{
	const char *why;
	uint64_t ticket;

	why = credit_take(&relay->credit, event_cost(type, msg), &ticket);
	if (why != NULL)
		return why;
	if (!STAILQ_EMPTY(&relay->events) || !event_room(relay))
		return event_queue(relay, type, payload, len, ticket);
	return event_write(relay, type, msg, ticket);
}

static const char *
relay_answered(struct relay *relay, uint32_t method)
{
	if (relay->pending == 0)
		return "answer to nothing";
	relay->pending--;
	if (method == MSG_GR_READ && relay->parked > 0)
		relay->parked--;
	/* An error does not say what it answers. */
	if (relay->parked > relay->pending)
		relay->parked = relay->pending;
	if (relay->conn->out.len + relay->held.len > CONN_ANSWERS_MAX)
		return "answers pile up";
	return NULL;
}

static const char *
on_hello(struct relay *relay, const struct proto_head *head,
    const union proto_any *msg)
{
	(void)head;
	if (proto_agree(msg->HELLO.version, msg->HELLO.oldest) == 0)
		return "no version in common";
	link_set_version(relay->link, msg->HELLO.version);
	relay->version = msg->HELLO.version;
	link_set_phase(relay->link, PHASE_UP);
	/* It is there, so nothing is started by greeting it. */
	relay_greet(relay);
	return NULL;
}

/*
 * An answer that costs; while a fragmented message is under way it waits.
 */
static const char *
on_costly(struct relay *relay, const struct fields_RG_RESULT *m,
    uint64_t cost)
{
	const char *why;
	uint64_t ticket;

	why = credit_take(&relay->credit, cost, &ticket);
	if (why == NULL)
		why = answer_result(conn_replies(relay->conn), m);
	if (why != NULL)
		return why;
	if (relay->bulk.method != NULL)
		credit_hold(&relay->credit, ticket);
	else
		relay_mark(relay, ticket);
	return NULL;
}

static const char *
on_result(struct relay *relay, const struct proto_head *head,
    const union proto_any *msg)
{
	const struct fields_RG_RESULT *m = &msg->RG_RESULT;
	const char *why = relay_answered(relay, m->method);
	uint64_t cost = answer_cost(m);

	(void)head;
	if (why != NULL)
		return why;
	if (cost > 0)
		return on_costly(relay, m, cost);
	return answer_result(conn_replies(relay->conn), m);
}

static bool
bulk_is(const struct relay *relay, const struct proto_head *head)
{
	return relay->bulk.method != NULL && relay->bulk.call == head->call;
}

/*
 * An error in place of the end of a long answer: half of it is with the
 * client already, and nothing but the end of the connection tells it so.
 */
static const char *
bulk_broken(struct relay *relay)
{
	log_debug("relay", "session %s: an answer could not be finished",
	    relay->conn->session);
	conn_close(relay->conn, WS_CODE_INTERNAL,
	    "an answer could not be finished");
	return NULL;
}

static const char *
on_error(struct relay *relay, const struct proto_head *head,
    const union proto_any *msg)
{
	const char *why;

	if (bulk_is(relay, head))
		return bulk_broken(relay);
	why = relay_answered(relay, 0);
	return why != NULL ? why :
	    answer_error(conn_replies(relay->conn), &msg->RG_ERROR);
}

/*
 * What came before it goes before it: behind it, it could be acknowledged
 * only with the end of the answer, and the window would fill up before.
 */
static const char *
on_bulk_begin(struct relay *relay, const struct proto_head *head,
    const union proto_any *msg)
{
	/* The events are decoded to the place where this is. */
	struct fields_RG_RESULT result = msg->RG_RESULT;
	const char *why = relay_answered(relay, result.method);

	if (why == NULL)
		why = relay_finish(relay);
	return why != NULL ? why : answer_bulk_begin(&relay->conn->out,
	    &relay->bulk, head->call, &result);
}

static const char *
on_bulk_part(struct relay *relay, const struct proto_head *head,
    const union proto_any *msg)
{
	uint64_t cost, ticket;
	const char *why;

	if (!bulk_is(relay, head))
		return "part of nothing";
	why = answer_bulk_part(&relay->conn->out, &relay->bulk,
	    &msg->RG_BULK_PART, &cost);
	if (why == NULL)
		why = credit_take(&relay->credit, cost, &ticket);
	if (why == NULL)
		relay_mark(relay, ticket);
	return why;
}

static const char *
on_bulk_end(struct relay *relay, const struct proto_head *head,
    const union proto_any *msg)
{
	const char *why;

	if (!bulk_is(relay, head))
		return "end of nothing";
	why = answer_bulk_end(&relay->conn->out, &relay->bulk,
	    &msg->RG_RESULT);
	if (why != NULL)
		return why;
	outq_move(&relay->conn->out, &relay->held);
	credit_release(&relay->credit, relay->conn->out.put);
	return NULL;
}

static const struct {
	uint16_t type;
	relay_fn *fn;		/* NULL: an event */
} handlers[] = {
	{ MSG_RG_OUTPUT, NULL },
	{ MSG_RG_RESULT, on_result },
	{ MSG_RG_ERROR, on_error },
	{ MSG_RG_EXITED, NULL },
	{ MSG_RG_CLOSED, NULL },
	{ MSG_RG_FS_APPEARED, NULL },
	{ MSG_RG_HTTP_BODY, NULL },
	{ MSG_RG_BULK_BEGIN, on_bulk_begin },
	{ MSG_RG_BULK_PART, on_bulk_part },
	{ MSG_RG_BULK_END, on_bulk_end },
	{ MSG_RG_HELLO, on_hello },
};

const char *
relay_dispatch(struct relay *relay, const struct proto_head *head,
    const uint8_t *payload)
{
	enum proto_error error;
	size_t i;

	error = proto_decode(proto_row(head->type), payload, head->len,
	    &decoded);
	if (error != PROTO_OK)
		return proto_strerror(error);
	for (i = 0; handlers[i].type != head->type; i++)
		continue;
	if (handlers[i].fn == NULL)
		return relay_event(relay, head->type, payload, head->len,
		    &decoded);
	return handlers[i].fn(relay, head, &decoded);
}
