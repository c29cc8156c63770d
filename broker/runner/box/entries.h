/* SPDX-License-Identifier: ISC */
/*
 * What a sandbox is to have at which path: the places that its rules come to
 * once links are followed, and which of them holds where.  Pure.
 */
#ifndef RUNNER_BOX_ENTRIES_H
#define RUNNER_BOX_ENTRIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct entry {
	char *path;		/* absolute, without links; never "/" */
	uint8_t access;		/* enum proto_access */
	bool directory;
};

struct entries {
	int root;		/* enum proto_access of "/"; -1: no rule */
	struct entry *list;
	size_t count;
};

/* Whether "path" is "base" or below it. */
bool path_within(const char *path, const char *base);

/* Cut off the last part of "path", which is not "/". */
void path_up(char *path);

/*
 * Have "path" as "access" says.  Of two rules for the same path, to deny
 * beats to write beats to read.
 */
void entries_add(struct entries *entries, const char *path, uint8_t access,
    bool directory);

/* The rule that applies to "path": the deepest one, enum proto_access or -1. */
int entries_access(const struct entries *entries, const char *path);

/* The same for what "entry", one of them, lies in. */
int entries_above(const struct entries *entries, const struct entry *entry);

/* Whether anything else is said about what lies in "entry". */
bool entries_below(const struct entries *entries, const struct entry *entry);

/*
 * Add every directory that may be written and leads to something that may
 * not: as mount points they cannot be renamed.
 */
void entries_pin(struct entries *entries);

/* Into an order in which what lies in another comes behind it. */
void entries_sort(struct entries *entries);

/* Free them all. */
void entries_clear(struct entries *entries);

#endif
