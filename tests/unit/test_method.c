/* SPDX-License-Identifier: ISC */
/*
 * The table of methods, walked whole: every parameter right, missing, null
 * and of every wrong type.
 */
#include "config.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/proto.h"
#include "gateway/method.h"
#include "gateway/params.h"
#include "gateway/rpc.h"

TestSuite(method, .timeout = 30);

#define TEXT_SIZE 4096

static struct rpc_parser *parser;
static struct params_refusal now, later;
static struct writer w;

static void
setup(void)
{
	parser = rpc_parser_new();
	writer_init(&w, PROTO_REQUEST_MAX);
}

static void
teardown(void)
{
	rpc_parser_free(parser);
	writer_clear(&w);
}

/* Encode a call with these params; its id is 7. */
static int
encode(const struct method *method, const char *params)
{
	char text[TEXT_SIZE + 256];
	struct rpc_message msg;
	int result;

	snprintf(text, sizeof(text), "{\"id\":7,\"method\":\"%s\"%s%s}",
	    method->name, params[0] == '\0' ? "" : ",\"params\":", params);
	rpc_parse(parser, text, strlen(text), false, &msg);
	cr_assert_eq(msg.kind, RPC_REQUEST, "%s: %s", text, msg.why);
	writer_reset(&w);
	proto_put_u64(&w, TAG_ID_INT, 7);
	result = params_encode(method, &msg, &w, &now, &later);
	rpc_message_clear(&msg);
	return result;
}

/* A right value of each kind; what a member needs is added by good_value(). */
static const char *const good[PARAM_KINDS] = {
	[PARAM_STRING] = "\"text\"",
	[PARAM_STRING_SOME] = "\"text\"",
	[PARAM_STRINGS] = "[]",
	[PARAM_STRINGS_SOME] = "[\"a\",\"\"]",
	[PARAM_ENV] = "{\"A\":\"1\",\"B\":\"x=y\"}",
	[PARAM_URI] = "\"file:///tmp/x%20y\"",
	[PARAM_PATH] = "\"file:///tmp\"",
	[PARAM_BOOL] = "true",
	[PARAM_U64] = "18446744073709551615",
	[PARAM_U64_SOME] = "1",
	[PARAM_U16_SOME] = "65535",
	[PARAM_I64] = "-9223372036854775808",
	[PARAM_BASE64] = "\"aGk=\"",
	[PARAM_CONTENT] = "\"aGk=\"",
	[PARAM_PATHS] = "[\"file:///tmp\",\"file:///x\"]",
	[PARAM_HEADERS] = "[{\"name\":\"a\",\"value\":\"b\","
	    "\"valueEnvVar\":null},{\"name\":\"c\",\"value\":\"\"}]",
	[PARAM_OBJECT] = "{\"any\":[1,{}]}",
	[PARAM_ARRAY] = "[1,{}]",
	[PARAM_SANDBOX] = "{\"permissions\":{\"type\":\"disabled\"}}",
};

/* Values that are wrong for each kind, up to a NULL. */
static const char *const bad[PARAM_KINDS][9] = {
	[PARAM_STRING] = { "5", "true", "[]", "{}" },
	[PARAM_STRING_SOME] = { "\"\"", "5", "[\"a\"]", "{}" },
	[PARAM_STRINGS] = { "\"a\"", "[1]", "[\"a\",null]", "{}", "1" },
	[PARAM_STRINGS_SOME] = { "[]", "\"a\"", "[1]", "[null]", "{}" },
	[PARAM_ENV] = { "[]", "{\"A\":1}", "{\"A\":null}", "\"A=1\"" },
	[PARAM_URI] = { "\"/tmp\"", "\"http://a/b\"", "5", "\"\"",
	    "\"file://elsewhere/x\"", "\"file:///x?y\"", "\"file:///%00\"",
	    "[]" },
	[PARAM_PATH] = { "\"/tmp\"", "\"http://a/b\"", "5", "\"\"",
	    "\"file:///x#y\"" },
	[PARAM_BOOL] = { "0", "\"true\"", "[]", "{}" },
	[PARAM_U64] = { "-1", "1.5", "\"1\"", "18446744073709551616", "-0",
	    "true", "1e3" },
	[PARAM_U64_SOME] = { "0", "-1", "1.5", "\"1\"",
	    "18446744073709551616" },
	[PARAM_U16_SOME] = { "0", "-1", "65536", "1.5", "\"1\"", "true" },
	[PARAM_I64] = { "1.5", "\"1\"", "9223372036854775808", "{}" },
	[PARAM_BASE64] = { "\"aGk\"", "\"aGk=\\n\"", "\"a*k=\"", "5",
	    "\"aGl=\"" },
	[PARAM_CONTENT] = { "5", "[]", "true" },
	[PARAM_PATHS] = { "\"file:///tmp\"", "[5]", "[\"/tmp\"]", "{}" },
	[PARAM_HEADERS] = { "{}", "[5]", "[{}]", "[{\"name\":\"a\"}]",
	    "[{\"name\":\"a\",\"value\":5}]" },
	[PARAM_INDEX] = { "\"\"", "\"NONE\"", "5", "{}", "\"all \"" },
	[PARAM_WORD] = { "\"\"", "\"INTERRUPT\"", "\"kill\"", "5", "{}",
	    "\"none \"" },
	[PARAM_MEMBERS] = { "[]", "5", "\"x\"", "{}" },
	[PARAM_OBJECT] = { "[]", "5", "\"x\"", "true" },
	[PARAM_ARRAY] = { "{}", "5", "\"x\"" },
	[PARAM_SANDBOX] = { "[]", "5", "\"x\"", "{}" },
};

