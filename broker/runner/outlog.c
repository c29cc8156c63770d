/* SPDX-License-Identifier: ISC */
/*
 * Chunks lie one after the other in segments.  Segments start small and grow
 * with the output, so that a quiet process costs little; the largest ones
 * hold four full pipes.  An evicted segment is used again for new output.
 */
#include "config.h"

#include <sys/queue.h>

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "broker/runner/losses.h"
#include "broker/runner/outlog.h"

#define SEGMENT_MIN 1024
#define SEGMENT_MAX (4 * (OUTLOG_CHUNK_MAX + sizeof(struct record)))
/* Less room than this at a segment's end is not worth a large read. */
#define ROOM_MIN 8192
/* A whole segment may be evicted at once when the cap holds this many. */
#define SEGMENTS_MANY 16

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
	uint8_t bytes[] __attribute__((aligned(8)));
};

struct outlog {
	STAILQ_HEAD(, segment) segments;
	size_t cap;
	size_t used;
	size_t memory;
	uint64_t next_seq;
	uint64_t keep;
	uint64_t changes;	/* evictions, for cursors */
	struct outlog_gap gap;
	struct losses losses;
};

/* Of all logs. */
static size_t pool_used, pool_limit = SIZE_MAX;

/* For whichever log grows next: many floods need no more of them than one. */
static struct segment *spare;

struct outlog *
outlog_new(size_t cap)
{
	struct outlog *log;

	log = calloc(1, sizeof(*log));
	if (log == NULL)
		return NULL;
	STAILQ_INIT(&log->segments);
	log->cap = cap;
	log->next_seq = 1;
	log->keep = OUTLOG_KEEP_NOTHING;
	return log;
}

void
outlog_free(struct outlog *log)
{
	struct segment *segment;

	if (log == NULL)
		return;
	while ((segment = STAILQ_FIRST(&log->segments)) != NULL) {
		STAILQ_REMOVE_HEAD(&log->segments, entry);
		free(segment);
	}
	outlog_trim();
	pool_used -= log->used;
	losses_clear(&log->losses);
	free(log);
}

uint64_t
outlog_next_seq(const struct outlog *log)
{
	return log->next_seq;
}

uint64_t
outlog_event(struct outlog *log)
{
	return log->next_seq++;
}

void
outlog_keep(struct outlog *log, uint64_t seq)
{
	log->keep = seq;
}

static struct record *
segment_record(const struct segment *segment, size_t offset)
{
	return (struct record *)(uintptr_t)(segment->bytes + offset);
}

static size_t
record_cost(const struct record *record)
{
	return record->len + OUTLOG_CHUNK_COST;
}

/* The oldest segment holds nothing more; keep one like it for new output. */
static void
outlog_retire(struct outlog *log)
{
	struct segment *segment = STAILQ_FIRST(&log->segments);

	STAILQ_REMOVE_HEAD(&log->segments, entry);
	log->memory -= sizeof(*segment) + segment->size;
	if (spare == NULL && segment->size >= OUTLOG_CHUNK_MAX)
		spare = segment;
	else
		free(segment);
}

static struct record *
outlog_oldest(const struct outlog *log)
{
	const struct segment *segment = STAILQ_FIRST(&log->segments);

	if (segment == NULL || segment->start == segment->end)
		return NULL;
	return segment_record(segment, segment->start);
}

static void
outlog_evict(struct outlog *log, const struct record *record)
{
	struct segment *segment = STAILQ_FIRST(&log->segments);

	log->used -= record_cost(record);
	pool_used -= record_cost(record);
	log->gap.chunks++;
	log->gap.bytes += record->len;
	losses_note(&log->losses, record->seq, record->len);
	log->changes++;
	segment->start += RECORD_SIZE(record->len);
	if (segment->start == segment->end)
		outlog_retire(log);
}

size_t
outlog_pool_used(void)
{
	return pool_used;
}

void
outlog_pool_limit(uint64_t limit)
{
	pool_limit = limit < SIZE_MAX ? (size_t)limit : SIZE_MAX;
}

/*
 * What this log may retain: its own cap, or what it has and all logs together
 * still may.
 */
static size_t
outlog_cap(const struct outlog *log)
{
	size_t others = pool_used - log->used;
	size_t may = pool_limit > others ? pool_limit - others : 0;

	return may < log->cap ? may : log->cap;
}

