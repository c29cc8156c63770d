/* SPDX-License-Identifier: ISC */
/* Budgets leased to runners: shared fairly, given back, never beyond. */
#include "config.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "broker/leases.h"

#define HOLDERS 6
#define TENANTS 2
#define STEPS 20000

TestSuite(leases, .timeout = 20);

static struct budget_account host, tenants[TENANTS];
static struct leases book;
static struct party {
	struct lease_holder holder;
	bool open;
	uint64_t granted[BUDGET_COUNT];
	uint64_t used[BUDGET_COUNT];
	unsigned int told, refused, recalled;
	char why[BUDGET_TEXT_SIZE];
} parties[HOLDERS];

static struct party *
party_of(struct lease_holder *holder)
{
	return (struct party *)((char *)holder -
	    offsetof(struct party, holder));
}

static void
tell(void *arg, struct lease_holder *holder, enum proto_budget budget,
    uint64_t amount, const char *why)
{
	struct party *party = party_of(holder);

	(void)arg;
	party->granted[budget] = amount;
	party->told++;
	if (why != NULL) {
		party->refused++;
		strncpy(party->why, why, sizeof(party->why) - 1);
	}
}

static void
recall(void *arg, struct lease_holder *holder, enum proto_budget budget)
{
	(void)arg;
	(void)budget;
	party_of(holder)->recalled++;
}

static const struct leases_ops ops = { tell, recall };

static void
limit(struct budget_account *account, enum proto_budget budget,
    uint64_t value)
{
	account->limit[budget] = value;
}

static void
open_party(size_t i, size_t tenant)
{
	memset(&parties[i], 0, sizeof(parties[i]));
	leases_open(&book, &parties[i].holder, &tenants[tenant], 1000);
	parties[i].open = true;
}

static void
want(size_t i, enum proto_budget budget, uint64_t amount, uint64_t now)
{
	leases_want(&book, &parties[i].holder, budget, amount, now);
}

static void
setup(void)
{
	budget_init(&host, "the host");
	budget_init(&tenants[0], "tenant a");
	budget_init(&tenants[1], "tenant b");
	leases_init(&book, &host, &ops, NULL);
}

Test(leases, without_limits_all_are_free, .init = setup)
{
	enum proto_budget budget;

	open_party(0, 0);
	for (budget = 0; budget < BUDGET_COUNT; budget++)
		cr_assert_eq(parties[0].holder.lease[budget].granted,
		    leases_has(budget) ? LEASE_FREE : 0);
	cr_assert_eq(parties[0].told, 0);
	want(0, BUDGET_PROCESSES, 5, 1000);
	cr_assert_eq(parties[0].granted[BUDGET_PROCESSES], LEASE_FREE);
	leases_close(&book, &parties[0].holder, 1000);
	leases_close(&book, &parties[0].holder, 1000);
}

Test(leases, begin_small_where_there_is_plenty, .init = setup)
{
	limit(&tenants[0], BUDGET_PROCESSES, 200);
	limit(&host, BUDGET_STARTS, 3);
	open_party(0, 0);
	cr_assert_eq(parties[0].granted[BUDGET_PROCESSES], 4);
	cr_assert_eq(parties[0].granted[BUDGET_STARTS], 0);
	cr_assert_eq(tenants[0].used[BUDGET_PROCESSES], 4);
	want(0, BUDGET_PROCESSES, 8, 1000);
	cr_assert_eq(parties[0].granted[BUDGET_PROCESSES], 8);
	want(0, BUDGET_PROCESSES, 3, 1000);
	cr_assert_eq(tenants[0].used[BUDGET_PROCESSES], 3);
	leases_close(&book, &parties[0].holder, 1000);
	cr_assert_eq(tenants[0].used[BUDGET_PROCESSES], 0);
}

Test(leases, what_others_do_not_use_is_asked_back, .init = setup)
{
	limit(&tenants[0], BUDGET_PROCESSES, 10);
	open_party(0, 0);
	open_party(1, 0);
	open_party(2, 1);
	want(0, BUDGET_PROCESSES, 10, 1000);
	want(1, BUDGET_PROCESSES, 2, 1000);
	/* Nobody was refused, and nobody else's tenant was bothered. */
	cr_assert_eq(parties[0].recalled, 1);
	cr_assert_eq(parties[1].refused, 0);
	cr_assert_eq(parties[2].recalled, 0);
	cr_assert_eq(leases_next_deadline(&book), 1000 + LEASES_WAIT_MS);
	want(0, BUDGET_PROCESSES, 7, 1010);
	cr_assert_eq(parties[1].granted[BUDGET_PROCESSES], 2);
	cr_assert_eq(leases_next_deadline(&book), LEASES_NEVER);
	cr_assert_eq(tenants[0].used[BUDGET_PROCESSES], 9);
}

