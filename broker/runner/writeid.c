/* SPDX-License-Identifier: ISC */
/*
 * A ring of hashes and an open-addressed index over it.  Ids are kept as 64
 * bits: that two of the last few thousand agree by accident is less likely
 * than a memory error.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/runner/writeid.h"

#define ROOM_MIN 16

void
writeid_clear(struct writeid *set)
{
	free(set->ring);
	free(set->slots);
	memset(set, 0, sizeof(*set));
}

/* FNV-1a, with the avalanche of MurmurHash3 behind it for the low bits. */
static uint64_t
writeid_hash(const uint8_t *id, size_t len)
{
	uint64_t hash = 0xcbf29ce484222325;

	while (len-- > 0)
		hash = (hash ^ *id++) * 0x100000001b3;
	hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccd;
	hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53;
	return hash ^ (hash >> 33);
}

static size_t
slot_mask(const struct writeid *set)
{
	return set->room * 2 - 1;
}

/* The slot that holds "hash", or the free one where it belongs. */
static size_t
slot_find(const struct writeid *set, uint64_t hash)
{
	size_t slot = (size_t)hash & slot_mask(set);

	while (set->slots[slot] != 0 &&
	    set->ring[set->slots[slot] - 1] != hash)
		slot = (slot + 1) & slot_mask(set);
	return slot;
}

/*
 * Free a slot, and move up what stands behind it, so that no search ends
 * before it has reached what it looks for.
 */
static void
slot_free(struct writeid *set, size_t slot)
{
	size_t home, next = slot, mask = slot_mask(set);

	for (;;) {
		set->slots[slot] = 0;
		do {
			next = (next + 1) & mask;
			if (set->slots[next] == 0)
				return;
			home = (size_t)set->ring[set->slots[next] - 1] & mask;
		} while (((next - home) & mask) < ((next - slot) & mask));
		set->slots[slot] = set->slots[next];
		slot = next;
	}
}

static int
writeid_grow(struct writeid *set)
{
	struct writeid larger = { 0 };
	size_t i;

	larger.room = set->room > 0 ? set->room * 2 : ROOM_MIN;
	larger.ring = calloc(larger.room, sizeof(*larger.ring));
	larger.slots = calloc(larger.room * 2, sizeof(*larger.slots));
	if (larger.ring == NULL || larger.slots == NULL) {
		writeid_clear(&larger);
		errno = ENOMEM;
		return -1;
	}
	/* Growing comes before the first wrap, so the ring is in order. */
	for (i = 0; i < set->count; i++) {
		larger.ring[i] = set->ring[i];
		larger.slots[slot_find(&larger, set->ring[i])] =
		    (uint16_t)(i + 1);
	}
	larger.count = set->count;
	writeid_clear(set);
	*set = larger;
	return 0;
}

int
writeid_has(const struct writeid *set, const void *id, size_t len)
{
	return set->room > 0 &&
	    set->slots[slot_find(set, writeid_hash(id, len))] != 0;
}

int
writeid_add(struct writeid *set, const void *id, size_t len)
{
	uint64_t hash = writeid_hash(id, len);
	size_t place;

	if (set->room > 0 && set->slots[slot_find(set, hash)] != 0)
		return 0;
	if (set->count == set->room && set->room < WRITEID_MAX &&
	    writeid_grow(set) == -1)
		return -1;
	if (set->count == set->room) {
		slot_free(set, slot_find(set, set->ring[set->first]));
		set->first = (set->first + 1) % set->room;
		set->count--;
	}
	place = (set->first + set->count) % set->room;
	set->ring[place] = hash;
	set->slots[slot_find(set, hash)] = (uint16_t)(place + 1);
	set->count++;
	return 1;
}
