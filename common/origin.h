/* SPDX-License-Identifier: ISC */
/* Web origins as text (RFC 6454 section 6).  Pure. */
#ifndef COMMON_ORIGIN_H
#define COMMON_ORIGIN_H

#include "common/buf.h"

/* Room for any that is taken, with its terminator, in bytes. */
#define ORIGIN_SIZE 320

/*
 * Write the origin SCHEME://HOST[:PORT] as browsers do: scheme and host in
 * lower case, no port that is the scheme's own.  Returns NULL, or what is
 * wrong with it (static text); "null" is no origin to compare with.
 */
const char *origin_normalise(struct span text, char out[ORIGIN_SIZE]);

#endif
