/* SPDX-License-Identifier: ISC */
/* What a job does and says: its events, from notifications and by read. */
#include "config.h"

#include <sys/types.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "common/base64.h"
#include "contrib/client/job_private.h"
#include "contrib/client/rpc.h"
#include "contrib/client/seqmerge.h"

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
	char text[160], bytes[48] = "";

	/* Who comes later has not lost what was there before. */
	if (!job->adopted || from > 1)
		job->lost = 1;
	if (job->gap_bytes != 0 && to >= job->gap_to)
		snprintf(bytes, sizeof(bytes), " (%llu bytes)",
		    (unsigned long long)job->gap_bytes);
	snprintf(text, sizeof(text), "output is missing here: the server no "
	    "longer has events %llu to %llu of the job%s",
	    (unsigned long long)from, (unsigned long long)to, bytes);
	job->ops->note(job->arg, text);
}

const struct seqmerge_ops job_merge_ops = {
	.output = job_output_cb,
	.exited = job_exited_cb,
	.closed = job_closed_cb,
	.gap = job_gap_cb,
};

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
	if ((data = malloc(BASE64_DECODED_MAX(len) + 1)) == NULL)
		return -1;
	n = base64_decode(data, chunk, len);
	rc = n == -1 ? -1 : seqmerge_output(job->merge,
	    rpc_uint(object, "seq", 0), (enum seqmerge_stream)i, data,
	    (size_t)n);
	free(data);
	return rc;
}

/* The bounds of what is missing, from servers that tell them. */
static void
job_take_gap(struct job *job, struct json_object *result)
{
	struct json_object *beyond = NULL, *gap = NULL;

	if (json_object_object_get_ex(result, "holdfast", &beyond) &&
	    json_object_is_type(beyond, json_type_object))
		json_object_object_get_ex(beyond, "gap", &gap);
	job->gap_to = rpc_uint(gap, "toSeq", 0);
	job->gap_bytes = rpc_uint(gap, "bytes", 0);
}

int
job_take_read(struct job *job, struct json_object *result)
{
	struct json_object *chunks = NULL;
	size_t i, n;

	if (!json_object_is_type(result, json_type_object) ||
	    !json_object_object_get_ex(result, "chunks", &chunks) ||
	    !json_object_is_type(chunks, json_type_array))
		return -1;
	job_take_gap(job, result);
	n = json_object_array_length(chunks);
	for (i = 0; i < n; i++)
		if (job_take_output(job,
		    json_object_array_get_idx(chunks, i)) == -1)
			return -1;
	return seqmerge_snapshot(job->merge, rpc_uint(result, "nextSeq", 0),
	    rpc_bool(result, "exited"), rpc_int(result, "exitCode", 255),
	    rpc_bool(result, "closed"));
}

int
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
