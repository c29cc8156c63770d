/* SPDX-License-Identifier: ISC */
/* The supervisor's work. */
#include "config.h"

#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "broker/hostconf.h"
#include "broker/hostwire.h"
#include "broker/launch.h"
#include "broker/listen.h"
#include "broker/notify.h"
#include "broker/options.h"
#include "broker/reload.h"
#include "broker/supervise.h"
#include "broker/ward.h"
#include "common/chan.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/reap.h"
#include "common/unix.h"
#include "common/xmalloc.h"

/* How often something may die before everything was up once. */
#define SUPERVISE_TRIES 3
/* What a gateway has to take leave of its clients, and to exit after it. */
#define SUPERVISE_LEAVE_MS 500
#define SUPERVISE_LEAVE_SLACK_MS 1000
/* What the broker has beyond the grace of the jobs. */
#define SUPERVISE_BROKER_SLACK_MS 3000
/* Between two looks for orphans, and when to go on in spite of them. */
#define SUPERVISE_SWEEP_MS 20
#define SUPERVISE_SWEEP_LIMIT_MS 10000

/* What is going on; each follows the one before. */
enum supervise_stage {
	SUPERVISE_SERVING,
	SUPERVISE_GATEWAYS,	/* stopping the gateways */
	SUPERVISE_BROKER,	/* stopping the broker */
	SUPERVISE_REST		/* killing whatever is left */
};

struct supervisor {
	struct supervise_plan *plan;
	struct event_base *base;
	struct event *signals[4];
	struct event *pump;		/* when a ward's time has come */
	struct event *sweep;		/* while orphans may be there */
	uint64_t sweep_until;		/* 0: none are expected */
	struct ward_plan broker_plan;
	struct ward *broker;
	struct ward_plan *gateway_plans;
	struct ward **gateways;
	size_t ngateways;
	char **broker_env, **gateway_env;
	enum supervise_stage stage;
	unsigned int deaths;		/* before ready */
	int ready;
	int reloading;		/* the service manager waits for its end */
	int status;
};

static void supervise_stop(struct supervisor *s);

static void
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
	for (i = 0; i < s->plan->nlisteners; i++)
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

static int
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
	if (s->stage == SUPERVISE_GATEWAYS && supervise_all(s, WARD_GONE)) {
		s->stage = SUPERVISE_BROKER;
		ward_stop(s->broker, s->plan->options->stop_grace_ms,
		    SUPERVISE_BROKER_SLACK_MS);
	}
	if (s->stage == SUPERVISE_BROKER &&
	    ward_state(s->broker) == WARD_GONE) {
		s->stage = SUPERVISE_REST;
		s->sweep_until = clock_ms() + SUPERVISE_SWEEP_LIMIT_MS;
		supervise_add_timer(s->sweep, 0);
	}
}

/*
 * What happens to a ward is looked at from the loop, never from within the
 * ward's own call.
 */
static void
supervise_pump_soon(struct supervisor *s)
{
	supervise_add_timer(s->pump, 0);
}

static void
supervise_exited_cb(pid_t pid, int status, void *arg)
{
	struct supervisor *s = arg;
	size_t i;

	if (ward_exited(s->broker, pid, status))
		return;
	for (i = 0; i < s->ngateways; i++)
		if (ward_exited(s->gateways[i], pid, status))
			return;
	log_debug("reap", "orphan %d is gone", (int)pid);
}

/* Processes that are to live on while orphans are killed. */
static void
supervise_spare(const struct supervisor *s, struct pidset *spare)
{
	size_t i;

	if (ward_pid(s->broker) != 0)
		pidset_add(spare, ward_pid(s->broker));
	for (i = 0; i < s->ngateways; i++)
		if (ward_pid(s->gateways[i]) != 0)
			pidset_add(spare, ward_pid(s->gateways[i]));
}

/* Returns whether no orphan is left, or we go on in spite of those left. */
static int
supervise_sweep_once(struct supervisor *s)
{
	struct pidset spare = { 0 };
	int left;

	supervise_spare(s, &spare);
	left = reap_signal(&spare, SIGKILL, supervise_exited_cb, s);
	pidset_clear(&spare);
	if (left == 0)
		return 1;
	if (clock_ms() < s->sweep_until)
		return 0;
	if (left == -1)
		log_warn("cannot look for orphans");
	else
		log_warnx("%d orphans do not die; going on without them",
		    left);
	return 1;
}

static void
supervise_sweep_cb(evutil_socket_t fd, short what, void *arg)
{
	struct supervisor *s = arg;

	(void)fd;
	(void)what;
	if (!supervise_sweep_once(s)) {
		supervise_add_timer(s->sweep, SUPERVISE_SWEEP_MS);
		return;
	}
	s->sweep_until = 0;
	if (s->stage == SUPERVISE_REST)
		event_base_loopbreak(s->base);
	else
		supervise_pump_soon(s);
}

