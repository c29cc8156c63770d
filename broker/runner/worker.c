/* SPDX-License-Identifier: ISC */
/*
 * Workers: programs of ours that do for a session what may take long, each
 * behind a data socket of its own.  Towards a worker this runner is what a
 * gateway is towards the runner: requests go over as they came, answers come
 * back and are passed on, as fast as the window allows.
 */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "broker/runner/boxed.h"
#include "broker/runner/exec.h"
#include "broker/runner/runner.h"
#include "broker/runner/sandbox.h"
#include "broker/runner/work.h"
#include "common/link.h"
#include "common/log.h"
#include "common/unix.h"

#define IDLE_MS 30000		/* a worker with nothing to do is let go */
#define SPARE_MS 10		/* work that waits this long gets another */
#define HANDLES_AT_ONCE 16	/* requests given to a worker of handles */
#define BOXED_MOST 8		/* workers in sandboxes, of all kinds */
#define WORK_WEIGHT 512		/* bytes a request counts beside its own */

extern char **environ;

/* A file that a client has open with a worker. */
struct held {
	LIST_ENTRY(held) entry;
	size_t len;
	uint8_t id[];
};

struct worker {
	TAILQ_ENTRY(worker) entry;
	struct runner *runner;
	enum worker_kind kind;
	uint64_t generation;	/* of whom it serves; 0: of anybody */
	struct link *link;
	pid_t pid;
	/* The sandbox it is in: an octet for the network, and rules. */
	uint8_t *policy;	/* NULL: in none */
	size_t policy_len;
	struct boxing *boxing;	/* while it is not known to be there */
	bool over;		/* it has ended, and why is about to be told */
	LIST_HEAD(, held) held;
	size_t busy;		/* requests without an answer */
	bool paused;		/* no room for its answers now */
	struct event *idle;
	/* The start of a long answer that waits until another is over. */
	uint8_t *begin;
	size_t begin_len;
	uint32_t begin_number;
};

static const struct {
	const char *program, *argument;
	size_t most;		/* of this kind at a time */
	size_t at_once;		/* requests given to one */
	bool lasts;		/* beyond the attachment */
	bool finishes;		/* what the attachment had asked for */
} workers_by_kind[WORKER_KINDS] = {
	[WORKER_FILES] = { "holdfast-fs", NULL, 4, 1, true, true },
	[WORKER_HANDLES] = { "holdfast-fs", NULL, 1, HANDLES_AT_ONCE, false,
	    true },
	[WORKER_WATCH] = { "holdfast-fs", "watch", 1, SIZE_MAX, false,
	    false },
	[WORKER_HTTP] = { "holdfast-http", NULL, 1, SIZE_MAX, false, false },
};

static const struct link_ops worker_ops;

static boxed_done worker_boxed_cb;

static pid_t
worker_start(struct worker *worker, const struct exec_plan *plan)
{
	struct boxed_policy policy;
	struct exec_failure failure;
	int program;
	pid_t pid;

	if (worker->policy == NULL)
		return exec_start(plan, &failure);
	policy.network = worker->policy[0] != 0;
	policy.rules = (struct span){ worker->policy + 1,
	    worker->policy_len - 1 };
	/* By descriptor, for its path may not be there inside. */
	program = open(plan->programs[0], O_RDONLY | O_CLOEXEC);
	if (program == -1)
		return -1;
	pid = boxed_start(worker->runner->base, plan, &policy, program,
	    &worker->boxing, worker_boxed_cb, worker, &failure);
	close(program);
	return pid;
}

