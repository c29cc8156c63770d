/* SPDX-License-Identifier: ISC */
/* What one registry leaves and another adopts; and the names in the store. */
#include "config.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/fdstore.h"
#include "broker/registry.h"

#define SESSIONS 24
#define TOMBSTONES 8
#define KEEP 600000
#define RECORD sizeof(struct registry_record)

TestSuite(adoption, .timeout = 20);

static uint8_t *memory;
static size_t size;
static struct registry_adoption adoption;
static char label[REGISTRY_LABEL_SIZE];

static struct registry_config
config_of(void)
{
	struct registry_config config = {
		.sessions_max = SESSIONS,
		.tombstones_max = TOMBSTONES,
		.tombstone_ms = KEEP,
		.hash_key = 77,
		.label = "holdfast-12",
	};

	size = registry_memory_size(SESSIONS, TOMBSTONES);
	if (memory == NULL)
		memory = calloc(1, size);
	config.memory = memory;
	config.memory_size = size;
	return config;
}

static struct registry *
begin(void)
{
	struct registry_config config = config_of();
	struct registry *reg = registry_new(&config);

	cr_assert_not_null(reg);
	return reg;
}

static struct registry *
adopt(void)
{
	struct registry_config config = config_of();

	memset(config.label, 0, sizeof(config.label));
	return registry_adopt(&config, &adoption, label);
}

static uint32_t
attach_new(struct registry *reg, struct registry_claim *claim)
{
	struct ident id;
	uint32_t slot;

	ident_make(&claim->nonce);
	ident_make(&id);
	cr_assert_eq(registry_attach(reg, claim, &id, 5, &slot),
	    REGISTRY_DONE);
	return slot;
}

/* The copies of a slot, as they lie. */
static struct registry_record *
copies(uint32_t slot)
{
	return (struct registry_record *)(void *)(memory + size -
	    (size_t)(SESSIONS + TOMBSTONES - slot) * 2 * RECORD);
}

/* A session in each state, the runner in each of its. */
static void
fill(struct registry *reg)
{
	struct registry_claim claim = { .gateway = 3, .handle = 9,
		.ttl_ms = 1000, .principal = 1 };
	struct registry_facts facts = { .control = 5, .gateway_end = 6,
		.pid = 7, .uid = 8, .given = 1 };
	uint32_t slot, i;

	for (i = 0; i < SESSIONS; i++) {
		claim.gateway = 1 + i;
		slot = attach_new(reg, &claim);
		if (i % 4 > 0)
			registry_runner(reg, slot,
			    REGISTRY_RUNNER_EVENT_START);
		if (i % 4 > 0)
			registry_describe(reg, slot, &facts);
		if (i % 4 > 1)
			registry_runner(reg, slot, REGISTRY_RUNNER_EVENT_UP);
		if (i % 4 > 2)
			registry_runner(reg, slot,
			    REGISTRY_RUNNER_EVENT_LOSS);
		if (i / 4 % 4 == 1)
			registry_detach(reg, slot, 1, i);
		if (i / 4 % 4 == 1)
			registry_gateway_lost(reg, slot, 5000);
		if (i / 4 % 4 >= 2)
			registry_end(reg, slot, REGISTRY_REASON_EXPIRED, i,
			    10);
		if (i / 4 % 4 == 3)
			registry_ended(reg, slot, 100 - i, i);
	}
}

static void
expect_same(const struct registry *one, const struct registry *two)
{
	const struct registry_record *a, *b;
	uint32_t slot;

	cr_assert_eq(registry_count(one), registry_count(two));
	cr_assert_eq(registry_slots(one), registry_slots(two));
	cr_assert_eq(registry_next_deadline(one), registry_next_deadline(two));
	for (slot = 0; slot < registry_slots(one); slot++) {
		a = registry_get(one, slot);
		b = registry_get(two, slot);
		cr_assert_eq(a == NULL, b == NULL);
		if (a == NULL)
			continue;
		cr_assert_eq(memcmp(a, b, RECORD), 0, "slot %u", slot);
		cr_assert_eq(registry_find(two, &a->id), slot);
	}
}