static void
supervise_spawned(void *arg, struct ward *ward)
{
	struct supervisor *s = arg;

	if (ward == s->broker) {
		supervise_configure_broker(s->plan, ward_chan(ward));
		return;
	}
	supervise_configure_gateway(s->plan, ward_chan(ward),
	    ward_number(ward), ward_pool(ward));
	if (supervise_join(ward_chan(s->broker), ward_chan(ward),
	    ward_number(ward), ward_pool(ward)) == -1)
		log_warn("channel for gateway %u", ward_number(ward));
}

/* It has been told how things were, or is about to read that. */
static int
supervise_was_told(const struct ward *ward)
{
	return (ward_state(ward) == WARD_UP ||
	    ward_state(ward) == WARD_STARTING) && ward_chan(ward) != NULL;
}

/* Gateways that outlived the broker get a channel to the new one. */
static void
supervise_up(void *arg, struct ward *ward)
{
	struct supervisor *s = arg;
	struct ward *gateway;
	size_t i;

	for (i = 0; ward == s->broker && i < s->ngateways; i++) {
		gateway = s->gateways[i];
		if (supervise_was_told(gateway) &&
		    supervise_join(ward_chan(ward), ward_chan(gateway),
		    ward_number(gateway), ward_pool(gateway)) == -1)
			log_warn("channel for gateway %u",
			    ward_number(gateway));
	}
	supervise_pump_soon(s);
}

static void
supervise_down(void *arg, struct ward *ward)
{
	struct supervisor *s = arg;

	if (ward == s->broker) {
		/* Its runners are ours now, and their sessions are over. */
		s->sweep_until = clock_ms() + SUPERVISE_SWEEP_LIMIT_MS;
		supervise_add_timer(s->sweep, 0);
	}
	if (!s->ready && ++s->deaths == SUPERVISE_TRIES) {
		log_warnx("giving up: the processes do not start");
		s->status = 1;
		supervise_stop(s);
	}
	supervise_pump_soon(s);
}

static void
supervise_gone(void *arg, struct ward *ward)
{
	(void)ward;
	supervise_pump_soon(arg);
}

static void
supervise_reloaded(struct supervisor *s)
{
	if (s->reloading && notify_send("READY=1") == -1)
		log_warn("NOTIFY_SOCKET");
	s->reloading = 0;
}

static void
supervise_taken(void *arg, uint64_t count, const char *why)
{
	struct supervisor *s = arg;

	if (why != NULL)
		log_warnx("the broker goes on as before: %s", why);
	else
		log_info("configuration %ju is in force", (uintmax_t)count);
	if (count == s->plan->orders)
		supervise_reloaded(s);
}

static const struct ward_watch supervise_watch = {
	.spawned = supervise_spawned,
	.up = supervise_up,
	.down = supervise_down,
	.gone = supervise_gone,
	.taken = supervise_taken,
};

/* Called again, what is being waited for is killed. */
static void
supervise_stop(struct supervisor *s)
{
	size_t i;

	if (s->stage == SUPERVISE_SERVING) {
		s->stage = SUPERVISE_GATEWAYS;
		if (s->ready && notify_send("STOPPING=1") == -1)
			log_warn("NOTIFY_SOCKET");
		for (i = 0; i < s->plan->nlisteners; i++)
			unix_close(&s->plan->listeners[i]);
	}
	if (s->stage == SUPERVISE_GATEWAYS)
		for (i = 0; i < s->ngateways; i++)
			ward_stop(s->gateways[i], SUPERVISE_LEAVE_MS,
			    SUPERVISE_LEAVE_SLACK_MS);
	else if (s->stage == SUPERVISE_BROKER)
		ward_stop(s->broker, 0, 0);
	supervise_pump_soon(s);
}

static void
supervise_stop_cb(evutil_socket_t signo, short what, void *arg)
{
	struct supervisor *s = arg;

	(void)what;
	log_info("%s: stopping%s", strsignal((int)signo),
	    s->stage == SUPERVISE_SERVING ? "" : " at once");
	supervise_stop(s);
}

/* Who is not there is told all of it when it is. */
static void
supervise_pass_on(struct supervisor *s)
{
	struct ward *gateway;
	size_t i;

	for (i = 0; i < s->ngateways; i++) {
		gateway = s->gateways[i];
		if (supervise_was_told(gateway))
			supervise_refresh_gateway(s->plan, ward_chan(gateway),
			    ward_pool(gateway));
	}
	if (supervise_was_told(s->broker))
		hostwire_send(ward_chan(s->broker), s->plan->host,
		    s->plan->options, s->plan->orders);
	else
		supervise_reloaded(s);
}

/* The file of the audit trail may have been moved away. */
static void
supervise_rotate(struct supervisor *s)
{
	if (supervise_open_audit(s->plan) == 0 &&
	    ward_state(s->broker) == WARD_UP && ward_chan(s->broker) != NULL)
		supervise_direct_audit(s->plan, ward_chan(s->broker));
}

/* What is named on the command line may have changed inside. */
static int
supervise_can_reload(const struct options *o)
{
	return o->config != NULL || o->tls_certificate != NULL ||
	    o->ws_token_file != NULL || o->ws_shared_secret_file != NULL;
}

