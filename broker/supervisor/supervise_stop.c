/* SPDX-License-Identifier: ISC */
/* The end of it all, stage by stage. */
#include "config.h"

#include <string.h>

#include <event2/util.h>

#include "broker/supervisor/notify.h"
#include "broker/supervisor/options.h"
#include "broker/supervisor/supervise_private.h"
#include "common/log.h"
#include "common/unix.h"

/* What a gateway has to take leave of its clients, and to exit after it. */
#define SUPERVISE_LEAVE_MS 500
#define SUPERVISE_LEAVE_SLACK_MS 1000
/* What the broker has beyond the grace of the jobs. */
#define SUPERVISE_BROKER_SLACK_MS 3000

void
supervise_stop(struct supervisor *s)
{
	size_t i;

	if (s->stage == SUPERVISE_SERVING) {
		s->stage = SUPERVISE_GATEWAYS;
		supervise_roll_stop(s);
		if (s->ready && notify_send("STOPPING=1") == -1)
			log_warn("NOTIFY_SOCKET");
		for (i = 0; i < s->plan->nlisteners; i++)
			unix_close(&s->plan->listeners[i]);
	}
	if (s->stage == SUPERVISE_GATEWAYS) {
		for (i = 0; i < supervise_places(s); i++)
			if (s->gateways[i] != NULL)
				ward_stop(s->gateways[i], SUPERVISE_LEAVE_MS,
				    SUPERVISE_LEAVE_SLACK_MS);
	} else if (s->stage == SUPERVISE_BROKER)
		ward_stop(s->broker, 0, 0);
	supervise_pump_soon(s);
}

static int
supervise_all_gone(const struct supervisor *s)
{
	size_t i;

	for (i = 0; i < supervise_places(s); i++)
		if (s->gateways[i] != NULL &&
		    ward_state(s->gateways[i]) != WARD_GONE)
			return 0;
	return 1;
}

void
supervise_stop_further(struct supervisor *s)
{
	if (s->stage == SUPERVISE_GATEWAYS && supervise_all_gone(s)) {
		s->stage = SUPERVISE_BROKER;
		ward_stop(s->broker, s->plan->options->stop_grace_ms,
		    SUPERVISE_BROKER_SLACK_MS);
	}
	if (s->stage == SUPERVISE_BROKER &&
	    ward_state(s->broker) == WARD_GONE) {
		s->stage = SUPERVISE_REST;
		supervise_sweep(s);
	}
}

void
supervise_stop_cb(evutil_socket_t signo, short what, void *arg)
{
	struct supervisor *s = arg;

	(void)what;
	log_info("%s: stopping%s", strsignal((int)signo),
	    s->stage == SUPERVISE_SERVING ? "" : " at once");
	supervise_stop(s);
}
