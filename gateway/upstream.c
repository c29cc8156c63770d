/* SPDX-License-Identifier: ISC */
/*
 * The control channel to the broker.  It may go and come back: what waits for
 * an answer then is asked again on the new channel, within the same deadline.
 */
#include "config.h"

#include <stdlib.h>

#include <event2/event.h>

#include "common/chan.h"
#include "common/log.h"
#include "common/unix.h"
#include "gateway/claim.h"
#include "gateway/gateway.h"
#include "gateway/scrape.h"
#include "gateway/ws.h"

#define TEXT_SIZE 512

/* Those told of unasked whom a new broker has not answered for, at most. */
#define ANNOUNCE_MAX 256

struct upstream {
	struct gateway *gw;
	struct chan *chan;
	uint64_t epoch;		/* of channels that came up; 0: none yet */
	bool up;		/* the broker has said HELLO on this one */
	size_t next;		/* slots from here on it was not told of */
	size_t unanswered;	/* of those announced */
};

struct upstream *
upstream_new(struct gateway *gw)
{
	struct upstream *u = calloc(1, sizeof(*u));

	if (u != NULL)
		u->gw = gw;
	return u;
}

static void
disconnect(struct upstream *u)
{
	chan_free(u->chan);
	u->chan = NULL;
	u->up = false;
	u->next = u->unanswered = 0;
}

/* The broker has answered for it, or it is gone. */
static void
announced(struct upstream *u, struct conn *c)
{
	if (c->announced == u->epoch && u->unanswered > 0)
		u->unanswered--;
	c->announced = 0;
}

void
upstream_free(struct upstream *u)
{
	if (u == NULL)
		return;
	disconnect(u);
	free(u);
}

bool
upstream_ready(const struct upstream *u)
{
	return u->up;
}

int
upstream_scrape(struct upstream *u, uint64_t number, bool full)
{
	struct fields_GB_SCRAPE scrape = { .scrape = number, .full = full };

	return u->up ? chan_send(u->chan, MSG_GB_SCRAPE, &scrape, NULL, 0) :
	    -1;
}

bool
upstream_tell(struct upstream *u, struct span items)
{
	struct fields_COUNTS counts = { .counts = items };

	return u->up && chan_send(u->chan, MSG_GB_COUNTS, &counts, NULL,
	    0) == 0;
}

void
upstream_admit(struct upstream *u, struct conn *c)
{
	struct fields_GB_ADMIT admit = {
		.handle = c->handle,
		.forwarded = c->forwarded,
		.has_token = c->token != NULL,
		.token = { (const uint8_t *)c->token, c->token_len },
		.has_client = c->source_len > 0,
		.client = { c->source_bytes, c->source_len },
	};
	int fd;

	if (!u->up)
		return;
	fd = unix_dup(c->fd);
	if (fd == -1) {
		log_warn("descriptor for the broker");
		conn_close(c, conn_state_row(c->state)->websocket ?
		    WS_CODE_TRY_LATER : 503,
		    "too many connections, try again");
		return;
	}
	c->admitted = u->epoch;
	chan_send(u->chan, MSG_GB_ADMIT, &admit, &fd, 1);
}

static void
send_attach(struct upstream *u, struct conn *c)
{
	const struct attach *attach = c->attach;
	struct fields_GB_ATTACH m = {
		.handle = c->handle,
		.nonce = { attach->nonce.bytes, sizeof(attach->nonce.bytes) },
		.client_name = { (const uint8_t *)attach->name,
			attach->name_len },
		.has_resume = attach->resume != NULL,
		.resume = { (const uint8_t *)attach->resume,
			attach->resume_len },
		.has_detach_ttl_ms = attach->asks_ttl,
		.detach_ttl_ms = attach->ttl_ms,
		.has_takeover = attach->takeover,
		.takeover = attach->takeover,
	};

	chan_send(u->chan, MSG_GB_ATTACH, &m, NULL, 0);
}

/* A broker that does not know the client yet is asked to admit it first. */
void
upstream_attach(struct upstream *u, struct conn *c)
{
	if (!u->up)
		return;
	if (c->admitted != u->epoch)
		upstream_admit(u, c);
	else
		send_attach(u, c);
}

/* The broker looks at the socket itself. */
static void
send_hold(struct upstream *u, struct conn *c)
{
	struct fields_HOLD m = {
		.handle = c->handle,
		.session = span_str(c->session),
		.generation = c->generation,
	};
	int fd = c->relay == NULL ? heir_dup(c) : relay_dup(c->relay);

	if (fd == -1) {
		log_warn("data socket for the broker");
		conn_close(c, WS_CODE_TRY_LATER,
		    "too many connections, try again");
		return;
	}
	chan_send(u->chan, MSG_GB_HOLD, &m, &fd, 1);
}

