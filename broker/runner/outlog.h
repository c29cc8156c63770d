/* SPDX-License-Identifier: ISC */
/*
 * What one process has written and is still retained, as numbered chunks.
 * Exit and close take numbers of the same row but leave no chunk.  Pure: no
 * descriptor, no clock.
 */
#ifndef RUNNER_OUTLOG_H
#define RUNNER_OUTLOG_H

#include <stddef.h>
#include <stdint.h>

/* What a chunk counts beside its bytes, in bytes. */
#define OUTLOG_CHUNK_COST 16
/* The largest chunk, in bytes. */
#define OUTLOG_CHUNK_MAX 65536
/* As outlog_keep()'s number: everything may be evicted. */
#define OUTLOG_KEEP_NOTHING UINT64_MAX
/* As outlog_select()'s limit: no limit. */
#define OUTLOG_ALL UINT64_MAX

struct outlog;

/* A retained chunk; "bytes" are the log's and valid until it changes. */
struct outlog_chunk {
	uint64_t seq;
	const uint8_t *bytes;
	size_t len;		/* bytes, never 0 */
	uint8_t stream;		/* as it was committed */
};

/*
 * What a reader gets: "count" chunks with "bytes" bytes in all, the first of
 * which is "first" (0 when there is none).  "next_seq" is what the reader is
 * told: the number after the last of them if the limit cut the list, else the
 * process's next number.
 */
struct outlog_span {
	uint64_t first;
	uint64_t next_seq;
	uint64_t bytes;
	size_t count;
	int cut;
};

/* What no reader can get any more; "chunks" 0 is no gap. */
struct outlog_gap {
	uint64_t chunks;	/* evicted so far */
	uint64_t bytes;		/* in them */
	uint64_t first_kept;	/* lowest retained number, or the next one */
};

/*
 * Where a reader is.  It finds its place again after evictions; all zero
 * starts at the oldest chunk.
 */
struct outlog_cursor {
	uint64_t seq;		/* the next chunk has this number or more */
	const void *segment;
	size_t offset;
	uint64_t changes;
};

/*
 * A new log that retains at most "cap" bytes, chunk costs included (but
 * always its newest chunk).  NULL with errno ENOMEM.  Free it with
 * outlog_free(), which takes NULL too.
 */
struct outlog *outlog_new(size_t cap);
void outlog_free(struct outlog *log);

/* The number the next chunk or event gets; the first one is 1. */
uint64_t outlog_next_seq(const struct outlog *log);

/* Use up one number for an event that leaves no chunk, and return it. */
uint64_t outlog_event(struct outlog *log);

/*
 * Nothing with this number or a higher one may be evicted from now on: 0
 * keeps all, OUTLOG_KEEP_NOTHING nothing.
 */
void outlog_keep(struct outlog *log, uint64_t seq);

/*
 * Room for the next chunk, at the end of the log: at least 1 and at most
 * "want" bytes (OUTLOG_CHUNK_MAX at most), their count in "*room".  What is
 * oldest is evicted for it.  The room is the caller's to fill until the next
 * call; commit what was filled, or just leave it.  A chunk should be as large
 * as its source allows: one of 16 KiB or more is offered less than "want"
 * when that fills the log's memory better.
 *
 * NULL with errno EAGAIN: full of what must be kept; or ENOMEM.
 */
void *outlog_reserve(struct outlog *log, size_t want, size_t *room);

/* Make "len" (1 to the room) reserved bytes a chunk; returns its number. */
uint64_t outlog_commit(struct outlog *log, uint8_t stream, size_t len);

/*
 * Copy "len" bytes to a chunk.  Returns its number, or 0 with errno EAGAIN
 * or ENOMEM and nothing changed.
 */
uint64_t outlog_append(struct outlog *log, uint8_t stream, const void *bytes,
    size_t len);

/* Whether a chunk of "want" bytes could be reserved whole. */
int outlog_has_room(const struct outlog *log, size_t want);

/* Give back memory, of whichever log, that only speeds up a flood. */
void outlog_trim(void);

/*
 * What a reader gets who has seen everything up to "after" and wants at most
 * "max" bytes: whole chunks, and always at least one if there is one.
 */
void outlog_select(const struct outlog *log, uint64_t after, uint64_t max,
    struct outlog_span *span);

/* The chunk at the cursor, and step on.  Returns 0, or -1 at the end. */
int outlog_next(const struct outlog *log, struct outlog_cursor *cursor,
    struct outlog_chunk *chunk);

/* What has been evicted. */
void outlog_gap(const struct outlog *log, struct outlog_gap *gap);

/*
 * A reader has gone who has seen "seq" at most, so that what it will have lost
 * when it comes back is to be known.
 */
void outlog_mark(struct outlog *log, uint64_t seq);

/* See losses_after(). */
int outlog_lost(const struct outlog *log, uint64_t after, uint64_t *last,
    uint64_t *bytes);

/*
 * All logs of this process together: what they retain, chunk costs included,
 * and as much as they may; each may have its newest chunk nevertheless.
 */
size_t outlog_pool_used(void);
void outlog_pool_limit(uint64_t limit);

/* Bytes retained, chunk costs included; and memory taken for them. */
size_t outlog_used(const struct outlog *log);
size_t outlog_memory(const struct outlog *log);

#endif
