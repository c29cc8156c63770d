/* SPDX-License-Identifier: ISC */
/*
 * What ended sessions leave to be told: a ring of places of one size, flat so
 * that it can be adopted, looked through from new.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "broker/epitaph.h"

struct epitaph {
	uint64_t number;	/* which says its place; 0 while written */
	uint64_t omitted;
	struct ident session;
	uint32_t len;
	uint32_t checksum;	/* of the rest, and of "len" bytes */
	uint8_t bytes[EPITAPH_BYTES];
};

struct epitaphs {
	struct epitaph *ring;
	bool owned;		/* the ring */
	size_t max;
	uint64_t last;		/* the highest number so far */
};

static uint32_t
sum_of(uint32_t sum, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	size_t i;

	for (i = 0; i < len; i++)
		sum = (sum ^ p[i]) * 16777619U;
	return sum;
}

static uint32_t
checksum_of(const struct epitaph *epitaph)
{
	uint32_t sum = sum_of(2166136261U, epitaph,
	    offsetof(struct epitaph, checksum));

	return sum_of(sum, epitaph->bytes, epitaph->len);
}

size_t
epitaphs_size(size_t max)
{
	return max * sizeof(struct epitaph);
}

static bool
is_whole(const struct epitaphs *set, size_t place)
{
	const struct epitaph *epitaph = &set->ring[place];

	return epitaph->number != 0 && epitaph->number % set->max == place &&
	    epitaph->len <= EPITAPH_BYTES &&
	    epitaph->checksum == checksum_of(epitaph);
}

/* Places are used in order, so none behind the first unused one is. */
static void
adopt(struct epitaphs *set)
{
	struct epitaph *epitaph;
	size_t place, i;

	for (i = 0; i < set->max; i++) {
		place = (i + 1) % set->max;
		epitaph = &set->ring[place];
		if (is_whole(set, place)) {
			if (epitaph->number > set->last)
				set->last = epitaph->number;
			continue;
		}
		if (epitaph->number == 0 && epitaph->checksum == 0)
			break;
		epitaph->number = 0;
	}
	/* Nobody has had so many: what comes next would be taken for older. */
	if (set->last >= UINT64_MAX / 2)
		memset(set->ring, 0, epitaphs_size(set->max));
	if (set->last >= UINT64_MAX / 2)
		set->last = 0;
}

struct epitaphs *
epitaphs_new(size_t max, void *memory)
{
	struct epitaphs *set = calloc(1, sizeof(*set));

	if (set == NULL)
		return NULL;
	set->max = max;
	set->owned = memory == NULL;
	set->ring = memory == NULL ? calloc(max, sizeof(*set->ring)) : memory;
	if (set->ring == NULL) {
		free(set);
		return NULL;
	}
	if (!set->owned)
		adopt(set);
	return set;
}

void
epitaphs_free(struct epitaphs *set)
{
	if (set == NULL)
		return;
	if (set->owned)
		free(set->ring);
	free(set);
}

int
epitaph_add(struct epitaphs *set, const struct ident *session,
    struct span processes, uint64_t omitted)
{
	struct epitaph *epitaph;

	if (processes.len > EPITAPH_BYTES)
		return -1;
	epitaph = &set->ring[++set->last % set->max];
	epitaph->number = 0;
	epitaph->session = *session;
	epitaph->omitted = omitted;
	epitaph->len = (uint32_t)processes.len;
	if (processes.len > 0)
		memcpy(epitaph->bytes, processes.p, processes.len);
	epitaph->number = set->last;
	epitaph->checksum = checksum_of(epitaph);
	return 0;
}

bool
epitaph_find(const struct epitaphs *set, const struct ident *session,
    struct span *processes, uint64_t *omitted)
{
	const struct epitaph *epitaph;
	uint64_t number = set->last;
	size_t i;

	for (i = 0; i < set->max && number > 0; i++, number--) {
		epitaph = &set->ring[number % set->max];
		if (epitaph->number != number ||
		    !ident_equal(&epitaph->session, session))
			continue;
		*processes = (struct span){ epitaph->bytes, epitaph->len };
		*omitted = epitaph->omitted;
		return true;
	}
	return false;
}
