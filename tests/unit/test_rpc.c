/* SPDX-License-Identifier: ISC */
/* JSON-RPC messages: what is what, what is malformed, what is written. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <json-c/json.h>

#include "gateway/jsonstr.h"
#include "gateway/jsontree.h"
#include "gateway/jsonw.h"
#include "gateway/rpc.h"

TestSuite(rpc, .timeout = 30);

#define N(table) (sizeof(table) / sizeof((table)[0]))

/* Parse text in memory of exactly its size. */
static char *
parse(struct rpc_parser *parser, const char *text, size_t len,
    struct rpc_message *msg)
{
	char *copy = malloc(len + (len == 0));

	memcpy(copy, text, len);
	rpc_parse(parser, copy, len, false, msg);
	return copy;
}

static enum rpc_kind
kind_of(struct rpc_parser *parser, const char *text, size_t len)
{
	struct rpc_message msg;
	enum rpc_kind kind;
	char *copy;

	copy = parse(parser, text, len, &msg);
	kind = msg.kind;
	if (kind == RPC_MALFORMED) {
		cr_assert_not_null(msg.why);
		cr_assert_eq(msg.id.type, RPC_ID_NONE);
		cr_assert_null(msg.params);
	}
	rpc_message_clear(&msg);
	rpc_message_clear(&msg);
	free(copy);
	return kind;
}

static const struct {
	const char *text;
	enum rpc_kind kind;
} kinds[] = {
	{ "{\"id\":1,\"method\":\"m\"}", RPC_REQUEST },
	{ " \r\n\t{ \"params\" : null ,\n \"method\":\"m\", \"id\" : 2 }\n ",
	    RPC_REQUEST },
	{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\"}", RPC_REQUEST },
	{ "{\"jsonrpc\":5,\"id\":1,\"method\":\"m\"}", RPC_REQUEST },
	{ "{\"x\":[1,{\"a\":null}],\"id\":1,\"method\":\"m\",\"y\":\"z\"}",
	    RPC_REQUEST },
	{ "{\"id\":\"\",\"method\":\"\"}", RPC_REQUEST },
	{ "{\"id\":-9223372036854775808,\"method\":\"m\"}", RPC_REQUEST },
	{ "{\"id\":9223372036854775807,\"method\":\"m\"}", RPC_REQUEST },
	{ "{\"id\":1.5,\"id\":1,\"method\":5,\"method\":\"m\"}", RPC_REQUEST },
	{ "{\"id\":1,\"method\":\"m\",\"result\":1}", RPC_REQUEST },
	{ "{\"id\":1,\"method\":\"m\",\"params\":[1]}", RPC_REQUEST },
	{ "{\"id\":1,\"method\":\"m\",\"params\":\"x\"}", RPC_REQUEST },
	{ "{\"id\":1,\"method\":\"m\",\"trace\":null}", RPC_REQUEST },
	{ "{\"id\":1,\"method\":\"m\",\"trace\":{}}", RPC_REQUEST },
	{ "{\"id\":1,\"method\":\"m\",\"trace\":{\"traceparent\":\"a\","
	    "\"tracestate\":null,\"other\":5}}", RPC_REQUEST },
	{ "{\"method\":\"m\"}", RPC_NOTIFICATION },
	{ "{\"method\":\"m\",\"params\":{}}", RPC_NOTIFICATION },
	{ "{\"id\":1,\"result\":{}}", RPC_RESPONSE },
	{ "{\"id\":\"a\",\"result\":null}", RPC_RESPONSE },
	{ "{\"id\":1,\"error\":{\"code\":1,\"message\":\"m\"}}",
	    RPC_RESPONSE },

	{ "", RPC_MALFORMED },
	{ " ", RPC_MALFORMED },
	{ "null", RPC_MALFORMED },
	{ "1", RPC_MALFORMED },
	{ "\"x\"", RPC_MALFORMED },
	{ "[]", RPC_MALFORMED },
	{ "[{\"id\":1,\"method\":\"m\"}]", RPC_MALFORMED },
	{ "{}", RPC_MALFORMED },
	{ "{\"id\":1}", RPC_MALFORMED },
	{ "{\"result\":1}", RPC_MALFORMED },
	{ "{\"id\":1,\"error\":null}", RPC_MALFORMED },
	{ "{\"id\":1,\"error\":{\"code\":\"1\",\"message\":\"m\"}}",
	    RPC_MALFORMED },
	{ "{\"error\":{\"code\":1,\"message\":\"m\"}}", RPC_MALFORMED },
	{ "{\"id\":null,\"method\":\"m\"}", RPC_MALFORMED },
	{ "{\"id\":1.5,\"method\":\"m\"}", RPC_MALFORMED },
	{ "{\"id\":1.0,\"method\":\"m\"}", RPC_MALFORMED },
	{ "{\"id\":1e3,\"method\":\"m\"}", RPC_MALFORMED },
	{ "{\"id\":-0,\"method\":\"m\"}", RPC_MALFORMED },
	{ "{\"id\":true,\"method\":\"m\"}", RPC_MALFORMED },
	{ "{\"id\":{},\"method\":\"m\"}", RPC_MALFORMED },
	{ "{\"id\":[],\"method\":\"m\"}", RPC_MALFORMED },
	{ "{\"id\":9223372036854775808,\"method\":\"m\"}", RPC_MALFORMED },
	{ "{\"id\":-9223372036854775809,\"method\":\"m\"}", RPC_MALFORMED },
	{ "{\"id\":18446744073709551616,\"method\":\"m\"}", RPC_MALFORMED },
	{ "{\"id\":99999999999999999999999,\"method\":\"m\"}",
	    RPC_MALFORMED },
	{ "{\"id\":1,\"method\":5}", RPC_MALFORMED },
	{ "{\"id\":1,\"method\":null}", RPC_MALFORMED },
	{ "{\"id\":1,\"method\":5,\"result\":1}", RPC_MALFORMED },
	{ "{\"id\":1,\"method\":\"m\",\"method\":5}", RPC_MALFORMED },
	{ "{\"id\":1,\"method\":\"m\",\"trace\":5}", RPC_MALFORMED },
	{ "{\"id\":1,\"method\":\"m\",\"trace\":[]}", RPC_MALFORMED },
	{ "{\"id\":1,\"method\":\"m\",\"trace\":\"x\"}", RPC_MALFORMED },
	{ "{\"id\":1,\"method\":\"m\",\"trace\":{\"traceparent\":1}}",
	    RPC_MALFORMED },
	{ "{\"id\":1,\"method\":\"m\"}x", RPC_MALFORMED },
	{ "{\"id\":1,\"method\":\"m\"}{}", RPC_MALFORMED },
	{ "{\"id\":1,\"method\":\"m\"},", RPC_MALFORMED },
	{ "\xef\xbb\xbf{\"id\":1,\"method\":\"m\"}", RPC_MALFORMED },
	{ "{\"id\":1,\"method\":\"\xff\"}", RPC_MALFORMED },
	{ "{\"id\":1,\"method\":\"m\",}", RPC_MALFORMED },
	{ "{,\"id\":1,\"method\":\"m\"}", RPC_MALFORMED },
	{ "{\"id\":1 \"method\":\"m\"}", RPC_MALFORMED },
	{ "{\"id\" 1,\"method\":\"m\"}", RPC_MALFORMED },
	{ "{id:1,\"method\":\"m\"}", RPC_MALFORMED },
	{ "{'id':1,\"method\":\"m\"}", RPC_MALFORMED },
	{ "/**/{\"id\":1,\"method\":\"m\"}", RPC_MALFORMED },
};

