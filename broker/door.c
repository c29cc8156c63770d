/* SPDX-License-Identifier: ISC */
/*
 * The doors: listening sockets in the runtime directory.  The kernel says who
 * comes; what holdfastd's successor says is believed from our own user and
 * from root alone.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "broker/broker.h"
#include "broker/keep.h"
#include "broker/operator.h"
#include "common/chan.h"
#include "common/log.h"
#include "common/unix.h"

#define DOOR_BACKLOG 32
#define DOOR_TURN 16		/* accepted before something else is done */
#define DOOR_CALLERS_MAX 8	/* who have not said what they want */
#define DOOR_CALLER_MS 5000	/* and how long that may take */

void
door_close(struct keep_door *door)
{
	if (door->event != NULL)
		event_free(door->event);
	door->event = NULL;
	unix_close(&door->fd);
}

void
door_dismiss(struct keep_caller *caller)
{
	struct keep *keep = &caller->broker->keep;

	TAILQ_REMOVE(&keep->callers, caller, entry);
	keep->ncallers--;
	event_free(caller->event);
	unix_close(&caller->fd);
	free(caller);
}

bool
door_adopts(const struct keep *keep)
{
	return keep->doors[DOOR_ADOPT].fd != -1;
}

/* What it says first is all that is heard here. */
static void
caller_cb(evutil_socket_t fd, short what, void *arg)
{
	static uint8_t bytes[PROTO_CONTROL_MAX];
	struct keep_caller *caller = arg;
	struct broker *broker = caller->broker;
	const char *why = "it did not say what it wants";
	union proto_any msg;
	struct chan_fds fds;
	int type = -1, taken;

	if ((what & EV_TIMEOUT) == 0)
		type = chan_read_one(fd, ROLE_BROKER, ROLE_SUPERVISOR,
		    PHASE_START, 0, bytes, &msg, &fds, &why);
	if (type == MSG_SB_ADOPT) {
		taken = caller->fd;
		caller->fd = -1;
		door_dismiss(caller);
		broker_adopted_by(broker, taken, &msg.HELLO);
		return;
	}
	if (type != -1)
		why = "that is not for the door";
	while (type != -1 && fds.count > 0)
		unix_close_passed(&fds.fd[--fds.count]);
	log_warnx("somebody came as another holdfastd: %s", why);
	door_dismiss(caller);
}

static void
door_call(struct broker *broker, int fd)
{
	static const struct timeval late = {
		DOOR_CALLER_MS / 1000, DOOR_CALLER_MS % 1000 * 1000
	};
	struct keep *keep = &broker->keep;
	struct keep_caller *caller = NULL;

	if (keep->ncallers < DOOR_CALLERS_MAX)
		caller = calloc(1, sizeof(*caller));
	if (caller == NULL) {
		unix_close(&fd);
		return;
	}
	caller->broker = broker;
	caller->fd = fd;
	TAILQ_INSERT_TAIL(&keep->callers, caller, entry);
	keep->ncallers++;
	caller->event = event_new(broker->base, fd, EV_READ, caller_cb,
	    caller);
	if (caller->event == NULL) {
		TAILQ_REMOVE(&keep->callers, caller, entry);
		keep->ncallers--;
		unix_close(&caller->fd);
		free(caller);
		return;
	}
	event_add(caller->event, &late);
}

static void
door_answer(struct broker *broker, uint32_t number, int fd)
{
	struct keep_door *door = &broker->keep.doors[number];
	struct ucred from = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(from);

	if (number == DOOR_ADMIN) {
		operator_new(broker, fd);
		return;
	}
	if (number == DOOR_ADOPT && getsockopt(fd, SOL_SOCKET, SO_PEERCRED,
	    &from, &len) == 0 && (from.uid == geteuid() || from.uid == 0)) {
		door_call(broker, fd);
		return;
	}
	if (number == DOOR_ADOPT && !door->told)
		log_warnx("uid %u is not let in as another holdfastd",
		    (unsigned int)from.uid);
	door->told = true;
	unix_close(&fd);
}

static void
door_accept(struct broker *broker, uint32_t number)
{
	int fd, i;

	for (i = 0; i < DOOR_TURN; i++) {
		fd = accept4(broker->keep.doors[number].fd, NULL, NULL,
		    SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd == -1)
			return;
		door_answer(broker, number, fd);
	}
}

static void
admin_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	door_accept(arg, DOOR_ADMIN);
}

static void
adopt_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	door_accept(arg, DOOR_ADOPT);
}

static bool
is_listening(int fd)
{
	int domain = -1, type = -1;
	socklen_t len = sizeof(int);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	    domain == AF_UNIX && type == SOCK_SEQPACKET;
}

void
door_open(struct broker *broker, uint32_t number, int fd)
{
	static const event_callback_fn callbacks[] = {
		[DOOR_ADMIN] = admin_cb,
		[DOOR_ADOPT] = adopt_cb,
	};
	struct keep_door *door;

	/* To listen again is to be whom others see at this end. */
	if (number < DOOR_ADMIN || number > DOOR_ADOPT || !is_listening(fd) ||
	    unix_nonblock(fd) == -1 || listen(fd, DOOR_BACKLOG) == -1) {
		log_warnx("door %u cannot be used", number);
		unix_close(&fd);
		return;
	}
	door = &broker->keep.doors[number];
	door_close(door);
	door->fd = fd;
	door->event = event_new(broker->base, fd, EV_READ | EV_PERSIST,
	    callbacks[number], broker);
	if (door->event == NULL || event_add(door->event, NULL) == -1)
		door_close(door);
}