Test(adoption, what_was_written_is_adopted)
{
	struct registry *reg = begin(), *next;
	uint32_t slot;

	fill(reg);
	next = adopt();
	cr_assert_not_null(next);
	cr_assert_str_eq(label, "holdfast-12");
	expect_same(reg, next);
	cr_assert_eq(adoption.live, registry_count(reg));
	cr_assert_eq(adoption.tombstones, 4);
	cr_assert_eq(adoption.last_gateway, 20, "of those attached");
	cr_assert_eq(adoption.torn + adoption.impossible +
	    adoption.doubles + adoption.nonces, 0);
	registry_free(reg);
	/* It goes on with all of it, and so does the next one. */
	slot = registry_held_by(next, 1, 0);
	cr_assert_neq(slot, REGISTRY_NO_SLOT);
	cr_assert_eq(registry_detach(next, slot, 1, 50), REGISTRY_DONE);
	reg = adopt();
	expect_same(next, reg);
	registry_free(reg);
	registry_free(next);
}

/* Any walk: what the copies say is what the registry is. */
Test(adoption, after_any_number_of_steps)
{
	struct registry_claim claim = { .gateway = 3, .ttl_ms = 100,
		.principal = 1 };
	struct registry *reg = begin(), *next;
	uint64_t seed = 4711, now = 1;
	uint32_t slot, what;
	struct ident id;
	int i;

	for (i = 0; i < 20000; i++) {
		seed = seed * 6364136223846793005U + 1442695040888963407U;
		slot = (uint32_t)(seed >> 33) % (SESSIONS + TOMBSTONES);
		what = (uint32_t)(seed >> 20) % 8;
		now += seed >> 60;
		ident_make(&id);
		ident_make(&claim.nonce);
		if (what == 0)
			registry_attach(reg, &claim, &id, now, &slot);
		else if (registry_get(reg, slot) == NULL)
			continue;
		else if (what == 1)
			registry_detach(reg, slot,
			    registry_get(reg, slot)->generation, now);
		else if (what == 2) {
			id = registry_get(reg, slot)->id;
			registry_resume(reg, &claim, &id, now, &slot);
		} else if (what == 3)
			registry_end(reg, slot, REGISTRY_REASON_REQUESTED,
			    now, 50);
		else if (what == 4)
			registry_ended(reg, slot, now, now);
		else if (what == 5)
			registry_runner(reg, slot,
			    REGISTRY_RUNNER_EVENT_START);
		else if (what == 6)
			registry_runner(reg, slot,
			    REGISTRY_RUNNER_EVENT_UNDO);
		else
			registry_expire(reg, now, 50, &slot);
		if (i % 500 != 0)
			continue;
		next = adopt();
		cr_assert_not_null(next);
		expect_same(reg, next);
		registry_free(reg);
		reg = next;
	}
	registry_free(reg);
}

/* Killed at any byte of a write: as it was before, or as it is after. */
Test(adoption, a_torn_record_is_as_it_was_before)
{
	struct registry_claim claim = { .gateway = 3, .ttl_ms = 100,
		.principal = 1 };
	struct registry *reg = begin(), *next;
	uint8_t *before = malloc(size), *after = malloc(size);
	uint32_t slot = attach_new(reg, &claim);
	size_t i;

	registry_detach(reg, slot, 1, 10);
	memcpy(before, memory, size);
	registry_runner(reg, slot, REGISTRY_RUNNER_EVENT_START);
	memcpy(after, memory, size);
	for (i = 0; i <= RECORD * 2; i++) {
		memcpy(memory, before, size);
		memcpy(copies(slot), after + ((uint8_t *)copies(slot) -
		    memory), i);
		next = adopt();
		cr_assert_eq(adoption.live, 1);
		cr_assert_eq(adoption.torn, 0);
		cr_assert_eq(registry_get(next, slot)->state,
		    REGISTRY_STATE_DETACHED);
		registry_free(next);
	}
	registry_free(reg);
	free(before);
	free(after);
}

static uint32_t
sum_of(const struct registry_record *record)
{
	const uint8_t *p = (const uint8_t *)record;
	uint32_t sum = 2166136261U;
	size_t i;

	for (i = 0; i < offsetof(struct registry_record, checksum); i++)
		sum = (sum ^ p[i]) * 16777619U;
	return sum;
}

