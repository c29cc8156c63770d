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
};

static const char *const words[] = { "red", "green", NULL };

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
	conf_take_text(keys, NKEYS, &s, "F", text, strlen(text), &errors);
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
	conf_take_text(keys, NKEYS, &s, "F", text, strlen(text), &errors);
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
	    "F:5: list: must be a string or a list of strings, not a "
	    "number\n"
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
	conf_take_file(keys, NKEYS, &s, "/nonexistent/x", &errors);
	cr_assert_str_eq(said, "/nonexistent/x: No such file or directory\n");
	conf_clear(keys, NKEYS, &s);
}

Test(conf, a_file_that_has_no_end_is_refused)
{
	start();
	conf_take_file(keys, NKEYS, &s, "/dev/zero", &errors);
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

Test(conf, places_of_keys)
{
	static const char text[] =
	    "{\"a\": \"b\\\":\", // \"no\": 1\n"
	    "'c' /* x */ : {\"inner\": 1},\n\"d\":[\"e\"], \"f\"\n: 2}";
	static const struct {
		const char *key;
		unsigned int line;
	} want[] = { { "a", 1 }, { "c", 2 }, { "d", 3 }, { "f", 3 } };
	struct confpos_key got[8];
	size_t i, n;

	n = confpos_keys(text, strlen(text), got, 8);
	cr_assert_eq(n, 4, "%zu", n);
	for (i = 0; i < n; i++) {
		cr_assert_eq(got[i].len, 1);
		cr_assert_eq(got[i].text[0], want[i].key[0]);
		cr_assert_eq(got[i].line, want[i].line, "%s", want[i].key);
	}
	cr_assert_eq(confpos_keys(text, strlen(text), got, 2), 2);
}

Test(conf, places_in_broken_texts_stay_inside_them)
{
	static const char *const texts[] = {
		"\"", "'a", "{\"a\\", "/*", "/", "{\"a\" /", "}}]", "{\"a\"/*:"
	};
	struct confpos_key got[2];
	size_t i, cut;
	char *copy;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		for (cut = 0; cut <= strlen(texts[i]); cut++) {
			/* Exactly sized, so that a sanitizer sees overruns. */
			copy = malloc(cut + (cut == 0));
			memcpy(copy, texts[i], cut);
			cr_assert_eq(confpos_keys(copy, cut, got, 2), 0);
			cr_assert_leq(confpos_skip_blank(copy, cut, 0), cut);
			free(copy);
		}
}
