/* SPDX-License-Identifier: ISC */
/* Paths with rules, and which one is the deepest. */
#include "config.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "broker/runner/box/entries.h"
#include "common/proto.h"
#include "common/xmalloc.h"

bool
path_within(const char *path, const char *base)
{
	size_t len = strlen(base);

	if (len == 1)
		return true;
	return strncmp(path, base, len) == 0 &&
	    (path[len] == '\0' || path[len] == '/');
}

void
path_up(char *path)
{
	char *slash = strrchr(path, '/');

	slash[slash == path] = '\0';
}

int
entries_access(const struct entries *entries, const char *path)
{
	const struct entry *entry, *best = NULL;
	size_t i;

	for (i = 0; i < entries->count; i++) {
		entry = &entries->list[i];
		if (path_within(path, entry->path) && (best == NULL ||
		    strlen(entry->path) > strlen(best->path)))
			best = entry;
	}
	return best == NULL ? entries->root : best->access;
}

static struct entry *
entry_at(struct entries *entries, const char *path)
{
	size_t i;

	for (i = 0; i < entries->count; i++)
		if (strcmp(entries->list[i].path, path) == 0)
			return &entries->list[i];
	return NULL;
}

void
entries_add(struct entries *entries, const char *path, uint8_t access,
    bool directory)
{
	struct entry *entry = entry_at(entries, path);

	if (entry != NULL) {
		if (access > entry->access)
			entry->access = access;
		return;
	}
	entries->list = xreallocarray(entries->list, entries->count + 1,
	    sizeof(*entries->list));
	entries->list[entries->count++] = (struct entry){
		.path = xstrdup(path),
		.access = access,
		.directory = directory,
	};
}

int
entries_above(const struct entries *entries, const struct entry *entry)
{
	char above[PATH_MAX];

	strlcpy(above, entry->path, sizeof(above));
	path_up(above);
	return entries_access(entries, above);
}

bool
entries_below(const struct entries *entries, const struct entry *entry)
{
	size_t i;

	for (i = 0; i < entries->count; i++)
		if (&entries->list[i] != entry &&
		    path_within(entries->list[i].path, entry->path))
			return true;
	return false;
}

static void
pin(struct entries *entries, const char *path)
{
	char above[PATH_MAX];

	strlcpy(above, path, sizeof(above));
	for (path_up(above); above[1] != '\0'; path_up(above))
		if (entry_at(entries, above) == NULL &&
		    entries_access(entries, above) == ACCESS_WRITE)
			entries_add(entries, above, ACCESS_WRITE, true);
}

void
entries_pin(struct entries *entries)
{
	size_t i, count = entries->count;

	for (i = 0; i < count; i++)
		if (entries->list[i].access != ACCESS_WRITE)
			pin(entries, entries->list[i].path);
}

static int
entry_cmp(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return strcmp(x->path, y->path);
}

void
entries_sort(struct entries *entries)
{
	if (entries->count > 0)
		qsort(entries->list, entries->count, sizeof(*entries->list),
		    entry_cmp);
}

void
entries_clear(struct entries *entries)
{
	while (entries->count > 0)
		free(entries->list[--entries->count].path);
	free(entries->list);
	entries->list = NULL;
}
