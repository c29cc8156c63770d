/* SPDX-License-Identifier: ISC */
/*
 * One job on the server: started once, whatever breaks; its events in order;
 * its input and its end.  Knows neither sockets nor time: what it wants is
 * told by callback.
 */
#ifndef CONTRIB_CLIENT_JOB_H
#define CONTRIB_CLIENT_JOB_H

#include <stddef.h>
#include <stdint.h>

#include "contrib/client/seqmerge.h"

struct job;
struct json_object;
struct rpc_message;

/* What a call is about. */
enum job_call {
	JOB_START,
	JOB_READ,
	JOB_WRITE,
	JOB_CLOSE_STDIN,
	JOB_SIGNAL,
	JOB_TERMINATE,
	JOB_RESIZE,
	JOB_CALLS
};

/* Exit statuses of runs that failed before or beside the job. */
#define JOB_STATUS_TAKEN 124 /* another connection has the session */
#define JOB_STATUS_FAILED 125
#define JOB_STATUS_NOT_EXECUTABLE 126
#define JOB_STATUS_NOT_FOUND 127

struct job_ops {
	/* As session_call(): 0 or -1; "params" becomes theirs. */
	int (*call)(void *arg, int what, uint64_t tag, const char *method,
	    struct json_object *params);
	void (*output)(void *arg, enum seqmerge_stream stream,
	    const void *data, size_t len);
	/* All output was delivered; nothing follows. */
	void (*ended)(void *arg, int exit_code);
	/* It can't be started or followed any more; nothing follows. */
	void (*failed)(void *arg, int status, const char *why);
	/* job_input() may be called again, or no more input is wanted. */
	void (*input)(void *arg, int wanted);
	/* Something that the user should know. */
	void (*note)(void *arg, const char *text);
	/* Call job_tick() in "ms" milliseconds, instead of what was asked. */
	void (*wake)(void *arg, int ms);
	/* As session_distrust(). */
	void (*distrust)(void *arg, const char *why);
};

/*
 * A job with the id "process_id" (copied) and the parameters of its
 * process/start (which become the job's).  Free it with job_free(), not from
 * a callback.
 */
struct job *job_new(const char *process_id, struct json_object *start_params,
    int tty, const struct job_ops *ops, void *arg);
void job_free(struct job *job);

/*
 * One that runs already: attached to without being started, and read from its
 * beginning.  As job_new(); job_adopt() says which process it is, before or
 * after the connection is there.
 */
struct job *job_new_adopted(const struct job_ops *ops, void *arg);
void job_adopt(struct job *job, const char *process_id, int tty);

/* Whether the server has what holdfast's has beyond others. */
void job_set_beyond(struct job *job, int on);

/* Its id on the server, owned by the job; "" before job_adopt(). */
const char *job_id(const struct job *job);

/* Its terminal has another size. */
void job_resize(struct job *job, int rows, int cols);

/* True once the server has confirmed that it was started. */
int job_is_started(const struct job *job);

/* The connection is there (again), or gone. */
void job_attached(struct job *job);
void job_away(struct job *job);

/* What arrived: the answer to a call, or a notification of any process. */
void job_reply(struct job *job, int what, uint64_t tag,
    const struct rpc_message *msg);
void job_notification(struct job *job, const struct rpc_message *msg);
void job_tick(struct job *job);

/*
 * Input: how many bytes job_input() takes now, 0 to wait for the callback;
 * and that no more comes.
 */
size_t job_input_room(const struct job *job);
void job_input(struct job *job, const void *data, size_t len);
void job_input_end(struct job *job);

/* SIGINT to its process group; its end.  Kept while the connection is away. */
void job_interrupt(struct job *job);
void job_terminate(struct job *job);

/* True once process/start may have reached the server. */
int job_may_run(const struct job *job);

/* True when output is missing. */
int job_has_lost_output(const struct job *job);

#endif
