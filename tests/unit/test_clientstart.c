/* SPDX-License-Identifier: ISC */
/* The command line, and what a job is started with. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <json-c/json.h>

#include "contrib/client/options.h"
#include "contrib/client/start.h"

TestSuite(clientstart, .timeout = 20);

static const struct {
	const char *path;
	const char *uri;
} uris[] = {
	{ "/", "file:///" },
	{ "/a/b", "file:///a/b" },
	{ "/a b%#?", "file:///a%20b%25%23%3F" },
	{ "/\xc3\xa9\xff", "file:///%C3%A9%FF" },
	{ "/-._~/:;", "file:///-._~/%3A%3B" },
};

Test(clientstart, file_uri)
{
	char *uri;
	size_t i;

	for (i = 0; i < sizeof(uris) / sizeof(uris[0]); i++) {
		uri = start_file_uri(uris[i].path);
		cr_expect_str_eq(uri, uris[i].uri);
		free(uri);
	}
}

static const struct {
	const char *text;
	int good;
} texts[] = {
	{ "", 1 }, { "abc", 1 }, { "\xc2\x80", 1 }, { "\xdf\xbf", 1 },
	{ "\xe0\xa0\x80", 1 }, { "\xed\x9f\xbf", 1 }, { "\xef\xbf\xbf", 1 },
	{ "\xf0\x90\x80\x80", 1 }, { "\xf4\x8f\xbf\xbf", 1 },
	{ "\x80", 0 }, { "\xc0\x80", 0 }, { "\xc1\xbf", 0 }, { "\xc2", 0 },
	{ "\xc2x", 0 }, { "\xe0\x9f\xbf", 0 }, { "\xed\xa0\x80", 0 },
	{ "\xf0\x8f\xbf\xbf", 0 }, { "\xf4\x90\x80\x80", 0 },
	{ "\xf5\x80\x80\x80", 0 }, { "\xff", 0 }, { "\xe2\x82", 0 },
	{ "a\xf0\x90\x80", 0 },
};

Test(clientstart, utf8)
{
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		cr_expect_eq(start_is_utf8(texts[i].text), texts[i].good,
		    "row %zu", i);
}

Test(clientstart, params)
{
	char arg0[] = "echo", arg1[] = "h\xc3\xa9", env0[] = "A=b=c";
	char env1[] = "BAD=\xff";
	char *argv[] = { arg0, arg1, NULL }, *env[] = { env0, env1, NULL };
	struct start start = {
		.process_id = "p", .argv = argv, .cwd = "/x y", .env = env,
		.inherit_env = 1, .pipe_stdin = 1
	};
	struct json_object *params, *value;
	char why[128] = "";

	params = start_params(&start, why, sizeof(why));
	cr_assert_not_null(params);
	cr_assert_str_eq(json_object_to_json_string_ext(params,
	    JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
	    "{\"processId\":\"p\",\"argv\":[\"echo\",\"h\xc3\xa9\"],"
	    "\"cwd\":\"file:///x%20y\",\"env\":{\"A\":\"b=c\"},"
	    "\"tty\":false,\"pipeStdin\":true}");
	json_object_put(params);
	start.inherit_env = 0;
	params = start_params(&start, why, sizeof(why));
	cr_assert(json_object_object_get_ex(params, "envPolicy", &value));
	/* All five members, or the server refuses it. */
	cr_assert_eq(json_object_object_length(value), 5);
	json_object_put(params);
	arg1[1] = '\xff';
	cr_assert_null(start_params(&start, why, sizeof(why)));
	cr_assert_not_null(strstr(why, "argument 1"));
}

static struct options options;

static enum options_result
parse(const char *line)
{
	static char copy[512];
	char *argv[32], *word, *last = NULL;
	int argc = 0;

	strlcpy(copy, line, sizeof(copy));
	for (word = strtok_r(copy, " ", &last); word != NULL;
	    word = strtok_r(NULL, " ", &last))
		argv[argc++] = word;
	argv[argc] = NULL;
	options_clear(&options);
	return options_parse(&options, argc, argv, NULL);
}

