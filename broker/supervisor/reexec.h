/* SPDX-License-Identifier: ISC */
/*
 * Taking our own place with another image: the same process, with what is
 * stored, the lock and RUNTIME/notify handed on.  The new image takes over
 * the broker as after any other end of a holdfastd.
 */
#ifndef SUPERVISOR_REEXEC_H
#define SUPERVISOR_REEXEC_H

#include <sys/types.h>

#include <stdint.h>

#include "broker/supervisor/store.h"

/* What is left to do of an upgrade. */
struct reexec_task {
	uint64_t request;	/* of who ordered it, for supervise_tell() */
	uint64_t grace_ms;	/* for gateways; 0: as configured */
	int upgrade;		/* whether there is one */
	int handoff;
	int force;
};

/* What one image leaves to the next; all zero but descriptors -1: nothing. */
struct reexec {
	int lock;
	int notify;
	char *dir;		/* the runtime directory */
	struct store store;
	struct reexec_task task;
};

/*
 * Read the environment, which is cleaned, and close all descriptors that are
 * not ours: to be called once, first.  Returns whether we are a next image.
 */
int reexec_receive(struct reexec *r);
void reexec_clear(struct reexec *r);

/*
 * Become "path" with "argv".  Returns only when that cannot be, -1 with errno
 * and everything as it was.  The store's descriptors stay the caller's.
 */
int reexec_become(const char *path, char *argv[], const struct reexec *r);

#endif
