/* SPDX-License-Identifier: ISC */
/* What the broker keeps for the next holdfastd. */
#include "config.h"

#include <sys/socket.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "broker/broker.h"
#include "broker/keep.h"
#include "common/chan.h"
#include "common/log.h"
#include "common/unix.h"

void
keep_init(struct keep *keep, struct event_base *base)
{
	size_t i;

	keep->base = base;
	TAILQ_INIT(&keep->listeners);
	TAILQ_INIT(&keep->gateways);
	TAILQ_INIT(&keep->callers);
	for (i = 0; i < sizeof(keep->doors) / sizeof(keep->doors[0]); i++)
		keep->doors[i].fd = -1;
}

static void
drop_listener(struct keep *keep, struct keep_listener *listener)
{
	TAILQ_REMOVE(&keep->listeners, listener, entry);
	keep->nlisteners--;
	unix_close(&listener->fd);
	free(listener);
}

static void
drop_gateway(struct keep *keep, struct keep_gateway *gateway)
{
	TAILQ_REMOVE(&keep->gateways, gateway, entry);
	keep->ngateways--;
	if (gateway->exit != NULL)
		event_free(gateway->exit);
	unix_close(&gateway->channel);
	unix_close(&gateway->pidfd);
	free(gateway);
}

void
keep_clear(struct keep *keep)
{
	size_t i;

	while (!TAILQ_EMPTY(&keep->callers))
		door_dismiss(TAILQ_FIRST(&keep->callers));
	for (i = 0; i < sizeof(keep->doors) / sizeof(keep->doors[0]); i++)
		door_close(&keep->doors[i]);
	while (!TAILQ_EMPTY(&keep->listeners))
		drop_listener(keep, TAILQ_FIRST(&keep->listeners));
	while (!TAILQ_EMPTY(&keep->gateways))
		drop_gateway(keep, TAILQ_FIRST(&keep->gateways));
}

void
keep_listener(struct keep *keep, struct span url, int fd)
{
	struct keep_listener *listener;
	char text[KEEP_URL_SIZE];

	if (span_to_str(url, text, sizeof(text)) == -1) {
		unix_close(&fd);
		return;
	}
	TAILQ_FOREACH(listener, &keep->listeners, entry)
		if (strcmp(listener->url, text) == 0)
			break;
	if (listener != NULL)
		drop_listener(keep, listener);
	listener = keep->nlisteners >= KEEP_LISTENERS_MAX ? NULL :
	    calloc(1, sizeof(*listener));
	if (listener == NULL) {
		log_warnx("%s is not kept for another holdfastd", text);
		unix_close(&fd);
		return;
	}
	strlcpy(listener->url, text, sizeof(listener->url));
	listener->fd = fd;
	TAILQ_INSERT_TAIL(&keep->listeners, listener, entry);
	keep->nlisteners++;
}

/* A pidfd can be read once its process has exited, see pidfd_open(2). */
static void
gateway_exit_cb(evutil_socket_t fd, short what, void *arg)
{
	struct keep_gateway *gateway = arg;

	(void)fd;
	(void)what;
	drop_gateway(gateway->keep, gateway);
}

void
keep_gateway(struct keep *keep, uint32_t number, uint32_t pool, int channel,
    int pidfd)
{
	struct keep_gateway *gateway = NULL;

	keep_forget_gateway(keep, number);
	if (channel != -1 && pidfd != -1 &&
	    keep->ngateways < KEEP_GATEWAYS_MAX)
		gateway = calloc(1, sizeof(*gateway));
	if (gateway == NULL) {
		unix_close(&channel);
		unix_close(&pidfd);
		return;
	}
	*gateway = (struct keep_gateway){
		.keep = keep,
		.exit = event_new(keep->base, pidfd, EV_READ,
		    gateway_exit_cb, gateway),
		.number = number,
		.pool = pool,
		.channel = channel,
		.pidfd = pidfd,
	};
	TAILQ_INSERT_TAIL(&keep->gateways, gateway, entry);
	keep->ngateways++;
	/* Without, it is dropped when another of its number comes. */
	if (gateway->exit != NULL)
		(void)event_add(gateway->exit, NULL);
}

void
keep_forget_gateway(struct keep *keep, uint32_t number)
{
	struct keep_gateway *gateway, *next;

	for (gateway = TAILQ_FIRST(&keep->gateways); gateway != NULL;
	    gateway = next) {
		next = TAILQ_NEXT(gateway, entry);
		if (gateway->number == number)
			drop_gateway(keep, gateway);
	}
}

void
keep_settle(struct keep *keep)
{
	struct keep_listener *listener, *next;

	for (listener = TAILQ_FIRST(&keep->listeners); listener != NULL;
	    listener = next) {
		next = TAILQ_NEXT(listener, entry);
		if (listener->stale)
			drop_listener(keep, listener);
	}
}

static int
dup_of(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

static void
give_listeners(struct broker *broker)
{
	struct keep_listener *listener;
	struct fields_KEEP kept;
	int fd;

	TAILQ_FOREACH(listener, &broker->keep.listeners, entry) {
		listener->stale = true;
		fd = dup_of(listener->fd);
		if (fd == -1) {
			log_warn("%s", listener->url);
			continue;
		}
		kept.listener = span_str(listener->url);
		chan_send(broker->superior, MSG_BS_KEPT_LISTENER, &kept, &fd,
		    1);
	}
}

static void
give_gateways(struct broker *broker)
{
	struct keep_gateway *gateway;
	int fds[2];

	TAILQ_FOREACH(gateway, &broker->keep.gateways, entry) {
		struct fields_SB_GATEWAY kept = {
			.gateway = gateway->number,
			.pool = gateway->pool,
			.has_pool = true,
		};

		fds[0] = dup_of(gateway->channel);
		fds[1] = dup_of(gateway->pidfd);
		if (fds[0] == -1 || fds[1] == -1) {
			log_warn("gateway %u", gateway->number);
			unix_close(&fds[0]);
			unix_close(&fds[1]);
			continue;
		}
		chan_send(broker->superior, MSG_BS_KEPT_GATEWAY, &kept, fds,
		    2);
	}
}

static void
give_doors(struct broker *broker)
{
	struct fields_DOOR kept;
	uint32_t door;
	int fd;

	for (door = DOOR_ADMIN; door <= DOOR_ADOPT; door++) {
		if (broker->keep.doors[door].fd == -1)
			continue;
		fd = dup_of(broker->keep.doors[door].fd);
		if (fd == -1) {
			log_warn("door %u", door);
			continue;
		}
		kept.door = door;
		chan_send(broker->superior, MSG_BS_KEPT_DOOR, &kept, &fd, 1);
	}
}

void
keep_give(struct broker *broker)
{
	gates_drop_unready(broker);
	give_listeners(broker);
	give_gateways(broker);
	give_doors(broker);
}
