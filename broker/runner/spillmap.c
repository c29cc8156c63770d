/* SPDX-License-Identifier: ISC */
/* Which part of the output lies where in a file. */
#include "config.h"

#include <stdlib.h>

#include "broker/runner/spillmap.h"

void
spillmap_init(struct spillmap *map, uint64_t size)
{
	*map = (struct spillmap){ .size = size };
	TAILQ_INIT(&map->extents);
}

void
spillmap_clear(struct spillmap *map)
{
	while (!TAILQ_EMPTY(&map->extents))
		spillmap_drop(map);
}

int
spillmap_place(const struct spillmap *map, size_t len, uint64_t *offset)
{
	const struct extent *oldest = TAILQ_FIRST(&map->extents);

	*offset = map->head;
	if (oldest == NULL) {
		*offset = 0;
		return len <= map->size ? 0 : -1;
	}
	if (map->head <= oldest->offset)
		return map->head + len <= oldest->offset ? 0 : -1;
	if (map->head + len <= map->size)
		return 0;
	*offset = 0;
	return len <= oldest->offset ? 0 : -1;
}

/* What is used again need not be given back. */
static void
hole_reuse(struct spillmap *map, uint64_t offset, uint64_t len)
{
	uint64_t end = map->hole + map->hole_len;

	if (offset + len <= map->hole || offset >= end)
		return;
	map->hole_len = offset + len < end ? end - (offset + len) : 0;
	map->hole = offset + len;
}

static void
hole_grow(struct spillmap *map, uint64_t offset, uint64_t len)
{
	if (map->hole_len > 0 && map->hole + map->hole_len == offset) {
		map->hole_len += len;
		return;
	}
	/* Two are not remembered; the larger is worth more. */
	if (len < map->hole_len)
		return;
	map->hole = offset;
	map->hole_len = len;
}

void
spillmap_add(struct spillmap *map, struct extent *extent)
{
	hole_reuse(map, extent->offset, extent->len);
	map->head = extent->offset + extent->len;
	map->used += extent->len;
	map->dirty = true;
	TAILQ_INSERT_TAIL(&map->extents, extent, entry);
}

void
spillmap_undo(struct spillmap *map)
{
	struct extent *newest = TAILQ_LAST(&map->extents, extents), *before;

	before = TAILQ_PREV(newest, extents, entry);
	map->head = before != NULL ? before->offset + before->len : 0;
	map->used -= newest->len;
	TAILQ_REMOVE(&map->extents, newest, entry);
	free(newest);
}

void
spillmap_drop(struct spillmap *map)
{
	struct extent *oldest = TAILQ_FIRST(&map->extents);

	hole_grow(map, oldest->offset, oldest->len);
	map->used -= oldest->len;
	TAILQ_REMOVE(&map->extents, oldest, entry);
	free(oldest);
}

void
spillmap_shrink(struct spillmap *map)
{
	const struct extent *extent;

	map->size = 0;
	TAILQ_FOREACH(extent, &map->extents, entry)
		if (extent->offset + extent->len > map->size)
			map->size = extent->offset + extent->len;
}

void
spillmap_resize(struct spillmap *map, uint64_t size)
{
	map->size = size;
}

int
spillmap_hole(struct spillmap *map, uint64_t *offset, uint64_t *len)
{
	if (TAILQ_EMPTY(&map->extents)) {
		*offset = map->head = map->hole_len = 0;
		*len = UINT64_MAX;
		if (!map->dirty)
			return -1;
		map->dirty = false;
		return 0;
	}
	if (map->hole_len < SPILLMAP_HOLE_MIN)
		return -1;
	*offset = map->hole;
	*len = map->hole_len;
	map->hole_len = 0;
	return 0;
}

struct extent *
spillmap_find(const struct spillmap *map, uint64_t seq)
{
	struct extent *extent;

	TAILQ_FOREACH(extent, &map->extents, entry) {
		if (!extent->written)
			break;
		if (extent->last >= seq)
			return extent;
	}
	return NULL;
}

uint64_t
spillmap_last(const struct spillmap *map)
{
	const struct extent *newest = TAILQ_LAST(&map->extents, extents);

	if (newest != NULL && !newest->written)
		newest = TAILQ_PREV(newest, extents, entry);
	return newest != NULL ? newest->last : 0;
}