/*
 * A new broker hears of everybody who was there before it, some at a time, so
 * that thousands do not wait in the channel.
 */
static void
announce(struct upstream *u)
{
	const struct gateway *gw = u->gw;
	struct conn *c;

	while (u->up && u->unanswered < ANNOUNCE_MAX && u->next < gw->nslots) {
		c = gw->slots[u->next++];
		if (c == NULL || c->admitted == u->epoch ||
		    !conn_state_row(c->state)->known)
			continue;
		c->announced = u->epoch;
		u->unanswered++;
		upstream_admit(u, c);
	}
}

void
upstream_detach(struct upstream *u, const struct conn *c)
{
	struct fields_ATTACHMENT m = {
		.session = span_str(c->session),
		.generation = c->generation,
		.has_leaving = u->gw->leave != NULL,
		.leaving = u->gw->leave != NULL,
	};

	if (u->up)
		chan_send(u->chan, MSG_GB_DETACH, &m, NULL, 0);
}

void
upstream_leave(struct upstream *u, struct conn *c)
{
	struct fields_HANDLE m = {
		.handle = c->handle,
		.has_leaving = u->gw->leave != NULL,
		.leaving = u->gw->leave != NULL,
	};

	announced(u, c);
	if (u->up && c->admitted == u->epoch)
		chan_send(u->chan, MSG_GB_LEAVE, &m, NULL, 0);
	c->admitted = 0;
}

static void
on_hello(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct upstream *u = arg;

	(void)fds;
	if (proto_agree(msg->HELLO.version, msg->HELLO.oldest) == 0) {
		log_warnx("the broker speaks version %u (oldest %u), we speak "
		    "%d (oldest %d)", msg->HELLO.version, msg->HELLO.oldest,
		    PROTO_VERSION, PROTO_OLDEST);
		disconnect(u);
		return;
	}
	chan_set_version(u->chan, msg->HELLO.version);
	chan_set_phase(u->chan, PHASE_UP);
	u->up = true;
	u->epoch++;
	meter_reset(&u->gw->meter);
	announce(u);
	sup_ready(u->gw->sup);
}

/* What an answer says of one connection, but for why. */
static enum claim_action
judge(struct upstream *u, struct conn *c, enum claim_answer answer)
{
	enum claim_action action = claim_action(c->state, answer,
	    c->session[0] != '\0');

	if (action != CLAIM_HOLD)
		announced(u, c);
	return action;
}

static void
on_admitted(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct upstream *u = arg;
	struct conn *c = conns_by_handle(u->gw, msg->HANDLE.handle);
	enum claim_action action = CLAIM_IGNORE;

	(void)fds;
	if (c != NULL && c->admitted == u->epoch)
		action = judge(u, c, CLAIM_ADMITTED);
	if (action == CLAIM_UPGRADE)
		upgrade_admitted(c);
	else if (action == CLAIM_ATTACH)
		send_attach(u, c);
	else if (action == CLAIM_HOLD)
		send_hold(u, c);
	else if (action == CLAIM_TAKE)
		heir_take(c);
	announce(u);
}

static void
refuse(struct conn *c, enum claim_action action, uint32_t said,
    struct span why)
{
	char text[TEXT_SIZE];
	int status = 503;

	if (said == 401 || said == 403 || said == 429)
		status = (int)said;
	if (span_to_str(why, text, sizeof(text)) == -1)
		text[0] = '\0';
	if (action == CLAIM_ANSWER_HTTP)
		upgrade_refuse(c, status, text);
	else if (action == CLAIM_CLOSE)
		conn_close(c, status == 503 ? WS_CODE_TRY_LATER :
		    WS_CODE_POLICY, text);
	else if (action == CLAIM_DECLINE)
		conn_lost(c);
}

static void
on_refused(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	const struct fields_BG_REFUSED *m = &msg->BG_REFUSED;
	struct upstream *u = arg;
	struct conn *c = conns_by_handle(u->gw, m->handle);

	(void)fds;
	if (c != NULL)
		refuse(c, judge(u, c, CLAIM_REFUSED), m->status, m->text);
	announce(u);
}

