/* SPDX-License-Identifier: ISC */
/* Strings of JSON: long plain runs are passed over sixteen bytes a step. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "gateway/jsonstr.h"

struct reader {
	const char *at;
	const char *end;
};

const char jsonstr_too_early[] = "the text ends early";

static const char bad_string[] = "a string is not well-formed";

static int
peek(const struct reader *r)
{
	return r->at < r->end ? (unsigned char)*r->at : -1;
}

size_t
jsonstr_plain_run(const char *text, size_t len)
{
	size_t i = 0;
#if defined(__SSE2__)
	const __m128i quote = _mm_set1_epi8('"');
	const __m128i slash = _mm_set1_epi8('\\');
	const __m128i control = _mm_set1_epi8(31);
	__m128i hit, v;
	int mask;

	for (; i + 16 <= len; i += 16) {
		v = _mm_loadu_si128((const __m128i *)(const void *)(text + i));
		hit = _mm_or_si128(_mm_cmpeq_epi8(v, quote),
		    _mm_cmpeq_epi8(v, slash));
		hit = _mm_or_si128(hit,
		    _mm_cmpeq_epi8(_mm_min_epu8(v, control), v));
		if ((mask = _mm_movemask_epi8(hit)) != 0)
			return i + (size_t)__builtin_ctz((unsigned int)mask);
	}
#endif
	while (i < len && (unsigned char)text[i] > 31 && text[i] != '"' &&
	    text[i] != '\\')
		i++;
	return i;
}

int
jsonstr_reserve(struct jsonstr_scratch *scratch, size_t need)
{
	char *bigger;

	if (need <= scratch->room)
		return 0;
	if ((bigger = realloc(scratch->at, need * 2)) == NULL)
		return -1;
	scratch->at = bigger;
	scratch->room = need * 2;
	return 0;
}

void
jsonstr_trim(struct jsonstr_scratch *scratch, size_t keep)
{
	if (scratch->room <= keep)
		return;
	free(scratch->at);
	scratch->at = NULL;
	scratch->room = 0;
}

/* Four hex digits behind \u, or -1. */
static int32_t
read_hex4(struct reader *r)
{
	int32_t v = 0;
	int ch, i;

	for (i = 0; i < 4; i++) {
		ch = peek(r);
		if (ch >= '0' && ch <= '9')
			v = v << 4 | (ch - '0');
		else if ((ch | 0x20) >= 'a' && (ch | 0x20) <= 'f')
			v = v << 4 | ((ch | 0x20) - 'a' + 10);
		else
			return -1;
		r->at++;
	}
	return v;
}

/* The code point behind \u; surrogates must come in pairs. */
static int32_t
read_code_point(struct reader *r)
{
	int32_t low, v;

	if ((v = read_hex4(r)) < 0xd800 || v > 0xdfff)
		return v;
	if (v > 0xdbff || r->end - r->at < 2 || r->at[0] != '\\' ||
	    r->at[1] != 'u')
		return -1;
	r->at += 2;
	if ((low = read_hex4(r)) < 0xdc00 || low > 0xdfff)
		return -1;
	return 0x10000 + ((v - 0xd800) << 10) + (low - 0xdc00);
}

static size_t
put_utf8(char *to, int32_t v)
{
	size_t i, n = v < 0x80 ? 1 : v < 0x800 ? 2 : v < 0x10000 ? 3 : 4;

	if (n == 1) {
		to[0] = (char)v;
		return 1;
	}
	for (i = n - 1; i > 0; i--, v >>= 6)
		to[i] = (char)(0x80 | (v & 0x3f));
	to[0] = (char)((0xf00 >> n & 0xff) | v);
	return n;
}

/*
 * Unescape what follows a backslash to "to", which has room for four bytes.
 * Returns how many were written, 0 for none.
 */
static size_t
read_escape(struct reader *r, char *to)
{
	static const char letters[] = "\"\\/bfnrt";
	static const char meant[] = "\"\\/\b\f\n\r\t";
	const char *p;
	int32_t v;

	if (r->at == r->end)
		return 0;
	if (*r->at == 'u') {
		r->at++;
		return (v = read_code_point(r)) == -1 ? 0 : put_utf8(to, v);
	}
	p = memchr(letters, *r->at++, sizeof(letters) - 1);
	if (p == NULL)
		return 0;
	*to = meant[p - letters];
	return 1;
}

/*
 * Read on in a string that holds an escape, up to its closing quote, and
 * leave it unescaped and terminated in "scratch".  The string starts at
 * "start".
 */
static const char *
read_escaped(struct reader *r, const char *start,
    struct jsonstr_scratch *scratch, size_t *len)
{
	size_t n = (size_t)(r->at - start), run;

	if (jsonstr_reserve(scratch, n + 1) == -1)
		return "out of memory";
	memcpy(scratch->at, start, n);
	for (;;) {
		run = jsonstr_plain_run(r->at, (size_t)(r->end - r->at));
		if (jsonstr_reserve(scratch, n + run + 8) == -1)
			return "out of memory";
		memcpy(scratch->at + n, r->at, run);
		n += run;
		r->at += run;
		if (r->at == r->end)
			return jsonstr_too_early;
		if (*r->at == '"')
			break;
		if (*r->at++ != '\\')
			return "a string holds a raw control character";
		if ((run = read_escape(r, scratch->at + n)) == 0)
			return r->at == r->end ? jsonstr_too_early : bad_string;
		n += run;
	}
	r->at++;
	scratch->at[n] = '\0';
	*len = n;
	return NULL;
}

const char *
jsonstr_read(const char **text, const char *end,
    struct jsonstr_scratch *scratch, const char **at, size_t *len)
{
	struct reader r = { *text, end };
	const char *why;

	r.at += jsonstr_plain_run(r.at, (size_t)(end - r.at));
	if (peek(&r) == '"') {
		*at = *text;
		*len = (size_t)(r.at - *text);
		*text = r.at + 1;
		return NULL;
	}
	if ((why = read_escaped(&r, *text, scratch, len)) != NULL)
		return why;
	*at = scratch->at;
	*text = r.at;
	return NULL;
}
