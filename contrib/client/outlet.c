/* SPDX-License-Identifier: ISC */
/* Output to a descriptor of ours without ever waiting for its reader. */
#include "config.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>

#include "common/log.h"
#include "common/xmalloc.h"
#include "contrib/client/outlet.h"

struct outlet {
	const struct outlet_ops *ops;
	void *arg;
	int fd;
	int own_fd; /* the second description, or -1 */
	int is_socket;
	int is_broken;
	int error; /* found while writing, not told yet */
	size_t most; /* bytes that one write(2) may carry */
	struct evbuffer *queue;
	struct event *event;
};

int
outlet_reopen(int fd, int flags)
{
	char path[32];
	struct stat st;

	/*
	 * O_NONBLOCK belongs to the description that our parent shares: a
	 * shell would find its terminal non-blocking when we are gone.
	 */
	if (fstat(fd, &st) == -1 || (!S_ISFIFO(st.st_mode) && !isatty(fd)))
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

/* Returns what write(2) does. */
static ssize_t
outlet_try(struct outlet *outlet, const void *data, size_t len)
{
	if (len > outlet->most)
		len = outlet->most;
	if (outlet->is_socket)
		return send(outlet->fd, data, len,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
	return write(outlet->own_fd != -1 ? outlet->own_fd : outlet->fd,
	    data, len);
}

static void
outlet_fail(struct outlet *outlet, int error)
{
	outlet->is_broken = 1;
	outlet->error = error;
	evbuffer_drain(outlet->queue, evbuffer_get_length(outlet->queue));
	event_active(outlet->event, EV_WRITE, 0);
}

static void
outlet_flush(struct outlet *outlet)
{
	struct evbuffer_iovec piece;
	ssize_t n;

	while (evbuffer_peek(outlet->queue, -1, NULL, &piece, 1) > 0) {
		n = outlet_try(outlet, piece.iov_base, piece.iov_len);
		if (n > 0)
			evbuffer_drain(outlet->queue, (size_t)n);
		else if (n == -1 && errno != EAGAIN && errno != EINTR) {
			outlet_fail(outlet, errno);
			return;
		}
		/* Without a description of our own only one is safe. */
		if (n <= 0 || outlet->most == PIPE_BUF)
			break;
	}
	if (evbuffer_get_length(outlet->queue) > 0)
		event_add(outlet->event, NULL);
}

static void
outlet_cb(evutil_socket_t fd, short what, void *arg)
{
	struct outlet *outlet = arg;
	int error = outlet->error;

	(void)fd;
	(void)what;
	if (!outlet->is_broken)
		outlet_flush(outlet);
	if (error != 0) {
		outlet->error = 0;
		outlet->ops->broken(outlet->arg, error);
	} else
		outlet->ops->drained(outlet->arg);
}

static int
outlet_is_socket(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

struct outlet *
outlet_new(struct event_base *base, int fd, const struct outlet_ops *ops,
    void *arg)
{
	struct outlet *outlet = xcalloc(1, sizeof(*outlet));

	outlet->ops = ops;
	outlet->arg = arg;
	outlet->fd = fd;
	outlet->is_socket = outlet_is_socket(fd);
	outlet->own_fd = outlet_reopen(fd, O_WRONLY);
	outlet->most = outlet->own_fd != -1 || outlet->is_socket ? INT_MAX :
	    PIPE_BUF;
	outlet->queue = evbuffer_new();
	outlet->event = event_new(base, outlet->own_fd != -1 ?
	    outlet->own_fd : fd, EV_WRITE, outlet_cb, outlet);
	if (outlet->queue == NULL || outlet->event == NULL)
		fatalx("out of memory");
	if (event_add(outlet->event, NULL) == -1) {
		/* epoll(7) refuses files, which never make anyone wait. */
		event_free(outlet->event);
		outlet->event = event_new(base, -1, 0, outlet_cb, outlet);
		outlet->most = INT_MAX;
		if (outlet->event == NULL)
			fatalx("out of memory");
	} else
		event_del(outlet->event);
	return outlet;
}

void
outlet_free(struct outlet *outlet)
{
	if (outlet == NULL)
		return;
	event_free(outlet->event);
	evbuffer_free(outlet->queue);
	if (outlet->own_fd != -1)
		close(outlet->own_fd);
	free(outlet);
}

void
outlet_write(struct outlet *outlet, const void *data, size_t len)
{
	const char *p = data;
	ssize_t n = 0;

	if (outlet->is_broken)
		return;
	/* A pipe without a description of its own may be full: queue. */
	while (len > 0 && outlet->most != PIPE_BUF &&
	    evbuffer_get_length(outlet->queue) == 0) {
		n = outlet_try(outlet, p, len);
		if (n <= 0)
			break;
		p += n;
		len -= (size_t)n;
	}
	if (n == -1 && errno != EAGAIN && errno != EINTR) {
		outlet_fail(outlet, errno);
		return;
	}
	if (len == 0)
		return;
	if (evbuffer_add(outlet->queue, p, len) == -1)
		fatalx("out of memory");
	event_add(outlet->event, NULL);
}

size_t
outlet_queued(const struct outlet *outlet)
{
	return evbuffer_get_length(outlet->queue);
}
