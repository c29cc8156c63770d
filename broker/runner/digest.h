/* SPDX-License-Identifier: ISC */
/* Whether two requests ask for the same, without keeping the first.  Pure. */
#ifndef RUNNER_DIGEST_H
#define RUNNER_DIGEST_H

#include <stdbool.h>
#include <stdint.h>

struct proto_row;

struct digest {
	uint64_t half[2];
};

/*
 * The digest of a decoded request, of all its fields but the call's id.  It
 * tells requests of one client apart that mean well: whoever looks for two
 * with the same will find them, and has fooled himself.
 */
struct digest digest_request(const struct proto_row *row, const void *msg);

bool digest_equal(const struct digest *a, const struct digest *b);

#endif
