/* SPDX-License-Identifier: ISC */
/*
 * Gateways are replaced one by one: another is started in the spare place,
 * and when it serves, the old one is told to leave, and waited for.  One that
 * does not come up ends the roll; whoever it was to replace stays.
 */
#include "config.h"

#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/util.h>

#include "broker/supervisor/hostconf.h"
#include "broker/supervisor/options.h"
#include "broker/supervisor/supervise_private.h"
#include "common/chan.h"
#include "common/log.h"
#include "common/metrics.h"
#include "common/unix.h"
#include "common/xmalloc.h"

/* What a gateway has to exit beyond the time to leave. */
#define ROLL_SLACK_MS 1000

/* Who waits for a roll, at most; the others are told to ask again. */
#define ROLL_WAITERS 8

#define SWAP(a, b) do { \
	struct ward_plan *swapped = (a); \
	(a) = (b); \
	(b) = swapped; \
} while (0)

struct waiter {
	supervise_told_fn *told;
	void *arg;
	uint64_t id;
};

/* A roll, or the one after it. */
struct round {
	int wanted;
	int handoff;
	uint64_t grace_ms;
	struct waiter waiters[ROLL_WAITERS];
	size_t nwaiters;
};

struct roll {
	struct round now, next;
	size_t at;		/* the place that is being replaced */
	size_t replaced;
	int failed;		/* the spare one has died */
};

struct roll *
supervise_roll_new(void)
{
	return xcalloc(1, sizeof(struct roll));
}

void
supervise_roll_free(struct roll *roll)
{
	free(roll);
}

static void
tell(const struct round *round, int done, uint32_t status, const char *text)
{
	size_t i;

	for (i = 0; i < round->nwaiters; i++)
		round->waiters[i].told(round->waiters[i].arg,
		    round->waiters[i].id, done, status, text);
}

static void
finish(struct supervisor *s, uint32_t status, const char *text)
{
	struct round done = s->roll->now;

	s->roll->now = s->roll->next;
	s->roll->next = (struct round){ 0 };
	s->roll->at = s->roll->replaced = 0;
	metrics_add(status == 0 ? METRIC_ROLLS_DONE : METRIC_ROLLS_FAILED,
	    1);
	supervise_tell_counts(s, 0);
	tell(&done, 1, status, text);
	if (s->roll->now.wanted)
		supervise_pump_soon(s);
}

static void
drop(struct ward **ward, struct ward_plan **plan)
{
	ward_free(*ward);
	free(*plan);
	*ward = NULL;
	*plan = NULL;
}

static unsigned int
highest_number(const struct supervisor *s)
{
	unsigned int most = 0;
	size_t i;

	for (i = 0; i < supervise_places(s); i++)
		if (s->gateways[i] != NULL &&
		    ward_number(s->gateways[i]) > most)
			most = ward_number(s->gateways[i]);
	return most;
}

static void
start_spare(struct supervisor *s)
{
	size_t spare = supervise_spare_place(s);
	struct ward_plan *plan = xcalloc(1, sizeof(*plan));

	*plan = *s->gateway_plans[s->roll->at];
	plan->number = highest_number(s) + 1;
	s->gateway_plans[spare] = plan;
	s->gateways[spare] = ward_new(plan);
	s->roll->failed = 0;
	ward_start(s->gateways[spare]);
}

/* The new one gets one end of a channel between them; the other, or -1. */
static int
make_heir(struct ward *heir)
{
	static const struct fields_NOTHING nothing;
	int pair[2];

	if (unix_pair(SOCK_SEQPACKET, pair) == -1) {
		log_warn("channel between gateways");
		return -1;
	}
	chan_send(ward_chan(heir), MSG_SG_HEIR, &nothing, &pair[1], 1);
	return pair[0];
}

/* The spare one serves: it has the place from now on, and the old one goes. */
static void
change_places(struct supervisor *s)
{
	size_t spare = supervise_spare_place(s), leaving = spare + 1;
	size_t at = s->roll->at;
	struct round *now = &s->roll->now;
	struct ward *old = s->gateways[at];
	char text[128];
	int heir = now->handoff ? make_heir(s->gateways[spare]) : -1;

	s->gateways[leaving] = old;
	s->gateways[at] = s->gateways[spare];
	s->gateways[spare] = NULL;
	SWAP(s->gateway_plans[leaving], s->gateway_plans[at]);
	SWAP(s->gateway_plans[at], s->gateway_plans[spare]);
	snprintf(text, sizeof(text), "gateway %u takes the place of gateway "
	    "%u", ward_number(s->gateways[at]), ward_number(old));
	log_info("%s", text);
	tell(now, 0, 0, text);
	ward_retire(old, now->grace_ms, ROLL_SLACK_MS, heir);
}

