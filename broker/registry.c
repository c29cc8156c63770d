/* SPDX-License-Identifier: ISC */
/* The life of sessions: records, and the rules over them; pure. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/registry_private.h"
#include "common/clock.h"

_Static_assert(sizeof(struct registry_record) == 160,
    "a record has no holes: its checksum covers every byte");
_Static_assert(SLOT_NONE == REGISTRY_NO_SLOT, "the indexes' answer is ours");

/* FNV-1a over all that stands before the checksum. */
static uint32_t
record_checksum(const struct registry_record *record)
{
	const uint8_t *p = (const uint8_t *)record;
	uint32_t sum = 2166136261U;
	size_t i;

	for (i = 0; i < offsetof(struct registry_record, checksum); i++)
		sum = (sum ^ p[i]) * 16777619U;
	return sum;
}

int
registry_record_valid(const struct registry_record *record)
{
	return record->version == REGISTRY_RECORD_VERSION &&
	    record->state < REGISTRY_STATE_COUNT &&
	    record->runner < REGISTRY_RUNNER_COUNT &&
	    record->reason < REGISTRY_REASON_COUNT &&
	    record->checksum == record_checksum(record);
}

/* The key is secret, so nobody can choose nonces that share a chain. */
uint64_t
registry_hash(const struct registry *reg, const struct ident *id)
{
	uint64_t words[2], hash = reg->config.hash_key;
	size_t i;

	memcpy(words, id->bytes, sizeof(words));
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		hash = (hash ^ words[i]) * 0x9e3779b97f4a7c15U;
		hash ^= hash >> 32;
	}
	return hash;
}

static int
registry_allocate(struct registry *reg)
{
	reg->records = calloc(reg->capacity, sizeof(*reg->records));
	reg->free_slots = calloc(reg->capacity, sizeof(*reg->free_slots));
	reg->tombstones = calloc((size_t)reg->config.tombstones_max + 1,
	    sizeof(*reg->tombstones));
	if (reg->records == NULL || reg->free_slots == NULL ||
	    reg->tombstones == NULL)
		return -1;
	if (slotmap_init(&reg->by_id, reg->capacity) == -1 ||
	    slotmap_init(&reg->by_nonce, reg->capacity) == -1 ||
	    slotheap_init(&reg->by_deadline, reg->capacity) == -1)
		return -1;
	return 0;
}

struct registry *
registry_make(const struct registry_config *config, uint32_t capacity)
{
	struct registry *reg;

	if ((reg = calloc(1, sizeof(*reg))) == NULL)
		return NULL;
	reg->config = *config;
	reg->capacity = capacity;
	if (registry_allocate(reg) == -1) {
		registry_free(reg);
		errno = ENOMEM;
		return NULL;
	}
	return reg;
}

struct registry *
registry_new(const struct registry_config *config)
{
	struct registry *reg;
	uint32_t capacity;

	if (config->sessions_max == 0 ||
	    config->sessions_max > UINT32_MAX / 4 ||
	    config->tombstones_max > UINT32_MAX / 4) {
		errno = EINVAL;
		return NULL;
	}
	capacity = config->sessions_max + config->tombstones_max;
	if (config->memory != NULL &&
	    registry_memory_slots(config->memory_size) > capacity)
		capacity = registry_memory_slots(config->memory_size);
	reg = registry_make(config, capacity);
	if (reg != NULL && config->memory != NULL &&
	    registry_memory_begin(reg) == -1) {
		registry_free(reg);
		errno = EINVAL;
		return NULL;
	}
	return reg;
}

void
registry_free(struct registry *reg)
{
	if (reg == NULL)
		return;
	slotmap_clear(&reg->by_id);
	slotmap_clear(&reg->by_nonce);
	slotheap_clear(&reg->by_deadline);
	free(reg->records);
	free(reg->free_slots);
	free(reg->tombstones);
	free(reg);
}

const struct registry_record *
registry_get(const struct registry *reg, uint32_t slot)
{
	if (slot >= reg->used ||
	    reg->records[slot].state == REGISTRY_STATE_FREE)
		return NULL;
	return &reg->records[slot];
}

uint32_t
registry_count(const struct registry *reg)
{
	return reg->live;
}

uint32_t
registry_capacity(const struct registry *reg)
{
	return reg->capacity;
}

uint32_t
registry_slots(const struct registry *reg)
{
	return reg->used;
}

uint32_t
registry_find(const struct registry *reg, const struct ident *id)
{
	uint32_t slot = slotmap_first(&reg->by_id, registry_hash(reg, id));

	while (slot != SLOT_NONE && !ident_equal(&reg->records[slot].id, id))
		slot = slotmap_next(&reg->by_id, slot);
	return slot;
}

