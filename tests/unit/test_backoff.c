/* SPDX-License-Identifier: ISC */
/* How long to wait before starting something again that has died. */
#include "config.h"

#include <criterion/criterion.h>

#include "broker/supervisor/backoff.h"

TestSuite(backoff, .timeout = 20);

Test(backoff, the_first_restart_is_immediate)
{
	struct backoff b = { 0 };

	cr_assert_eq(backoff_died(&b, 0), 0);
}

Test(backoff, each_further_death_waits_twice_as_long_up_to_a_limit)
{
	struct backoff b = { 0 };
	uint64_t want = BACKOFF_FIRST_MS;
	int i;

	backoff_died(&b, 0);
	for (i = 0; i < 100; i++) {
		cr_assert_eq(backoff_died(&b, BACKOFF_HEALTHY_MS - 1), want,
		    "death %d", i);
		want = want * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : want * 2;
	}
	cr_assert_eq(want, BACKOFF_MAX_MS);
}

Test(backoff, a_healthy_life_starts_anew)
{
	struct backoff b = { 0 };
	int i;

	for (i = 0; i < 10; i++)
		backoff_died(&b, 0);
	cr_assert_eq(backoff_died(&b, BACKOFF_HEALTHY_MS), 0);
	cr_assert_eq(backoff_died(&b, 0), BACKOFF_FIRST_MS);
}
