/* SPDX-License-Identifier: ISC */
/*
 * The control channel to the broker.  It may go and come back: what waits for
 * an answer then is asked again on the new channel, within the same deadline.
 */
#include "config.h"

#include <fcntl.h>
#include <stdlib.h>

#include <event2/event.h>

#include "common/chan.h"
#include "common/log.h"
#include "gateway/gateway.h"
#include "gateway/scrape.h"

#define TEXT_SIZE 512

struct upstream {
	struct gateway *gw;
	struct chan *chan;
	uint64_t epoch;		/* of channels that came up; 0: none yet */
	bool up;		/* the broker has said HELLO on this one */
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
	fd = fcntl(c->fd, F_DUPFD_CLOEXEC, 0);
	if (fd == -1) {
		log_warn("descriptor for the broker");
		conn_close(c, 503, "too many connections, try again");
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

void
upstream_detach(struct upstream *u, const struct conn *c)
{
	struct fields_ATTACHMENT m = {
		.session = span_str(c->session),
		.generation = c->generation,
	};

	if (u->up)
		chan_send(u->chan, MSG_GB_DETACH, &m, NULL, 0);
}

void
upstream_leave(struct upstream *u, struct conn *c)
{
	struct fields_HANDLE m = { .handle = c->handle };

	if (u->up && c->admitted == u->epoch)
		chan_send(u->chan, MSG_GB_LEAVE, &m, NULL, 0);
	c->admitted = 0;
}

static void
on_hello(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct upstream *u = arg;
	struct conn *c, *next;

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
	TAILQ_FOREACH_SAFE(c, &u->gw->conns, entry, next) {
		if (c->state == CONN_ADMITTING)
			upstream_admit(u, c);
		else if (c->state == CONN_ATTACHING)
			upstream_attach(u, c);
	}
}

static void
on_admitted(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct upstream *u = arg;
	struct conn *c = conns_by_handle(u->gw, msg->HANDLE.handle);

	(void)fds;
	if (c == NULL || c->admitted != u->epoch)
		return;
	if (c->state == CONN_ADMITTING)
		upgrade_admitted(c);
	else if (c->state == CONN_ATTACHING)
		send_attach(u, c);
}

static void
on_refused(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	const struct fields_BG_REFUSED *m = &msg->BG_REFUSED;
	struct upstream *u = arg;
	struct conn *c = conns_by_handle(u->gw, m->handle);
	char text[TEXT_SIZE];
	int status = 503;

	(void)fds;
	if (c == NULL)
		return;
	if (m->status == 401 || m->status == 403 || m->status == 429)
		status = (int)m->status;
	if (span_to_str(m->text, text, sizeof(text)) == -1)
		text[0] = '\0';
	if (c->state == CONN_ADMITTING)
		upgrade_refuse(c, status, text);
	else if (c->state == CONN_ATTACHING || c->state == CONN_OPEN)
		conn_close(c, 1008, text);
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

	(void)fds;
	if (c != NULL)
		session_gone(c, m->reason, m->text);
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
