/* SPDX-License-Identifier: ISC */
/* One job on the server: started once, followed, fed and ended. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "common/xmalloc.h"
#include "contrib/client/feed.h"
#include "contrib/client/job_private.h"
#include "contrib/client/rpc.h"
#include "contrib/client/seqmerge.h"

/* Milliseconds before a number that stays missing is asked for. */
#define JOB_HOLE_MS 1000
#define JOB_AGAIN_MS 100
#define JOB_STARTS_MAX 3

struct job *
job_new(const char *process_id, struct json_object *start_params, int tty,
    const struct job_ops *ops, void *arg)
{
	struct job *job = xcalloc(1, sizeof(*job));

	job->id = xstrdup(process_id);
	job->start_params = start_params;
	job->tty = tty;
	job->ops = ops;
	job->arg = arg;
	job->merge = seqmerge_new(&job_merge_ops, job);
	job->feed = feed_new();
	job->last_input = '\n';
	return job;
}

struct job *
job_new_adopted(const struct job_ops *ops, void *arg)
{
	struct job *job = job_new("", NULL, 0, ops, arg);

	job->adopted = 1;
	snprintf(job->write_prefix, sizeof(job->write_prefix), "%08x-",
	    arc4random());
	return job;
}

void
job_adopt(struct job *job, const char *process_id, int tty)
{
	if (job->state != JOB_NEW)
		return;
	free(job->id);
	job->id = xstrdup(process_id);
	job->tty = tty;
	job->state = JOB_UNCERTAIN;
	if (job->attached)
		job_attached(job);
}

const char *
job_id(const struct job *job)
{
	return job->id;
}

void
job_set_beyond(struct job *job, int on)
{
	job->beyond = on;
}

void
job_free(struct job *job)
{
	if (job == NULL)
		return;
	seqmerge_free(job->merge);
	feed_free(job->feed);
	json_object_put(job->start_params);
	free(job->id);
	free(job);
}

struct json_object *
job_params(const struct job *job)
{
	struct json_object *params = json_object_new_object();

	json_object_object_add(params, "processId",
	    json_object_new_string(job->id));
	return params;
}

int
job_call(struct job *job, enum job_call what, uint64_t tag,
    const char *method, struct json_object *params)
{
	return job->ops->call(job->arg, (int)what, tag, method, params);
}

static void
job_fail(struct job *job, int status, const char *why)
{
	if (job->state == JOB_ENDED)
		return;
	job->state = JOB_ENDED;
	job->ops->failed(job->arg, status, why);
}

static void
job_start(struct job *job)
{
	if (job->starts++ == JOB_STARTS_MAX) {
		job_fail(job, JOB_STATUS_FAILED,
		    "the server says both that the job exists and that not");
		return;
	}
	job->state = JOB_STARTING;
	(void)job_call(job, JOB_START, 0, "process/start",
	    json_object_get(job->start_params));
}

static void
job_read(struct job *job)
{
	struct json_object *params;

	if (job->reading || !job->attached)
		return;
	params = job_params(job);
	json_object_object_add(params, "afterSeq",
	    json_object_new_uint64(seqmerge_last(job->merge)));
	/* Without a limit on bytes the answer shows all gaps for certain. */
	json_object_object_add(params, "maxBytes", NULL);
	json_object_object_add(params, "waitMs", json_object_new_int(0));
	if (job_call(job, JOB_READ, 0, "process/read", params) == 0)
		job->reading = 1;
}

static void
job_send_end(struct job *job)
{
	struct json_object *params;

	if (!job->attached || job->state == JOB_NEW ||
	    job->state == JOB_ENDED)
		return;
	while (job->interrupts > 0) {
		params = job_params(job);
		json_object_object_add(params, "signal",
		    json_object_new_string("interrupt"));
		if (job_call(job, JOB_SIGNAL, 0, "process/signal",
		    params) == -1)
			break;
		job->interrupts--;
	}
	if (job->want_end && !job->end_sent &&
	    job_call(job, JOB_TERMINATE, 0, "process/terminate",
	    job_params(job)) == 0)
		job->end_sent = 1;
}

static void
job_send_size(struct job *job)
{
	struct json_object *params;

	if (!job->size_due || !job->attached || !job->beyond || !job->tty ||
	    job->state != JOB_RUNNING)
		return;
	params = job_params(job);
	json_object_object_add(params, "rows",
	    json_object_new_int(job->rows));
	json_object_object_add(params, "cols",
	    json_object_new_int(job->cols));
	if (job_call(job, JOB_RESIZE, 0, "process/resize", params) == 0)
		job->size_due = 0;
}

void
job_resize(struct job *job, int rows, int cols)
{
	if (rows <= 0 || cols <= 0)
		return;
	job->rows = rows;
	job->cols = cols;
	job->size_due = 1;
	job_send_size(job);
}

/* Its answer was lost, and perhaps it was lost itself. */
static void
job_start_again(struct job *job)
{
	job->asked_again = 1;
	(void)job_call(job, JOB_START, 0, "process/start",
	    json_object_get(job->start_params));
}

void
job_attached(struct job *job)
{
	job->attached = 1;
	switch (job->state) {
	case JOB_NEW:
		if (!job->adopted)
			job_start(job);
		break;
	case JOB_STARTING:
		if (job->beyond && !job->want_end) {
			/* Such a server never runs it twice. */
			job_start_again(job);
			break;
		}
		/* Whether it arrived is not known: ask, do not repeat. */
		job->state = JOB_UNCERTAIN;
		job_read(job);
		break;
	case JOB_UNCERTAIN:
	case JOB_RUNNING:
		job_read(job);
		break;
	case JOB_ENDED:
		return;
	}
	job_send_end(job);
	job_send_size(job);
	job_send_input(job);
}

