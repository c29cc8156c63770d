/* SPDX-License-Identifier: ISC */
/*
 * The admitted connections of one gateway, by the number that it chose for
 * each.  Bounded; pure.
 */
#ifndef BROKER_CONNSET_H
#define BROKER_CONNSET_H

#include <stdint.h>

#include "broker/auth/source.h"
#include "broker/slotindex.h"

#define CONNSET_MAX 32768

enum conn_state {
	CONN_IDLE,	/* admitted */
	CONN_WAITING,	/* its attach is not decided */
	CONN_ATTACHED,	/* to the session in "slot" */
	CONN_REMOVED	/* its place is free */
};

/* Who was let in, where, and for what proof. */
struct admission {
	uint64_t principal;
	uint64_t listener;	/* its number */
	uint64_t proof;		/* tells proofs of one way apart */
	uint32_t way;		/* ADMIT_ bit */
	struct whence whence;	/* also known of who was refused */
};

struct conn {
	uint64_t handle;
	struct admission admission;
	uint32_t slot;
	uint8_t state;		/* enum conn_state */
};

struct connset {
	struct conn *conns;
	uint32_t *free_places;	/* a stack */
	uint32_t free_count;
	uint32_t used;		/* places that have ever been taken */
	struct slotmap by_handle;
	uint64_t keys[2];	/* of its hash */
};

/* 0, or -1 with errno ENOMEM and nothing held. */
int connset_init(struct connset *set);
void connset_clear(struct connset *set);

/* The connection, valid until it is removed; or NULL. */
struct conn *connset_find(const struct connset *set, uint64_t handle);

/* Add one that is not there, idle.  NULL when there are CONNSET_MAX. */
struct conn *connset_add(struct connset *set, uint64_t handle);

/* The next one from *place on, which is moved on behind it; or NULL. */
struct conn *connset_next(const struct connset *set, uint32_t *place);

uint32_t connset_count(const struct connset *set);

/* Nothing happens if it is not there. */
void connset_remove(struct connset *set, uint64_t handle);

#endif
