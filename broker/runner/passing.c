/* SPDX-License-Identifier: ISC */
/*
 * What comes back from workers is passed on to the gateway as it came, as
 * fast as the attachment's window allows and one long answer at a time.
 */
#include "config.h"

#include <sys/uio.h>

#include <stdlib.h>
#include <string.h>

#include "broker/runner/runner.h"
#include "broker/runner/worker.h"
#include "common/link.h"
#include "common/log.h"

#define TRIES_MOST 4		/* sandboxes made for one request */

static struct work *
work_numbered(struct runner *runner, const struct worker *worker,
    uint32_t number)
{
	struct work *work;

	TAILQ_FOREACH(work, &runner->works, entry)
		if (work->number == number && work->worker == worker)
			return work;
	return NULL;
}

/* What passing it on costs of the window: as the gateway counts it. */
static uint64_t
message_cost(uint16_t type, const union proto_any *msg)
{
	const struct fields_RG_RESULT *r = &msg->RG_RESULT;
	const struct fields_RG_BULK_PART *p = &msg->RG_BULK_PART;

	switch (type) {
	case MSG_RG_RESULT:
		return (r->has_data ? PROTO_EVENT_COST + r->data.len : 0) +
		    (r->has_names ? PROTO_EVENT_COST + r->names.len : 0) +
		    (r->has_found ? PROTO_EVENT_COST + r->found.len : 0) +
		    (r->has_failed ? PROTO_EVENT_COST + r->failed.len : 0);
	case MSG_RG_BULK_PART:
		return PROTO_EVENT_COST + p->data.len + p->names.len +
		    p->found.len + p->failed.len;
	case MSG_RG_HTTP_BODY:
		return PROTO_EVENT_COST + msg->RG_HTTP_BODY.data.len;
	case MSG_RG_FS_APPEARED:
		return PROTO_EVENT_COST;
	default:
		return 0;
	}
}

static void
pass_on(struct attach *attach, uint16_t type, uint32_t call, uint64_t cost,
    const uint8_t *payload, size_t len)
{
	struct iovec iov = { (void *)(uintptr_t)payload, len };

	if (cost > 0)
		attach_sent(attach, NULL, 0, UNACKED_NOTHING,
		    cost - PROTO_EVENT_COST);
	link_sendv(attach->link, type, call, &iov, 1);
}

static void
worker_pause(struct worker *worker)
{
	worker->paused = true;
	link_pause(worker->link);
}

static void
pause_if_full(struct worker *worker)
{
	if (attach_room(worker->runner->attach) == 0 && !worker->paused)
		worker_pause(worker);
}

/* This waits for the end of the long answer that is under way. */
static void
take_later(struct worker *worker, const struct proto_head *head,
    const uint8_t *payload)
{
	worker->later = malloc(head->len + 1);
	if (worker->later == NULL)
		fatalx("no memory for an answer");
	memcpy(worker->later, payload, head->len);
	worker->later_head = *head;
	worker_pause(worker);
}

/* "worker" may be gone when this returns: another may need its place. */
static void
worker_answered(struct worker *worker, struct work *work)
{
	struct runner *runner = worker->runner;

	work_done(runner, work);
	if (--worker->busy == 0)
		worker_idle(worker);
	workers_schedule(runner, false);
}

/*
 * Nothing was done, for the worker's sandbox is not what it would be now: the
 * next one does it, in its turn.  Who changes things all the time only keeps
 * this one from being done.
 */
static void
worker_outdated(struct worker *worker, struct work *work)
{
	struct runner *runner = worker->runner;

	worker->outdated = true;
	work->worker = NULL;
	if (++work->tries > TRIES_MOST)
		work_fail(runner, work, "sandbox: what it is to protect "
		    "changes all the time");
	if (--worker->busy == 0)
		worker_idle(worker);
	workers_schedule(runner, false);
}

/*
 * Whether a message has to wait: for room, and see attach_busy().  One that
 * is part of a long answer waits for room with its worker.
 */
static bool
comes_too_early(const struct attach *attach, const struct worker *worker,
    uint16_t type, const union proto_any *msg)
{
	bool begins = type == MSG_RG_BULK_BEGIN;
	bool full;

	if (attach == NULL || attach->long_worker == worker)
		return false;
	if (begins && attach->yields)
		return true;
	full = attach_busy(attach) || attach_room(attach) == 0;
	return full && (begins || message_cost(type, msg) > 0);
}

static bool
is_last(uint16_t type)
{
	return type != MSG_RG_BULK_BEGIN && type != MSG_RG_BULK_PART &&
	    type != MSG_RG_HTTP_BODY;
}

