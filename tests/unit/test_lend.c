/* SPDX-License-Identifier: ISC */
/* What a runner does with what it is lent: it asks, waits, gives back. */
#include "config.h"

#include <criterion/criterion.h>
#include <string.h>

#include "tests/lib/runnerkit.h"

#define LONG "sleep 1000"

TestSuite(lend, .timeout = 30);

static void
lease(struct kit *kit, enum proto_budget budget, uint64_t amount,
    const char *why)
{
	struct fields_LEASE lease = { .budget = budget, .amount = amount };

	if (why != NULL) {
		lease.has_text = true;
		lease.text = span_str(why);
	}
	kit_order(kit, MSG_BR_LEASE, &lease);
}

static void
expect_want(struct kit *kit, enum proto_budget budget, uint64_t amount)
{
	kit_expect_order(kit, MSG_RB_WANT);
	cr_assert_eq((int)kit->order.LEASE.budget, (int)budget);
	cr_assert_eq(kit->order.LEASE.amount, amount);
}

/* All it does not use goes back; what comes then is behind it. */
static void
recall(struct kit *kit, enum proto_budget budget, uint64_t used)
{
	struct fields_BUDGET recall = { .budget = budget };

	kit_order(kit, MSG_BR_RECALL, &recall);
	expect_want(kit, budget, used);
}

static void
expect_error(struct kit *kit, uint32_t call, const char *text)
{
	kit_until(kit, MSG_RG_ERROR, call);
	cr_assert(span_is(kit->msg.RG_ERROR.error_text, text));
}

/* What the runner says of itself is read. */
static void
begin(struct kit *kit)
{
	kit_start(kit, NULL);
	kit_until(kit, MSG_RG_HELLO, 0);
}

Test(lend, nothing_is_asked_for_where_nothing_is_limited)
{
	struct kit kit;

	begin(&kit);
	kit_result(&kit, kit_shell(&kit, "a", LONG, 0));
	recall(&kit, BUDGET_PROCESSES, 1);
	recall(&kit, BUDGET_HANDLES, 0);
	kit_stop(&kit);
}

Test(lend, who_needs_more_waits_for_it)
{
	struct kit kit;
	uint32_t call;

	begin(&kit);
	recall(&kit, BUDGET_PROCESSES, 0);
	call = kit_shell(&kit, "a", LONG, 0);
	expect_want(&kit, BUDGET_PROCESSES, 4);
	cr_assert(kit_quiet(&kit, 50));
	lease(&kit, BUDGET_PROCESSES, 2, NULL);
	kit_result(&kit, call);
	/* What there is ahead needs no question. */
	kit_result(&kit, kit_shell(&kit, "b", LONG, 0));
	call = kit_shell(&kit, "c", LONG, 0);
	expect_want(&kit, BUDGET_PROCESSES, 6);
	lease(&kit, BUDGET_PROCESSES, 2, "there is none");
	expect_error(&kit, call, "there is none");
	recall(&kit, BUDGET_PROCESSES, 2);
	kit_stop(&kit);
}

/* What is behind it waits, too, and comes in its turn. */
Test(lend, requests_stay_in_order)
{
	struct kit kit;
	uint32_t first, second;

	begin(&kit);
	recall(&kit, BUDGET_PROCESSES, 0);
	first = kit_shell(&kit, "a", LONG, 0);
	second = kit_read(&kit, "a", 0, UINT64_MAX, 0);
	expect_want(&kit, BUDGET_PROCESSES, 4);
	cr_assert(kit_quiet(&kit, 50));
	lease(&kit, BUDGET_PROCESSES, 4, NULL);
	kit_result(&kit, first);
	kit_result(&kit, second);
	kit_stop(&kit);
}

Test(lend, of_two_budgets_both_are_asked_for)
{
	struct kit kit;
	uint32_t call;

	begin(&kit);
	recall(&kit, BUDGET_PROCESSES, 0);
	lease(&kit, BUDGET_STARTS, 0, NULL);
	call = kit_shell(&kit, "a", LONG, 0);
	expect_want(&kit, BUDGET_PROCESSES, 4);
	lease(&kit, BUDGET_PROCESSES, 4, NULL);
	expect_want(&kit, BUDGET_STARTS, 4);
	lease(&kit, BUDGET_STARTS, 0, "not so fast");
	expect_error(&kit, call, "not so fast");
	kit_stop(&kit);
}

Test(lend, a_broker_that_says_nothing_is_not_waited_for)
{
	struct kit kit;
	uint32_t call;

	begin(&kit);
	recall(&kit, BUDGET_PROCESSES, 0);
	call = kit_shell(&kit, "a", LONG, 0);
	expect_error(&kit, call,
	    "the server does not say whether its limits allow it");
	/* An answer that comes after all is of use for the next one. */
	lease(&kit, BUDGET_PROCESSES, 4, NULL);
	expect_want(&kit, BUDGET_PROCESSES, 4);
	recall(&kit, BUDGET_HANDLES, 0);
	kit_result(&kit, kit_shell(&kit, "a", LONG, 0));
	kit_stop(&kit);
}

Test(lend, what_is_there_already_needs_nothing)
{
	struct kit kit;

	begin(&kit);
	kit_result(&kit, kit_shell(&kit, "a", LONG, 0));
	recall(&kit, BUDGET_PROCESSES, 1);
	/* On the same connection its id is taken, which is told at once. */
	kit_until(&kit, MSG_RG_ERROR, kit_shell(&kit, "a", LONG, 0));
	cr_assert_eq(kit.msg.RG_ERROR.error_code, -32600);
	kit_stop(&kit);
}

/* What ends is given back when it is much, and a little is kept ahead. */
Test(lend, what_is_not_needed_goes_back)
{
	struct kit kit;

	begin(&kit);
	kit_result(&kit, kit_shell(&kit, "a", "exit 0", 0));
	lease(&kit, BUDGET_PROCESSES, 100, NULL);
	kit_until_event(&kit, MSG_RG_CLOSED, "a");
	kit_result(&kit, kit_shell(&kit, "b", "exit 0", 0));
	kit_until_event(&kit, MSG_RG_CLOSED, "b");
	kit_expect_order(&kit, MSG_RB_WANT);
	cr_assert_eq((int)kit.order.LEASE.budget, (int)BUDGET_PROCESSES);
	cr_assert_leq(kit.order.LEASE.amount, 5);
	kit_stop(&kit);
}
