/* SPDX-License-Identifier: ISC */
/*
 * Chunks lie one after the other in segments.  Segments start small and grow
 * with the output, so that a quiet process costs little; the largest ones
 * hold four full pipes.  An evicted segment is used again for new output.
 * Readers are in outlog_read.c, what goes to a file in outlog_file.c.
 */
#include "config.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "broker/runner/outlog_private.h"
#include "common/metrics.h"

#define SEGMENT_MIN 1024
#define SEGMENT_MAX (4 * (OUTLOG_CHUNK_MAX + sizeof(struct record)))
/* A whole segment may be evicted at once when the cap holds this many. */
#define SEGMENTS_MANY 16

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
	spillmap_init(&log->map, 0);
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
	outlog_unload(log);
	spillmap_clear(&log->map);
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

static size_t
record_cost(const struct record *record)
{
	return record->len + OUTLOG_CHUNK_COST;
}

/* One like it is kept for new output. */
void
outlog_retire(struct outlog *log)
{
	struct segment *segment = STAILQ_FIRST(&log->segments);

	STAILQ_REMOVE_HEAD(&log->segments, entry);
	if (segment == log->writing) {
		/* Whoever writes it still needs the memory. */
		log->writing = NULL;
		log->abandoned = segment;
		spillmap_undo(&log->map);
		return;
	}
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

void
outlog_count_off(struct outlog *log, size_t cost)
{
	log->used -= cost;
	pool_used -= cost;
}

static void
outlog_evict(struct outlog *log, const struct record *record)
{
	struct segment *segment = STAILQ_FIRST(&log->segments);

	outlog_count_off(log, record_cost(record));
	log->gap.chunks++;
	log->gap.bytes += record->len;
	metrics_add(METRIC_EVICTED, record->len);
	losses_note(&log->losses, record->seq, record->len);
	log->changes++;
	segment->before += record->len;
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

size_t
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
	if (outlog_writes(log) || outlog_last_in_file(log) >= log->keep)
		return room;
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

/* Whether the oldest there is could give way. */
static bool
outlog_evict_oldest(struct outlog *log)
{
	const struct extent *extent = TAILQ_FIRST(&log->map.extents);
	const struct record *record;

	if (extent != NULL && extent->written) {
		if (extent->last >= log->keep)
			return false;
		outlog_evict_extent(log);
		return true;
	}
	record = outlog_oldest(log);
	if (record == NULL || record->seq >= log->keep)
		return false;
	outlog_evict(log, record);
	return true;
}

static void
outlog_make_room(struct outlog *log, size_t want)
{
	while (outlog_free_room(log, want) < want && outlog_evict_oldest(log))
		continue;
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
	segment->before = log->total;
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

	if (oldest == NULL || spare != NULL || outlog_writes(log) ||
	    !TAILQ_EMPTY(&log->map.extents) ||
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
		log->pressed = true;
		errno = EAGAIN;
		return NULL;
	}
	want = possible;
	if (!outlog_writes(log))
		outlog_make_room(log, want);
	segment = STAILQ_LAST(&log->segments, segment, entry);
	if (segment == NULL || segment == log->writing ||
	    segment_room(segment) < least) {
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
	return outlog_place(log, want, want < OUTLOG_ROOM_MIN ? want :
	    OUTLOG_ROOM_MIN, room);
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
	/* What fills it up may be written to a file. */
	memset(record->bytes + len, 0, RECORD_SIZE(len) - RECORD_HEAD - len);
	segment->last = log->newest = record->seq;
	segment->end += RECORD_SIZE(record->len);
	log->total += len;
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
