/* SPDX-License-Identifier: ISC */
/* The broker and the pools of gateways: made, told, joined. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/supervisor/hostconf.h"
#include "broker/launch.h"
#include "broker/supervisor/options.h"
#include "broker/supervisor/storesock.h"
#include "broker/supervisor/supervise_private.h"
#include "common/chan.h"
#include "common/log.h"
#include "common/metrics.h"
#include "common/xmalloc.h"

/* How often something may die before everything was up once. */
#define SUPERVISE_TRIES 3

int
supervise_was_told(const struct ward *ward)
{
	return (ward_state(ward) == WARD_UP ||
	    ward_state(ward) == WARD_STARTING) && ward_chan(ward) != NULL;
}

static void
supervise_spawned(void *arg, struct ward *ward)
{
	struct supervisor *s = arg;

	if (ward == s->broker) {
		storesock_set_sender(s->store, ward_pid(ward));
		supervise_configure_broker(s->plan, ward_chan(ward));
		return;
	}
	supervise_configure_gateway(s->plan, ward_chan(ward),
	    ward_number(ward), ward_pool(ward));
	if (supervise_join(s->broker, ward) == -1)
		log_warn("channel for gateway %u", ward_number(ward));
}

/* Gateways that outlived the broker get a channel to the new one. */
static void
supervise_up(void *arg, struct ward *ward)
{
	struct supervisor *s = arg;
	struct ward *gateway;
	size_t i;

	for (i = 0; ward == s->broker && i < supervise_places(s); i++) {
		gateway = s->gateways[i];
		if (gateway != NULL && supervise_was_told(gateway) &&
		    supervise_join(ward, gateway) == -1)
			log_warn("channel for gateway %u",
			    ward_number(gateway));
	}
	supervise_tell_counts(s, ward == s->broker);
	supervise_pump_soon(s);
}

static void
supervise_down(void *arg, struct ward *ward)
{
	struct supervisor *s = arg;

	/* Its runners are ours now; those it has not stored are nobody's. */
	if (ward == s->broker) {
		supervise_inherit(s);
		s->sweep_asked = 0;
		s->upgrade.upgrade = 0;
		supervise_sweep(s);
	}
	if (supervise_roll_down(s, ward))
		return;
	if (s->ready && s->stage == SUPERVISE_SERVING)
		metrics_add(ward == s->broker ? METRIC_RESTARTS_BROKER :
		    METRIC_RESTARTS_GATEWAY, 1);
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

static const struct ward_watch supervise_watch = {
	.spawned = supervise_spawned,
	.up = supervise_up,
	.down = supervise_down,
	.gone = supervise_gone,
	.taken = supervise_taken,
	.sweep = supervise_asked,
	.order = supervise_order,
	.surveyed = supervise_surveyed,
};

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
	s->roll = supervise_roll_new();
	s->gateways = xcalloc(supervise_places(s), sizeof(*s->gateways));
	s->gateway_plans = xcalloc(supervise_places(s),
	    sizeof(*s->gateway_plans));
	for (i = 0, pool = 0; pool < host->npools; pool++) {
		end += supervise_pool_size(s, pool);
		for (; i < end; i++) {
			plan = xcalloc(1, sizeof(*plan));
			*plan = *common;
			plan->kind = WARD_GATEWAY;
			plan->number = supervise_gateway_number(s, pool, i);
			plan->pool = pool;
			plan->path = programs[host_needs_tls(host, pool) ?
			    PROGRAM_GATEWAY_TLS : PROGRAM_GATEWAY];
			plan->env = s->gateway_env;
			s->gateway_plans[i] = plan;
			s->gateways[i] = ward_new(plan);
		}
	}
}

/* With the socket that it stores by. */
static char **
supervise_broker_env(struct supervisor *s)
{
	char **env = launch_broker_env(environ), **all;
	size_t count = 0;

	if (s->store == NULL)
		return env;
	while (env[count] != NULL)
		count++;
	all = xcalloc(count + 2, sizeof(*all));
	memcpy(all, env, count * sizeof(*all));
	free(env);
	s->broker_notify = xasprintf("NOTIFY_SOCKET=%s",
	    storesock_path(s->store));
	all[count] = s->broker_notify;
	return all;
}

void
supervise_init_wards(struct supervisor *s)
{
	struct ward_plan common = {
		.base = s->base,
		.watchdog_ms = s->plan->options->watchdog_ms,
		.watch = &supervise_watch,
		.arg = s,
	};

	s->broker_env = supervise_broker_env(s);
	s->gateway_env = launch_gateway_env(environ);
	s->broker_plan = common;
	s->broker_plan.kind = WARD_BROKER;
	s->broker_plan.path = s->plan->programs[PROGRAM_BROKER];
	s->broker_plan.env = s->broker_env;
	s->broker_plan.store = s->store;
	s->broker = ward_new(&s->broker_plan);
	supervise_init_gateways(s, &common);
}

void
supervise_clear_wards(struct supervisor *s)
{
	size_t i;

	for (i = 0; i < supervise_places(s); i++) {
		ward_free(s->gateways[i]);
		free(s->gateway_plans[i]);
	}
	supervise_roll_free(s->roll);
	ward_free(s->broker);
	free(s->gateways);
	free(s->gateway_plans);
	free(s->broker_env);
	free(s->broker_notify);
	free(s->gateway_env);
}
