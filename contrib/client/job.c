/* SPDX-License-Identifier: ISC */
/* One job on the server: started once, followed, fed and ended. */
#include "config.h"

#include <sys/types.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "common/b64.h"
#include "common/xmalloc.h"
#include "contrib/client/feed.h"
#include "contrib/client/job.h"
#include "contrib/client/rpc.h"
#include "contrib/client/seqmerge.h"

/* Milliseconds before a number that stays missing is asked for. */
#define JOB_HOLE_MS 1000
#define JOB_AGAIN_MS 100
#define JOB_OPEN_INPUT_MS 2000
#define JOB_STARTS_MAX 3

#define JOB_EOT 4 /* end of input on a terminal, termios(3) VEOF */

enum job_state {
	JOB_NEW,
	JOB_STARTING, /* process/start is on its way */
	JOB_UNCERTAIN, /* it was when the connection broke */
	JOB_RUNNING,
	JOB_ENDED
};

struct job {
	char *id;
	struct json_object *start_params;
	const struct job_ops *ops;
	void *arg;
	enum job_state state;
	struct seqmerge *merge;
	struct feed *feed;
	int tty;
	int attached;
	int reading; /* a process/read is unanswered */
	int starts;
	int exit_code;
	int lost;
	int input_ended;
	int input_unwanted;
	int last_input; /* byte */
	int closing; /* process/closeStdin is unanswered */
	int closed_input;
	int close_refused; /* and the user has not been told */
	int interrupts; /* not sent yet */
	int want_end;
	int end_sent; /* on this connection */
	uint64_t hole_after; /* where the clock runs, 0 for nowhere */
};

static void job_stop_input(struct job *);

static void
job_output_cb(void *arg, enum seqmerge_stream stream, const void *data,
    size_t len)
{
	struct job *job = arg;

	job->ops->output(job->arg, stream, data, len);
}

static void
job_exited_cb(void *arg, int code)
{
	struct job *job = arg;

	job->exit_code = code >= 0 && code <= 255 ? code : 255;
	job_stop_input(job);
}

static void
job_closed_cb(void *arg)
{
	struct job *job = arg;

	job->state = JOB_ENDED;
	job_stop_input(job);
	job->ops->ended(job->arg, job->exit_code);
}

static void
job_gap_cb(void *arg, uint64_t from, uint64_t to)
{
	struct job *job = arg;
	char text[128];

	job->lost = 1;
	snprintf(text, sizeof(text), "output is missing here: the server no "
	    "longer has events %llu to %llu of the job",
	    (unsigned long long)from, (unsigned long long)to);
	job->ops->note(job->arg, text);
}

static const struct seqmerge_ops job_merge_ops = {
	.output = job_output_cb,
	.exited = job_exited_cb,
	.closed = job_closed_cb,
	.gap = job_gap_cb,
};

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

static struct json_object *
job_params(const struct job *job)
{
	struct json_object *params = json_object_new_object();

	json_object_object_add(params, "processId",
	    json_object_new_string(job->id));
	return params;
}

static int
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

static int
job_send_write(struct job *job, const struct feed_write *write)
{
	struct json_object *params = job_params(job);
	char id[24], *text = xmalloc(B64_ENCODED(write->len));

	b64_encode(text, write->data, write->len);
	snprintf(id, sizeof(id), "%llu", (unsigned long long)write->id);
	json_object_object_add(params, "chunk",
	    json_object_new_string_len(text, (int)B64_ENCODED(write->len)));
	json_object_object_add(params, "writeId",
	    json_object_new_string(id));
	free(text);
	return job_call(job, JOB_WRITE, write->id, "process/write", params);
}

static void
job_send_input(struct job *job)
{
	struct feed_write write;

	if (!job->attached || job->state != JOB_RUNNING)
		return;
	while (feed_next(job->feed, &write)) {
		if (job_send_write(job, &write) == -1)
			return;
		feed_sent(job->feed);
	}
	if (job->input_ended && !job->tty && !job->closed_input &&
	    !job->closing && !job->input_unwanted &&
	    feed_is_empty(job->feed) && job_call(job, JOB_CLOSE_STDIN, 0,
	    "process/closeStdin", job_params(job)) == 0)
		job->closing = 1;
}

