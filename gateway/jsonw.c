/* SPDX-License-Identifier: ISC */
/* Writing JSON text. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/base64.h"
#include "gateway/jsonw.h"
#include "gateway/utf8.h"

#define HEAP_FIRST 256
#define U64_DIGITS 20

/* The characters that have a short escape, and its letters. */
static const char short_escaped[] = "\b\t\n\f\r\"\\";
static const char short_escapes[] = "btnfr\"\\";

static const char replacement[] = "\xef\xbf\xbd";

static int
grow_heap(struct jsonw *w, size_t need, size_t want)
{
	size_t cap, used = jsonw_used(w);
	char *bigger;

	if (need > w->max - used)
		return -1;
	cap = (size_t)(w->end - w->base);
	cap = cap == 0 ? HEAP_FIRST : cap * 2;
	if (cap < used + want)
		cap = used + want;
	if (cap > w->max)
		cap = w->max;
	if ((bigger = realloc(w->base, cap)) == NULL)
		return -1;
	jsonw_set_span(w, bigger, used, cap);
	return 0;
}

void
jsonw_init(struct jsonw *w, void *span, size_t cap, jsonw_grow_cb *grow,
    void *arg)
{
	memset(w, 0, sizeof(*w));
	w->grow = grow;
	w->arg = arg;
	if (span != NULL)
		jsonw_set_span(w, span, 0, cap);
}

void
jsonw_init_heap(struct jsonw *w, size_t max)
{
	jsonw_init(w, NULL, 0, grow_heap, NULL);
	w->max = max;
}

void
jsonw_clear(struct jsonw *w)
{
	if (w->grow == grow_heap)
		free(w->base);
	memset(w, 0, sizeof(*w));
	w->failed = true;
}

void
jsonw_set_span(struct jsonw *w, void *span, size_t used, size_t cap)
{
	w->base = span;
	w->at = w->base + used;
	w->end = w->base + cap;
}

const char *
jsonw_text(const struct jsonw *w)
{
	return w->base;
}

size_t
jsonw_used(const struct jsonw *w)
{
	return (size_t)(w->at - w->base);
}

int
jsonw_finish(const struct jsonw *w)
{
	return w->failed ? -1 : 0;
}

static size_t
left(const struct jsonw *w)
{
	return (size_t)(w->end - w->at);
}

/* Have "need" bytes at w->at; "want" says how much is coming in all. */
static bool
reserve(struct jsonw *w, size_t need, size_t want)
{
	if (w->failed)
		return false;
	if (left(w) >= need)
		return true;
	if (w->grow == NULL || w->grow(w, need, want) == -1 ||
	    left(w) < need) {
		w->failed = true;
		return false;
	}
	return true;
}

int
jsonw_room(struct jsonw *w, size_t need)
{
	return reserve(w, need, need) ? 0 : -1;
}

static void
put(struct jsonw *w, const char *bytes, size_t len)
{
	size_t n;

	while (len > 0 && reserve(w, 1, len)) {
		n = left(w) < len ? left(w) : len;
		memcpy(w->at, bytes, n);
		w->at += n;
		bytes += n;
		len -= n;
	}
}

static void
put_char(struct jsonw *w, char c)
{
	if (reserve(w, 1, 1))
		*w->at++ = c;
}

static void
begin_value(struct jsonw *w)
{
	if (w->comma)
		put_char(w, ',');
	w->comma = true;
}

void
jsonw_object(struct jsonw *w)
{
	begin_value(w);
	put_char(w, '{');
	w->comma = false;
}

void
jsonw_end_object(struct jsonw *w)
{
	put_char(w, '}');
	w->comma = true;
}

void
jsonw_array(struct jsonw *w)
{
	begin_value(w);
	put_char(w, '[');
	w->comma = false;
}

void
jsonw_end_array(struct jsonw *w)
{
	put_char(w, ']');
	w->comma = true;
}

void
jsonw_key(struct jsonw *w, const char *name)
{
	begin_value(w);
	put_char(w, '"');
	put(w, name, strlen(name));
	put(w, "\":", 2);
	w->comma = false;
}

void
jsonw_key_bytes(struct jsonw *w, const void *name, size_t len)
{
	jsonw_string(w, name, len);
	put_char(w, ':');
	w->comma = false;
}

static void
put_number(struct jsonw *w, uint64_t value, bool negative)
{
	char digits[U64_DIGITS + 1];
	size_t i = sizeof(digits);

	begin_value(w);
	do {
		digits[--i] = (char)('0' + value % 10);
		value /= 10;
	} while (value != 0);
	if (negative)
		digits[--i] = '-';
	put(w, digits + i, sizeof(digits) - i);
}

