/* SPDX-License-Identifier: ISC */
/* Requests, each with its handler. */
#include "config.h"

#include "broker/runner/lend.h"
#include "broker/runner/pty.h"
#include "broker/runner/runner.h"
#include "common/log.h"
#include "common/signame.h"

/* A longer id, in bytes, is not repeated as it is: it might be cut. */
#define ID_SHOWN 256

static void
refuse_unknown(struct attach *attach, const struct call *call,
    uint16_t method, struct span id)
{
	char text[LOG_CLEAN_SIZE];

	if (id.len < ID_SHOWN)
		attach_error(attach, call, method, -32600,
		    "unknown process id %.*s", (int)id.len,
		    id.len > 0 ? (const char *)id.p : "");
	else
		attach_error(attach, call, method, -32600,
		    "unknown process id %s...",
		    log_clean(text, id.p, id.len));
}

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

	if (child == NULL)
		refuse_unknown(attach, call, MSG_GR_READ, id);
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
	int signo = signame_number(msg->GR_SIGNAL.signal);

	if (signo == 0) {
		attach_error(attach, call, MSG_GR_SIGNAL, -32602,
		    "unknown signal");
		return;
	}
	if (child != NULL) {
		report_signal(child, signo);
		child_signal(child, signo);
	}
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
		.running = child != NULL &&
		    child_terminate(child, msg->GR_TERMINATE.grace_ms),
	};

	attach_result(attach, call, MSG_GR_TERMINATE, &result);
}

static void
serve_resize(struct attach *attach, const struct call *call,
    const union proto_any *msg)
{
	const struct fields_GR_RESIZE *m = &msg->GR_RESIZE;
	struct child *child = table_find_id(attach->runner, m->process_id);
	struct fields_RG_RESULT result = { 0 };

	if (child == NULL)
		refuse_unknown(attach, call, MSG_GR_RESIZE, m->process_id);
	else if (!child->tty)
		attach_error(attach, call, MSG_GR_RESIZE, -32600,
		    "the process is not on a terminal");
	else if (!pty_size_valid(m->rows, m->cols))
		attach_error(attach, call, MSG_GR_RESIZE, -32602,
		    "rows and cols must be from 1 to %d", PTY_SIZE_MAX);
	else {
		/* Once closed there is nothing left to resize. */
		if (child->in != -1)
			(void)pty_resize(child->in, (unsigned short)m->rows,
			    (unsigned short)m->cols);
		attach_result(attach, call, MSG_GR_RESIZE, &result);
	}
}

static void
serve_close_stdin(struct attach *attach, const struct call *call,
    const union proto_any *msg)
{
	struct child *child = table_find_id(attach->runner,
	    msg->GR_CLOSE_STDIN.process_id);
	struct fields_RG_RESULT result = {
		.has_write_status = true,
		.write_status = WRITE_UNKNOWN,
	};

	if (child == NULL)
		attach_result(attach, call, MSG_GR_CLOSE_STDIN, &result);
	else if (child->tty)
		attach_error(attach, call, MSG_GR_CLOSE_STDIN, -32600,
		    "the process is on a terminal: write the byte 4 instead");
	else
		input_end(attach, call, child);
}

static void
serve_list(struct attach *attach, const struct call *call,
    const union proto_any *msg)
{
	list_answer(attach, call, &msg->GR_LIST);
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
CALL_OF(GR_RESIZE)
CALL_OF(GR_CLOSE_STDIN)
CALL_OF(GR_LIST)

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
	{ MSG_GR_RESIZE, call_GR_RESIZE, serve_resize },
	{ MSG_GR_CLOSE_STDIN, call_GR_CLOSE_STDIN, serve_close_stdin },
	{ MSG_GR_LIST, call_GR_LIST, serve_list },
};

void
serve_request(struct attach *attach, const struct proto_head *head,
    const union proto_any *msg, const uint8_t *payload)
{
	struct call call = { .number = head->call };
	enum worker_kind kind;
	size_t i;

	if (attach->runner->phase == RUNNER_SERVING &&
	    !lend_admits(attach, head, msg, payload))
		return;
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
