/* SPDX-License-Identifier: ISC */
/*
 * Where things stand in a JSON text with comments, for error messages:
 * json-c says what a text means, not on which line.
 */
#ifndef COMMON_CONFPOS_H
#define COMMON_CONFPOS_H

#include <stddef.h>

/* One key of the outermost object, as written between its quotes. */
struct confpos_key {
	const char *text;	/* into the scanned text, not terminated */
	size_t len;		/* bytes */
	unsigned int line;	/* from 1 */
};

/*
 * Find the keys of the outermost object of "text" ("len" bytes, not
 * necessarily terminated) in the order they stand, those written twice
 * twice.  Comments (both kinds) and both kinds of quotes are understood as
 * json-c does.  Stores at most "max" keys and returns how many; on a text
 * that is no JSON object the answer is whatever could be recognised.
 */
size_t confpos_keys(const char *text, size_t len, struct confpos_key *keys,
    size_t max);

/* The line, from 1, on which the byte at "offset" stands. */
unsigned int confpos_line(const char *text, size_t len, size_t offset);

/*
 * The offset of the first byte at or after "offset" that is neither blank
 * nor part of a comment; "len" when there is none.
 */
size_t confpos_skip_blank(const char *text, size_t len, size_t offset);

#endif