static void
on_held(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	const struct fields_HOLD *m = &msg->HOLD;
	struct upstream *u = arg;
	struct conn *c = conns_by_handle(u->gw, m->handle);

	(void)fds;
	if (c != NULL && c == conns_by_session(u->gw, m->session,
	    m->generation) && judge(u, c, CLAIM_HELD) == CLAIM_TAKE)
		heir_take(c);
	announce(u);
}

/* Nobody is there for it any more. */
static void
give_back(struct upstream *u, const struct fields_BG_ATTACHED *m)
{
	struct fields_ATTACHMENT detach = {
		.session = m->session,
		.generation = m->generation,
	};

	chan_send(u->chan, MSG_GB_DETACH, &detach, NULL, 0);
}

static void
on_attached(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	const struct fields_BG_ATTACHED *m = &msg->BG_ATTACHED;
	struct upstream *u = arg;
	struct conn *c = conns_by_handle(u->gw, m->handle);

	if (c == NULL || c->state != CONN_ATTACHING)
		give_back(u, m);
	else
		session_attached(c, m, chan_take_fd(fds, 0));
}

static void
on_attach_failed(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	const struct fields_BG_ATTACH_FAILED *m = &msg->BG_ATTACH_FAILED;
	struct upstream *u = arg;
	struct conn *c = conns_by_handle(u->gw, m->handle);

	(void)fds;
	if (c != NULL && c->state == CONN_ATTACHING)
		session_attach_failed(c, m);
}

static void
on_probe(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	const struct fields_BG_PROBE *m = &msg->BG_PROBE;
	struct upstream *u = arg;
	struct conn *c = conns_by_session(u->gw, m->session, m->generation);
	struct fields_GB_PROBED probed = { .probe = m->probe, .gone = true };

	(void)fds;
	if (c != NULL && conn_gone(c))
		conn_lost(c);
	else if (c != NULL)
		probed.gone = false;
	chan_send(u->chan, MSG_GB_PROBED, &probed, NULL, 0);
}

static void
on_gone(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	const struct fields_BG_GONE *m = &msg->BG_GONE;
	struct upstream *u = arg;
	struct conn *c = conns_by_session(u->gw, m->session, m->generation);
	enum claim_action action;

	(void)fds;
	action = c == NULL ? CLAIM_IGNORE : judge(u, c, CLAIM_GONE);
	if (action == CLAIM_END)
		session_gone(c, m->reason, m->text);
	else if (action == CLAIM_DECLINE)
		conn_lost(c);
	announce(u);
}

static void
on_trace(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct span topics = msg->TRACE.topics, topic;

	(void)arg;
	(void)fds;
	log_trace_clear();
	while (proto_list_next(&topics, &topic))
		(void)log_trace((const char *)topic.p, topic.len);
}

static void
on_samples(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct upstream *u = arg;

	(void)fds;
	scrapes_take(u->gw->scrapes, &msg->BG_SAMPLES);
}

static const struct chan_handler handlers[] = {
	{ MSG_BG_HELLO, on_hello },
	{ MSG_BG_ADMITTED, on_admitted },
	{ MSG_BG_REFUSED, on_refused },
	{ MSG_BG_ATTACHED, on_attached },
	{ MSG_BG_ATTACH_FAILED, on_attach_failed },
	{ MSG_BG_PROBE, on_probe },
	{ MSG_BG_GONE, on_gone },
	{ MSG_BG_TRACE, on_trace },
	{ MSG_BG_SAMPLES, on_samples },
	{ MSG_BG_HELD, on_held },
};

/* Those attached go on without it; the supervisor will send another. */
static void
lost(void *arg, const char *why)
{
	struct upstream *u = arg;

	if (u->gw->stopping)
		log_debug("upstream", "the broker has gone");
	else
		log_warnx("the broker is lost: %s", why == NULL ?
		    "it closed the channel" : why);
	disconnect(u);
	scrapes_fail(u->gw->scrapes);
}

static const struct chan_ops ops = {
	.handlers = handlers,
	.nhandlers = sizeof(handlers) / sizeof(handlers[0]),
	.lost = lost,
};

void
upstream_connect(struct upstream *u, int fd)
{
	struct fields_HELLO hello = {
		.version = PROTO_VERSION,
		.oldest = PROTO_OLDEST,
	};

	disconnect(u);
	u->chan = chan_new(u->gw->base, fd, ROLE_GATEWAY, ROLE_BROKER, &ops,
	    u);
	if (u->chan == NULL) {
		log_warnx("no memory for the broker's channel");
		return;
	}
	chan_send(u->chan, MSG_GB_HELLO, &hello, NULL, 0);
}