void
jsonw_u64(struct jsonw *w, uint64_t value)
{
	put_number(w, value, false);
}

void
jsonw_i64(struct jsonw *w, int64_t value)
{
	/* The negation of the smallest number exists only unsigned. */
	put_number(w, value < 0 ? 0 - (uint64_t)value : (uint64_t)value,
	    value < 0);
}

void
jsonw_bool(struct jsonw *w, bool value)
{
	if (value)
		jsonw_raw_value(w, "true", 4);
	else
		jsonw_raw_value(w, "false", 5);
}

void
jsonw_null(struct jsonw *w)
{
	jsonw_raw_value(w, "null", 4);
}

/* How many bytes at "s" can stand in a string as they are. */
static size_t
plain_run(const unsigned char *s, size_t len)
{
	static const uint64_t ones = UINT64_C(0x0101010101010101);
	static const uint64_t highs = UINT64_C(0x8080808080808080);
	uint64_t quote, slash, v;
	size_t bad, i = 0, n;

	while (i < len) {
		for (; i + 8 <= len; i += 8) {
			/*
			 * A byte below n has its high bit set after n has
			 * been subtracted; a borrow can only raise a false
			 * alarm, which the slow way below settles.
			 */
			memcpy(&v, s + i, 8);
			quote = v ^ ones * '"';
			slash = v ^ ones * '\\';
			if (((v - ones * ' ') | (quote - ones) |
			    (slash - ones) | v) & highs)
				break;
		}
		if (i == len)
			break;
		if (s[i] < 0x80) {
			if (s[i] < ' ' || s[i] == '"' || s[i] == '\\')
				break;
			i++;
		} else {
			if ((n = utf8_char(s + i, len - i, &bad)) == 0)
				break;
			i += n;
		}
	}
	return i;
}

static void
put_escape(struct jsonw *w, unsigned char c)
{
	static const char digits[] = "0123456789abcdef";
	char text[6] = "\\u00";
	const char *p;

	p = memchr(short_escaped, c, sizeof(short_escaped) - 1);
	if (p != NULL) {
		text[1] = short_escapes[p - short_escaped];
		put(w, text, 2);
		return;
	}
	text[4] = digits[c >> 4];
	text[5] = digits[c & 15];
	put(w, text, 6);
}

void
jsonw_string_piece(struct jsonw *w, const void *bytes, size_t len)
{
	const unsigned char *s = bytes;
	size_t n;

	while (len > 0 && !w->failed) {
		n = plain_run(s, len);
		put(w, (const char *)s, n);
		s += n;
		if ((len -= n) == 0)
			break;
		n = 1;
		if (*s < 0x80)
			put_escape(w, *s);
		else {
			(void)utf8_char(s, len, &n);
			put(w, replacement, sizeof(replacement) - 1);
		}
		s += n;
		len -= n;
	}
}

void
jsonw_string_begin(struct jsonw *w)
{
	begin_value(w);
	put_char(w, '"');
}

void
jsonw_string_end(struct jsonw *w)
{
	put_char(w, '"');
	w->comma = true;
}

void
jsonw_string(struct jsonw *w, const void *bytes, size_t len)
{
	jsonw_string_begin(w);
	jsonw_string_piece(w, bytes, len);
	jsonw_string_end(w);
}

void
jsonw_cstring(struct jsonw *w, const char *string)
{
	jsonw_string(w, string, strlen(string));
}

void
jsonw_base64_piece(struct jsonw *w, const void *bytes, size_t len)
{
	const unsigned char *s = bytes;
	size_t n;

	while (len > 0 && reserve(w, 4, BASE64_ENCODED_LEN(len))) {
		n = left(w) / 4 * 3;
		if (n > len)
			n = len;
		w->at += base64_encode(w->at, s, n);
		s += n;
		len -= n;
	}
}

void
jsonw_base64(struct jsonw *w, const void *bytes, size_t len)
{
	jsonw_string_begin(w);
	jsonw_base64_piece(w, bytes, len);
	jsonw_string_end(w);
}

void
jsonw_raw(struct jsonw *w, const void *text, size_t len)
{
	put(w, text, len);
	w->comma = false;
}

void
jsonw_raw_value(struct jsonw *w, const void *text, size_t len)
{
	begin_value(w);
	put(w, text, len);
}