Test(clientstart, command_line)
{
	cr_assert_eq(parse("holdfast run -- ls -l"), OPTIONS_RUN);
	cr_assert_str_eq(options.argv[0], "ls");
	cr_assert_str_eq(options.argv[1], "-l");
	cr_assert_str_eq(options.url, "ws://127.0.0.1:8765");
	cr_assert_eq(options.tty, -1);
	cr_assert_eq(parse("holdfast run -t --url ws://h -C /d -q -n cmd -t"),
	    OPTIONS_RUN);
	cr_assert_str_eq(options.argv[0], "cmd");
	cr_assert_str_eq(options.argv[1], "-t");
	cr_assert_str_eq(options.url, "ws://h");
	cr_assert_str_eq(options.cwd, "/d");
	cr_assert_eq(options.tty, 1);
	cr_assert(options.quiet);
	cr_assert(options.no_stdin);
	cr_assert_eq(parse("holdfast run --tty --no-tty x"), OPTIONS_RUN);
	cr_assert_eq(options.tty, 0);
	options_clear(&options);
}

Test(clientstart, environment)
{
	setenv("FROM_HERE", "x y", 1);
	unsetenv("NOT_HERE");
	cr_assert_eq(parse("holdfast run -e A=1 --env=A=2 -e FROM_HERE "
	    "-e NOT_HERE -e AB=3 x"), OPTIONS_RUN);
	cr_assert_eq(options.nenv, 3);
	cr_assert_str_eq(options.env[0], "A=2");
	cr_assert_str_eq(options.env[1], "FROM_HERE=x y");
	cr_assert_str_eq(options.env[2], "AB=3");
	cr_assert_null(options.env[3]);
	cr_assert_eq(parse("holdfast run --inherit-env -e FROM_HERE=new x"),
	    OPTIONS_RUN);
	cr_assert_gt(options.nenv, 1);
	options_set_env(&options, "FROM_HERE=newer");
	options_clear(&options);
}

Test(clientstart, other_commands)
{
	cr_assert_eq(parse("holdfast run x --detach"), OPTIONS_RUN);
	cr_assert_eq(options.command, OPTIONS_COMMAND_RUN);
	cr_assert_not(options.detach);
	cr_assert_eq(options.ttl_ms, 0);
	cr_assert_eq(options.escape, '~');
	cr_assert_eq(parse("holdfast run -d x"), OPTIONS_RUN);
	cr_assert(options.detach);
	cr_assert_eq(options.ttl_ms, 86400000);
	cr_assert_eq(parse("holdfast run -d --ttl 15m --escape none x"),
	    OPTIONS_RUN);
	cr_assert_eq(options.ttl_ms, 900000);
	cr_assert_eq(options.escape, -1);
	cr_assert_eq(parse("holdfast attach --takeover S P --ttl 2"),
	    OPTIONS_RUN);
	cr_assert_eq(options.command, OPTIONS_ATTACH);
	cr_assert(options.takeover);
	cr_assert_eq(options.ttl_ms, 2000);
	cr_assert_str_eq(options.session, "S");
	cr_assert_str_eq(options.process, "P");
	cr_assert_eq(parse("holdfast attach S"), OPTIONS_RUN);
	cr_assert_null(options.process);
	cr_assert_eq(parse("holdfast ps"), OPTIONS_RUN);
	cr_assert_eq(options.command, OPTIONS_PS);
	cr_assert_null(options.session);
	cr_assert_eq(parse("holdfast ps --url ws://h S"), OPTIONS_RUN);
	cr_assert_eq(options.command, OPTIONS_PS);
	cr_assert_str_eq(options.session, "S");
	options_clear(&options);
}

static const char *const bad_lines[] = {
	"holdfast attach", "holdfast attach S P Q",
	"holdfast ps S T", "holdfast ps -d S", "holdfast attach -C / S",
	"holdfast run --takeover x", "holdfast run --ttl 0 x",
	"holdfast run --ttl 5w x", "holdfast run --ttl -5 x",
	"holdfast run --ttl 5hh x", "holdfast run --ttl h x",
	"holdfast run --escape ab x",
	"holdfast", "holdfast ls", "holdfast run", "holdfast run --",
	"holdfast run --nosuch x", "holdfast run -e =x y",
	"holdfast run --url", "holdfast -t",
};

Test(clientstart, bad_command_lines, .init = cr_redirect_stderr)
{
	size_t i;

	for (i = 0; i < sizeof(bad_lines) / sizeof(bad_lines[0]); i++)
		cr_expect_eq(parse(bad_lines[i]), OPTIONS_BAD, "%s",
		    bad_lines[i]);
	options_clear(&options);
}

Test(clientstart, help, .init = cr_redirect_stdout)
{
	cr_assert_eq(parse("holdfast --help"), OPTIONS_DONE);
	cr_assert_eq(parse("holdfast run --help"), OPTIONS_DONE);
	cr_assert_eq(parse("holdfast --version"), OPTIONS_DONE);
	options_clear(&options);
}
