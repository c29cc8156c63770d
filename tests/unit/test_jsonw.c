/* SPDX-License-Identifier: ISC */
/* JSON text as it is written, into spans of every size. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "gateway/jsonw.h"
#include "gateway/utf8.h"

TestSuite(jsonw, .timeout = 30);

/* Collects spans of a given size, each in memory of its own. */
struct collector {
	char text[4096];
	size_t len;
	char *span;
	size_t cap;
	int spans;		/* how many more are given */
};

static int
collect(struct jsonw *w, size_t need, size_t want)
{
	struct collector *c = w->arg;

	cr_assert_leq(need, want);
	cr_assert_leq(need, JSONW_NEED_MAX);
	if (jsonw_used(w) > 0)
		memcpy(c->text + c->len, jsonw_text(w), jsonw_used(w));
	c->len += jsonw_used(w);
	free(c->span);
	c->span = NULL;
	jsonw_set_span(w, NULL, 0, 0);
	if (c->spans-- == 0)
		return -1;
	if (need < c->cap)
		need = c->cap;
	c->span = malloc(need);
	jsonw_set_span(w, c->span, 0, need);
	return 0;
}

static void
write_sample(struct jsonw *w)
{
	jsonw_object(w);
	jsonw_key(w, "a");
	jsonw_u64(w, UINT64_MAX);
	jsonw_key(w, "b");
	jsonw_array(w);
	jsonw_i64(w, INT64_MIN);
	jsonw_bool(w, true);
	jsonw_bool(w, false);
	jsonw_null(w);
	jsonw_object(w);
	jsonw_end_object(w);
	jsonw_array(w);
	jsonw_end_array(w);
	jsonw_raw_value(w, "[1,2]", 5);
	jsonw_end_array(w);
	jsonw_key_bytes(w, "k\"\xff", 3);
	jsonw_string(w, "x\ny\0z\x7f", 6);
	jsonw_key(w, "c");
	jsonw_base64(w, "any carnal pleas", 16);
	jsonw_lit(w, ",\"raw\":");
	jsonw_i64(w, -1);
	jsonw_key(w, "d");
	jsonw_string_begin(w);
	jsonw_string_piece(w, "ab\"", 3);
	jsonw_base64_piece(w, "abcdef", 6);
	jsonw_string_end(w);
	jsonw_end_object(w);
}

static const char sample[] = "{\"a\":18446744073709551615,\"b\":"
    "[-9223372036854775808,true,false,null,{},[],[1,2]],"
    "\"k\\\"\xef\xbf\xbd\":\"x\\ny\\u0000z\x7f\","
    "\"c\":\"YW55IGNhcm5hbCBwbGVhcw==\",\"raw\":-1,"
    "\"d\":\"ab\\\"YWJjZGVm\"}";

Test(jsonw, flat)
{
	char *buf;
	struct jsonw w;
	size_t cap;

	for (cap = 0; cap < sizeof(sample) + 10; cap++) {
		buf = malloc(cap + 1);
		jsonw_init(&w, buf, cap, NULL, NULL);
		write_sample(&w);
		if (cap < sizeof(sample) - 1)
			cr_assert_eq(jsonw_finish(&w), -1, "%zu", cap);
		else {
			cr_assert_eq(jsonw_finish(&w), 0, "%zu", cap);
			cr_assert_eq(jsonw_used(&w), sizeof(sample) - 1);
			cr_assert_arr_eq(buf, sample, sizeof(sample) - 1);
		}
		free(buf);
	}
}

Test(jsonw, growing_spans)
{
	struct collector c;
	struct jsonw w;
	size_t cap;

	for (cap = 1; cap < 64; cap++) {
		memset(&c, 0, sizeof(c));
		c.cap = cap;
		c.spans = 1000;
		jsonw_init(&w, NULL, 0, collect, &c);
		write_sample(&w);
		cr_assert_eq(jsonw_finish(&w), 0);
		memcpy(c.text + c.len, jsonw_text(&w), jsonw_used(&w));
		c.len += jsonw_used(&w);
		free(c.span);
		cr_assert_eq(c.len, sizeof(sample) - 1);
		cr_assert_arr_eq(c.text, sample, c.len);
	}
}

Test(jsonw, growing_ends)
{
	struct collector c = { .cap = 8, .spans = 3 };
	struct jsonw w;

	jsonw_init(&w, NULL, 0, collect, &c);
	write_sample(&w);
	cr_assert_eq(jsonw_finish(&w), -1);
	cr_assert_eq(jsonw_room(&w, 1), -1);
	cr_assert_lt(c.len, sizeof(sample));
	cr_assert_arr_eq(c.text, sample, c.len);
	free(c.span);
}

Test(jsonw, heap)
{
	struct jsonw w;
	int i;

	jsonw_init_heap(&w, 100000);
	for (i = 0; i < 100; i++) {
		write_sample(&w);
		jsonw_lit(&w, "\n");
	}
	cr_assert_eq(jsonw_finish(&w), 0);
	cr_assert_eq(jsonw_used(&w), sizeof(sample) * 100);
	cr_assert_arr_eq(jsonw_text(&w) + sizeof(sample) * 99, sample,
	    sizeof(sample) - 1);
	jsonw_clear(&w);

	jsonw_init_heap(&w, 1000);
	for (i = 0; i < 100; i++)
		write_sample(&w);
	cr_assert_eq(jsonw_finish(&w), -1);
	cr_assert_leq(jsonw_used(&w), 1000);
	jsonw_clear(&w);
}

