/* SPDX-License-Identifier: ISC */
/*
 * From rules to what bubblewrap is to mount, in the right order.  What may be
 * written is mounted writable, what may only be read and lies in it is
 * mounted read-only over it, and so on, deeper paths later.
 *
 * A path that is protected must not be movable from outside of it: every
 * directory on the way to it that could be renamed is mounted on itself,
 * because the kernel does not rename what something is mounted on.
 *
 * Pure but for the looks at the file system, which are the caller's.
 */
#ifndef RUNNER_BOX_PLAN_H
#define RUNNER_BOX_PLAN_H

#include <stddef.h>

#include "common/buf.h"

enum plan_kind {
	PLAN_MISSING,
	PLAN_CLOSED,	/* others keep us from looking, and so all inside */
	PLAN_UNSEEN,	/* it cannot be looked at for another reason */
	PLAN_LINK,
	PLAN_DIRECTORY,
	PLAN_OTHER
};

struct plan_looks {
	/* What is at "path", links not followed. */
	enum plan_kind (*kind)(void *arg, const char *path);
	/*
	 * Where the link "path" leads, by realpath(3), in "out" (PATH_MAX
	 * bytes).  0; 1: nowhere; -1: that cannot be found out.
	 */
	int (*follow)(void *arg, const char *path, char *out);
	/*
	 * Make an empty directory.  0: something is there now; 1: nobody
	 * inside could, either; -1: cannot.
	 */
	int (*make)(void *arg, const char *path);
	/*
	 * What the first line of the file "path" says behind "label", without
	 * blanks around it, in "out" (PATH_MAX bytes).  0; 1: it has no such
	 * line; -1: cannot be read.
	 */
	int (*pointer)(void *arg, const char *path, const char *label,
	    char *out);
	void *arg;
};

struct plan {
	char **args;		/* NULL-terminated, for bubblewrap */
	size_t count;
	/*
	 * The paths on which it depends: once one of them is another file, or
	 * there at all, another plan might come out.
	 */
	char **marks;
	size_t mark_count;
	char why[512];		/* for the client, when it cannot be done */
};

/*
 * Make a plan from "rules" (records, struct fields_RULE, absolute paths).
 * Returns 0, or -1 with "why" set; plan_clear() frees the rest either way.
 */
int plan_make(struct plan *plan, struct span rules, int network,
    const struct plan_looks *looks);

/* Free its arguments and its marks. */
void plan_clear(struct plan *plan);

/* Append one argument, or several up to a NULL. */
void plan_add(struct plan *plan, const char *arg);
void plan_add_all(struct plan *plan, const char *const *args);

#endif
