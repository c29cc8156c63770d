/* SPDX-License-Identifier: ISC */
/* Input on its way to the job. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/xmalloc.h"
#include "contrib/client/feed.h"

struct feed_slot {
	uint64_t id;
	size_t len;
	int answered;
	int was_sent; /* once: its bytes may not change any more */
	char *data;
};

/* The slots "first" to "first" + "count", modulo the window, are in use. */
struct feed {
	struct feed_slot slots[FEED_WINDOW];
	size_t first;
	size_t count;
	size_t sent; /* of those, counted from the first */
	uint64_t last_id;
};

static struct feed_slot *
feed_slot(const struct feed *feed, size_t n)
{
	return (struct feed_slot *)(uintptr_t)
	    &feed->slots[(feed->first + n) % FEED_WINDOW];
}

struct feed *
feed_new(void)
{
	return xcalloc(1, sizeof(struct feed));
}

void
feed_clear(struct feed *feed)
{
	size_t i;

	for (i = 0; i < FEED_WINDOW; i++) {
		free(feed->slots[i].data);
		feed->slots[i].data = NULL;
	}
	feed->count = 0;
	feed->sent = 0;
}

void
feed_free(struct feed *feed)
{
	if (feed == NULL)
		return;
	feed_clear(feed);
	free(feed);
}

static struct feed_slot *
feed_open_slot(const struct feed *feed)
{
	struct feed_slot *slot;

	if (feed->count == 0)
		return NULL;
	slot = feed_slot(feed, feed->count - 1);
	return slot->was_sent || slot->len == FEED_CHUNK ? NULL : slot;
}

size_t
feed_room(const struct feed *feed)
{
	const struct feed_slot *slot = feed_open_slot(feed);

	if (slot != NULL)
		return FEED_CHUNK - slot->len;
	return feed->count < FEED_WINDOW ? FEED_CHUNK : 0;
}

void
feed_add(struct feed *feed, const void *data, size_t len)
{
	struct feed_slot *slot = feed_open_slot(feed);

	if (len == 0 || len > feed_room(feed))
		return;
	if (slot == NULL) {
		slot = feed_slot(feed, feed->count++);
		memset(slot, 0, sizeof(*slot));
		slot->id = ++feed->last_id;
	}
	slot->data = xreallocarray(slot->data, slot->len + len, 1);
	memcpy(slot->data + slot->len, data, len);
	slot->len += len;
}

int
feed_next(const struct feed *feed, struct feed_write *out)
{
	const struct feed_slot *slot;
	size_t i;

	for (i = feed->sent; i < feed->count; i++) {
		slot = feed_slot(feed, i);
		if (slot->answered)
			continue;
		out->id = slot->id;
		out->data = slot->data;
		out->len = slot->len;
		return 1;
	}
	return 0;
}

void
feed_sent(struct feed *feed)
{
	while (feed->sent < feed->count &&
	    feed_slot(feed, feed->sent)->answered)
		feed->sent++;
	if (feed->sent < feed->count)
		feed_slot(feed, feed->sent++)->was_sent = 1;
}

void
feed_answered(struct feed *feed, uint64_t id)
{
	struct feed_slot *slot;
	size_t i;

	for (i = 0; i < feed->count; i++) {
		slot = feed_slot(feed, i);
		if (slot->id == id)
			slot->answered = 1;
	}
	while (feed->count > 0 && feed_slot(feed, 0)->answered) {
		slot = feed_slot(feed, 0);
		free(slot->data);
		slot->data = NULL;
		feed->first = (feed->first + 1) % FEED_WINDOW;
		feed->count--;
		if (feed->sent > 0)
			feed->sent--;
	}
}

void
feed_rewind(struct feed *feed)
{
	feed->sent = 0;
}

int
feed_is_empty(const struct feed *feed)
{
	return feed->count == 0;
}
