/* SPDX-License-Identifier: ISC */
/* JSON-RPC messages taken apart. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "gateway/jsontree.h"
#include "gateway/rpc.h"
#include "gateway/utf8.h"

struct rpc_parser {
	struct jsontree tree;
};

struct rpc_parser *
rpc_parser_new(void)
{
	struct rpc_parser *parser;

	if ((parser = calloc(1, sizeof(*parser))) == NULL)
		return NULL;
	parser->tree.max_depth = RPC_DEPTH_MAX;
	parser->tree.max_values = RPC_VALUES_MAX;
	return parser;
}

void
rpc_parser_free(struct rpc_parser *parser)
{
	if (parser == NULL)
		return;
	jsontree_clear(&parser->tree);
	free(parser);
}

static void
malformed(struct rpc_message *msg, const char *why)
{
	msg->kind = RPC_MALFORMED;
	msg->why = why;
	msg->id.type = RPC_ID_NONE;
	msg->params = NULL;
}

int
rpc_string(const struct rpc_message *msg, struct json_object *value,
    const char **bytes, size_t *len)
{
	(void)msg;
	return jsontree_string(value, bytes, len);
}

int
rpc_u64(struct json_object *value, uint64_t *number)
{
	if (!json_object_is_type(value, json_type_int) ||
	    json_object_get_int64(value) < 0)
		return -1;
	*number = json_object_get_uint64(value);
	return 0;
}

int
rpc_i64(struct json_object *value, int64_t *number)
{
	if (!json_object_is_type(value, json_type_int))
		return -1;
	*number = json_object_get_int64(value);
	/* What is above the range reads as its end. */
	if (*number == INT64_MAX &&
	    json_object_get_uint64(value) > (uint64_t)INT64_MAX)
		return -1;
	return 0;
}

static int
take_id(struct rpc_message *msg, struct json_object *value)
{
	if (rpc_i64(value, &msg->id.number) == 0)
		msg->id.type = RPC_ID_INT;
	else if (rpc_string(msg, value, &msg->id.string, &msg->id.len) == 0)
		msg->id.type = RPC_ID_STRING;
	else
		return -1;
	return 0;
}

static bool
string_or_null(struct json_object *value)
{
	return value == NULL || json_object_is_type(value, json_type_string);
}

static bool
trace_is_sound(struct json_object *root)
{
	struct json_object *parent, *state, *trace;

	trace = json_object_object_get(root, "trace");
	if (trace == NULL)
		return true;
	if (!json_object_is_type(trace, json_type_object))
		return false;
	parent = json_object_object_get(trace, "traceparent");
	state = json_object_object_get(trace, "tracestate");
	return string_or_null(parent) && string_or_null(state);
}

static bool
error_is_sound(struct json_object *error)
{
	int64_t code;

	return json_object_is_type(error, json_type_object) &&
	    rpc_i64(json_object_object_get(error, "code"), &code) == 0 &&
	    json_object_is_type(json_object_object_get(error, "message"),
	    json_type_string);
}

static void
take_response(struct rpc_message *msg, bool has_id)
{
	struct json_object *value;

	if (!has_id)
		malformed(msg, "there is neither a method nor an id");
	else if (!json_object_object_get_ex(msg->root, "result", NULL) &&
	    (!json_object_object_get_ex(msg->root, "error", &value) ||
	    !error_is_sound(value)))
		malformed(msg, "there is no method");
	else
		msg->kind = RPC_RESPONSE;
}

static void
take_apart(struct rpc_message *msg)
{
	struct json_object *id, *method;
	bool has_id;

	has_id = json_object_object_get_ex(msg->root, "id", &id);
	if (has_id && take_id(msg, id) == -1) {
		malformed(msg, "the id is neither a string nor an integer");
		return;
	}
	if (!json_object_object_get_ex(msg->root, "method", &method)) {
		take_response(msg, has_id);
		return;
	}
	if (rpc_string(msg, method, &msg->method, &msg->method_len) == -1) {
		malformed(msg, "the method is not a string");
		return;
	}
	if (!trace_is_sound(msg->root)) {
		malformed(msg, "trace is not an object of strings");
		return;
	}
	msg->kind = has_id ? RPC_REQUEST : RPC_NOTIFICATION;
	msg->params = json_object_object_get(msg->root, "params");
}

void
rpc_parse(struct rpc_parser *parser, const char *text, size_t len,
    bool utf8_checked, struct rpc_message *msg)
{
	const char *why;

	memset(msg, 0, sizeof(*msg));
	if (!utf8_checked && !utf8_valid(text, len)) {
		malformed(msg, "the message is not UTF-8");
		return;
	}
	why = jsontree_parse(&parser->tree, text, len, &msg->root);
	if (why != NULL)
		malformed(msg, why);
	else
		take_apart(msg);
}

void
rpc_message_clear(struct rpc_message *msg)
{
	json_object_put(msg->root);
	memset(msg, 0, sizeof(*msg));
}
