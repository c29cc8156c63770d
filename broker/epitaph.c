/* SPDX-License-Identifier: ISC */
/* What ended sessions leave to be told: a ring, looked through from new. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "broker/epitaph.h"

struct epitaph {
	struct ident session;
	uint8_t *bytes;		/* owned */
	size_t len;
	uint64_t omitted;
};

struct epitaphs {
	struct epitaph *ring;
	size_t max, first, count;
	size_t bytes;		/* of all */
};

struct epitaphs *
epitaphs_new(size_t max)
{
	struct epitaphs *set = calloc(1, sizeof(*set));

	if (set == NULL)
		return NULL;
	set->max = max;
	set->ring = calloc(max, sizeof(*set->ring));
	if (set->ring == NULL) {
		free(set);
		return NULL;
	}
	return set;
}

static struct epitaph *
epitaph_at(const struct epitaphs *set, size_t i)
{
	return &set->ring[(set->first + i) % set->max];
}

static void
forget_oldest(struct epitaphs *set)
{
	struct epitaph *oldest = epitaph_at(set, 0);

	set->bytes -= oldest->len;
	free(oldest->bytes);
	memset(oldest, 0, sizeof(*oldest));
	set->first = (set->first + 1) % set->max;
	set->count--;
}

void
epitaphs_free(struct epitaphs *set)
{
	if (set == NULL)
		return;
	while (set->count > 0)
		forget_oldest(set);
	free(set->ring);
	free(set);
}

int
epitaph_add(struct epitaphs *set, const struct ident *session,
    struct span processes, uint64_t omitted)
{
	struct epitaph *epitaph;
	uint8_t *bytes;

	if (processes.len > EPITAPH_BYTES ||
	    (bytes = malloc(processes.len + 1)) == NULL)
		return -1;
	if (processes.len > 0)
		memcpy(bytes, processes.p, processes.len);
	while (set->count == set->max || (set->count > 0 &&
	    set->bytes + processes.len > EPITAPHS_BYTES))
		forget_oldest(set);
	epitaph = epitaph_at(set, set->count++);
	epitaph->session = *session;
	epitaph->bytes = bytes;
	epitaph->len = processes.len;
	epitaph->omitted = omitted;
	set->bytes += processes.len;
	return 0;
}

bool
epitaph_find(const struct epitaphs *set, const struct ident *session,
    struct span *processes, uint64_t *omitted)
{
	const struct epitaph *epitaph;
	size_t i = set->count;

	while (i-- > 0) {
		epitaph = epitaph_at(set, i);
		if (!ident_equal(&epitaph->session, session))
			continue;
		*processes = (struct span){ epitaph->bytes, epitaph->len };
		*omitted = epitaph->omitted;
		return true;
	}
	return false;
}
