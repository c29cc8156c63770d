/* SPDX-License-Identifier: ISC */
/* JSON-RPC calls over a wire, for tests: one connection, blocking. */
#include "config.h"

#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "common/base64.h"
#include "common/xmalloc.h"
#include "tests/lib/call.h"
#include "tests/lib/wait.h"

struct call_item {
	TAILQ_ENTRY(call_item) entry;
	struct json_object *message;
};
TAILQ_HEAD(call_queue, call_item);

struct call {
	struct wire *wire;
	char *session;
	int64_t last_id;
	int ended;
	int close_code;
	char *close_reason;
	struct call_queue replies;
	struct call_queue notifications;
};

static struct call *
call_over(struct wire *wire)
{
	struct call *call;

	if (wire == NULL)
		return NULL;
	call = xcalloc(1, sizeof(*call));
	call->wire = wire;
	TAILQ_INIT(&call->replies);
	TAILQ_INIT(&call->notifications);
	return call;
}

struct call *
call_open(const char *url)
{
	return call_over(wire_open(url, CALL_TIMEOUT_MS));
}

struct call *
call_open_with(const char *url, const char *headers, int *status)
{
	struct wire *wire = wire_connect(url, CALL_TIMEOUT_MS);
	int got = wire == NULL ? -1 :
	    wire_upgrade(wire, headers, CALL_TIMEOUT_MS);

	if (status != NULL)
		*status = got;
	if (got == 101)
		return call_over(wire);
	wire_free(wire);
	return NULL;
}

static void
call_queue_clear(struct call_queue *queue)
{
	struct call_item *item;

	while ((item = TAILQ_FIRST(queue)) != NULL) {
		TAILQ_REMOVE(queue, item, entry);
		json_object_put(item->message);
		free(item);
	}
}

void
call_free(struct call *call)
{
	if (call == NULL)
		return;
	call_queue_clear(&call->replies);
	call_queue_clear(&call->notifications);
	wire_free(call->wire);
	free(call->close_reason);
	free(call->session);
	free(call);
}

static struct json_object *
call_begin_params(const char *resume)
{
	struct json_object *params = json_object_new_object();

	json_object_object_add(params, "clientName",
	    json_object_new_string("test"));
	if (resume != NULL)
		json_object_object_add(params, "resumeSessionId",
		    json_object_new_string(resume));
	return params;
}

/* Takes over "result". */
static int
call_begun(struct call *call, struct json_object *result)
{
	struct json_object *id;

	free(call->session);
	call->session = NULL;
	if (json_object_object_get_ex(result, "sessionId", &id))
		call->session = xstrdup(json_object_get_string(id));
	json_object_put(result);
	return call->session == NULL ? -1 :
	    call_notify(call, "initialized", json_object_new_object());
}

int
call_begin(struct call *call, const char *resume)
{
	struct json_object *result = call_result(call, "initialize",
	    call_begin_params(resume));

	return result == NULL ? -1 : call_begun(call, result);
}

int
call_try_begin(struct call *call, const char *resume)
{
	struct json_object *reply, *result = NULL;
	int code;

	reply = call_request(call, "initialize", call_begin_params(resume));
	code = call_error_code(reply);
	if (code == 0 && json_object_object_get_ex(reply, "result", &result))
		json_object_get(result);
	json_object_put(reply);
	if (result == NULL)
		return code == 0 ? 1 : code;
	return call_begun(call, result) == -1;
}

struct call *
call_attach(const char *url, const char *resume)
{
	struct call *call = call_open(url);

	if (call != NULL && call_begin(call, resume) == -1) {
		call_free(call);
		call = NULL;
	}
	return call;
}

const char *
call_session(const struct call *call)
{
	return call->session;
}

struct wire *
call_wire(struct call *call)
{
	return call->wire;
}

static int
call_send_object(struct call *call, struct json_object *message)
{
	size_t len;
	const char *text = json_object_to_json_string_length(message,
	    JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);
	int rc = wire_send_frame(call->wire, WIRE_OP_TEXT, 0, text, len,
	    CALL_TIMEOUT_MS);

	json_object_put(message);
	return rc;
}

static struct json_object *
call_message(const char *method, struct json_object *params)
{
	struct json_object *message = json_object_new_object();

	json_object_object_add(message, "method",
	    json_object_new_string(method));
	if (params != NULL)
		json_object_object_add(message, "params", params);
	return message;
}

int64_t
call_send(struct call *call, const char *method, struct json_object *params)
{
	struct json_object *message = call_message(method, params);
	int64_t id = ++call->last_id;

	json_object_object_add(message, "id", json_object_new_int64(id));
	return call_send_object(call, message) == -1 ? -1 : id;
}

int
call_notify(struct call *call, const char *method, struct json_object *params)
{
	return call_send_object(call, call_message(method, params));
}

