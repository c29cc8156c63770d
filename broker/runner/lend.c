/* SPDX-License-Identifier: ISC */
/* Leases of budgets, used. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "broker/runner/lend.h"
#include "broker/runner/runner.h"
#include "common/chan.h"

#define ANSWER_MS 1000		/* the broker has so long */
#define AHEAD 3			/* asked for beyond what is needed */
#define SPARE 16		/* more than that goes back */
#define BYTES_AHEAD (1024 * 1024)
#define BYTES_SPARE (8 * 1024 * 1024)
#define FILES_AHEAD (4 * 1024 * 1024)

/* One request that waits; the attachment is not read meanwhile. */
struct waiting {
	struct event *timer;
	enum proto_budget budget;
	struct proto_head head;
	uint8_t payload[];
};

void
lend_init(uint64_t amounts[BUDGET_COUNT])
{
	size_t i;

	for (i = 0; i < BUDGET_COUNT; i++)
		amounts[i] = LEND_FREE;
}

static uint64_t
in_use(const struct runner *runner, enum proto_budget budget)
{
	switch (budget) {
	case BUDGET_PROCESSES:
		return runner->open;
	case BUDGET_STARTS:
		return runner->serials;
	case BUDGET_HANDLES:
		return runner->handles;
	case BUDGET_RETAINED_BYTES:
		return outlog_pool_used();
	case BUDGET_SPILLED_BYTES:
		return runner->spill.used;
	default:
		return 0;
	}
}

static bool
lacks(const struct runner *runner, enum proto_budget budget)
{
	return in_use(runner, budget) >= runner->amounts[budget];
}

/* What a request needs one more of, and there is not; 0 for nothing. */
static enum proto_budget
lacking(const struct runner *runner, uint16_t type,
    const union proto_any *msg)
{
	if (type == MSG_GR_FS_OPEN)
		return lacks(runner, BUDGET_HANDLES) ? BUDGET_HANDLES : 0;
	/* What is there already is only told of again. */
	if (type != MSG_GR_START || table_find_id((struct runner *)
		(uintptr_t)runner, msg->GR_START.process_id) != NULL)
		return 0;
	if (lacks(runner, BUDGET_PROCESSES))
		return BUDGET_PROCESSES;
	return lacks(runner, BUDGET_STARTS) ? BUDGET_STARTS : 0;
}

static void
want(struct runner *runner, enum proto_budget budget, uint64_t amount)
{
	struct fields_LEASE lease = { .budget = budget, .amount = amount };

	if (runner->broker != NULL &&
	    chan_phase(runner->broker) != PHASE_START)
		chan_send(runner->broker, MSG_RB_WANT, &lease, NULL, 0);
}

static void
refuse(struct attach *attach, const struct proto_head *head,
    const union proto_any *msg, const char *why)
{
	struct call call = {
		.number = head->call,
		.has_int = msg->BOXED_CALL.has_id_int,
		.id_int = msg->BOXED_CALL.id_int,
		.has_str = msg->BOXED_CALL.has_id_str,
		.id_str = msg->BOXED_CALL.id_str,
	};

	attach_error(attach, &call, head->type, -32603, "%s", why);
}

void
lend_forget(struct runner *runner)
{
	struct waiting *waiting = runner->waiting;

	if (waiting == NULL)
		return;
	runner->waiting = NULL;
	event_free(waiting->timer);
	free(waiting);
}

/* Go on with what waits; "why" is for the client if there is still no room. */
static void
go_on(struct runner *runner, const char *why)
{
	struct waiting *waiting = runner->waiting;
	struct attach *attach = runner->attach;
	union proto_any msg;

	runner->waiting = NULL;
	event_free(waiting->timer);
	attach->waits = false;
	attach_throttle(attach);
	/* It has been read once, so it can be read. */
	if (proto_decode(proto_row(waiting->head.type), waiting->payload,
		waiting->head.len, &msg) == PROTO_OK) {
		if (why != NULL && lacking(runner, waiting->head.type,
			&msg) != 0)
			refuse(attach, &waiting->head, &msg, why);
		else
			serve_request(attach, &waiting->head, &msg,
			    waiting->payload);
	}
	free(waiting);
}

static void
late_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	go_on(arg, "the server does not say whether its limits allow it");
}

static int
put_aside(struct attach *attach, const struct proto_head *head,
    const uint8_t *payload, enum proto_budget budget)
{
	static const struct timeval deadline = {
		ANSWER_MS / 1000, ANSWER_MS % 1000 * 1000
	};
	struct runner *runner = attach->runner;
	struct waiting *waiting = malloc(sizeof(*waiting) + head->len);

	if (waiting == NULL)
		return -1;
	waiting->timer = evtimer_new(runner->base, late_cb, runner);
	if (waiting->timer == NULL ||
	    event_add(waiting->timer, &deadline) == -1) {
		if (waiting->timer != NULL)
			event_free(waiting->timer);
		free(waiting);
		return -1;
	}
	waiting->budget = budget;
	waiting->head = *head;
	memcpy(waiting->payload, payload, head->len);
	runner->waiting = waiting;
	attach->waits = true;
	attach_throttle(attach);
	return 0;
}

