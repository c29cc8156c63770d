/* SPDX-License-Identifier: ISC */
/* "holdfast run": what signals do. */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "common/clock.h"
#include "common/log.h"
#include "contrib/client/job.h"
#include "contrib/client/run_private.h"
#include "contrib/client/say.h"
#include "contrib/client/session.h"
#include "contrib/client/tty.h"

/* A second SIGINT within this time ends the job. */
#define RUN_TWICE_MS 1000

/* How long to wait for the server to say that the job has ended. */
#define RUN_END_MS 5000

static int
run_end_status(const struct run *run)
{
	if (run->signal != 0)
		return 128 + run->signal;
	if (run->broken != 0)
		return run->broken == EPIPE ? 128 + SIGPIPE :
		    JOB_STATUS_FAILED;
	return 128 + SIGINT;
}

void
run_end_job(struct run *run)
{
	if (!job_may_run(run->job)) {
		run_finish(run, run_end_status(run));
		return;
	}
	job_terminate(run->job);
	run_arm(run->end, RUN_END_MS);
}

static void
run_end_cb(evutil_socket_t fd, short what, void *arg)
{
	struct run *run = arg;

	(void)fd;
	(void)what;
	say_error("the server has not confirmed the end of the job, which "
	    "may still run");
	run_finish(run, run_end_status(run));
}

static void
run_interrupt(struct run *run)
{
	uint64_t now = clock_ms();
	int twice = run->interrupted_ms != 0 &&
	    now - run->interrupted_ms <= RUN_TWICE_MS;

	run->interrupted_ms = now;
	if (run->finishing || !job_may_run(run->job)) {
		run->signal = SIGINT;
		run->finishing = 0;
		run_finish(run, 128 + SIGINT);
		event_base_loopexit(run->base, NULL);
	} else if (!twice)
		job_interrupt(run->job);
	else if (session_is_attached(run->session))
		run_end_job(run);
	else {
		say_error("leaving; the job runs on until the server gives "
		    "its session up");
		run_finish(run, 128 + SIGINT);
	}
}

static void
run_terminate(struct run *run, int sig)
{
	run->signal = sig;
	if (run->finishing) {
		/* Only somebody who does not read our output is in the way. */
		run->status = 128 + sig;
		event_base_loopexit(run->base, NULL);
	} else
		run_end_job(run);
}

static void
run_signal_cb(evutil_socket_t sig, short what, void *arg)
{
	struct run *run = arg;
	int rows, cols;

	(void)what;
	switch (sig) {
	case SIGINT:
		run_interrupt(run);
		break;
	case SIGTSTP:
		tty_suspend();
		break;
	case SIGCONT:
		if (run->tty && !run->finishing)
			tty_continue();
		break;
	case SIGWINCH:
		run_size(&rows, &cols);
		job_resize(run->job, rows, cols);
		break;
	case SIGPIPE:
		break;
	default:
		run_terminate(run, (int)sig);
		break;
	}
}

void
run_signals_open(struct run *run)
{
	static const int signals[RUN_SIGNALS] = {
		SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT,
		SIGWINCH, SIGPIPE
	};
	int i;

	for (i = 0; i < RUN_SIGNALS; i++) {
		run->signals[i] = evsignal_new(run->base, signals[i],
		    run_signal_cb, run);
		if (run->signals[i] == NULL ||
		    event_add(run->signals[i], NULL) == -1)
			fatalx("out of memory");
	}
	run->end = event_new(run->base, -1, 0, run_end_cb, run);
	if (run->end == NULL)
		fatalx("out of memory");
}

void
run_signals_close(struct run *run)
{
	int i;

	for (i = 0; i < RUN_SIGNALS; i++)
		event_free(run->signals[i]);
	event_free(run->end);
}
