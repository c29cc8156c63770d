/* SPDX-License-Identifier: ISC */
/* What the files of outlog.h share. */
#ifndef RUNNER_OUTLOG_PRIVATE_H
#define RUNNER_OUTLOG_PRIVATE_H

#include <sys/queue.h>

#include "broker/runner/losses.h"
#include "broker/runner/outlog.h"
#include "broker/runner/spillmap.h"

/* In memory and in the file alike. */
struct record {
	uint64_t seq;
	uint32_t len;
	uint8_t stream;
	uint8_t bytes[];
} __attribute__((aligned(8)));

/*
 * "bytes" begins after 13 bytes of fields; rounding makes a record a multiple
 * of 8, so that the next one is aligned.
 */
#define RECORD_HEAD offsetof(struct record, bytes)
#define RECORD_SIZE(len) ((RECORD_HEAD + (len) + 7) & ~(size_t)7)

struct segment {
	STAILQ_ENTRY(segment) entry;
	size_t size;		/* of "bytes" */
	size_t start;		/* offset of the oldest record */
	size_t end;		/* offset after the newest record */
	uint64_t last;		/* number of the newest record */
	uint64_t before;	/* bytes of output before the oldest record */
	uint8_t bytes[] __attribute__((aligned(8)));
};

/*
 * From the oldest to the newest: extents that are written, then segments.
 * The first segment may be on its way to the file; the newest extent is its
 * then.
 */
struct outlog {
	STAILQ_HEAD(, segment) segments;
	size_t cap;
	size_t used;
	size_t memory;
	uint64_t next_seq;
	uint64_t newest;	/* chunk */
	uint64_t total;		/* bytes of output ever */
	uint64_t keep;
	uint64_t changes;	/* of what is where, for cursors */
	struct outlog_gap gap;
	struct losses losses;
	struct spillmap map;
	uint64_t file_size;	/* what the file may hold */
	struct segment *writing;
	struct segment *abandoned;	/* evicted while being written */
	struct segment *loaded;		/* from the file, to be read */
	uint64_t loaded_first;
	bool spill;
	bool stuck;
	bool full;		/* the file system, with nothing of ours */
	bool blocked;		/* nothing more may go to the file now */
	bool pressed;		/* a reservation has failed */
};

static inline struct record *
segment_record(const struct segment *segment, size_t offset)
{
	return (struct record *)(uintptr_t)(segment->bytes + offset);
}

/* Whether room in memory comes from writing, not from evicting. */
static inline bool
outlog_writes(const struct outlog *log)
{
	return log->spill && !log->stuck && !log->full && !log->blocked &&
	    log->file_size > 0;
}

/*
 * What this log may retain in memory: its own cap, or what it has and all logs
 * together still may.
 */
size_t outlog_cap(const struct outlog *log);

/* So much of it is not in memory any more. */
void outlog_count_off(struct outlog *log, size_t cost);

/* The oldest segment holds nothing more that is needed there. */
void outlog_retire(struct outlog *log);

/* The oldest extent gives way, whatever must be kept. */
void outlog_evict_extent(struct outlog *log);

#endif
