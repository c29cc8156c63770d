/* SPDX-License-Identifier: ISC */
/* The life of one worker: started, in a sandbox or not, idle, and gone. */
#include "config.h"

#include <sys/socket.h>

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "broker/runner/boxed.h"
#include "broker/runner/exec.h"
#include "broker/runner/runner.h"
#include "broker/runner/worker.h"
#include "common/link.h"
#include "common/log.h"
#include "common/unix.h"

#define IDLE_MS 30000		/* a worker with nothing to do is let go */
#define HANDLES_AT_ONCE 16	/* requests given to a worker of handles */

extern char **environ;

const struct worker_row worker_rows[WORKER_KINDS] = {
	[WORKER_FILES] = { "holdfast-fs", NULL, 4, 1, true, true },
	[WORKER_HANDLES] = { "holdfast-fs", NULL, 1, HANDLES_AT_ONCE, false,
	    true },
	[WORKER_WATCH] = { "holdfast-fs", "watch", 1, SIZE_MAX, false,
	    false },
	[WORKER_HTTP] = { "holdfast-http", NULL, 1, SIZE_MAX, false, false },
};

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
	const char *argument = worker->policy != NULL ? "boxed" :
	    worker_rows[kind].argument;
	char path[PATH_MAX];
	char *argv[] = {
		(char *)(uintptr_t)worker_rows[kind].program,
		(char *)(uintptr_t)argument,
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
	worker_unhold_all(worker);
	boxed_forget(worker->boxing);
	if (worker->idle != NULL)
		event_free(worker->idle);
	free(worker->policy);
	free(worker->later);
	free(worker);
}

void
worker_free(struct worker *worker)
{
	struct runner *runner = worker->runner;

	TAILQ_REMOVE(&runner->workers, worker, entry);
	if (worker->boxing != NULL)
		worker_leave(worker);
	if (runner->attach != NULL && runner->attach->long_worker == worker) {
		runner->attach->long_worker = NULL;
		attach_over(runner->attach);
	}
	link_free(worker->link);
	worker_release(worker);
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
bool
worker_is_left(const struct worker *worker)
{
	const struct attach *attach = worker->runner->attach;

	return worker->generation != 0 && (attach == NULL ||
	    attach->generation != worker->generation);
}

void
worker_idle(struct worker *worker)
{
	bool useless = worker->outdated && LIST_EMPTY(&worker->held);
	struct timeval tv = { 0 };

	if (!useless && worker->generation == 0)
		tv.tv_sec = IDLE_MS / 1000;
	/* Handles and watches are kept as long as somebody may use them. */
	else if (!useless && !worker_is_left(worker))
		return;
	event_add(worker->idle, &tv);
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
	workers_schedule(runner, false);
}

static void
worker_ended_cb(void *arg, const char *why)
{
	struct worker *worker = arg;

	if (why != NULL)
		log_warnx("%s: %s", worker_rows[worker->kind].program,
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
	if (!outcome->started) {
		worker_leave(worker);
		worker_lost(worker, outcome->text);
	} else if (worker->over) {
		worker_lost(worker, "the program that did this has ended");
	}
}

static const struct link_ops worker_ops = {
	.message = worker_message_cb,
	.ended = worker_ended_cb,
};

struct worker *
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
	worker->generation = worker_rows[kind].lasts ? 0 :
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

void
workers_free(struct runner *runner)
{
	struct worker *worker;
	struct work *work;

	while ((worker = TAILQ_FIRST(&runner->workers)) != NULL)
		worker_free(worker);
	workers_left(runner);
	while ((work = TAILQ_FIRST(&runner->works)) != NULL)
		work_done(runner, work);
}
