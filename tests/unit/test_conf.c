/* SPDX-License-Identifier: ISC */
/* Options and configuration by one table. */
#include "config.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "common/conf.h"
#include "common/confpos.h"

TestSuite(conf, .timeout = 20);

struct sample {
	int flag;
	uint64_t number;
	char *string;
	struct conf_list list;
	int word;
	int typed;
	struct conf_list map;
	struct conf_pair pair;
	uint64_t mode;
	uint64_t maybe;
	struct inner {
		uint64_t deep;
		char *name;
	} inner;
	struct conf_rows rows;
};

/* What "rows" holds. */
struct row {
	char *name;
	struct conf_list who;
	struct inner inner;
};

static const char *const words[] = { "red", "green", NULL };

static const struct conf_key inner_keys[] = {
	{ .name = "deep", .type = CONF_NUMBER, .min = 1, .max = 3,
	    .preset = "2", .offset = offsetof(struct inner, deep) },
	{ .name = "name", .type = CONF_STRING,
	    .offset = offsetof(struct inner, name) },
};

static const struct conf_key row_keys[] = {
	{ .name = "name", .type = CONF_STRING, .flags = CONF_REQUIRED,
	    .offset = offsetof(struct row, name) },
	{ .name = "who", .type = CONF_LIST, .flags = CONF_NUMERIC,
	    .offset = offsetof(struct row, who) },
	{ .name = "inner", .type = CONF_TABLE, .keys = inner_keys, .nkeys = 2,
	    .offset = offsetof(struct row, inner) },
};

static const struct conf_key keys[] = {
	{ .name = "flag", .letter = 'f', .type = CONF_FLAG,
	    .help = "f", .offset = offsetof(struct sample, flag) },
	{ .name = "number", .letter = 'n', .type = CONF_NUMBER, .min = 2,
	    .max = 9, .preset = "5", .value = "N", .help = "one\ntwo",
	    .offset = offsetof(struct sample, number) },
	{ .name = "string", .type = CONF_STRING, .help = "s",
	    .offset = offsetof(struct sample, string) },
	{ .name = "list", .type = CONF_LIST, .preset = "a", .help = "l",
	    .offset = offsetof(struct sample, list) },
	{ .name = "word", .type = CONF_WORD, .words = words,
	    .preset = "green", .help = "w",
	    .offset = offsetof(struct sample, word) },
	{ .name = "typed", .type = CONF_FLAG, .flags = CONF_ARGS_ONLY,
	    .help = "t", .offset = offsetof(struct sample, typed) },
	{ .name = "map", .type = CONF_MAP, .flags = CONF_FILE_ONLY,
	    .offset = offsetof(struct sample, map) },
	{ .name = "pair", .type = CONF_PAIR, .flags = CONF_FILE_ONLY,
	    .min = 1, .max = 100, .offset = offsetof(struct sample, pair) },
	{ .name = "mode", .type = CONF_MODE, .help = "m", .max = 0777,
	    .preset = "0640", .offset = offsetof(struct sample, mode) },
	{ .name = "maybe", .type = CONF_NUMBER, .flags = CONF_OPTIONAL,
	    .help = "y", .max = 9, .offset = offsetof(struct sample, maybe) },
	{ .name = "inner", .type = CONF_TABLE, .flags = CONF_FILE_ONLY,
	    .keys = inner_keys, .nkeys = 2,
	    .offset = offsetof(struct sample, inner) },
	{ .name = "rows", .type = CONF_ROWS, .flags = CONF_FILE_ONLY,
	    .keys = row_keys, .nkeys = 3, .size = sizeof(struct row),
	    .offset = offsetof(struct sample, rows) },
};
#define NKEYS (sizeof(keys) / sizeof(keys[0]))

static char said[4096];
static struct conf_errors errors;
static struct sample s;

static void
hear(void *arg, const char *text)
{
	(void)arg;
	strlcat(said, text, sizeof(said));
	strlcat(said, "\n", sizeof(said));
}

static void
start(void)
{
	said[0] = '\0';
	errors = (struct conf_errors){ .report = hear };
	conf_init(keys, NKEYS, &s);
}

static void
take(const char *text)
{
	start();
	conf_take_text(keys, NKEYS, &s, "F", text, strlen(text), NULL, &errors);
}

