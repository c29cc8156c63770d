/* SPDX-License-Identifier: ISC */
/* holdfastctl: its command line, and how answers are shown. */
#include "config.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "contrib/ctl/answer.h"
#include "contrib/ctl/options.h"
#include "contrib/ctl/safe.h"
#include "contrib/ctl/show.h"
#include "contrib/ctl/table.h"

#define NOW 1700000000000

TestSuite(ctl, .timeout = 20);

static struct writer w;

static const char *
text_of(struct writer *from)
{
	writer_put_u8(from, 0);
	cr_assert_not(from->failed);
	return (const char *)from->p;
}

static const char *
safe(const char *text, int utf8)
{
	writer_clear(&w);
	writer_init(&w, 65536);
	safe_put(&w, span_str(text), utf8);
	return text_of(&w);
}

static void
use_utf8(void)
{
	if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
		cr_skip_test("no locale with UTF-8");
}

Test(ctl, what_can_do_harm_on_a_terminal_is_escaped)
{
	use_utf8();
	cr_assert_str_eq(safe("plain", 1), "plain");
	cr_assert_str_eq(safe("\033[2J\a\n\r\t", 1),
	    "\\x1b[2J\\x07\\x0a\\x0d\\x09");
	cr_assert_str_eq(safe("a\\x41", 1), "a\\\\x41");
	cr_assert_str_eq(safe("\xc3\xa9", 1), "\xc3\xa9");
	cr_assert_str_eq(safe("\xc3\xa9", 0), "\\xc3\\xa9");
	cr_assert_str_eq(safe("\xff\xc3", 1), "\\xff\\xc3");
	/* C1 controls, a change of direction, no width, overlong, surrogate. */
	cr_assert_str_eq(safe("\xc2\x9b", 1), "\\xc2\\x9b");
	cr_assert_str_eq(safe("\xe2\x80\xae", 1), "\\xe2\\x80\\xae");
	cr_assert_str_eq(safe("\xe2\x80\x8b", 1), "\\xe2\\x80\\x8b");
	cr_assert_str_eq(safe("\xc0\xaf", 1), "\\xc0\\xaf");
	cr_assert_str_eq(safe("\xed\xa0\x80", 1), "\\xed\\xa0\\x80");
	cr_assert_str_eq(safe("e\xcc\x81", 1), "e\\xcc\\x81");
}

Test(ctl, json_strings_are_printable_ascii_and_read_back)
{
	struct json_object *object;
	char bytes[256];
	size_t i;

	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)i;
	writer_init(&w, 65536);
	safe_put_json(&w, (struct span){ (uint8_t *)bytes, sizeof(bytes) });
	for (i = 0; i < w.len; i++)
		cr_assert(w.p[i] >= ' ' && w.p[i] < 0x7f);
	object = json_tokener_parse(text_of(&w));
	cr_assert(json_object_is_type(object, json_type_string));
	json_object_put(object);
	writer_clear(&w);
	writer_init(&w, 64);
	safe_put_json(&w, span_str("\xf0\x9f\x98\x80\"\xff"));
	cr_assert_str_eq(text_of(&w), "\"\\ud83d\\ude00\\\"\\ufffd\"");
}

static const struct table_column columns[] = {
	{ "NAME", TABLE_CUT },
	{ "N", TABLE_RIGHT },
	{ "LAST", TABLE_CUT },
	{ NULL, 0 }
};

static const char *
table(size_t width, const char *name, const char *last)
{
	struct table *t = table_new(columns, 1);

	table_cell(t, span_str(name));
	table_cellf(t, "%d", 12345);
	table_cell(t, span_str(last));
	table_cell(t, span_str("x"));
	table_cellf(t, "%d", 1);
	table_cell(t, span_str(""));
	cr_assert_eq(table_lines(t), 2);
	writer_clear(&w);
	writer_init(&w, 65536);
	table_put(t, &w, width);
	table_free(t);
	return text_of(&w);
}

Test(ctl, columns_are_as_wide_as_they_need_to_be)
{
	cr_assert_str_eq(table(0, "something", "end"),
	    "NAME           N  LAST\n"
	    "something  12345  end\n"
	    "x              1\n");
}

Test(ctl, what_does_not_fit_is_cut_and_says_so)
{
	use_utf8();
	cr_assert_str_eq(table(27, "something long", "another long thing"),
	    "NAME           N  LAST\n"
	    "somethin>  12345  another >\n"
	    "x              1\n", "%s", (const char *)w.p);
}

