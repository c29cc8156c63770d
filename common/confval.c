/* SPDX-License-Identifier: ISC */
/* Options and configuration by one table: the values. */
#include "config.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf.h"
#include "common/confval.h"
#include "common/xmalloc.h"

void *
conf_field(const struct conf_key *key, void *dest)
{
	return (char *)dest + key->offset;
}

void
conf_list_clear(struct conf_list *list)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	list->items = NULL;
	list->count = 0;
}

void
conf_list_add(struct conf_list *list, const char *text)
{
	list->items = xreallocarray(list->items, list->count + 1,
	    sizeof(*list->items));
	list->items[list->count++] = xstrdup(text);
}

int
conf_set_number(const struct conf_key *key, void *dest, uint64_t value,
    char *reason)
{
	if (value < key->min || value > key->max) {
		snprintf(reason, CONF_REASON_SIZE,
		    "must be between %ju and %ju, not %ju",
		    (uintmax_t)key->min, (uintmax_t)key->max,
		    (uintmax_t)value);
		return -1;
	}
	*(uint64_t *)conf_field(key, dest) = value;
	return 0;
}

static int
conf_set_mode(const struct conf_key *key, void *dest, const char *text,
    char *reason)
{
	uintmax_t value;
	char *end;

	value = strtoumax(text, &end, 8);
	if (!isdigit((unsigned char)text[0]) || *end != '\0' ||
	    value < key->min || value > key->max) {
		snprintf(reason, CONF_REASON_SIZE, "must be an octal number "
		    "between %04jo and %04jo, not \"%.60s\"",
		    (uintmax_t)key->min, (uintmax_t)key->max, text);
		return -1;
	}
	*(uint64_t *)conf_field(key, dest) = value;
	return 0;
}

static int
conf_number_of_text(const struct conf_key *key, void *dest, const char *text,
    char *reason)
{
	uintmax_t value;
	char *end;

	/* Beyond its range strtoumax(3) answers the largest: out of ours. */
	value = strtoumax(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || *end != '\0') {
		snprintf(reason, CONF_REASON_SIZE,
		    "must be a number, not \"%.60s\"", text);
		return -1;
	}
	return conf_set_number(key, dest, value, reason);
}

static int
conf_word_of_text(const struct conf_key *key, void *dest, const char *text,
    char *reason)
{
	size_t used;
	int i;

	for (i = 0; key->words[i] != NULL; i++)
		if (text[0] != '\0' && strcmp(key->words[i], text) == 0) {
			*(int *)conf_field(key, dest) = i;
			return 0;
		}
	strlcpy(reason, "must be one of", CONF_REASON_SIZE);
	for (i = key->words[0][0] == '\0'; key->words[i] != NULL; i++) {
		strlcat(reason, " ", CONF_REASON_SIZE);
		strlcat(reason, key->words[i], CONF_REASON_SIZE);
	}
	used = strlen(reason);
	snprintf(reason + used, CONF_REASON_SIZE - used,
	    ", not \"%.60s\"", text);
	return -1;
}

int
conf_set_text(const struct conf_key *key, void *dest, const char *text,
    char *reason)
{
	void *field = conf_field(key, dest);

	switch (key->type) {
	case CONF_FLAG:
		*(int *)field = 1;
		return 0;
	case CONF_NUMBER:
		return conf_number_of_text(key, dest, text, reason);
	case CONF_WORD:
		return conf_word_of_text(key, dest, text, reason);
	case CONF_MODE:
		return conf_set_mode(key, dest, text, reason);
	case CONF_STRING:
	case CONF_LIST:
		break;
	case CONF_MAP:
	case CONF_PAIR:
	case CONF_TABLE:
	case CONF_ROWS:
		abort();
	}
	if (text[0] == '\0') {
		snprintf(reason, CONF_REASON_SIZE, "must not be empty");
		return -1;
	}
	if (key->type == CONF_LIST) {
		conf_list_add(field, text);
	} else {
		free(*(char **)field);
		*(char **)field = xstrdup(text);
	}
	return 0;
}