/* Values of JSON and what only looks like one. */
static const struct {
	const char *text;
	bool good;
} values[] = {
	{ "0", true }, { "-1", true }, { "10", true }, { "0.5", true },
	{ "-0", true }, { "1e3", true }, { "1E+3", true }, { "1.5e-3", true },
	{ "1234567890123456789012345", true }, { "true", true },
	{ "false", true }, { "null", true }, { "\"\"", true },
	{ "\"\\u00e9\\ud83d\\ude00\\/\"", true }, { "\"\\u0000\"", true },
	{ "[]", true }, { "[1]", true }, { "[1,[2,{}],3]", true },
	{ "{ }", true }, { "[ ]", true }, { "\"\x7f\"", true },
	{ "", false }, { "01", false }, { "-01", false }, { "-", false },
	{ "+1", false }, { ".5", false }, { "1.", false }, { "1.e1", false },
	{ "1e", false }, { "1e+", false }, { "0x10", false }, { "1_0", false },
	{ "NaN", false }, { "-Infinity", false }, { "Infinity", false },
	{ "True", false }, { "tru", false }, { "nul", false },
	{ "truex", false }, { "'a'", false }, { "\"", false },
	{ "\"\\x41\"", false }, { "\"\\\"", false }, { "\"\t\"", false },
	{ "\"\x1f\"", false }, { "\"\\u12\"", false }, { "\"\\u12g4\"", false },
	{ "\"\\ud800\"", false }, { "\"\\ud800x\"", false },
	{ "\"\\ud800\\n\"", false }, { "\"\\ud800\\u0041\"", false },
	{ "\"\\udc00\"", false }, { "\"\\udc00\\ud800\"", false },
	{ "[", false }, { "[1", false }, { "[1,", false }, { "[1,]", false },
	{ "[,1]", false }, { "[1 2]", false }, { "[1}", false },
	{ "{\"a\"}", false }, { "{\"a\":}", false }, { "{\"a\":1]", false },
	{ "{\"a\\u0000b\":1}", false }, { "{1:1}", false },
};

