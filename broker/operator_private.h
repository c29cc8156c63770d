/* SPDX-License-Identifier: ISC */
/* What the files of operator.h share. */
#ifndef BROKER_OPERATOR_PRIVATE_H
#define BROKER_OPERATOR_PRIVATE_H

#include <sys/queue.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "broker/audit.h"
#include "broker/broker.h"
#include "broker/notes.h"
#include "broker/operator.h"

struct operator;

/* How an answer goes on. */
enum operator_step {
	STEP_MORE,	/* at once, if the channel takes it */
	STEP_WAIT,	/* when somebody else has answered */
	STEP_DONE	/* BC_DONE has been sent */
};

/* What an operator is waited for, or waits for, and how long. */
enum operator_wait {
	WAIT_HELLO,
	WAIT_QUESTION,
	WAIT_READER,	/* until it takes its answer */
	WAIT_RUNNER,
	WAIT_SUPERVISOR
};

#define OPERATOR_TOPICS 8

struct operator {
	TAILQ_ENTRY(operator) entry;
	struct broker *broker;
	struct chan *chan;
	struct event *pump;	/* the answer goes on */
	struct event *timer;
	enum operator_wait wait;
	uid_t uid;
	pid_t pid;
	unsigned int audited;	/* kinds of questions that were, by bits */
	struct audit_rate rate;

	/* What is being answered, if "busy". */
	bool busy;
	enum operator_step (*step)(struct operator *op);
	uint64_t request;
	unsigned int stage;
	uint32_t slot;		/* the next, or the session's */
	uint32_t place;		/* in the stage */
	uint64_t count;
	bool all;		/* sessions that have ended, too */
	bool one;		/* of one session only */
	uint32_t states[REGISTRY_STATE_COUNT];
	uint64_t asked;		/* number of the question to a runner, or 0 */
	uint64_t after;		/* processes */
	uint32_t pages;		/* of them that a runner has told */
	bool more;		/* it has another */
	uint32_t asked_slot;
	uint64_t ordered;	/* number of the order to the supervisor */
	struct fields_BS_ORDER order;

	char topics[OPERATOR_TOPICS][32];	/* traced for it */
	size_t ntopics;
};
TAILQ_HEAD(operator_list, operator);

/* Of the broker. */
struct operators {
	struct operator_list list;
	size_t count;
	uint64_t last_asked;
	char topics[OPERATOR_TOPICS][32];	/* traced until switched off */
	size_t ntopics;
	uint64_t started_ms;	/* of the wall clock */
};

/* operator.c */

/* Send to it; what happens then is found by the loop. */
void operator_say(struct operator *op, uint16_t type, const void *msg);

/* The last word on what it asked. */
enum operator_step operator_done(struct operator *op, enum proto_told status,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Wait for somebody, "ms" at most. */
void operator_wait(struct operator *op, enum operator_wait wait, uint64_t ms);

/* Whoever was waited for has answered: the answer goes on. */
void operator_go_on(struct operator *op);

/* operator_status.c */
enum operator_step operator_step_status(struct operator *op);

/* operator_session.c: what is told of sessions. */
enum operator_step operator_step_sessions(struct operator *op);
enum operator_step operator_step_show(struct operator *op);
enum operator_step operator_step_why(struct operator *op);
enum operator_step operator_step_processes(struct operator *op);
void operator_say_session(struct operator *op, uint32_t slot);

/* operator_runner.c: what only runners know or can do. */

/* Ask the runner of a session; false if there is none that could answer. */
bool operator_ask_list(struct operator *op, uint32_t slot);
bool operator_ask_signal(struct operator *op, uint32_t slot, struct span name,
    const struct span *process);

/* It has not answered in time. */
void operator_runner_late(struct operator *op);

/* operator_order.c: what is done for operators. */
void operator_evict(struct operator *op, uint32_t slot,
    const struct fields_CB_EVICT *msg);
void operator_drain(struct operator *op, const struct fields_CB_DRAIN *msg);
enum operator_step operator_step_order(struct operator *op);
void operator_supervisor_late(struct operator *op);

/* trace.c: topics that are logged although the configuration has not said so. */

/* NULL, or why not (static). */
const char *trace_set(struct operator *op, const struct fields_CB_TRACE *msg);

/* It is not here any more. */
void trace_forget(struct operator *op);

#endif
