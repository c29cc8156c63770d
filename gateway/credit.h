/* SPDX-License-Identifier: ISC */
/*
 * Which output has really left for the client.  Each piece gets a ticket when
 * it comes, is marked with where it ends in the stream of bytes sent once it
 * is part of that, and counts as returned when the bytes up to there, and
 * everything that came before it, have left the TCP queue.  The runner counts
 * in the order in which it sends; pieces may well leave in another.  Pure.
 */
#ifndef GATEWAY_CREDIT_H
#define GATEWAY_CREDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct credit_mark;

struct credit {
	struct credit_mark *marks;	/* a ring */
	size_t cap, first, count;
	uint64_t oldest;	/* ticket of the first one */
	uint64_t taken;		/* cost of all that the runner has sent */
	uint64_t returned;	/* cost of all that has left for the client */
	uint64_t told;		/* what the last ACK said */
};

void credit_init(struct credit *c);
void credit_clear(struct credit *c);

/*
 * The runner has sent something of this cost.  Returns NULL, or why it is not
 * to be taken (static text): more than the window allows, or no memory.
 */
const char *credit_take(struct credit *c, uint64_t cost, uint64_t *ticket);

/*
 * Go on where another has stopped: this much has been taken and has left, and
 * what lies between is in the stream up to byte "end".  NULL, or why not.
 */
const char *credit_resume(struct credit *c, uint64_t taken, uint64_t left,
    uint64_t end);

/* It ends at byte "end" of what goes to the client. */
void credit_mark(struct credit *c, uint64_t ticket, uint64_t end);

/* It is held back; credit_release() marks all that are. */
void credit_hold(struct credit *c, uint64_t ticket);
void credit_release(struct credit *c, uint64_t end);

/* Bytes up to "gone" have left the TCP queue. */
void credit_settle(struct credit *c, uint64_t gone);

/* Whether the oldest piece is on its way, so that asking is of use. */
bool credit_pending(const struct credit *c);

/* Cost that is not returned yet, whether marked or not. */
uint64_t credit_outstanding(const struct credit *c);

/*
 * Whether the runner is to be told now; then "*total" is what, and it counts
 * as told.
 */
#define CREDIT_STEP (64 * 1024)
bool credit_due(struct credit *c, uint64_t *total);

#endif
