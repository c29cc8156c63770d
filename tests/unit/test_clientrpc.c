/* SPDX-License-Identifier: ISC */
/* Messages of a server taken apart, and answers brought to their calls. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>
#include <json-c/json.h>

#include "contrib/client/rpc.h"

TestSuite(clientrpc, .timeout = 20);

static const struct {
	const char *text;
	enum rpc_kind kind;
	int64_t id;
	int code;
} messages[] = {
	{ "{\"id\":1,\"result\":{}}", RPC_RESULT, 1, 0 },
	{ "{\"result\":null,\"id\":2}", RPC_RESULT, 2, 0 },
	{ " {\"id\":3,\"result\":1,\"jsonrpc\":\"2.0\"}", RPC_RESULT, 3, 0 },
	{ "{\"id\":4,\"error\":{\"code\":-32010,\"message\":\"x\"}}",
	  RPC_ERROR, 4, -32010 },
	{ "{\"id\":-1,\"error\":{}}", RPC_ERROR, -1, 0 },
	{ "{\"method\":\"m\",\"params\":{}}", RPC_NOTIFICATION, -1, 0 },
	{ "{\"method\":\"m\"}", RPC_NOTIFICATION, -1, 0 },
	{ "", RPC_BAD, -1, 0 },
	{ "{", RPC_BAD, -1, 0 },
	{ "{}", RPC_BAD, -1, 0 },
	{ "[]", RPC_BAD, -1, 0 },
	{ "1", RPC_BAD, -1, 0 },
	{ "nonsense", RPC_BAD, -1, 0 },
	{ "{\"id\":1,\"result\":{}} x", RPC_BAD, -1, 0 },
	{ "{\"id\":1}", RPC_BAD, 1, 0 },
	{ "{\"id\":\"1\",\"result\":{}}", RPC_BAD, -1, 0 },
	{ "{\"id\":1,\"error\":\"x\"}", RPC_BAD, 1, 0 },
	{ "{\"method\":5}", RPC_BAD, -1, 0 },
};

Test(clientrpc, messages)
{
	struct rpc_message msg;
	size_t i;

	for (i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		rpc_parse(&msg, messages[i].text, strlen(messages[i].text));
		cr_expect_eq(msg.kind, messages[i].kind, "row %zu: %d", i,
		    (int)msg.kind);
		cr_expect_eq(msg.id, messages[i].id, "row %zu", i);
		cr_expect_eq(msg.code, messages[i].code, "row %zu", i);
		rpc_message_clear(&msg);
	}
}

Test(clientrpc, too_deep)
{
	struct rpc_message msg;
	char text[2200];
	size_t n = 0;
	int i;

	n += (size_t)sprintf(text, "{\"id\":1,\"result\":");
	for (i = 0; i < 1000; i++)
		text[n++] = '[';
	for (i = 0; i < 1000; i++)
		text[n++] = ']';
	text[n++] = '}';
	rpc_parse(&msg, text, n);
	cr_assert_eq(msg.kind, RPC_BAD);
	rpc_message_clear(&msg);
}

Test(clientrpc, errors_are_printable)
{
	static const char text[] = "{\"id\":1,\"error\":{\"code\":-1,"
	    "\"message\":\"a\\u001b[2Jb\"}}";
	struct rpc_message msg;

	rpc_parse(&msg, text, sizeof(text) - 1);
	cr_assert_str_eq(msg.text, "a?[2Jb");
	rpc_message_clear(&msg);
}

Test(clientrpc, members)
{
	struct json_object *o = json_tokener_parse("{\"s\":\"x\",\"n\":7,"
	    "\"neg\":-7,\"t\":true,\"z\":null,\"big\":99999999999}");

	cr_assert_str_eq(rpc_string(o, "s", "d"), "x");
	cr_assert_str_eq(rpc_string(o, "n", "d"), "d");
	cr_assert_str_eq(rpc_string(o, "z", "d"), "d");
	cr_assert_str_eq(rpc_string(NULL, "s", "d"), "d");
	cr_assert_eq(rpc_uint(o, "n", 1), 7);
	cr_assert_eq(rpc_uint(o, "neg", 1), 1);
	cr_assert_eq(rpc_uint(o, "s", 1), 1);
	cr_assert_eq(rpc_uint(o, "big", 1), 99999999999);
	cr_assert_eq(rpc_int(o, "neg", 1), -7);
	cr_assert_eq(rpc_bool(o, "t"), 1);
	cr_assert_eq(rpc_bool(o, "n"), 0);
	json_object_put(o);
}

Test(clientrpc, calls)
{
	struct rpc_calls *calls = rpc_calls_new();
	uint64_t tag;
	int what, i;

	for (i = 0; i < RPC_CALLS_MAX; i++)
		cr_assert_eq(rpc_calls_add(calls, i, (uint64_t)i * 2), i + 1);
	cr_assert_eq(rpc_calls_add(calls, 0, 0), -1);
	cr_assert_eq(rpc_calls_take(calls, 3, &what, &tag), 0);
	cr_assert_eq(what, 2);
	cr_assert_eq(tag, 4);
	cr_assert_eq(rpc_calls_take(calls, 3, &what, &tag), -1);
	cr_assert_eq(rpc_calls_take(calls, 0, &what, &tag), -1);
	cr_assert_eq(rpc_calls_take(calls, -1, &what, &tag), -1);
	cr_assert_eq(rpc_calls_add(calls, 9, 9), RPC_CALLS_MAX + 1);
	rpc_calls_reset(calls);
	cr_assert_eq(rpc_calls_take(calls, 1, &what, &tag), -1);
	cr_assert_eq(rpc_calls_add(calls, 0, 0), 1);
	rpc_calls_free(calls);
}

Test(clientrpc, request)
{
	struct json_object *request;

	request = rpc_request(5, "m", json_object_new_object());
	cr_assert_str_eq(json_object_to_json_string_ext(request,
	    JSON_C_TO_STRING_PLAIN),
	    "{\"id\":5,\"method\":\"m\",\"params\":{}}");
	json_object_put(request);
}