/* How much of "want" more bytes has its place, without evicting anything. */
static size_t
outlog_free_room(const struct outlog *log, size_t want)
{
	size_t taken = log->used + OUTLOG_CHUNK_COST, cap = outlog_cap(log);

	if (log->used == 0)
		return want;
	if (taken >= cap)
		return 0;
	return want < cap - taken ? want : cap - taken;
}

/* How much of "want" more bytes has its place if all that may go goes. */
static size_t
outlog_possible_room(const struct outlog *log, size_t want)
{
	const struct segment *segment;
	const struct record *record;
	size_t gain = 0, offset, room, cap = outlog_cap(log);

	room = outlog_free_room(log, want);
	STAILQ_FOREACH(segment, &log->segments, entry) {
		offset = segment->start;
		while (offset < segment->end && room < want) {
			record = segment_record(segment, offset);
			if (record->seq >= log->keep)
				return room;
			gain += record_cost(record);
			offset += RECORD_SIZE(record->len);
			if (log->used == gain)
				return want;
			if (log->used - gain + OUTLOG_CHUNK_COST < cap)
				room = cap - OUTLOG_CHUNK_COST -
				    (log->used - gain);
		}
		if (room >= want)
			return want;
	}
	return room;
}

static void
outlog_make_room(struct outlog *log, size_t want)
{
	struct record *record;

	while (outlog_free_room(log, want) < want &&
	    (record = outlog_oldest(log)) != NULL && record->seq < log->keep)
		outlog_evict(log, record);
}

/* A segment with room for "want", twice as large as the one before it. */
static struct segment *
outlog_grow(struct outlog *log, size_t want)
{
	struct segment *last, *segment = spare;
	size_t size = SEGMENT_MIN;

	last = STAILQ_LAST(&log->segments, segment, entry);
	if (segment != NULL && segment->size >= RECORD_SIZE(want) &&
	    last != NULL && segment->size <= last->size) {
		spare = NULL;
	} else {
		while (last != NULL && size <= last->size &&
		    size < SEGMENT_MAX)
			size *= 2;
		while (size < RECORD_SIZE(want))
			size *= 2;
		if (size > SEGMENT_MAX)
			size = SEGMENT_MAX;
		segment = malloc(sizeof(*segment) + size);
		if (segment == NULL)
			return NULL;
		segment->size = size;
	}
	log->memory += sizeof(*segment) + segment->size;
	segment->start = segment->end = 0;
	segment->last = 0;
	STAILQ_INSERT_TAIL(&log->segments, segment, entry);
	return segment;
}

static size_t
segment_room(const struct segment *segment)
{
	size_t room = segment->size - segment->end;

	return room > RECORD_HEAD ? room - RECORD_HEAD : 0;
}

/* An empty newest segment too small for "want" must not be in the way. */
static void
outlog_shed(struct outlog *log, struct segment *segment)
{
	if (segment->start != segment->end)
		return;
	STAILQ_REMOVE(&log->segments, segment, segment, entry);
	log->memory -= sizeof(*segment) + segment->size;
	free(segment);
	log->changes++;
}

/*
 * In a full log, let the oldest segment go as a whole when a new one is
 * needed: its memory is used again at once, and never more is taken.
 */
static void
outlog_recycle(struct outlog *log)
{
	struct segment *oldest = STAILQ_FIRST(&log->segments);
	size_t cap = outlog_cap(log);

	if (oldest == NULL || spare != NULL ||
	    log->memory + oldest->size <= cap ||
	    oldest->size > cap / SEGMENTS_MANY ||
	    oldest->last >= log->keep)
		return;
	while (STAILQ_FIRST(&log->segments) == oldest)
		outlog_evict(log, segment_record(oldest, oldest->start));
}

/* Room for at least "least" and at most "want" bytes. */
static void *
outlog_place(struct outlog *log, size_t want, size_t least, size_t *room)
{
	struct segment *segment;
	size_t possible;

	possible = outlog_possible_room(log, want);
	if (possible < least) {
		errno = EAGAIN;
		return NULL;
	}
	want = possible;
	outlog_make_room(log, want);
	segment = STAILQ_LAST(&log->segments, segment, entry);
	if (segment == NULL || segment_room(segment) < least) {
		if (segment != NULL)
			outlog_shed(log, segment);
		outlog_recycle(log);
		segment = outlog_grow(log, want);
		if (segment == NULL)
			return NULL;
	}
	*room = segment_room(segment) < want ? segment_room(segment) : want;
	return segment_record(segment, segment->end)->bytes;
}

