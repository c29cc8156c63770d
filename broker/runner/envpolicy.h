/* SPDX-License-Identifier: ISC */
/* The environment of a job, made from a policy.  Pure. */
#ifndef RUNNER_ENVPOLICY_H
#define RUNNER_ENVPOLICY_H

#include <stddef.h>

#include "common/buf.h"
#include "common/proto.h"

/*
 * What a client asks for.  The lists are as proto.h encodes them: patterns,
 * and NAME=VALUE items for "set" and "overlay".  Everything is borrowed.
 */
struct envpolicy {
	int given;			/* else only "overlay" counts */
	enum proto_inherit inherit;
	int no_default_excludes;
	struct span exclude;
	struct span set;
	struct span include_only;
	struct span overlay;		/* never filtered */
	const char *shell;		/* SHELL if nobody sets it, or NULL */
};

/*
 * Whether the whole "name" matches: in any case, "*" for any characters, "?"
 * for one, nothing else special.
 */
int envpolicy_match(struct span pattern, const char *name, size_t len);

/*
 * Make an environment as execve(2) takes it; "base" (NULL terminated) is what
 * can be inherited.  Order: inherit, drop what looks secret, drop "exclude",
 * add "set", keep "include_only", overlay.
 *
 * Returns one block, for the caller to free(3), that begins with the array of
 * pointers.  NULL with errno EINVAL (a NUL byte, an item without a name),
 * E2BIG (more than "max" bytes) or ENOMEM.
 */
char **envpolicy_make(const struct envpolicy *policy, const char *const *base,
    size_t max);

#endif
