/* SPDX-License-Identifier: ISC */
/* The control channel to the supervisor. */
#include "config.h"

#include <stdbool.h>
#include <stdlib.h>

#include <event2/event.h>

#include "common/chan.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/unix.h"
#include "gateway/gateway.h"

/* How often an orphan looks around, and how long it stays, in milliseconds. */
#define LOOK_MS 1000
#define ALONE_MS 10000

struct sup {
	struct gateway *gw;
	struct chan *chan;	/* NULL once it is lost */
	struct event *ev_look;
	uint64_t alone;		/* since when, 0: not */
	bool ready;		/* the broker may say when we are */
};

static void
on_listener(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	const struct fields_SG_LISTENER *m = &msg->SG_LISTENER;
	struct sup *sup = arg;
	char text[LOG_CLEAN_SIZE];

	log_clean(text, m->listener.p, m->listener.len);
	if (fds->count == 0) {
		if (listeners_change(sup->gw->listeners, m) == -1)
			log_warnx("%s: other rules for what is not served",
			    text);
		return;
	}
	if (listeners_add(sup->gw->listeners, m, chan_take_fd(fds, 0)) == -1)
		fatalx("cannot serve %s", text);
	log_debug("sup", "serving %s", text);
}

/* The first ones must do; afterwards there are those in use. */
static void
on_tls(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct span name = msg->SG_TLS.listener;
	int chain = chan_take_fd(fds, 0), key = chan_take_fd(fds, 1);
	struct sup *sup = arg;
	char text[LOG_CLEAN_SIZE];
	const char *wrong;

	log_clean(text, name.p, name.len);
	wrong = listeners_set_tls(sup->gw->listeners, name, chain, key);
	unix_close(&chain);
	unix_close(&key);
	if (wrong == NULL)
		log_debug("sup", "%s: certificates taken", text);
	else if (chan_phase(sup->chan) == PHASE_START)
		fatalx("%s: %s", text, wrong);
	else
		log_warnx("%s: %s; it goes on with those it has", text, wrong);
}

static void
on_limits(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct sup *sup = arg;

	(void)fds;
	sup->gw->config.per_address = msg->SG_LIMITS.per_address;
}

/* With the broker's channel everything is there that serving takes. */
static void
on_broker(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct sup *sup = arg;

	(void)msg;
	upstream_connect(sup->gw->upstream, chan_take_fd(fds, 0));
	if (chan_phase(sup->chan) != PHASE_START)
		return;
	if (listeners_unready(sup->gw->listeners) != NULL)
		fatalx("%s: no certificates have come",
		    listeners_unready(sup->gw->listeners));
	sup->ready = true;
	if (upstream_ready(sup->gw->upstream))
		sup_ready(sup);
}

/* Who is started in another's place is up when it can do as well. */
void
sup_ready(struct sup *sup)
{
	struct fields_HELLO hello = {
		.version = PROTO_VERSION,
		.oldest = PROTO_OLDEST,
	};

	if (sup == NULL || sup->chan == NULL || !sup->ready ||
	    chan_phase(sup->chan) != PHASE_START)
		return;
	chan_set_phase(sup->chan, PHASE_UP);
	chan_send(sup->chan, MSG_GS_HELLO, &hello, NULL, 0);
}

static void
on_ping(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct sup *sup = arg;
	struct fields_PING pong = { .count = msg->PING.count };

	(void)fds;
	chan_send(sup->chan, MSG_GS_PONG, &pong, NULL, 0);
}

static void
on_stop(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct sup *sup = arg;

	(void)fds;
	chan_set_phase(sup->chan, PHASE_STOP);
	gateway_stop(sup->gw, msg->STOP.grace_ms);
}

static void
on_leave(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct sup *sup = arg;

	gateway_leave(sup->gw, msg->SG_LEAVE.grace_ms, chan_take_fd(fds, 0));
}

static void
on_heir(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct sup *sup = arg;

	(void)msg;
	heir_new(sup->gw, chan_take_fd(fds, 0));
}

/*
 * The configuration was read before there was a loop; a second one breaks the
 * rules, but a superior's messages still need somebody to take them.
 */
static void
on_config(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	(void)arg;
	(void)msg;
	(void)fds;
	fatalx("configured twice");
}

static const struct chan_handler handlers[] = {
	{ MSG_SG_CONFIG, on_config },
	{ MSG_SG_LISTENER, on_listener },
	{ MSG_SG_TLS, on_tls },
	{ MSG_SG_LIMITS, on_limits },
	{ MSG_SG_BROKER, on_broker },
	{ MSG_SG_PING, on_ping },
	{ MSG_SG_STOP, on_stop },
	{ MSG_SG_LEAVE, on_leave },
	{ MSG_SG_HEIR, on_heir },
};

/* Whether there is nobody left to serve, and nobody who could let one in. */
static bool
is_alone(const struct gateway *gw)
{
	const struct conn *c;

	if (upstream_ready(gw->upstream))
		return false;
	TAILQ_FOREACH(c, &gw->conns, entry)
		if (conn_state_row(c->state)->parts)
			return false;
	return true;
}

static void
look_later(struct sup *sup)
{
	struct timeval tv = { .tv_sec = LOOK_MS / 1000 };

	event_add(sup->ev_look, &tv);
}

static void
look_cb(evutil_socket_t fd, short what, void *arg)
{
	struct sup *sup = arg;
	uint64_t now = clock_ms();

	(void)fd;
	(void)what;
	if (!is_alone(sup->gw))
		sup->alone = 0;
	else if (sup->alone == 0)
		sup->alone = now;
	else if (now - sup->alone >= ALONE_MS) {
		log_info("neither supervisor nor broker nor clients");
		gateway_stop(sup->gw, CONN_LINGER_MS);
		return;
	}
	look_later(sup);
}

/*
 * What there is goes on without it.  As long as the broker keeps the other
 * end for another one we are told nothing: so there will be none, and who
 * comes next needs the addresses.
 */
static void
lost(void *arg, const char *why)
{
	struct sup *sup = arg;
	bool was_up = chan_phase(sup->chan) != PHASE_START;

	chan_free(sup->chan);
	sup->chan = NULL;
	if (sup->gw->stopping)
		return;
	log_warnx("the supervisor is lost: %s%s", why == NULL ?
	    "it closed the channel" : why, was_up ? "; serving on" : "");
	if (was_up) {
		listeners_stop(sup->gw->listeners);
		look_later(sup);
	} else {
		gateway_stop(sup->gw, 0);
	}
}

static const struct chan_ops ops = {
	.handlers = handlers,
	.nhandlers = sizeof(handlers) / sizeof(handlers[0]),
	.lost = lost,
};

struct sup *
sup_new(struct gateway *gw, int fd)
{
	struct sup *sup = calloc(1, sizeof(*sup));

	if (sup == NULL)
		return NULL;
	sup->gw = gw;
	sup->chan = chan_new(gw->base, fd, ROLE_GATEWAY, ROLE_SUPERVISOR,
	    &ops, sup);
	sup->ev_look = event_new(gw->base, -1, 0, look_cb, sup);
	if (sup->chan == NULL || sup->ev_look == NULL) {
		sup_free(sup);
		return NULL;
	}
	return sup;
}

void
sup_free(struct sup *sup)
{
	if (sup == NULL)
		return;
	chan_free(sup->chan);
	if (sup->ev_look != NULL)
		event_free(sup->ev_look);
	free(sup);
}
