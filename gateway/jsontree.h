/* SPDX-License-Identifier: ISC */
/*
 * JSON text (RFC 8259) to a tree of json-c objects, in one pass.  json-c's
 * own tokener is too kind even when strict (it takes NaN, raw control
 * characters and lone surrogates, ends member names at a NUL and clamps
 * integers), and takes three times as long.  Pure.
 */
#ifndef GATEWAY_JSONTREE_H
#define GATEWAY_JSONTREE_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/jsonstr.h"

struct json_object;

/* String values of this many bytes and more stay in the text. */
#define JSONTREE_LONG 1024

/* What an object and an array count as when values are counted. */
#define JSONTREE_OBJECT_WEIGHT 9
#define JSONTREE_ARRAY_WEIGHT 5

/* The deepest nesting that can be asked for. */
#define JSONTREE_DEPTH_MAX 64

/* To be initialised with zeros but for the limits. */
struct jsontree {
	unsigned int max_depth;	/* levels, the outermost included */
	size_t max_values;	/* by weight */

	/* private */
	struct jsonstr_scratch name;
	struct jsonstr_scratch string;
};

/*
 * Read the "len" bytes at "text", which are UTF-8 and hold one JSON object
 * within the limits of "tree".  Returns NULL and sets "*root", which the
 * caller frees with json_object_put(), or returns static text that says what
 * is wrong.  Of members with the same name the last counts.  Integers are of
 * type int when int64_t or uint64_t holds them, else of type double, as is
 * -0.  A long string without escapes is not copied: "text" has to outlive the
 * tree, whose strings are read with jsontree_string() only.
 */
const char *jsontree_parse(struct jsontree *tree, const char *text,
    size_t len, struct json_object **root);

/*
 * Whether "text" is one JSON object in UTF-8, no deeper than "depth" and of no
 * more than "values" by weight.
 */
bool jsontree_is_object(const char *text, size_t len, unsigned int depth,
    size_t values);

/* Free what is kept between parses. */
void jsontree_clear(struct jsontree *tree);

/*
 * The bytes of a string in a tree, valid as long as tree and text; not
 * terminated, NULs possible.  Returns 0, or -1 when "value" is NULL or no
 * string.
 */
int jsontree_string(struct json_object *value, const char **bytes,
    size_t *len);

#endif
