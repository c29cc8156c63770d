/* SPDX-License-Identifier: ISC */
/*
 * Text that others chose, for a terminal and for JSON: nothing in it can move
 * a cursor, hide what follows or turn its direction.  Pure.
 */
#ifndef CONTRIB_CTL_SAFE_H
#define CONTRIB_CTL_SAFE_H

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

/*
 * Take the next character of UTF-8 (RFC 3629); "bytes" moves on by it, or by
 * one byte where there is none: then SAFE_NONE comes back.
 */
#define SAFE_NONE UINT32_MAX
uint32_t safe_next(struct span *bytes);

/* The columns it takes on a terminal; -1: it is not to be shown. */
int safe_width(uint32_t c);

/*
 * Append what is to be shown: characters as they are where "utf8" is true and
 * they are harmless, else \xNN for each byte.  Returns its width in columns.
 */
size_t safe_put(struct writer *w, struct span bytes, int utf8);

/* Append a JSON string (RFC 8259) of printable ASCII, quotes included. */
void safe_put_json(struct writer *w, struct span bytes);

#endif
