/* SPDX-License-Identifier: ISC */
/* One pass over a JSON text, without recursion. */
#include "config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <json-c/json.h>

#include "gateway/jsontree.h"

/* Scratch above this is not kept. */
#define SCRATCH_KEEP 65536

/* The digits of a fraction that count. */
#define FRACTION_MAX 64

struct cursor {
	struct jsontree *tree;
	const char *at;
	const char *end;
	struct json_object *stack[JSONTREE_DEPTH_MAX];
	unsigned int depth;
	bool first;		/* nothing yet in the innermost container */
	size_t values;
};

static const char too_early[] = "the text ends early";
static const char bad_string[] = "a string is not well-formed";
static const char bad_value[] = "a value is not well-formed";
static const char out_of_memory[] = "out of memory";

size_t
jsontree_plain_run(const char *text, size_t len)
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

static bool
in_object(const struct cursor *c)
{
	return json_object_is_type(c->stack[c->depth - 1], json_type_object);
}

/*
 * Put a value into the innermost container, where it belongs from now on;
 * NULL stands for null.
 */
static const char *
attach(struct cursor *c, struct json_object *value)
{
	struct json_object *parent = c->stack[c->depth - 1];
	int failed;

	c->first = false;
	failed = in_object(c) ?
	    json_object_object_add(parent, c->tree->name.at, value) :
	    json_object_array_add(parent, value);
	if (failed == 0)
		return NULL;
	json_object_put(value);
	return out_of_memory;
}

static const char *
attach_new(struct cursor *c, struct json_object *value)
{
	return value == NULL ? out_of_memory : attach(c, value);
}

static int
scratch_reserve(struct jsontree_scratch *scratch, size_t need)
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

