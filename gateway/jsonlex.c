/* SPDX-License-Identifier: ISC */
/* One pass over a JSON text without building anything. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "gateway/jsonlex.h"

struct cursor {
	struct jsonlex *lex;
	const char *text;
	const char *at;
	const char *end;
	uint64_t objects;	/* bit n: the container at depth n is one */
	unsigned int depth;
	bool first;		/* nothing yet in the innermost container */
	size_t values;
};

static const char too_early[] = "the text ends early";
static const char bad_string[] = "a string is not well-formed";

size_t
jsonlex_plain_run(const char *text, size_t len)
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

static int
peek(const struct cursor *c)
{
	return c->at < c->end ? (unsigned char)*c->at : -1;
}

static int
skip_space(struct cursor *c)
{
	int ch;

	while ((ch = peek(c)) == ' ' || ch == '\t' || ch == '\n' || ch == '\r')
		c->at++;
	return ch;
}

static const char *
note(struct cursor *c, const char *at, size_t len, bool number)
{
	struct jsonlex *lex = c->lex;
	struct jsonlex_note *bigger;
	size_t room;

	if (lex->nnotes == lex->room) {
		room = lex->room == 0 ? 16 : lex->room * 2;
		bigger = reallocarray(lex->notes, room, sizeof(*bigger));
		if (bigger == NULL)
			return "out of memory";
		lex->notes = bigger;
		lex->room = room;
	}
	lex->notes[lex->nnotes].at = (size_t)(at - c->text);
	lex->notes[lex->nnotes].len = len;
	lex->notes[lex->nnotes].number = number;
	lex->nnotes++;
	return NULL;
}

/* Four hex digits behind \u, or -1. */
static int32_t
lex_hex4(struct cursor *c)
{
	int32_t v = 0;
	int ch, i;

	for (i = 0; i < 4; i++) {
		ch = peek(c);
		if (ch >= '0' && ch <= '9')
			v = v << 4 | (ch - '0');
		else if ((ch | 0x20) >= 'a' && (ch | 0x20) <= 'f')
			v = v << 4 | ((ch | 0x20) - 'a' + 10);
		else
			return -1;
		c->at++;
	}
	return v;
}

/* What follows a backslash.  Surrogates must come in pairs. */
static const char *
lex_escape(struct cursor *c, bool name)
{
	int32_t v;
	int ch;

	if ((ch = peek(c)) == -1)
		return too_early;
	c->at++;
	if (ch != 'u')
		return ch != '\0' && strchr("\"\\/bfnrt", ch) != NULL ?
		    NULL : bad_string;
	if ((v = lex_hex4(c)) == -1)
		return bad_string;
	if (v == 0) {
		if (name)
			return "a member name holds a NUL";
		c->lex->nul = true;
	}
	if (v < 0xd800 || v > 0xdfff)
		return NULL;
	if (v > 0xdbff || peek(c) != '\\')
		return bad_string;
	c->at++;
	if (peek(c) != 'u')
		return bad_string;
	c->at++;
	v = lex_hex4(c);
	return v >= 0xdc00 && v <= 0xdfff ? NULL : bad_string;
}

static const char *
lex_string(struct cursor *c, bool name)
{
	const char *start = ++c->at, *why;
	bool escaped = false;
	int ch;

	for (;;) {
		c->at += jsonlex_plain_run(c->at, (size_t)(c->end - c->at));
		if ((ch = peek(c)) == -1)
			return too_early;
		c->at++;
		if (ch == '"')
			break;
		if (ch != '\\')
			return "a string holds a raw control character";
		escaped = true;
		if ((why = lex_escape(c, name)) != NULL)
			return why;
	}
	if (escaped || name || c->at - 1 - start < JSONLEX_LONG)
		return NULL;
	return note(c, start, (size_t)(c->at - 1 - start), false);
}

static size_t
skip_digits(struct cursor *c)
{
	const char *start = c->at;

	while (peek(c) >= '0' && peek(c) <= '9')
		c->at++;
	return (size_t)(c->at - start);
}

/* Whether the integer of "len" digits fits the type that its sign asks for;
 * there are no leading zeros. */
