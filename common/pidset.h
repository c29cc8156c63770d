/* SPDX-License-Identifier: ISC */
/* An ordered set of process ids. */
#ifndef COMMON_PIDSET_H
#define COMMON_PIDSET_H

#include <sys/types.h>

#include <stddef.h>

/* Embedded; all zero is an empty set. */
struct pidset {
	pid_t *pids;	/* ascending */
	size_t count;
	size_t room;
};

/* Free what the set holds; it is empty and usable afterwards. */
void pidset_clear(struct pidset *set);

/* Empty the set but keep its room for the next use. */
void pidset_empty(struct pidset *set);

/*
 * Add "pid"; adding what is there already is no error.  Ascending additions
 * are cheap.  Returns 0, or -1 with errno ENOMEM and the set unchanged.
 */
int pidset_add(struct pidset *set, pid_t pid);

/* Take "pid" out.  Returns 0, or -1 when it was not in the set. */
int pidset_remove(struct pidset *set, pid_t pid);

/* Whether "pid" is in the set; NULL is an empty set. */
int pidset_has(const struct pidset *set, pid_t pid);

#endif