void
job_away(struct job *job)
{
	/* Whether the last one arrived is not known. */
	job->size_due = job->rows > 0;
	job->attached = 0;
	job->reading = 0;
	job->closing = 0;
	job->end_sent = 0;
	feed_rewind(job->feed);
}

/* It exists for certain. */
static void
job_runs(struct job *job)
{
	if (job->state != JOB_STARTING && job->state != JOB_UNCERTAIN)
		return;
	job->state = JOB_RUNNING;
	job_send_size(job);
	job_send_input(job);
	if (job_input_room(job) > 0)
		job->ops->input(job->arg, 1);
}

static void
job_start_failed(struct job *job, const struct rpc_message *msg)
{
	int status = JOB_STATUS_FAILED;

	if (msg->code == RPC_INVALID &&
	    (job->starts > 1 || job->asked_again) &&
	    strstr(msg->text, "already exists") != NULL) {
		job->state = JOB_UNCERTAIN;
		job_read(job);
		return;
	}
	if (msg->code == RPC_FAILED)
		status = strstr(msg->text, "No such file") != NULL ?
		    JOB_STATUS_NOT_FOUND : JOB_STATUS_NOT_EXECUTABLE;
	job_fail(job, status, msg->text);
}

static void
job_read_failed(struct job *job, const struct rpc_message *msg)
{
	if (msg->code == RPC_INVALID && strstr(msg->text, "starting")) {
		job->ops->wake(job->arg, JOB_AGAIN_MS);
		return;
	}
	if (job->state == JOB_UNCERTAIN && msg->code == RPC_INVALID) {
		/* The server never had it, so it can't run twice. */
		if (job->adopted)
			job_fail(job, JOB_STATUS_FAILED, msg->text);
		else if (job->want_end)
			job_fail(job, JOB_STATUS_FAILED,
			    "the job was not started");
		else
			job_start(job);
		return;
	}
	job_fail(job, JOB_STATUS_FAILED, msg->text);
}

static void
job_watch_hole(struct job *job)
{
	uint64_t last = seqmerge_last(job->merge);

	if (job->state == JOB_ENDED || !seqmerge_has_hole(job->merge)) {
		job->hole_after = 0;
		return;
	}
	/* Shifted by one, so that a hole at the beginning counts too. */
	if (!job->reading && job->hole_after != last + 1) {
		job->hole_after = last + 1;
		job->ops->wake(job->arg, JOB_HOLE_MS);
	}
}

static void
job_read_answered(struct job *job, const struct rpc_message *msg)
{
	job->reading = 0;
	if (msg->kind == RPC_ERROR) {
		job_read_failed(job, msg);
		return;
	}
	job_runs(job);
	if (job_take_read(job, msg->body) == -1)
		job->ops->distrust(job->arg, "output that makes no sense");
	job_watch_hole(job);
}

void
job_reply(struct job *job, int what, uint64_t tag,
    const struct rpc_message *msg)
{
	if (job->state == JOB_ENDED)
		return;
	switch ((enum job_call)what) {
	case JOB_START:
		if (msg->kind == RPC_ERROR)
			job_start_failed(job, msg);
		else {
			job_runs(job);
			/* What it said meanwhile was said to nobody. */
			if (job->asked_again)
				job_read(job);
		}
		break;
	case JOB_READ:
		job_read_answered(job, msg);
		break;
	case JOB_WRITE:
		job_write_answered(job, tag, msg);
		break;
	case JOB_CLOSE_STDIN:
		job_close_answered(job, msg);
		break;
	case JOB_SIGNAL:
	case JOB_TERMINATE:
	case JOB_RESIZE:
	case JOB_CALLS:
		break;
	}
}

void
job_notification(struct job *job, const struct rpc_message *msg)
{
	if (job->state == JOB_ENDED ||
	    strcmp(rpc_string(msg->body, "processId", ""), job->id) != 0)
		return;
	if (job_take_event(job, msg) == -1) {
		job->ops->distrust(job->arg, "an event that makes no sense");
		return;
	}
	if (seqmerge_wants_read(job->merge))
		job_read(job);
	job_watch_hole(job);
}

void
job_tick(struct job *job)
{
	if (job->close_refused && !job->input_unwanted) {
		job->close_refused = 0;
		job->ops->note(job->arg, "end of input, which this server "
		    "can't pass on: the job's input stays open");
	}
	if (job->state == JOB_UNCERTAIN ||
	    (job->state == JOB_RUNNING && seqmerge_has_hole(job->merge) &&
	    job->hole_after == seqmerge_last(job->merge) + 1))
		job_read(job);
	job->hole_after = 0;
	job_watch_hole(job);
}

void
job_interrupt(struct job *job)
{
	if (job->interrupts < 2)
		job->interrupts++;
	job_send_end(job);
}

void
job_terminate(struct job *job)
{
	job->want_end = 1;
	job_send_end(job);
}

int
job_may_run(const struct job *job)
{
	return job->state != JOB_NEW && job->state != JOB_ENDED;
}

int
job_is_started(const struct job *job)
{
	return job->state == JOB_RUNNING || job->state == JOB_ENDED;
}

int
job_has_lost_output(const struct job *job)
{
	return job->lost;
}
