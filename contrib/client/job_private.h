/* SPDX-License-Identifier: ISC */
/* Shared by job.c, job_events.c and job_input.c, for nobody else. */
#ifndef CONTRIB_CLIENT_JOB_PRIVATE_H
#define CONTRIB_CLIENT_JOB_PRIVATE_H

#include <stdint.h>

#include "contrib/client/job.h"

struct feed;
struct seqmerge_ops;

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
	int adopted; /* never started by us */
	int beyond; /* the server is holdfast's */
	int asked_again; /* an answer to process/start was lost */
	int rows, cols; /* to be told; 0: nothing to tell */
	int size_due;
	char write_prefix[12]; /* of write ids, that others have not used */
	uint64_t gap_to, gap_bytes; /* what the last read said; 0: nothing */
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

/* {"processId": ...}, for the caller; and a call, as job_ops.call. */
struct json_object *job_params(const struct job *job);
int job_call(struct job *job, enum job_call what, uint64_t tag,
    const char *method, struct json_object *params);

/* What the merge tells; its argument is the job. */
extern const struct seqmerge_ops job_merge_ops;

/* Take an answer to process/read, or an event: 0, or -1 for nonsense. */
int job_take_read(struct job *job, struct json_object *result);
int job_take_event(struct job *job, const struct rpc_message *msg);

/* Send what may be sent of the input; take answers; take no more of it. */
void job_send_input(struct job *job);
void job_write_answered(struct job *job, uint64_t tag,
    const struct rpc_message *msg);
void job_close_answered(struct job *job, const struct rpc_message *msg);
void job_stop_input(struct job *job);

#endif
