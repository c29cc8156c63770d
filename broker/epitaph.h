/* SPDX-License-Identifier: ISC */
/*
 * What sessions that have ended leave to be told: the processes that their
 * runners knew at the end, as bytes that nobody here looks into.  Bounded in
 * number and size, the oldest gives way.  Pure.
 */
#ifndef BROKER_EPITAPH_H
#define BROKER_EPITAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/ident.h"

#define EPITAPH_BYTES 8192	/* of one; what is longer is not kept */

struct epitaphs;

/* Bytes of memory for at most "max" of them. */
size_t epitaphs_size(size_t max);

/*
 * For at most "max" of them, at least 1; NULL when memory is out.  "memory" of
 * epitaphs_size() bytes (NULL: the set's own) is borrowed: zero, or what an
 * earlier set of as many has left there, of which all that is whole is kept.
 */
struct epitaphs *epitaphs_new(size_t max, void *memory);
void epitaphs_free(struct epitaphs *set);

/*
 * Keep a copy for a session that is not in the set.  "omitted" processes did
 * not find room.  Returns 0, or -1 when it is too long.
 */
int epitaph_add(struct epitaphs *set, const struct ident *session,
    struct span processes, uint64_t omitted);

/* What was kept, valid until the next epitaph_add(); false if nothing. */
bool epitaph_find(const struct epitaphs *set, const struct ident *session,
    struct span *processes, uint64_t *omitted);

#endif
