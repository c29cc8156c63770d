/* SPDX-License-Identifier: ISC */
/*
 * What is stored for the next broker: a table of names and descriptors
 * (pure), and the messages that change it, which are sd_notify(3)'s.
 */
#ifndef SUPERVISOR_STORE_H
#define SUPERVISOR_STORE_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

/* Bytes of a name, without a terminator: letters and digits. */
#define STORE_NAME_MAX 16
/*
 * All names together, with a separator each: they travel in one environment
 * variable, for which execve(2) has 128 KiB.
 */
#define STORE_NAMES_MAX 122880

struct store_entry {
	char name[STORE_NAME_MAX + 1];
	int fd;
	pid_t pid;	/* that "fd" is a pidfd of, or 0 */
};

/* Embedded; set "most", how many there may be; all else zero is empty. */
struct store {
	struct store_entry *entries;	/* by name */
	size_t count;
	size_t room;
	size_t bytes;		/* of all names, with separators */
	size_t most;
};

/* Forget all; what it held must have been closed. */
void store_clear(struct store *store);

/*
 * Keep "entry", in place of the one with its name, whose descriptor goes to
 * "*old" (else -1) and is the caller's.  Returns 0, or -1 with errno (EINVAL:
 * no such name can be; ENOSPC: full; ENOMEM), and nothing has changed.
 */
int store_put(struct store *store, const struct store_entry *entry, int *old);

/* Take it out: its descriptor, the caller's; -1 when there is none. */
int store_take(struct store *store, const char *name);

/* The entry of that name, or NULL; valid until the next change. */
const struct store_entry *store_find(const struct store *store,
    const char *name);

/* All names in order, with ':' between them; the caller's to free. */
char *store_names(const struct store *store);

/* What a message asks for. */
enum store_verb {
	STORE_NOTHING,	/* nothing that concerns us */
	STORE_PUT,
	STORE_REMOVE,
	STORE_MALFORMED
};

/*
 * Read a message: lines of KEY=VALUE, of which unknown ones are skipped.
 * "name" gets what it is about.
 */
enum store_verb store_parse(const char *text, size_t len,
    char name[STORE_NAME_MAX + 1]);

#endif
