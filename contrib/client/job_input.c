/* SPDX-License-Identifier: ISC */
/* What a job reads: our input on its way to it. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "common/base64.h"
#include "common/xmalloc.h"
#include "contrib/client/feed.h"
#include "contrib/client/job_private.h"
#include "contrib/client/rpc.h"

#define JOB_OPEN_INPUT_MS 2000

#define JOB_EOT 4 /* end of input on a terminal, termios(3) VEOF */

static int
job_send_write(struct job *job, const struct feed_write *write)
{
	struct json_object *params = job_params(job);
	char id[48], *text = xmalloc(BASE64_ENCODED_LEN(write->len));

	base64_encode(text, write->data, write->len);
	snprintf(id, sizeof(id), "%s%llu", job->write_prefix,
	    (unsigned long long)write->id);
	json_object_object_add(params, "chunk",
	    json_object_new_string_len(text, (int)BASE64_ENCODED_LEN(write->len)));
	json_object_object_add(params, "writeId",
	    json_object_new_string(id));
	free(text);
	return job_call(job, JOB_WRITE, write->id, "process/write", params);
}

void
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

void
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

void
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