/* Somebody who knows how writes the newer copy, right in all but one thing. */
static void
forge(uint32_t slot, void (*change)(struct registry_record *))
{
	struct registry_record *pair = copies(slot), *newer;

	newer = pair[0].sequence > pair[1].sequence ? &pair[0] : &pair[1];
	change(newer);
	newer->checksum = sum_of(newer);
	memset(newer == &pair[0] ? &pair[1] : &pair[0], 0x5a, RECORD);
}

static void wrong_version(struct registry_record *r) { r->version++; }
static void wrong_state(struct registry_record *r) { r->state = 77; }
static void wrong_runner(struct registry_record *r) { r->runner = 77; }
static void wrong_reason(struct registry_record *r) { r->reason = 77; }
static void wrong_copy(struct registry_record *r) { r->sequence++; }
static void no_id(struct registry_record *r) { memset(&r->id, 0, 16); }
static void no_generation(struct registry_record *r) { r->generation = 0; }
static void no_gateway(struct registry_record *r) { r->gateway = 0; }
static void ends_alive(struct registry_record *r) { r->reason = 1; }
static void given_to_none(struct registry_record *r) { r->facts.given = 1; }
static void
runs_as_nothing(struct registry_record *r)
{
	r->runner = REGISTRY_RUNNER_RUNNING;
}
static void
ending_for_nothing(struct registry_record *r)
{
	r->gateway = 0;
	r->state = REGISTRY_STATE_ENDING;
}
static void
free_with_an_id(struct registry_record *r)
{
	r->state = REGISTRY_STATE_FREE;
}

Test(adoption, each_record_is_judged_alone)
{
	static const struct {
		void (*change)(struct registry_record *);
		int torn, impossible;
	} rows[] = {
		{ wrong_version, 1, 0 }, { wrong_state, 1, 0 },
		{ wrong_runner, 1, 0 }, { wrong_reason, 1, 0 },
		{ wrong_copy, 1, 0 },
		{ no_id, 0, 1 }, { no_generation, 0, 1 },
		{ no_gateway, 0, 1 }, { ends_alive, 0, 1 },
		{ given_to_none, 0, 1 }, { runs_as_nothing, 0, 1 },
		{ ending_for_nothing, 0, 1 }, { free_with_an_id, 0, 1 },
	};
	struct registry_claim claim = { .gateway = 3, .ttl_ms = 100,
		.principal = 1 };
	struct registry *reg, *next;
	uint32_t slots[3];
	struct ident id;
	size_t i, j;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		config_of();
		memset(memory, 0, size);
		reg = begin();
		for (j = 0; j < 3; j++)
			slots[j] = attach_new(reg, &claim);
		id = registry_get(reg, slots[1])->id;
		forge(slots[1], rows[i].change);
		next = adopt();
		cr_assert_not_null(next);
		cr_expect_eq(adoption.live, 2, "row %zu", i);
		cr_expect_eq((int)adoption.torn, rows[i].torn, "row %zu", i);
		cr_expect_eq((int)adoption.impossible, rows[i].impossible,
		    "row %zu", i);
		cr_expect_eq(registry_find(next, &id), REGISTRY_NO_SLOT);
		cr_expect_null(registry_get(next, slots[1]));
		cr_expect_not_null(registry_get(next, slots[2]));
		/* The slot is free, and what was there does not come back. */
		attach_new(next, &claim);
		registry_free(next);
		next = adopt();
		cr_expect_eq(adoption.live, 3);
		cr_expect_eq(adoption.torn + adoption.impossible, 0);
		registry_free(next);
		registry_free(reg);
	}
}

static struct ident same;

static void set_id(struct registry_record *r) { r->id = same; }
static void set_nonce(struct registry_record *r) { r->nonce = same; }

Test(adoption, an_id_counts_once_and_a_nonce_is_one_request)
{
	struct registry_claim claim = { .gateway = 3, .ttl_ms = 100,
		.principal = 1 };
	struct registry *reg = begin(), *next;
	uint32_t one = attach_new(reg, &claim), two = attach_new(reg, &claim);
	uint32_t slot;

	same = registry_get(reg, one)->id;
	forge(two, set_id);
	next = adopt();
	cr_assert_eq(adoption.doubles, 1);
	cr_assert_eq(adoption.live, 1);
	cr_assert_eq(registry_find(next, &same), one);
	registry_free(next);
	registry_free(reg);
	memset(memory, 0, size);
	reg = begin();
	one = attach_new(reg, &claim);
	two = attach_new(reg, &claim);
	same = registry_get(reg, one)->nonce;
	forge(two, set_nonce);
	next = adopt();
	cr_assert_eq(adoption.nonces, 1);
	cr_assert_eq(adoption.live, 2, "its session is not lost for that");
	claim.nonce = same;
	cr_assert_eq(registry_attach(next, &claim, &same, 9, &slot),
	    REGISTRY_REPEATED);
	cr_assert_eq(slot, one);
	registry_free(next);
	registry_free(reg);
}

