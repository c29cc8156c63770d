/* SPDX-License-Identifier: ISC */
/* The admitted connections of one gateway. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "broker/connset.h"
#include "common/ident.h"

/*
 * The keys are secret, so that no gateway can choose handles that share a
 * chain: to walk it would hold up all that the broker serves.
 */
static uint64_t
hash_handle(const struct connset *set, uint64_t handle)
{
	size_t i;

	for (i = 0; i < sizeof(set->keys) / sizeof(set->keys[0]); i++) {
		handle ^= set->keys[i];
		handle ^= handle >> 32;
		handle *= 0x9e3779b97f4a7c15U;
		handle ^= handle >> 29;
	}
	return handle;
}

int
connset_init(struct connset *set)
{
	struct ident key;

	memset(set, 0, sizeof(*set));
	ident_make(&key);
	memcpy(set->keys, key.bytes, sizeof(set->keys));
	set->conns = calloc(CONNSET_MAX, sizeof(*set->conns));
	set->free_places = calloc(CONNSET_MAX, sizeof(*set->free_places));
	if (set->conns != NULL && set->free_places != NULL &&
	    slotmap_init(&set->by_handle, CONNSET_MAX) == 0)
		return 0;
	connset_clear(set);
	return -1;
}

void
connset_clear(struct connset *set)
{
	free(set->conns);
	free(set->free_places);
	slotmap_clear(&set->by_handle);
	memset(set, 0, sizeof(*set));
}

struct conn *
connset_find(const struct connset *set, uint64_t handle)
{
	uint32_t place = slotmap_first(&set->by_handle, hash_handle(set, handle));

	while (place != SLOT_NONE && set->conns[place].handle != handle)
		place = slotmap_next(&set->by_handle, place);
	return place == SLOT_NONE ? NULL : &set->conns[place];
}

struct conn *
connset_add(struct connset *set, uint64_t handle)
{
	struct conn *conn;
	uint32_t place;

	if (set->free_count > 0)
		place = set->free_places[--set->free_count];
	else if (set->used < CONNSET_MAX)
		place = set->used++;
	else
		return NULL;
	conn = &set->conns[place];
	memset(conn, 0, sizeof(*conn));
	conn->handle = handle;
	slotmap_add(&set->by_handle, hash_handle(set, handle), place);
	return conn;
}

struct conn *
connset_next(const struct connset *set, uint32_t *place)
{
	while (*place < set->used)
		if (set->conns[(*place)++].state != CONN_REMOVED)
			return &set->conns[*place - 1];
	return NULL;
}

void
connset_remove(struct connset *set, uint64_t handle)
{
	struct conn *conn = connset_find(set, handle);
	uint32_t place;

	if (conn == NULL)
		return;
	conn->state = CONN_REMOVED;
	place = (uint32_t)(conn - set->conns);
	slotmap_remove(&set->by_handle, hash_handle(set, handle), place);
	set->free_places[set->free_count++] = place;
}

uint32_t
connset_count(const struct connset *set)
{
	return set->used - set->free_count;
}
