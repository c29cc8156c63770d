/* SPDX-License-Identifier: ISC */
/*
 * What the broker keeps for the next holdfastd: listening sockets, the doors
 * at which it accepts itself, and the supervisor's ends of gateways' channels,
 * which stay open by that, so that no gateway notices when holdfastd dies.
 */
#ifndef BROKER_KEEP_H
#define BROKER_KEEP_H

#include <sys/queue.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/proto.h"

#define KEEP_LISTENERS_MAX 1024
#define KEEP_GATEWAYS_MAX 4096
#define KEEP_URL_SIZE 256	/* with a terminator */

struct broker;
struct event;
struct event_base;

struct keep_listener {
	TAILQ_ENTRY(keep_listener) entry;
	char url[KEEP_URL_SIZE];
	int fd;
	bool stale;		/* not named since another holdfastd came */
};

struct keep_gateway {
	TAILQ_ENTRY(keep_gateway) entry;
	struct keep *keep;
	struct event *exit;	/* owned; of its process */
	uint32_t number, pool;
	int channel;
	int pidfd;
};

/* Somebody at a door who has not said what he wants. */
struct keep_caller {
	TAILQ_ENTRY(keep_caller) entry;
	struct broker *broker;
	struct event *event;
	int fd;
};

struct keep_door {
	int fd;
	struct event *event;
	bool told;		/* who was refused there, and why */
};

/* Embedded in struct broker, for keep_init(). */
struct keep {
	struct event_base *base;
	TAILQ_HEAD(, keep_listener) listeners;
	TAILQ_HEAD(, keep_gateway) gateways;
	TAILQ_HEAD(, keep_caller) callers;
	size_t nlisteners, ngateways, ncallers;
	struct keep_door doors[DOOR_ADOPT + 1];
};

void keep_init(struct keep *keep, struct event_base *base);
void keep_clear(struct keep *keep);

/*
 * Descriptors are owned from here on, whatever comes of it.  A gateway is
 * kept until its process has exited.
 */
void keep_listener(struct keep *keep, struct span url, int fd);
void keep_gateway(struct keep *keep, uint32_t number, uint32_t pool,
    int channel, int pidfd);

/* It has gone: its channel is nobody's any more. */
void keep_forget_gateway(struct keep *keep, uint32_t number);

/* Those that an order has not named since the last keep_give() go. */
void keep_settle(struct keep *keep);

/*
 * Tell the new superior all that is kept.  Gateways that have not said HELLO
 * are let go of first: what they were not told yet nobody knows.
 */
void keep_give(struct broker *broker);

/* door.c: who comes by way of a path. */

/* Accept there from now on; "fd" is owned. */
void door_open(struct broker *broker, uint32_t door, int fd);
void door_close(struct keep_door *door);
void door_dismiss(struct keep_caller *caller);

/* Whether another holdfastd could come. */
bool door_adopts(const struct keep *keep);

/* sup.c: the one at "fd" is the superior from now on, if there is none. */
void broker_adopted_by(struct broker *broker, int fd,
    const struct fields_HELLO *hello);

#endif
