/* SPDX-License-Identifier: ISC */
/* What the files of registry.h share. */
#ifndef BROKER_REGISTRY_PRIVATE_H
#define BROKER_REGISTRY_PRIVATE_H

#include "broker/registry.h"
#include "broker/slotindex.h"

struct registry {
	struct registry_config config;
	struct registry_record *records;
	uint32_t capacity;
	uint32_t used;		/* slots that have ever been taken */
	uint32_t live;
	uint32_t *free_slots;	/* a stack of those given back */
	uint32_t free_count;
	/* A ring: tombstones live equally long, so they go in order. */
	uint32_t *tombstones;
	uint32_t tombstone_first;
	uint32_t tombstone_count;
	struct slotmap by_id;
	struct slotmap by_nonce;
	struct slotheap by_deadline;
};

/* registry.c */

/* Without any record, and nothing said to the memory. */
struct registry *registry_make(const struct registry_config *config,
    uint32_t capacity);
uint64_t registry_hash(const struct registry *reg, const struct ident *id);

/* The slot's record has changed. */
void registry_seal(struct registry *reg, uint32_t slot);

/* Forget the oldest tombstone; there is one. */
void registry_forget_oldest(struct registry *reg);

/* registry_memory.c: the copies; nothing is done without memory. */

/* For how many slots so many bytes are enough. */
uint32_t registry_memory_slots(size_t size);

/* 0, or -1 when the memory is too small. */
int registry_memory_begin(struct registry *reg);
void registry_memory_write(struct registry *reg, uint32_t slot);

/* Nothing that was there before can be taken for something newer. */
void registry_memory_clear(struct registry *reg, uint32_t slot);

#endif
