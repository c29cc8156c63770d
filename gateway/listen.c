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
#include <unistd.h>

#include <event2/event.h>

#include "common/log.h"
#include "common/unix.h"
#include "gateway/gateway.h"

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

struct listener {
	struct listener *next;
	struct listeners *all;
	struct event *ev;
	int fd;
};

struct listeners {
	struct gateway *gw;
	struct listener *first;
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
listener_free(struct listener *one)
{
	if (one->ev != NULL)
		event_free(one->ev);
	unix_close(&one->fd);
	free(one);
}

void
listeners_stop(struct listeners *l)
{
	struct listener *one;

	while ((one = l->first) != NULL) {
		l->first = one->next;
		listener_free(one);
	}
}

void
listeners_free(struct listeners *l)
{
	if (l == NULL)
		return;
	listeners_stop(l);
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
		event_del(one->ev);
}

static void
resume_all(struct listeners *l)
{
	struct listener *one;

	l->paused = false;
	for (one = l->first; one != NULL; one = one->next)
		event_add(one->ev, NULL);
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
	if (l->reserve == -1 && l->first != NULL)
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

/* One connection; false when there is none, or not now. */
static bool
accept_one(struct listeners *l, int listener)
{
	int fd;

	if (is_full(l)) {
		pause_all(l);
		return false;
	}
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd == -1 && is_transient(errno))
		return true;
	if (fd == -1) {
		if (errno != EAGAIN)
			out_of_descriptors(l, listener);
		return false;
	}
	l->complained = false;
	if (conn_new(l->gw, fd) == -1)
		log_warnx("no memory for a connection");
	return true;
}

static void
accept_cb(evutil_socket_t fd, short what, void *arg)
{
	struct listener *one = arg;
	int i;

	(void)what;
	for (i = 0; i < TURN_MAX; i++)
		if (!accept_one(one->all, fd))
			break;
}

/* Accepted sockets have these from their listener; see tcp(7). */
static void
set_options(int fd)
{
	int on = 1, size = SEND_BUFFER;

	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) == -1)
		log_warn("listener's options");
}

int
listeners_add(struct listeners *l, int fd)
{
	struct listener *one = calloc(1, sizeof(*one));

	if (one == NULL) {
		close(fd);
		return -1;
	}
	one->all = l;
	one->fd = fd;
	one->ev = event_new(l->gw->base, fd, EV_READ | EV_PERSIST, accept_cb,
	    one);
	if (l->ev_resume == NULL)
		l->ev_resume = event_new(l->gw->base, -1, 0, resume_cb, l);
	if (one->ev == NULL || l->ev_resume == NULL ||
	    unix_nonblock(fd) == -1) {
		listener_free(one);
		return -1;
	}
	set_options(fd);
	one->next = l->first;
	l->first = one;
	if (l->reserve == -1)
		l->reserve = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (!l->paused)
		event_add(one->ev, NULL);
	return 0;
}