Test(rpc, kinds)
{
	struct rpc_parser *parser = rpc_parser_new();
	size_t i;

	for (i = 0; i < N(kinds); i++)
		cr_assert_eq(kind_of(parser, kinds[i].text,
		    strlen(kinds[i].text)), kinds[i].kind, "%s",
		    kinds[i].text);
	rpc_parser_free(parser);
}

Test(rpc, every_truncation_is_malformed)
{
	struct rpc_parser *parser = rpc_parser_new();
	size_t i, len;

	for (i = 0; i < N(kinds); i++) {
		len = strlen(kinds[i].text);
		while (len > 0 && kinds[i].text[len - 1] != '}')
			len--;
		while (kinds[i].kind != RPC_MALFORMED && len-- > 0)
			cr_assert_eq(kind_of(parser, kinds[i].text, len),
			    RPC_MALFORMED, "%.*s", (int)len, kinds[i].text);
	}
	rpc_parser_free(parser);
}

Test(rpc, values)
{
	struct rpc_parser *parser = rpc_parser_new();
	char text[256];
	size_t i;

	for (i = 0; i < N(values); i++) {
		(void)snprintf(text, sizeof(text),
		    "{\"method\":\"m\",\"params\":%s}", values[i].text);
		cr_assert_eq(kind_of(parser, text, strlen(text)),
		    values[i].good ? RPC_NOTIFICATION : RPC_MALFORMED, "%s",
		    values[i].text);
	}
	rpc_parser_free(parser);
}

Test(rpc, nul_in_the_text)
{
	static const char text[] = "{\"id\":1,\"method\":\"m\"}\0";
	static const char inside[] = "{\"id\":1,\"method\":\"m\0\"}";
	struct rpc_parser *parser = rpc_parser_new();

	cr_assert_eq(kind_of(parser, text, sizeof(text) - 1), RPC_MALFORMED);
	cr_assert_eq(kind_of(parser, inside, sizeof(inside) - 1),
	    RPC_MALFORMED);
	rpc_parser_free(parser);
}

Test(rpc, ids_and_methods)
{
	static const char text[] = "{\"id\":\"a\\u0000\\ud83d\\ude00\","
	    "\"method\":\"x\\u0000y\",\"params\":{\"k\":\"v\\u0000w\"}}";
	struct rpc_parser *parser = rpc_parser_new();
	struct rpc_message msg;
	const char *s;
	size_t len;
	char *copy;

	copy = parse(parser, text, sizeof(text) - 1, &msg);
	cr_assert_eq(msg.kind, RPC_REQUEST);
	cr_assert_eq(msg.id.type, RPC_ID_STRING);
	cr_assert_eq(msg.id.len, 6);
	cr_assert_arr_eq(msg.id.string, "a\0\xf0\x9f\x98\x80", 6);
	cr_assert_eq(msg.method_len, 3);
	cr_assert_arr_eq(msg.method, "x\0y", 3);
	cr_assert_eq(rpc_string(&msg, json_object_object_get(msg.params, "k"),
	    &s, &len), 0);
	cr_assert_eq(len, 3);
	cr_assert_arr_eq(s, "v\0w", 3);
	cr_assert_eq(rpc_string(&msg, NULL, &s, &len), -1);
	cr_assert_eq(rpc_string(&msg, msg.params, &s, &len), -1);
	rpc_message_clear(&msg);
	free(copy);

	copy = parse(parser, "{\"id\":-7,\"method\":\"m\",\"params\":null}",
	    36, &msg);
	cr_assert_eq(msg.kind, RPC_REQUEST);
	cr_assert_eq(msg.id.type, RPC_ID_INT);
	cr_assert_eq(msg.id.number, -7);
	cr_assert_null(msg.params);
	rpc_message_clear(&msg);
	free(copy);
	rpc_parser_free(parser);
}

