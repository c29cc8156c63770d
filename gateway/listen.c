/* SPDX-License-Identifier: ISC */
/*
 * Accepting clients.  Two things stop it for a while: as many connections as
 * this process may have, and no descriptors; then others of its kind take
 * what comes, or it waits in the backlog.
 */
#include "config.h"

#include <sys/queue.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "common/log.h"
#include "common/origin.h"
#include "common/unix.h"
#include "gateway/crowd.h"
#include "gateway/gateway.h"
#include "gateway/http.h"
#include "gateway/peers.h"
#include "gateway/scrape.h"
#include "gateway/tls.h"

/* Connections taken before others get a turn. */
#define TURN_MAX 64

/* How long to wait when there are no descriptors, in milliseconds. */
#define PAUSE_MS 200

/*
 * What the kernel holds for one client is bounded, so that output waits where
 * it can still be kept; see socket(7), which doubles it.  It holds less than
 * a window of output as text: while the rest waits here, the kernel tells
 * when there is room, and what has left is seen then.  Were all of it in
 * there, nothing but a timer would tell, and the runner stood still for it.
 */
#define SEND_BUFFER (192 * 1024)

#define SECURE "wss://"
#define METRICS "metrics://"

/* One in so many connections may be of this host and not let in yet. */
#define LOCAL_SHARE 4

struct listener {
	struct listener *next;
	struct listeners *all;
	struct event *ev;
	int fd;
	char *name;
	char **origins;		/* NULL at the end, or NULL */
	struct peers *peers;	/* who may speak for others */
	bool secure;		/* speaks TLS */
	bool metrics;		/* see scrape.h */
	struct tls_context *tls; /* NULL: cannot yet */
};

struct listeners {
	struct gateway *gw;
	struct listener *first;	/* those stopped, too: clients know them */
	struct event *ev_resume;
	int reserve;		/* a descriptor kept for refusing, or -1 */
	bool paused;
	bool complained;
};

struct listeners *
listeners_new(struct gateway *gw)
{
	struct listeners *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->gw = gw;
	l->reserve = -1;
	return l;
}

static void
origins_free(char **origins)
{
	size_t i;

	for (i = 0; origins != NULL && origins[i] != NULL; i++)
		free(origins[i]);
	free(origins);
}

static void
listener_stop(struct listener *one)
{
	if (one->ev != NULL)
		event_free(one->ev);
	one->ev = NULL;
	unix_close(&one->fd);
}

static void
listener_free(struct listener *one)
{
	listener_stop(one);
	if (one->tls != NULL)
		tls_engine->context_free(one->tls);
	origins_free(one->origins);
	peers_free(one->peers);
	free(one->name);
	free(one);
}

void
listeners_stop(struct listeners *l)
{
	struct listener *one;

	for (one = l->first; one != NULL; one = one->next)
		listener_stop(one);
	/* It is a duplicate of one of them. */
	unix_close(&l->reserve);
}

void
listeners_free(struct listeners *l)
{
	struct listener *one;

	if (l == NULL)
		return;
	while ((one = l->first) != NULL) {
		l->first = one->next;
		listener_free(one);
	}
	if (l->ev_resume != NULL)
		event_free(l->ev_resume);
	unix_close(&l->reserve);
	free(l);
}

static void
pause_all(struct listeners *l)
{
	struct listener *one;

	l->paused = true;
	for (one = l->first; one != NULL; one = one->next)
		if (one->ev != NULL)
			event_del(one->ev);
}

/* A client of one that has no certificates yet could only be turned away. */
static bool
is_ready(const struct listener *one)
{
	return !one->secure || one->tls != NULL;
}

static void
listener_watch(struct listener *one)
{
	if (one->ev != NULL && is_ready(one))
		event_add(one->ev, NULL);
}

static void
resume_all(struct listeners *l)
{
	struct listener *one;

	l->paused = false;
	for (one = l->first; one != NULL; one = one->next)
		listener_watch(one);
}

static bool
is_full(const struct listeners *l)
{
	return l->gw->nconns >= l->gw->config.max_connections;
}

void
listeners_room(struct listeners *l)
{
	if (l->paused && !is_full(l) &&
	    !event_pending(l->ev_resume, EV_TIMEOUT, NULL))
		resume_all(l);
}

static void
resume_cb(evutil_socket_t fd, short what, void *arg)
{
	struct listeners *l = arg;

	(void)fd;
	(void)what;
	if (l->reserve == -1 && l->first != NULL && l->first->fd != -1)
		l->reserve = fcntl(l->first->fd, F_DUPFD_CLOEXEC, 0);
	if (!is_full(l))
		resume_all(l);
}