#define ARGS(...) do {							\
	const char *args[] = { "prog", __VA_ARGS__, NULL };		\
	conf_take_args(keys, NKEYS, &s,					\
	    (int)(sizeof(args) / sizeof(args[0])) - 1,			\
	    (char **)(void *)args, &errors);				\
} while (0)

Test(conf, defaults_are_taken_by_the_same_rules)
{
	start();
	cr_assert_eq(s.flag, 0);
	cr_assert_eq(s.number, 5);
	cr_assert_null(s.string);
	cr_assert_eq(s.list.count, 1);
	cr_assert_str_eq(s.list.items[0], "a");
	cr_assert_eq(s.word, 1);
	conf_clear(keys, NKEYS, &s);
	cr_assert_eq(s.list.count, 0);
}

Test(conf, arguments_fill_every_type)
{
	start();
	ARGS("-f", "-n", "9", "--string=x", "--list", "b", "--list", "c",
	    "--word", "red");
	cr_assert_eq(errors.count, 0, "%s", said);
	cr_assert_eq(s.flag, 1);
	cr_assert_eq(s.number, 9);
	cr_assert_str_eq(s.string, "x");
	cr_assert_eq(s.list.count, 2);
	cr_assert_str_eq(s.list.items[0], "b");
	cr_assert_str_eq(s.list.items[1], "c");
	cr_assert_eq(s.word, 0);
	conf_clear(keys, NKEYS, &s);
}

Test(conf, every_wrong_argument_is_reported)
{
	start();
	ARGS("--number", "10", "--number", "-3", "--number", "4x",
	    "--number", "99999999999999999999", "--word", "blue",
	    "--string", "", "--nonsense", "-q", "--flag=1", "stray",
	    "--list");
	cr_assert_eq(errors.count, 11, "%s", said);
	cr_assert_str_eq(said,
	    "--number: must be between 2 and 9, not 10\n"
	    "--number: must be a number, not \"-3\"\n"
	    "--number: must be a number, not \"4x\"\n"
	    "--number: must be between 2 and 9, not 18446744073709551615\n"
	    "--word: must be one of red green, not \"blue\"\n"
	    "--string: must not be empty\n"
	    "unknown option --nonsense; try --help\n"
	    "unknown option -q; try --help\n"
	    "--flag takes no value\n"
	    "--list needs a value\n"
	    "unexpected argument \"stray\"; try --help\n");
	cr_assert_eq(s.number, 5, "a refused value leaves the old one");
	conf_clear(keys, NKEYS, &s);
}

Test(conf, a_command_line_taken_again_wins_over_the_file)
{
	static const char text[] = "{\"number\": 3, \"list\": [\"x\"]}";

	start();
	ARGS("--list", "b");
	conf_take_text(keys, NKEYS, &s, "F", text, strlen(text), NULL, &errors);
	cr_assert_str_eq(s.list.items[0], "x");
	ARGS("--list", "b");
	cr_assert_eq(s.number, 3);
	cr_assert_eq(s.list.count, 1);
	cr_assert_str_eq(s.list.items[0], "b");
	conf_clear(keys, NKEYS, &s);
}

Test(conf, a_file_with_comments_fills_every_type)
{
	take("// first\n{ /* \"number\": 1 */ \"flag\": true,\n"
	    "\"number\": 7, \"string\": \"a//b\", // \"word\"\n"
	    "\"list\": [\"p\", \"q\"], \"word\": \"red\" }\n/* end */\n");
	cr_assert_eq(errors.count, 0, "%s", said);
	cr_assert_eq(s.flag, 1);
	cr_assert_eq(s.number, 7);
	cr_assert_str_eq(s.string, "a//b");
	cr_assert_eq(s.list.count, 2);
	cr_assert_str_eq(s.list.items[1], "q");
	cr_assert_eq(s.word, 0);
	conf_clear(keys, NKEYS, &s);
}

Test(conf, one_string_is_a_list_of_one)
{
	take("{\"list\": \"z\"}");
	cr_assert_eq(errors.count, 0, "%s", said);
	cr_assert_eq(s.list.count, 1);
	cr_assert_str_eq(s.list.items[0], "z");
	conf_clear(keys, NKEYS, &s);
}

