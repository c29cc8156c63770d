/* SPDX-License-Identifier: ISC */
/* Budgets leased to runners. */
#include "config.h"

#include <string.h>

#include "broker/leases.h"

/*
 * What a runner has to begin with, if that is a small part of what is left;
 * and the most it can ask for beyond what it has.
 */
static const struct {
	uint64_t first;
	uint64_t more;
} sizes[BUDGET_COUNT] = {
	[BUDGET_PROCESSES] = { 4, 1024 },
	[BUDGET_RETAINED_BYTES] = { 1024 * 1024, 64 * 1024 * 1024 },
	[BUDGET_SPILLED_BYTES] = { 1024 * 1024, 64 * 1024 * 1024 },
	[BUDGET_HANDLES] = { 4, 1024 },
	[BUDGET_STARTS] = { 4, 64 },
};
/* So many times the first lease must be left. */
#define FIRST_SHARE 8

bool
leases_has(enum proto_budget budget)
{
	return budget < BUDGET_COUNT && sizes[budget].first != 0;
}

void
leases_init(struct leases *leases, struct budget_account *host,
    const struct leases_ops *ops, void *arg)
{
	memset(leases, 0, sizeof(*leases));
	TAILQ_INIT(&leases->holders);
	leases->host = host;
	leases->ops = ops;
	leases->arg = arg;
}

static void
tell(struct leases *leases, struct lease_holder *holder,
    enum proto_budget budget, const char *why)
{
	leases->ops->tell(leases->arg, holder, budget,
	    holder->lease[budget].granted, why);
}

/* Nobody counts any more what it uses. */
static void
set_free(struct leases *leases, struct lease_holder *holder,
    enum proto_budget budget)
{
	struct lease *lease = &holder->lease[budget];

	if (lease->granted != LEASE_FREE)
		budget_give(holder->tenant, leases->host, budget,
		    lease->granted);
	lease->granted = LEASE_FREE;
	lease->wanted = 0;
	tell(leases, holder, budget, NULL);
}

/* Give of what is left as much as is wanted, and at least one; or nothing. */
static bool
grant(struct leases *leases, struct lease_holder *holder,
    enum proto_budget budget, uint64_t wanted, uint64_t now_ms)
{
	struct lease *lease = &holder->lease[budget];
	uint64_t more = wanted - lease->granted, left;

	left = budget_left(holder->tenant, leases->host, budget, now_ms);
	if (more > sizes[budget].more)
		more = sizes[budget].more;
	if (more > left)
		more = left;
	if (more == 0 || !budget_take(holder->tenant, leases->host, budget,
		more, now_ms, NULL))
		return false;
	lease->granted += more;
	lease->wanted = 0;
	tell(leases, holder, budget, NULL);
	return true;
}

static void
refuse(struct leases *leases, struct lease_holder *holder,
    enum proto_budget budget, uint64_t now_ms)
{
	struct lease *lease = &holder->lease[budget];
	struct budget_refusal refusal;
	char text[BUDGET_TEXT_SIZE];

	lease->wanted = 0;
	if (budget_take(holder->tenant, leases->host, budget, 1, now_ms,
		&refusal)) {
		lease->granted++;
		tell(leases, holder, budget, NULL);
		return;
	}
	tell(leases, holder, budget, budget_refusal_text(&refusal, text));
}

enum recalling { RECALL_NOBODY, RECALL_LATER, RECALL_ASKED };

/*
 * Ask everybody else who may help, but not all the time: who wants much too
 * much is not to keep the others busy.
 */
static enum recalling
recall(struct leases *leases, struct lease_holder *who,
    enum proto_budget budget, uint64_t now_ms)
{
	const struct budget_account *host = leases->host;
	bool others = host->limit[budget] != 0 &&
	    host->used[budget] >= host->limit[budget];
	bool may_ask = now_ms - leases->recalled_ms[budget] >=
	    LEASES_WAIT_MS || leases->recalled_ms[budget] == 0;
	struct lease_holder *holder;
	enum recalling result = RECALL_NOBODY;