static uint32_t
find_nonce(const struct registry *reg, const struct registry_claim *claim)
{
	const struct registry_record *record;
	uint32_t slot;

	if (ident_is_nil(&claim->nonce))
		return REGISTRY_NO_SLOT;
	slot = slotmap_first(&reg->by_nonce, registry_hash(reg, &claim->nonce));
	while (slot != SLOT_NONE) {
		record = &reg->records[slot];
		if (record->principal == claim->principal &&
		    ident_equal(&record->nonce, &claim->nonce))
			break;
		slot = slotmap_next(&reg->by_nonce, slot);
	}
	return slot;
}

/* Every change of a record ends here. */
void
registry_seal(struct registry *reg, uint32_t slot)
{
	struct registry_record *record = &reg->records[slot];

	record->version = REGISTRY_RECORD_VERSION;
	record->sequence++;
	record->checksum = record_checksum(record);
	registry_memory_write(reg, slot);
}

/* Take the step that the table allows, or none. */
static int
record_step(struct registry_record *record, enum registry_event event,
    uint64_t now_ms)
{
	enum registry_state next = registry_next_state(record->state, event);

	if (next == REGISTRY_STATE_COUNT)
		return -1;
	if (record->state != next)
		record->since_ms = now_ms;
	record->state = (uint8_t)next;
	return 0;
}

static void
set_deadline(struct registry *reg, uint32_t slot, uint64_t deadline_ms)
{
	reg->records[slot].deadline_ms = deadline_ms;
	/* Tombstones wait in their ring. */
	if (reg->records[slot].state == REGISTRY_STATE_TOMBSTONE)
		deadline_ms = REGISTRY_NEVER;
	slotheap_set(&reg->by_deadline, slot, deadline_ms);
}

static void
set_nonce(struct registry *reg, uint32_t slot, const struct ident *nonce)
{
	struct registry_record *record = &reg->records[slot];

	if (!ident_is_nil(&record->nonce))
		slotmap_remove(&reg->by_nonce, registry_hash(reg, &record->nonce),
		    slot);
	record->nonce = *nonce;
	if (!ident_is_nil(nonce))
		slotmap_add(&reg->by_nonce, registry_hash(reg, nonce), slot);
}

static uint32_t
slot_take(struct registry *reg)
{
	reg->live++;
	if (reg->free_count > 0)
		return reg->free_slots[--reg->free_count];
	registry_memory_clear(reg, reg->used);
	return reg->used++;
}

static void
slot_give_back(struct registry *reg, uint32_t slot)
{
	static const struct ident nil;
	struct registry_record *record = &reg->records[slot];
	uint64_t sequence = record->sequence;

	set_nonce(reg, slot, &nil);
	slotmap_remove(&reg->by_id, registry_hash(reg, &record->id), slot);
	/* The sequence goes on, so that a slot's old content stays older. */
	memset(record, 0, sizeof(*record));
	record->sequence = sequence;
	registry_seal(reg, slot);
	reg->free_slots[reg->free_count++] = slot;
}

void
registry_forget_oldest(struct registry *reg)
{
	uint32_t slot = reg->tombstones[reg->tombstone_first];

	reg->tombstone_first = (reg->tombstone_first + 1) %
	    (reg->config.tombstones_max + 1);
	reg->tombstone_count--;
	slot_give_back(reg, slot);
}

/* Give the session, already in its new state, to the claim. */
static void
hand_to(struct registry *reg, uint32_t slot,
    const struct registry_claim *claim)
{
	struct registry_record *record = &reg->records[slot];

	record->generation++;
	record->gateway = claim->gateway;
	record->handle = claim->handle;
	record->flags &= (uint8_t)~REGISTRY_LOSS;
	record->facts.gateway_end = record->facts.data_end = 0;
	if (claim->ttl_ms != 0)
		record->ttl_ms = claim->ttl_ms;
	set_nonce(reg, slot, &claim->nonce);
	set_deadline(reg, slot, REGISTRY_NEVER);
	registry_seal(reg, slot);
}

static void
leave_holder(struct registry_record *record)
{
	record->gateway = 0;
	record->handle = 0;
}

static enum registry_verdict
attach_again(struct registry *reg, uint32_t slot,
    const struct registry_claim *claim, enum registry_event event,
    uint64_t now_ms)
{
	struct registry_record *record = &reg->records[slot];

	/* Too late is too late, whether or not the timer has fired. */
	if (record->state == REGISTRY_STATE_DETACHED &&
	    now_ms >= record->deadline_ms)
		return REGISTRY_UNKNOWN;
	if (record_step(record, event, now_ms) == -1)
		return REGISTRY_UNKNOWN;
	hand_to(reg, slot, claim);
	return event == REGISTRY_EVENT_REPEAT ? REGISTRY_REPEATED :
						REGISTRY_DONE;
}