/* Who has answered may have less in use by now than it said. */
Test(leases, asked_again_before_anybody_is_refused, .init = setup)
{
	limit(&tenants[0], BUDGET_PROCESSES, 10);
	open_party(0, 0);
	open_party(1, 0);
	open_party(2, 0);
	want(0, BUDGET_PROCESSES, 10, 1000);
	want(1, BUDGET_PROCESSES, 2, 1000);
	want(0, BUDGET_PROCESSES, 8, 1001);
	cr_assert_eq(parties[1].refused, 0);
	want(2, BUDGET_PROCESSES, 1, 1001);
	cr_assert_eq(parties[1].refused, 1);
	want(1, BUDGET_PROCESSES, 2, 1010);
	want(2, BUDGET_PROCESSES, 2, 1011);
	cr_assert_eq(parties[0].recalled, 1);
	leases_expire(&book, 1000 + LEASES_WAIT_MS);
	cr_assert_eq(parties[0].recalled, 2);
	want(2, BUDGET_PROCESSES, 1, 1001 + LEASES_WAIT_MS);
	cr_assert_eq(parties[1].refused + parties[2].refused, 1);
	want(0, BUDGET_PROCESSES, 6, 1001 + LEASES_WAIT_MS);
	cr_assert_eq(parties[1].refused + parties[2].refused, 1);
	cr_assert_eq(parties[1].granted[BUDGET_PROCESSES], 2);
	cr_assert_eq(parties[2].granted[BUDGET_PROCESSES], 2);
	cr_assert_eq(leases_next_deadline(&book), LEASES_NEVER);
}

Test(leases, refused_when_all_is_in_use, .init = setup)
{
	limit(&tenants[0], BUDGET_PROCESSES, 10);
	open_party(0, 0);
	open_party(1, 0);
	want(0, BUDGET_PROCESSES, 10, 1000);
	want(1, BUDGET_PROCESSES, 2, 1000);
	want(0, BUDGET_PROCESSES, 9, 1001);
	cr_assert_eq(parties[1].refused, 1);
	cr_assert_str_eq(parties[1].why,
	    "tenant a has reached its limit \"processes\" of 10");
	/* Asked again at once, nobody is bothered before his time. */
	want(1, BUDGET_PROCESSES, 2, 1002);
	cr_assert_eq(parties[0].recalled, 1);
	cr_assert_eq(leases_next_deadline(&book), 1000 + LEASES_WAIT_MS);
	leases_expire(&book, 1000 + LEASES_WAIT_MS);
	cr_assert_eq(parties[0].recalled, 2);
	cr_assert_eq(parties[1].refused, 1);
	want(0, BUDGET_PROCESSES, 9, 1001 + LEASES_WAIT_MS);
	cr_assert_eq(parties[1].refused, 2);
	/* One that never answers holds nobody up for long. */
	want(1, BUDGET_PROCESSES, 2, 2000);
	cr_assert_eq(parties[0].recalled, 3);
	leases_expire(&book, 2000 + LEASES_WAIT_MS - 1);
	cr_assert_eq(parties[1].refused, 2);
	leases_expire(&book, 2000 + LEASES_WAIT_MS);
	cr_assert_eq(parties[1].refused, 3);
	/* The end of another gives all back. */
	want(1, BUDGET_PROCESSES, 3, 5000);
	leases_close(&book, &parties[0].holder, 5000);
	cr_assert_eq(parties[1].granted[BUDGET_PROCESSES], 3);
}

Test(leases, a_full_host_asks_all_tenants, .init = setup)
{
	limit(&host, BUDGET_HANDLES, 6);
	open_party(0, 0);
	open_party(1, 1);
	want(0, BUDGET_HANDLES, 6, 1000);
	want(1, BUDGET_HANDLES, 1, 1000);
	cr_assert_eq(parties[0].recalled, 1);
	want(0, BUDGET_HANDLES, 5, 1000);
	cr_assert_eq(parties[1].granted[BUDGET_HANDLES], 1);
}

Test(leases, starts_are_counted_by_the_second, .init = setup)
{
	limit(&tenants[0], BUDGET_STARTS, 3);
	open_party(0, 0);
	want(0, BUDGET_STARTS, 2, 1000);
	cr_assert_eq(parties[0].granted[BUDGET_STARTS], 2);
	want(0, BUDGET_STARTS, 5, 1000);
	cr_assert_eq(parties[0].granted[BUDGET_STARTS], 3);
	want(0, BUDGET_STARTS, 4, 1000);
	cr_assert_eq(parties[0].refused, 1);
	cr_assert_not_null(strstr(parties[0].why, "try again in"));
	want(0, BUDGET_STARTS, 4, 1400);
	cr_assert_eq(parties[0].granted[BUDGET_STARTS], 4);
}

