/* SPDX-License-Identifier: ISC */
/* One pass over a JSON text, without recursion. */
#include "config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "gateway/jsonstr.h"
#include "gateway/jsontree.h"
#include "gateway/utf8.h"

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

static const char bad_value[] = "a value is not well-formed";
static const char out_of_memory[] = "out of memory";

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
	why = jsonstr_read(&c->at, c->end, &c->tree->string, &at, &len);
	if (why != NULL)
		return why;
	if (len >= JSONTREE_LONG && at != c->tree->string.at)
		return attach_new(c, new_long_string(at, len));
	return attach_new(c, json_object_new_string_len(at, (int)len));
}

static const char *
lex_name(struct cursor *c)
{
	struct jsonstr_scratch *scratch = &c->tree->name;
	const char *at, *why;
	size_t len;
	int ch;

	if ((ch = skip_space(c)) != '"')
		return ch == -1 ? jsonstr_too_early :
		    "a member name is missing";
	c->at++;
	if ((why = jsonstr_read(&c->at, c->end, scratch, &at, &len)) != NULL)
		return why;
	if (at != scratch->at) {
		if (jsonstr_reserve(scratch, len + 1) == -1)
			return out_of_memory;
		memcpy(scratch->at, at, len);
		scratch->at[len] = '\0';
	}
	/* json-c would take it for a shorter one. */
	if (memchr(scratch->at, '\0', len) != NULL)
		return "a member name holds a NUL";
	if ((ch = skip_space(c)) != ':')
		return ch == -1 ? jsonstr_too_early : "a colon is missing";
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
		return jsonstr_too_early;
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
			return jsonstr_too_early;
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
	jsonstr_trim(&tree->name, SCRATCH_KEEP);
	jsonstr_trim(&tree->string, SCRATCH_KEEP);
	if (why == NULL)
		*root = c.stack[0];
	else
		json_object_put(c.stack[0]);
	return why;
}

bool
jsontree_is_object(const char *text, size_t len, unsigned int depth,
    size_t values)
{
	struct jsontree tree = { .max_depth = depth, .max_values = values };
	struct json_object *root = NULL;
	bool sound = len > 0 && utf8_valid(text, len) &&
	    jsontree_parse(&tree, text, len, &root) == NULL;

	json_object_put(root);
	jsontree_clear(&tree);
	return sound;
}

void
jsontree_clear(struct jsontree *tree)
{
	jsonstr_trim(&tree->name, 0);
	jsonstr_trim(&tree->string, 0);
}