Test(conf, everything_wrong_in_a_file_is_reported_in_one_run)
{
	take("{\n"
	    "  \"flag\": 1,\n"
	    "  \"number\": 12,\n"
	    "  \"string\": null,\n"
	    "  \"list\": [\"x\", 2],\n"
	    "  \"word\": \"blue\",\n"
	    "  /* two\n"
	    "     lines */ \"wrod\": 1,\n"
	    "  \"typed\": true\n"
	    "}\n");
	cr_assert_str_eq(said,
	    "F:2: flag: must be true or false, not a number\n"
	    "F:3: number: must be between 2 and 9, not 12\n"
	    "F:4: string: must be a string, not null\n"
	    "F:5: list[1]: must be a string, not a number\n"
	    "F:6: word: must be one of red green, not \"blue\"\n"
	    "F:8: wrod: unknown key\n"
	    "F:9: typed: only an option of the command line\n");
	cr_assert_eq(errors.count, 7);
	conf_clear(keys, NKEYS, &s);
}

Test(conf, numbers_in_a_file_are_whole_and_not_negative)
{
	take("{\"number\": 3.5}");
	cr_assert_str_eq(said,
	    "F:1: number: must be a whole number, not a fraction\n");
	conf_clear(keys, NKEYS, &s);
	take("{\"number\": -3}");
	cr_assert_str_eq(said, "F:1: number: must not be negative\n");
	conf_clear(keys, NKEYS, &s);
	take("{\"number\": \"3\"}");
	cr_assert_str_eq(said,
	    "F:1: number: must be a whole number, not a string\n");
	conf_clear(keys, NKEYS, &s);
}

Test(conf, a_key_written_twice_is_an_error)
{
	take("{\"number\": 3,\n\"flag\": true,\n\"number\": 4}");
	cr_assert_str_eq(said, "F:3: number: already given on line 1\n");
	conf_clear(keys, NKEYS, &s);
}

Test(conf, a_zero_byte_in_a_string_is_refused)
{
	take("{\"string\": \"a\\u0000b\"}");
	cr_assert_str_eq(said, "F:1: string: must not contain a zero byte\n");
	conf_clear(keys, NKEYS, &s);
}

Test(conf, a_text_that_is_no_object_is_refused_with_its_line)
{
	static const struct {
		const char *text;
		const char *start;
	} rows[] = {
		{ "", "F:1: ends in the middle" },
		{ "{\n\"number\": 3,\n", "F:3: ends in the middle" },
		{ "[]", "F:1: must be one object" },
		{ "{}\n\n{}", "F:3: something follows" },
		{ "{\n\"number\" 3}", "F:2: " },
		{ "{\"string\": \"\xff\"}", "F:1: " },
		{ "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":"
		    "{}}}}}}}}}", "F:1: " },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		take(rows[i].text);
		cr_assert_eq(errors.count, 1, "%zu: %s", i, said);
		cr_assert_eq(strncmp(said, rows[i].start,
		    strlen(rows[i].start)), 0, "%zu: %s", i, said);
		conf_clear(keys, NKEYS, &s);
	}
}

Test(conf, a_file_that_cannot_be_read_is_named)
{
	start();
	conf_take_file(keys, NKEYS, &s, "/nonexistent/x", NULL, &errors);
	cr_assert_str_eq(said, "/nonexistent/x: No such file or directory\n");
	conf_clear(keys, NKEYS, &s);
}

Test(conf, a_file_that_has_no_end_is_refused)
{
	start();
	conf_take_file(keys, NKEYS, &s, "/dev/zero", NULL, &errors);
	cr_assert_str_eq(said, "/dev/zero: File too large\n");
	conf_clear(keys, NKEYS, &s);
}

Test(conf, help_names_every_key_with_its_default)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	conf_print_help(keys, NKEYS, out);
	fclose(out);
	cr_assert_eq(strncmp(text, "  -f, --flag\n\tf\n", 16), 0, "%s", text);
	cr_assert_not_null(strstr(text,
	    "  -n, --number N\n\tone\n\ttwo (default 5)\n"), "%s", text);
	cr_assert_not_null(strstr(text, "  --word\n"), "%s", text);
	free(text);
}

Test(conf, what_is_for_the_file_alone_is_no_option)
{
	start();
	ARGS("--map", "x", "--pair=3");
	cr_assert_eq(errors.count, 3, "%s", said);
	cr_assert_eq(strncmp(said, "unknown option --map; try --help\n", 33),
	    0, "%s", said);
	conf_clear(keys, NKEYS, &s);
}