static void
check_string(const void *bytes, size_t len, const char *want)
{
	char buf[256];
	struct jsonw w;

	jsonw_init(&w, buf, sizeof(buf), NULL, NULL);
	jsonw_string(&w, bytes, len);
	cr_assert_eq(jsonw_finish(&w), 0);
	cr_assert_eq(jsonw_used(&w), strlen(want) + 2, "%s: %.*s", want,
	    (int)jsonw_used(&w), buf);
	cr_assert_arr_eq(buf + 1, want, strlen(want), "%s", want);
	cr_assert_eq(buf[0], '"');
	cr_assert_eq(buf[strlen(want) + 1], '"');
}

#define FFFD "\xef\xbf\xbd"

static const struct {
	const char *bytes;
	const char *want;
} strings[] = {
	{ "", "" },
	{ "plain", "plain" },
	{ "\b\t\n\f\r\"\\/", "\\b\\t\\n\\f\\r\\\"\\\\/" },
	{ "\x01\x1f\x7f", "\\u0001\\u001f\x7f" },
	{ "0123456\"", "0123456\\\"" },
	{ "01234567\x01", "01234567\\u0001" },
	{ "\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80",
	    "\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80" },
	{ "\x80", FFFD },
	{ "\xff\xfe", FFFD FFFD },
	{ "\xc3", FFFD },
	{ "\xc3(", FFFD "(" },
	{ "\xc0\xaf", FFFD FFFD },
	{ "\xe4\xb8", FFFD },
	{ "\xe4\xb8x", FFFD "x" },
	{ "\xed\xa0\x80", FFFD FFFD FFFD },
	{ "\xf0\x9f\x98", FFFD },
	{ "\xf0\x9f\x98\xc3\xa9", FFFD "\xc3\xa9" },
	{ "\xf4\x90\x80\x80", FFFD FFFD FFFD FFFD },
	{ "\xf5\x80", FFFD FFFD },
	{ "abcdefghijklmnop\xff\"", "abcdefghijklmnop" FFFD "\\\"" },
};

Test(jsonw, strings)
{
	size_t i;

	for (i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
		check_string(strings[i].bytes, strlen(strings[i].bytes),
		    strings[i].want);
}

/* One special byte at every place of a longer string. */
Test(jsonw, every_byte_at_every_place)
{
	char bytes[40], buf[256];
	struct jsonw w;
	size_t extra, i;
	int c;

	for (c = 0; c < 256; c++) {
		for (i = 0; i < sizeof(bytes); i++) {
			memset(bytes, '~', sizeof(bytes));
			bytes[i] = (char)c;
			jsonw_init(&w, buf, sizeof(buf), NULL, NULL);
			jsonw_string(&w, bytes, sizeof(bytes));
			if (c >= 0x80)
				extra = 2;
			else if (c == '"' || c == '\\' || (c >= '\b' &&
			    c <= '\r' && c != '\v'))
				extra = 1;
			else
				extra = c < ' ' ? 5 : 0;
			cr_assert_eq(jsonw_used(&w),
			    sizeof(bytes) + 2 + extra, "%d at %zu", c, i);
			cr_assert(utf8_valid(buf, jsonw_used(&w)));
		}
	}
}

/* Every code point, and every truncation and neighbour of it. */
Test(jsonw, utf8)
{
	unsigned char s[4];
	unsigned int cp;
	size_t bad, i, n;

	for (cp = 0x80; cp < 0x110000; cp++) {
		if (cp < 0x800) {
			n = 2;
			s[0] = (unsigned char)(0xc0 | cp >> 6);
		} else if (cp < 0x10000) {
			n = 3;
			s[0] = (unsigned char)(0xe0 | cp >> 12);
		} else {
			n = 4;
			s[0] = (unsigned char)(0xf0 | cp >> 18);
		}
		for (i = 1; i < n; i++)
			s[i] = (unsigned char)(0x80 |
			    (cp >> 6 * (n - 1 - i) & 63));
		if (cp >= 0xd800 && cp <= 0xdfff) {
			cr_assert_not(utf8_valid(s, n), "%x", cp);
			continue;
		}
		cr_assert(utf8_valid(s, n), "%x", cp);
		cr_assert_eq(utf8_char(s, n, &bad), n);
		for (i = 1; i < n; i++) {
			cr_assert_not(utf8_valid(s, i), "%x", cp);
			cr_assert_eq(utf8_char(s, i, &bad), 0);
			cr_assert_eq(bad, i, "%x", cp);
		}
	}
}

Test(jsonw, ascii_run)
{
	char text[100];
	size_t i;

	memset(text, 'a', sizeof(text));
	cr_assert_eq(utf8_ascii_run(text, sizeof(text)), sizeof(text));
	for (i = 0; i < sizeof(text); i++) {
		text[i] = (char)0x80;
		cr_assert_eq(utf8_ascii_run(text, sizeof(text)), i);
		text[i] = 'a';
	}
}