static pid_t
worker_exec(struct worker *worker, int fd)
{
	enum worker_kind kind = worker->kind;
	char path[PATH_MAX];
	char *argv[] = {
		(char *)(uintptr_t)workers_by_kind[kind].program,
		(char *)(uintptr_t)workers_by_kind[kind].argument,
		NULL
	};
	char *programs[] = { path, NULL };
	struct exec_plan plan = {
		.argv = argv,
		.envp = environ,
		.programs = programs,
		.directory = "/",
		.fds = { fd, STDOUT_FILENO, STDERR_FILENO },
	};
	pid_t pid;

	if (boxed_beside(argv[0], path, sizeof(path)) == -1)
		return -1;
	/* Descriptors of a plan stand above the standard ones. */
	plan.fds[1] = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	plan.fds[2] = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	pid = plan.fds[1] == -1 || plan.fds[2] == -1 ? -1 :
	    worker_start(worker, &plan);
	if (pid == -1)
		log_warnx("cannot start %s", path);
	unix_close(&plan.fds[1]);
	unix_close(&plan.fds[2]);
	return pid;
}

static void
worker_greet(struct worker *worker)
{
	struct fields_HELLO hello = {
		.version = PROTO_VERSION,
		.oldest = PROTO_OLDEST,
	};

	link_send(worker->link, MSG_GR_HELLO, 0, &hello);
}

/* All but what makes it known. */
static void
worker_release(struct worker *worker)
{
	struct held *held;

	while ((held = LIST_FIRST(&worker->held)) != NULL) {
		LIST_REMOVE(held, entry);
		free(held);
	}
	boxed_forget(worker->boxing);
	if (worker->idle != NULL)
		event_free(worker->idle);
	free(worker->policy);
	free(worker->begin);
	free(worker);
}

static void
worker_free(struct worker *worker)
{
	struct runner *runner = worker->runner;

	TAILQ_REMOVE(&runner->workers, worker, entry);
	if (runner->attach != NULL && runner->attach->long_worker == worker)
		runner->attach->long_worker = NULL;
	link_free(worker->link);
	worker_release(worker);
}

static struct held *
worker_holds(const struct worker *worker, struct span id)
{
	struct held *held;

	LIST_FOREACH(held, &worker->held, entry)
		if (held->len == id.len &&
		    (id.len == 0 || memcmp(held->id, id.p, id.len) == 0))
			return held;
	return NULL;
}

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
		return same_policy(worker, work);
	TAILQ_FOREACH(other, &worker->runner->workers, entry)
		if (same_generation(other, work) &&
		    worker_holds(other, work->handle) != NULL)
			return other == worker;
	return same_policy(worker, work);
}

static void
worker_hold(struct worker *worker, struct span id)
{
	struct held *held;

	if (worker_holds(worker, id) != NULL)
		return;
	held = malloc(sizeof(*held) + id.len);
	if (held == NULL)
		fatalx("no memory for a file handle");
	held->len = id.len;
	if (id.len > 0)
		memcpy(held->id, id.p, id.len);
	LIST_INSERT_HEAD(&worker->held, held, entry);
}

static void
worker_unhold(struct worker *worker, struct span id)
{
	struct held *held = worker_holds(worker, id);

	if (held == NULL)
		return;
	LIST_REMOVE(held, entry);
	free(held);
}

/* Requests that are its and not answered, or waiting to be its. */
static bool
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

static void
idle_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	if (!worker_has_work(arg))
		worker_free(arg);
}

/* Whether those it serves have gone. */
static bool
worker_is_left(const struct worker *worker)
{
	const struct attach *attach = worker->runner->attach;

	return worker->generation != 0 && (attach == NULL ||
	    attach->generation != worker->generation);
}

static void
worker_idle(struct worker *worker)
{
	struct timeval tv = { 0 };

	/* Handles and watches are kept as long as somebody may use them. */
	if (worker->generation == 0)
		tv.tv_sec = IDLE_MS / 1000;
	else if (!worker_is_left(worker))
		return;
	event_add(worker->idle, &tv);
}