Test(conf, objects_and_lists_of_them_fill_their_structs)
{
	const struct row *rows;

	take("{\"inner\": {\"deep\": 3},\n"
	    "\"map\": {\"A\": \"1\", \"B\": \"x=y\"},\n"
	    "\"mode\": \"0600\", \"maybe\": 0,\n"
	    "\"rows\": [{\"name\": \"a\", \"who\": [\"x\", 1001]},\n"
	    " {\"name\": \"b\", \"inner\": {\"deep\": 1, \"name\": \"n\"}}]}");
	cr_assert_eq(errors.count, 0, "%s", said);
	cr_assert_eq(s.inner.deep, 3);
	cr_assert_null(s.inner.name);
	cr_assert_eq(s.map.count, 2);
	cr_assert_str_eq(s.map.items[1], "B=x=y");
	cr_assert_eq(s.mode, 0600);
	cr_assert_eq(s.maybe, 0);
	cr_assert_eq(s.rows.count, 2);
	rows = s.rows.rows;
	cr_assert_str_eq(rows[0].name, "a");
	cr_assert_eq(rows[0].who.count, 2);
	cr_assert_str_eq(rows[0].who.items[1], "1001");
	cr_assert_eq(rows[0].inner.deep, 2, "a default");
	cr_assert_str_eq(rows[1].inner.name, "n");
	conf_clear(keys, NKEYS, &s);
	cr_assert_eq(s.rows.count, 0);
}

Test(conf, defaults_of_what_is_optional)
{
	start();
	cr_assert_eq(s.mode, 0640);
	cr_assert_eq(s.maybe, CONF_UNSET);
	cr_assert_eq(s.inner.deep, 2);
	cr_assert_eq(s.pair.given, 0);
	cr_assert_eq(s.rows.count, 0);
	conf_clear(keys, NKEYS, &s);
}

Test(conf, pairs_are_one_number_or_two)
{
	static const struct {
		const char *text;
		uint64_t soft, hard;
		const char *said;
	} rows[] = {
		{ "7", 7, 7, NULL },
		{ "100", 100, 100, NULL },
		{ "\"unlimited\"", CONF_UNLIMITED, CONF_UNLIMITED, NULL },
		{ "{\"soft\": 1, \"hard\": 100}", 1, 100, NULL },
		{ "{\"soft\": 1, \"hard\": \"unlimited\"}", 1,
		    CONF_UNLIMITED, NULL },
		{ "0", 0, 0, "must be between 1 and 100, not 0" },
		{ "101", 0, 0, "must be between 1 and 100, not 101" },
		{ "\"much\"", 0, 0,
		    "must be a whole number or \"unlimited\", not \"much\"" },
		{ "true", 0, 0, "must be a whole number, not a boolean" },
		{ "{\"soft\": 5}", 0, 0,
		    "needs both \"soft\" and \"hard\"" },
		{ "{\"soft\": 6, \"hard\": 5}", 0, 0,
		    "\"soft\" must not be above \"hard\"" },
	};
	char text[128], want[128];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text), "{\"pair\": %s}", rows[i].text);
		take(text);
		snprintf(want, sizeof(want), "F:1: pair: %s\n",
		    rows[i].said == NULL ? "" : rows[i].said);
		cr_assert_str_eq(said, rows[i].said == NULL ? "" : want);
		cr_assert_eq(s.pair.given, rows[i].said == NULL);
		cr_assert_eq(s.pair.soft, rows[i].soft, "%s", text);
		cr_assert_eq(s.pair.hard, rows[i].hard, "%s", text);
		conf_clear(keys, NKEYS, &s);
	}
}

