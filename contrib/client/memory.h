/* SPDX-License-Identifier: ISC */
/*
 * What was left running, in $XDG_STATE_HOME/holdfast/left (without that
 * variable, in ~/.local/state): a line for each, with tabs between its parts,
 * the newest last.  Nothing depends on it: it may be edited or removed.
 */
#ifndef CONTRIB_CLIENT_MEMORY_H
#define CONTRIB_CLIENT_MEMORY_H

#include <stddef.h>

/* The oldest are forgotten beyond this; and bytes of one line. */
#define MEMORY_MAX 64
#define MEMORY_LINE 1024

struct memory_entry {
	char *session;
	char *process;
	char *url;
	char *command; /* for people; may be "" */
};

struct memory {
	struct memory_entry entries[MEMORY_MAX];
	size_t count;
};

/*
 * Take "len" bytes of such a file apart, into what was zeroed or cleared
 * before; lines that make no sense are left out.
 */
void memory_parse(struct memory *memory, const char *text, size_t len);
void memory_clear(struct memory *memory);

/* What there is; nothing when it can't be read. */
void memory_read(struct memory *memory);

/*
 * Add to the file, or take from it all of a session at "url".  A process that
 * is there already becomes the newest, and keeps its command where "command"
 * is NULL.  Returns 0, or -1 with errno.
 */
int memory_keep(const char *url, const char *session, const char *process,
    const char *command);
int memory_forget(const char *url, const char *session);

#endif
