/* SPDX-License-Identifier: ISC */
/* The life of a process: running, exited, closed, forgotten. */
#include "config.h"

#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>

#include "broker/runner/denial.h"
#include "broker/runner/lend.h"
#include "broker/runner/runner.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/unix.h"

/* Ten years: beyond that a timer would overflow before anybody cares. */
#define DEADLINE_MAX_MS (10ull * 365 * 24 * 60 * 60 * 1000)

#define EXIT_SIGNALLED 128

static void
child_event_free(struct event **event)
{
	if (*event != NULL)
		event_free(*event);
	*event = NULL;
}

void
child_ref(struct child *child)
{
	child->refs++;
}

void
child_unref(struct child *child)
{
	child->refs--;
}

/*
 * What only an open process needs.  The terminal's descriptor serves both
 * directions, so the streams go first.
 */
static void
child_release_io(struct child *child)
{
	size_t i;

	for (i = 0; i < CHILD_STREAMS; i++) {
		stream_free(child->streams[i]);
		child->streams[i] = NULL;
	}
	child_event_free(&child->in_event);
	unix_close(&child->in);
	if (child->in_queue != NULL)
		evbuffer_free(child->in_queue);
	child->in_queue = NULL;
}

void
child_free(struct child *child)
{
	table_remove(child);
	if (!child->closed)
		child->runner->open--;
	starting_forget(child->starting);
	child_release_io(child);
	child_event_free(&child->retention);
	child_event_free(&child->deadline);
	free(child->program);
	writer_clear(&child->argv);
	writeid_clear(&child->write_ids);
	spill_forget(child);
	outlog_free(child->log);
	lend_settle(child->runner);
	free(child->id);
	free(child);
}

static void
retention_start(struct child *child, uint64_t ms)
{
	struct timeval tv = { .tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000 * 1000) };

	event_add(child->retention, &tv);
}

static void
retention_cb(evutil_socket_t fd, short what, void *arg)
{
	struct child *child = arg;

	(void)fd;
	(void)what;
	/* An answer about it is still under way. */
	if (child->refs > 0)
		retention_start(child, 1000);
	else
		child_free(child);
}

void
child_delivered(struct child *child)
{
	if (!child->closed || child->delivered)
		return;
	child->delivered = true;
	retention_start(child, child->runner->retention_ms);
}

/*
 * What finds no room in memory goes to a file as long as somebody may still
 * want it: whoever comes, or whoever is here and reads what was missed.  Who
 * keeps up is not in need of files.
 */
static void
child_set_spills(struct child *child)
{
	bool before = child->spills;

	child->spills = child->runner->spill.io != NULL &&
	    (child->runner->attach == NULL || child->held ||
	    (child->behind && child->asked) ||
	    outlog_last_in_file(child->log) > child->told);
	if (child->spills != before)
		outlog_spill(child->log, child->spills);
	if (child->spills)
		spill_pump(child);
}

void
child_on_attach(struct child *child)
{
	child->behind_to = outlog_newest(child->log);
	child->behind = child->behind_to > child->told;
	child->asked = false;
	child->answered = child->told;
}

void
child_on_detach(struct child *child)
{
	/* What came while it was here has been sent, too. */
	if (!child->behind)
		child->told = outlog_newest(child->log);
	outlog_unload(child->log);
}

uint64_t
child_answers(struct child *child, uint64_t after, uint64_t last)
{
	if (after <= child->answered && last > child->answered)
		child->answered = last;
	return child->answered;
}

void
child_told(struct child *child, uint64_t seq)
{
	if (seq > child->told)
		child->told = seq;
	if (child->told >= child->behind_to)
		child->behind = false;
}

void
child_reads_on(struct child *child, uint64_t after)
{
	const struct attach *attach = child->runner->attach;

	child->asked = true;
	if (outlog_spilled(child->log) == 0 && !child->behind)
		return;
	if (after > child->told)
		after = child->told;
	if (attach->bulk != NULL && attach->bulk->child == child &&
	    after >= attach->bulk_cursor.seq)
		after = attach->bulk_cursor.seq - 1;
	outlog_pass(child->log, after);
	child_set_keep(child);
}

void
child_set_keep(struct child *child)
{
	const struct attach *attach = child->runner->attach;
	uint64_t keep = OUTLOG_KEEP_NOTHING;
	size_t i;

	if (attach != NULL)
		keep = child->acked + 1;
	if (attach != NULL && attach->bulk != NULL &&
	    attach->bulk->child == child && attach->bulk_cursor.seq < keep)
		keep = attach->bulk_cursor.seq;
	if (child->held)
		keep = 0;
	outlog_keep(child->log, keep);
	child_set_spills(child);
	for (i = 0; i < CHILD_STREAMS; i++)
		if (child->streams[i] != NULL)
			stream_unblock(child->streams[i]);
}

static int
child_open_streams(struct child *child, const struct child_fds *fds)
{
	uint8_t kind = child->tty ? STREAM_PTY : STREAM_STDOUT;
	size_t i;

	for (i = 0; i < CHILD_STREAMS; i++) {
		if (fds->out[i] == -1)
			continue;
		child->streams[i] = stream_new(child, fds->out[i],
		    (uint8_t)(kind + i));
		if (child->streams[i] == NULL)
			return -1;
	}
	return 0;
}

