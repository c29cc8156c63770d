/* SPDX-License-Identifier: ISC */
/* The shell around leases.h: messages to runners, and the clock. */
#ifndef BROKER_LEND_H
#define BROKER_LEND_H

#include "broker/leases.h"

struct broker;
struct chan;
struct event;

/* Of one runner; embedded. */
struct lend {
	struct lease_holder holder;
	struct broker *broker;	/* NULL: not open */
	struct chan *const *chan;	/* its owner's; NULL in it: lost */
};

int lend_init(struct broker *broker);
void lend_clear(struct broker *broker);

/* A runner starts; "chan" is looked at whenever there is something to say. */
void lend_open(struct lend *lend, struct broker *broker,
    struct budget_account *tenant, struct chan *const *chan);

/*
 * A runner is taken over that has used some already, and will say how much: it
 * is told nothing before.
 */
void lend_adopt(struct lend *lend, struct broker *broker,
    struct budget_account *tenant, struct chan *const *chan);
void lend_close(struct lend *lend);
void lend_want(struct lend *lend, const struct fields_LEASE *want);

/* The limits are others now. */
void lend_relimit(struct broker *broker);

#endif