static void
scratch_trim(struct jsontree_scratch *scratch, size_t keep)
{
	if (scratch->room <= keep)
		return;
	free(scratch->at);
	scratch->at = NULL;
	scratch->room = 0;
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

/* The code point behind \u; surrogates must come in pairs. */
static int32_t
lex_code_point(struct cursor *c)
{
	int32_t low, v;

	if ((v = lex_hex4(c)) < 0xd800 || v > 0xdfff)
		return v;
	if (v > 0xdbff || c->end - c->at < 2 || c->at[0] != '\\' ||
	    c->at[1] != 'u')
		return -1;
	c->at += 2;
	if ((low = lex_hex4(c)) < 0xdc00 || low > 0xdfff)
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
lex_escape(struct cursor *c, char *to)
{
	static const char letters[] = "\"\\/bfnrt";
	static const char meant[] = "\"\\/\b\f\n\r\t";
	const char *p;
	int32_t v;

	if (c->at == c->end)
		return 0;
	if (*c->at == 'u') {
		c->at++;
		return (v = lex_code_point(c)) == -1 ? 0 : put_utf8(to, v);
	}
	p = memchr(letters, *c->at++, sizeof(letters) - 1);
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
lex_escaped(struct cursor *c, const char *start,
    struct jsontree_scratch *scratch, size_t *len)
{
	size_t n = (size_t)(c->at - start), run;

	if (scratch_reserve(scratch, n + 1) == -1)
		return out_of_memory;
	memcpy(scratch->at, start, n);
	for (;;) {
		run = jsontree_plain_run(c->at, (size_t)(c->end - c->at));
		if (scratch_reserve(scratch, n + run + 8) == -1)
			return out_of_memory;
		memcpy(scratch->at + n, c->at, run);
		n += run;
		c->at += run;
		if (c->at == c->end)
			return too_early;
		if (*c->at == '"')
			break;
		if (*c->at++ != '\\')
			return "a string holds a raw control character";
		if ((run = lex_escape(c, scratch->at + n)) == 0)
			return c->at == c->end ? too_early : bad_string;
		n += run;
	}
	c->at++;
	scratch->at[n] = '\0';
	*len = n;
	return NULL;
}

/*
 * Read a string behind its opening quote.  It is either where it stands, or
 * in "scratch" if it holds escapes.
 */
static const char *
lex_string(struct cursor *c, struct jsontree_scratch *scratch,
    const char **at, size_t *len)
{
	const char *start = c->at, *why;

	c->at += jsontree_plain_run(c->at, (size_t)(c->end - c->at));
	if (peek(c) == '"') {
		*at = start;
		*len = (size_t)(c->at++ - start);
		return NULL;
	}
	if ((why = lex_escaped(c, start, scratch, len)) == NULL)
		*at = scratch->at;
	return why;
}

/* A stand-in: the length as its content, and the bytes as its user data. */
static struct json_object *
new_long_string(const char *at, size_t len)
{
	struct json_object *value;

	value = json_object_new_string_len((const char *)&len,
	    (int)sizeof(len));
	if (value != NULL)
		json_object_set_userdata(value, (void *)(uintptr_t)at, NULL);
	return value;
}

int
jsontree_string(struct json_object *value, const char **bytes, size_t *len)
{
	const char *content, *text;

	if (!json_object_is_type(value, json_type_string))
		return -1;
	content = json_object_get_string(value);
	text = json_object_get_userdata(value);
	if (text != NULL) {
		memcpy(len, content, sizeof(*len));
		*bytes = text;
	} else {
		*len = (size_t)json_object_get_string_len(value);
		*bytes = content;
	}
	return 0;
}

static const char *
lex_string_value(struct cursor *c)
{
	const char *at, *why;
	size_t len;

	c->at++;
	if ((why = lex_string(c, &c->tree->string, &at, &len)) != NULL)
		return why;
	if (len >= JSONTREE_LONG && at != c->tree->string.at)
		return attach_new(c, new_long_string(at, len));
	return attach_new(c, json_object_new_string_len(at, (int)len));
}

static const char *
lex_name(struct cursor *c)
{
	struct jsontree_scratch *scratch = &c->tree->name;
	const char *at, *why;
	size_t len;
	int ch;

	if ((ch = skip_space(c)) != '"')
		return ch == -1 ? too_early : "a member name is missing";
	c->at++;
	if ((why = lex_string(c, scratch, &at, &len)) != NULL)
		return why;
	if (at != scratch->at) {
		if (scratch_reserve(scratch, len + 1) == -1)
			return out_of_memory;
		memcpy(scratch->at, at, len);
		scratch->at[len] = '\0';
	}
	/* json-c would take it for a shorter one. */
	if (memchr(scratch->at, '\0', len) != NULL)
		return "a member name holds a NUL";
	if ((ch = skip_space(c)) != ':')
		return ch == -1 ? too_early : "a colon is missing";
	c->at++;
	return NULL;
}

static size_t
skip_digits(struct cursor *c)
{
	const char *start = c->at;

	while (peek(c) >= '0' && peek(c) <= '9')
		c->at++;
	return (size_t)(c->at - start);
}

static bool
fits(const char *digits, size_t len, const char *limit)
{
	size_t n = strlen(limit);

	return len < n || (len == n && memcmp(digits, limit, n) <= 0);
}

/* An integer of "len" digits, without leading zeros. */
static struct json_object *
new_integer(const char *digits, size_t len, bool negative)
{
	uint64_t v = 0;
	size_t i;

	if (negative && digits[0] == '0')
		return json_object_new_double(-0.0);
	if (!fits(digits, len, negative ? "9223372036854775808" :
	    "18446744073709551615"))
		return json_object_new_double(negative ? -1e19 : 2e19);
	for (i = 0; i < len; i++)
		v = v * 10 + (uint64_t)(digits[i] - '0');
	if (negative)
		return json_object_new_int64((int64_t)(0 - v));
	return v <= INT64_MAX ? json_object_new_int64((int64_t)v) :
	    json_object_new_uint64(v);
}

static struct json_object *
new_fraction(const char *at, size_t len)
{
	char text[FRACTION_MAX];

	/* Nothing that is spoken here has longer ones. */
	if (len >= sizeof(text))
		return json_object_new_double(0.0);
	memcpy(text, at, len);
	text[len] = '\0';
	return json_object_new_double(strtod(text, NULL));
}

static const char *
lex_number(struct cursor *c)
{
	const char *start = c->at, *digits;
	bool integer = true;
	size_t n;

	if (peek(c) == '-')
		c->at++;
	digits = c->at;
	if ((n = skip_digits(c)) == 0 || (n > 1 && digits[0] == '0'))
		return bad_value;
	if (peek(c) == '.') {
		c->at++;
		integer = false;
		if (skip_digits(c) == 0)
			return bad_value;
	}
	if ((peek(c) | 0x20) == 'e') {
		c->at++;
		integer = false;
		if (peek(c) == '+' || peek(c) == '-')
			c->at++;
		if (skip_digits(c) == 0)
			return bad_value;
	}
	return attach_new(c, integer ?
	    new_integer(digits, n, start != digits) :
	    new_fraction(start, (size_t)(c->at - start)));
}

static bool
lex_word(struct cursor *c, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(c->end - c->at) < n || memcmp(c->at, word, n) != 0)
		return false;
	c->at += n;
	return true;
}

static const char *
lex_open(struct cursor *c, struct json_object *container, size_t weight)
{
	const char *why;

	if (container == NULL)
		return out_of_memory;
	if (c->depth == c->tree->max_depth) {
		json_object_put(container);
		return "nested too deeply";
	}
	if (c->depth > 0 && (why = attach(c, container)) != NULL)
		return why;
	c->values += weight - 1;
	c->stack[c->depth++] = container;
	c->first = true;
	c->at++;
	return NULL;
}

/* A scalar, or the opening of a container. */
static const char *
lex_value(struct cursor *c)
{
	if (++c->values > c->tree->max_values)
		return "too many values";
	switch (skip_space(c)) {
	case '{':
		return lex_open(c, json_object_new_object(),
		    JSONTREE_OBJECT_WEIGHT);
	case '[':
		return lex_open(c, json_object_new_array(),
		    JSONTREE_ARRAY_WEIGHT);
	case '"':
		return lex_string_value(c);
	case 't':
		return lex_word(c, "true") ?
		    attach_new(c, json_object_new_boolean(1)) : bad_value;
	case 'f':
		return lex_word(c, "false") ?
		    attach_new(c, json_object_new_boolean(0)) : bad_value;
	case 'n':
		return lex_word(c, "null") ? attach(c, NULL) : bad_value;
	case -1:
		return too_early;
	default:
		return lex_number(c);
	}
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

static const char *
lex_text(struct cursor *c)
{
	const char *why;

	if (skip_space(c) != '{')
		return c->at == c->end ? "the message is empty" :
		    "the message is not an object";
	why = lex_value(c);
	while (why == NULL && (why = lex_after(c)) == NULL && c->depth > 0) {
		if (in_object(c))
			why = lex_name(c);
		if (why == NULL)
			why = lex_value(c);
	}
	if (why == NULL && skip_space(c) != -1)
		why = "something follows the object";
	return why;
}

const char *
jsontree_parse(struct jsontree *tree, const char *text, size_t len,
    struct json_object **root)
{
	struct cursor c;
	const char *why;

	/* The stack need not be cleared. */
	c.tree = tree;
	c.at = text;
	c.end = text + len;
	c.stack[0] = NULL;
	c.depth = 0;
	c.first = false;
	c.values = 0;
	why = lex_text(&c);
	scratch_trim(&tree->name, SCRATCH_KEEP);
	scratch_trim(&tree->string, SCRATCH_KEEP);
	if (why == NULL)
		*root = c.stack[0];
	else
		json_object_put(c.stack[0]);
	return why;
}

void
jsontree_clear(struct jsontree *tree)
{
	scratch_trim(&tree->name, 0);
	scratch_trim(&tree->string, 0);
}