enum registry_verdict
registry_attach(struct registry *reg, const struct registry_claim *claim,
    const struct ident *id, uint64_t now_ms, uint32_t *slot)
{
	struct registry_record *record;

	*slot = find_nonce(reg, claim);
	if (*slot != REGISTRY_NO_SLOT)
		return attach_again(reg, *slot, claim, REGISTRY_EVENT_REPEAT,
		    now_ms);
	if (reg->live >= reg->config.sessions_max)
		return REGISTRY_FULL;
	*slot = slot_take(reg);
	record = &reg->records[*slot];
	record_step(record, REGISTRY_EVENT_NEW, now_ms);
	record->id = *id;
	record->principal = claim->principal;
	slotmap_add(&reg->by_id, registry_hash(reg, id), *slot);
	hand_to(reg, *slot, claim);
	return REGISTRY_DONE;
}

enum registry_verdict
registry_resume(struct registry *reg, const struct registry_claim *claim,
    const struct ident *id, uint64_t now_ms, uint32_t *slot)
{
	struct registry_record *record;

	*slot = registry_find(reg, id);
	if (*slot == REGISTRY_NO_SLOT)
		return REGISTRY_UNKNOWN;
	record = &reg->records[*slot];
	if (record->principal != claim->principal) {
		*slot = REGISTRY_NO_SLOT;
		return REGISTRY_UNKNOWN;
	}
	if (find_nonce(reg, claim) == *slot)
		return attach_again(reg, *slot, claim, REGISTRY_EVENT_REPEAT,
		    now_ms);
	if (record->state == REGISTRY_STATE_ATTACHED)
		return REGISTRY_ATTACHED_ELSEWHERE;
	return attach_again(reg, *slot, claim, REGISTRY_EVENT_RESUME, now_ms);
}

enum registry_verdict
registry_detach(struct registry *reg, uint32_t slot, uint64_t generation,
    uint64_t now_ms)
{
	struct registry_record *record;

	if (registry_get(reg, slot) == NULL)
		return REGISTRY_STALE;
	record = &reg->records[slot];
	if (record->generation != generation ||
	    record_step(record, REGISTRY_EVENT_DETACH, now_ms) == -1)
		return REGISTRY_STALE;
	leave_holder(record);
	set_deadline(reg, slot, clock_add(now_ms, record->ttl_ms));
	registry_seal(reg, slot);
	return REGISTRY_DONE;
}

enum registry_verdict
registry_rehome(struct registry *reg, uint32_t slot, uint64_t generation,
    uint32_t gateway, uint64_t handle)
{
	struct registry_record *record;

	if (registry_get(reg, slot) == NULL)
		return REGISTRY_STALE;
	record = &reg->records[slot];
	if (record->state != REGISTRY_STATE_ATTACHED ||
	    record->generation != generation)
		return REGISTRY_STALE;
	record->gateway = gateway;
	record->handle = handle;
	registry_seal(reg, slot);
	return REGISTRY_DONE;
}

void
registry_prolong(struct registry *reg, uint32_t slot, uint64_t until_ms)
{
	struct registry_record *record = &reg->records[slot];

	if (registry_get(reg, slot) == NULL ||
	    record->state != REGISTRY_STATE_DETACHED ||
	    record->deadline_ms >= until_ms)
		return;
	set_deadline(reg, slot, until_ms);
	registry_seal(reg, slot);
}

void
registry_gateway_lost(struct registry *reg, uint32_t slot, uint64_t ttl_ms)
{
	struct registry_record *record = &reg->records[slot];

	if (registry_get(reg, slot) == NULL ||
	    record->state != REGISTRY_STATE_DETACHED)
		return;
	record->flags |= REGISTRY_LOSS;
	if (record->deadline_ms < clock_add(record->since_ms, ttl_ms))
		set_deadline(reg, slot, clock_add(record->since_ms, ttl_ms));
	registry_seal(reg, slot);
}

void
registry_describe(struct registry *reg, uint32_t slot,
    const struct registry_facts *facts)
{
	if (registry_get(reg, slot) == NULL)
		return;
	reg->records[slot].facts = *facts;
	registry_seal(reg, slot);
}

uint32_t
registry_held_by(const struct registry *reg, uint32_t gateway, uint32_t from)
{
	uint32_t slot;

	for (slot = from; slot < reg->used; slot++)
		if (reg->records[slot].state == REGISTRY_STATE_ATTACHED &&
		    reg->records[slot].gateway == gateway)
			return slot;
	return REGISTRY_NO_SLOT;
}