void
job_attached(struct job *job)
{
	job->attached = 1;
	switch (job->state) {
	case JOB_NEW:
		job_start(job);
		break;
	case JOB_STARTING:
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
	job_send_input(job);
}

void
job_away(struct job *job)
{
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
	job_send_input(job);
	if (job_input_room(job) > 0)
		job->ops->input(job->arg, 1);
}

static void
job_start_failed(struct job *job, const struct rpc_message *msg)
{
	int status = JOB_STATUS_FAILED;

	if (msg->code == RPC_INVALID && job->starts > 1 &&
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
		if (job->want_end)
			job_fail(job, JOB_STATUS_FAILED,
			    "the job was not started");
		else
			job_start(job);
		return;
	}
	job_fail(job, JOB_STATUS_FAILED, msg->text);
}

static int
job_take_output(struct job *job, struct json_object *object)
{
	static const char *const names[] = {
		[SEQMERGE_STDOUT] = "stdout",
		[SEQMERGE_STDERR] = "stderr",
		[SEQMERGE_PTY] = "pty",
	};
	const char *name = rpc_string(object, "stream", "");
	const char *chunk = rpc_string(object, "chunk", NULL);
	size_t i, len;
	ssize_t n;
	void *data;
	int rc;

	for (i = 0; i < 3 && strcmp(name, names[i]) != 0; i++)
		;
	if (i == 3 || chunk == NULL)
		return -1;
	len = strlen(chunk);
	if ((data = malloc(B64_DECODED(len) + 1)) == NULL)
		return -1;
	n = b64_decode(data, chunk, len);
	rc = n == -1 ? -1 : seqmerge_output(job->merge,
	    rpc_uint(object, "seq", 0), (enum seqmerge_stream)i, data,
	    (size_t)n);
	free(data);
	return rc;
}

static int
job_take_read(struct job *job, struct json_object *result)
{
	struct json_object *chunks = NULL;
	size_t i, n;

	if (!json_object_is_type(result, json_type_object) ||
	    !json_object_object_get_ex(result, "chunks", &chunks) ||
	    !json_object_is_type(chunks, json_type_array))
		return -1;
	n = json_object_array_length(chunks);
	for (i = 0; i < n; i++)
		if (job_take_output(job,
		    json_object_array_get_idx(chunks, i)) == -1)
			return -1;
	return seqmerge_snapshot(job->merge, rpc_uint(result, "nextSeq", 0),
	    rpc_bool(result, "exited"), rpc_int(result, "exitCode", 255),
	    rpc_bool(result, "closed"));
}

static void
job_write_answered(struct job *job, uint64_t tag,
    const struct rpc_message *msg)
{
	const char *status = rpc_string(msg->body, "status", "");
	int had_room = job_input_room(job) > 0;
	char text[256];

	if (msg->kind == RPC_RESULT && strcmp(status, "accepted") == 0) {
		feed_answered(job->feed, tag);
		job_send_input(job);
		if (!had_room && job_input_room(job) > 0)
			job->ops->input(job->arg, 1);
		return;
	}
	if (msg->kind == RPC_ERROR || strcmp(status, "stdinClosed") != 0) {
		snprintf(text, sizeof(text), "the job takes no more input: "
		    "%s", msg->kind == RPC_ERROR ? msg->text : strcmp(status,
		    "unknownProcess") == 0 ? "the server does not know it" :
		    "the server does not accept it");
		job->ops->note(job->arg, text);
	}
	job_stop_input(job);
}

static void
job_close_answered(struct job *job, const struct rpc_message *msg)
{
	job->closing = 0;
	job->closed_input = 1;
	/* Not worth a word to those who don't wait for it. */
	if (msg->kind == RPC_ERROR && !job->input_unwanted) {
		job->close_refused = 1;
		job->ops->wake(job->arg, JOB_OPEN_INPUT_MS);
	}
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
		else
			job_runs(job);
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
		break;
	}
}

static int
job_take_event(struct job *job, const struct rpc_message *msg)
{
	uint64_t seq = rpc_uint(msg->body, "seq", 0);
	struct json_object *code;

	if (strcmp(msg->method, "process/output") == 0)
		return job_take_output(job, msg->body);
	if (strcmp(msg->method, "process/closed") == 0)
		return seqmerge_closed(job->merge, seq);
	if (strcmp(msg->method, "process/exited") != 0)
		return 0;
	if (!json_object_object_get_ex(msg->body, "exitCode", &code) ||
	    !json_object_is_type(code, json_type_int))
		return -1;
	return seqmerge_exited(job->merge, seq, json_object_get_int(code));
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

static void
job_stop_input(struct job *job)
{
	if (job->input_unwanted)
		return;
	job->input_unwanted = 1;
	feed_clear(job->feed);
	job->ops->input(job->arg, 0);
}

size_t
job_input_room(const struct job *job)
{
	/* Input taken before would be lost if the job can't be started. */
	if (job->input_unwanted || job->input_ended ||
	    (job->state != JOB_RUNNING && job->state != JOB_UNCERTAIN))
		return 0;
	return feed_room(job->feed);
}

void
job_input(struct job *job, const void *data, size_t len)
{
	if (len == 0 || job_input_room(job) < len)
		return;
	job->last_input = ((const unsigned char *)data)[len - 1];
	feed_add(job->feed, data, len);
	job_send_input(job);
}

void
job_input_end(struct job *job)
{
	static const unsigned char eot[2] = { JOB_EOT, JOB_EOT };

	/* Behind an unfinished line the first one only sends the line. */
	if (job->tty)
		job_input(job, eot, job->last_input == '\n' ? 1 : 2);
	job->input_ended = 1;
	job_send_input(job);
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
job_has_lost_output(const struct job *job)
{
	return job->lost;
}