static void
fail(struct supervisor *s)
{
	size_t spare = supervise_spare_place(s);
	char text[128];

	snprintf(text, sizeof(text), "gateway %u does not come up; gateway %u "
	    "stays, and so do those after it",
	    ward_number(s->gateways[spare]),
	    ward_number(s->gateways[s->roll->at]));
	log_warnx("%s", text);
	drop(&s->gateways[spare], &s->gateway_plans[spare]);
	finish(s, 1, text);
}

/* Whether the one whose turn it is can be replaced now; 0: wait for it. */
static int
take_turn(struct supervisor *s)
{
	struct roll *roll = s->roll;

	for (; roll->at < s->ngateways; roll->at++) {
		if (ward_state(s->gateways[roll->at]) == WARD_UP)
			return 1;
		/* Another is about to be started there in any case. */
		if (ward_state(s->gateways[roll->at]) == WARD_STARTING)
			return 0;
	}
	return 0;
}

static void
finish_all(struct supervisor *s)
{
	char text[64];

	snprintf(text, sizeof(text), "%zu gateway%s replaced",
	    s->roll->replaced, s->roll->replaced == 1 ? "" : "s");
	log_info("%s", text);
	finish(s, 0, text);
}

void
supervise_roll_further(struct supervisor *s)
{
	struct roll *roll = s->roll;
	size_t spare = supervise_spare_place(s), leaving = spare + 1;

	if (s->gateways[leaving] != NULL) {
		if (ward_state(s->gateways[leaving]) != WARD_GONE)
			return;
		drop(&s->gateways[leaving], &s->gateway_plans[leaving]);
		roll->replaced++;
		roll->at++;
	}
	if (!roll->now.wanted || !s->ready)
		return;
	if (s->gateways[spare] == NULL) {
		if (ward_state(s->broker) != WARD_UP)
			return;
		if (take_turn(s))
			start_spare(s);
		else if (roll->at == s->ngateways)
			finish_all(s);
		return;
	}
	if (roll->failed || ward_state(s->gateways[spare]) == WARD_IDLE)
		fail(s);
	else if (ward_state(s->gateways[spare]) == WARD_UP)
		change_places(s);
}

/* The spare one has exited, by itself or killed for being late. */
int
supervise_roll_down(struct supervisor *s, const struct ward *ward)
{
	if (ward != s->gateways[supervise_spare_place(s)])
		return 0;
	s->roll->failed = 1;
	supervise_pump_soon(s);
	return 1;
}

static int
add_waiter(struct round *round, const struct supervise_roll_wish *wish)
{
	if (wish->told == NULL)
		return 0;
	if (round->nwaiters == ROLL_WAITERS)
		return -1;
	round->waiters[round->nwaiters++] = (struct waiter){ wish->told,
		wish->arg, wish->id };
	return 0;
}

void
supervise_roll(struct supervisor *s, const struct supervise_roll_wish *wish)
{
	struct round *round;

	if (s->stage != SUPERVISE_SERVING) {
		if (wish->told != NULL)
			wish->told(wish->arg, wish->id, 1, 1,
			    "holdfastd is stopping");
		return;
	}
	round = s->roll->now.wanted ? &s->roll->next : &s->roll->now;
	if (add_waiter(round, wish) == -1) {
		wish->told(wish->arg, wish->id, 1, 1,
		    "too many wait for that already");
		return;
	}
	round->wanted = 1;
	round->handoff = round->handoff || wish->handoff;
	round->grace_ms = wish->grace_ms != 0 ? wish->grace_ms :
	    s->plan->options->drain_ms;
	log_info("gateways are to be replaced%s", round == &s->roll->now ?
	    "" : " once more");
	supervise_pump_soon(s);
}

void
supervise_roll_stop(struct supervisor *s)
{
	s->roll->next.wanted = 0;
	tell(&s->roll->next, 1, 1, "holdfastd is stopping");
	tell(&s->roll->now, 1, 1, "holdfastd is stopping");
	s->roll->now = s->roll->next = (struct round){ 0 };
}

void
supervise_usr1_cb(evutil_socket_t signo, short what, void *arg)
{
	struct supervisor *s = arg;
	struct supervise_roll_wish wish = {
		.handoff = s->plan->options->handoff,
	};

	(void)signo;
	(void)what;
	supervise_roll(s, &wish);
}
