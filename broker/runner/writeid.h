/* SPDX-License-Identifier: ISC */
/*
 * The write ids a process has seen lately, so that a write sent again after
 * a lost answer is not applied twice.  Pure.
 */
#ifndef RUNNER_WRITEID_H
#define RUNNER_WRITEID_H

#include <stddef.h>
#include <stdint.h>

#define WRITEID_MAX 4096	/* ids remembered; the oldest is forgotten */

/* Embedded; all zero is an empty set. */
struct writeid {
	uint64_t *ring;		/* hashes in the order they came */
	uint16_t *slots;	/* places in the ring, plus 1; 0 is free */
	size_t room;		/* of the ring; there are twice as many slots */
	size_t first;		/* place of the oldest */
	size_t count;
};

/* Free what the set holds; it is empty and usable afterwards. */
void writeid_clear(struct writeid *set);

/*
 * Remember the id of "len" bytes.  Returns 1 when it is new, 0 when it was
 * there already, -1 with errno ENOMEM and the set as it was.
 */
int writeid_add(struct writeid *set, const void *id, size_t len);

/* Whether the id of "len" bytes is remembered. */
int writeid_has(const struct writeid *set, const void *id, size_t len);

#endif
