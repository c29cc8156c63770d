/* SPDX-License-Identifier: ISC */
/* The supervisor's work: the loop, and that all become ready. */
#include "config.h"

#include <signal.h>
#include <stdio.h>

#include <event2/event.h>

#include "broker/supervisor/hostconf.h"
#include "broker/listen.h"
#include "broker/supervisor/notify.h"
#include "broker/supervisor/supervise_private.h"
#include "common/clock.h"
#include "common/log.h"

void
supervise_add_timer(struct event *timer, uint64_t ms)
{
	struct timeval tv = {
		.tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000) * 1000,
	};

	event_add(timer, &tv);
}

static void
supervise_say_ready(struct supervisor *s)
{
	char url[LISTEN_URL_SIZE];
	size_t i;

	s->ready = 1;
	/* Who reads these has them already. */
	for (i = 0; i < s->plan->nlisteners && !s->plan->heir; i++)
		printf("%s\n", listen_format(&s->plan->host->listeners[i].addr, url));
	if (fflush(stdout) == EOF)
		log_warn("standard output");
	if (notify_send("READY=1") == -1)
		log_warn("NOTIFY_SOCKET");
	log_info("ready with %zu gateway%s", s->ngateways,
	    s->ngateways == 1 ? "" : "s");
}

/*
 * Start "ward" if it waits for that and its time has come.  Returns how long
 * it still has to wait, in milliseconds, or UINT64_MAX.
 */
static uint64_t
supervise_start_due(struct ward *ward, uint64_t now)
{
	uint64_t not_before = ward_not_before(ward);

	if (ward_state(ward) != WARD_IDLE)
		return UINT64_MAX;
	if (not_before > now)
		return not_before - now;
	ward_start(ward);
	return UINT64_MAX;
}

int
supervise_all(const struct supervisor *s, enum ward_state state)
{
	size_t i;

	for (i = 0; i < s->ngateways; i++)
		if (ward_state(s->gateways[i]) != state)
			return 0;
	return 1;
}

/* The broker first, for a gateway without one could only refuse clients. */
static void
supervise_pump_serving(struct supervisor *s)
{
	uint64_t now = clock_ms(), wait = UINT64_MAX, one;
	size_t i;

	if (s->sweep_until == 0)
		wait = supervise_start_due(s->broker, now);
	for (i = 0; i < s->ngateways &&
	    ward_state(s->broker) == WARD_UP; i++) {
		one = supervise_start_due(s->gateways[i], now);
		if (one < wait)
			wait = one;
	}
	if (!s->ready && ward_state(s->broker) == WARD_UP &&
	    supervise_all(s, WARD_UP))
		supervise_say_ready(s);
	supervise_upgrade_further(s);
	if (s->leaving)
		supervise_try_leave(s);
	supervise_roll_further(s);
	if (wait != UINT64_MAX)
		supervise_add_timer(s->pump, wait);
}

static void
supervise_pump_cb(evutil_socket_t fd, short what, void *arg)
{
	struct supervisor *s = arg;

	(void)fd;
	(void)what;
	if (s->stage == SUPERVISE_SERVING)
		supervise_pump_serving(s);
	else
		supervise_stop_further(s);
}

void
supervise_pump_soon(struct supervisor *s)
{
	supervise_add_timer(s->pump, 0);
}

static const struct {
	int signo;
	event_callback_fn fn;
} signals[SUPERVISE_SIGNALS] = {
	{ SIGTERM, supervise_stop_cb },
	{ SIGINT, supervise_stop_cb },
	{ SIGCHLD, supervise_child_cb },
	{ SIGHUP, supervise_hup_cb },
	{ SIGUSR1, supervise_usr1_cb },
	{ SIGUSR2, supervise_leave_cb },
};

static void
supervise_init_loop(struct supervisor *s)
{
	size_t i;

	s->base = event_base_new();
	if (s->base == NULL)
		fatalx("no event loop");
	for (i = 0; i < SUPERVISE_SIGNALS; i++)
		s->signals[i] = evsignal_new(s->base, signals[i].signo,
		    signals[i].fn, s);
	s->pump = event_new(s->base, -1, 0, supervise_pump_cb, s);
	s->sweep = event_new(s->base, -1, 0, supervise_sweep_cb, s);
	if (s->pump == NULL || s->sweep == NULL)
		fatalx("no timers");
	for (i = 0; i < SUPERVISE_SIGNALS; i++)
		if (s->signals[i] == NULL ||
		    event_add(s->signals[i], NULL) == -1)
			fatalx("no signals");
}

static void
supervise_clear(struct supervisor *s)
{
	size_t i;

	supervise_clear_wards(s);
	supervise_clear_store(s);
	for (i = 0; i < SUPERVISE_SIGNALS; i++)
		event_free(s->signals[i]);
	event_free(s->pump);
	event_free(s->sweep);
	event_base_free(s->base);
}

int
supervise_run(struct supervise_plan *plan)
{
	struct supervisor s = { .plan = plan };

	supervise_init_loop(&s);
	supervise_init_store(&s);
	supervise_init_wards(&s);
	supervise_adopt(&s);
	/* Of children that have ended another image may have been told. */
	supervise_child_cb(SIGCHLD, 0, &s);
	supervise_pump_soon(&s);
	if (event_base_dispatch(s.base) == -1)
		fatalx("the event loop failed");
	supervise_clear(&s);
	log_debug("supervise", plan->left ? "all is left as it is" :
	    "nothing is left");
	return s.status;
}
