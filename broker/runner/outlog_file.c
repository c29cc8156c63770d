/* SPDX-License-Identifier: ISC */
/*
 * The oldest output in a file: whole segments go there as they are in memory,
 * and come back one at a time for readers.
 */
#include "config.h"

#include <stdlib.h>

#include "broker/runner/outlog_private.h"
#include "common/metrics.h"

/* Writing begins early, so that there is room while it takes its time. */
#define HIGH(cap) ((cap) - (cap) / 4)

void
outlog_set_file(struct outlog *log, uint64_t size)
{
	log->file_size = size;
	log->full = false;
	log->blocked = false;
	spillmap_resize(&log->map, size);
}

void
outlog_spill(struct outlog *log, bool on)
{
	log->spill = on;
}

void
outlog_set_stuck(struct outlog *log, bool stuck)
{
	log->stuck = stuck;
}

void
outlog_evict_extent(struct outlog *log)
{
	const struct extent *extent = TAILQ_FIRST(&log->map.extents);

	log->gap.chunks += extent->chunks;
	log->gap.bytes += extent->bytes;
	metrics_add(METRIC_EVICTED, extent->bytes);
	losses_note_run(&log->losses, extent->first, extent->last,
	    extent->bytes);
	log->changes++;
	if (log->loaded != NULL && log->loaded_first == extent->first)
		outlog_unload(log);
	spillmap_drop(&log->map);
}

/* What the extent of a segment holds; and where readers may have stopped. */
static struct extent *
extent_new(struct outlog *log, const struct segment *segment)
{
	struct extent *extent = calloc(1, sizeof(*extent));
	uint64_t end = segment->before;
	const struct record *record;
	size_t offset;

	if (extent == NULL)
		return NULL;
	extent->len = segment->end - segment->start;
	extent->last = segment->last;
	extent->before = segment->before;
	for (offset = segment->start; offset < segment->end;
	    offset += RECORD_SIZE(record->len)) {
		record = segment_record(segment, offset);
		if (extent->chunks++ == 0)
			extent->first = record->seq;
		end += record->len;
		if (losses_marked(&log->losses, record->seq))
			losses_remember(&log->losses, record->seq, end);
	}
	extent->bytes = end - segment->before;
	return extent;
}

/* A place for that many bytes, if what is older may leave it. */
static enum outlog_need
make_place(struct outlog *log, uint64_t growth, size_t len, uint64_t *offset)
{
	struct spillmap *map = &log->map;
	uint64_t limit = map->used;
	const struct extent *oldest;

	limit = growth < UINT64_MAX - limit ? limit + growth : UINT64_MAX;
	while (len > limit || map->used > limit - len ||
	    spillmap_place(map, len, offset) == -1) {
		oldest = TAILQ_FIRST(&map->extents);
		if (oldest == NULL)
			return OUTLOG_NO_PLACE;
		if (oldest->last >= log->keep)
			return OUTLOG_KEPT;
		outlog_evict_extent(log);
	}
	return OUTLOG_WRITE;
}

enum outlog_need
outlog_write_next(struct outlog *log, uint64_t growth,
    struct outlog_piece *piece)
{
	struct segment *segment = STAILQ_FIRST(&log->segments);
	struct extent *extent;
	enum outlog_need need;
	uint64_t offset;

	if (!log->spill || log->writing != NULL || log->abandoned != NULL ||
	    (log->used <= HIGH(outlog_cap(log)) && !log->pressed) ||
	    segment == NULL || segment->start == segment->end)
		return OUTLOG_NOTHING;
	if (log->stuck || log->full || log->file_size == 0)
		return OUTLOG_NO_PLACE;
	need = make_place(log, growth, segment->end - segment->start,
	    &offset);
	extent = need == OUTLOG_WRITE ? extent_new(log, segment) : NULL;
	if (need == OUTLOG_WRITE && extent == NULL)
		need = OUTLOG_NO_PLACE;
	log->blocked = need == OUTLOG_NO_PLACE;
	if (need != OUTLOG_WRITE)
		return need;
	extent->offset = offset;
	spillmap_add(&log->map, extent);
	log->writing = segment;
	log->pressed = false;
	*piece = (struct outlog_piece){ extent->first, offset, extent->len,
		segment->bytes + segment->start };
	return OUTLOG_WRITE;
}

/* Whether what was being written is not needed any more. */
static bool
drop_abandoned(struct outlog *log)
{
	struct segment *segment = log->abandoned;

	if (segment == NULL)
		return false;
	log->abandoned = NULL;
	log->memory -= sizeof(*segment) + segment->size;
	free(segment);
	return true;
}