Test(rpc, integers)
{
	static const struct {
		const char *text;
		bool is_i64, is_u64;
	} rows[] = {
		{ "0", true, true }, { "-1", true, false },
		{ "-9223372036854775808", true, false },
		{ "-9223372036854775809", false, false },
		{ "9223372036854775807", true, true },
		{ "9223372036854775808", false, true },
		{ "18446744073709551615", false, true },
		{ "18446744073709551616", false, false },
		{ "99999999999999999999", false, false },
		{ "1.0", false, false }, { "1e3", false, false },
		{ "-0", false, false }, { "\"1\"", false, false },
		{ "null", false, false }, { "true", false, false },
	};
	struct rpc_parser *parser = rpc_parser_new();
	struct json_object *value;
	struct rpc_message msg;
	char *copy, text[128];
	uint64_t u;
	int64_t n;
	size_t i;

	for (i = 0; i < N(rows); i++) {
		(void)snprintf(text, sizeof(text),
		    "{\"method\":\"m\",\"params\":{\"n\":%s}}", rows[i].text);
		copy = parse(parser, text, strlen(text), &msg);
		cr_assert_eq(msg.kind, RPC_NOTIFICATION);
		value = json_object_object_get(msg.params, "n");
		cr_assert_eq(rpc_i64(value, &n) == 0, rows[i].is_i64, "%s",
		    rows[i].text);
		cr_assert_eq(rpc_u64(value, &u) == 0, rows[i].is_u64, "%s",
		    rows[i].text);
		if (rows[i].is_i64)
			cr_assert_eq(n, strtoll(rows[i].text, NULL, 10));
		if (rows[i].is_u64)
			cr_assert_eq(u, strtoull(rows[i].text, NULL, 10));
		rpc_message_clear(&msg);
		free(copy);
	}
	rpc_parser_free(parser);
}

/*
 * Long strings stand in every kind of place; a short one looks like a
 * stand-in; with "nul" a real NUL is in the message as well.
 */
static void
check_long_strings(struct rpc_parser *parser, size_t n, bool nul)
{
	char *big = malloc(n + 1), *copy, *text = malloc(4 * n + 400);
	struct json_object *list;
	struct rpc_message msg;
	const char *s;
	size_t len;
	int total;

	memset(big, 'b', n);
	big[n] = '\0';
	total = sprintf(text, "{\"id\":\"%s1\",\"method\":\"%s2\","
	    "\"params\":{\"list\":[99999999999999999999,\"%s3\",\"short\","
	    "\"0\",\"%s\"],\"last\":\"%s\\n4\"}}", big, big, big,
	    nul ? "\\u00000" : "", big);
	copy = parse(parser, text, (size_t)total, &msg);
	cr_assert_eq(msg.kind, RPC_REQUEST, "%s", msg.why);
	cr_assert_eq(msg.id.len, n + 1);
	cr_assert_eq(msg.id.string[n], '1');
	cr_assert_eq(msg.method_len, n + 1);
	cr_assert_arr_eq(msg.method, big, n);
	cr_assert_eq(msg.method[n], '2');
	list = json_object_object_get(msg.params, "list");
	cr_assert_eq(rpc_string(&msg, json_object_array_get_idx(list, 1), &s,
	    &len), 0);
	cr_assert_eq(len, n + 1);
	cr_assert_eq(s[n], '3');
	cr_assert_eq(rpc_string(&msg, json_object_array_get_idx(list, 2), &s,
	    &len), 0);
	cr_assert_eq(len, 5);
	cr_assert_arr_eq(s, "short", 5);
	cr_assert_eq(rpc_string(&msg, json_object_array_get_idx(list, 4), &s,
	    &len), 0);
	cr_assert_eq(len, nul ? 2 : 0);
	if (nul)
		cr_assert_arr_eq(s, "\0000", 2);
	cr_assert_eq(rpc_string(&msg, json_object_object_get(msg.params,
	    "last"), &s, &len), 0);
	cr_assert_eq(len, n + 2);
	cr_assert_arr_eq(s, big, n);
	cr_assert_eq(s[n + 1], '4');
	rpc_message_clear(&msg);
	free(copy);
	free(text);
	free(big);
}

Test(rpc, long_strings)
{
	struct rpc_parser *parser = rpc_parser_new();
	size_t n;

	for (n = JSONTREE_LONG - 4; n < JSONTREE_LONG + 4; n++) {
		check_long_strings(parser, n, false);
		check_long_strings(parser, n, true);
	}
	check_long_strings(parser, 1 << 20, false);
	check_long_strings(parser, 1 << 20, true);
	check_long_strings(parser, 8, false);
	rpc_parser_free(parser);
}

