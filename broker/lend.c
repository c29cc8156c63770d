/* SPDX-License-Identifier: ISC */
/* Budgets lent to runners. */
#include "config.h"

#include <stddef.h>

#include <event2/event.h>

#include "broker/broker.h"
#include "common/chan.h"
#include "common/clock.h"

static struct lend *
lend_of(struct lease_holder *holder)
{
	return (struct lend *)(void *)((char *)holder -
	    offsetof(struct lend, holder));
}

static void
tell(void *arg, struct lease_holder *holder, enum proto_budget budget,
    uint64_t amount, const char *why)
{
	struct lend *lend = lend_of(holder);
	struct fields_LEASE lease = { .budget = budget, .amount = amount };

	(void)arg;
	if (why != NULL) {
		lease.has_text = true;
		lease.text = span_str(why);
	}
	if (*lend->chan != NULL)
		chan_send(*lend->chan, MSG_BR_LEASE, &lease, NULL, 0);
}

static void
recall(void *arg, struct lease_holder *holder, enum proto_budget budget)
{
	struct lend *lend = lend_of(holder);
	struct fields_BUDGET what = { .budget = budget };

	(void)arg;
	if (*lend->chan != NULL)
		chan_send(*lend->chan, MSG_BR_RECALL, &what, NULL, 0);
}

static const struct leases_ops ops = { tell, recall };

static void
arm(struct broker *broker)
{
	uint64_t next = leases_next_deadline(&broker->leases);
	uint64_t now = clock_ms();
	struct timeval tv = { 0, 0 };

	if (next == LEASES_NEVER) {
		event_del(broker->lease_timer);
		return;
	}
	if (next > now)
		tv.tv_usec = (suseconds_t)(next - now) * 1000;
	event_add(broker->lease_timer, &tv);
}

static void
timer_cb(evutil_socket_t fd, short what, void *arg)
{
	struct broker *broker = arg;

	(void)fd;
	(void)what;
	leases_expire(&broker->leases, clock_ms());
	arm(broker);
}

int
lend_init(struct broker *broker)
{
	budget_init(&broker->budget, "the host");
	leases_init(&broker->leases, &broker->budget, &ops, broker);
	broker->lease_timer = evtimer_new(broker->base, timer_cb, broker);
	return broker->lease_timer == NULL ? -1 : 0;
}

void
lend_clear(struct broker *broker)
{
	if (broker->lease_timer != NULL)
		event_free(broker->lease_timer);
}

void
lend_open(struct lend *lend, struct broker *broker,
    struct budget_account *tenant, struct chan *const *chan)
{
	lend->broker = broker;
	lend->chan = chan;
	leases_open(&broker->leases, &lend->holder, tenant, clock_ms());
}

void
lend_adopt(struct lend *lend, struct broker *broker,
    struct budget_account *tenant, struct chan *const *chan)
{
	lend->broker = broker;
	lend->chan = chan;
	leases_adopt(&broker->leases, &lend->holder, tenant);
}

void
lend_close(struct lend *lend)
{
	if (lend->broker == NULL)
		return;
	leases_close(&lend->broker->leases, &lend->holder, clock_ms());
	arm(lend->broker);
	lend->broker = NULL;
}

void
lend_want(struct lend *lend, const struct fields_LEASE *want)
{
	leases_want(&lend->broker->leases, &lend->holder, want->budget,
	    want->amount, clock_ms());
	arm(lend->broker);
}

void
lend_relimit(struct broker *broker)
{
	leases_relimit(&broker->leases, clock_ms());
	arm(broker);
}
