/* SPDX-License-Identifier: ISC */
/* What readers get of the retained output, and what they have lost. */
#include "config.h"

#include <string.h>

#include "broker/runner/outlog_private.h"

/* Where the first chunk at or after the cursor's number is: as outlog_next(). */
static int
outlog_find(const struct outlog *log, uint64_t seq,
    const struct segment **found)
{
	const struct extent *extent = spillmap_find(&log->map, seq);

	*found = log->loaded;
	if (extent != NULL)
		return log->loaded != NULL &&
		    log->loaded_first == extent->first ? 0 : OUTLOG_ABSENT;
	STAILQ_FOREACH(*found, &log->segments, entry)
		if ((*found)->last >= seq)
			return 0;
	return -1;
}

static int
outlog_seek(const struct outlog *log, struct outlog_cursor *cursor)
{
	const struct segment *segment;
	const struct record *record;
	size_t offset;
	int found;

	cursor->changes = log->changes;
	cursor->segment = NULL;
	found = outlog_find(log, cursor->seq, &segment);
	if (found != 0)
		return found;
	cursor->end = segment->before;
	for (offset = segment->start; offset < segment->end;
	    offset += RECORD_SIZE(record->len)) {
		record = segment_record(segment, offset);
		if (record->seq >= cursor->seq)
			break;
		cursor->end += record->len;
	}
	cursor->segment = segment;
	cursor->offset = offset;
	return 0;
}

/* The next segment; 0, or as outlog_next(). */
static int
outlog_step(const struct outlog *log, struct outlog_cursor *cursor)
{
	const struct segment *segment = cursor->segment;

	if (segment == log->loaded)
		return outlog_seek(log, cursor);
	segment = STAILQ_NEXT(segment, entry);
	if (segment == NULL)
		return -1;
	cursor->segment = segment;
	cursor->offset = segment->start;
	return 0;
}

int
outlog_next(const struct outlog *log, struct outlog_cursor *cursor,
    struct outlog_chunk *chunk)
{
	const struct segment *segment;
	const struct record *record;
	int found = 0;

	if (cursor->segment == NULL || cursor->changes != log->changes)
		found = outlog_seek(log, cursor);
	while (found == 0 && cursor->offset ==
	    ((const struct segment *)cursor->segment)->end)
		found = outlog_step(log, cursor);
	if (found != 0)
		return found;
	segment = cursor->segment;
	record = segment_record(segment, cursor->offset);
	cursor->end += record->len;
	chunk->seq = record->seq;
	chunk->bytes = record->bytes;
	chunk->len = record->len;
	chunk->end = cursor->end;
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
	int found;

	memset(span, 0, sizeof(*span));
	span->next_seq = log->next_seq;
	if (after >= log->next_seq - 1)
		return;
	cursor.seq = after + 1;
	while ((found = outlog_next(log, &cursor, &chunk)) == 0) {
		if (span->count > 0 &&
		    (chunk.len > max || span->bytes > max - chunk.len)) {
			span->cut = 1;
			span->next_seq = span->last + 1;
			return;
		}
		if (span->count++ == 0)
			span->first = chunk.seq;
		span->bytes += chunk.len;
		span->last = chunk.seq;
		span->end = chunk.end;
	}
	span->absent = found == OUTLOG_ABSENT;
}

void
outlog_gap(const struct outlog *log, struct outlog_gap *gap)
{
	const struct extent *extent = TAILQ_FIRST(&log->map.extents);

	*gap = log->gap;
	gap->first_kept = extent != NULL && extent->written ? extent->first :
	    outlog_oldest_in_memory(log);
}

void
outlog_stop(struct outlog *log, uint64_t seq, uint64_t end)
{
	losses_stop(&log->losses, seq, end);
}

uint64_t
outlog_newest(const struct outlog *log)
{
	return log->newest;
}

uint64_t
outlog_oldest_in_memory(const struct outlog *log)
{
	const struct segment *segment = STAILQ_FIRST(&log->segments);

	if (segment == NULL || segment->start == segment->end)
		return log->next_seq;
	return segment_record(segment, segment->start)->seq;
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

