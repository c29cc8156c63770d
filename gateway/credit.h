/* SPDX-License-Identifier: ISC */
/*
 * Which output has really left for the client.  Each piece of output is
 * noted with its cost and where it ends in the stream of bytes sent; when the
 * bytes up to there have left the TCP queue, its cost counts as returned.
 * Pure.
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
	uint64_t taken;		/* cost of all that the runner has sent */
	uint64_t returned;	/* cost of all that has left for the client */
	uint64_t told;		/* what the last ACK said */
};

void credit_init(struct credit *c);
void credit_clear(struct credit *c);

/*
 * The runner has sent something of this cost.  False when that is more than
 * the window allows: its fault.
 */
bool credit_take(struct credit *c, uint64_t cost);

/* It ends at byte "end" of what goes to the client; -1 when memory is out. */
int credit_mark(struct credit *c, uint64_t end, uint64_t cost);

/* Bytes up to "gone" have left the TCP queue. */
void credit_settle(struct credit *c, uint64_t gone);

/* Whether anything marked has not left yet. */
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
