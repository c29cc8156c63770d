/* SPDX-License-Identifier: ISC */
/* Slots by hash (chains) and by deadline (a binary heap). */
#include "config.h"

#include <stdlib.h>

#include "broker/slotindex.h"

int
slotmap_init(struct slotmap *map, uint32_t capacity)
{
	uint32_t buckets = 1;

	while (buckets < capacity && buckets < 1U << 31)
		buckets <<= 1;
	map->mask = buckets - 1;
	map->heads = calloc(buckets, sizeof(*map->heads));
	map->nexts = calloc(capacity, sizeof(*map->nexts));
	if (map->heads != NULL && map->nexts != NULL)
		return 0;
	slotmap_clear(map);
	return -1;
}

void
slotmap_clear(struct slotmap *map)
{
	free(map->heads);
	free(map->nexts);
	map->heads = map->nexts = NULL;
}

void
slotmap_add(struct slotmap *map, uint64_t hash, uint32_t slot)
{
	uint32_t *head = &map->heads[hash & map->mask];

	map->nexts[slot] = *head;
	*head = slot + 1;
}

void
slotmap_remove(struct slotmap *map, uint64_t hash, uint32_t slot)
{
	uint32_t *link = &map->heads[hash & map->mask];

	while (*link != 0 && *link != slot + 1)
		link = &map->nexts[*link - 1];
	if (*link != 0)
		*link = map->nexts[slot];
}

uint32_t
slotmap_first(const struct slotmap *map, uint64_t hash)
{
	/* 0 - 1 is SLOT_NONE. */
	return map->heads[hash & map->mask] - 1;
}

uint32_t
slotmap_next(const struct slotmap *map, uint32_t slot)
{
	return map->nexts[slot] - 1;
}

int
slotheap_init(struct slotheap *heap, uint32_t capacity)
{
	heap->count = 0;
	heap->keys = calloc(capacity, sizeof(*heap->keys));
	heap->order = calloc(capacity, sizeof(*heap->order));
	heap->places = calloc(capacity, sizeof(*heap->places));
	if (heap->keys != NULL && heap->order != NULL && heap->places != NULL)
		return 0;
	slotheap_clear(heap);
	return -1;
}

void
slotheap_clear(struct slotheap *heap)
{
	free(heap->keys);
	free(heap->order);
	free(heap->places);
	heap->keys = NULL;
	heap->order = heap->places = NULL;
	heap->count = 0;
}

static void
place(struct slotheap *heap, uint32_t at, uint32_t slot)
{
	heap->order[at] = slot;
	heap->places[slot] = at + 1;
}

static void
sift_up(struct slotheap *heap, uint32_t at, uint32_t slot)
{
	uint32_t up;

	while (at > 0) {
		up = heap->order[(at - 1) / 2];
		if (heap->keys[up] <= heap->keys[slot])
			break;
		place(heap, at, up);
		at = (at - 1) / 2;
	}
	place(heap, at, slot);
}

static void
sift_down(struct slotheap *heap, uint32_t at, uint32_t slot)
{
	uint32_t child;

	while ((child = 2 * at + 1) < heap->count) {
		if (child + 1 < heap->count &&
		    heap->keys[heap->order[child + 1]] <
		    heap->keys[heap->order[child]])
			child++;
		if (heap->keys[slot] <= heap->keys[heap->order[child]])
			break;
		place(heap, at, heap->order[child]);
		at = child;
	}
	place(heap, at, slot);
}

/* Put "slot" where there is a hole. */
static void
settle(struct slotheap *heap, uint32_t hole, uint32_t slot)
{
	sift_up(heap, hole, slot);
	sift_down(heap, heap->places[slot] - 1, slot);
}

static void
take_out(struct slotheap *heap, uint32_t slot)
{
	uint32_t hole = heap->places[slot] - 1;
	uint32_t last = heap->order[--heap->count];

	heap->places[slot] = 0;
	if (last != slot)
		settle(heap, hole, last);
}

void
slotheap_set(struct slotheap *heap, uint32_t slot, uint64_t key)
{
	uint32_t hole;

	if (key == UINT64_MAX) {
		if (heap->places[slot] != 0)
			take_out(heap, slot);
		return;
	}
	hole = heap->places[slot] != 0 ? heap->places[slot] - 1 : heap->count++;
	heap->keys[slot] = key;
	settle(heap, hole, slot);
}

uint32_t
slotheap_first(const struct slotheap *heap, uint64_t *key)
{
	if (heap->count == 0) {
		*key = UINT64_MAX;
		return SLOT_NONE;
	}
	*key = heap->keys[heap->order[0]];
	return heap->order[0];
}
