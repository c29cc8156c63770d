/* SPDX-License-Identifier: ISC */
/* What the files of supervise.h share. */
#ifndef SUPERVISOR_SUPERVISE_PRIVATE_H
#define SUPERVISOR_SUPERVISE_PRIVATE_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "broker/supervisor/reexec.h"
#include "broker/supervisor/supervise.h"
#include "broker/supervisor/ward.h"

#define SUPERVISE_SIGNALS 6

struct event;
struct event_base;
struct roll;
struct storesock;

/* What is going on; each follows the one before. */
enum supervise_stage {
	SUPERVISE_SERVING,
	SUPERVISE_GATEWAYS,	/* stopping the gateways */
	SUPERVISE_BROKER,	/* stopping the broker */
	SUPERVISE_REST		/* killing whatever is left */
};

struct supervisor {
	struct supervise_plan *plan;
	struct event_base *base;
	struct event *signals[SUPERVISE_SIGNALS];
	struct event *pump;		/* when a ward's time has come */
	struct event *sweep;		/* while orphans may be there */
	uint64_t sweep_until;		/* 0: none are expected */
	uint64_t sweep_asked;		/* by the broker, its count; or 0 */
	struct storesock *store;	/* NULL: the broker is to do without */
	unsigned int store_deaths;	/* of brokers, before they were up */
	struct ward_plan broker_plan;
	struct ward *broker;
	/*
	 * By place; behind those that serve one for a gateway that is to
	 * serve, and one for a gateway that leaves, NULL mostly.
	 */
	struct ward_plan **gateway_plans;
	struct ward **gateways;
	size_t ngateways;		/* those that serve */
	struct roll *roll;
	char **broker_env, **gateway_env;
	char *broker_notify;		/* in the former */
	enum supervise_stage stage;
	unsigned int deaths;		/* before ready */
	int ready;
	struct reexec_task upgrade;	/* that has begun */
	int becoming;		/* another image, from the loop */
	int outdated;		/* gateways lack listeners, or have more */
	int replaced;		/* the broker was told to leave */
	int leaving;		/* as soon as nothing is lost by that */
	int reloading;		/* the service manager waits for its end */
	int status;
};

/* Let "timer" strike in "ms". */
void supervise_add_timer(struct event *timer, uint64_t ms);

/*
 * What happens to a ward is looked at from the loop, never from within the
 * ward's own call.
 */
void supervise_pump_soon(struct supervisor *s);

/* Whether all gateways are in that state. */
int supervise_all(const struct supervisor *s, enum ward_state state);

/* supervise_wards.c: the broker and the pools of gateways. */

/* Make them; they start when the loop looks at them. */
void supervise_init_wards(struct supervisor *s);
void supervise_clear_wards(struct supervisor *s);

/*
 * supervise_counts.c: tell the broker what has been counted; all of it, if it
 * is a new one.
 */
void supervise_tell_counts(struct supervisor *s, int all);

/* Whether it has been told how things were, or is about to read that. */
int supervise_was_told(const struct ward *ward);

/* supervise_store.c: what is stored for the next broker. */

/* Before the wards are made; without a store if it cannot be had. */
void supervise_init_store(struct supervisor *s);
void supervise_clear_store(struct supervisor *s);

/* The broker has died: what it has stored goes to the next, or nowhere. */
void supervise_inherit(struct supervisor *s);

/* supervise_sweep.c: children, and the orphans that become ours. */

/* Kill all that is neither broker nor gateway, now and until it is gone. */
void supervise_sweep(struct supervisor *s);
void supervise_sweep_cb(int fd, short what, void *arg);
void supervise_child_cb(int signo, short what, void *arg);

/* The broker asks for that: it is told when nothing was left after now. */
void supervise_asked(void *arg, uint64_t count);

/* supervise_roll.c: other gateways in the place of those there are. */
#define SUPERVISE_EXTRA_PLACES 2

static inline size_t
supervise_places(const struct supervisor *s)
{
	return s->ngateways + SUPERVISE_EXTRA_PLACES;
}

static inline size_t
supervise_spare_place(const struct supervisor *s)
{
	return s->ngateways;
}

/* How far it is, at last with "done"; "status" 0: all are replaced. */
typedef void supervise_told_fn(void *arg, uint64_t id, int done,
    uint32_t status, const char *text);

struct supervise_roll_wish {
	int handoff;		/* connections may go on in the new ones */
	uint64_t grace_ms;	/* to leave, each; 0: as configured */
	supervise_told_fn *told;	/* NULL: nobody waits */
	void *arg;
	uint64_t id;		/* for "told" */
};

/*
 * Replace the gateways, one after another; once more afterwards when that is
 * under way already.
 */
void supervise_roll(struct supervisor *s,
    const struct supervise_roll_wish *wish);
void supervise_usr1_cb(int signo, short what, void *arg);

/* Whether there are more than have a place, for a while. */
static inline int
supervise_is_rolling(const struct supervisor *s)
{
	return s->gateways[s->ngateways] != NULL ||
	    s->gateways[s->ngateways + 1] != NULL;
}

/* From the pump: go on. */
void supervise_roll_further(struct supervisor *s);

/* A gateway has exited: whether it was the one to be. */
int supervise_roll_down(struct supervisor *s, const struct ward *ward);

/* All stop: no more of it. */
void supervise_roll_stop(struct supervisor *s);
struct roll *supervise_roll_new(void);
void supervise_roll_free(struct roll *roll);

/* supervise_stop.c: the end, stage by stage. */

/* Begin it; called again, what is being waited for is killed. */
void supervise_stop(struct supervisor *s);

/* Go on to the next stage if nothing is left of the present one. */
void supervise_stop_further(struct supervisor *s);
void supervise_stop_cb(int signo, short what, void *arg);

/* supervise_order.c: what an operator wants, passed on by the broker. */
void supervise_order(void *arg, const struct fields_BS_ORDER *order);

/* upgrade.c: replacing all of us. */
void supervise_upgrade(struct supervisor *s,
    const struct fields_BS_ORDER *order);
void supervise_surveyed(void *arg, const struct fields_BS_SURVEYED *found);
void supervise_upgrade_further(struct supervisor *s);

/* Tell how far it is, at last with "done"; "status" 0: it is done. */
void supervise_tell(struct supervisor *s, uint64_t request, int done,
    uint32_t status, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* supervise_adopt.c: what an earlier holdfastd has left, and leaving. */

/* The broker and the gateways that were found are wards from now on. */
void supervise_adopt(struct supervisor *s);

/* The number for the next gateway of a pool: of one that was found, or new. */
unsigned int supervise_gateway_number(struct supervisor *s,
    unsigned int pool, size_t before);

/* SIGUSR2: exit, and everything else runs on. */
void supervise_leave_cb(int signo, short what, void *arg);
void supervise_try_leave(struct supervisor *s);

/* supervise_reload.c: SIGHUP, and what the broker says to it. */
void supervise_hup_cb(int signo, short what, void *arg);

/* The same for somebody who waits; 0, or -1 when all stays as it was. */
int supervise_reload(struct supervisor *s);
void supervise_taken(void *arg, uint64_t count, const char *why);

#endif
