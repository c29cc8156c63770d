/* SPDX-License-Identifier: ISC */
/*
 * Capabilities; see capabilities(7).  Sets are numbers, bit n for capability
 * n.  Everything here is async-signal-safe and returns 0, or -1 with errno.
 */
#ifndef COMMON_CAPS_H
#define COMMON_CAPS_H

#include <stdint.h>

#define CAPS_ALL (~(uint64_t)0)
#define CAPS_BIT(cap) ((uint64_t)1 << (cap))

struct caps {
	uint64_t effective, permitted, inheritable, bounding;
};

/* What this process has. */
int caps_get(struct caps *caps);

/*
 * Of what this process has and what it starts can get, only "keep" stays:
 * bounding, permitted and effective set; nothing is inheritable or ambient.
 * The bounding set takes CAP_SETPCAP, without which it stays as it is.
 */
int caps_limit(uint64_t keep);

/* The bounding set alone, which counts only when something is executed. */
int caps_bound(uint64_t keep);

/*
 * Being uid 0 gives no capability any more, to nobody started from here
 * either, and none can be kept over a change of ids; locked.  Takes
 * CAP_SETPCAP, without which nothing changes.
 */
int caps_lock(void);

#endif
