/* SPDX-License-Identifier: ISC */
/* Accounts of what can run out. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "broker/budget.h"

#define THOUSANDTHS 1000

static const char *const names[BUDGET_COUNT] = {
#define B(name, number, text) [BUDGET_##name] = text,
	PROTO_BUDGETS(B)
#undef B
};

const char *
budget_name(enum proto_budget budget)
{
	return budget < BUDGET_COUNT ? names[budget] : NULL;
}

bool
budget_is_rate(enum proto_budget budget)
{
	return budget == BUDGET_STARTS || budget == BUDGET_ATTACHES;
}

void
budget_init(struct budget_account *account, const char *whose)
{
	memset(account, 0, sizeof(*account));
	account->whose = whose;
}

void
budget_set_limits(struct budget_account *account,
    const uint64_t limits[BUDGET_COUNT])
{
	size_t i;

	for (i = 0; i < BUDGET_COUNT; i++)
		account->limit[i] = limits[i] < BUDGET_LIMIT_MAX ? limits[i] :
		    BUDGET_LIMIT_MAX;
}

/* What has not come back of a rate by now, in thousandths. */
static uint64_t
rate_used(const struct budget_account *account, enum proto_budget budget,
    uint64_t now_ms)
{
	uint64_t used = account->used[budget], passed = 0;
	uint64_t limit = account->limit[budget];

	if (now_ms > account->seen_ms[budget])
		passed = now_ms - account->seen_ms[budget];
	if (limit == 0 || passed > used / limit)
		return 0;
	return used - passed * limit;
}

static uint64_t
account_left(const struct budget_account *account, enum proto_budget budget,
    uint64_t now_ms)
{
	uint64_t limit = account->limit[budget], used = account->used[budget];

	if (limit == 0)
		return UINT64_MAX;
	if (!budget_is_rate(budget))
		return used < limit ? limit - used : 0;
	used = rate_used(account, budget, now_ms);
	limit *= THOUSANDTHS;
	return used < limit ? (limit - used) / THOUSANDTHS : 0;
}

static void
account_take(struct budget_account *account, enum proto_budget budget,
    uint64_t amount, uint64_t now_ms)
{
	if (!budget_is_rate(budget)) {
		account->used[budget] += amount;
	} else if (account->limit[budget] == 0) {
		account->used[budget] = 0;
	} else {
		account->used[budget] = rate_used(account, budget, now_ms) +
		    amount * THOUSANDTHS;
		account->seen_ms[budget] = now_ms;
	}
}

static void
account_give(struct budget_account *account, enum proto_budget budget,
    uint64_t amount)
{
	uint64_t *used = &account->used[budget];

	*used -= amount < *used ? amount : *used;
}

bool
budget_is_free(const struct budget_account *tenant,
    const struct budget_account *host, enum proto_budget budget)
{
	return tenant->limit[budget] == 0 && host->limit[budget] == 0;
}

uint64_t
budget_left(const struct budget_account *tenant,
    const struct budget_account *host, enum proto_budget budget,
    uint64_t now_ms)
{
	uint64_t own = account_left(tenant, budget, now_ms);
	uint64_t all = account_left(host, budget, now_ms);

	return own < all ? own : all;
}

/* How long until a rate has room for "amount", or 0 if it never has. */
static uint64_t
retry_after(const struct budget_account *account, enum proto_budget budget,
    uint64_t amount, uint64_t now_ms)
{
	uint64_t limit = account->limit[budget], used, over;

	if (!budget_is_rate(budget) || amount > limit)
		return 0;
	used = rate_used(account, budget, now_ms) + amount * THOUSANDTHS;
	over = used > limit * THOUSANDTHS ? used - limit * THOUSANDTHS : 0;
	return (over + limit - 1) / limit;
}

bool
budget_has(const struct budget_account *tenant,
    const struct budget_account *host, enum proto_budget budget,
    uint64_t amount, uint64_t now_ms, struct budget_refusal *refusal)
{
	const struct budget_account *accounts[] = { tenant, host };
	size_t i;

	for (i = 0; i < 2; i++) {
		if (account_left(accounts[i], budget, now_ms) >= amount)
			continue;
		if (refusal != NULL)
			*refusal = (struct budget_refusal){
				.whose = accounts[i]->whose,
				.budget = budget,
				.limit = accounts[i]->limit[budget],
				.retry_ms = retry_after(accounts[i], budget,
				    amount, now_ms),
			};
		return false;
	}
	return true;
}

bool
budget_take(struct budget_account *tenant, struct budget_account *host,
    enum proto_budget budget, uint64_t amount, uint64_t now_ms,
    struct budget_refusal *refusal)
{
	if (!budget_has(tenant, host, budget, amount, now_ms, refusal))
		return false;
	account_take(tenant, budget, amount, now_ms);
	account_take(host, budget, amount, now_ms);
	return true;
}

void
budget_force(struct budget_account *tenant, struct budget_account *host,
    enum proto_budget budget, uint64_t amount)
{
	if (budget_is_rate(budget))
		return;
	account_take(tenant, budget, amount, 0);
	account_take(host, budget, amount, 0);
}

void
budget_give(struct budget_account *tenant, struct budget_account *host,
    enum proto_budget budget, uint64_t amount)
{
	if (budget_is_rate(budget))
		return;
	account_give(tenant, budget, amount);
	account_give(host, budget, amount);
}

const char *
budget_refusal_text(const struct budget_refusal *refusal,
    char out[BUDGET_TEXT_SIZE])
{
	int n;

	n = snprintf(out, BUDGET_TEXT_SIZE,
	    "%s has reached its limit \"%s\" of %llu", refusal->whose,
	    budget_name(refusal->budget), (unsigned long long)refusal->limit);
	if (refusal->retry_ms > 0 && n > 0 && n < BUDGET_TEXT_SIZE)
		snprintf(out + n, BUDGET_TEXT_SIZE - (size_t)n,
		    "; try again in %llu ms",
		    (unsigned long long)refusal->retry_ms);
	return out;
}
