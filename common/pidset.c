/* SPDX-License-Identifier: ISC */
/* A sorted array: scans of /proc add in ascending order, which is cheap. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/pidset.h"

#define PIDSET_ROOM 64

void
pidset_clear(struct pidset *set)
{
	free(set->pids);
	memset(set, 0, sizeof(*set));
}

void
pidset_empty(struct pidset *set)
{
	set->count = 0;
}

/* The place of the first id that is not below "pid". */
static size_t
pidset_place(const struct pidset *set, pid_t pid)
{
	size_t low = 0, high = set->count, middle;

	if (high > 0 && set->pids[high - 1] < pid)
		return high;
	while (low < high) {
		middle = low + (high - low) / 2;
		if (set->pids[middle] < pid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int
pidset_grow(struct pidset *set)
{
	size_t room = set->room > 0 ? set->room * 2 : PIDSET_ROOM;
	pid_t *pids;

	pids = reallocarray(set->pids, room, sizeof(*pids));
	if (pids == NULL)
		return -1;
	set->pids = pids;
	set->room = room;
	return 0;
}

int
pidset_add(struct pidset *set, pid_t pid)
{
	size_t at = pidset_place(set, pid);

	if (at < set->count && set->pids[at] == pid)
		return 0;
	if (set->count == set->room && pidset_grow(set) == -1)
		return -1;
	memmove(&set->pids[at + 1], &set->pids[at],
	    (set->count - at) * sizeof(*set->pids));
	set->pids[at] = pid;
	set->count++;
	return 0;
}

int
pidset_remove(struct pidset *set, pid_t pid)
{
	size_t at = pidset_place(set, pid);

	if (at == set->count || set->pids[at] != pid)
		return -1;
	set->count--;
	memmove(&set->pids[at], &set->pids[at + 1],
	    (set->count - at) * sizeof(*set->pids));
	return 0;
}

int
pidset_has(const struct pidset *set, pid_t pid)
{
	size_t at;

	if (set == NULL || set->count == 0)
		return 0;
	at = pidset_place(set, pid);
	return at < set->count && set->pids[at] == pid;
}