bool
lend_admits(struct attach *attach, const struct proto_head *head,
    const union proto_any *msg, const uint8_t *payload)
{
	struct runner *runner = attach->runner;
	enum proto_budget budget = lacking(runner, head->type, msg);

	if (budget == 0)
		return true;
	/* The last that a client sent that has left, all at once. */
	if (runner->waiting != NULL ||
	    put_aside(attach, head, payload, budget) == -1)
		refuse(attach, head, msg, "the limits do not allow it now");
	else
		want(runner, budget, in_use(runner, budget) + 1 + AHEAD);
	return false;
}

void
lend_told(struct runner *runner, const struct fields_LEASE *lease)
{
	char why[512];
	struct child *child;

	if (lease->budget >= BUDGET_COUNT)
		return;
	runner->amounts[lease->budget] = lease->amount;
	if (lease->budget == BUDGET_RETAINED_BYTES) {
		outlog_pool_limit(lease->amount);
		runner->bytes_asked = lease->has_text;
		TAILQ_FOREACH(child, &runner->children, entry)
			child_set_keep(child);
		return;
	}
	if (lease->budget == BUDGET_SPILLED_BYTES) {
		spill_lent(runner, lease->has_text);
		return;
	}
	if (runner->waiting == NULL ||
	    runner->waiting->budget != lease->budget)
		return;
	if (!lease->has_text || span_to_str(lease->text, why,
		sizeof(why)) == -1)
		go_on(runner, NULL);
	else
		go_on(runner, why);
}

static void
give_back(struct runner *runner, enum proto_budget budget, uint64_t amount)
{
	runner->amounts[budget] = amount;
	if (budget == BUDGET_RETAINED_BYTES)
		outlog_pool_limit(amount);
	want(runner, budget, amount);
}

void
lend_recalled(struct runner *runner, enum proto_budget budget)
{
	if (budget < BUDGET_COUNT)
		give_back(runner, budget, in_use(runner, budget));
	runner->bytes_asked = false;
	runner->spill.refused = false;
}

void
lend_repeat(struct runner *runner)
{
	static const enum proto_budget leased[] = {
		BUDGET_PROCESSES, BUDGET_STARTS, BUDGET_HANDLES,
		BUDGET_RETAINED_BYTES, BUDGET_SPILLED_BYTES
	};
	uint64_t amount;
	size_t i;

	for (i = 0; i < sizeof(leased) / sizeof(leased[0]); i++) {
		amount = runner->amounts[leased[i]];
		want(runner, leased[i], amount == LEND_FREE ?
		    in_use(runner, leased[i]) : amount);
	}
	/* What was asked for and not answered is asked for again. */
	if (runner->waiting != NULL)
		want(runner, runner->waiting->budget,
		    in_use(runner, runner->waiting->budget) + 1 + AHEAD);
	runner->bytes_asked = false;
	runner->spill.asked = runner->spill.refused = false;
}

void
lend_settle(struct runner *runner)
{
	static const struct {
		enum proto_budget budget;
		uint64_t keep, spare;
	} rows[] = {
		{ BUDGET_PROCESSES, AHEAD + 1, SPARE },
		{ BUDGET_HANDLES, AHEAD + 1, SPARE },
		{ BUDGET_RETAINED_BYTES, BYTES_AHEAD, BYTES_SPARE },
		{ BUDGET_SPILLED_BYTES, BYTES_AHEAD, BYTES_SPARE },
	};
	uint64_t used, amount;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		amount = runner->amounts[rows[i].budget];
		used = in_use(runner, rows[i].budget);
		if (amount != LEND_FREE && amount > used + rows[i].spare)
			give_back(runner, rows[i].budget,
			    used + rows[i].keep);
	}
	runner->bytes_asked = false;
	runner->spill.refused = false;
}

void
lend_output(struct runner *runner)
{
	uint64_t amount = runner->amounts[BUDGET_RETAINED_BYTES];
	uint64_t used;

	if (amount == LEND_FREE || runner->bytes_asked)
		return;
	used = outlog_pool_used();
	if (used + BYTES_AHEAD / 2 < amount)
		return;
	/* Once refused, it is asked again when something has gone. */
	runner->bytes_asked = true;
	want(runner, BUDGET_RETAINED_BYTES, (used > amount ? used : amount) +
	    BYTES_AHEAD);
}

uint64_t
lend_spilled(struct runner *runner)
{
	uint64_t amount = runner->amounts[BUDGET_SPILLED_BYTES];
	struct spill *spill = &runner->spill;

	if (amount == LEND_FREE)
		return UINT64_MAX;
	if (spill->used + BYTES_AHEAD > amount && !spill->asked &&
	    !spill->refused) {
		spill->asked = true;
		want(runner, BUDGET_SPILLED_BYTES, spill->used +
		    FILES_AHEAD);
	}
	return amount > spill->used ? amount - spill->used : 0;
}