static bool
in_range(const char *digits, size_t len, bool negative)
{
	const char *limit = negative ?
	    "9223372036854775808" : "18446744073709551615";
	size_t n = strlen(limit);

	if (negative && digits[0] == '0')
		return false;
	return len < n || (len == n && memcmp(digits, limit, n) <= 0);
}

static const char *
lex_number(struct cursor *c)
{
	static const char bad[] = "a value is not well-formed";
	const char *start = c->at, *digits;
	bool integer = true;
	size_t n;

	if (peek(c) == '-')
		c->at++;
	digits = c->at;
	if ((n = skip_digits(c)) == 0 || (n > 1 && digits[0] == '0'))
		return bad;
	if (peek(c) == '.') {
		c->at++;
		integer = false;
		if (skip_digits(c) == 0)
			return bad;
	}
	if ((peek(c) | 0x20) == 'e') {
		c->at++;
		integer = false;
		if (peek(c) == '+' || peek(c) == '-')
			c->at++;
		if (skip_digits(c) == 0)
			return bad;
	}
	if (integer && !in_range(digits, n, start != digits))
		return note(c, start, (size_t)(c->at - start), true);
	return NULL;
}

static const char *
lex_word(struct cursor *c, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(c->end - c->at) < n || memcmp(c->at, word, n) != 0)
		return "a value is not well-formed";
	c->at += n;
	return NULL;
}

static const char *
lex_open(struct cursor *c, bool object)
{
	if (c->depth == c->lex->max_depth)
		return "nested too deeply";
	if (object)
		c->objects |= UINT64_C(1) << c->depth;
	else
		c->objects &= ~(UINT64_C(1) << c->depth);
	c->values += object ? JSONLEX_OBJECT_WEIGHT : JSONLEX_ARRAY_WEIGHT;
	c->depth++;
	c->first = true;
	c->at++;
	return NULL;
}

static bool
in_object(const struct cursor *c)
{
	return c->objects >> (c->depth - 1) & 1;
}

/* A scalar, or the opening of a container. */
static const char *
lex_value(struct cursor *c)
{
	if (++c->values > c->lex->max_values)
		return "too many values";
	c->first = false;
	switch (skip_space(c)) {
	case '{':
		return lex_open(c, true);
	case '[':
		return lex_open(c, false);
	case '"':
		return lex_string(c, false);
	case 't':
		return lex_word(c, "true");
	case 'f':
		return lex_word(c, "false");
	case 'n':
		return lex_word(c, "null");
	case -1:
		return too_early;
	default:
		return lex_number(c);
	}
}

static const char *
lex_name(struct cursor *c)
{
	const char *why;
	int ch;

	if ((ch = skip_space(c)) != '"')
		return ch == -1 ? too_early : "a member name is missing";
	if ((why = lex_string(c, true)) != NULL)
		return why;
	if ((ch = skip_space(c)) != ':')
		return ch == -1 ? too_early : "a colon is missing";
	c->at++;
	return NULL;
}

/* Behind a value: close what ends here, or pass the comma. */
static const char *
lex_after(struct cursor *c)
{
	int ch;

	while (c->depth > 0) {
		ch = skip_space(c);
		if (ch == -1)
			return too_early;
		if (ch == (in_object(c) ? '}' : ']')) {
			c->at++;
			c->depth--;
			c->first = false;
			continue;
		}
		/* Right behind its opening, a container holds no comma. */
		if (c->first)
			return NULL;
		if (ch != ',')
			return "a comma is missing";
		c->at++;
		return NULL;
	}
	return NULL;
}

const char *
jsonlex_check(struct jsonlex *lex, const char *text, size_t len)
{
	struct cursor c = { .lex = lex, .text = text, .at = text,
	    .end = text + len };
	const char *why;

	lex->nnotes = 0;
	lex->nul = false;
	if (skip_space(&c) != '{')
		return c.at == c.end ? "the message is empty" :
		    "the message is not an object";
	why = lex_value(&c);
	while (why == NULL && (why = lex_after(&c)) == NULL && c.depth > 0) {
		if (in_object(&c))
			why = lex_name(&c);
		if (why == NULL)
			why = lex_value(&c);
	}
	if (why == NULL && skip_space(&c) != -1)
		why = "something follows the object";
	return why;
}

void
jsonlex_clear(struct jsonlex *lex)
{
	free(lex->notes);
	lex->notes = NULL;
	lex->nnotes = lex->room = 0;
}