static struct child *
child_alloc(struct runner *runner, struct span id)
{
	struct child *child = calloc(1, sizeof(*child));

	if (child == NULL)
		return NULL;
	child->runner = runner;
	child->in = -1;
	TAILQ_INIT(&child->writes);
	TAILQ_INIT(&child->reads);
	child->id = malloc(id.len + 1);
	child->log = outlog_new(runner->retain_bytes);
	child->retention = evtimer_new(runner->base, retention_cb, child);
	if (child->id == NULL || child->log == NULL ||
	    child->retention == NULL) {
		child_event_free(&child->retention);
		outlog_free(child->log);
		free(child->id);
		free(child);
		errno = ENOMEM;
		return NULL;
	}
	if (id.len > 0)
		memcpy(child->id, id.p, id.len);
	child->id_len = id.len;
	return child;
}

static void
fds_close(const struct child_fds *fds)
{
	int out[] = { fds->out[0], fds->out[1], fds->in };

	unix_close(&out[0]);
	unix_close(&out[1]);
	/* A terminal is one descriptor for both directions. */
	if (fds->in != fds->out[0])
		unix_close(&out[2]);
}

struct child *
child_new(struct runner *runner, struct span id, pid_t pid,
    const struct child_fds *fds, bool tty)
{
	struct child *child = child_alloc(runner, id);

	if (child == NULL) {
		fds_close(fds);
		return NULL;
	}
	child->pid = pid;
	child->serial = ++runner->serials;
	child->started_ms = clock_wall_ms();
	child->tty = tty;
	child->in = fds->in;
	child->takes_input = fds->in != -1;
	table_add(runner, child);
	runner->open++;
	spill_open(child);
	if (fds->in != -1)
		child->in_event = event_new(runner->base, fds->in, EV_WRITE,
		    input_cb, child);
	if ((fds->in != -1 && child->in_event == NULL) ||
	    child_open_streams(child, fds) == -1) {
		child_free(child);
		errno = ENOMEM;
		return NULL;
	}
	child_set_keep(child);
	return child;
}

static int
exit_code(int status)
{
	return WIFSIGNALED(status) ? EXIT_SIGNALLED + WTERMSIG(status) :
				     WEXITSTATUS(status);
}

static void
child_bound(struct child *child)
{
	size_t i;

	for (i = 0; i < CHILD_STREAMS; i++)
		if (child->streams[i] != NULL)
			stream_bound(child->streams[i]);
}

void
child_on_exit(struct child *child, int status)
{
	size_t i;

	/* Collected: the number may be another's from now on. */
	table_forget_pid(child);
	if (child->starting != NULL) {
		starting_exited(child->starting, status);
		return;
	}
	for (i = 0; i < CHILD_STREAMS; i++)
		if (child->streams[i] != NULL)
			stream_drain(child->streams[i]);
	child->exited = true;
	child->exit_code = exit_code(status);
	child->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	child->denied = child->boxed && denial_suspected(child->log,
	    child->exit_code);
	child_event_free(&child->deadline);
	report_exit(child);
	child->exit_seq = outlog_event(child->log);
	attach_exited(child);
	input_close(child);
	reads_wake(child);
	if (child->terminated)
		child_bound(child);
	child_check_closed(child);
}

void
child_check_closed(struct child *child)
{
	uint64_t seq;
	size_t i;

	if (!child->exited || child->closed)
		return;
	for (i = 0; i < CHILD_STREAMS; i++)
		if (child->streams[i] != NULL &&
		    child->streams[i]->state != STREAM_ENDED)
			return;
	child->closed = true;
	child->runner->open--;
	lend_settle(child->runner);
	child_release_io(child);
	seq = outlog_event(child->log);
	outlog_trim();
	attach_closed(child, seq);
	reads_wake(child);
}

/*
 * What ends a sandbox goes to who holds it up; everything else to who is in
 * it, whose id may be another's by now: but not in our session.
 */
static pid_t
child_group(const struct child *child, int signo)
{
	if (child->inmate != 0 && signo != SIGKILL &&
	    getsid(child->inmate) == child->pid)
		return child->inmate;
	return child->pid;
}

void
child_signal(struct child *child, int signo)
{
	/* The leader's id, and so the group's, is ours until collected. */
	if (child->pid != 0)
		kill(-child_group(child, signo), signo);
}

void
child_before_exit(struct child *child)
{
	if (child->terminated)
		child_signal(child, SIGKILL);
}

static void
deadline_cb(evutil_socket_t fd, short what, void *arg)
{
	struct child *child = arg;

	(void)fd;
	(void)what;
	child_terminate(child, 0);
}

int
child_limit(struct child *child, uint64_t ms)
{
	uint64_t due;
	struct timeval tv;

	if (ms > DEADLINE_MAX_MS)
		ms = DEADLINE_MAX_MS;
	due = clock_add(clock_ms(), ms);
	if (child->deadline != NULL && child->deadline_ms <= due)
		return 0;
	if (child->deadline == NULL)
		child->deadline = evtimer_new(child->runner->base,
		    deadline_cb, child);
	tv.tv_sec = (time_t)(ms / 1000);
	tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	if (child->deadline == NULL || event_add(child->deadline, &tv) == -1) {
		errno = ENOMEM;
		return -1;
	}
	child->deadline_ms = due;
	return 0;
}

bool
child_terminate(struct child *child, uint64_t grace_ms)
{
	if (child->pid == 0)
		return false;
	child->terminated = true;
	if (grace_ms == 0 || child_limit(child, grace_ms) == -1) {
		report_signal(child, SIGKILL);
		child_signal(child, SIGKILL);
	} else {
		report_signal(child, SIGTERM);
		child_signal(child, SIGTERM);
		/* One that is stopped would not see it. */
		child_signal(child, SIGCONT);
	}
	return true;
}