static const struct {
	size_t size;
	int is_list;
} conf_kinds[] = {
	[CONF_FLAG] = { sizeof(int), 0 },
	[CONF_NUMBER] = { sizeof(uint64_t), 0 },
	[CONF_STRING] = { sizeof(char *), 0 },
	[CONF_LIST] = { sizeof(struct conf_list), 1 },
	[CONF_WORD] = { sizeof(int), 0 },
	[CONF_MODE] = { sizeof(uint64_t), 0 },
	[CONF_MAP] = { sizeof(struct conf_list), 1 },
	[CONF_PAIR] = { sizeof(struct conf_pair), 0 },
	[CONF_TABLE] = { 0, 0 },
	[CONF_ROWS] = { sizeof(struct conf_rows), 0 },
};

void
conf_init(const struct conf_key *keys, size_t n, void *dest)
{
	const struct conf_key *key;
	char reason[CONF_REASON_SIZE];

	for (key = keys; key < keys + n; key++) {
		memset(conf_field(key, dest), 0, conf_kinds[key->type].size);
		if (key->flags & CONF_OPTIONAL)
			*(uint64_t *)conf_field(key, dest) = CONF_UNSET;
		if (key->type == CONF_TABLE)
			conf_init(key->keys, key->nkeys,
			    conf_field(key, dest));
		if (key->preset != NULL &&
		    conf_set_text(key, dest, key->preset, reason) == -1)
			abort();
	}
}

void *
conf_row(const struct conf_key *key, const struct conf_rows *rows, size_t i)
{
	return (char *)rows->rows + i * key->size;
}

static void
conf_rows_clear(const struct conf_key *key, struct conf_rows *rows)
{
	size_t i;

	for (i = 0; i < rows->count; i++)
		conf_clear(key->keys, key->nkeys, conf_row(key, rows, i));
	free(rows->rows);
	*rows = (struct conf_rows){ 0 };
}

void *
conf_rows_add(const struct conf_key *key, struct conf_rows *rows)
{
	void *row;

	rows->rows = xreallocarray(rows->rows, rows->count + 1, key->size);
	row = conf_row(key, rows, rows->count++);
	memset(row, 0, key->size);
	conf_init(key->keys, key->nkeys, row);
	return row;
}

void
conf_clear(const struct conf_key *keys, size_t n, void *dest)
{
	const struct conf_key *key;
	char **string;

	for (key = keys; key < keys + n; key++) {
		if (conf_kinds[key->type].is_list)
			conf_list_clear(conf_field(key, dest));
		if (key->type == CONF_TABLE)
			conf_clear(key->keys, key->nkeys,
			    conf_field(key, dest));
		if (key->type == CONF_ROWS)
			conf_rows_clear(key, conf_field(key, dest));
		if (key->type == CONF_STRING) {
			string = conf_field(key, dest);
			free(*string);
			*string = NULL;
		}
	}
}

static int
conf_list_equal(const struct conf_list *a, const struct conf_list *b)
{
	size_t i;

	for (i = 0; i < a->count && i < b->count; i++)
		if (strcmp(a->items[i], b->items[i]) != 0)
			return 0;
	return a->count == b->count;
}

int
conf_equal(const struct conf_key *key, void *a, void *b)
{
	const char *x, *y;

	if (conf_kinds[key->type].is_list)
		return conf_list_equal(conf_field(key, a),
		    conf_field(key, b));
	if (key->type != CONF_STRING)
		return memcmp(conf_field(key, a), conf_field(key, b),
		    conf_kinds[key->type].size) == 0;
	x = *(char **)conf_field(key, a);
	y = *(char **)conf_field(key, b);
	return x == NULL || y == NULL ? x == y : strcmp(x, y) == 0;
}

void
conf_swap(const struct conf_key *key, void *a, void *b)
{
	unsigned char *x = conf_field(key, a), *y = conf_field(key, b), c;
	size_t i;

	for (i = 0; i < conf_kinds[key->type].size; i++) {
		c = x[i];
		x[i] = y[i];
		y[i] = c;
	}
}
