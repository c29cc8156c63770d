/* SPDX-License-Identifier: ISC */
/* Adding up: whoever tells lies hurts nobody else's numbers. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "broker/tally.h"

TestSuite(tally, .timeout = 20);

static int
tell(struct tally_account *account, struct tally_source *source,
    enum proto_role role, uint16_t number, uint64_t value)
{
	struct metrics_item item = { .number = number, .value = value };
	struct writer w;
	int result;

	writer_init(&w, 4096);
	metrics_put_item(&w, &item);
	result = tally_take(account, source, role,
	    (struct span){ w.p, w.len });
	writer_clear(&w);
	return result;
}

static struct tally_account *
tenant(struct tally *tally, uint64_t id, const char *name)
{
	return tally_account(tally, METRIC_OF_TENANT, id, name);
}

Test(tally, counters_outlive_who_told_them)
{
	struct tally_source one = { { 0 } }, two = { { 0 } };
	struct tally_account *a;
	struct tally tally;

	tally_init(&tally);
	a = tenant(&tally, 1, "a");
	cr_assert_eq(tell(a, &one, ROLE_RUNNER, METRIC_STARTS, 3), 0);
	cr_assert_eq(tell(a, &one, ROLE_RUNNER, METRIC_STARTS, 5), 0);
	tally_leave(a, &one, ROLE_RUNNER);
	cr_assert_eq(tell(a, &two, ROLE_RUNNER, METRIC_STARTS, 2), 0);
	cr_assert_eq(a->values[METRIC_STARTS], 7);
	tally_clear(&tally);
}

Test(tally, gauges_end_with_who_told_them)
{
	struct tally_source one = { { 0 } }, two = { { 0 } };
	struct tally_account *a;
	struct tally tally;

	tally_init(&tally);
	a = tenant(&tally, 1, "a");
	tell(a, &one, ROLE_RUNNER, METRIC_RETAINED, 100);
	tell(a, &two, ROLE_RUNNER, METRIC_RETAINED, 10);
	tell(a, &one, ROLE_RUNNER, METRIC_RETAINED, 40);
	cr_assert_eq(a->values[METRIC_RETAINED], 50);
	tally_leave(a, &one, ROLE_RUNNER);
	cr_assert_eq(a->values[METRIC_RETAINED], 10);
	tally_leave(a, &two, ROLE_RUNNER);
	cr_assert_eq(a->values[METRIC_RETAINED], 0);
	tally_clear(&tally);
}

Test(tally, nothing_goes_back_or_runs_over)
{
	struct tally_source liar = { { 0 } }, honest = { { 0 } };
	struct tally_account *a;
	struct tally tally;
	int i;

	tally_init(&tally);
	a = tenant(&tally, 1, "a");
	tell(a, &honest, ROLE_RUNNER, METRIC_JOB_OUT, 1000);
	tell(a, &honest, ROLE_RUNNER, METRIC_JOB_OUT, 10);
	cr_assert_eq(a->values[METRIC_JOB_OUT], 1000);
	tell(a, &liar, ROLE_RUNNER, METRIC_JOB_OUT, UINT64_MAX);
	cr_assert_eq(a->values[METRIC_JOB_OUT], 1000 + TALLY_STEP);
	tell(a, &honest, ROLE_RUNNER, METRIC_JOB_OUT, 1001);
	cr_assert_eq(a->values[METRIC_JOB_OUT], 1001 + TALLY_STEP);
	for (i = 0; i < 5000; i++) {
		struct tally_source next = { { 0 } };

		tell(a, &next, ROLE_RUNNER, METRIC_JOB_OUT, UINT64_MAX);
		tell(a, &next, ROLE_RUNNER, METRIC_RETAINED, UINT64_MAX);
	}
	cr_assert_eq(a->values[METRIC_JOB_OUT], TALLY_MAX);
	cr_assert_leq(a->values[METRIC_RETAINED], TALLY_MAX);
	tally_clear(&tally);
}

Test(tally, nobody_tells_for_others)
{
	struct tally_source source = { { 0 } };
	struct tally_account *a, *b;
	struct tally tally;
	const struct metric *m;
	size_t count, i;

	tally_init(&tally);
	a = tenant(&tally, 1, "a");
	b = tenant(&tally, 2, "b");
	m = metrics_table(&count);
	for (i = 0; i < count; i++)
		tell(a, &source, ROLE_RUNNER, m[i].number, 9);
	for (i = 0; i < count; i++) {
		cr_assert_eq(a->values[m[i].number],
		    metrics_role(m[i].number) == ROLE_RUNNER ? 9 : 0);
		cr_assert_eq(b->values[m[i].number], 0);
		cr_assert_eq(tally.host.values[m[i].number], 0);
	}
	cr_assert_eq(tell(a, &source, ROLE_RUNNER, 65535, 9), 0);
	cr_assert_eq(tell(a, &source, ROLE_RUNNER, METRICS_COUNT, 9), 0);
	tally_clear(&tally);
}

Test(tally, what_is_malformed_is_refused)
{
	static const uint8_t bytes[] = { 0, 0, 0, 3, 'a', 'b', 'c' };
	struct tally_source source = { { 0 } };
	struct tally tally;

	tally_init(&tally);
	cr_assert_eq(tally_take(&tally.host, &source, ROLE_SUPERVISOR,
	    (struct span){ bytes, sizeof(bytes) }), -1);
	tally_clear(&tally);
}

Test(tally, accounts_go_with_their_tenants)
{
	struct tally tally;

	tally_init(&tally);
	tenant(&tally, 1, "a")->values[METRIC_TAKEOVERS] = 4;
	tenant(&tally, 2, "b");
	tally_account(&tally, METRIC_OF_POOL, 1, "1");
	tally_sweep_begin(&tally);
	tally_keep(&tally, 1);
	tally_sweep(&tally);
	cr_assert_eq(tally.count, 2);
	cr_assert_eq(tenant(&tally, 1, "a")->values[METRIC_TAKEOVERS], 4);
	cr_assert_eq(tally.count, 2);
	tally_clear(&tally);
}

static bool
count_cb(void *arg, const struct metrics_item *item)
{
	const struct metric *m = metrics_find(item->number);

	cr_assert_not_null(m);
	cr_assert_eq(item->owner.len > 0,
	    m->family->owner != METRIC_OF_HOST);
	(*(size_t *)arg)++;
	return true;
}

Test(tally, every_series_is_walked_once_for_each_owner)
{
	const struct metric *m;
	struct tally tally;
	size_t count, i, seen = 0, expected = 0;

	tally_init(&tally);
	tenant(&tally, 1, "a");
	tenant(&tally, 2, "b");
	tally_account(&tally, METRIC_OF_POOL, 0, "0");
	m = metrics_table(&count);
	for (i = 0; i < count; i++)
		expected += m[i].family->owner == METRIC_OF_TENANT ? 2 : 1;
	tally_walk(&tally, count_cb, &seen);
	cr_assert_eq(seen, expected);
	tally_clear(&tally);
}
