/* SPDX-License-Identifier: ISC */
/* Names of what is stored, and what was stored under them. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/fdstore.h"

const char *
fdstore_name(enum fdstore_kind kind, uint32_t slot,
    char out[FDSTORE_NAME_SIZE])
{
	if (kind == FDSTORE_RECORDS || kind == FDSTORE_EPITAPHS)
		snprintf(out, FDSTORE_NAME_SIZE, "%c", (char)kind);
	else
		snprintf(out, FDSTORE_NAME_SIZE, "%c%x", (char)kind, slot);
	return out;
}

/* Lower case, no zero before others: one slot has one name. */
static bool
parse_slot(const char *text, size_t len, uint32_t *slot)
{
	static const char digits[] = "0123456789abcdef";
	const char *digit;
	size_t i;

	*slot = 0;
	if (len == 0 || len > 8 || (text[0] == '0' && len > 1))
		return false;
	for (i = 0; i < len; i++) {
		digit = text[i] == '\0' ? NULL : strchr(digits, text[i]);
		if (digit == NULL)
			return false;
		*slot = *slot << 4 | (uint32_t)(digit - digits);
	}
	return true;
}

void
fdstore_parse_name(const char *name, size_t len, struct fdstore_item *item)
{
	size_t kept = len < sizeof(item->name) ? len : sizeof(item->name) - 1;

	memset(item, 0, sizeof(*item));
	item->fd = -1;
	memcpy(item->name, name, kept);
	if (len == 0)
		return;
	switch (name[0]) {
	case FDSTORE_RECORDS:
	case FDSTORE_EPITAPHS:
		if (len == 1)
			item->kind = (enum fdstore_kind)name[0];
		break;
	case FDSTORE_CONTROL:
	case FDSTORE_PIDFD:
	case FDSTORE_DATA:
		if (parse_slot(name + 1, len - 1, &item->slot))
			item->kind = (enum fdstore_kind)name[0];
		break;
	default:
		break;
	}
}

size_t
fdstore_count(const char *names)
{
	size_t count = 1;

	if (names == NULL || names[0] == '\0')
		return 0;
	for (; *names != '\0'; names++)
		count += *names == ':';
	return count > FDSTORE_ITEMS_MAX ? FDSTORE_ITEMS_MAX : count;
}

static int
compare(const void *a, const void *b)
{
	const struct fdstore_item *one = a, *two = b;

	if (one->kind != two->kind)
		return one->kind < two->kind ? -1 : 1;
	if (one->slot != two->slot)
		return one->slot < two->slot ? -1 : 1;
	return one->fd < two->fd ? -1 : one->fd > two->fd;
}

struct fdstore_item *
fdstore_parse(const char *names, int first, size_t *count)
{
	struct fdstore_item *items;
	size_t i, len;

	*count = fdstore_count(names);
	items = *count == 0 ? NULL : calloc(*count, sizeof(*items));
	if (items == NULL) {
		*count = 0;
		return NULL;
	}
	for (i = 0; i < *count; i++) {
		len = strcspn(names, ":");
		fdstore_parse_name(names, len, &items[i]);
		items[i].fd = first + (int)i;
		names += len + (names[len] == ':');
	}
	qsort(items, *count, sizeof(*items), compare);
	/* Of several the first counts, so that it is the same each time. */
	for (i = *count; i-- > 1;)
		if (items[i].kind == items[i - 1].kind &&
		    items[i].slot == items[i - 1].slot)
			items[i].kind = FDSTORE_UNKNOWN;
	return items;
}
