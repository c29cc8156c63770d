/* SPDX-License-Identifier: ISC */
/*
 * Sources that keep failing have to wait, longer each time.  A table of fixed
 * size; where it is full, the source that has been quiet longest gives way.
 * Pure: times are milliseconds of one monotonic clock of the caller's.
 */
#ifndef BROKER_AUTH_PENALTY_H
#define BROKER_AUTH_PENALTY_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/auth/peeruid.h"

#define PENALTY_FREE 32		/* failures that cost nothing */
#define PENALTY_DECAY_MS 20000	/* after which one is forgiven */
#define PENALTY_LEAST_MS 1000	/* doubled by each further failure */
#define PENALTY_MOST_MS 64000
#define PENALTY_SETS 512
#define PENALTY_WAYS 8		/* sources that share a set */

/* Who is meant: comparable by memcmp(3). */
struct penalty_source {
	uint8_t kind;
	uint8_t pool;	/* of gateways; the caller's to set */
	uint8_t bytes[8];
};

/* An IPv4 address, or the /64 of an IPv6 one; or a user of this host. */
struct penalty_source penalty_of_end(const struct peeruid_end *end);
struct penalty_source penalty_of_uid(uid_t uid);

struct penalty;

/* "key" is random: it keeps sets from being chosen.  NULL with ENOMEM. */
struct penalty *penalty_new(uint64_t key);
void penalty_free(struct penalty *penalty);

/* How long the source still has to wait, in milliseconds; 0: not at all. */
uint64_t penalty_wait(const struct penalty *penalty,
    const struct penalty_source *source, uint64_t now_ms);

/* The source has failed once more. */
void penalty_add(struct penalty *penalty,
    const struct penalty_source *source, uint64_t now_ms);

#endif
