/* SPDX-License-Identifier: ISC */
/* Shared by run.c and run_io.c, for nobody else. */
#ifndef CONTRIB_CLIENT_RUN_PRIVATE_H
#define CONTRIB_CLIENT_RUN_PRIVATE_H

#include <stdint.h>

#include "contrib/client/escape.h"
#include "contrib/client/job.h"
#include "contrib/client/seqmerge.h"

struct event;
struct event_base;
struct inlet;
struct job;
struct outlet;
struct rpc_message;
struct session;

/* A call that is not the job's: what can be attached to. */
#define RUN_CALL_LIST JOB_CALLS

#define RUN_SIGNALS 8

struct run {
	struct event_base *base;
	struct session *session;
	struct job *job;
	struct inlet *input;
	struct outlet *out;
	struct outlet *err;
	int tty;
	int detach; /* leave as soon as it runs */
	int attaching; /* to what somebody else has started */
	const char *url; /* as it was given, for what is left */
	char *const *argv; /* of the job; NULL when attached to */
	const char *wanted; /* process to attach to, or NULL: the only one */
	char *found; /* what was found */
	int found_tty;
	int nfound, nlisted;
	char names[512]; /* of those that could be meant */
	struct escape escape;
	int status; /* to exit with */
	int finishing; /* only output is left to be written */
	int paused; /* output waits for its reader */
	int away_told; /* the user knows that the connection is lost */
	char away_why[256];
	int signal; /* that ends us, or 0 */
	int broken; /* errno of output that can't be written */
	uint64_t interrupted_ms; /* clock at the last SIGINT */
	struct event *signals[RUN_SIGNALS];
	struct event *tick; /* job_tick() */
	struct event *away; /* time to tell that the connection is lost */
	struct event *end; /* time is up for the end to be confirmed */
};

/* Leave with "status" as soon as all output is written. */
void run_finish(struct run *run, int status);

/* The size of the user's terminal; 0 and 0 if there is none. */
void run_size(int *rows, int *cols);

/* Call "event" in "ms" milliseconds. */
void run_arm(struct event *event, int ms);

/* The job's output, and whether its input is wanted. */
void run_output(struct run *run, enum seqmerge_stream stream,
    const void *data, size_t len);
void run_want_input(struct run *run, int wanted);

/* Make, and free, what reads and writes here. */
void run_io_open(struct run *run, int with_input);
void run_io_close(struct run *run);

/* Attach to process "id", which was found. */
void run_adopt(struct run *run, const char *id, int tty);

/* Look for what to attach to; the server's answer. */
void run_look(struct run *run);
void run_listed(struct run *run, const struct rpc_message *msg);

/* Leave the job running, and say how to come back. */
void run_leave(struct run *run);
void run_escape_help(void);

/* End the job and then, confirmed or not, this process. */
void run_end_job(struct run *run);

/* Take signals from here on; give them back. */
void run_signals_open(struct run *run);
void run_signals_close(struct run *run);

#endif
