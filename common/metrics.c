/* SPDX-License-Identifier: ISC */
/* The table of what is counted, how it travels, and its text. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/metrics.h"

#define SECOND 1000000		/* microseconds */

/* The longest line: a name, its labels with a tenant's name, a number. */
#define LINE_SIZE 512

static const struct metric_family families[METRIC_FAMILY_COUNT] = {
#define F(id, text, t, u, o, h) [METRIC_FAMILY_##id] = { \
	.name = text, .help = h, .type = METRIC_##t, .unit = METRIC_##u, \
	.owner = METRIC_OF_##o },
	METRIC_FAMILIES(F)
#undef F
};

static const struct metric table[] = {
#define S(id, n, f, l) { .family = &families[METRIC_FAMILY_##f], .suffix = "", \
	.labels = l, .number = n },
#define B(id, bound, n, f, text) { .family = &families[METRIC_FAMILY_##f], \
	.suffix = "_bucket", .labels = "le=\"" text "\"", .number = n, \
	.totals = METRIC_##id##_##bound == METRIC_##id##_INF },
#define H(id, n, f) METRIC_BOUNDS(B, id, n, f) \
	{ .family = &families[METRIC_FAMILY_##f], .suffix = "_sum", .labels = "", \
	    .number = n + METRIC_BOUNDS_COUNT, .scaled = true },
	METRIC_NUMBERS(S, H)
#undef S
#undef B
#undef H
};
#define TABLE_COUNT (sizeof(table) / sizeof(table[0]))

static const uint64_t bounds[METRIC_BOUNDS_COUNT] = {
	1000, 10000, 100000, SECOND, UINT64_MAX
};

uint64_t metrics_counted[METRICS_BLOCK];

const struct metric *
metrics_table(size_t *count)
{
	*count = TABLE_COUNT;
	return table;
}

const struct metric_family *
metrics_families(size_t *count)
{
	*count = METRIC_FAMILY_COUNT;
	return families;
}

const struct metric *
metrics_find(uint32_t number)
{
	size_t i;

	for (i = 0; i < TABLE_COUNT; i++)
		if (table[i].number == number)
			return &table[i];
	return NULL;
}

enum proto_role
metrics_role(uint32_t number)
{
	static const enum proto_role roles[] = {
		ROLE_BROKER, ROLE_GATEWAY, ROLE_RUNNER, ROLE_SUPERVISOR
	};

	return number < METRICS_COUNT ? roles[number / METRICS_BLOCK] :
	    ROLE_COUNT;
}

static unsigned int
first_of(enum proto_role role)
{
	unsigned int number;

	for (number = 0; number < METRICS_COUNT; number += METRICS_BLOCK)
		if (metrics_role(number) == role)
			break;
	return number;
}

void
metrics_observe(uint64_t values[METRICS_BLOCK], enum metric_number first,
    uint64_t microseconds)
{
	uint64_t *buckets = &values[(unsigned int)first % METRICS_BLOCK];
	size_t i;

	for (i = 0; i < METRIC_BOUNDS_COUNT; i++)
		if (microseconds <= bounds[i])
			buckets[i]++;
	buckets[METRIC_BOUNDS_COUNT] += microseconds;
}

void
metrics_put_item(struct writer *w, const struct metrics_item *item)
{
	writer_put_u32(w, (uint32_t)(METRICS_ITEM + item->owner.len));
	writer_put_u16(w, item->number);
	writer_put_u64(w, item->value);
	writer_put(w, item->owner.p, item->owner.len);
}

size_t
metrics_put_changes(struct writer *w, enum proto_role role,
    const uint64_t counted[METRICS_BLOCK], uint64_t told[METRICS_BLOCK])
{
	unsigned int first = first_of(role), i;
	size_t n = 0;

	for (i = 0; i < METRICS_BLOCK; i++) {
		struct metrics_item item = {
			.number = (uint16_t)(first + i),
			.value = counted[i],
		};

		if (counted[i] == told[i])
			continue;
		metrics_put_item(w, &item);
		told[i] = counted[i];
		n++;
	}
	return n;
}

int
metrics_next_item(struct span *list, struct metrics_item *item)
{
	struct cursor c;
	struct span bytes;

	if (!proto_list_next(list, &bytes))
		return 0;
	cursor_init(&c, bytes.p, bytes.len);
	item->number = cursor_u16(&c);
	item->value = cursor_u64(&c);
	if (c.failed)
		return -1;
	item->owner = cursor_span(&c, c.left);
	return 1;
}

static void
put_text(struct writer *w, const char *text)
{
	writer_put(w, text, strlen(text));
}

static void
open_family(struct writer *w, const struct metric_family *family)
{
	static const char *const types[] = {
		[METRIC_COUNTER] = "counter",
		[METRIC_GAUGE] = "gauge",
		[METRIC_HISTOGRAM] = "histogram",
	};
	char line[LINE_SIZE];

	snprintf(line, sizeof(line), "# HELP %s %s\n# TYPE %s %s\n",
	    family->name, family->help, family->name, types[family->type]);
	put_text(w, line);
}

/* A label's value; what could end it is not there, whoever chose it. */
static void
put_owner(char *out, size_t size, const struct metric *m, struct span owner)
{
	static const char *const keys[] = {
		[METRIC_OF_HOST] = "", [METRIC_OF_POOL] = "pool",
		[METRIC_OF_TENANT] = "tenant",
	};
	size_t used, i;

	out[0] = '\0';
	if (m->family->owner == METRIC_OF_HOST)
		return;
	used = (size_t)snprintf(out, size, "%s=\"",
	    keys[m->family->owner]);
	for (i = 0; i < owner.len && used + 3 < size; i++)
		out[used++] = owner.p[i] > 0x20 && owner.p[i] < 0x7f &&
		    owner.p[i] != '"' && owner.p[i] != '\\' ?
		    (char)owner.p[i] : '_';
	out[used++] = '"';
	out[used] = '\0';
}

static void
put_line(struct writer *w, const struct metric *m, const char *suffix,
    const char *owner, const char *labels, uint64_t value)
{
	const char *open = "{", *close = "}", *comma = ",";
	char line[LINE_SIZE], text[48];

	if (owner[0] == '\0' && labels[0] == '\0')
		open = close = "";
	if (owner[0] == '\0' || labels[0] == '\0')
		comma = "";
	if (m->scaled || (m->family->unit == METRIC_SECONDS &&
	    m->family->type != METRIC_HISTOGRAM))
		snprintf(text, sizeof(text), "%" PRIu64 ".%06" PRIu64,
		    value / SECOND, value % SECOND);
	else
		snprintf(text, sizeof(text), "%" PRIu64, value);
	snprintf(line, sizeof(line), "%s%s%s%s%s%s%s %s\n", m->family->name,
	    suffix, open, owner, comma, labels, close, text);
	put_text(w, line);
}

void
metrics_format(struct writer *w, const struct metric_family **last,
    const struct metrics_item *item)
{
	const struct metric *m = metrics_find(item->number);
	char owner[128];

	if (m == NULL)
		return;
	if (*last != m->family)
		open_family(w, m->family);
	*last = m->family;
	put_owner(owner, sizeof(owner), m, item->owner);
	put_line(w, m, m->suffix, owner, m->labels, item->value);
	if (m->totals)
		put_line(w, m, "_count", owner, "", item->value);
}
