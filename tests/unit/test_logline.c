/* SPDX-License-Identifier: ISC */
/* Lines of the log, whatever is in them; and how many of them there are. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include <criterion/criterion.h>

#include "common/log.h"

TestSuite(logline, .timeout = 20);

static struct logline
line_of(const char *msg, const struct logline_pair *pairs, size_t n)
{
	return (struct logline){
		.wall_ms = 951782399999, .process = "holdfast-x", .pid = 12,
		.level = "info", .priority = 6, .msg = msg, .pairs = pairs,
		.npairs = n,
	};
}

Test(logline, text_is_as_ever)
{
	struct logline line = line_of("it \033works\n", NULL, 0);
	char out[LOGLINE_SIZE];

	cr_assert_eq(logline_format(out, LOG_FORMAT_TEXT, &line),
	    strlen(out));
	cr_assert_str_eq(out, "holdfast-x[12]: info: it ?works?\n");
	logline_format(out, LOG_FORMAT_TEXT | LOG_JOURNAL, &line);
	cr_assert_str_eq(out, "<6>holdfast-x[12]: info: it ?works?\n");
}

Test(logline, logfmt_quotes_what_needs_it)
{
	static const struct logline_pair pairs[] = {
		{ "session", "abc-1" }, { "tenant", "" },
		{ "text", "a b=\"c\"\n" },
	};
	struct logline line = line_of("an event", pairs, 3);
	char out[LOGLINE_SIZE];

	line.topic = "session";
	logline_format(out, LOG_FORMAT_LOGFMT, &line);
	cr_assert_str_eq(out, "time=2000-02-28T23:59:59.999Z level=info "
	    "process=holdfast-x pid=12 topic=session msg=\"an event\" "
	    "session=abc-1 tenant=\"\" text=\"a b=\\\"c\\\"\\u000a\"\n",
	    "%s", out);
}

static const char *
member(struct json_object *o, const char *key)
{
	return json_object_get_string(json_object_object_get(o, key));
}

Test(logline, json_is_json_whatever_is_in_it)
{
	struct json_object *o;
	char out[LOGLINE_SIZE], msg[3000], value[400];
	struct logline_pair pairs[LOGLINE_PAIRS];
	struct logline line;
	unsigned int seed, i;

	for (seed = 0; seed < 3000; seed++) {
		srandom(seed);
		for (i = 0; i < sizeof(msg) - 1; i++)
			msg[i] = (char)(seed % 3 == 0 ? 1 :
			    seed % 3 == 1 ? '"' : 1 + random() % 255);
		msg[(size_t)random() % sizeof(msg)] = '\0';
		msg[sizeof(msg) - 1] = '\0';
		for (i = 0; i < sizeof(value) - 1; i++)
			value[i] = (char)(1 + random() % 255);
		value[sizeof(value) - 1] = '\0';
		for (i = 0; i < LOGLINE_PAIRS; i++)
			pairs[i] = (struct logline_pair){ "some_key", value };
		line = line_of(msg, pairs, LOGLINE_PAIRS);
		line.topic = value;
		line.process = value;
		cr_assert_lt(logline_format(out, LOG_FORMAT_JSON, &line),
		    LOGLINE_SIZE);
		cr_assert_eq(strchr(out, '\n'), out + strlen(out) - 1);
		o = json_tokener_parse(out);
		cr_assert_not_null(o, "seed %u: %s", seed, out);
		cr_assert_str_eq(member(o, "level"), "info");
		cr_assert_not_null(member(o, "some_key"));
		cr_assert_not_null(member(o, "msg"));
		json_object_put(o);
		logline_format(out, LOG_FORMAT_LOGFMT, &line);
		cr_assert_eq(strchr(out, '\n'), out + strlen(out) - 1);
		logline_format(out, LOG_FORMAT_TEXT, &line);
		cr_assert_eq(strchr(out, '\n'), out + strlen(out) - 1);
	}
}

Test(logline, json_keeps_text_and_escapes_the_rest)
{
	static const struct logline_pair pairs[] = {
		{ "a", "\xc3\xa9\xe2\x82\xac" }, { "b", "\xff\xc0\x80" },
		{ "c", "\xc2\x85\xe2\x80\xa8" },
	};
	struct logline line = line_of("m", pairs, 3);
	char out[LOGLINE_SIZE];

	logline_format(out, LOG_FORMAT_JSON, &line);
	cr_assert_not_null(strstr(out, "\"a\":\"\xc3\xa9\xe2\x82\xac\""));
	cr_assert_not_null(strstr(out,
	    "\"b\":\"\\ufffd\\ufffd\\ufffd\""), "%s", out);
	cr_assert_not_null(strstr(out, "\"c\":\"\\u0085\\u2028\""), "%s",
	    out);
}

Test(logline, a_place_that_floods_is_bounded)
{
	static const char here[] = "here", there[] = "there";
	struct lograte rate = { 0 };
	const char *place = NULL;
	unsigned int i, n = 0;

	for (i = 0; i < 1000; i++)
		n += lograte_take(&rate, here, 5000);
	cr_assert_eq(n, LOGRATE_BURST);
	cr_assert(lograte_take(&rate, there, 5000));
	cr_assert_eq(lograte_left_out(&rate, 5000, &place), 0);
	cr_assert_eq(lograte_left_out(&rate, 6000, &place),
	    1000 - LOGRATE_BURST);
	cr_assert_eq(place, here);
	cr_assert_eq(lograte_left_out(&rate, 6000, &place), 0);
	for (i = 0, n = 0; i < 1000; i++)
		n += lograte_take(&rate, here, 6000);
	cr_assert_eq(n, LOGRATE_PER_SECOND);
}

Test(logline, more_places_than_are_remembered_all_speak)
{
	static const char places[LOGRATE_PLACES * 2] = { 0 };
	struct lograte rate = { 0 };
	unsigned int i;

	for (i = 0; i < sizeof(places); i++)
		cr_assert(lograte_take(&rate, &places[i], i));
}

static char heard[LOGLINE_SIZE];

static void
hear(enum log_level level, const char *text)
{
	(void)level;
	strncpy(heard, text, sizeof(heard) - 1);
}

Test(logline, events_have_pairs)
{
	log_set_hook(hear);
	log_event(LOG_LEVEL_INFO, NULL, "gateway up", "gateway", "3",
	    "nothing", NULL, "pool", "0 x", NULL);
	cr_assert_str_eq(heard, "gateway up gateway=3 pool=\"0 x\"");
}