static struct worker *
worker_new(struct runner *runner, const struct work *work)
{
	enum worker_kind kind = work->kind;
	struct worker *worker = calloc(1, sizeof(*worker));
	int pair[2];

	if (worker == NULL)
		return NULL;
	if (unix_pair(SOCK_STREAM, pair) == -1) {
		free(worker);
		return NULL;
	}
	worker->runner = runner;
	worker->kind = kind;
	worker->generation = workers_by_kind[kind].lasts ? 0 :
	    work->generation;
	LIST_INIT(&worker->held);
	if (work->policy != NULL) {
		worker->policy = malloc(work->policy_len);
		if (worker->policy == NULL)
			fatalx("no memory for a policy");
		memcpy(worker->policy, work->policy, work->policy_len);
		worker->policy_len = work->policy_len;
	}
	worker->pid = worker_exec(worker, pair[1]);
	close(pair[1]);
	worker->idle = evtimer_new(runner->base, idle_cb, worker);
	if (worker->pid == -1 || worker->idle == NULL) {
		close(pair[0]);
		goto fail;
	}
	worker->link = link_new(runner->base, pair[0], ROLE_GATEWAY,
	    ROLE_RUNNER, &worker_ops, worker);
	if (worker->link == NULL)
		goto fail;
	TAILQ_INSERT_TAIL(&runner->workers, worker, entry);
	worker_greet(worker);
	return worker;
fail:
	worker_release(worker);
	return NULL;
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
		    worker->busy < workers_by_kind[work->kind].at_once)
			ready = worker;
	}
	return ready;
}

static bool
work_wanted(const struct runner *runner, const struct work *work)
{
	return runner->attach != NULL &&
	    runner->attach->generation == work->generation;
}

static void
work_done(struct runner *runner, struct work *work)
{
	TAILQ_REMOVE(&runner->works, work, entry);
	if (work_wanted(runner, work)) {
		runner->attach->parked_bytes -= work->len + WORK_WEIGHT;
		attach_throttle(runner->attach);
	}
	work_free(work);
}

static void
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
	size_t count = 0;

	TAILQ_FOREACH(worker, &runner->workers, entry) {
		if (worker->policy == NULL)
			continue;
		count++;
		if (unused == NULL && LIST_EMPTY(&worker->held) &&
		    !worker_has_work(worker))
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
	    workers_by_kind[work->kind].most || worker_comes(runner, work)))
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
	return count < workers_by_kind[work->kind].most;
}

static void
schedule(struct runner *runner, bool spare)
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
			    "sandboxes, or none could be started");
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
	schedule(arg, true);
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
	schedule(runner, false);
	attach_throttle(attach);
}

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
	case MSG_RG_BULK_END:
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

/* Its long answer waits for the one that is under way. */
static void
begin_later(struct worker *worker, uint32_t number, const uint8_t *payload,
    size_t len)
{
	worker->begin = malloc(len + 1);
	if (worker->begin == NULL)
		fatalx("no memory for an answer");
	memcpy(worker->begin, payload, len);
	worker->begin_len = len;
	worker->begin_number = number;
	worker_pause(worker);
}

static void
worker_answered(struct worker *worker, struct work *work)
{
	struct runner *runner = worker->runner;

	work_done(runner, work);
	if (--worker->busy == 0)
		worker_idle(worker);
	schedule(runner, false);
}

static bool
begins_while_another(struct attach *attach, struct worker *worker,
    uint16_t type)
{
	return type == MSG_RG_BULK_BEGIN && (attach->bulk != NULL ||
	    (attach->long_worker != NULL && attach->long_worker != worker));
}