	TAILQ_FOREACH(holder, &leases->holders, entry) {
		struct lease *lease = &holder->lease[budget];

		if (holder == who || lease->granted == 0 ||
		    lease->granted == LEASE_FREE ||
		    (!others && holder->tenant != who->tenant))
			continue;
		if (!may_ask)
			return RECALL_LATER;
		result = RECALL_ASKED;
		leases->recalled_ms[budget] = now_ms;
		if (!lease->recalled) {
			lease->recalled = true;
			leases->ops->recall(leases->arg, holder, budget);
		}
	}
	return result;
}

/* Nobody who was asked still has to answer. */
static bool
all_answered(const struct leases *leases, enum proto_budget budget)
{
	const struct lease_holder *holder;

	TAILQ_FOREACH(holder, &leases->holders, entry)
		if (holder->lease[budget].recalled)
			return false;
	return true;
}

/* Something was given back, or nobody has more to give. */
static void
serve(struct leases *leases, enum proto_budget budget, uint64_t now_ms)
{
	bool done = all_answered(leases, budget);
	struct lease_holder *holder;

	TAILQ_FOREACH(holder, &leases->holders, entry) {
		struct lease *lease = &holder->lease[budget];

		if (lease->wanted != 0 && !grant(leases, holder, budget,
			lease->wanted, now_ms) && done && !lease->unasked)
			refuse(leases, holder, budget, now_ms);
	}
}

static void
open_one(struct leases *leases, struct lease_holder *holder,
    enum proto_budget budget, uint64_t now_ms)
{
	uint64_t left, first = sizes[budget].first;

	if (budget_is_free(holder->tenant, leases->host, budget)) {
		holder->lease[budget].granted = LEASE_FREE;
		return;
	}
	left = budget_left(holder->tenant, leases->host, budget, now_ms);
	if (left / FIRST_SHARE < first)
		first = left / FIRST_SHARE;
	if (first == 0 || !grant(leases, holder, budget, first, now_ms))
		tell(leases, holder, budget, NULL);
}

void
leases_open(struct leases *leases, struct lease_holder *holder,
    struct budget_account *tenant, uint64_t now_ms)
{
	enum proto_budget budget;

	memset(holder, 0, sizeof(*holder));
	holder->tenant = tenant;
	TAILQ_INSERT_TAIL(&leases->holders, holder, entry);
	for (budget = 0; budget < BUDGET_COUNT; budget++)
		if (leases_has(budget))
			open_one(leases, holder, budget, now_ms);
}

void
leases_adopt(struct leases *leases, struct lease_holder *holder,
    struct budget_account *tenant)
{
	enum proto_budget budget;

	memset(holder, 0, sizeof(*holder));
	holder->tenant = tenant;
	TAILQ_INSERT_TAIL(&leases->holders, holder, entry);
	for (budget = 0; budget < BUDGET_COUNT; budget++)
		if (leases_has(budget))
			holder->lease[budget].unknown = true;
}

/* What a rate has given is used; the rest is counted again. */
static void
regrant(struct leases *leases, struct lease_holder *holder,
    enum proto_budget budget, uint64_t amount, uint64_t now_ms)
{
	struct lease *lease = &holder->lease[budget];
	uint64_t left = budget_left(holder->tenant, leases->host, budget,
	    now_ms);

	if (!budget_is_rate(budget)) {
		if (amount > left)
			amount = left;
		budget_force(holder->tenant, leases->host, budget, amount);
	} else if (amount >= BUDGET_LIMIT_MAX)
		amount = 0;
	lease->granted = amount;
	tell(leases, holder, budget, NULL);
}

void
leases_close(struct leases *leases, struct lease_holder *holder,
    uint64_t now_ms)
{
	enum proto_budget budget;
	uint64_t granted;

	if (holder->tenant == NULL)
		return;
	TAILQ_REMOVE(&leases->holders, holder, entry);
	for (budget = 0; budget < BUDGET_COUNT; budget++) {
		granted = holder->lease[budget].granted;
		if (!leases_has(budget) || granted == LEASE_FREE)
			continue;
		budget_give(holder->tenant, leases->host, budget, granted);
		serve(leases, budget, now_ms);
	}
	holder->tenant = NULL;
}

/* "amount" is all it uses; what a rate has given is used. */
static void
give_back(struct leases *leases, struct lease_holder *holder,
    enum proto_budget budget, uint64_t amount, uint64_t now_ms)
{
	struct lease *lease = &holder->lease[budget];
	uint64_t granted = lease->granted;

