/* SPDX-License-Identifier: ISC */
/* What an earlier holdfastd has left, and leaving everything to the next. */
#include "config.h"

#include <string.h>

#include <event2/event.h>

#include "broker/supervisor/adopt.h"
#include "broker/supervisor/doors.h"
#include "broker/supervisor/storesock.h"
#include "broker/supervisor/supervise_private.h"
#include "common/chan.h"
#include "common/log.h"

/* What a gateway has that there is no place for. */
#define SUPERVISE_SURPLUS_MS 10000

static int
supervise_number_used(const struct supervisor *s, unsigned int number,
    size_t before)
{
	size_t i;

	for (i = 0; i < before; i++)
		if (s->gateway_plans[i]->number == number)
			return 1;
	return 0;
}

/*
 * Those that were found come first; of more than there is room for the latest,
 * for the others are about to leave.
 */
unsigned int
supervise_gateway_number(struct supervisor *s, unsigned int pool,
    size_t before)
{
	const struct adoption *a = s->plan->adoption;
	unsigned int number = 0;
	size_t i;

	for (i = 0; a != NULL && i < a->ngateways; i++)
		if (a->gateways[i].pool == pool &&
		    a->gateways[i].number > number &&
		    !supervise_number_used(s, a->gateways[i].number, before))
			number = a->gateways[i].number;
	if (number != 0)
		return number;
	number = 1;
	while (supervise_number_used(s, number, before) ||
	    (a != NULL && adopt_has_number(a, number)))
		number++;
	return number;
}

/* Returns whether one with that number and pool was found. */
static int
supervise_adopt_gateway(struct supervisor *s, struct ward *ward)
{
	struct adoption *a = s->plan->adoption;
	struct adopt_gateway *one;
	size_t i;

	for (i = 0; i < a->ngateways; i++) {
		one = &a->gateways[i];
		if (one->number != ward_number(ward) ||
		    one->pool != ward_pool(ward) || one->found.pidfd == -1)
			continue;
		ward_adopt(ward, &one->found);
		one->found.channel = one->found.pidfd = -1;
		if (ward_chan(ward) != NULL)
			supervise_refresh_gateway(s->plan, ward_chan(ward),
			    ward_pool(ward));
		return 1;
	}
	return 0;
}

/* Its clients come back to another one. */
static void
supervise_dismiss(struct adopt_gateway *one)
{
	struct fields_STOP stop = { .grace_ms = SUPERVISE_SURPLUS_MS };

	log_info("gateway %u, pid %d, is not needed any more", one->number,
	    (int)one->found.pid);
	if (chan_write_one(one->found.channel, MSG_SG_STOP, &stop, NULL,
	    0) == -1)
		log_warn("gateway %u", one->number);
}

void
supervise_adopt(struct supervisor *s)
{
	struct adoption *a = s->plan->adoption;
	size_t i, taken = 0;

	if (a == NULL || !a->found)
		return;
	storesock_set_sender(s->store, a->broker.pid);
	ward_adopt(s->broker, &a->broker);
	a->broker.channel = a->broker.pidfd = -1;
	for (i = 0; i < s->ngateways; i++)
		taken += (size_t)supervise_adopt_gateway(s, s->gateways[i]);
	for (i = 0; i < a->ngateways; i++)
		if (a->gateways[i].found.pidfd != -1)
			supervise_dismiss(&a->gateways[i]);
	if (ward_chan(s->broker) != NULL) {
		supervise_keep_listeners(s->plan, ward_chan(s->broker));
		supervise_give_doors(s->plan, ward_chan(s->broker));
		supervise_order_broker(s->plan, ward_chan(s->broker));
	}
	s->outdated = s->plan->changed && taken > 0;
	log_info("%zu of %zu gateways run already", taken, s->ngateways);
	adopt_clear(a);
}

/* What is stored here dies with us; the broker has all of it. */
void
supervise_try_leave(struct supervisor *s)
{
	if (ward_state(s->broker) != WARD_UP || ward_chan(s->broker) == NULL ||
	    s->sweep_until != 0 || supervise_is_rolling(s))
		return;
	log_info("leaving everything to the next holdfastd");
	s->plan->left = 1;
	event_base_loopbreak(s->base);
}

void
supervise_leave_cb(evutil_socket_t signo, short what, void *arg)
{
	struct supervisor *s = arg;

	(void)what;
	if (s->stage != SUPERVISE_SERVING)
		return;
	if (s->plan->doors->fds[DOOR_ADOPT] == -1) {
		log_warnx("%s: there is no door for another holdfastd; "
		    "staying", strsignal((int)signo));
		return;
	}
	s->leaving = 1;
	supervise_pump_soon(s);
}