/*
 * Out of descriptors: the one kept back lets the client at the head of the
 * queue be turned away instead of waiting for nothing.
 */
static void
out_of_descriptors(struct listeners *l, int listener)
{
	struct timeval tv = { .tv_usec = PAUSE_MS * 1000 };
	int fd;

	if (!l->complained)
		log_warn("accepting is paused");
	l->complained = true;
	if (l->reserve != -1) {
		unix_close(&l->reserve);
		fd = accept4(listener, NULL, NULL,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		unix_close(&fd);
	}
	pause_all(l);
	event_add(l->ev_resume, &tv);
}

static bool
is_transient(int error)
{
	return error == ECONNABORTED || error == EINTR || error == EPROTO ||
	    error == ENETDOWN || error == ENOPROTOOPT || error == EHOSTDOWN ||
	    error == EHOSTUNREACH || error == ENETUNREACH;
}

/*
 * Those on this host are told apart by nothing before they are let in, and
 * may be a proxy: they share more, but leave room for the rest.  So do those
 * of a proxy that has not said yet whom it speaks for.
 */
static size_t
most_of(const struct gateway_config *config, const struct sockaddr *from,
    bool is_proxy)
{
	size_t most = config->per_address;

	if ((is_proxy || crowd_is_local(from)) &&
	    most < config->max_connections / LOCAL_SHARE)
		most = config->max_connections / LOCAL_SHARE;
	return most;
}

/* It may not even read this; nothing here waits for it to do so. */
static void
turn_away(const struct listener *one, int fd)
{
	char text[HTTP_ANSWER_MAX];
	ssize_t len = http_format_answer(text, sizeof(text), 503,
	    "too many connections from there, try again\n", false);

	log_debug("conn", "too many connections from one address");
	if (!one->secure && len > 0)
		(void)send(fd, text, (size_t)len, MSG_DONTWAIT);
}

int
listeners_recount(struct conn *c, const struct sockaddr *from)
{
	const struct gateway_config *config = &c->gw->config;
	struct crowd_source *source;

	if (c->source == NULL)
		return 0;
	source = crowd_enter(c->gw->crowd, from,
	    most_of(config, from, false));
	if (source == NULL) {
		turn_away(c->listener, c->fd);
		return -1;
	}
	crowd_leave(c->gw->crowd, c->source);
	c->source = source;
	return 0;
}

static void
welcome(struct listeners *l, const struct listener *one,
    const struct sockaddr *from, int fd)
{
	const struct gateway_config *config = &l->gw->config;
	enum peers_trust trust = peers_trust(one->peers, from, fd);
	struct crowd_source *source = NULL;

	if (one->metrics) {
		scrapes_accept(l->gw->scrapes, fd);
		return;
	}
	gateway_count(l->gw, METRIC_ACCEPTED, 1);
	if (config->per_address > 0) {
		source = crowd_enter(l->gw->crowd, from,
		    most_of(config, from, trust == PEERS_PROXY));
		if (source == NULL) {
			gateway_count(l->gw, METRIC_TURNED_AWAY, 1);
			turn_away(one, fd);
			close(fd);
			return;
		}
	}
	if (conn_new(l->gw, one, source, trust, fd) == -1)
		log_warnx("no memory for a connection");
}

/* One connection; false when there is none, or not now. */
static bool
accept_one(struct listeners *l, const struct listener *one)
{
	struct sockaddr_storage from = { .ss_family = AF_UNIX };
	struct sockaddr *sa = (struct sockaddr *)&from;
	socklen_t len = sizeof(from);
	int fd, listener = one->fd;

	if (is_full(l)) {
		pause_all(l);
		return false;
	}
	fd = accept4(listener, sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd == -1 && is_transient(errno))
		return true;
	if (fd == -1) {
		if (errno != EAGAIN)
			out_of_descriptors(l, listener);
		return false;
	}
	l->complained = false;
	welcome(l, one, sa, fd);
	return true;
}

static void
accept_cb(evutil_socket_t fd, short what, void *arg)
{
	struct listener *one = arg;
	int i;

	(void)fd;
	(void)what;
	for (i = 0; i < TURN_MAX; i++)
		if (!accept_one(one->all, one))
			break;
}

/* Accepted sockets have these from their listener; see tcp(7). */
static void
set_options(int fd)
{
	int on = 1, size = SEND_BUFFER, domain = AF_UNSPEC;
	socklen_t len = sizeof(domain);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
	    domain == AF_UNIX)
		return;
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) == -1)
		log_warn("listener's options");
}

