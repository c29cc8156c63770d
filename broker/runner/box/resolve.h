/* SPDX-License-Identifier: ISC */
/*
 * From the rules of a policy to paths without links, as the file system is
 * now.  A rule that takes something away is carried out or nothing is: only
 * what is missing, and to be skipped then, or what nobody inside could get at
 * anyway, is left out.  Pure but for the looks.
 */
#ifndef RUNNER_BOX_RESOLVE_H
#define RUNNER_BOX_RESOLVE_H

#include <stddef.h>

#include "broker/runner/box/entries.h"
#include "common/buf.h"

struct plan_looks;

struct resolve {
	const struct plan_looks *looks;
	struct entries entries;
	/* Paths on which all this depends, in no order, none twice. */
	char **marks;		/* each, and the array, from malloc(3) */
	size_t mark_count;
	char *why;		/* for the client, when it cannot be done */
	size_t why_size;
};

/*
 * Fill in "entries" and "marks" from "rules" (records, struct fields_RULE,
 * absolute paths).  Returns 0, or -1 with "why" written; both are the caller's
 * to free either way.
 */
int resolve_rules(struct resolve *resolve, struct span rules);

#endif
