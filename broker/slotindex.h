/* SPDX-License-Identifier: ISC */
/*
 * Two indexes over numbered slots, of a capacity fixed at the start: one by
 * hash, one by deadline.  Neither looks at what the slots hold.
 */
#ifndef BROKER_SLOTINDEX_H
#define BROKER_SLOTINDEX_H

#include <stdint.h>

#define SLOT_NONE UINT32_MAX

/* Chains of slots under one hash.  A slot is in at most one chain. */
struct slotmap {
	uint32_t *heads;	/* slot + 1; 0 is the end, as of calloc(3) */
	uint32_t *nexts;
	uint32_t mask;
};

/* The slot with the smallest key first. */
struct slotheap {
	uint64_t *keys;		/* by slot */
	uint32_t *order;
	uint32_t *places;	/* by slot: index in order + 1; 0 is absent */
	uint32_t count;
};

/* Each 0, or -1 with errno ENOMEM and nothing held. */
int slotmap_init(struct slotmap *map, uint32_t capacity);
int slotheap_init(struct slotheap *heap, uint32_t capacity);

/* Also of one that is all zero. */
void slotmap_clear(struct slotmap *map);
void slotheap_clear(struct slotheap *heap);

/* The slot must be in no chain, or in the one under this hash. */
void slotmap_add(struct slotmap *map, uint64_t hash, uint32_t slot);
void slotmap_remove(struct slotmap *map, uint64_t hash, uint32_t slot);

/*
 * Walk the slots which may have this hash (the caller compares), until
 * SLOT_NONE.
 */
uint32_t slotmap_first(const struct slotmap *map, uint64_t hash);
uint32_t slotmap_next(const struct slotmap *map, uint32_t slot);

/* Insert the slot, or move it to another key; UINT64_MAX takes it out. */
void slotheap_set(struct slotheap *heap, uint32_t slot, uint64_t key);

/* The first slot and its key, or SLOT_NONE and UINT64_MAX. */
uint32_t slotheap_first(const struct slotheap *heap, uint64_t *key);

#endif