Test(adoption, what_is_no_registry_is_not_adopted)
{
	struct registry *reg = begin();
	struct registry_config config = config_of();
	uint8_t *copy = malloc(size);
	size_t i;

	fill(reg);
	memcpy(copy, memory, size);
	for (i = 0; i < 88; i++) {
		memory[i] ^= 0x40;
		cr_assert_null(adopt(), "byte %zu", i);
		cr_assert_eq(errno, EINVAL);
		memory[i] ^= 0x40;
	}
	for (i = 0; i < size; i += 37) {
		config.memory_size = i;
		cr_assert_null(registry_adopt(&config, &adoption, label));
	}
	config.memory = NULL;
	cr_assert_null(registry_adopt(&config, &adoption, label));
	registry_free(reg);
	free(copy);
}

/* One that wants fewer has those there are, and makes no more. */
Test(adoption, sessions_beyond_a_lower_limit_stay)
{
	struct registry *reg = begin(), *next;
	struct registry_config config = config_of();
	struct registry_claim claim = { .gateway = 1, .principal = 1 };
	struct ident id;
	uint32_t slot;

	fill(reg);
	config.sessions_max = 2;
	next = registry_adopt(&config, &adoption, label);
	cr_assert_eq(registry_count(next), registry_count(reg));
	ident_make(&id);
	cr_assert_eq(registry_attach(next, &claim, &id, 1, &slot),
	    REGISTRY_FULL);
	registry_free(next);
	registry_free(reg);
}

Test(adoption, names_are_what_they_were_made_as)
{
	static const enum fdstore_kind kinds[] = { FDSTORE_CONTROL,
		FDSTORE_PIDFD, FDSTORE_DATA };
	static const uint32_t slots[] = { 0, 1, 9, 10, 255, 256, 1000000,
		UINT32_MAX };
	struct fdstore_item item;
	char name[FDSTORE_NAME_SIZE];
	size_t i, j;

	for (i = 0; i < 3; i++)
		for (j = 0; j < 8; j++) {
			fdstore_name(kinds[i], slots[j], name);
			fdstore_parse_name(name, strlen(name), &item);
			cr_assert_eq(item.kind, kinds[i], "%s", name);
			cr_assert_eq(item.slot, slots[j], "%s", name);
			cr_assert_str_eq(item.name, name);
		}
}

Test(adoption, other_names_are_unknown)
{
	static const char *const names[] = { "", "c", "p", "cg", "c00", "c01",
		"C1", "c1 ", "c123456789", "RR", "E1", "x1", "g1", "c-1",
		"c0x1", "averylongnameofnothingatall" };
	struct fdstore_item item;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		fdstore_parse_name(names[i], strlen(names[i]), &item);
		cr_assert_eq(item.kind, FDSTORE_UNKNOWN, "%s", names[i]);
	}
}

Test(adoption, the_list_of_names_gives_each_its_descriptor)
{
	struct fdstore_item *items;
	size_t count, i;
	int known = 0;

	items = fdstore_parse("E:R:c1:p1:bad:c1:d2::", 4, &count);
	cr_assert_eq(count, 9);
	for (i = 0; i < count; i++) {
		cr_assert(items[i].fd >= 4 && items[i].fd < 13);
		if (items[i].kind == FDSTORE_UNKNOWN)
			continue;
		known++;
		if (items[i].kind == FDSTORE_CONTROL)
			cr_assert_eq(items[i].fd, 6, "the first one");
		if (items[i].kind == FDSTORE_DATA)
			cr_assert_eq(items[i].slot, 2);
	}
	cr_assert_eq(known, 5);
	free(items);
	cr_assert_null(fdstore_parse("", 4, &count));
	cr_assert_null(fdstore_parse(NULL, 4, &count));
	cr_assert_eq(count, 0);
}
