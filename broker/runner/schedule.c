/* SPDX-License-Identifier: ISC */
/*
 * Which worker does which request, and when: in the order of work.h, beside
 * each other where that helps, and each in the sandbox it asks for.
 */
#include "config.h"

#include <sys/uio.h>

#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "broker/runner/runner.h"
#include "broker/runner/sandbox.h"
#include "broker/runner/worker.h"
#include "common/link.h"
#include "common/log.h"

#define SPARE_MS 10		/* work that waits this long gets another */
#define BOXED_MOST 8		/* workers in sandboxes, of all kinds */
#define WORK_WEIGHT 512		/* bytes a request counts beside its own */

static bool
same_policy(const struct worker *worker, const struct work *work)
{
	return worker->policy_len == work->policy_len &&
	    (work->policy_len == 0 || memcmp(worker->policy, work->policy,
	    work->policy_len) == 0);
}

static bool
same_generation(const struct worker *worker, const struct work *work)
{
	return worker->kind == work->kind && (worker->generation == 0 ||
	    worker->generation == work->generation);
}

/* Whoever has the file that a handle stands for has it to do. */
static bool
worker_serves(const struct worker *worker, const struct work *work)
{
	const struct worker *other;

	if (!same_generation(worker, work))
		return false;
	if (work->kind != WORKER_HANDLES)
		return !worker->outdated && same_policy(worker, work);
	TAILQ_FOREACH(other, &worker->runner->workers, entry)
		if (same_generation(other, work) &&
		    worker_holds(other, work->handle) != NULL)
			return other == worker;
	return !worker->outdated && same_policy(worker, work);
}

/* Requests that are its and not answered, or waiting to be its. */
bool
worker_has_work(const struct worker *worker)
{
	const struct work *work;

	if (worker->busy > 0)
		return true;
	TAILQ_FOREACH(work, &worker->runner->works, entry)
		if (work->worker == NULL && worker_serves(worker, work))
			return true;
	return false;
}

/* One that can take a request, or NULL; "*count" becomes how many there are. */
static struct worker *
worker_ready(struct runner *runner, const struct work *work, size_t *count)
{
	struct worker *worker, *ready = NULL;

	*count = 0;
	TAILQ_FOREACH(worker, &runner->workers, entry) {
		if (!worker_serves(worker, work))
			continue;
		(*count)++;
		if (ready == NULL && !worker->over &&
		    worker->busy < worker_rows[work->kind].at_once)
			ready = worker;
	}
	return ready;
}

bool
work_wanted(const struct runner *runner, const struct work *work)
{
	return runner->attach != NULL &&
	    runner->attach->generation == work->generation;
}

void
work_done(struct runner *runner, struct work *work)
{
	TAILQ_REMOVE(&runner->works, work, entry);
	if (work_wanted(runner, work)) {
		runner->attach->parked_bytes -= work->len + WORK_WEIGHT;
		attach_throttle(runner->attach);
	}
	work_free(work);
}

void
work_fail(struct runner *runner, struct work *work, const char *why)
{
	struct call call = {
		.number = work->call,
		.has_int = work->has_int,
		.id_int = work->id_int,
		.has_str = work->has_str,
		.id_str = work->id_str,
	};

	if (work_wanted(runner, work))
		attach_error(runner->attach, &call, work->type, -32603, "%s",
		    why);
	work_done(runner, work);
}

static void
work_give(struct worker *worker, struct work *work)
{
	struct iovec iov = { work->bytes, work->len };

	work->worker = worker;
	worker->busy++;
	event_del(worker->idle);
	link_sendv(worker->link, work->type, work->number, &iov, 1);
}

/* One on its way into its sandbox: whoever waits need not start another. */
static bool
worker_comes(struct runner *runner, const struct work *work)
{
	struct worker *worker;

	TAILQ_FOREACH(worker, &runner->workers, entry)
		if (worker_serves(worker, work) && worker->boxing != NULL)
			return true;
	return false;
}

/*
 * Sandboxes are for as many policies as the client thinks of, so one that is
 * not used gives way.  Whether there is room for another.
 */
static bool
boxed_room(struct runner *runner)
{
	struct worker *worker, *unused = NULL;
	bool soon;
	size_t count = workers_leaving(runner, &soon);

	TAILQ_FOREACH(worker, &runner->workers, entry) {
		if (worker->policy == NULL)
			continue;
		count++;
		if (unused == NULL && LIST_EMPTY(&worker->held) &&
		    worker->boxing == NULL && !worker_has_work(worker))
			unused = worker;
	}
	if (count >= BOXED_MOST && unused == NULL)
		return false;
	if (count >= BOXED_MOST)
		worker_free(unused);
	return true;
}

/* Whether one of the workers in sandboxes will be done some time. */
static bool
boxed_busy(const struct runner *runner)
{
	const struct worker *worker;
	bool soon;

	if (workers_leaving(runner, &soon) > 0 && soon)
		return true;
	TAILQ_FOREACH(worker, &runner->workers, entry)
		if (worker->policy != NULL && LIST_EMPTY(&worker->held))
			return true;
	return false;
}

