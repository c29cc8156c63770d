/* SPDX-License-Identifier: ISC */
/*
 * Taking another gateway's connections.  It is one of the same pool and
 * trusted no more than that: what it says of a connection is held against
 * what this one knows, and the broker, who is given the sockets, decides
 * whose they are.
 */
#include "config.h"

#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "common/chan.h"
#include "common/clock.h"
#include "common/ident.h"
#include "common/log.h"
#include "common/unix.h"
#include "gateway/gateway.h"
#include "gateway/jsontree.h"

#define INFO_DEPTH 8
#define INFO_VALUES 256

struct heir {
	struct gateway *gw;
	struct chan *chan;
};

/* What of a connection waits for the broker's word. */
struct arrival {
	uint64_t theirs;	/* its handle at the other gateway */
	int data;		/* owned, or -1 */
	struct relay_state relay;
	bool initialized;
	bool pinged;
	uint64_t due_ms, came;	/* from when it came */
};

void
arrival_free(struct arrival *arrival)
{
	if (arrival == NULL)
		return;
	unix_close_passed(&arrival->data);
	free(arrival);
}

/* NULL, or what is wrong with what it says of a session. */
static const char *
check_session(const struct fields_GG_CONNECTION *m, size_t nfds)
{
	struct ident id;

	if (!m->has_session)
		return nfds == 1 && !m->has_generation && !m->has_info ? NULL :
		    "a session without a name";
	if (nfds != 2 || !m->has_generation || !m->has_info ||
	    !m->has_taken_cost || !m->has_left_cost)
		return "half a session";
	if (ident_parse(&id, (const char *)m->session.p, m->session.len) == -1)
		return "a session that is none";
	if (m->left_cost > m->taken_cost || m->parked > m->pending)
		return "sums that cannot be";
	if (m->has_peer_version &&
	    proto_agree(m->peer_version, PROTO_OLDEST) == 0)
		return "no version in common with the runner";
	if (!jsontree_is_object((const char *)m->info.p, m->info.len,
	    INFO_DEPTH, INFO_VALUES))
		return "an environment that is none";
	return NULL;
}

static bool
is_stream(int fd)
{
	int type = 0;
	socklen_t len = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	    type == SOCK_STREAM;
}

static void *
copy(struct span span)
{
	void *to = malloc(span.len + 1);

	if (to != NULL && span.len > 0)
		memcpy(to, span.p, span.len);
	return to;
}

static int
fill(struct conn *c, const struct fields_GG_CONNECTION *m)
{
	struct arrival *a = c->arrival;

	c->forwarded = m->forwarded;
	c->source_len = m->client.len;
	if (m->client.len > 0)
		memcpy(c->source_bytes, m->client.p, m->client.len);
	if (m->has_token) {
		c->token = copy(m->token);
		c->token_len = m->token.len;
	}
	if (m->input.len > 0) {
		c->rest = copy(m->input);
		c->rest_len = m->input.len;
	}
	if ((m->has_token && c->token == NULL) ||
	    (m->input.len > 0 && c->rest == NULL))
		return -1;
	a->due_ms = m->due_ms;
	a->pinged = m->pinged;
	if (!m->has_session)
		return 0;
	c->info = copy(m->info);
	c->info_len = m->info.len;
	a->initialized = m->initialized;
	a->relay = (struct relay_state){
		.pending = m->pending,
		.parked = m->parked,
		.taken = m->taken_cost,
		.left = m->left_cost,
		.calls = m->calls,
		.version = m->peer_version,
		.greeted = m->greeted,
	};
	return c->info == NULL ? -1 : 0;
}

/* Who has the same session here already is not disturbed by an older one. */
static int
name(struct conn *c, const struct fields_GG_CONNECTION *m)
{
	if (!m->has_session)
		return 0;
	c->generation = m->generation;
	span_to_str(m->session, c->session, sizeof(c->session));
	if (conns_name(c) == NULL)
		return 0;
	c->session[0] = '\0';
	return -1;
}

static void
decline(struct heir *heir, uint64_t theirs)
{
	struct fields_HANDLE m = { .handle = theirs };

	if (heir != NULL && heir->chan != NULL)
		chan_send(heir->chan, MSG_GG_DECLINED, &m, NULL, 0);
}

/* From here on conn_lost() declines it. */
static void
arrive(struct heir *heir, const struct fields_GG_CONNECTION *m,
    const struct listener *listener, struct chan_fds *fds)
{
	struct arrival *a = calloc(1, sizeof(*a));
	struct conn *c = a == NULL ? NULL :
	    conn_adopt(heir->gw, listener, chan_take_fd(fds, 0));

	if (c == NULL) {
		free(a);
		decline(heir, m->handle);
		return;
	}
	c->arrival = a;
	a->theirs = m->handle;
	a->data = chan_take_fd(fds, 1);
	a->came = clock_ms();
	if (fill(c, m) == -1 || name(c, m) == -1) {
		conn_lost(c);
		return;
	}
	conn_weigh(c);
	if (c->state == CONN_TAKING)
		upstream_admit(heir->gw->upstream, c);
}