static void add_members(char *text, const struct param_row *rows,
    const struct param_row *other, const char *value);

/* Append to text of TEXT_SIZE. */
static void
append(char *text, const char *more)
{
	size_t len = strlen(text), n = strlen(more);

	cr_assert_lt(len + n, TEXT_SIZE);
	memcpy(text + len, more, n + 1);
}

static void
append_quoted(char *text, const char *word)
{
	append(text, "\"");
	append(text, word);
	append(text, "\"");
}

static void
add_good(char *text, const struct param_row *row)
{
	if (row->kind == PARAM_WORD || row->kind == PARAM_INDEX)
		append_quoted(text, row->words[0]);
	else if (row->kind == PARAM_MEMBERS)
		add_members(text, row->members, NULL, NULL);
	else
		append(text, good[row->kind]);
}

/*
 * An object with everything that "rows" has, but "other" has the value given,
 * or is left out if that is NULL.
 */
static void
add_members(char *text, const struct param_row *rows,
    const struct param_row *other, const char *value)
{
	const char *comma = "";

	append(text, "{");
	for (; rows->name != NULL; rows++) {
		if (rows == other && value == NULL)
			continue;
		append(text, comma);
		append_quoted(text, rows->name);
		append(text, ":");
		if (rows == other)
			append(text, value);
		else
			add_good(text, rows);
		comma = ",";
	}
	append(text, "}");
}

static int
encode_with(const struct method *method, const struct param_row *other,
    const char *value)
{
	char text[TEXT_SIZE] = "";

	add_members(text, method->params, other, value);
	return encode(method, text);
}

static void
expect_refused(const struct method *method, const struct param_row *row,
    int result, const char *what)
{
	cr_assert_eq(result, -1, "%s: %s %s was taken", method->name,
	    row->name, what);
	cr_assert_eq(now.code, RPC_INVALID_PARAMS);
	cr_assert_not_null(strstr(now.text, row->name), "\"%s\" does not "
	    "name %s", now.text, row->name);
}

static void
walk_row(const struct method *method, const struct param_row *row)
{
	int i, result;

	for (i = 0; bad[row->kind][i] != NULL; i++)
		if (row->kind != PARAM_MEMBERS ||
		    strcmp(bad[row->kind][i], "{}") != 0)
			expect_refused(method, row, encode_with(method, row,
			    bad[row->kind][i]), bad[row->kind][i]);
	result = encode_with(method, row, NULL);
	if (row->need == NEED_YES)
		expect_refused(method, row, result, "missing");
	else
		cr_assert_eq(result, 0, "%s: %s may be left out: %s",
		    method->name, row->name, now.text);
	result = encode_with(method, row, "null");
	if (row->need != NEED_NULL)
		expect_refused(method, row, result, "null");
	else
		cr_assert_eq(result, 0, "%s: %s may be null: %s",
		    method->name, row->name, now.text);
}

Test(method, every_parameter, .init = setup, .fini = teardown)
{
	const struct param_row *row;
	const struct method *m;
	size_t count, i;

	m = method_rows(&count);
	for (i = 0; i < count; i++, m++) {
		if (m->params == NULL)
			continue;
		cr_assert_eq(encode_with(m, NULL, NULL), 0, "%s: %s",
		    m->name, now.text);
		cr_assert_eq(later.code, 0, "%s: %s", m->name, later.text);
		for (row = m->params; row->name != NULL; row++)
			walk_row(m, row);
	}
}

