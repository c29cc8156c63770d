/* SPDX-License-Identifier: ISC */
/* Remembering the last write ids. */
#include "config.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/runner/writeid.h"

TestSuite(writeid, .timeout = 20);

static int
add(struct writeid *set, size_t number)
{
	char id[32];

	return writeid_add(set, id,
	    (size_t)snprintf(id, sizeof(id), "write-%zu", number));
}

Test(writeid, knows_what_it_has_seen)
{
	struct writeid set = { 0 };

	cr_assert_eq(writeid_add(&set, "a", 1), 1);
	cr_assert_eq(writeid_add(&set, "a", 1), 0);
	cr_assert_eq(writeid_add(&set, "b", 1), 1);
	cr_assert_eq(writeid_add(&set, "ab", 2), 1);
	cr_assert_eq(writeid_add(&set, "a", 1), 0);
	cr_assert_eq(writeid_add(&set, "a\0", 2), 1);
	writeid_clear(&set);
	cr_assert_eq(writeid_add(&set, "a", 1), 1);
	writeid_clear(&set);
}

Test(writeid, forgets_the_oldest_and_nothing_else)
{
	struct writeid set = { 0 };
	size_t i, last = 5 * WRITEID_MAX + 100;

	for (i = 0; i < last; i++) {
		cr_assert_eq(add(&set, i), 1);
		if (i >= WRITEID_MAX - 1)
			cr_assert_eq(add(&set, i - (WRITEID_MAX - 1)), 0);
	}
	for (i = last - WRITEID_MAX; i < last; i++)
		cr_assert_eq(add(&set, i), 0);
	cr_assert_eq(set.count, WRITEID_MAX);
	cr_assert_eq(add(&set, last - WRITEID_MAX - 1), 1);
	cr_assert_eq(add(&set, last - WRITEID_MAX), 1);
	writeid_clear(&set);
}

Test(writeid, repeats_do_not_push_others_out)
{
	struct writeid set = { 0 };
	size_t i;

	for (i = 0; i < WRITEID_MAX; i++)
		cr_assert_eq(add(&set, i), 1);
	for (i = 0; i < 3 * WRITEID_MAX; i++)
		cr_assert_eq(add(&set, 7), 0);
	cr_assert_eq(add(&set, 0), 0);
	writeid_clear(&set);
}

/* Ids drawn from few, so that slots are freed and taken all the time. */
Test(writeid, agrees_with_a_plain_queue)
{
	static size_t queue[WRITEID_MAX];
	static int seen[6000];
	struct writeid set = { 0 };
	size_t count = 0, id, step;
	unsigned int seed = 1;

	for (step = 0; step < 200000; step++) {
		id = (size_t)rand_r(&seed) % 6000;
		cr_assert_eq(add(&set, id), !seen[id], "step %zu", step);
		if (seen[id])
			continue;
		if (count >= WRITEID_MAX)
			seen[queue[count % WRITEID_MAX]] = 0;
		queue[count++ % WRITEID_MAX] = id;
		seen[id] = 1;
	}
	writeid_clear(&set);
}
