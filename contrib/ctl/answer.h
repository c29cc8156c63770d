/* SPDX-License-Identifier: ISC */
/* What the broker has answered: its rows, and how it came out. */
#ifndef CONTRIB_CTL_ANSWER_H
#define CONTRIB_CTL_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/proto.h"

/* Spans in "msg" point into "bytes", which are the row's own. */
struct answer_row {
	uint16_t type;
	uint8_t *bytes;
	size_t len;
};

struct answer {
	struct answer_row *rows;
	size_t nrows, room;
	uint32_t status;	/* enum proto_told */
	char text[1025];	/* or empty */
	uint64_t count;
};

void answer_init(struct answer *answer);
void answer_clear(struct answer *answer);

/*
 * Keep a message of the broker's, by its type and its payload; BC_DONE is the
 * last.  Returns 1 with it, 0 before, and -1 when it is malformed.
 */
int answer_take(struct answer *answer, uint16_t type, const uint8_t *payload,
    size_t len);

/*
 * The next row of a type (0: any) from *i on, decoded; *i is moved on behind
 * it.  Its type, or 0 if there is no more.
 */
uint16_t answer_next(const struct answer *answer, size_t *i, uint16_t type,
    union proto_any *msg);

/* Append a row's fields, or a record's, as a JSON object. */
void answer_put_json(struct writer *w, const struct proto_row *row,
    const void *msg);

/* The same with the members in it, for more to be added; "first" is whether
 * none is there yet, and becomes false. */
void answer_put_members(struct writer *w, const struct proto_row *row,
    const void *msg, bool *first);

/* A member's name, and what stands before its value. */
void answer_put_name(struct writer *w, const char *name, bool *first);

#endif
