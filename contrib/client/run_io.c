/* SPDX-License-Identifier: ISC */
/* "holdfast run": standard input, output and error. */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "contrib/client/feed.h"
#include "contrib/client/inlet.h"
#include "contrib/client/job.h"
#include "contrib/client/outlet.h"
#include "contrib/client/run_private.h"
#include "contrib/client/say.h"
#include "contrib/client/session.h"
#include "contrib/client/tty.h"

/* Bytes of output waiting here that stop, and let go on, the server. */
#define RUN_HIGH_WATER (1U << 20)
#define RUN_LOW_WATER (256U << 10)

#define RUN_INTERRUPT_KEY 3 /* Ctrl-C */

static size_t
run_queued(const struct run *run)
{
	return outlet_queued(run->out) + outlet_queued(run->err);
}

static void
run_drained_cb(void *arg)
{
	struct run *run = arg;
	size_t queued = run_queued(run);

	if (run->finishing) {
		if (queued == 0)
			event_base_loopexit(run->base, NULL);
		return;
	}
	if (run->paused && queued <= RUN_LOW_WATER) {
		run->paused = 0;
		session_pause(run->session, 0);
	}
}

static void
run_broken_cb(void *arg, int error)
{
	struct run *run = arg;

	if (run->broken == 0) {
		run->broken = error;
		/* The job's writes would have failed here, and ended it. */
		if (error != EPIPE)
			say_error("output can't be written: %s",
			    strerror(error));
		if (!run->finishing)
			run_end_job(run);
	}
	run_drained_cb(run);
}

static const struct outlet_ops run_outlet_ops = {
	.drained = run_drained_cb,
	.broken = run_broken_cb,
};

void
run_output(struct run *run, enum seqmerge_stream stream, const void *data,
    size_t len)
{
	outlet_write(stream == SEQMERGE_STDERR ? run->err : run->out, data,
	    len);
	if (!run->paused && run_queued(run) > RUN_HIGH_WATER) {
		run->paused = 1;
		session_pause(run->session, 1);
	}
}

/* Pass on what is meant for the job; -1 when we leave it. */
static int
run_pass(struct run *run, const char *bytes, size_t len)
{
	static unsigned char kept[FEED_CHUNK + 1];
	enum escape_action action;
	size_t kept_len;

	if (!tty_is_raw()) {
		job_input(run->job, bytes, len);
		return 0;
	}
	action = escape_filter(&run->escape, (const unsigned char *)bytes,
	    len, kept, &kept_len);
	job_input(run->job, kept, kept_len);
	if (action == ESCAPE_HELP)
		run_escape_help();
	if (action == ESCAPE_DETACH)
		run_leave(run);
	return action == ESCAPE_DETACH ? -1 : 0;
}

/* A held escape character takes one byte of the room there is. */
static size_t
run_escape_room(struct run *run, size_t room)
{
	unsigned char character = (unsigned char)run->escape.character;

	if (!escape_holds(&run->escape) || room == 0)
		return room;
	if (room > 1)
		return room - 1;
	escape_give_up(&run->escape);
	job_input(run->job, &character, 1);
	return job_input_room(run->job);
}

static void
run_input_cb(void *arg)
{
	static char buf[FEED_CHUNK];
	struct run *run = arg;
	size_t room = run_escape_room(run, job_input_room(run->job));
	ssize_t n;

	if (room == 0) {
		inlet_set(run->input, 0);
		return;
	}
	n = inlet_read(run->input, buf, room < sizeof(buf) ? room :
	    sizeof(buf));
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		inlet_set(run->input, 0);
		job_input_end(run->job);
		return;
	}
	if (run->away_told && tty_is_raw() &&
	    memchr(buf, RUN_INTERRUPT_KEY, (size_t)n) != NULL) {
		say_error("leaving; the job runs on until the server gives "
		    "its session up");
		run_finish(run, 128 + SIGINT);
		return;
	}
	if (run_pass(run, buf, (size_t)n) == 0 &&
	    job_input_room(run->job) == 0)
		inlet_set(run->input, 0);
}

void
run_want_input(struct run *run, int wanted)
{
	if (run->input != NULL && !run->finishing)
		inlet_set(run->input, wanted);
}

void
run_io_open(struct run *run, int with_input)
{
	run->out = outlet_new(run->base, STDOUT_FILENO, &run_outlet_ops, run);
	run->err = outlet_new(run->base, STDERR_FILENO, &run_outlet_ops, run);
	if (with_input)
		run->input = inlet_new(run->base, STDIN_FILENO, run_input_cb,
		    run);
}

void
run_io_close(struct run *run)
{
	inlet_free(run->input);
	outlet_free(run->out);
	outlet_free(run->err);
}

void
run_finish(struct run *run, int status)
{
	if (run->finishing)
		return;
	run->finishing = 1;
	run->status = status;
	if (run->input != NULL)
		inlet_set(run->input, 0);
	session_stop(run->session);
	tty_restore();
	if (run_queued(run) == 0)
		event_base_loopexit(run->base, NULL);
}
