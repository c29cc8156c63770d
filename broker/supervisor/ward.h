/* SPDX-License-Identifier: ISC */
/*
 * A process that the supervisor starts and watches: its life by the table of
 * wardstate.h, its control channel, its watchdog.  What it is for, and when
 * it may be started, is the owner's business.
 */
#ifndef SUPERVISOR_WARD_H
#define SUPERVISOR_WARD_H

#include <sys/types.h>

#include <stdint.h>

#include "broker/supervisor/wardstate.h"
#include "common/proto.h"

struct chan;
struct event_base;
struct storesock;
struct ward;

enum ward_kind {
	WARD_BROKER,
	WARD_GATEWAY
};

/* How long a ward may take to say HELLO, in milliseconds. */
#define WARD_START_MS 10000

/* What the owner is told.  None of these may free the ward. */
struct ward_watch {
	/* It runs, the channel is open: send what it must know first. */
	void (*spawned)(void *arg, struct ward *ward);
	/* It has said HELLO. */
	void (*up)(void *arg, struct ward *ward);
	/* The broker has taken an order, or not: "why", else NULL. */
	void (*taken)(void *arg, uint64_t count, const char *why);
	/* The broker asks that orphans be looked for. */
	void (*sweep)(void *arg, uint64_t count);
	/* It passes on what an operator wants; it has told of its sessions. */
	void (*order)(void *arg, const struct fields_BS_ORDER *order);
	void (*surveyed)(void *arg, const struct fields_BS_SURVEYED *found);
	/* It has exited; start it again, but not before ward_not_before(). */
	void (*down)(void *arg, struct ward *ward);
	/* It was stopped and has exited. */
	void (*gone)(void *arg, struct ward *ward);
};

/* All of it must outlive the ward. */
struct ward_plan {
	struct event_base *base;
	enum ward_kind kind;
	unsigned int number;	/* of the gateway, from 1; 0 for the broker */
	unsigned int pool;	/* of the gateway */
	const char *path;
	char *const *env;
	const struct storesock *store;	/* what it is given, or NULL */
	uint64_t watchdog_ms;
	const struct ward_watch *watch;
	void *arg;
};

/* A ward that is idle.  ward_free() does not end a process that still runs. */
struct ward *ward_new(const struct ward_plan *plan);
void ward_free(struct ward *ward);

/* Start it, which must be idle and its time come. */
void ward_start(struct ward *ward);

/* One that an earlier holdfastd has started; descriptors are owned. */
struct ward_found {
	int channel;
	int pidfd;
	pid_t pid;
	uint32_t version;	/* that it speaks; 0: not known */
};

/* Take it over: the idle "ward" is up, and the owner is not told. */
void ward_adopt(struct ward *ward, const struct ward_found *found);

/*
 * Have the broker, which must be up, make place for another at once, with
 * nothing ended: its exit is no failure.
 */
void ward_leave(struct ward *ward);

/*
 * Have it stop: told to take leave within "grace_ms", killed "slack_ms" after
 * that.  Called again while it is stopping, it is killed at once.
 */
void ward_stop(struct ward *ward, uint64_t grace_ms, uint64_t slack_ms);

/*
 * Have a gateway, which must be up, leave the place to another: SG_LEAVE with
 * "heir" (owned; -1: none), and killed "slack_ms" after its time.  ward_stop()
 * still is the ordinary end.
 */
void ward_retire(struct ward *ward, uint64_t grace_ms, uint64_t slack_ms,
    int heir);

/* A child has exited.  Returns whether it was this one. */
int ward_exited(struct ward *ward, pid_t pid, int status);

enum ward_state ward_state(const struct ward *ward);
unsigned int ward_number(const struct ward *ward);
unsigned int ward_pool(const struct ward *ward);

/* Its process id, 0 when there is none. */
pid_t ward_pid(const struct ward *ward);

/* Whether it died before it was up, and not because somebody killed it. */
int ward_failed(const struct ward *ward);

/*
 * Duplicates of our end of its channel and of its pidfd, for who keeps them
 * for the next holdfastd; the caller's, or -1.
 */
int ward_dup_chan(const struct ward *ward);
int ward_dup_pidfd(const struct ward *ward);

/* Its channel, NULL when there is none or it has ended; not the caller's. */
struct chan *ward_chan(const struct ward *ward);

/* The earliest time it may be started again (clock_ms()). */
uint64_t ward_not_before(const struct ward *ward);

#endif
