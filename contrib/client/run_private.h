/* SPDX-License-Identifier: ISC */
/* Shared by run.c and run_io.c, for nobody else. */
#ifndef CONTRIB_CLIENT_RUN_PRIVATE_H
#define CONTRIB_CLIENT_RUN_PRIVATE_H

#include <stdint.h>

#include "contrib/client/seqmerge.h"

struct event;
struct event_base;
struct inlet;
struct job;
struct outlet;
struct session;

#define RUN_SIGNALS 8

struct run {
	struct event_base *base;
	struct session *session;
	struct job *job;
	struct inlet *input;
	struct outlet *out;
	struct outlet *err;
	int tty;
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

/* End the job and then, confirmed or not, this process. */
void run_end_job(struct run *run);

/* Take signals from here on; give them back. */
void run_signals_open(struct run *run);
void run_signals_close(struct run *run);

#endif
