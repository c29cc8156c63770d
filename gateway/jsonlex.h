/* SPDX-License-Identifier: ISC */
/*
 * JSON grammar (RFC 8259), checked before json-c builds a tree.  json-c
 * alone is too kind even when strict: it takes NaN, leading zeros behind a
 * minus, raw control characters and lone surrogates, ends member names at a
 * NUL and clamps integers.  Pure.
 */
#ifndef GATEWAY_JSONLEX_H
#define GATEWAY_JSONLEX_H

#include <stdbool.h>
#include <stddef.h>

/* A string value of this many bytes is noted, unless it holds escapes. */
#define JSONLEX_LONG 1024

/* What memory the tree takes: an object counts as so many values. */
#define JSONLEX_OBJECT_WEIGHT 8
#define JSONLEX_ARRAY_WEIGHT 4

/* A place in the text, "len" bytes at offset "at". */
struct jsonlex_note {
	size_t at;
	size_t len;
	bool number;	/* an integer out of range, or -0; else a string */
};

struct jsonlex {
	unsigned int max_depth;	/* at most 64 */
	size_t max_values;	/* by weight */

	/* Found by jsonlex_check(), in the order of the text. */
	struct jsonlex_note *notes;
	size_t nnotes;
	size_t room;		/* for notes, kept from text to text */
	bool nul;		/* some string holds an escaped NUL */
};

/*
 * Check the "len" bytes at "text", which are UTF-8, for being one JSON object
 * within the limits of "lex".  Long strings, noted without their quotes, and
 * integers that are in the range of neither int64_t nor uint64_t are noted.
 * Returns NULL, or static text saying what is wrong.
 */
const char *jsonlex_check(struct jsonlex *lex, const char *text, size_t len);

/* Free the notes. */
void jsonlex_clear(struct jsonlex *lex);

/*
 * How many of the "len" bytes at "text" come before the first quote,
 * backslash or control character.
 */
size_t jsonlex_plain_run(const char *text, size_t len);

#endif