void *
outlog_reserve(struct outlog *log, size_t want, size_t *room)
{
	if (want > OUTLOG_CHUNK_MAX)
		want = OUTLOG_CHUNK_MAX;
	return outlog_place(log, want, want < ROOM_MIN ? want : ROOM_MIN,
	    room);
}

uint64_t
outlog_commit(struct outlog *log, uint8_t stream, size_t len)
{
	struct segment *segment;
	struct record *record;

	segment = STAILQ_LAST(&log->segments, segment, entry);
	record = segment_record(segment, segment->end);
	record->seq = log->next_seq++;
	record->len = (uint32_t)len;
	record->stream = stream;
	segment->last = record->seq;
	segment->end += RECORD_SIZE(record->len);
	log->used += record_cost(record);
	pool_used += record_cost(record);
	return record->seq;
}

uint64_t
outlog_append(struct outlog *log, uint8_t stream, const void *bytes,
    size_t len)
{
	size_t room;
	void *place;

	if (len == 0 || len > OUTLOG_CHUNK_MAX) {
		errno = EINVAL;
		return 0;
	}
	place = outlog_place(log, len, len, &room);
	if (place == NULL)
		return 0;
	memcpy(place, bytes, len);
	return outlog_commit(log, stream, len);
}

int
outlog_has_room(const struct outlog *log, size_t want)
{
	return outlog_possible_room(log, want) >= want;
}

void
outlog_trim(void)
{
	free(spare);
	spare = NULL;
}

/* Set the cursor on the first chunk at or after its number. */
static void
outlog_seek(const struct outlog *log, struct outlog_cursor *cursor)
{
	const struct segment *segment;
	size_t offset;

	cursor->changes = log->changes;
	cursor->segment = NULL;
	STAILQ_FOREACH(segment, &log->segments, entry)
		if (segment->last >= cursor->seq)
			break;
	if (segment == NULL)
		return;
	offset = segment->start;
	while (offset < segment->end &&
	    segment_record(segment, offset)->seq < cursor->seq)
		offset += RECORD_SIZE(segment_record(segment, offset)->len);
	cursor->segment = segment;
	cursor->offset = offset;
}

int
outlog_next(const struct outlog *log, struct outlog_cursor *cursor,
    struct outlog_chunk *chunk)
{
	const struct segment *segment;
	const struct record *record;

	if (cursor->segment == NULL || cursor->changes != log->changes)
		outlog_seek(log, cursor);
	segment = cursor->segment;
	while (segment != NULL && cursor->offset == segment->end) {
		if (STAILQ_NEXT(segment, entry) == NULL)
			return -1;
		segment = STAILQ_NEXT(segment, entry);
		cursor->segment = segment;
		cursor->offset = segment->start;
	}
	if (segment == NULL)
		return -1;
	record = segment_record(segment, cursor->offset);
	chunk->seq = record->seq;
	chunk->bytes = record->bytes;
	chunk->len = record->len;
	chunk->stream = record->stream;
	cursor->offset += RECORD_SIZE(record->len);
	cursor->seq = record->seq + 1;
	return 0;
}

void
outlog_select(const struct outlog *log, uint64_t after, uint64_t max,
    struct outlog_span *span)
{
	struct outlog_cursor cursor = { 0 };
	struct outlog_chunk chunk;
	uint64_t last = 0;

	memset(span, 0, sizeof(*span));
	span->next_seq = log->next_seq;
	if (after >= log->next_seq - 1)
		return;
	cursor.seq = after + 1;
	while (outlog_next(log, &cursor, &chunk) == 0) {
		if (span->count > 0 &&
		    (chunk.len > max || span->bytes > max - chunk.len)) {
			span->cut = 1;
			span->next_seq = last + 1;
			return;
		}
		if (span->count++ == 0)
			span->first = chunk.seq;
		span->bytes += chunk.len;
		last = chunk.seq;
	}
}

void
outlog_gap(const struct outlog *log, struct outlog_gap *gap)
{
	const struct record *oldest = outlog_oldest(log);

	*gap = log->gap;
	gap->first_kept = oldest != NULL ? oldest->seq : log->next_seq;
}

void
outlog_mark(struct outlog *log, uint64_t seq)
{
	losses_mark(&log->losses, seq);
}

int
outlog_lost(const struct outlog *log, uint64_t after, uint64_t *last,
    uint64_t *bytes)
{
	return losses_after(&log->losses, after, last, bytes);
}

size_t
outlog_used(const struct outlog *log)
{
	return log->used;
}

size_t
outlog_memory(const struct outlog *log)
{
	return log->memory;
}
