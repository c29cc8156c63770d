/* SPDX-License-Identifier: ISC */
/* How long to wait before starting something again that has died (pure). */
#ifndef SUPERVISOR_BACKOFF_H
#define SUPERVISOR_BACKOFF_H

#include <stdint.h>

/*
 * The first restart is immediate, the next waits FIRST, and each one after
 * that twice as long up to MAX.  A life of HEALTHY or more starts anew.
 */
#define BACKOFF_FIRST_MS 50
#define BACKOFF_MAX_MS 2000
#define BACKOFF_HEALTHY_MS 2000

/* Embedded; all zero is a fresh one. */
struct backoff {
	uint64_t next_ms;	/* what the next death costs */
};

/*
 * Something died after "lived_ms" of service (0: it never came up).
 * Returns the delay before it may be started again, in milliseconds.
 */
uint64_t backoff_died(struct backoff *backoff, uint64_t lived_ms);

#endif
