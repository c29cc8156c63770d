/* SPDX-License-Identifier: ISC */
/* Accounts of what can run out: never beyond a limit, never lost. */
#include "config.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "broker/budget.h"

#define TENANTS 3
#define STEPS 20000

TestSuite(budget, .timeout = 20);

static struct budget_account host, tenants[TENANTS];

static void
limit(struct budget_account *account, enum proto_budget budget,
    uint64_t value)
{
	uint64_t limits[BUDGET_COUNT];

	memcpy(limits, account->limit, sizeof(limits));
	limits[budget] = value;
	budget_set_limits(account, limits);
}

static void
setup(void)
{
	static const char *const names[TENANTS] = {
		"tenant a", "tenant b", "tenant c"
	};
	size_t i;

	budget_init(&host, "the host");
	for (i = 0; i < TENANTS; i++)
		budget_init(&tenants[i], names[i]);
}

Test(budget, every_budget_has_a_name, .init = setup)
{
	enum proto_budget budget;

	cr_assert_null(budget_name(0));
	cr_assert_null(budget_name(BUDGET_COUNT));
	for (budget = 1; budget < BUDGET_COUNT; budget++) {
		cr_assert_not_null(budget_name(budget));
		cr_assert_eq(budget_is_rate(budget),
		    strstr(budget_name(budget), "-per-second") != NULL);
	}
}

Test(budget, limits_can_be_counted_with, .init = setup)
{
	limit(&host, BUDGET_HANDLES, UINT64_MAX);
	cr_assert_eq(host.limit[BUDGET_HANDLES], BUDGET_LIMIT_MAX);
	limit(&host, BUDGET_ATTACHES, UINT64_MAX);
	cr_assert(budget_take(&tenants[0], &host, BUDGET_ATTACHES,
	    BUDGET_LIMIT_MAX, 0, NULL));
	cr_assert_eq(budget_left(&tenants[0], &host, BUDGET_ATTACHES, 0), 0);
}

Test(budget, who_refuses_is_named, .init = setup)
{
	struct budget_refusal refusal;
	char text[BUDGET_TEXT_SIZE];

	limit(&tenants[0], BUDGET_SESSIONS, 2);
	limit(&host, BUDGET_SESSIONS, 3);
	cr_assert(budget_take(&tenants[0], &host, BUDGET_SESSIONS, 2, 0, NULL));
	cr_assert_not(budget_take(&tenants[0], &host, BUDGET_SESSIONS, 1, 0,
	    &refusal));
	cr_assert_str_eq(budget_refusal_text(&refusal, text),
	    "tenant a has reached its limit \"sessions\" of 2");
	cr_assert(budget_take(&tenants[1], &host, BUDGET_SESSIONS, 1, 0, NULL));
	cr_assert_not(budget_take(&tenants[1], &host, BUDGET_SESSIONS, 1, 0,
	    &refusal));
	cr_assert_str_eq(budget_refusal_text(&refusal, text),
	    "the host has reached its limit \"sessions\" of 3");
	/* What was refused is in neither account. */
	cr_assert_eq(tenants[1].used[BUDGET_SESSIONS], 1);
	cr_assert_eq(host.used[BUDGET_SESSIONS], 3);
}

Test(budget, without_limits_nothing_is_refused, .init = setup)
{
	cr_assert(budget_is_free(&tenants[0], &host, BUDGET_FLIGHT_BYTES));
	cr_assert_eq(budget_left(&tenants[0], &host, BUDGET_FLIGHT_BYTES, 0),
	    UINT64_MAX);
	cr_assert(budget_take(&tenants[0], &host, BUDGET_FLIGHT_BYTES,
	    BUDGET_LIMIT_MAX, 0, NULL));
	cr_assert(budget_take(&tenants[0], &host, BUDGET_ATTACHES,
	    1, 0, NULL));
	limit(&host, BUDGET_ATTACHES, 5);
	cr_assert_not(budget_is_free(&tenants[0], &host, BUDGET_ATTACHES));
}

