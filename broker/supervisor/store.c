/* SPDX-License-Identifier: ISC */
/* What is stored for the next broker: names and messages. */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/supervisor/store.h"
#include "common/xmalloc.h"

#define STORE_ROOM_FIRST 64

void
store_clear(struct store *store)
{
	free(store->entries);
	store->entries = NULL;
	store->count = store->room = store->bytes = 0;
}

static bool
store_is_name(const char *name)
{
	size_t i, len = strnlen(name, STORE_NAME_MAX + 1);

	for (i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]))
			return false;
	return len > 0 && len <= STORE_NAME_MAX;
}

/* Where "name" is, or would have to go; "*there" tells which. */
static size_t
store_place(const struct store *store, const char *name, bool *there)
{
	size_t low = 0, high = store->count, mid;
	int order;

	*there = false;
	while (low < high) {
		mid = (low + high) / 2;
		order = strcmp(store->entries[mid].name, name);
		if (order == 0) {
			*there = true;
			return mid;
		}
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int
store_grow(struct store *store)
{
	size_t room = store->room == 0 ? STORE_ROOM_FIRST : store->room * 2;
	struct store_entry *entries;

	if (store->count < store->room)
		return 0;
	entries = reallocarray(store->entries, room, sizeof(*entries));
	if (entries == NULL)
		return -1;
	store->entries = entries;
	store->room = room;
	return 0;
}

int
store_put(struct store *store, const struct store_entry *entry, int *old)
{
	size_t at, len = strnlen(entry->name, sizeof(entry->name));
	bool there;

	*old = -1;
	if (!store_is_name(entry->name)) {
		errno = EINVAL;
		return -1;
	}
	at = store_place(store, entry->name, &there);
	if (there) {
		*old = store->entries[at].fd;
		store->entries[at] = *entry;
		return 0;
	}
	if (store->count >= store->most ||
	    store->bytes + len + 1 > STORE_NAMES_MAX) {
		errno = ENOSPC;
		return -1;
	}
	if (store_grow(store) == -1)
		return -1;
	memmove(store->entries + at + 1, store->entries + at,
	    (store->count - at) * sizeof(*entry));
	store->entries[at] = *entry;
	store->count++;
	store->bytes += len + 1;
	return 0;
}

int
store_take(struct store *store, const char *name)
{
	bool there;
	size_t at = store_place(store, name, &there);
	int fd;

	if (!there)
		return -1;
	fd = store->entries[at].fd;
	store->bytes -= strlen(name) + 1;
	store->count--;
	memmove(store->entries + at, store->entries + at + 1,
	    (store->count - at) * sizeof(*store->entries));
	return fd;
}

const struct store_entry *
store_find(const struct store *store, const char *name)
{
	bool there;
	size_t at = store_place(store, name, &there);

	return there ? &store->entries[at] : NULL;
}

char *
store_names(const struct store *store)
{
	char *names = xcalloc(store->bytes + 1, 1), *p = names;
	size_t i, len;

	for (i = 0; i < store->count; i++) {
		if (i > 0)
			*p++ = ':';
		len = strlen(store->entries[i].name);
		memcpy(p, store->entries[i].name, len);
		p += len;
	}
	return names;
}

/* Whether a line is KEY=...; its value is what is left of it. */
static bool
store_line_is(const char *line, size_t len, const char *key,
    const char **value, size_t *left)
{
	size_t n = strlen(key);

	if (len < n || memcmp(line, key, n) != 0)
		return false;
	*value = line + n;
	*left = len - n;
	return true;
}

enum store_verb
store_parse(const char *text, size_t len, char name[STORE_NAME_MAX + 1])
{
	bool put = false, take = false, named = false;
	const char *line = text, *end, *value;
	size_t n, left;

	name[0] = '\0';
	if (memchr(text, '\0', len) != NULL)
		return STORE_MALFORMED;
	for (; len > 0; line += n, len -= n) {
		end = memchr(line, '\n', len);
		n = end == NULL ? len : (size_t)(end - line);
		if (store_line_is(line, n, "FDSTORE=1", &value, &left)) {
			put |= left == 0;
		} else if (store_line_is(line, n, "FDSTOREREMOVE=1", &value,
		    &left)) {
			take |= left == 0;
		} else if (store_line_is(line, n, "FDNAME=", &value, &left)) {
			if (named || left > STORE_NAME_MAX)
				return STORE_MALFORMED;
			named = true;
			memcpy(name, value, left);
			name[left] = '\0';
		}
		if (end != NULL)
			n++;
	}
	if (!put && !take)
		return STORE_NOTHING;
	if (put && take)
		return STORE_MALFORMED;
	return !store_is_name(name) ? STORE_MALFORMED :
	    put ? STORE_PUT : STORE_REMOVE;
}