/* What is encoded is what the runner's table decodes. */
Test(method, what_the_runner_gets, .init = setup, .fini = teardown)
{
	const struct proto_row *row;
	const struct method *m;
	union proto_any msg;
	size_t count, i;

	m = method_rows(&count);
	for (i = 0; i < count; i++, m++) {
		cr_assert_eq(m->by == BY_RUNNER, m->type != 0, "%s", m->name);
		if (m->by != BY_RUNNER)
			continue;
		cr_assert_not_null(m->results, "%s", m->name);
		cr_assert_eq(method_of_type(m->type), m);
		row = proto_row(m->type);
		cr_assert(row->from == ROLE_GATEWAY && row->to == ROLE_RUNNER);
		cr_assert_eq(encode_with(m, NULL, NULL), 0);
		cr_assert_eq(proto_decode(row, w.p, w.len, &msg), PROTO_OK,
		    "%s", m->name);
		cr_assert(msg.GR_TERMINATE.has_id_int &&
		    msg.GR_TERMINATE.id_int == 7);
		/* Where there is one, it is the first of the parameters. */
		if (m->type == MSG_GR_START)
			cr_assert(span_is(msg.GR_START.process_id, "text"));
		else if (m->params->tag == TAG_PROCESS_ID)
			cr_assert(span_is(msg.GR_TERMINATE.process_id,
			    "text"), "%s", m->name);
	}
}

/* A parameter that has a tag has it in the message, too. */
Test(method, every_tag_is_in_its_message)
{
	const struct param_row *param;
	const struct proto_row *row;
	const struct method *m;
	size_t count, i, k;

	m = method_rows(&count);
	for (i = 0; i < count; i++, m++) {
		if (m->by != BY_RUNNER)
			continue;
		row = proto_row(m->type);
		for (param = m->params; param->name != NULL; param++) {
			if (param->tag == 0)
				continue;
			for (k = 0; k < row->nfields; k++)
				if (row->fields[k].tag == param->tag)
					break;
			cr_assert_lt(k, row->nfields, "%s: %s", m->name,
			    param->name);
		}
	}
}

Test(method, names)
{
	const struct method *m;
	size_t count, i;

	m = method_rows(&count);
	for (i = 0; i < count; i++) {
		if (i > 0)
			cr_assert_lt(strcmp(m[i - 1].name, m[i].name), 0,
			    "%s is out of order", m[i].name);
		cr_assert_eq(method_find(m[i].name, strlen(m[i].name)),
		    &m[i]);
		cr_assert_null(method_find(m[i].name,
		    strlen(m[i].name) - 1));
		cr_assert_not_null(method_family_word(m[i].family));
	}
	cr_assert_null(method_find("", 0));
	cr_assert_null(method_find("initialized", 11));
	cr_assert_null(method_find("zzz", 3));
	cr_assert_null(method_find("process/read\0", 13));
	cr_assert_null(method_of_type(0));
	cr_assert_null(method_of_type(MSG_RG_RESULT));
}

Test(method, bare, .init = setup, .fini = teardown)
{
	const struct method *m = method_find("environment/info", 16);

	cr_assert_eq(encode(m, ""), 0);
	cr_assert_eq(encode(m, "null"), 0);
	cr_assert_eq(encode(m, "{}"), 0);
	cr_assert_eq(encode(m, "{\"x\":1}"), -1);
	cr_assert_eq(encode(m, "[]"), -1);
	cr_assert_eq(encode(m, "5"), -1);
	cr_assert_eq(now.code, RPC_INVALID_PARAMS);
}

Test(method, params_that_are_no_object, .init = setup, .fini = teardown)
{
	const struct method *m = method_find("process/terminate", 17);

	cr_assert_eq(encode(m, "\"text\""), -1);
	cr_assert_eq(encode(m, "[\"p\"]"), -1);
	cr_assert_eq(encode(m, "null"), -1);
	cr_assert_eq(encode(m, ""), -1);
	cr_assert_eq(encode(m, "{\"processId\":\"p\",\"more\":{}}"), 0);
}

