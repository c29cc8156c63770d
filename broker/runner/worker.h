/* SPDX-License-Identifier: ISC */
/*
 * Workers: programs of ours that do for a session what may take long, each
 * behind a data socket of its own.  Towards a worker this runner is what a
 * gateway is towards the runner: requests go over as they came, answers come
 * back and are passed on.
 *
 * worker.c has the life of one, handles.c the files that it has open,
 * schedule.c who is given what, passing.c what becomes of the answers, and
 * leaving.c who is killed.
 * What the rest of the runner calls is in runner.h.
 */
#ifndef RUNNER_WORKER_H
#define RUNNER_WORKER_H

#include <sys/queue.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/runner/work.h"
#include "common/buf.h"
#include "common/proto.h"

struct boxing;
struct event;
struct link;
struct runner;

struct worker {
	TAILQ_ENTRY(worker) entry;
	struct runner *runner;
	enum worker_kind kind;
	uint64_t generation;	/* of whom it serves; 0: of anybody */
	struct link *link;
	pid_t pid;		/* 0: it has ended */
	/* The sandbox it is in: an octet for the network, and rules. */
	uint8_t *policy;	/* NULL: in none */
	size_t policy_len;
	struct boxing *boxing;	/* while it is not known to be there */
	bool over;		/* it has ended, and why is about to be told */
	bool outdated;		/* its sandbox is: no new work but for handles */
	LIST_HEAD(, held) held;	/* files that a client has open with it */
	size_t busy;		/* requests without an answer */
	bool paused;		/* no room for its answers now */
	struct event *idle;
	/* What waits until the long answer of another is over. */
	uint8_t *later;
	struct proto_head later_head;
};

/* What workers of each kind are. */
struct worker_row {
	const char *program, *argument;
	size_t most;		/* of this kind at a time */
	size_t at_once;		/* requests given to one */
	bool lasts;		/* beyond the attachment */
	bool finishes;		/* what the attachment had asked for */
};
extern const struct worker_row worker_rows[WORKER_KINDS];

/*
 * Start one for "work", among the runner's workers from now on; it is not
 * given the work.  NULL when it cannot be started.
 */
struct worker *worker_new(struct runner *runner, const struct work *work);

/* What it does is forgotten first, by workers_forget(), or has failed. */
void worker_free(struct worker *worker);

/*
 * Its sandbox will not be: kill what sets it up.  workers_leaving() tells how
 * many of these have not ended yet, and whether one of them still may "soon";
 * workers_left() forgets them.
 */
void worker_leave(struct worker *worker);
size_t workers_leaving(const struct runner *runner, bool *soon);
void workers_left(struct runner *runner);

/* Whether those it serves have gone. */
bool worker_is_left(const struct worker *worker);

/* It has nothing to do: let it go after a while, unless it is kept. */
void worker_idle(struct worker *worker);

/* Whether it has the file open that the client calls "id"; from when to when. */
struct held *worker_holds(const struct worker *worker, struct span id);
void worker_hold(struct worker *worker, struct span id);
void worker_unhold(struct worker *worker, struct span id);
void worker_unhold_all(struct worker *worker);

/* Requests that are its and not answered, or waiting to be its. */
bool worker_has_work(const struct worker *worker);

/* Give out what can be done now; "spare": also to further workers. */
void workers_schedule(struct runner *runner, bool spare);

/* Whether who asked for it is still attached. */
bool work_wanted(const struct runner *runner, const struct work *work);

/* It has been answered; it is freed.  work_fail() answers with an error. */
void work_done(struct runner *runner, struct work *work);
void work_fail(struct runner *runner, struct work *work, const char *why);

/*
 * What it waits with is for nobody any more.  True if that ends its request,
 * so that it may be given another.
 */
bool worker_forgo(struct worker *worker);

/* A message has come from the worker that is "arg"; see struct link_ops. */
void worker_message_cb(void *arg, const struct proto_head *head,
    const uint8_t *payload);

#endif