/* Receive one message into its queue: 1, 0 at the deadline, -1 at the end. */
static int
call_pump(struct call *call, uint64_t deadline)
{
	struct json_object *message, *method;
	struct wire_message msg;
	struct call_item *item;

	switch (wire_recv(call->wire, &msg, deadline_left(deadline))) {
	case WIRE_TEXT:
	case WIRE_BINARY:
		break;
	case WIRE_TIMEOUT:
		return 0;
	case WIRE_PING:
	case WIRE_PONG:
		free(msg.data);
		return 1;
	default:
		call->close_code = msg.kind == WIRE_CLOSE ? msg.code : 0;
		free(call->close_reason);
		call->close_reason = msg.kind == WIRE_CLOSE && msg.len > 2 ?
		    xstrdup(msg.data + 2) : NULL;
		free(msg.data);
		call->ended = 1;
		return -1;
	}
	message = json_tokener_parse(msg.data);
	free(msg.data);
	if (message == NULL)
		return 1;
	item = xcalloc(1, sizeof(*item));
	item->message = message;
	if (json_object_object_get_ex(message, "method", &method))
		TAILQ_INSERT_TAIL(&call->notifications, item, entry);
	else
		TAILQ_INSERT_TAIL(&call->replies, item, entry);
	return 1;
}

static struct json_object *
call_item_take(struct call_queue *queue, struct call_item *item)
{
	struct json_object *message = item->message;

	TAILQ_REMOVE(queue, item, entry);
	free(item);
	return message;
}

static struct call_item *
call_find_reply(struct call *call, int64_t id)
{
	struct call_item *item;
	struct json_object *value;

	TAILQ_FOREACH(item, &call->replies, entry)
		if (json_object_object_get_ex(item->message, "id", &value) &&
		    json_object_is_type(value, json_type_int) &&
		    json_object_get_int64(value) == id)
			return item;
	return NULL;
}

int
call_receive(struct call *call, int timeout_ms)
{
	return call->ended ? -1 : call_pump(call, deadline_in(timeout_ms));
}

struct json_object *
call_take_reply(struct call *call, int64_t id)
{
	struct call_item *item = call_find_reply(call, id);

	return item == NULL ? NULL : call_item_take(&call->replies, item);
}

struct json_object *
call_take_event(struct call *call)
{
	struct call_item *item = TAILQ_FIRST(&call->notifications);

	return item == NULL ? NULL :
	    call_item_take(&call->notifications, item);
}

struct json_object *
call_wait(struct call *call, int64_t id, int timeout_ms)
{
	uint64_t deadline = deadline_in(timeout_ms);
	struct json_object *reply;

	while ((reply = call_take_reply(call, id)) == NULL)
		if (call_pump(call, deadline) <= 0)
			return NULL;
	return reply;
}

struct json_object *
call_next(struct call *call, int timeout_ms)
{
	uint64_t deadline = deadline_in(timeout_ms);

	while (TAILQ_EMPTY(&call->notifications))
		if (call_pump(call, deadline) <= 0)
			return NULL;
	return call_take_event(call);
}

struct json_object *
call_request(struct call *call, const char *method, struct json_object *params)
{
	int64_t id = call_send(call, method, params);

	return id == -1 ? NULL : call_wait(call, id, CALL_TIMEOUT_MS);
}

struct json_object *
call_result(struct call *call, const char *method, struct json_object *params)
{
	struct json_object *reply, *result = NULL;

	reply = call_request(call, method, params);
	if (json_object_object_get_ex(reply, "result", &result))
		json_object_get(result);
	else
		fprintf(stderr, "call: %s: %s\n", method, reply == NULL ?
		    "no answer" : json_object_to_json_string(reply));
	json_object_put(reply);
	return result;
}

int
call_error_code(struct json_object *reply)
{
	struct json_object *error, *code;

	if (!json_object_object_get_ex(reply, "error", &error) ||
	    !json_object_object_get_ex(error, "code", &code))
		return 0;
	return json_object_get_int(code);
}

int
call_ended(const struct call *call)
{
	return call->ended;
}

int
call_close_code(const struct call *call)
{
	return call->close_code;
}

const char *
call_close_reason(const struct call *call)
{
	return call->close_reason == NULL ? "" : call->close_reason;
}

struct json_object *
call_process_params(const char *process_id)
{
	struct json_object *params = json_object_new_object();

	json_object_object_add(params, "processId",
	    json_object_new_string(process_id));
	return params;
}

struct json_object *
call_start_params(const char *process_id, const char *cwd,
    const char *const argv[])
{
	struct json_object *params = call_process_params(process_id), *list;
	char *uri = xasprintf("file://%s", cwd);

	list = json_object_new_array();
	for (; *argv != NULL; argv++)
		json_object_array_add(list, json_object_new_string(*argv));
	json_object_object_add(params, "argv", list);
	json_object_object_add(params, "cwd", json_object_new_string(uri));
	json_object_object_add(params, "env", json_object_new_object());
	json_object_object_add(params, "envPolicy", json_tokener_parse(
	    "{\"inherit\":\"all\",\"ignoreDefaultExcludes\":true,"
	    "\"exclude\":[],\"set\":{},\"includeOnly\":[]}"));
	json_object_object_add(params, "tty", json_object_new_boolean(0));
	json_object_object_add(params, "pipeStdin",
	    json_object_new_boolean(0));
	free(uri);
	return params;
}

struct json_object *
call_write_params(const char *process_id, const char *write_id,
    const void *data, size_t len)
{
	struct json_object *params = call_process_params(process_id);
	char *text = xmalloc(BASE64_ENCODED_LEN(len) + 1);

	base64_encode(text, data, len);
	json_object_object_add(params, "chunk",
	    json_object_new_string_len(text, (int)BASE64_ENCODED_LEN(len)));
	json_object_object_add(params, "writeId",
	    json_object_new_string(write_id));
	free(text);
	return params;
}