/* A sandbox travels with its call, whatever the method. */
Test(method, sandbox, .init = setup, .fini = teardown)
{
	static const char value[] = "{\"permissions\":{\"type\":\"managed\","
	    "\"network\":\"enabled\",\"file_system\":"
	    "{\"type\":\"unrestricted\"}}}";
	const struct param_row *row;
	const struct method *m;
	union proto_any msg;
	size_t count, i, seen = 0;

	m = method_rows(&count);
	for (i = 0; i < count; i++, m++) {
		for (row = m->params; row != NULL && row->name != NULL; row++)
			if (row->kind == PARAM_SANDBOX)
				break;
		if (row == NULL || row->name == NULL)
			continue;
		seen++;
		cr_assert_eq(encode_with(m, row, value), 0, "%s", now.text);
		/* It comes with a managed network, which there is not. */
		cr_assert_eq(later.code, m->type == MSG_GR_START ?
		    RPC_INVALID_REQUEST : 0, "%s", later.text);
		if (later.code != 0)
			continue;
		cr_assert_eq(proto_decode(proto_row(m->type), w.p, w.len,
		    &msg), PROTO_OK);
		cr_assert(msg.BOXED_CALL.has_id_int &&
		    msg.BOXED_CALL.id_int == 7);
		cr_assert(msg.BOXED_CALL.has_sandbox_files &&
		    msg.BOXED_CALL.sandbox_files == FILES_ALL);
		cr_assert(msg.BOXED_CALL.sandbox_network);
		cr_assert_eq(encode_with(m, row, "null"), 0);
		cr_assert_eq(proto_decode(proto_row(m->type), w.p, w.len,
		    &msg), PROTO_OK);
		cr_assert(!msg.BOXED_CALL.has_sandbox_files);
	}
	cr_assert_eq(seen, 11);
}

/* Another host's path comes too late for the params to be wrong. */
Test(method, foreign_path, .init = setup, .fini = teardown)
{
	const struct method *m = method_find("fs/readFile", 11);

	cr_assert_eq(encode(m, "{\"path\":\"file://other/x\"}"), 0);
	cr_assert_eq(later.code, RPC_INVALID_REQUEST);
}

Test(method, start_is_complete, .init = setup, .fini = teardown)
{
	const struct method *m = method_find("process/start", 13);
	struct fields_GR_START *start;
	union proto_any msg;
	struct span item;

	cr_assert_eq(encode(m, "{\"processId\":\"p\\u0000q\",\"argv\":"
	    "[\"a\",\"\\u00e9\"],\"cwd\":\"file:///x%2Fy/../z\",\"env\":"
	    "{\"K\":\"v\"},\"tty\":true,\"arg0\":\"zero\",\"envPolicy\":"
	    "{\"inherit\":\"core\",\"ignoreDefaultExcludes\":true,"
	    "\"exclude\":[\"E*\"],\"set\":{\"S\":\"\"},"
	    "\"includeOnly\":[]}}"), 0, "%s", now.text);
	cr_assert_eq(proto_decode(proto_row(MSG_GR_START), w.p, w.len, &msg),
	    PROTO_OK);
	start = &msg.GR_START;
	cr_assert_eq(start->process_id.len, 3);
	cr_assert_eq(proto_list_count(start->argv), 2);
	cr_assert(proto_list_next(&start->env, &item) &&
	    span_is(item, "K=v"));
	cr_assert(start->has_env_inherit &&
	    start->env_inherit == INHERIT_CORE);
	cr_assert(start->env_no_default_excludes);
	cr_assert(proto_list_next(&start->env_set, &item) &&
	    span_is(item, "S="));
	cr_assert(proto_list_next(&start->env_exclude, &item) &&
	    span_is(item, "E*"));
	cr_assert(start->has_env_include_only &&
	    start->env_include_only.len == 0);
	cr_assert(span_is(start->arg0, "zero"));
	cr_assert(start->tty && !start->has_pipe_stdin);
	cr_assert_eq(start->directory.p[0], '/');
}

Test(method, names_have_a_limit, .init = setup, .fini = teardown)
{
	const struct method *m = method_find("process/terminate", 17);
	char text[PROTO_NAME_MAX + 64], *full;
	size_t len;

	len = (size_t)snprintf(text, sizeof(text), "{\"processId\":\"");
	memset(text + len, 'x', PROTO_NAME_MAX + 1);
	memcpy(text + len + PROTO_NAME_MAX + 1, "\"}", 3);
	full = strdup(text);
	cr_assert_eq(encode(m, full), -1);
	cr_assert_not_null(strstr(now.text, "processId"));
	free(full);
}
