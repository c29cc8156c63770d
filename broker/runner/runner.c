/* SPDX-License-Identifier: ISC */
/* One session's processes, and who is attached to them. */
#include "config.h"

#include <sys/signalfd.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "broker/runner/lend.h"
#include "broker/runner/runner.h"
#include "common/chan.h"
#include "common/link.h"
#include "common/log.h"
#include "common/unix.h"

static void
hold_start(struct runner *runner)
{
	struct timeval tv = {
		.tv_sec = (time_t)(runner->hold_ms / 1000),
		.tv_usec = (suseconds_t)(runner->hold_ms % 1000 * 1000),
	};
	struct child *child;

	TAILQ_FOREACH(child, &runner->children, entry) {
		child->held = true;
		child_set_keep(child);
	}
	event_add(runner->hold, &tv);
}

/* Nobody came, or whoever came did not read: jobs go on, the oldest goes. */
static void
hold_cb(evutil_socket_t fd, short what, void *arg)
{
	struct runner *runner = arg;
	struct child *child;

	(void)fd;
	(void)what;
	TAILQ_FOREACH(child, &runner->children, entry) {
		child->held = false;
		child_set_keep(child);
	}
}

/* Whoever was attached may ask after any number told so far. */
static void
mark_all(struct runner *runner)
{
	struct child *child;

	TAILQ_FOREACH(child, &runner->children, entry) {
		outlog_mark(child->log, outlog_next_seq(child->log) - 1);
		child_on_detach(child);
	}
}

void
runner_detach(struct runner *runner)
{
	struct attach *attach = runner->attach;

	if (attach == NULL)
		return;
	workers_detach(runner);
	runner->attach = NULL;
	attach_free(attach);
	meter_touch(&runner->meter);
	mark_all(runner);
	hold_start(runner);
	event_active(runner->pump, EV_TIMEOUT, 0);
}

void
runner_attach(struct runner *runner, int fd, uint64_t generation)
{
	struct child *child, *next;

	/* What lies in the socket of the one before was asked for earlier. */
	if (runner->attach != NULL)
		link_catch_up(runner->attach->link);
	if (runner->attach != NULL) {
		mark_all(runner);
		workers_detach(runner);
	}
	attach_free(runner->attach);
	runner->attach = NULL;
	workers_attach(runner);
	runner->attach = attach_new(runner, fd, generation);
	TAILQ_FOREACH_SAFE(child, &runner->children, entry, next) {
		child->acked = outlog_next_seq(child->log) - 1;
		child_on_attach(child);
		/* From here on the client can see it. */
		child_delivered(child);
	}
	hold_start(runner);
}

static void
collect(struct runner *runner)
{
	struct child *child;
	siginfo_t info;
	int status;

	for (;;) {
		info.si_pid = 0;
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) ==
		    -1 || info.si_pid == 0)
			break;
		child = table_find_pid(runner, info.si_pid);
		if (child != NULL)
			child_before_exit(child);
		if (waitpid(info.si_pid, &status, WNOHANG) != info.si_pid)
			break;
		if (child != NULL)
			child_on_exit(child, status);
		else
			workers_collected(runner, info.si_pid);
	}
	if (runner->phase != RUNNER_SERVING)
		runner_end_check(runner);
}

static void
signals_cb(evutil_socket_t fd, short what, void *arg)
{
	struct signalfd_siginfo info;
	struct runner *runner = arg;

	(void)what;
	while (read(fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			collect(runner);
		else
			runner_end(runner, LOST_GRACE_MS, "signal");
	}
}

static int
signals_open(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == -1)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

struct runner *
runner_new(struct event_base *base, int control)
{
	struct runner *runner = calloc(1, sizeof(*runner));

	if (runner == NULL)
		fatal("runner");
	runner->base = base;
	runner->jobs_cgroup = -1;
	lend_init(runner->amounts);
	TAILQ_INIT(&runner->children);
	TAILQ_INIT(&runner->ready);
	TAILQ_INIT(&runner->workers);
	TAILQ_INIT(&runner->works);
	LIST_INIT(&runner->leaving);
	runner->null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	runner->signal_fd = signals_open();
	if (runner->null_fd == -1 || runner->signal_fd == -1)
		fatal("runner");
	runner->signals = event_new(base, runner->signal_fd,
	    EV_READ | EV_PERSIST, signals_cb, runner);
	runner->pump = event_new(base, -1, 0, stream_pump_cb, runner);
	runner->hold = evtimer_new(base, hold_cb, runner);
	runner->end = evtimer_new(base, runner_end_cb, runner);
	runner->spare = evtimer_new(base, workers_spare_cb, runner);
	runner->broker = chan_new(base, control, ROLE_RUNNER, ROLE_BROKER,
	    &control_ops, runner);
	if (runner->signals == NULL || runner->pump == NULL ||
	    runner->hold == NULL || runner->end == NULL ||
	    runner->spare == NULL ||
	    runner->broker == NULL || event_add(runner->signals, NULL) == -1)
		fatalx("cannot set up the event loop");
	event_priority_set(runner->pump, 2);
	if (meter_init(&runner->meter, base, &runner_meter, runner) == -1)
		fatalx("cannot set up the event loop");
	return runner;
}

void
runner_free(struct runner *runner)
{
	struct child *child;

	meter_clear(&runner->meter);
	workers_free(runner);
	attach_free(runner->attach);
	runner->attach = NULL;
	while ((child = TAILQ_FIRST(&runner->children)) != NULL)
		child_free(child);
	spill_clear(runner);
	chan_free(runner->broker);
	event_free(runner->signals);
	event_free(runner->pump);
	event_free(runner->hold);
	event_free(runner->end);
	event_free(runner->spare);
	unix_close(&runner->signal_fd);
	unix_close(&runner->null_fd);
	unix_close(&runner->jobs_cgroup);
	free(runner->shell);
	free(runner);
}
