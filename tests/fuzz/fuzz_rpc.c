/* SPDX-License-Identifier: ISC */
/*
 * JSON-RPC messages: everything that is taken is walked through, written out
 * again, and is then taken for the same kind of message with the same id.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "gateway/jsonw.h"
#include "gateway/rpc.h"
#include "gateway/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
write_value(struct jsonw *w, const struct rpc_message *msg,
    struct json_object *value)
{
	const char *s;
	uint64_t u;
	int64_t n;
	size_t i, len;

	if (rpc_i64(value, &n) == 0)
		jsonw_i64(w, n);
	else if (rpc_u64(value, &u) == 0)
		jsonw_u64(w, u);
	else if (rpc_string(msg, value, &s, &len) == 0) {
		if (!utf8_valid(s, len))
			abort();
		jsonw_string(w, s, len);
	} else if (json_object_is_type(value, json_type_array)) {
		jsonw_array(w);
		for (i = 0; i < json_object_array_length(value); i++)
			write_value(w, msg,
			    json_object_array_get_idx(value, i));
		jsonw_end_array(w);
	} else if (json_object_is_type(value, json_type_object)) {
		jsonw_object(w);
		json_object_object_foreach(value, name, member) {
			jsonw_key_bytes(w, name, strlen(name));
			write_value(w, msg, member);
		}
		jsonw_end_object(w);
	} else
		jsonw_null(w);
}

static void
write_message(struct jsonw *w, const struct rpc_message *msg)
{
	jsonw_object(w);
	if (msg->id.type != RPC_ID_NONE) {
		jsonw_key(w, "id");
		rpc_write_id(w, &msg->id);
	}
	if (msg->method != NULL) {
		jsonw_key(w, "method");
		jsonw_string(w, msg->method, msg->method_len);
		jsonw_key(w, "params");
		write_value(w, msg, msg->params);
	} else {
		jsonw_key(w, "result");
		jsonw_null(w);
	}
	jsonw_end_object(w);
}

static void
check_same(const struct rpc_message *a, const struct rpc_message *b)
{
	if (a->kind != b->kind || a->id.type != b->id.type ||
	    a->method_len != b->method_len ||
	    (a->id.type == RPC_ID_INT && a->id.number != b->id.number) ||
	    (a->id.type == RPC_ID_STRING && (a->id.len != b->id.len ||
	    memcmp(a->id.string, b->id.string, a->id.len) != 0)))
		abort();
	if (a->method_len > 0 &&
	    memcmp(a->method, b->method, a->method_len) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rpc_parser *one, *two;
	struct rpc_message again, msg;
	struct jsonw w;

	if (one == NULL) {
		one = rpc_parser_new();
		two = rpc_parser_new();
	}
	rpc_parse(one, (const char *)data, size, false, &msg);
	if (msg.kind == RPC_MALFORMED) {
		if (msg.why == NULL || msg.id.type != RPC_ID_NONE)
			abort();
	} else {
		jsonw_init_heap(&w, 16 * size + 1024);
		write_message(&w, &msg);
		if (jsonw_finish(&w) == -1)
			abort();
		rpc_parse(two, jsonw_text(&w), jsonw_used(&w), false, &again);
		check_same(&msg, &again);
		rpc_message_clear(&again);
		jsonw_clear(&w);
	}
	rpc_message_clear(&msg);
	return 0;
}
