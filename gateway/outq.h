/* SPDX-License-Identifier: ISC */
/*
 * Bytes on their way to a client, in blocks that are filled in place and
 * written from in place.  An empty queue holds no memory; blocks go round in
 * a small cache of the process.  Pure.
 */
#ifndef GATEWAY_OUTQ_H
#define GATEWAY_OUTQ_H

#include <sys/queue.h>
#include <sys/uio.h>

#include <stddef.h>
#include <stdint.h>

struct outq_block;

struct outq {
	STAILQ_HEAD(, outq_block) blocks;
	size_t len;		/* bytes waiting */
	uint64_t put;		/* bytes ever committed, moved ones included */
};

void outq_init(struct outq *q);

/* Drop what waits. */
void outq_clear(struct outq *q);

/*
 * Room for "need" bytes in one piece at the end; valid until the next call on
 * this queue.  NULL when memory is out.
 */
uint8_t *outq_reserve(struct outq *q, size_t need);

/* The first "len" bytes of the room reserved last are part of the queue. */
void outq_commit(struct outq *q, size_t len);

/* Copy "len" bytes to the end; 0, or -1 when memory is out. */
int outq_add(struct outq *q, const void *bytes, size_t len);

/* Describe the first bytes in up to "max" pieces; returns their number. */
int outq_peek(const struct outq *q, struct iovec *iov, int max);

/* Forget the first "len" bytes, which are there. */
void outq_drain(struct outq *q, size_t len);

/*
 * How long the unit is that begins at "bytes", of which "len" are there: no
 * more than "len", and not 0.
 */
typedef size_t outq_unit_fn(const uint8_t *bytes, size_t len);

/*
 * Drop what waits, but for the rest of a unit whose first bytes have been
 * drained.  What was added or committed in one piece holds whole units.
 */
void outq_cut(struct outq *q, outq_unit_fn *unit);

/* Move everything in "from" to the end of "to". */
void outq_move(struct outq *to, struct outq *from);

/* Give the cached blocks back to the system. */
void outq_drop_cache(void);

#endif