static void
worker_answer(struct worker *worker, const struct proto_head *head,
    const union proto_any *msg, const uint8_t *payload)
{
	struct runner *runner = worker->runner;
	struct attach *attach = runner->attach;
	struct work *work = work_numbered(runner, worker, head->call);
	bool last = head->type != MSG_RG_BULK_BEGIN &&
	    head->type != MSG_RG_BULK_PART && head->type != MSG_RG_HTTP_BODY;

	if (work == NULL)
		return;
	if (work_wanted(runner, work)) {
		if (begins_while_another(attach, worker, head->type)) {
			begin_later(worker, head->call, payload, head->len);
			return;
		}
		if (head->type == MSG_RG_BULK_BEGIN)
			attach->long_worker = worker;
		pass_on(attach, head->type, work->call,
		    message_cost(head->type, msg), payload, head->len);
		if (last && attach->long_worker == worker)
			attach->long_worker = NULL;
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

	if (attach != NULL)
		pass_on(attach, head->type, 0, message_cost(head->type, msg),
		    payload, head->len);
}

static void
worker_message_cb(void *arg, const struct proto_head *head,
    const uint8_t *payload)
{
	struct worker *worker = arg;
	struct attach *attach = worker->runner->attach;
	union proto_any msg;

	if (proto_decode(proto_row(head->type), payload, head->len, &msg) !=
	    PROTO_OK) {
		log_warnx("%s: malformed %s",
		    workers_by_kind[worker->kind].program,
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
	if (attach != NULL && attach_room(attach) == 0 && !worker->paused)
		worker_pause(worker);
}

/* All that it had to do fails, and so does what waits for its like. */
static void
worker_lost(struct worker *worker, const char *why)
{
	struct runner *runner = worker->runner;
	struct work *work, *next;

	TAILQ_FOREACH_SAFE(work, &runner->works, entry, next)
		if (work->worker == worker)
			work_fail(runner, work, why);
	worker_free(worker);
	schedule(runner, false);
}

static void
worker_ended_cb(void *arg, const char *why)
{
	struct worker *worker = arg;

	if (why != NULL)
		log_warnx("%s: %s", workers_by_kind[worker->kind].program,
		    why);
	/* Why it was never there says more than that it is not. */
	worker->over = true;
	if (worker->boxing == NULL)
		worker_lost(worker, "the program that did this has ended");
}

static void
worker_boxed_cb(void *arg, const struct boxed_outcome *outcome)
{
	struct worker *worker = arg;

	boxed_forget(worker->boxing);
	worker->boxing = NULL;
	if (!outcome->started)
		worker_lost(worker, outcome->text);
	else if (worker->over)
		worker_lost(worker, "the program that did this has ended");
}

static const struct link_ops worker_ops = {
	.message = worker_message_cb,
	.ended = worker_ended_cb,
};

/* The one whose turn it is to begin, and all who were paused. */
void
workers_pump(struct attach *attach)
{
	struct worker *worker;
	struct work *work;

	TAILQ_FOREACH(worker, &attach->runner->workers, entry) {
		if (!worker->paused || attach_room(attach) == 0)
			continue;
		if (worker->begin != NULL) {
			if (attach->bulk != NULL ||
			    attach->long_worker != NULL)
				continue;
			work = work_numbered(attach->runner, worker,
			    worker->begin_number);
			if (work != NULL && work_wanted(attach->runner,
			    work)) {
				attach->long_worker = worker;
				pass_on(attach, MSG_RG_BULK_BEGIN,
				    work->call, 0, worker->begin,
				    worker->begin_len);
			}
			free(worker->begin);
			worker->begin = NULL;
		}
		worker->paused = false;
		link_resume(worker->link);
	}
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

	TAILQ_FOREACH_SAFE(worker, &runner->workers, entry, next) {
		free(worker->begin);
		worker->begin = NULL;
		if (!workers_by_kind[worker->kind].finishes ||
		    (worker->generation != 0 && (worker_is_left(worker) ||
		    !worker_has_work(worker)))) {
			workers_forget(runner, worker);
			worker_free(worker);
		} else if (worker->paused) {
			worker->paused = false;
			link_resume(worker->link);
		}
	}
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

void
workers_free(struct runner *runner)
{
	struct worker *worker;
	struct work *work;

	while ((worker = TAILQ_FIRST(&runner->workers)) != NULL)
		worker_free(worker);
	while ((work = TAILQ_FIRST(&runner->works)) != NULL)
		work_done(runner, work);
}