Test(ctl, cut_tables_keep_to_the_width_as_far_as_they_can)
{
	static const char wide[] = "\xe4\xb8\x80\xe4\xb8\x81\xe4\xb8\x82"
	    "\xe4\xb8\x83\xe4\xb8\x84\xe4\xb8\x85\xe4\xb8\x86\xe4\xb8\x87";
	size_t width, columns_used;
	struct span rest, line;
	const char *at, *end;
	uint32_t c;

	use_utf8();
	for (width = 25; width < 80; width++) {
		at = table(width, "a name that is rather long", wide);
		for (; *at != '\0'; at = end + 1) {
			end = strchr(at, '\n');
			cr_assert_not_null(end);
			line = (struct span){ (const uint8_t *)at,
			    (size_t)(end - at) };
			columns_used = 0;
			for (rest = line; rest.len > 0;) {
				c = safe_next(&rest);
				cr_assert_geq(safe_width(c), 1);
				columns_used += (size_t)safe_width(c);
			}
			cr_assert_leq(columns_used, width, "%.*s",
			    (int)line.len, at);
			cr_assert(line.len == 0 || end[-1] != ' ');
		}
	}
}

static enum options_result
parse(struct options *options, const char *line)
{
	static char copy[256];
	char *argv[16], *save = NULL, *word;
	int argc = 0;

	snprintf(copy, sizeof(copy), "holdfastctl %s", line);
	for (word = strtok_r(copy, " ", &save); word != NULL;
	    word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	argv[argc] = NULL;
	return options_parse(options, argc, argv);
}

Test(ctl, every_command_is_known_by_its_name)
{
	static const char *const arguments[CTL_COMMANDS] = {
		[CTL_SHOW] = "ab", [CTL_WHY] = "ab", [CTL_KILL] = "ab p1",
		[CTL_EVICT] = "ab", [CTL_TRACE] = "session gate",
	};
	struct options options;
	char line[64];
	int i;

	for (i = 0; i < CTL_COMMANDS; i++) {
		snprintf(line, sizeof(line), "%s %s",
		    options_name((enum ctl_command)i),
		    arguments[i] == NULL ? "" : arguments[i]);
		cr_assert_eq(parse(&options, line), OPTIONS_RUN, "%s", line);
		cr_assert_eq(options.command, i);
	}
}

Test(ctl, options_mean_what_they_say)
{
	struct options options;

	cr_assert_eq(parse(&options, "kill AB12 p1 --signal SIGHUP"),
	    OPTIONS_RUN);
	cr_assert_str_eq(options.session, "ab12");
	cr_assert_str_eq(options.process, "p1");
	cr_assert_str_eq(options.signal, "hup");
	cr_assert_eq(parse(&options, "--json sessions --all --watch=7"),
	    OPTIONS_RUN);
	cr_assert(options.json && options.all);
	cr_assert_eq(options.watch_ms, 7000);
	cr_assert_eq(parse(&options, "status --watch"), OPTIONS_RUN);
	cr_assert_eq(options.watch_ms, 2000);
	cr_assert_eq(parse(&options, "evict ab --grace 3 --reason why"),
	    OPTIONS_RUN);
	cr_assert(options.has_grace);
	cr_assert_eq(options.grace_ms, 3000);
	cr_assert_str_eq(options.reason, "why");
}

Test(ctl, mistakes_are_refused, .init = cr_redirect_stderr)
{
	static const char *const lines[] = {
		"", "nothing", "show", "show xyz", "show ab cd",
		"show 0123456789012345678901234567890123456", "why",
		"kill", "kill ab p1 p2", "kill ab --signal 9",
		"kill ab --signal none", "evict", "evict ab --grace x",
		"evict ab --grace 61", "evict ab --grace -1", "trace",
		"trace a b c d e f g h i", "status --all", "sessions --off",
		"drain --force", "kill ab --watch", "status --watch=x",
		"roll --force", "upgrade --handoff", "status --nonsense",
	};
	struct options options;
	size_t i;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		cr_assert_eq(parse(&options, lines[i]), OPTIONS_BAD, "%s",
		    lines[i]);
}

/* A row of every type, all that it can have in it, as the broker sends it. */
static void
take_row(struct answer *answer, uint16_t type)
{
	static const uint8_t bytes[8] = { 1, 0, 0, 0, 0, 0, 0, 1 };
	const struct proto_row *row = proto_row(type);
	const struct proto_field *field;
	struct span value;
	struct writer one;
	size_t i;

	writer_init(&one, 65536);
	for (i = 0; i < row->nfields; i++) {
		field = &row->fields[i];
		value = field->kind == KIND_LIST ? (struct span){ NULL, 0 } :
		    field->kind == KIND_BOOL ? (struct span){ bytes, 1 } :
		    field->kind == KIND_U32 ? (struct span){ bytes + 4, 4 } :
		    field->kind == KIND_U64 ? (struct span){ bytes, 8 } :
		    span_str("\033[31m'\"");
		proto_put_bytes(&one, field->tag, value);
	}
	cr_assert_eq(answer_take(answer, type, one.p, one.len),
	    type == MSG_BC_DONE ? 1 : 0, "%s", row->name);
	writer_clear(&one);
}

static void
fill(struct answer *answer)
{
	uint16_t type;

	answer_init(answer);
	for (type = MSG_BC_STATUS; type <= MSG_BC_DONE; type++)
		take_row(answer, type);
}

Test(ctl, hostile_rows_of_every_kind_are_shown_without_harm)
{
	struct show show = { .utf8 = 1, .width = 80, .now_ms = NOW };
	struct json_object *object;
	struct answer answer;
	int command;
	size_t i;

	fill(&answer);
	for (command = 0; command < CTL_COMMANDS; command++) {
		show.command = (enum ctl_command)command;
		for (answer.status = 0; answer.status <= TOLD_COUNT;
		    answer.status++) {
			writer_clear(&w);
			writer_init(&w, 1 << 20);
			show_text(&show, &answer, &w);
			for (i = 0; i < w.len; i++)
				cr_assert(w.p[i] == '\n' || (w.p[i] >= ' ' &&
				    w.p[i] < 0x7f), "%s",
				    options_name(show.command));
			writer_clear(&w);
			writer_init(&w, 1 << 20);
			show_json(&show, &answer, &w);
			cr_assert_eq(w.p[w.len - 1], '\n');
			object = json_tokener_parse(text_of(&w));
			cr_assert(json_object_is_type(object,
			    json_type_object), "%s", (const char *)w.p);
			json_object_put(object);
		}
	}
	answer_clear(&answer);
}

static void
take_session(struct answer *answer, const char *id)
{
	struct fields_BC_SESSION row = {
		.request = 1,
		.session = span_str(id),
		.state = span_str("detached"),
		.since_ms = NOW - 5000,
		.runner_state = span_str("none"),
		.has_tenant_name = true,
		.tenant_name = span_str("alice"),
	};
	struct writer one;

	writer_init(&one, 8192);
	proto_encode(&one, MSG_BC_SESSION, &row);
	cr_assert_eq(answer_take(answer, MSG_BC_SESSION, one.p, one.len), 0);
	writer_clear(&one);
}

Test(ctl, a_list_that_is_watched_is_a_line_each)
{
	struct show show = { .command = CTL_SESSIONS, .now_ms = NOW };
	struct answer answer;

	answer_init(&answer);
	take_session(&answer, "a");
	take_session(&answer, "b");
	writer_init(&w, 65536);
	show_lines(&show, &answer, &w);
	cr_assert_str_eq(text_of(&w),
	    "{\"time_ms\":1700000000000,\"session\":\"a\",\"state\":"
	    "\"detached\",\"since_ms\":1699999995000,\"generation\":0,"
	    "\"detach_ttl_ms\":0,\"runner_state\":\"none\",\"tenant\":"
	    "\"alice\"}\n"
	    "{\"time_ms\":1700000000000,\"session\":\"b\",\"state\":"
	    "\"detached\",\"since_ms\":1699999995000,\"generation\":0,"
	    "\"detach_ttl_ms\":0,\"runner_state\":\"none\",\"tenant\":"
	    "\"alice\"}\n");
	answer_clear(&answer);
}

Test(ctl, spans_and_bytes_are_short)
{
	static const struct {
		uint64_t value;
		const char *span, *bytes;
	} rows[] = {
		{ 0, "0s", "0" },
		{ 59999, "59s", "58K" },
		{ 60000, "1m0s", "58K" },
		{ 3599999, "59m59s", "3.4M" },
		{ 3600000, "1h0m", "3.4M" },
		{ 86400000, "1d0h", "82M" },
		{ 1023, "1s", "1023" },
		{ 1024, "1s", "1.0K" },
		{ UINT64_MAX, "213503982334d14h", "15E" },
	};
	char out[SHOW_SPAN_SIZE];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cr_assert_str_eq(show_span(rows[i].value, out), rows[i].span);
		cr_assert_str_eq(show_bytes(rows[i].value, out),
		    rows[i].bytes);
	}
}

Test(ctl, every_outcome_has_a_name_and_a_status)
{
	uint32_t told, other;

	for (told = 0; told < TOLD_COUNT; told++)
		for (other = 0; other < told; other++) {
			cr_assert_str_neq(show_status_name(told),
			    show_status_name(other));
			cr_assert_neq(show_status(told), show_status(other));
		}
	cr_assert_eq(show_status(TOLD_DONE), 0);
	cr_assert_eq(show_status(TOLD_NOT_FOUND), 1);
	cr_assert_eq(show_status(TOLD_AMBIGUOUS), 2);
	cr_assert_neq(show_status(99), 0);
}

Test(ctl, malformed_rows_are_refused)
{
	struct answer answer;

	answer_init(&answer);
	cr_assert_eq(answer_take(&answer, 7, NULL, 0), -1);
	cr_assert_eq(answer_take(&answer, MSG_BC_STATUS, NULL, 0), -1);
	cr_assert_eq(answer_take(&answer, MSG_BC_DONE,
	    (const uint8_t *)"xyz", 3), -1);
	answer_clear(&answer);
}