static enum rpc_kind
kind_at_depth(struct rpc_parser *parser, int depth)
{
	char text[1024];
	int i, n;

	n = sprintf(text, "{\"method\":\"m\",\"params\":");
	for (i = 1; i < depth; i++)
		n += sprintf(text + n, i % 2 ? "[" : "{\"a\":");
	n += sprintf(text + n, "1");
	for (i = depth - 1; i > 0; i--)
		n += sprintf(text + n, i % 2 ? "]" : "}");
	n += sprintf(text + n, "}");
	return kind_of(parser, text, (size_t)n);
}

Test(rpc, depth)
{
	struct rpc_parser *parser = rpc_parser_new();

	cr_assert_eq(kind_at_depth(parser, RPC_DEPTH_MAX), RPC_NOTIFICATION);
	cr_assert_eq(kind_at_depth(parser, RPC_DEPTH_MAX + 1), RPC_MALFORMED);
	rpc_parser_free(parser);
}

Test(rpc, number_of_values)
{
	struct rpc_parser *parser = rpc_parser_new();
	char *text = malloc(RPC_VALUES_MAX * 3 + 64);
	size_t i, n, want;
	int over;

	for (over = 0; over < 2; over++) {
		n = (size_t)sprintf(text, "{\"method\":\"m\",\"params\":[");
		/* The object, the method and the array are there already. */
		want = RPC_VALUES_MAX - JSONTREE_OBJECT_WEIGHT - 1 -
		    JSONTREE_ARRAY_WEIGHT + (size_t)over;
		for (i = 0; i < want; i++)
			n += (size_t)sprintf(text + n, i ? ",1" : "1");
		n += (size_t)sprintf(text + n, "]}");
		cr_assert_eq(kind_of(parser, text, n),
		    over ? RPC_MALFORMED : RPC_NOTIFICATION);
	}
	free(text);
	rpc_parser_free(parser);
}

Test(rpc, plain_run)
{
	char text[100];
	size_t i;
	int c;

	for (c = 0; c < 256; c++) {
		for (i = 0; i < sizeof(text); i++) {
			memset(text, 0xe4, sizeof(text));
			text[i] = (char)c;
			cr_assert_eq(jsonstr_plain_run(text, sizeof(text)),
			    c < ' ' || c == '"' || c == '\\' ? i :
			    sizeof(text), "%d at %zu", c, i);
		}
	}
}

static void
check_written(struct jsonw *w, const char *want)
{
	cr_assert_eq(jsonw_finish(w), 0);
	cr_assert_eq(jsonw_used(w), strlen(want), "%.*s",
	    (int)jsonw_used(w), jsonw_text(w));
	cr_assert_arr_eq(jsonw_text(w), want, strlen(want), "%s", want);
}

Test(rpc, answers)
{
	static const struct rpc_id number = { .type = RPC_ID_INT,
	    .number = INT64_MIN };
	static const struct rpc_id string = { .type = RPC_ID_STRING,
	    .string = "\"\0", .len = 2 };
	static const struct rpc_id none = { .type = RPC_ID_NONE };
	char buf[256];
	struct jsonw w;

	jsonw_init(&w, buf, sizeof(buf), NULL, NULL);
	rpc_write_result_head(&w, &number);
	jsonw_object(&w);
	jsonw_end_object(&w);
	rpc_write_result_tail(&w);
	check_written(&w, "{\"id\":-9223372036854775808,\"result\":{}}");

	jsonw_init(&w, buf, sizeof(buf), NULL, NULL);
	rpc_write_error(&w, &none, RPC_INVALID_REQUEST, "a\"\xff", 3);
	check_written(&w, "{\"id\":-1,\"error\":{\"code\":-32600,"
	    "\"message\":\"a\\\"\xef\xbf\xbd\"}}");

	jsonw_init(&w, buf, sizeof(buf), NULL, NULL);
	rpc_write_error_data_head(&w, &string, RPC_NOT_FOUND, "m", 1);
	jsonw_null(&w);
	rpc_write_error_data_tail(&w);
	check_written(&w, "{\"id\":\"\\\"\\u0000\",\"error\":{\"code\":"
	    "-32004,\"message\":\"m\",\"data\":null}}");

	jsonw_init(&w, buf, sizeof(buf), NULL, NULL);
	rpc_write_notification_head(&w, "process/closed");
	jsonw_object(&w);
	jsonw_key(&w, "seq");
	jsonw_u64(&w, 3);
	jsonw_end_object(&w);
	rpc_write_notification_tail(&w);
	check_written(&w,
	    "{\"method\":\"process/closed\",\"params\":{\"seq\":3}}");
}
