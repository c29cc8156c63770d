/* SPDX-License-Identifier: ISC */
/* What is counted: its names by the rules of Prometheus, and its text. */
#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "common/metrics.h"

TestSuite(metrics, .timeout = 20);

static bool
ends_with(const char *text, const char *end)
{
	size_t len = strlen(text);

	return len >= strlen(end) &&
	    strcmp(text + len - strlen(end), end) == 0;
}

static bool
is_snake(const char *name)
{
	const char *p;

	for (p = name; *p != '\0'; p++)
		if (!islower((unsigned char)*p) &&
		    !isdigit((unsigned char)*p) &&
		    (*p != '_' || p == name || p[1] == '_' || p[1] == '\0'))
			return false;
	return islower((unsigned char)name[0]);
}

Test(metrics, names_follow_the_conventions)
{
	static const char *const never[] = { "_count", "_sum", "_bucket",
		"counter", "gauge", "histogram", "_ms", "milli", "micro",
		"kilo", "_kb", "_mb", NULL };
	const struct metric_family *f;
	size_t count, i, j;

	f = metrics_families(&count);
	cr_assert_gt(count, 0);
	for (i = 0; i < count; i++, f++) {
		cr_assert_eq(strncmp(f->name, "holdfast_", 9), 0, "%s",
		    f->name);
		cr_assert(is_snake(f->name), "%s", f->name);
		cr_assert_eq(ends_with(f->name, "_total"),
		    f->type == METRIC_COUNTER, "%s", f->name);
		cr_assert_eq(strstr(f->name, "_bytes") != NULL,
		    f->unit == METRIC_BYTES, "%s", f->name);
		cr_assert_eq(strstr(f->name, "_seconds") != NULL,
		    f->unit == METRIC_SECONDS, "%s", f->name);
		for (j = 0; never[j] != NULL; j++)
			cr_assert_null(strstr(f->name, never[j]), "%s",
			    f->name);
		cr_assert(ends_with(f->help, "."), "%s", f->name);
		cr_assert(isupper((unsigned char)f->help[0]), "%s", f->name);
		cr_assert_null(strpbrk(f->help, "\n\\"), "%s", f->name);
		for (j = 0; j < i; j++)
			cr_assert_str_neq(f->name, f[(long)j - (long)i].name);
	}
}

Test(metrics, numbers_are_one_each_and_families_stand_together)
{
	const struct metric_family *last = NULL;
	const struct metric *m;
	bool seen[METRICS_COUNT] = { false };
	bool done[METRIC_FAMILY_COUNT] = { false };
	size_t count, families, i;

	m = metrics_table(&count);
	for (i = 0; i < count; i++, m++) {
		cr_assert_lt(m->number, METRICS_COUNT);
		cr_assert_not(seen[m->number], "%u", m->number);
		seen[m->number] = true;
		cr_assert_eq(metrics_find(m->number), m);
		if (m->family != last) {
			size_t f = (size_t)(m->family -
			    metrics_families(&families));

			cr_assert_not(done[f], "%s", m->family->name);
			done[f] = true;
			last = m->family;
		}
	}
	for (i = 0; i < METRIC_FAMILY_COUNT; i++)
		cr_assert(done[i], "%s", metrics_families(&families)[i].name);
	cr_assert_null(metrics_find(METRICS_COUNT));
	cr_assert_eq(metrics_role(METRICS_COUNT), ROLE_COUNT);
}

Test(metrics, labels_are_words_and_hold_no_unit)
{
	const struct metric *m;
	const char *p;
	size_t count, i;

	m = metrics_table(&count);
	for (i = 0; i < count; i++, m++) {
		if (m->labels[0] == '\0')
			continue;
		p = strchr(m->labels, '=');
		cr_assert_not_null(p);
		cr_assert_eq(p[1], '"', "%s", m->labels);
		cr_assert(ends_with(m->labels, "\""), "%s", m->labels);
		cr_assert_null(strstr(m->labels, "bytes"));
		cr_assert_null(strstr(m->labels, "seconds"));
		for (p--; p > m->labels; p--)
			cr_assert(islower((unsigned char)*p) || *p == '_');
	}
}

Test(metrics, the_manual_knows_every_name_and_no_other)
{
	char path[4096], item[256], *manual;
	const struct metric_family *f;
	size_t count, i, items = 0, len;
	FILE *file;
	const char *p;

	snprintf(path, sizeof(path), "%s/broker/supervisor/holdfast-metrics.5",
	    getenv("top_srcdir") == NULL ? "." : getenv("top_srcdir"));
	file = fopen(path, "r");
	cr_assert_not_null(file, "%s", path);
	manual = calloc(1, 65536);
	len = fread(manual, 1, 65535, file);
	fclose(file);
	cr_assert_gt(len, 0);
	f = metrics_families(&count);
	for (i = 0; i < count; i++, f++) {
		static const char *const types[] = { "counter", "gauge",
			"histogram" };

		snprintf(item, sizeof(item), ".It Cm %s Pq %s", f->name,
		    types[f->type]);
		p = strstr(manual, item);
		cr_assert_not_null(p, "%s", f->name);
		p = strchr(p, '\n') + 1;
		cr_assert_eq(strncmp(p, f->help, strlen(f->help)), 0, "%s",
		    f->name);
	}
	for (p = manual; (p = strstr(p, ".It Cm holdfast_")) != NULL; p++)
		items++;
	cr_assert_eq(items, count);
	free(manual);
}