Test(leases, new_limits_count_what_was_free, .init = setup)
{
	open_party(0, 0);
	limit(&tenants[0], BUDGET_PROCESSES, 5);
	limit(&tenants[0], BUDGET_STARTS, 5);
	leases_relimit(&book, 1000);
	cr_assert_eq(parties[0].recalled, 2);
	want(0, BUDGET_PROCESSES, 7, 1000);
	want(0, BUDGET_STARTS, 90, 1000);
	cr_assert_eq(parties[0].granted[BUDGET_PROCESSES], 7);
	cr_assert_eq(parties[0].granted[BUDGET_STARTS], 90);
	cr_assert_eq(tenants[0].used[BUDGET_PROCESSES], 7);
	want(0, BUDGET_PROCESSES, 8, 1000);
	cr_assert_eq(parties[0].refused, 1);
	limit(&tenants[0], BUDGET_PROCESSES, 0);
	leases_relimit(&book, 1000);
	cr_assert_eq(parties[0].granted[BUDGET_PROCESSES], LEASE_FREE);
	cr_assert_eq(tenants[0].used[BUDGET_PROCESSES], 0);
}

Test(leases, nonsense_is_bounded, .init = setup)
{
	limit(&host, BUDGET_PROCESSES, 100000);
	open_party(0, 0);
	want(0, 0, 5, 1000);
	want(0, BUDGET_COUNT, 5, 1000);
	want(0, BUDGET_SESSIONS, 5, 1000);
	cr_assert_eq(host.used[BUDGET_SESSIONS], 0);
	want(0, BUDGET_PROCESSES, UINT64_MAX, 1000);
	cr_assert_lt(host.used[BUDGET_PROCESSES], 2000);
	limit(&host, BUDGET_RETAINED_BYTES, 5);
	leases_relimit(&book, 1000);
	want(0, BUDGET_RETAINED_BYTES, UINT64_MAX, 1000);
	cr_assert_leq(host.used[BUDGET_RETAINED_BYTES], BUDGET_LIMIT_MAX);
}

/* What each uses is never more than it was told, nor all than the limits. */
static void
check(void)
{
	uint64_t sums[TENANTS] = { 0 }, all = 0;
	size_t i, t;

	for (i = 0; i < HOLDERS; i++) {
		if (!parties[i].open)
			continue;
		t = (size_t)(parties[i].holder.tenant - tenants);
		sums[t] += parties[i].granted[BUDGET_PROCESSES];
		all += parties[i].granted[BUDGET_PROCESSES];
		cr_assert_leq(parties[i].used[BUDGET_PROCESSES],
		    parties[i].granted[BUDGET_PROCESSES]);
	}
	for (t = 0; t < TENANTS; t++)
		cr_assert_eq(tenants[t].used[BUDGET_PROCESSES], sums[t]);
	cr_assert_eq(host.used[BUDGET_PROCESSES], all);
	cr_assert_leq(sums[0], 20);
	cr_assert_leq(all, 30);
}

static void
step(size_t i, unsigned int *seed, uint64_t now)
{
	struct party *party = &parties[i];
	uint64_t *used = &party->used[BUDGET_PROCESSES];
	uint64_t *granted = &party->granted[BUDGET_PROCESSES];

	switch (rand_r(seed) % 6) {
	case 0:
		if (party->open)
			leases_close(&book, &party->holder, now);
		else
			open_party(i, i % TENANTS);
		if (party->holder.tenant == NULL)
			party->open = false;
		break;
	case 1:
		*used -= *used > 0;
		break;
	case 2:
		if (party->open && *used < *granted)
			++*used;
		break;
	case 3:
		if (!party->open)
			break;
		*granted = *used;
		want(i, BUDGET_PROCESSES, *used, now);
		break;
	default:
		if (party->open)
			want(i, BUDGET_PROCESSES, *granted + 1 +
			    (uint64_t)rand_r(seed) % 3, now);
		break;
	}
}

Test(leases, walk, .init = setup)
{
	unsigned int seed = 99;
	uint64_t now = 1000;
	int i;

	limit(&tenants[0], BUDGET_PROCESSES, 20);
	limit(&host, BUDGET_PROCESSES, 30);
	for (i = 0; i < STEPS; i++) {
		now += (uint64_t)rand_r(&seed) % 20;
		leases_expire(&book, now);
		step((size_t)rand_r(&seed) % HOLDERS, &seed, now);
		check();
	}
	for (i = 0; i < HOLDERS; i++)
		leases_close(&book, &parties[i].holder, now);
	cr_assert_eq(host.used[BUDGET_PROCESSES], 0);
	cr_assert_eq(leases_next_deadline(&book), LEASES_NEVER);
}