Test(conf, everything_wrong_at_any_depth_is_reported)
{
	take("{\n"
	    "\"inner\": {\"deep\": 4, \"depe\": 1},\n"
	    "\"map\": {\"A\": 1,\n"
	    "  \"\": \"x\"},\n"
	    "\"mode\": \"0888\",\n"
	    "\"pair\": {\"soft\": 0, \"hard\": 1, \"both\": 2},\n"
	    "\"rows\": [\n"
	    "  {\"name\": \"a\", \"who\": [\"x\", true]},\n"
	    "  3,\n"
	    "  {\"inner\": {\"deep\": \"1\"}},\n"
	    "  {\"name\": \"b\", \"inner\": {\"deep\": 1,\n"
	    "    \"deep\": 1}, \"n\\u0061me\": \"c\"}\n"
	    "]}");
	cr_assert_str_eq(said,
	    "F:2: inner.deep: must be between 1 and 3, not 4\n"
	    "F:2: inner.depe: unknown key\n"
	    "F:3: map.A: must be a string, not a number\n"
	    "F:4: map.: cannot be a name\n"
	    "F:5: mode: must be an octal number between 0000 and 0777, "
	    "not \"0888\"\n"
	    "F:6: pair.soft: must be between 1 and 100, not 0\n"
	    "F:6: pair.both: unknown key\n"
	    "F:8: rows[0].who[1]: must be a string or a whole number, not a "
	    "boolean\n"
	    "F:9: rows[1]: must be an object, not a number\n"
	    "F:10: rows[2]: needs \"name\"\n"
	    "F:10: rows[2].inner.deep: must be a whole number, not a "
	    "string\n"
	    "F:12: rows[3].inner.deep: already given on line 11\n"
	    "F:12: rows[3].n\\u0061me: a key cannot have an escape in it\n");
	cr_assert_eq(errors.count, 13);
	conf_clear(keys, NKEYS, &s);
}

Test(conf, what_is_found_wrong_later_has_its_place)
{
	static const char text[] = "{\n\"rows\": [{\"name\": \"a\"},\n"
	    "{\"name\": \"b\",\n\"who\": [\"x\",\n\"y\"]}]}";
	struct conf_places *places;

	start();
	conf_take_text(keys, NKEYS, &s, "F", text, strlen(text), &places,
	    &errors);
	cr_assert_not_null(places);
	conf_error_at(&errors, places, "rows[1].who[1]", "odd %d", 1);
	conf_error_at(&errors, places, "rows[1].inner.deep", "missing");
	conf_error_at(&errors, places, "rows[0]", "what");
	conf_error_at(&errors, places, "number", "not there");
	conf_error_at(&errors, NULL, "number", "no file");
	cr_assert_str_eq(said, "F:5: rows[1].who[1]: odd 1\n"
	    "F:3: rows[1].inner.deep: missing\n"
	    "F:2: rows[0]: what\n"
	    "number: not there\n"
	    "number: no file\n");
	cr_assert(conf_places_has(places, "rows[1].who"));
	cr_assert_not(conf_places_has(places, "rows[0].who"));
	cr_assert_not(conf_places_has(places, "rows[2]"));
	conf_places_free(places);
	conf_clear(keys, NKEYS, &s);
}

Test(conf, places_of_values)
{
	static const char text[] =
	    "{\"a\": \"b\\\":\", // \"no\": 1\n"
	    "'c' /* x */ : {\"inner\": 1},\n\"d\":[\"e\", -1.5, [{}],\n"
	    "null], \"f\"\n: 2} \"g\": 3";
	static const struct {
		const char *path;
		unsigned int line;
	} want[] = {
		{ "", 1 }, { "a", 1 }, { "c", 2 }, { "c.inner", 2 },
		{ "d", 3 }, { "d[0]", 3 }, { "d[1]", 3 }, { "d[2]", 3 },
		{ "d[2][0]", 3 }, { "d[3]", 4 }, { "f", 4 }
	};
	struct confpos pos;
	char path[64];
	size_t i;

	confpos_scan(&pos, text, strlen(text));
	cr_assert_eq(pos.count, sizeof(want) / sizeof(want[0]));
	for (i = 0; i < pos.count; i++) {
		cr_assert_str_eq(confpos_path(&pos, i, path, sizeof(path)),
		    want[i].path);
		cr_assert_eq(pos.nodes[i].line, want[i].line, "%s", path);
	}
	confpos_clear(&pos);
}

Test(conf, places_in_broken_texts_stay_inside_them)
{
	static const char *const texts[] = {
		"\"", "'a", "{\"a\\", "/*", "/", "{\"a\" /", "}}]", "{\"a\"/*:",
		"[[[{\"a\":", "{1 2 3:", "[}]{", "{\"a\":}", "\001\177\377"
	};
	struct confpos pos;
	size_t i, cut;
	char *copy;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		for (cut = 0; cut <= strlen(texts[i]); cut++) {
			/* Exactly sized, so that a sanitizer sees overruns. */
			copy = malloc(cut + (cut == 0));
			memcpy(copy, texts[i], cut);
			confpos_scan(&pos, copy, cut);
			cr_assert_leq(pos.count, cut);
			confpos_clear(&pos);
			cr_assert_leq(confpos_skip_blank(copy, cut, 0), cut);
			free(copy);
		}
}