/* The peer broke the rules: no channel, and no connection by it. */
static void
fault(struct heir *heir, const char *why)
{
	log_warnx("the gateway that leaves broke the rules: %s", why);
	chan_free(heir->chan);
	heir->chan = NULL;
}

static void
on_connection(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	const struct fields_GG_CONNECTION *m = &msg->GG_CONNECTION;
	struct heir *heir = arg;
	struct gateway *gw = heir->gw;
	const struct listener *listener;
	const char *wrong = check_session(m, fds->count);

	if (wrong == NULL && (!is_stream(fds->fd[0]) ||
	    (fds->count == 2 && !unix_is_socket(fds->fd[1], SOCK_STREAM))))
		wrong = "a socket of another kind";
	if (wrong != NULL) {
		fault(heir, wrong);
		return;
	}
	listener = listeners_plain(gw->listeners, m->listener);
	if (listener == NULL || gw->stopping || gw->leave != NULL ||
	    gw->nconns >= gw->config.max_connections)
		decline(heir, m->handle);
	else
		arrive(heir, m, listener, fds);
}

static void
on_hello(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct heir *heir = arg;

	(void)fds;
	if (proto_agree(msg->HELLO.version, msg->HELLO.oldest) == 0) {
		fault(heir, "no version in common");
		return;
	}
	chan_set_version(heir->chan, msg->HELLO.version);
	chan_set_phase(heir->chan, PHASE_UP);
}

static const struct chan_handler handlers[] = {
	{ MSG_GG_HELLO, on_hello },
	{ MSG_GG_CONNECTION, on_connection },
};

/* Those that wait for the broker go on. */
static void
lost(void *arg, const char *why)
{
	struct heir *heir = arg;

	if (why != NULL)
		log_warnx("the gateway that leaves is lost: %s", why);
	chan_free(heir->chan);
	heir->chan = NULL;
}

static const struct chan_ops ops = {
	.handlers = handlers,
	.nhandlers = sizeof(handlers) / sizeof(handlers[0]),
	.lost = lost,
};

int
heir_dup(const struct conn *c)
{
	return unix_dup(c->arrival->data);
}

void
heir_decline(struct conn *c)
{
	struct arrival *a = c->arrival;

	if (a != NULL)
		decline(c->gw->heir, a->theirs);
	arrival_free(a);
	c->arrival = NULL;
}

/* When the next ping goes, or the last one's answer is due. */
static void
resume_pings(struct conn *c, const struct arrival *a)
{
	const struct gateway_config *config = &c->gw->config;
	uint64_t most = a->pinged ? config->pong_ms : config->ping_ms;
	uint64_t due = a->due_ms < most ? a->due_ms : most;

	c->pinged = a->pinged && config->ping_ms != 0;
	c->ping_at = clock_add(a->came, due);
	if (c->pinged)
		c->ping_at = c->ping_at > config->pong_ms ?
		    c->ping_at - config->pong_ms : 0;
	conn_timer(c);
}

static int
take_session(struct conn *c, struct arrival *a)
{
	int data = a->data;

	a->data = -1;
	c->relay = relay_adopt(c, data, &a->relay);
	if (c->relay == NULL)
		return -1;
	conn_move(c, CONN_EV_ATTACHED);
	if (a->initialized)
		conn_move(c, CONN_EV_INITIALIZED);
	resume_pings(c, a);
	return 0;
}

/* Its first bytes are looked at from the loop, when the other one knows. */
void
heir_take(struct conn *c)
{
	struct arrival *a = c->arrival;
	struct fields_HANDLE m = { .handle = a->theirs };
	struct heir *heir = c->gw->heir;

	if (c->session[0] == '\0') {
		conn_move(c, CONN_EV_ADMITTED);
	} else if (take_session(c, a) == -1) {
		conn_lost(c);
		return;
	}
	if (heir != NULL && heir->chan != NULL)
		chan_send(heir->chan, MSG_GG_TAKEN, &m, NULL, 0);
	log_debug("leave", "%llu: taken over",
	    (unsigned long long)c->handle);
	c->arrival = NULL;
	arrival_free(a);
}

void
heir_free(struct heir *heir)
{
	if (heir == NULL)
		return;
	chan_free(heir->chan);
	free(heir);
}

void
heir_new(struct gateway *gw, int fd)
{
	struct fields_HELLO hello = {
		.version = PROTO_VERSION,
		.oldest = PROTO_OLDEST,
	};
	struct heir *heir = calloc(1, sizeof(*heir));

	if (heir == NULL) {
		unix_close(&fd);
		return;
	}
	heir->gw = gw;
	heir->chan = chan_new(gw->base, fd, ROLE_GATEWAY, ROLE_GATEWAY, &ops,
	    heir);
	if (heir->chan == NULL) {
		free(heir);
		return;
	}
	heir_free(gw->heir);
	gw->heir = heir;
	chan_send(heir->chan, MSG_GG_HELLO, &hello, NULL, 0);
}
