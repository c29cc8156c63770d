/* SPDX-License-Identifier: ISC */
/*
 * Which of root's capabilities holdfastd and its broker keep, and why; see
 * capabilities(7).
 */
#ifndef BROKER_POWERS_H
#define BROKER_POWERS_H

#include <sys/types.h>

#include <stdint.h>

/*
 * What the configuration asks for.  With either of the first two nothing can
 * be given up, since whatever the server gives up is out of reach for the
 * jobs.
 */
#define POWERS_ROOT_JOBS 0x1u	/* jobs of uid 0 */
#define POWERS_GAINING_JOBS 0x2u	/* jobs that may, say, use sudo */
#define POWERS_MOUNTS 0x4u	/* a /tmp or processes of its own */

/* What one tenant asks for: whose uid it is, and its TENANT_ bits. */
unsigned int powers_wanted(uid_t uid, uint32_t flags);

/* Sets of capabilities as caps.h has them. */
uint64_t powers_broker(unsigned int wanted);
uint64_t powers_supervisor(unsigned int wanted);

#endif