static char **
origins_take(struct span list)
{
	size_t n = proto_list_count(list), i = 0;
	char **origins = calloc(n + 1, sizeof(*origins));
	char text[ORIGIN_SIZE];
	struct span item;

	while (origins != NULL && proto_list_next(&list, &item)) {
		/* Who sends it has checked it. */
		if (origin_normalise(item, text) != NULL)
			continue;
		origins[i] = strdup(text);
		if (origins[i++] == NULL) {
			origins_free(origins);
			return NULL;
		}
	}
	return origins;
}

static struct listener *
find(const struct listeners *l, struct span name)
{
	struct listener *one;

	for (one = l->first; one != NULL; one = one->next)
		if (strlen(one->name) == name.len &&
		    memcmp(one->name, name.p, name.len) == 0)
			break;
	return one;
}

static struct listener *
listener_new(struct listeners *l, const struct fields_SG_LISTENER *m, int fd)
{
	struct listener *one = calloc(1, sizeof(*one));

	if (one == NULL) {
		close(fd);
		return NULL;
	}
	one->all = l;
	one->fd = fd;
	one->name = strndup((const char *)m->listener.p, m->listener.len);
	one->origins = origins_take(m->origins);
	one->ev = event_new(l->gw->base, fd, EV_READ | EV_PERSIST, accept_cb,
	    one);
	one->peers = peers_new(m->proxies);
	if (one->name == NULL || one->origins == NULL || one->ev == NULL ||
	    one->peers == NULL) {
		listener_free(one);
		return NULL;
	}
	one->secure = strncmp(one->name, SECURE, strlen(SECURE)) == 0;
	one->metrics = strncmp(one->name, METRICS, strlen(METRICS)) == 0;
	return one;
}

int
listeners_add(struct listeners *l, const struct fields_SG_LISTENER *m, int fd)
{
	struct listener *one = listener_new(l, m, fd);

	if (one == NULL)
		return -1;
	if (l->ev_resume == NULL)
		l->ev_resume = event_new(l->gw->base, -1, 0, resume_cb, l);
	if (l->ev_resume == NULL || unix_nonblock(fd) == -1) {
		listener_free(one);
		return -1;
	}
	set_options(fd);
	one->next = l->first;
	l->first = one;
	if (l->reserve == -1)
		l->reserve = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (!l->paused)
		listener_watch(one);
	return 0;
}

int
listeners_change(struct listeners *l, const struct fields_SG_LISTENER *m)
{
	struct listener *one = find(l, m->listener);
	char **origins = one == NULL ? NULL : origins_take(m->origins);
	struct peers *peers;

	if (origins == NULL)
		return -1;
	peers = peers_new(m->proxies);
	if (peers == NULL) {
		origins_free(origins);
		return -1;
	}
	peers_free(one->peers);
	one->peers = peers;
	origins_free(one->origins);
	one->origins = origins;
	return 0;
}

const char *
listeners_set_tls(struct listeners *l, struct span name, int chain, int key)
{
	static char why[TLS_WHY_SIZE];
	struct listener *one = find(l, name);
	struct tls_context *tls;

	if (one == NULL || !one->secure)
		return "certificates for what is no wss:// listener";
	if (tls_engine == NULL)
		return "this gateway has no TLS";
	tls = tls_engine->context_new(chain, key, why);
	if (tls == NULL)
		return why;
	if (one->tls != NULL)
		tls_engine->context_free(one->tls);
	one->tls = tls;
	if (!l->paused)
		listener_watch(one);
	return NULL;
}

const char *
listeners_unready(const struct listeners *l)
{
	const struct listener *one;

	for (one = l->first; one != NULL; one = one->next)
		if (!is_ready(one))
			return one->name;
	return NULL;
}

void
listener_complain(const struct listener *one, int fd, const char *why)
{
	peers_complain(one->peers, one->name, fd, why);
}

const struct listener *
listeners_plain(const struct listeners *l, struct span name)
{
	const struct listener *one = find(l, name);

	return one == NULL || one->secure || one->fd == -1 ? NULL : one;
}

const char *
listener_name(const struct listener *one)
{
	return one->name;
}

const char *const *
listener_origins(const struct listener *one)
{
	return (const char *const *)one->origins;
}

int
listener_start_tls(const struct listener *one, int fd,
    struct tls_session **session)
{
	*session = NULL;
	if (!one->secure)
		return 0;
	*session = tls_engine->session_new(one->tls, fd);
	return *session == NULL ? -1 : 0;
}
