/* SPDX-License-Identifier: ISC */
/* Input from a descriptor of ours, read only when there is room for it. */
#include "config.h"

#include <sys/types.h>

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/event.h>

#include "common/log.h"
#include "common/xmalloc.h"
#include "contrib/client/inlet.h"
#include "contrib/client/outlet.h"

struct inlet {
	int fd;
	int own_fd; /* a second, non-blocking description, or -1 */
	int always_ready; /* a file */
	int on;
	void (*ready)(void *);
	void *arg;
	struct event *event;
};

static void
inlet_arm(struct inlet *inlet)
{
	static const struct timeval now;

	event_add(inlet->event, inlet->always_ready ? &now : NULL);
}

static void
inlet_cb(evutil_socket_t fd, short what, void *arg)
{
	struct inlet *inlet = arg;

	(void)fd;
	(void)what;
	if (!inlet->on)
		return;
	inlet_arm(inlet);
	inlet->ready(inlet->arg);
}

struct inlet *
inlet_new(struct event_base *base, int fd, void (*ready)(void *), void *arg)
{
	struct inlet *inlet = xcalloc(1, sizeof(*inlet));

	inlet->fd = fd;
	inlet->own_fd = outlet_reopen(fd, O_RDONLY);
	inlet->ready = ready;
	inlet->arg = arg;
	inlet->event = event_new(base, inlet->own_fd != -1 ? inlet->own_fd :
	    fd, EV_READ, inlet_cb, inlet);
	if (inlet->event == NULL)
		fatalx("out of memory");
	if (event_add(inlet->event, NULL) == -1) {
		event_free(inlet->event);
		inlet->event = event_new(base, -1, 0, inlet_cb, inlet);
		inlet->always_ready = 1;
		if (inlet->event == NULL)
			fatalx("out of memory");
	} else
		event_del(inlet->event);
	return inlet;
}

void
inlet_free(struct inlet *inlet)
{
	if (inlet == NULL)
		return;
	event_free(inlet->event);
	if (inlet->own_fd != -1)
		close(inlet->own_fd);
	free(inlet);
}

void
inlet_set(struct inlet *inlet, int on)
{
	if (inlet->on == on)
		return;
	inlet->on = on;
	if (on)
		inlet_arm(inlet);
	else
		event_del(inlet->event);
}

ssize_t
inlet_read(struct inlet *inlet, void *buf, size_t len)
{
	return read(inlet->own_fd != -1 ? inlet->own_fd : inlet->fd, buf,
	    len);
}
