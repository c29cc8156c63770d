/* SPDX-License-Identifier: ISC */
/* JSON-RPC as the server speaks it: messages and calls. */
#include "config.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "common/log.h"
#include "common/xmalloc.h"
#include "contrib/client/rpc.h"

#define RPC_DEPTH 32

struct rpc_call {
	int64_t id; /* 0: free */
	int what;
	uint64_t tag;
};

struct rpc_calls {
	int64_t last_id;
	struct rpc_call calls[RPC_CALLS_MAX];
};

static struct json_object *
rpc_member(struct json_object *object, const char *name, json_type type)
{
	struct json_object *value;

	if (!json_object_is_type(object, json_type_object) ||
	    !json_object_object_get_ex(object, name, &value) ||
	    !json_object_is_type(value, type))
		return NULL;
	return value;
}

const char *
rpc_string(struct json_object *object, const char *name, const char *def)
{
	struct json_object *value = rpc_member(object, name, json_type_string);

	/* An embedded NUL ends the string here; nothing relies on more. */
	return value == NULL ? def : json_object_get_string(value);
}

uint64_t
rpc_uint(struct json_object *object, const char *name, uint64_t def)
{
	struct json_object *value = rpc_member(object, name, json_type_int);

	if (value == NULL || json_object_get_int64(value) < 0)
		return def;
	return json_object_get_uint64(value);
}

int
rpc_int(struct json_object *object, const char *name, int def)
{
	struct json_object *value = rpc_member(object, name, json_type_int);

	/* json-c clamps what an int can't hold. */
	return value == NULL ? def : json_object_get_int(value);
}

int
rpc_bool(struct json_object *object, const char *name)
{
	struct json_object *value;

	value = rpc_member(object, name, json_type_boolean);
	return value != NULL && json_object_get_boolean(value);
}

static void
rpc_parse_error(struct rpc_message *msg, struct json_object *error)
{
	const char *text = rpc_string(error, "message", "");

	msg->kind = RPC_ERROR;
	msg->code = rpc_int(error, "code", 0);
	msg->data = rpc_member(error, "data", json_type_object);
	log_clean(msg->text, text, strlen(text));
}

static struct json_object *
rpc_parse_text(const char *text, size_t len)
{
	struct json_tokener *tokener;
	struct json_object *root = NULL;

	if (len > INT_MAX || (tokener = json_tokener_new_ex(RPC_DEPTH)) == NULL)
		return NULL;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	root = json_tokener_parse_ex(tokener, text, (int)len);
	/* A text that stops half-way leaves the tokener waiting. */
	if (root != NULL &&
	    (json_tokener_get_error(tokener) != json_tokener_success ||
	    !json_object_is_type(root, json_type_object))) {
		json_object_put(root);
		root = NULL;
	}
	json_tokener_free(tokener);
	return root;
}

void
rpc_parse(struct rpc_message *msg, const char *text, size_t len)
{
	struct json_object *id, *error;

	memset(msg, 0, sizeof(*msg));
	msg->id = -1;
	if ((msg->root = rpc_parse_text(text, len)) == NULL)
		return;
	if ((msg->method = rpc_string(msg->root, "method", NULL)) != NULL) {
		msg->kind = RPC_NOTIFICATION;
		json_object_object_get_ex(msg->root, "params", &msg->body);
		return;
	}
	if ((id = rpc_member(msg->root, "id", json_type_int)) == NULL)
		return;
	msg->id = json_object_get_int64(id);
	error = rpc_member(msg->root, "error", json_type_object);
	if (error != NULL)
		rpc_parse_error(msg, error);
	else if (json_object_object_get_ex(msg->root, "result", &msg->body))
		msg->kind = RPC_RESULT;
}

void
rpc_message_clear(struct rpc_message *msg)
{
	json_object_put(msg->root);
	msg->root = NULL;
}

struct json_object *
rpc_request(int64_t id, const char *method, struct json_object *params)
{
	struct json_object *request = json_object_new_object();

	if (id != 0)
		json_object_object_add(request, "id",
		    json_object_new_int64(id));
	json_object_object_add(request, "method",
	    json_object_new_string(method));
	json_object_object_add(request, "params", params);
	return request;
}

struct rpc_calls *
rpc_calls_new(void)
{
	return xcalloc(1, sizeof(struct rpc_calls));
}

void
rpc_calls_free(struct rpc_calls *calls)
{
	free(calls);
}

void
rpc_calls_reset(struct rpc_calls *calls)
{
	memset(calls, 0, sizeof(*calls));
}

int64_t
rpc_calls_add(struct rpc_calls *calls, int what, uint64_t tag)
{
	size_t i;

	for (i = 0; i < RPC_CALLS_MAX; i++)
		if (calls->calls[i].id == 0) {
			calls->calls[i].id = ++calls->last_id;
			calls->calls[i].what = what;
			calls->calls[i].tag = tag;
			return calls->last_id;
		}
	return -1;
}

int
rpc_calls_take(struct rpc_calls *calls, int64_t id, int *what, uint64_t *tag)
{
	size_t i;

	for (i = 0; id > 0 && i < RPC_CALLS_MAX; i++)
		if (calls->calls[i].id == id) {
			calls->calls[i].id = 0;
			*what = calls->calls[i].what;
			*tag = calls->calls[i].tag;
			return 0;
		}
	return -1;
}