	lease->recalled = false;
	if (budget_is_rate(budget) && granted != LEASE_FREE)
		return;
	lease->granted = amount;
	/* What was free until now is counted from now on. */
	if (granted == LEASE_FREE) {
		budget_force(holder->tenant, leases->host, budget, amount);
		tell(leases, holder, budget, NULL);
	} else {
		budget_give(holder->tenant, leases->host, budget,
		    granted - amount);
	}
	serve(leases, budget, now_ms);
}

static void
wait_for_others(struct leases *leases, struct lease_holder *holder,
    enum proto_budget budget, uint64_t amount, uint64_t now_ms)
{
	struct lease *lease = &holder->lease[budget];
	enum recalling asked = recall(leases, holder, budget, now_ms);

	if (asked == RECALL_NOBODY) {
		refuse(leases, holder, budget, now_ms);
		return;
	}
	lease->wanted = amount;
	lease->unasked = asked == RECALL_LATER;
	lease->deadline_ms = LEASES_WAIT_MS +
	    (lease->unasked ? leases->recalled_ms[budget] : now_ms);
}

void
leases_want(struct leases *leases, struct lease_holder *holder,
    enum proto_budget budget, uint64_t amount, uint64_t now_ms)
{
	struct lease *lease = &holder->lease[budget];

	if (!leases_has(budget))
		return;
	if (budget_is_free(holder->tenant, leases->host, budget)) {
		lease->recalled = lease->unknown = false;
		set_free(leases, holder, budget);
		return;
	}
	if (lease->unknown) {
		lease->unknown = false;
		regrant(leases, holder, budget, amount, now_ms);
		return;
	}
	if (amount <= lease->granted && amount < BUDGET_LIMIT_MAX) {
		give_back(leases, holder, budget, amount, now_ms);
	} else if (lease->granted != LEASE_FREE &&
	    !grant(leases, holder, budget, amount, now_ms)) {
		if (budget_is_rate(budget))
			refuse(leases, holder, budget, now_ms);
		else
			wait_for_others(leases, holder, budget, amount,
			    now_ms);
	}
}

void
leases_relimit(struct leases *leases, uint64_t now_ms)
{
	struct lease_holder *holder;
	enum proto_budget budget;

	TAILQ_FOREACH(holder, &leases->holders, entry)
		for (budget = 0; budget < BUDGET_COUNT; budget++) {
			struct lease *lease = &holder->lease[budget];
			bool is_free;

			if (!leases_has(budget))
				continue;
			is_free = budget_is_free(holder->tenant, leases->host,
			    budget);
			if (is_free && lease->granted != LEASE_FREE) {
				set_free(leases, holder, budget);
			} else if (!is_free && lease->granted == LEASE_FREE) {
				lease->recalled = true;
				leases->ops->recall(leases->arg, holder,
				    budget);
			}
		}
	(void)now_ms;
}

/* It has waited; if that was for the others to be asked at all, they are. */
static void
expire_one(struct leases *leases, struct lease_holder *holder,
    enum proto_budget budget, uint64_t now_ms)
{
	struct lease *lease = &holder->lease[budget];
	bool unasked = lease->unasked;

	lease->unasked = false;
	if (unasked && (recall(leases, holder, budget, now_ms) ==
		RECALL_ASKED || !all_answered(leases, budget)))
		lease->deadline_ms = now_ms + LEASES_WAIT_MS;
	else
		refuse(leases, holder, budget, now_ms);
}

void
leases_expire(struct leases *leases, uint64_t now_ms)
{
	struct lease_holder *holder;
	enum proto_budget budget;

	TAILQ_FOREACH(holder, &leases->holders, entry)
		for (budget = 0; budget < BUDGET_COUNT; budget++) {
			struct lease *lease = &holder->lease[budget];

			if (lease->wanted != 0 && lease->deadline_ms <= now_ms)
				expire_one(leases, holder, budget, now_ms);
		}
}

uint64_t
leases_next_deadline(const struct leases *leases)
{
	const struct lease_holder *holder;
	uint64_t next = LEASES_NEVER;
	enum proto_budget budget;

	TAILQ_FOREACH(holder, &leases->holders, entry)
		for (budget = 0; budget < BUDGET_COUNT; budget++)
			if (holder->lease[budget].wanted != 0 &&
			    holder->lease[budget].deadline_ms < next)
				next = holder->lease[budget].deadline_ms;
	return next;
}