void
outlog_written(struct outlog *log)
{
	struct segment *segment = log->writing;
	struct extent *extent;

	if (drop_abandoned(log))
		return;
	log->writing = NULL;
	extent = TAILQ_LAST(&log->map.extents, extents);
	if (segment_record(segment, segment->start)->seq != extent->first) {
		/* Part of it was evicted meanwhile: as if it were not. */
		spillmap_undo(&log->map);
		return;
	}
	extent->written = true;
	outlog_count_off(log, extent->bytes +
	    extent->chunks * OUTLOG_CHUNK_COST);
	log->changes++;
	outlog_retire(log);
}

void
outlog_not_written(struct outlog *log, bool full)
{
	if (!drop_abandoned(log)) {
		log->writing = NULL;
		spillmap_undo(&log->map);
	}
	if (full) {
		spillmap_shrink(&log->map);
		log->full = TAILQ_EMPTY(&log->map.extents);
		return;
	}
	while (!TAILQ_EMPTY(&log->map.extents))
		outlog_evict_extent(log);
	log->file_size = 0;
}

void *
outlog_orphan(struct outlog *log)
{
	struct segment *segment = log->abandoned;

	if (log->writing != NULL) {
		segment = log->writing;
		STAILQ_REMOVE_HEAD(&log->segments, entry);
	}
	log->writing = log->abandoned = NULL;
	return segment;
}

bool
outlog_absent(const struct outlog *log, uint64_t seq,
    struct outlog_piece *piece)
{
	const struct extent *extent = spillmap_find(&log->map, seq);

	if (extent == NULL || (log->loaded != NULL &&
	    log->loaded_first == extent->first))
		return false;
	*piece = (struct outlog_piece){ extent->first, extent->offset,
		extent->len, NULL };
	return true;
}

void *
outlog_load_new(const struct outlog_piece *piece)
{
	struct segment *segment = malloc(sizeof(*segment) + piece->len);

	if (segment == NULL)
		return NULL;
	*segment = (struct segment){ .size = piece->len, .end = piece->len };
	return segment->bytes;
}

static struct segment *
segment_of(void *bytes)
{
	return (struct segment *)((uintptr_t)bytes -
	    offsetof(struct segment, bytes));
}

void
outlog_load_free(void *bytes)
{
	if (bytes != NULL)
		free(segment_of(bytes));
}

/* Files can be damaged: nothing is believed that was not known before. */
static bool
is_what_was_written(const struct extent *extent,
    const struct segment *segment)
{
	uint64_t chunks = 0, bytes = 0, last = extent->first - 1;
	const struct record *record;
	size_t offset;

	for (offset = 0; offset < segment->end;
	    offset += RECORD_SIZE(record->len)) {
		record = segment_record(segment, offset);
		if (segment->end - offset < RECORD_HEAD ||
		    record->len == 0 || record->len > OUTLOG_CHUNK_MAX ||
		    segment->end - offset < RECORD_SIZE(record->len) ||
		    record->seq <= last || record->seq > extent->last ||
		    (chunks == 0 && record->seq != extent->first))
			return false;
		last = record->seq;
		bytes += record->len;
		chunks++;
	}
	return last == extent->last && chunks == extent->chunks &&
	    bytes == extent->bytes;
}

void
outlog_loaded(struct outlog *log, const struct outlog_piece *piece,
    void *bytes)
{
	const struct extent *extent = spillmap_find(&log->map, piece->first);
	struct segment *segment = segment_of(bytes);

	if (extent == NULL || extent->first != piece->first) {
		free(segment);
		return;
	}
	if (!is_what_was_written(extent, segment)) {
		free(segment);
		outlog_unreadable(log, piece->first);
		return;
	}
	outlog_unload(log);
	segment->last = extent->last;
	segment->before = extent->before;
	log->loaded = segment;
	log->loaded_first = extent->first;
	log->memory += sizeof(*segment) + segment->size;
	log->changes++;
}

void
outlog_unreadable(struct outlog *log, uint64_t first)
{
	const struct extent *extent;

	while ((extent = TAILQ_FIRST(&log->map.extents)) != NULL &&
	    extent->written && extent->first <= first)
		outlog_evict_extent(log);
}

void
outlog_unload(struct outlog *log)
{
	if (log->loaded == NULL)
		return;
	log->memory -= sizeof(*log->loaded) + log->loaded->size;
	free(log->loaded);
	log->loaded = NULL;
	log->changes++;
}

void
outlog_pass(struct outlog *log, uint64_t seq)
{
	const struct extent *extent;

	while ((extent = TAILQ_FIRST(&log->map.extents)) != NULL &&
	    extent->written && extent->last <= seq)
		outlog_evict_extent(log);
}

int
outlog_hole(struct outlog *log, uint64_t *offset, uint64_t *len)
{
	if (spillmap_hole(&log->map, offset, len) == -1)
		return -1;
	if (*len == UINT64_MAX)
		spillmap_resize(&log->map, log->file_size);
	return 0;
}

uint64_t
outlog_spilled(const struct outlog *log)
{
	return log->map.used;
}

uint64_t
outlog_last_in_file(const struct outlog *log)
{
	return spillmap_last(&log->map);
}