/* Whatever is asked when: in no second more than twice the rate. */
Test(budget, rates_come_back, .init = setup)
{
	struct budget_refusal refusal;
	uint64_t now = 5000, taken = 0;
	char text[BUDGET_TEXT_SIZE];

	limit(&tenants[0], BUDGET_ATTACHES, 20);
	while (budget_take(&tenants[0], &host, BUDGET_ATTACHES, 1, now,
	    &refusal))
		taken++;
	cr_assert_eq(taken, 20);
	cr_assert_eq(refusal.retry_ms, 50);
	cr_assert_str_eq(budget_refusal_text(&refusal, text),
	    "tenant a has reached its limit \"attaches-per-second\" of 20; "
	    "try again in 50 ms");
	cr_assert_not(budget_take(&tenants[0], &host, BUDGET_ATTACHES, 1,
	    now + 49, &refusal));
	cr_assert_eq(refusal.retry_ms, 1);
	cr_assert(budget_take(&tenants[0], &host, BUDGET_ATTACHES, 1,
	    now + 50, NULL));
	/* Giving back is for what stays in use. */
	budget_give(&tenants[0], &host, BUDGET_ATTACHES, 20);
	cr_assert_not(budget_take(&tenants[0], &host, BUDGET_ATTACHES, 1,
	    now + 50, NULL));
	now += 50 + 1000;
	cr_assert_eq(budget_left(&tenants[0], &host, BUDGET_ATTACHES, now), 20);
	/* No more than that is saved up, and nothing ever gets stuck. */
	cr_assert_eq(budget_left(&tenants[0], &host, BUDGET_ATTACHES,
	    UINT64_MAX), 20);
	cr_assert(budget_take(&tenants[0], &host, BUDGET_ATTACHES, 20, now,
	    NULL));
	limit(&tenants[0], BUDGET_ATTACHES, 1);
	cr_assert_eq(budget_left(&tenants[0], &host, BUDGET_ATTACHES,
	    now + 10000), 0);
	cr_assert_eq(budget_left(&tenants[0], &host, BUDGET_ATTACHES,
	    now + 21000), 1);
	/* A clock that stands still, or is read in a strange order. */
	cr_assert_eq(budget_left(&tenants[0], &host, BUDGET_ATTACHES, 0), 0);
}

Test(budget, a_lowered_limit_takes_nothing_away, .init = setup)
{
	limit(&tenants[0], BUDGET_PROCESSES, 10);
	cr_assert(budget_take(&tenants[0], &host, BUDGET_PROCESSES, 8, 0,
	    NULL));
	limit(&tenants[0], BUDGET_PROCESSES, 5);
	cr_assert_eq(budget_left(&tenants[0], &host, BUDGET_PROCESSES, 0), 0);
	budget_give(&tenants[0], &host, BUDGET_PROCESSES, 2);
	cr_assert_not(budget_take(&tenants[0], &host, BUDGET_PROCESSES, 1, 0,
	    NULL));
	budget_give(&tenants[0], &host, BUDGET_PROCESSES, 2);
	cr_assert(budget_take(&tenants[0], &host, BUDGET_PROCESSES, 1, 0,
	    NULL));
	budget_force(&tenants[0], &host, BUDGET_PROCESSES, 9);
	cr_assert_eq(tenants[0].used[BUDGET_PROCESSES], 14);
	cr_assert_eq(host.used[BUDGET_PROCESSES], 14);
	budget_give(&tenants[0], &host, BUDGET_PROCESSES, 100);
	cr_assert_eq(tenants[0].used[BUDGET_PROCESSES], 0);
}

/* A long walk: each account holds the sum of what was taken from it. */
Test(budget, walk, .init = setup)
{
	uint64_t held[TENANTS] = { 0 }, all, amount;
	unsigned int seed = 4711;
	size_t i, who;
	int step;

	limit(&host, BUDGET_HANDLES, 50);
	for (i = 0; i < TENANTS; i++)
		limit(&tenants[i], BUDGET_HANDLES, 20 + i);
	for (step = 0; step < STEPS; step++) {
		who = (size_t)rand_r(&seed) % TENANTS;
		amount = (uint64_t)rand_r(&seed) % 6;
		if (rand_r(&seed) % 2 == 0) {
			if (budget_take(&tenants[who], &host, BUDGET_HANDLES,
				amount, 0, NULL))
				held[who] += amount;
		} else {
			if (amount > held[who])
				amount = held[who];
			budget_give(&tenants[who], &host, BUDGET_HANDLES,
			    amount);
			held[who] -= amount;
		}
		for (all = 0, i = 0; i < TENANTS; i++) {
			all += held[i];
			cr_assert_eq(tenants[i].used[BUDGET_HANDLES], held[i]);
			cr_assert_leq(held[i], 20 + i);
		}
		cr_assert_eq(host.used[BUDGET_HANDLES], all);
		cr_assert_leq(all, 50);
	}
}
