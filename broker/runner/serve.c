/* SPDX-License-Identifier: ISC */
/* Requests, each with its handler. */
#include "config.h"

#include "broker/runner/runner.h"
#include "common/log.h"

/* A longer id, in bytes, is not repeated as it is: it might be cut. */
#define ID_SHOWN 256

static void
serve_start(struct attach *attach, const struct call *call,
    const union proto_any *msg)
{
	start_process(attach, call, &msg->GR_START);
}

static void
serve_read(struct attach *attach, const struct call *call,
    const union proto_any *msg)
{
	struct span id = msg->GR_READ.process_id;
	struct child *child = table_find_id(attach->runner, id);
	char text[LOG_CLEAN_SIZE];

	if (child == NULL && id.len < ID_SHOWN)
		attach_error(attach, call, MSG_GR_READ, -32600,
		    "unknown process id %.*s", (int)id.len,
		    id.len > 0 ? (const char *)id.p : "");
	else if (child == NULL)
		attach_error(attach, call, MSG_GR_READ, -32600,
		    "unknown process id %s...",
		    log_clean(text, id.p, id.len));
	else
		reads_ask(attach, call, child, &msg->GR_READ);
}

static void
serve_write(struct attach *attach, const struct call *call,
    const union proto_any *msg)
{
	struct child *child = table_find_id(attach->runner,
	    msg->GR_WRITE.process_id);
	struct fields_RG_RESULT result = {
		.has_write_status = true,
		.write_status = WRITE_UNKNOWN,
	};

	if (child == NULL)
		attach_result(attach, call, MSG_GR_WRITE, &result);
	else
		input_write(attach, call, child, &msg->GR_WRITE);
}

static void
serve_signal(struct attach *attach, const struct call *call,
    const union proto_any *msg)
{
	struct child *child = table_find_id(attach->runner,
	    msg->GR_SIGNAL.process_id);
	struct fields_RG_RESULT result = { 0 };

	if (!span_is(msg->GR_SIGNAL.signal, "interrupt")) {
		attach_error(attach, call, MSG_GR_SIGNAL, -32602,
		    "signal must be \"interrupt\"");
		return;
	}
	if (child != NULL)
		child_interrupt(child);
	attach_result(attach, call, MSG_GR_SIGNAL, &result);
}

static void
serve_terminate(struct attach *attach, const struct call *call,
    const union proto_any *msg)
{
	struct child *child = table_find_id(attach->runner,
	    msg->GR_TERMINATE.process_id);
	struct fields_RG_RESULT result = {
		.has_running = true,
		.running = child != NULL && child_terminate(child),
	};

	attach_result(attach, call, MSG_GR_TERMINATE, &result);
}

/*
 * Every request's fields begin with the call's id; "call" copies it from
 * whichever list it is.
 */
#define CALL_OF(list) \
	static void \
	call_##list(const union proto_any *msg, struct call *call) \
	{ \
		call->has_int = msg->list.has_id_int; \
		call->id_int = msg->list.id_int; \
		call->has_str = msg->list.has_id_str; \
		call->id_str = msg->list.id_str; \
	}
CALL_OF(GR_START)
CALL_OF(GR_READ)
CALL_OF(GR_WRITE)
CALL_OF(GR_SIGNAL)
CALL_OF(GR_TERMINATE)

static const struct {
	uint16_t type;
	void (*call)(const union proto_any *msg, struct call *call);
	void (*serve)(struct attach *attach, const struct call *call,
	    const union proto_any *msg);
} methods[] = {
	{ MSG_GR_START, call_GR_START, serve_start },
	{ MSG_GR_READ, call_GR_READ, serve_read },
	{ MSG_GR_WRITE, call_GR_WRITE, serve_write },
	{ MSG_GR_SIGNAL, call_GR_SIGNAL, serve_signal },
	{ MSG_GR_TERMINATE, call_GR_TERMINATE, serve_terminate },
};

void
serve_request(struct attach *attach, const struct proto_head *head,
    const union proto_any *msg, const uint8_t *payload)
{
	struct call call = { .number = head->call };
	enum worker_kind kind;
	size_t i;

	if (work_is(head->type, &kind)) {
		workers_ask(attach, head, msg, payload);
		return;
	}

	for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (methods[i].type == head->type)
			break;
	if (i == sizeof(methods) / sizeof(methods[0]))
		fatalx("no handler for %s", proto_name(head->type));
	methods[i].call(msg, &call);
	if (attach->runner->phase != RUNNER_SERVING) {
		attach_error(attach, &call, head->type, -32603,
		    "the session is ending");
		return;
	}
	methods[i].serve(attach, &call, msg);
}
