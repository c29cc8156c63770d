/* SPDX-License-Identifier: ISC */
/*
 * What runners use up of their tenants' budgets, leased to them ahead so that
 * a session that does what most do never waits.  Who wants more than is left
 * waits until the others have been asked for what they do not use.  Pure, as
 * budget.h is.
 *
 * A runner may lie; then it exceeds what it was told, for which the kernel's
 * limits are there, or it gets less than it could have.
 */
#ifndef BROKER_LEASES_H
#define BROKER_LEASES_H

#include <sys/queue.h>

#include "broker/budget.h"

/* As an amount: as much as it likes. */
#define LEASE_FREE UINT64_MAX
/* Whoever has not given back by then, in ms, has nothing to give. */
#define LEASES_WAIT_MS 100
#define LEASES_NEVER UINT64_MAX

/* One runner's; embedded by the owner, who sees nothing in it. */
struct lease_holder {
	TAILQ_ENTRY(lease_holder) entry;
	struct budget_account *tenant;
	struct lease {
		uint64_t granted;	/* of a rate: since its beginning */
		uint64_t wanted;	/* 0, or it waits for more */
		uint64_t deadline_ms;	/* until then */
		bool recalled;		/* asked, and has not answered */
		bool unasked;		/* for it, the others were not yet */
		bool unknown;		/* until it says what it has */
	} lease[BUDGET_COUNT];
};

struct leases_ops {
	/*
	 * What the holder may use in all now; with "why" not NULL that is less
	 * than it wanted.
	 */
	void (*tell)(void *arg, struct lease_holder *holder,
	    enum proto_budget budget, uint64_t amount, const char *why);
	/* Ask it to give back what it does not use, by leases_want(). */
	void (*recall)(void *arg, struct lease_holder *holder,
	    enum proto_budget budget);
};

struct leases {
	TAILQ_HEAD(, lease_holder) holders;
	struct budget_account *host;	/* borrowed */
	const struct leases_ops *ops;
	void *arg;
	uint64_t recalled_ms[BUDGET_COUNT];
};

void leases_init(struct leases *leases, struct budget_account *host,
    const struct leases_ops *ops, void *arg);

/* Whether runners lease it; the others are counted by the broker itself. */
bool leases_has(enum proto_budget budget);

/*
 * A runner starts: it is told what it has to begin with of what has a limit.
 */
void leases_open(struct leases *leases, struct lease_holder *holder,
    struct budget_account *tenant, uint64_t now_ms);

/*
 * A runner is taken over: what it says that it has, once of each, is taken for
 * what it was granted, as far as that is left.
 */
void leases_adopt(struct leases *leases, struct lease_holder *holder,
    struct budget_account *tenant);

/* It has ended, and nothing it used is left. */
void leases_close(struct leases *leases, struct lease_holder *holder,
    uint64_t now_ms);

/*
 * It wants to have "amount" in all.  More than it has: it is told, now or
 * later, what it gets.  Less, or as much: the rest is given back.
 */
void leases_want(struct leases *leases, struct lease_holder *holder,
    enum proto_budget budget, uint64_t amount, uint64_t now_ms);

/* The limits have changed. */
void leases_relimit(struct leases *leases, uint64_t now_ms);

/* Refuse those who have waited long enough; then, when to be called again. */
void leases_expire(struct leases *leases, uint64_t now_ms);
uint64_t leases_next_deadline(const struct leases *leases);

#endif
