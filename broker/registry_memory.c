/* SPDX-License-Identifier: ISC */
/*
 * The copies of records that outlive the process, and their adoption, which
 * believes nothing that it has not looked at.
 */
#include "config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "broker/registry_private.h"

/* Which of the two was written last, its sequence tells. */
#define COPIES 2

static const char MAGIC[8] = "holdfreg";

struct head {
	char magic[8];
	uint32_t version;	/* of the records */
	uint32_t record_size;	/* bytes */
	uint32_t capacity;	/* slots */
	uint32_t checksum;	/* of all else here */
	char label[REGISTRY_LABEL_SIZE];
};
#define HEAD_SIZE 128

_Static_assert(sizeof(struct head) <= HEAD_SIZE, "the records come behind");

static uint32_t
head_checksum(const struct head *head)
{
	struct head copy = *head;
	const uint8_t *p = (const uint8_t *)&copy;
	uint32_t sum = 2166136261U;
	size_t i;

	copy.checksum = 0;
	for (i = 0; i < sizeof(copy); i++)
		sum = (sum ^ p[i]) * 16777619U;
	return sum;
}

static size_t
size_for(uint64_t capacity)
{
	return HEAD_SIZE + capacity * COPIES * sizeof(struct registry_record);
}

size_t
registry_memory_size(uint32_t sessions_max, uint32_t tombstones_max)
{
	if (sessions_max > UINT32_MAX / 4 || tombstones_max > UINT32_MAX / 4)
		return 0;
	return size_for((uint64_t)sessions_max + tombstones_max);
}

uint32_t
registry_memory_slots(size_t size)
{
	size_t slots = size < HEAD_SIZE ? 0 : (size - HEAD_SIZE) /
	    (COPIES * sizeof(struct registry_record));

	return slots > UINT32_MAX / 4 ? UINT32_MAX / 4 : (uint32_t)slots;
}

static struct registry_record *
copies_of(const struct registry *reg, uint32_t slot)
{
	return (struct registry_record *)(void *)
	    ((uint8_t *)reg->config.memory + HEAD_SIZE) +
	    (size_t)slot * COPIES;
}

int
registry_memory_begin(struct registry *reg)
{
	struct head head = {
		.version = REGISTRY_RECORD_VERSION,
		.record_size = sizeof(struct registry_record),
		.capacity = reg->capacity,
	};

	if (reg->config.memory_size < size_for(reg->capacity))
		return -1;
	memcpy(head.magic, MAGIC, sizeof(MAGIC));
	memcpy(head.label, reg->config.label, sizeof(head.label));
	head.checksum = head_checksum(&head);
	memcpy(reg->config.memory, &head, sizeof(head));
	return 0;
}

void
registry_memory_write(struct registry *reg, uint32_t slot)
{
	const struct registry_record *record = &reg->records[slot];

	if (reg->config.memory != NULL)
		memcpy(&copies_of(reg, slot)[record->sequence % COPIES],
		    record, sizeof(*record));
}

void
registry_memory_clear(struct registry *reg, uint32_t slot)
{
	if (reg->config.memory != NULL)
		memset(copies_of(reg, slot), 0,
		    COPIES * sizeof(struct registry_record));
}

/* The state is one that is brought about here, and its members belong to it. */
static bool
is_possible(const struct registry_record *record)
{
	bool ends = record->state == REGISTRY_STATE_ENDING ||
	    record->state == REGISTRY_STATE_TOMBSTONE;

	if (record->state == REGISTRY_STATE_FREE)
		return ident_is_nil(&record->id);
	if (ident_is_nil(&record->id) || record->generation == 0 ||
	    (record->state == REGISTRY_STATE_ATTACHED) !=
	    (record->gateway != 0) ||
	    ends != (record->reason != REGISTRY_REASON_NONE))
		return false;
	if (record->runner == REGISTRY_RUNNER_NONE && record->facts.given != 0)
		return false;
	return record->runner != REGISTRY_RUNNER_RUNNING ||
	    (record->facts.pid != 0 && record->facts.control != 0);
}

/* What the copies of a slot are found to be. */
enum judgement { GOOD, TORN, IMPOSSIBLE, UNUSED };

/* Take the newer of the slot's copies that is whole into its record. */
static enum judgement
judge(struct registry *reg, uint32_t slot)
{
	static const struct registry_record nothing;
	const struct registry_record *copies = copies_of(reg, slot);
	struct registry_record copy, *record = &reg->records[slot];
	bool found = false;
	uint32_t i, blank = 0;

	for (i = 0; i < COPIES; i++) {
		/* Nobody else should write there; but nothing is read twice. */
		memcpy(&copy, &copies[i], sizeof(copy));
		if (memcmp(&copy, &nothing, sizeof(copy)) == 0)
			blank++;
		if (!registry_record_valid(&copy) ||
		    copy.sequence % COPIES != i ||
		    (found && copy.sequence < record->sequence))
			continue;
		*record = copy;
		found = true;
	}
	if (blank == COPIES)
		return UNUSED;
	if (!found)
		return TORN;
	return is_possible(record) ? GOOD : IMPOSSIBLE;
}

/* What the slot had counts no more: what is free is newer than that. */
static void
drop(struct registry *reg, uint32_t slot)
{
	struct registry_record *record = &reg->records[slot];
	uint64_t sequence = record->sequence;

	memset(record, 0, sizeof(*record));
	record->sequence = sequence;
	registry_seal(reg, slot);
	reg->free_slots[reg->free_count++] = slot;
}