static void
worker_answer(struct worker *worker, const struct proto_head *head,
    const union proto_any *msg, const uint8_t *payload)
{
	struct runner *runner = worker->runner;
	struct attach *attach = runner->attach;
	struct work *work = work_numbered(runner, worker, head->call);
	bool last = is_last(head->type);

	if (work == NULL)
		return;
	if (head->type == MSG_RG_ERROR && worker->policy != NULL &&
	    msg->RG_ERROR.error_code == PROTO_OUTDATED) {
		worker_outdated(worker, work);
		return;
	}
	if (work_wanted(runner, work)) {
		if (comes_too_early(attach, worker, head->type, msg)) {
			take_later(worker, head, payload);
			return;
		}
		if (head->type == MSG_RG_BULK_BEGIN)
			attach->long_worker = worker;
		pass_on(attach, head->type, work->call,
		    message_cost(head->type, msg), payload, head->len);
		if (last && attach->long_worker == worker) {
			attach->long_worker = NULL;
			attach_over(attach);
		}
		pause_if_full(worker);
	}
	if (last && head->type == MSG_RG_RESULT &&
	    work->type == MSG_GR_FS_OPEN)
		worker_hold(worker, work->handle);
	if (last && head->type == MSG_RG_RESULT &&
	    work->type == MSG_GR_FS_CLOSE)
		worker_unhold(worker, work->handle);
	if (last)
		worker_answered(worker, work);
	if (last && runner->attach != NULL)
		attach_pump(runner->attach);
}

/* Events belong to whoever is attached; workers that send them go with it. */
static void
worker_event(struct worker *worker, const struct proto_head *head,
    const union proto_any *msg, const uint8_t *payload)
{
	struct attach *attach = worker->runner->attach;

	if (attach == NULL)
		return;
	if (comes_too_early(attach, worker, head->type, msg)) {
		take_later(worker, head, payload);
		return;
	}
	pass_on(attach, head->type, 0, message_cost(head->type, msg), payload,
	    head->len);
	pause_if_full(worker);
}

void
worker_message_cb(void *arg, const struct proto_head *head,
    const uint8_t *payload)
{
	struct worker *worker = arg;
	union proto_any msg;

	/*
	 * A worker that is paused is read on only when it is dead.  What
	 * waits is forgotten then like all that comes behind it: for each
	 * call there is an error.
	 */
	if (worker->later != NULL)
		return;
	if (proto_decode(proto_row(head->type), payload, head->len, &msg) !=
	    PROTO_OK) {
		log_warnx("%s: malformed %s",
		    worker_rows[worker->kind].program,
		    proto_name(head->type));
		return;
	}
	if (head->type == MSG_RG_HELLO)
		link_set_phase(worker->link, PHASE_UP);
	else if (head->type == MSG_RG_HTTP_BODY ||
	    head->type == MSG_RG_FS_APPEARED)
		worker_event(worker, head, &msg, payload);
	else
		worker_answer(worker, head, &msg, payload);
}

/* Try what waited again; true if it waits no more, nor is sure to be there. */
static bool
worker_retake(struct worker *worker)
{
	struct proto_head head = worker->later_head;
	uint8_t *payload = worker->later;
	union proto_any msg;

	/* It was sound when it came. */
	proto_decode(proto_row(head.type), payload, head.len, &msg);
	if (comes_too_early(worker->runner->attach, worker, head.type, &msg))
		return false;
	worker->later = NULL;
	worker->paused = false;
	link_resume(worker->link);
	worker_message_cb(worker, &head, payload);
	free(payload);
	return true;
}

/* Who waits with something comes first; and all who were paused. */
void
workers_pump(struct attach *attach)
{
	struct worker *worker;

again:
	TAILQ_FOREACH(worker, &attach->runner->workers, entry) {
		if (!worker->paused || attach_room(attach) == 0)
			continue;
		if (worker->later == NULL) {
			worker->paused = false;
			link_resume(worker->link);
		} else if (worker_retake(worker)) {
			/* An answer may make room for other workers. */
			goto again;
		}
	}
}

bool
worker_forgo(struct worker *worker)
{
	struct work *work;

	if (worker->later == NULL)
		return false;
	free(worker->later);
	worker->later = NULL;
	work = work_numbered(worker->runner, worker, worker->later_head.call);
	if (work == NULL || !is_last(worker->later_head.type))
		return false;
	/* It has been done all the same. */
	work_done(worker->runner, work);
	if (--worker->busy == 0)
		worker_idle(worker);
	return true;
}