Test(metrics, a_histogram_adds_up)
{
	uint64_t values[METRICS_BLOCK] = { 0 };
	uint64_t *b = &values[METRIC_GATEWAY_LAG % METRICS_BLOCK];

	metrics_observe(values, METRIC_GATEWAY_LAG, 1000);
	metrics_observe(values, METRIC_GATEWAY_LAG, 1001);
	metrics_observe(values, METRIC_GATEWAY_LAG, 5000000);
	cr_assert_eq(b[0], 1);
	cr_assert_eq(b[1], 2);
	cr_assert_eq(b[2], 2);
	cr_assert_eq(b[3], 2);
	cr_assert_eq(b[4], 3);
	cr_assert_eq(b[5], 5002001);
}

static void
format(struct writer *w, uint16_t number, uint64_t value, const char *owner,
    const struct metric_family **last)
{
	struct metrics_item item = { number, value, span_str(owner) };

	metrics_format(w, last, &item);
}

Test(metrics, text_is_what_a_scraper_reads)
{
	static const char expected[] =
	    "# HELP holdfast_tombstones Ended sessions whose end is still "
	    "remembered.\n# TYPE holdfast_tombstones gauge\n"
	    "holdfast_tombstones 7\n"
	    "# HELP holdfast_takeovers_total Attachments taken from a "
	    "connection that had the session.\n"
	    "# TYPE holdfast_takeovers_total counter\n"
	    "holdfast_takeovers_total{tenant=\"a_b__c\"} 1\n"
	    "holdfast_takeovers_total{tenant=\"d\"} 18446744073709551615\n";
	const struct metric_family *last = NULL;
	struct writer w;

	writer_init(&w, 65536);
	format(&w, METRIC_TOMBSTONES, 7, "", &last);
	format(&w, METRIC_TAKEOVERS, 1, "a\"b\n\\c", &last);
	format(&w, METRIC_TAKEOVERS, UINT64_MAX, "d", &last);
	format(&w, 4000, 1, "d", &last);
	cr_assert_not(w.failed);
	cr_assert_eq(w.len, strlen(expected));
	cr_assert_eq(memcmp(w.p, expected, w.len), 0, "%.*s", (int)w.len,
	    (const char *)w.p);
	writer_clear(&w);
}

Test(metrics, seconds_are_told_as_seconds)
{
	const struct metric_family *last = NULL;
	struct writer w;

	writer_init(&w, 65536);
	format(&w, METRIC_BROKER_LAG_SUM, 1500000, "", &last);
	writer_put_u8(&w, 0);
	cr_assert_not_null(strstr((char *)w.p,
	    "holdfast_broker_event_loop_lag_seconds_sum 1.500000\n"));
	writer_reset(&w);
	format(&w, METRIC_BROKER_LAG_INF, 3, "", &last);
	writer_put_u8(&w, 0);
	cr_assert_str_eq((char *)w.p,
	    "holdfast_broker_event_loop_lag_seconds_bucket{le=\"+Inf\"} 3\n"
	    "holdfast_broker_event_loop_lag_seconds_count 3\n");
	writer_clear(&w);
}

Test(metrics, only_what_has_changed_is_told)
{
	uint64_t counted[METRICS_BLOCK] = { 0 }, told[METRICS_BLOCK] = { 0 };
	struct metrics_item item;
	struct writer w;
	struct span list;

	writer_init(&w, 65536);
	counted[METRIC_STARTS % METRICS_BLOCK] = 5;
	cr_assert_eq(metrics_put_changes(&w, ROLE_RUNNER, counted, told), 1);
	list = (struct span){ w.p, w.len };
	cr_assert_eq(metrics_next_item(&list, &item), 1);
	cr_assert_eq(item.number, METRIC_STARTS);
	cr_assert_eq(item.value, 5);
	cr_assert_eq(item.owner.len, 0);
	cr_assert_eq(metrics_next_item(&list, &item), 0);
	cr_assert_eq(metrics_put_changes(&w, ROLE_RUNNER, counted, told), 0);
	writer_reset(&w);
	proto_list_add(&w, span_str("short"));
	list = (struct span){ w.p, w.len };
	cr_assert_eq(metrics_next_item(&list, &item), -1);
	writer_clear(&w);
}
