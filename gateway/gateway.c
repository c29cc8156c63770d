/* SPDX-License-Identifier: ISC */
/* One gateway: its parts, and taking leave. */
#include "config.h"

#include <stdlib.h>

#include <event2/event.h>

#include "common/log.h"
#include "gateway/crowd.h"
#include "gateway/gateway.h"
#include "gateway/rpc.h"
#include "gateway/scrape.h"
#include "gateway/ws.h"

static void
collect(void *arg)
{
	struct gateway *gw = arg;
	uint64_t unsent = 0;
	struct conn *c;

	TAILQ_FOREACH(c, &gw->conns, entry)
		unsent += conn_unwritten(c);
	metrics_set(METRIC_CONNECTIONS, gw->nconns);
	metrics_set(METRIC_UNSENT, unsent);
	metrics_set(METRIC_HELD, gw->held);
}

static bool
tell(void *arg, struct span counts)
{
	struct gateway *gw = arg;

	return upstream_tell(gw->upstream, counts);
}

static const struct meter_ops meter_ops = {
	.role = ROLE_GATEWAY,
	.lag = METRIC_GATEWAY_LAG,
	.collect = collect,
	.tell = tell,
};

static void
bury_cb(evutil_socket_t fd, short what, void *arg)
{
	struct gateway *gw = arg;

	(void)fd;
	(void)what;
	conns_bury(gw);
	if ((gw->stopping || gw->leave != NULL) && gw->nconns == 0)
		event_base_loopbreak(gw->base);
}

static void
stop_cb(evutil_socket_t fd, short what, void *arg)
{
	struct gateway *gw = arg;

	(void)fd;
	(void)what;
	event_base_loopbreak(gw->base);
}

int
gateway_init(struct gateway *gw, struct event_base *base,
    const struct gateway_config *config)
{
	*gw = (struct gateway){ .base = base, .config = *config };
	TAILQ_INIT(&gw->conns);
	TAILQ_INIT(&gw->dead);
	RB_INIT(&gw->sessions);
	gw->parser = rpc_parser_new();
	gw->upstream = upstream_new(gw);
	gw->listeners = listeners_new(gw);
	gw->scrapes = scrapes_new(gw);
	gw->crowd = crowd_new();
	gw->ev_bury = event_new(base, -1, 0, bury_cb, gw);
	gw->ev_stop = event_new(base, -1, 0, stop_cb, gw);
	if (meter_init(&gw->meter, base, &meter_ops, gw) == -1 ||
	    gw->scrapes == NULL || gw->parser == NULL || gw->upstream == NULL ||
	    gw->listeners == NULL || gw->crowd == NULL || gw->ev_bury == NULL ||
	    gw->ev_stop == NULL) {
		gateway_clear(gw);
		return -1;
	}
	return 0;
}

static void
drop_all(struct gateway *gw)
{
	struct conn *c;

	while ((c = TAILQ_FIRST(&gw->conns)) != NULL)
		conn_lost(c);
	conns_bury(gw);
}

void
gateway_clear(struct gateway *gw)
{
	drop_all(gw);
	if (gw->upstream != NULL)
		meter_flush(&gw->meter);
	meter_clear(&gw->meter);
	scrapes_free(gw->scrapes);
	leave_free(gw->leave);
	heir_free(gw->heir);
	sup_free(gw->sup);
	listeners_free(gw->listeners);
	crowd_free(gw->crowd);
	upstream_free(gw->upstream);
	rpc_parser_free(gw->parser);
	if (gw->ev_bury != NULL)
		event_free(gw->ev_bury);
	if (gw->ev_stop != NULL)
		event_free(gw->ev_stop);
	free(gw->slots);
	outq_drop_cache();
	*gw = (struct gateway){ 0 };
}

/* Closing one may end it at once, but never another. */
static void
close_all(struct gateway *gw)
{
	struct conn *c, *next;

	TAILQ_FOREACH_SAFE(c, &gw->conns, entry, next) {
		if (conn_state_row(c->state)->websocket)
			conn_close(c, WS_CODE_GOING_AWAY,
			    "the server is shutting down");
		else
			conn_close(c, 503, "the server is shutting down");
	}
}

void
gateway_stop(struct gateway *gw, uint64_t grace_ms)
{
	struct timeval tv;

	if (gw->stopping)
		return;
	gw->stopping = true;
	log_info("taking leave of %zu connections", gw->nconns);
	listeners_stop(gw->listeners);
	close_all(gw);
	if (gw->nconns == 0)
		grace_ms = 0;
	else if (grace_ms > CONN_LINGER_MS)
		grace_ms = CONN_LINGER_MS;
	tv.tv_sec = (time_t)(grace_ms / 1000);
	tv.tv_usec = (suseconds_t)(grace_ms % 1000 * 1000);
	event_add(gw->ev_stop, &tv);
}
