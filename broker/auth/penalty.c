/* SPDX-License-Identifier: ISC */
/* Sources that keep failing. */
#include "config.h"

#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>

#include "broker/auth/penalty.h"

/* Doubling from PENALTY_LEAST_MS, PENALTY_MOST_MS is reached by then. */
#define STEPS_MOST 6

struct entry {
	struct penalty_source source;
	uint32_t failures;	/* not forgiven; 0: a free place */
	uint64_t counted_ms;	/* what has been forgiven, up to when */
	uint64_t until_ms;	/* it has to wait */
};

struct penalty {
	uint64_t key;
	struct entry entries[PENALTY_SETS][PENALTY_WAYS];
};

_Static_assert(PENALTY_LEAST_MS << STEPS_MOST == PENALTY_MOST_MS,
    "steps lead from the least to the most");

struct penalty_source
penalty_of_end(const struct peeruid_end *end)
{
	struct penalty_source source = { .kind = 4 };

	if (end->family == AF_INET6)
		source.kind = 6;
	memcpy(source.bytes, end->address, source.kind == 6 ? 8 : 4);
	return source;
}

struct penalty_source
penalty_of_uid(uid_t uid)
{
	struct penalty_source source = { .kind = 1 };

	memcpy(source.bytes, &uid, sizeof(uid));
	return source;
}

struct penalty *
penalty_new(uint64_t key)
{
	struct penalty *penalty = calloc(1, sizeof(*penalty));

	if (penalty != NULL)
		penalty->key = key;
	return penalty;
}

void
penalty_free(struct penalty *penalty)
{
	free(penalty);
}

static size_t
set_of(const struct penalty *penalty, const struct penalty_source *source)
{
	uint64_t word, hash = penalty->key;

	memcpy(&word, source->bytes, sizeof(word));
	hash = (hash ^ word) * 0x9e3779b97f4a7c15U;
	hash ^= hash >> 32;
	hash = (hash ^ source->kind ^ (uint64_t)source->pool << 8) *
	    0x9e3779b97f4a7c15U;
	return (size_t)(hash >> 40) % PENALTY_SETS;
}

static bool
is_source(const struct entry *entry, const struct penalty_source *source)
{
	return entry->failures > 0 && entry->source.kind == source->kind &&
	    entry->source.pool == source->pool &&
	    memcmp(entry->source.bytes, source->bytes,
		sizeof(source->bytes)) == 0;
}

uint64_t
penalty_wait(const struct penalty *penalty,
    const struct penalty_source *source, uint64_t now_ms)
{
	const struct entry *set = penalty->entries[set_of(penalty, source)];
	size_t i;

	for (i = 0; i < PENALTY_WAYS; i++)
		if (is_source(&set[i], source))
			return set[i].until_ms > now_ms ?
			    set[i].until_ms - now_ms : 0;
	return 0;
}

/* Its place, or the free or oldest one, emptied. */
static struct entry *
place_for(struct penalty *penalty, const struct penalty_source *source,
    uint64_t now_ms)
{
	struct entry *set = penalty->entries[set_of(penalty, source)];
	struct entry *oldest = &set[0];
	size_t i;

	for (i = 0; i < PENALTY_WAYS; i++)
		if (is_source(&set[i], source))
			return &set[i];
	for (i = 1; i < PENALTY_WAYS; i++)
		if (set[i].failures == 0 ||
		    (oldest->failures > 0 &&
		    set[i].counted_ms < oldest->counted_ms))
			oldest = &set[i];
	*oldest = (struct entry){ .source = *source, .counted_ms = now_ms };
	return oldest;
}

static void
forgive(struct entry *entry, uint64_t now_ms)
{
	uint64_t times = (now_ms - entry->counted_ms) / PENALTY_DECAY_MS;

	if (times >= entry->failures) {
		entry->failures = 0;
		entry->counted_ms = now_ms;
		return;
	}
	entry->failures -= (uint32_t)times;
	entry->counted_ms += times * PENALTY_DECAY_MS;
}

void
penalty_add(struct penalty *penalty, const struct penalty_source *source,
    uint64_t now_ms)
{
	struct entry *entry = place_for(penalty, source, now_ms);
	uint32_t steps;

	forgive(entry, now_ms);
	if (entry->failures < PENALTY_FREE + STEPS_MOST + 1)
		entry->failures++;
	if (entry->failures <= PENALTY_FREE)
		return;
	steps = entry->failures - PENALTY_FREE - 1;
	entry->until_ms = now_ms + ((uint64_t)PENALTY_LEAST_MS << steps);
}
