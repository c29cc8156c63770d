/* SPDX-License-Identifier: ISC */
/*
 * A sentence about why a session ended, for those who ask later: what an
 * operator gave as a reason, or what was wrong with a runner.  Bounded, the
 * oldest gives way.  Pure.
 */
#ifndef BROKER_NOTES_H
#define BROKER_NOTES_H

#include <stddef.h>

#include "common/ident.h"

#define NOTE_SIZE 192		/* bytes; what is longer is cut */

struct notes;

/* For at most "max" of them, at least 1; NULL when memory is out. */
struct notes *notes_new(size_t max);
void notes_free(struct notes *notes);

/* The first one about a session stays. */
void notes_add(struct notes *notes, const struct ident *session,
    const char *text);

/* Valid until the next notes_add(); NULL if there is none. */
const char *notes_find(const struct notes *notes,
    const struct ident *session);

#endif