/* Another worker helps out only where the first keeps others waiting. */
static struct worker *
worker_for(struct runner *runner, const struct work *work, bool spare)
{
	struct worker *worker;
	size_t count;

	worker = worker_ready(runner, work, &count);
	if (worker != NULL)
		return worker;
	if (count > 0 && (!spare || count >=
	    worker_rows[work->kind].most || worker_comes(runner, work)))
		return NULL;
	if (work->policy != NULL && !boxed_room(runner))
		return NULL;
	return worker_new(runner, work);
}

static bool
worker_may_come(struct runner *runner, const struct work *work)
{
	size_t count;

	(void)worker_ready(runner, work, &count);
	return count < worker_rows[work->kind].most;
}

void
workers_schedule(struct runner *runner, bool spare)
{
	struct timeval tv = { .tv_usec = SPARE_MS * 1000 };
	struct work *work, *next;
	struct worker *worker;
	bool waits = false;
	size_t count;

	for (work = work_next(&runner->works, NULL); work != NULL;
	    work = next == NULL ? NULL : work_next(&runner->works, next)) {
		next = TAILQ_NEXT(work, entry);
		worker = worker_for(runner, work, spare);
		(void)worker_ready(runner, work, &count);
		if (worker != NULL)
			work_give(worker, work);
		else if (count == 0 && work->policy != NULL &&
		    boxed_busy(runner))
			waits = true;
		else if (count == 0 && work->policy != NULL)
			work_fail(runner, work, "files are open in too many "
			    "sandboxes, or none could be started or ended");
		else if (count == 0)
			work_fail(runner, work, "the program that does this "
			    "could not be started");
		else if (worker_may_come(runner, work) && (spare ||
		    worker_ready(runner, work, &(size_t){ 0 }) == NULL))
			waits = true;
	}
	if (waits)
		event_add(runner->spare, &tv);
}

void
workers_spare_cb(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	workers_schedule(arg, true);
}

/* Which sandbox it is to be done in: 0, or -1 with "*why". */
static int
work_box(struct work *work, const union proto_any *msg, const char **why)
{
	const struct fields_BOXED_CALL *policy = &msg->BOXED_CALL;
	const struct span nowhere = { NULL, 0 };
	struct writer w;

	if (!work->boxed || !sandbox_asked(policy))
		return 0;
	writer_init(&w, PROTO_SANDBOX_MAX);
	writer_put_u8(&w, policy->sandbox_network);
	if (sandbox_rules(policy, nowhere, getenv("TMPDIR"), &w, why) == -1) {
		writer_clear(&w);
		return -1;
	}
	if (w.failed)
		fatalx("no memory for a policy");
	work->policy = w.p;
	work->policy_len = w.len;
	return 0;
}

void
workers_ask(struct attach *attach, const struct proto_head *head,
    const union proto_any *msg, const uint8_t *payload)
{
	struct runner *runner = attach->runner;
	struct work *work = work_new(head->type, msg, payload, head->len);
	const char *why = NULL;

	if (work == NULL)
		fatalx("no memory for a request");
	work->number = ++runner->work_numbers;
	work->generation = attach->generation;
	work->call = head->call;
	attach->parked_bytes += work->len + WORK_WEIGHT;
	TAILQ_INSERT_TAIL(&runner->works, work, entry);
	if (work_box(work, msg, &why) == -1)
		work_fail(runner, work, why);
	workers_schedule(runner, false);
	attach_throttle(attach);
}

/*
 * Nobody is attached any more: what was asked for is still done, its answers
 * are for nobody; but handles, watches and transfers belong to the
 * connection.  Handles stay until the last request for them is carried out;
 * those left even longer, which somebody must have stuck, are given up.
 */
void
workers_detach(struct runner *runner)
{
	struct worker *worker, *next;
	bool freed = false;

	TAILQ_FOREACH_SAFE(worker, &runner->workers, entry, next) {
		freed = worker_forgo(worker) || freed;
		if (!worker_rows[worker->kind].finishes ||
		    (worker->generation != 0 && (worker_is_left(worker) ||
		    !worker_has_work(worker)))) {
			workers_forget(runner, worker);
			worker_free(worker);
		} else if (worker->paused) {
			worker->paused = false;
			link_resume(worker->link);
		}
	}
	if (freed)
		workers_schedule(runner, false);
}

void
workers_forget(struct runner *runner, const struct worker *worker)
{
	struct work *work, *next;

	TAILQ_FOREACH_SAFE(work, &runner->works, entry, next)
		if (work->worker == worker)
			work_done(runner, work);
}

/* The next attachment: what the one before asked for and waits is dropped. */
void
workers_attach(struct runner *runner)
{
	struct worker *worker;

	workers_forget(runner, NULL);
	TAILQ_FOREACH(worker, &runner->workers, entry)
		if (worker->generation != 0 && worker->busy == 0)
			worker_idle(worker);
}
