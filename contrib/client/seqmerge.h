/* SPDX-License-Identifier: ISC */
/*
 * Puts the events of one process in order of their sequence numbers,
 * whether they come as notifications or by process/read: each number is
 * delivered once, and what has been lost is told as a gap.
 */
#ifndef CONTRIB_CLIENT_SEQMERGE_H
#define CONTRIB_CLIENT_SEQMERGE_H

#include <stddef.h>
#include <stdint.h>

struct seqmerge;

/*
 * Bytes of memory that events waiting for a lower number may take: more than
 * any one answer to process/read becomes.
 */
#define SEQMERGE_BYTES ((size_t)160 << 20)

enum seqmerge_stream {
	SEQMERGE_STDOUT,
	SEQMERGE_STDERR,
	SEQMERGE_PTY
};

struct seqmerge_ops {
	/* Bytes of the next event; valid during the call. */
	void (*output)(void *arg, enum seqmerge_stream stream,
	    const void *data, size_t len);
	void (*exited)(void *arg, int code);
	/* No event follows. */
	void (*closed)(void *arg);
	/* The server no longer has the numbers "from" to "to". */
	void (*gap)(void *arg, uint64_t from, uint64_t to);
};

/* "ops" is kept, not copied.  Free it with seqmerge_free(). */
struct seqmerge *seqmerge_new(const struct seqmerge_ops *ops, void *arg);
void seqmerge_free(struct seqmerge *merge);

/*
 * Take one event.  A number that was delivered or is waiting already is
 * dropped.  Returns 0, or -1 for one that can't be: number 0, or one behind
 * closed.  When too much waits, all that waits is forgotten and
 * seqmerge_wants_read() becomes true.
 */
int seqmerge_output(struct seqmerge *merge, uint64_t seq,
    enum seqmerge_stream stream, const void *data, size_t len);
int seqmerge_exited(struct seqmerge *merge, uint64_t seq, int code);
int seqmerge_closed(struct seqmerge *merge, uint64_t seq);

/*
 * What a process/read after seqmerge_last() without a byte limit said beside
 * its chunks, which have been given to seqmerge_output() before: below
 * "next" there is nothing else, apart from the exited event and, as number
 * next - 1, the closed one.  Numbers still missing are told as gaps.
 * Returns 0, or -1 when it contradicts itself.
 */
int seqmerge_snapshot(struct seqmerge *merge, uint64_t next, int exited,
    int code, int closed);

/* The number up to which everything was delivered. */
uint64_t seqmerge_last(const struct seqmerge *merge);

/* True while events wait for a lower number. */
int seqmerge_has_hole(const struct seqmerge *merge);

/* True when events were forgotten that only process/read can bring back. */
int seqmerge_wants_read(const struct seqmerge *merge);

/* True once closed was delivered. */
int seqmerge_is_closed(const struct seqmerge *merge);

#endif
