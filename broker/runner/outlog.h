/* SPDX-License-Identifier: ISC */
/*
 * What one process has written and is still retained, as numbered chunks.
 * Exit and close take numbers of the same row but leave no chunk.  The oldest
 * may lie in a file, the rest is in memory.  Pure: no descriptor, no clock.
 */
#ifndef RUNNER_OUTLOG_H
#define RUNNER_OUTLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a chunk counts beside its bytes, in bytes. */
#define OUTLOG_CHUNK_COST 16
/* The largest chunk, in bytes. */
#define OUTLOG_CHUNK_MAX 65536
/* A reservation of this many bytes or more succeeds with this much room. */
#define OUTLOG_ROOM_MIN 8192
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
	uint64_t end;		/* of output up to and with it, since 1 */
	uint8_t stream;		/* as it was committed */
};

/*
 * What a reader gets: "count" chunks with "bytes" bytes in all, the first of
 * which is "first" (0 when there is none) and the last "last".  "next_seq" is what the reader is
 * told: the number after the last of them if the limit cut the list, else the
 * process's next number.
 */
struct outlog_span {
	uint64_t first, last;
	uint64_t next_seq;
	uint64_t bytes;
	uint64_t end;	/* of output up to and with the last, since 1 */
	size_t count;
	int cut;
	int absent;	/* what would follow is to be loaded first */
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
	uint64_t end;		/* of output before it */
	uint64_t changes;
};

/*
 * Output beyond the memory may lie in a file.  The log says what is to be
 * written where and read again; it is done elsewhere, one write at a time.
 */
enum outlog_need {
	OUTLOG_NOTHING,		/* there is room, or a write is under way */
	OUTLOG_WRITE,		/* do this and tell how it ended */
	OUTLOG_KEPT,		/* the file is full of what must be kept */
	OUTLOG_NO_PLACE		/* nor is there room for it in the file */
};

/* A piece of a file; "first" is the number of the first chunk in it. */
struct outlog_piece {
	uint64_t first;
	uint64_t offset;
	size_t len;
	const void *bytes;	/* to be written; stay until that is told */
};

/* As what outlog_next() returns: it is in the file, see outlog_absent(). */
#define OUTLOG_ABSENT 1

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
 * NULL with errno EAGAIN: full of what must be kept, or of what is on its way
 * to the file; or ENOMEM.
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

/*
 * The chunk at the cursor, and step on.  Returns 0, -1 at the end, or
 * OUTLOG_ABSENT.
 */
int outlog_next(const struct outlog *log, struct outlog_cursor *cursor,
    struct outlog_chunk *chunk);

/* The number of the newest chunk there has been, or 0. */
uint64_t outlog_newest(const struct outlog *log);
/* The number of the oldest chunk that is in memory, or the next one. */
uint64_t outlog_oldest_in_memory(const struct outlog *log);

/*
 * How many bytes of a file may be used; 0, as in the beginning: none.  What is
 * there already stays.
 */
void outlog_set_file(struct outlog *log, uint64_t size);

/*
 * Whether what finds no room in memory is to go to the file ("on"), or the
 * oldest is to be evicted.  While this is on, a reservation that fails waits
 * for a write to end.
 */
void outlog_spill(struct outlog *log, bool on);

/*
 * What is to be done now.  "growth" is how many bytes more than now the file
 * may hold; the oldest in it gives way for what exceeds that, if it may.
 */
enum outlog_need outlog_write_next(struct outlog *log, uint64_t growth,
    struct outlog_piece *piece);

/* The write has ended: well, or because the file system is "full", or not. */
void outlog_written(struct outlog *log);
void outlog_not_written(struct outlog *log, bool full);

/*
 * Nobody waits for the file any more ("stuck"), or does again: meanwhile the
 * oldest is evicted, even what is being written.
 */
void outlog_set_stuck(struct outlog *log, bool stuck);

/*
 * What is being written, which must not be freed with the log: the caller
 * does that by free(3) when the write has ended.  NULL: nothing.
 */
void *outlog_orphan(struct outlog *log);

/* Where the chunk "seq", or the next that is, lies.  False: not in the file. */
bool outlog_absent(const struct outlog *log, uint64_t seq,
    struct outlog_piece *piece);

/*
 * Memory to read such a piece to, which is the log's from outlog_loaded() on;
 * until then it is the caller's to free by outlog_load_free().  NULL: none.
 */
void *outlog_load_new(const struct outlog_piece *piece);
void outlog_load_free(void *bytes);

/*
 * It has been read.  What was evicted meanwhile is forgotten; what is not what
 * was written, or could not be read, is evicted with all that is older.
 */
void outlog_loaded(struct outlog *log, const struct outlog_piece *piece,
    void *bytes);
void outlog_unreadable(struct outlog *log, uint64_t first);
/* Nobody reads it now. */
void outlog_unload(struct outlog *log);

/* What is in the file up to this number is of no use any more. */
void outlog_pass(struct outlog *log, uint64_t seq);

/* As spillmap_hole(). */
int outlog_hole(struct outlog *log, uint64_t *offset, uint64_t *len);

/* Bytes used of the file; and the highest number of a chunk there, or 0. */
uint64_t outlog_spilled(const struct outlog *log);
uint64_t outlog_last_in_file(const struct outlog *log);

/*
 * A reader may stop at the chunk "seq", up to and with which there are "end"
 * bytes of output: what it will have lost is to be known.
 */
void outlog_stop(struct outlog *log, uint64_t seq, uint64_t end);

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
