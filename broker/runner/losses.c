/* SPDX-License-Identifier: ISC */
/* How much output has been evicted behind a number. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "broker/runner/losses.h"

#define ROOM_MIN 64

void
losses_clear(struct losses *losses)
{
	free(losses->entries);
	memset(losses, 0, sizeof(*losses));
}

/* Without memory, or with too many, the oldest are no longer known. */
static int
losses_room(struct losses *losses)
{
	size_t room = losses->room == 0 ? ROOM_MIN : losses->room * 2;
	struct losses_entry *larger;

	if (losses->count < losses->room)
		return 0;
	if (losses->room < LOSSES_MAX) {
		larger = reallocarray(losses->entries, room,
		    sizeof(*larger));
		if (larger != NULL) {
			losses->entries = larger;
			losses->room = room;
			return 0;
		}
	}
	if (losses->room == 0)
		return -1;
	losses->count /= 2;
	memmove(losses->entries, losses->entries + losses->room -
	    losses->count, losses->count * sizeof(*losses->entries));
	return 0;
}

/* Where an entry for the number is or would be. */
static size_t
losses_place(const struct losses *losses, uint64_t seq)
{
	size_t low = 0, high = losses->count, mid;

	while (low < high) {
		mid = (low + high) / 2;
		if (losses->entries[mid].seq < seq)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

void
losses_stop(struct losses *losses, uint64_t seq, uint64_t total)
{
	size_t i;

	for (i = 0; i < LOSSES_STOPS; i++)
		if (losses->stops[i].seq == seq)
			return;
	losses->stops[losses->stop] = (struct losses_entry){ seq, total };
	losses->stop = (losses->stop + 1) % LOSSES_STOPS;
}

void
losses_remember(struct losses *losses, uint64_t seq, uint64_t total)
{
	size_t i = losses_place(losses, seq);

	if (i < losses->count && losses->entries[i].seq == seq)
		return;
	if (losses_room(losses) == -1)
		return;
	/* Making room may have moved them. */
	i = losses_place(losses, seq);
	memmove(losses->entries + i + 1, losses->entries + i,
	    (losses->count - i) * sizeof(*losses->entries));
	losses->entries[i] = (struct losses_entry){ seq, total };
	losses->count++;
}

void
losses_mark(struct losses *losses, uint64_t seq)
{
	losses->mark = seq;
	/* What it saw last may be gone already. */
	if (losses->last != 0)
		losses_remember(losses, losses->last, losses->total);
}

bool
losses_marked(const struct losses *losses, uint64_t seq)
{
	return seq <= losses->mark && losses->mark - seq < LOSSES_MAX;
}

void
losses_note(struct losses *losses, uint64_t seq, size_t len)
{
	losses_note_run(losses, seq, seq, len);
}

void
losses_note_run(struct losses *losses, uint64_t first, uint64_t last,
    uint64_t bytes)
{
	if (losses->first == 0)
		losses->first = first;
	losses->last = last;
	losses->total += bytes;
	if (last <= losses->mark)
		losses_remember(losses, last, losses->total);
}

static const struct losses_entry *
losses_find(const struct losses *losses, uint64_t seq)
{
	size_t i = losses_place(losses, seq);

	if (i < losses->count && losses->entries[i].seq == seq)
		return &losses->entries[i];
	for (i = 0; i < LOSSES_STOPS; i++)
		if (losses->stops[i].seq == seq)
			return &losses->stops[i];
	return NULL;
}

int
losses_after(const struct losses *losses, uint64_t after, uint64_t *last,
    uint64_t *bytes)
{
	const struct losses_entry *entry;

	if (losses->last <= after)
		return 0;
	*last = losses->last;
	entry = losses_find(losses, after);
	if (after < losses->first)
		*bytes = losses->total;
	else if (entry != NULL)
		*bytes = losses->total - entry->total;
	else
		*bytes = UINT64_MAX;
	return 1;
}
