/* SPDX-License-Identifier: ISC */
/* The end of a session: nothing that it started may be left. */
#include "config.h"

#include <sys/wait.h>

#include <errno.h>
#include <signal.h>

#include <event2/event.h>

#include "broker/runner/runner.h"
#include "common/chan.h"
#include "common/log.h"
#include "common/reap.h"

/* Between two looks for what is left, in milliseconds. */
#define LOOK_FIRST 1
#define LOOK_LAST 200

/* Looks during which it is still asked how processes have ended. */
#define LOOKS_ASKING 16

/* What is told of processes at the end, in bytes. */
#define TOLD_BYTES 8192

static void
end_timer(struct runner *runner, uint64_t ms)
{
	struct timeval tv = { .tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000 * 1000) };

	event_add(runner->end, &tv);
}

static void
end_done(struct runner *runner)
{
	struct fields_RB_ENDED ended = { .has_processes = true };
	struct writer w;

	writer_init(&w, TOLD_BYTES);
	if (runner->broker != NULL &&
	    chan_phase(runner->broker) != PHASE_START) {
		list_newest(runner, &w, &ended.omitted);
		ended.processes = (struct span){ w.p, w.len };
		ended.has_omitted = ended.omitted > 0;
		meter_flush(&runner->meter);
		chan_send(runner->broker, MSG_RB_ENDED, &ended, NULL, 0);
	}
	writer_clear(&w);
	event_base_loopbreak(runner->base);
}

static void
end_exited_cb(pid_t pid, int status, void *arg)
{
	struct child *child = table_find_pid(arg, pid);

	if (child != NULL)
		child_on_exit(child, status);
}

/* Whether it is still to be learnt how a process has ended. */
static bool
end_asks(const struct runner *runner)
{
	const struct child *child;

	if (runner->kills >= LOOKS_ASKING)
		return false;
	TAILQ_FOREACH(child, &runner->children, entry)
		if (child->pid != 0)
			return true;
	return false;
}

/*
 * Once nobody asks for exits any more the kernel may forget them by itself:
 * what runs away by forking leaves more than could be collected.
 */
static void
end_kill(struct runner *runner)
{
	uint64_t wait = LOOK_FIRST;
	int alive;

	runner->phase = RUNNER_KILLING;
	if (end_asks(runner)) {
		alive = reap_signal(NULL, SIGKILL, end_exited_cb, runner);
	} else {
		signal(SIGCHLD, SIG_IGN);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			continue;
		alive = reap_signal(NULL, SIGKILL, NULL, NULL);
	}
	if (alive == -1)
		log_warn("cannot look for processes");
	if (alive == 0) {
		end_done(runner);
		return;
	}
	/* Soon at first; what does not die at once waits for a device. */
	if (runner->kills < 64)
		runner->kills++;
	wait <<= runner->kills / 8;
	end_timer(runner, wait < LOOK_LAST ? wait : LOOK_LAST);
}

void
runner_end_cb(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	end_kill(arg);
}

void
runner_end_check(struct runner *runner)
{
	siginfo_t info;

	if (runner->phase == RUNNER_ENDING && waitid(P_ALL, 0, &info,
	    WEXITED | WNOHANG | WNOWAIT | __WALL) == -1 && errno == ECHILD)
		end_done(runner);
}

void
runner_end(struct runner *runner, uint64_t grace_ms, const char *reason)
{
	if (runner->phase == RUNNER_KILLING)
		return;
	if (runner->phase == RUNNER_SERVING) {
		log_debug("session", "ends: %s", reason);
		runner_detach(runner);
	}
	runner->phase = RUNNER_ENDING;
	if (grace_ms == 0) {
		end_kill(runner);
		return;
	}
	if (!event_pending(runner->end, EV_TIMEOUT, NULL)) {
		(void)reap_signal(NULL, SIGTERM, NULL, NULL);
		(void)reap_signal(NULL, SIGCONT, NULL, NULL);
		end_timer(runner, grace_ms);
	}
	runner_end_check(runner);
}