static enum registry_verdict
begin_end(struct registry *reg, uint32_t slot, enum registry_event event,
    enum registry_reason reason, uint64_t now_ms, uint64_t grace_ms)
{
	struct registry_record *record = &reg->records[slot];

	if (record_step(record, event, now_ms) == -1)
		return REGISTRY_ILLEGAL;
	if (record->reason == REGISTRY_REASON_NONE)
		record->reason = (uint8_t)reason;
	leave_holder(record);
	/* Never this very moment: registry_expire() would not come to rest. */
	set_deadline(reg, slot, clock_add(now_ms, grace_ms + (grace_ms == 0)));
	registry_seal(reg, slot);
	return REGISTRY_DONE;
}

enum registry_verdict
registry_end(struct registry *reg, uint32_t slot, enum registry_reason reason,
    uint64_t now_ms, uint64_t grace_ms)
{
	if (registry_get(reg, slot) == NULL)
		return REGISTRY_ILLEGAL;
	return begin_end(reg, slot, REGISTRY_EVENT_END, reason, now_ms,
	    grace_ms);
}

enum registry_verdict
registry_explain(struct registry *reg, uint32_t slot,
    enum registry_reason reason, uint32_t detail)
{
	struct registry_record *record;

	if (registry_get(reg, slot) == NULL)
		return REGISTRY_ILLEGAL;
	record = &reg->records[slot];
	if (record->state != REGISTRY_STATE_ENDING || (record->reason !=
	    reason && record->reason != registry_reason_general(reason)))
		return REGISTRY_ILLEGAL;
	record->reason = (uint8_t)reason;
	record->detail = detail;
	registry_seal(reg, slot);
	return REGISTRY_DONE;
}

enum registry_verdict
registry_ended(struct registry *reg, uint32_t slot, uint64_t now_ms,
    uint64_t wall_ms)
{
	struct registry_record *record;
	uint32_t places = reg->config.tombstones_max + 1;

	if (registry_get(reg, slot) == NULL)
		return REGISTRY_ILLEGAL;
	record = &reg->records[slot];
	if (record_step(record, REGISTRY_EVENT_ENDED, now_ms) == -1)
		return REGISTRY_ILLEGAL;
	record->ended_wall_ms = wall_ms;
	set_deadline(reg, slot, clock_add(now_ms, reg->config.tombstone_ms));
	registry_seal(reg, slot);
	reg->live--;
	/* The ring has one place more than tombstones are kept. */
	reg->tombstones[(reg->tombstone_first + reg->tombstone_count) %
	    places] = slot;
	if (++reg->tombstone_count == places)
		registry_forget_oldest(reg);
	return REGISTRY_DONE;
}

enum registry_verdict
registry_runner(struct registry *reg, uint32_t slot,
    enum registry_runner_event event)
{
	struct registry_record *record;
	enum registry_runner next;

	if (registry_get(reg, slot) == NULL)
		return REGISTRY_ILLEGAL;
	record = &reg->records[slot];
	next = registry_next_runner(record->runner, event);
	if (next == REGISTRY_RUNNER_COUNT ||
	    record->state == REGISTRY_STATE_TOMBSTONE)
		return REGISTRY_ILLEGAL;
	record->runner = (uint8_t)next;
	registry_seal(reg, slot);
	return REGISTRY_DONE;
}

static uint64_t
oldest_tombstone_deadline(const struct registry *reg)
{
	if (reg->tombstone_count == 0)
		return REGISTRY_NEVER;
	return reg->records[reg->tombstones[reg->tombstone_first]].deadline_ms;
}

uint64_t
registry_next_deadline(const struct registry *reg)
{
	uint64_t deadline, tombstone = oldest_tombstone_deadline(reg);

	slotheap_first(&reg->by_deadline, &deadline);
	return deadline < tombstone ? deadline : tombstone;
}

enum registry_state
registry_expire(struct registry *reg, uint64_t now_ms, uint64_t grace_ms,
    uint32_t *slot)
{
	enum registry_state was;
	uint64_t deadline;

	*slot = slotheap_first(&reg->by_deadline, &deadline);
	if (*slot != SLOT_NONE && deadline <= now_ms) {
		was = reg->records[*slot].state;
		begin_end(reg, *slot, REGISTRY_EVENT_EXPIRE,
		    REGISTRY_REASON_EXPIRED, now_ms, grace_ms);
		return was;
	}
	*slot = REGISTRY_NO_SLOT;
	if (oldest_tombstone_deadline(reg) > now_ms)
		return REGISTRY_STATE_FREE;
	registry_forget_oldest(reg);
	return REGISTRY_STATE_TOMBSTONE;
}
