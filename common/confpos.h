/* SPDX-License-Identifier: ISC */
/*
 * Where things stand in a JSON text with comments, for error messages:
 * json-c says what a text means, not on which line.
 */
#ifndef COMMON_CONFPOS_H
#define COMMON_CONFPOS_H

#include <stddef.h>

#define CONFPOS_NONE ((size_t)-1)

/* A value: the outermost one is number 0. */
struct confpos_node {
	const char *key;	/* as between its quotes; NULL in a list */
	size_t len;		/* bytes of "key" */
	size_t index;		/* which one it is in its list or object */
	unsigned int line;	/* from 1; of the key, where there is one */
	char kind;		/* '{', '[', or 0 */
	size_t up;		/* what it is in; CONFPOS_NONE: nothing */
	size_t first, last;	/* what is in it; CONFPOS_NONE: nothing */
	size_t next;		/* beside it */
};

struct confpos {
	struct confpos_node *nodes;
	size_t count;
	size_t room;
};

/*
 * Find every value of "text" ("len" bytes, not necessarily terminated), which
 * must outlive the answer.  Comments (both kinds) and both kinds of quotes are
 * understood as json-c does.  On a text that is no JSON the answer is whatever
 * could be recognised.
 */
void confpos_scan(struct confpos *pos, const char *text, size_t len);
void confpos_clear(struct confpos *pos);

/*
 * The value under "key", or at "index", of "node"; CONFPOS_NONE when there is
 * none, or no "node".
 */
size_t confpos_member(const struct confpos *pos, size_t node,
    const char *key, size_t len);
size_t confpos_item(const struct confpos *pos, size_t node, size_t index);

/* Write how to get to "node", as in "listeners[1].tenants"; returns "out". */
const char *confpos_path(const struct confpos *pos, size_t node, char *out,
    size_t size);

/*
 * Follow such a path as far as it goes.  Returns the last value on the way,
 * and in "*whole" whether it was followed to its end.
 */
size_t confpos_find(const struct confpos *pos, const char *path, int *whole);

/* The line, from 1, on which the byte at "offset" stands. */
unsigned int confpos_line(const char *text, size_t len, size_t offset);

/*
 * The offset of the first byte at or after "offset" that is neither blank
 * nor part of a comment; "len" when there is none.
 */
size_t confpos_skip_blank(const char *text, size_t len, size_t offset);

#endif