static bool
nonce_is_taken(const struct registry *reg,
    const struct registry_record *record)
{
	const struct registry_record *other;
	uint32_t slot;

	slot = slotmap_first(&reg->by_nonce, registry_hash(reg,
	    &record->nonce));
	for (; slot != SLOT_NONE; slot = slotmap_next(&reg->by_nonce, slot)) {
		other = &reg->records[slot];
		if (other->principal == record->principal &&
		    ident_equal(&other->nonce, &record->nonce))
			return true;
	}
	return false;
}

static void
take(struct registry *reg, uint32_t slot, struct registry_adoption *adoption)
{
	struct registry_record *record = &reg->records[slot];

	slotmap_add(&reg->by_id, registry_hash(reg, &record->id), slot);
	if (!ident_is_nil(&record->nonce) && nonce_is_taken(reg, record)) {
		adoption->nonces++;
		memset(&record->nonce, 0, sizeof(record->nonce));
		registry_seal(reg, slot);
	}
	if (!ident_is_nil(&record->nonce))
		slotmap_add(&reg->by_nonce, registry_hash(reg,
		    &record->nonce), slot);
	if (record->gateway > adoption->last_gateway)
		adoption->last_gateway = record->gateway;
	if (record->state == REGISTRY_STATE_TOMBSTONE) {
		adoption->tombstones++;
		return;
	}
	slotheap_set(&reg->by_deadline, slot, record->deadline_ms);
	adoption->live++;
	reg->live++;
}

static void
adopt_slot(struct registry *reg, uint32_t slot, enum judgement judgement,
    struct registry_adoption *adoption)
{
	const struct registry_record *record = &reg->records[slot];

	if (judgement == GOOD && record->state == REGISTRY_STATE_FREE) {
		reg->free_slots[reg->free_count++] = slot;
	} else if (judgement == GOOD && registry_find(reg, &record->id) !=
	    REGISTRY_NO_SLOT) {
		adoption->doubles++;
		drop(reg, slot);
	} else if (judgement == GOOD) {
		take(reg, slot, adoption);
	} else {
		if (judgement == TORN)
			adoption->torn++;
		else
			adoption->impossible++;
		drop(reg, slot);
	}
}

struct age {
	uint64_t deadline_ms;
	uint32_t slot;
};

static int
compare_ages(const void *a, const void *b)
{
	const struct age *one = a, *two = b;

	return one->deadline_ms < two->deadline_ms ? -1 :
	    one->deadline_ms > two->deadline_ms;
}

/* In their ring again, the oldest first; what it has no room for goes. */
static int
gather_tombstones(struct registry *reg, struct registry_adoption *adoption)
{
	struct age *ages = calloc((size_t)adoption->tombstones + 1,
	    sizeof(*ages));
	uint32_t slot, count = 0, i;

	if (ages == NULL)
		return -1;
	for (slot = 0; slot < reg->used; slot++)
		if (reg->records[slot].state == REGISTRY_STATE_TOMBSTONE)
			ages[count++] = (struct age){
				reg->records[slot].deadline_ms, slot };
	qsort(ages, count, sizeof(*ages), compare_ages);
	for (i = 0; i < count; i++) {
		reg->tombstones[reg->tombstone_count++] = ages[i].slot;
		if (reg->tombstone_count > reg->config.tombstones_max)
			registry_forget_oldest(reg);
	}
	adoption->tombstones = reg->tombstone_count;
	free(ages);
	return 0;
}

static bool
read_head(const struct registry_config *config, struct head *head)
{
	if (config->memory == NULL || config->memory_size < HEAD_SIZE)
		return false;
	memcpy(head, config->memory, sizeof(*head));
	return memcmp(head->magic, MAGIC, sizeof(MAGIC)) == 0 &&
	    head->checksum == head_checksum(head) &&
	    head->version == REGISTRY_RECORD_VERSION &&
	    head->record_size == sizeof(struct registry_record) &&
	    head->capacity > config->tombstones_max &&
	    head->capacity <= UINT32_MAX / 4 &&
	    config->memory_size >= size_for(head->capacity) &&
	    memchr(head->label, '\0', sizeof(head->label)) != NULL;
}

struct registry *
registry_adopt(const struct registry_config *config,
    struct registry_adoption *adoption, char *label)
{
	enum judgement judgement;
	struct registry *reg;
	struct head head;

	memset(adoption, 0, sizeof(*adoption));
	if (config->tombstones_max > UINT32_MAX / 4 ||
	    !read_head(config, &head)) {
		errno = EINVAL;
		return NULL;
	}
	if ((reg = registry_make(config, head.capacity)) == NULL)
		return NULL;
	if (reg->config.sessions_max > head.capacity - config->tombstones_max)
		reg->config.sessions_max = head.capacity -
		    config->tombstones_max;
	memcpy(label, head.label, sizeof(head.label));
	/* Slots are taken in order: behind the first unused one are no others. */
	while (reg->used < reg->capacity &&
	    (judgement = judge(reg, reg->used)) != UNUSED)
		adopt_slot(reg, reg->used++, judgement, adoption);
	if (gather_tombstones(reg, adoption) == -1) {
		registry_free(reg);
		errno = ENOMEM;
		return NULL;
	}
	return reg;
}