static void
supervise_hup_cb(evutil_socket_t signo, short what, void *arg)
{
	struct supervisor *s = arg;
	char state[64];

	(void)signo;
	(void)what;
	if (s->stage != SUPERVISE_SERVING)
		return;
	if (!supervise_can_reload(s->plan->options)) {
		supervise_rotate(s);
		log_info("no file that could be read again");
		return;
	}
	/* In microseconds, and not before we were told. */
	snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%ju",
	    (uintmax_t)(clock_ms() + 1) * 1000);
	if (notify_send(state) == -1)
		log_warn("NOTIFY_SOCKET");
	s->reloading = 1;
	if (reload_take(s->plan->reload, &s->plan->options,
	    &s->plan->host) == -1) {
		supervise_rotate(s);
		supervise_reloaded(s);
		return;
	}
	supervise_rotate(s);
	s->plan->orders++;
	supervise_pass_on(s);
}

static void
supervise_child_cb(evutil_socket_t signo, short what, void *arg)
{
	int status;
	pid_t pid;

	(void)signo;
	(void)what;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		supervise_exited_cb(pid, status, arg);
}

static void
supervise_init_loop(struct supervisor *s)
{
	size_t i;

	s->base = event_base_new();
	if (s->base == NULL)
		fatalx("no event loop");
	s->signals[0] = evsignal_new(s->base, SIGTERM, supervise_stop_cb, s);
	s->signals[1] = evsignal_new(s->base, SIGINT, supervise_stop_cb, s);
	s->signals[2] = evsignal_new(s->base, SIGCHLD, supervise_child_cb, s);
	s->signals[3] = evsignal_new(s->base, SIGHUP, supervise_hup_cb, s);
	s->pump = event_new(s->base, -1, 0, supervise_pump_cb, s);
	s->sweep = event_new(s->base, -1, 0, supervise_sweep_cb, s);
	if (s->pump == NULL || s->sweep == NULL)
		fatalx("no timers");
	for (i = 0; i < 4; i++)
		if (s->signals[i] == NULL ||
		    event_add(s->signals[i], NULL) == -1)
			fatalx("no signals");
	if (signal(SIGUSR1, SIG_IGN) == SIG_ERR)
		fatal("cannot ignore signals");
}

/* How many gateways a pool has: none if it serves no listener. */
static size_t
supervise_pool_size(const struct supervisor *s, unsigned int pool)
{
	const struct host *host = s->plan->host;
	size_t i;

	for (i = 0; i < host->nlisteners; i++)
		if (host->listeners[i].pool == pool)
			return host->pools[pool].gateways;
	return 0;
}

static void
supervise_init_gateways(struct supervisor *s, const struct ward_plan *common)
{
	char *const *programs = s->plan->programs;
	const struct host *host = s->plan->host;
	struct ward_plan *plan;
	unsigned int pool;
	size_t i, end = 0;

	for (pool = 0; pool < host->npools; pool++)
		s->ngateways += supervise_pool_size(s, pool);
	s->gateways = xcalloc(s->ngateways, sizeof(*s->gateways));
	s->gateway_plans = xcalloc(s->ngateways, sizeof(*s->gateway_plans));
	for (i = 0, pool = 0; pool < host->npools; pool++) {
		end += supervise_pool_size(s, pool);
		for (; i < end; i++) {
			plan = &s->gateway_plans[i];
			*plan = *common;
			plan->kind = WARD_GATEWAY;
			plan->number = (unsigned int)i + 1;
			plan->pool = pool;
			plan->path = programs[host_needs_tls(host, pool) ?
			    PROGRAM_GATEWAY_TLS : PROGRAM_GATEWAY];
			plan->env = s->gateway_env;
			s->gateways[i] = ward_new(plan);
		}
	}
}

static void
supervise_init_wards(struct supervisor *s)
{
	struct ward_plan common = {
		.base = s->base,
		.watchdog_ms = s->plan->options->watchdog_ms,
		.watch = &supervise_watch,
		.arg = s,
	};

	s->broker_env = launch_broker_env(environ);
	s->gateway_env = launch_gateway_env(environ);
	s->broker_plan = common;
	s->broker_plan.kind = WARD_BROKER;
	s->broker_plan.path = s->plan->programs[PROGRAM_BROKER];
	s->broker_plan.env = s->broker_env;
	s->broker = ward_new(&s->broker_plan);
	supervise_init_gateways(s, &common);
}

static void
supervise_clear(struct supervisor *s)
{
	size_t i;

	for (i = 0; i < s->ngateways; i++)
		ward_free(s->gateways[i]);
	ward_free(s->broker);
	free(s->gateways);
	free(s->gateway_plans);
	free(s->broker_env);
	free(s->gateway_env);
	for (i = 0; i < 4; i++)
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
	supervise_init_wards(&s);
	supervise_pump_soon(&s);
	if (event_base_dispatch(s.base) == -1)
		fatalx("the event loop failed");
	supervise_clear(&s);
	log_debug("supervise", "nothing is left");
	return s.status;
}
