/* SPDX-License-Identifier: ISC */
/* Just enough of the protocol to make a server work, written by hand. */
#ifndef TESTS_BENCH_RPC_H
#define TESTS_BENCH_RPC_H

#include <stddef.h>

#include "tests/bench/client.h"

struct server;

/* A session's id is a UUID. */
#define SESSION_ID_MAX 64

/*
 * Connect, initialize (taking over session "resume" unless NULL) and say
 * initialized.  The session's id goes to "id" unless that is NULL.
 */
void session_open(struct client *c, const struct server *server,
    const char *resume, char id[SESSION_ID_MAX]);

/* The requests by themselves. */
size_t rpc_initialize(char *text, size_t size, const char *resume);
#define RPC_INITIALIZED "{\"method\":\"initialized\"}"
#define RPC_STATUS \
	"{\"id\":7,\"method\":\"environment/status\",\"params\":{}}"
#define RPC_READ_FMT \
	"{\"id\":%u,\"method\":\"process/read\",\"params\":{" \
	"\"processId\":\"p%u\",\"afterSeq\":0,\"waitMs\":%u}}"
#define RPC_TERMINATE_FMT \
	"{\"id\":%u,\"method\":\"process/terminate\",\"params\":{" \
	"\"processId\":\"p%u\"}}"

/* The id of a session from an answer to initialize. */
void rpc_session_id(const struct frame *frame, char id[SESSION_ID_MAX]);

enum got {
	GOT_RESULT,
	GOT_ERROR,
	GOT_OUTPUT,
	GOT_EXITED,
	GOT_CLOSED,
	GOT_OTHER
};

/*
 * What came; "number" is the id of the request or the number of the
 * process ("pN").
 */
enum got rpc_got(const struct frame *frame, unsigned *number);

/* Bytes of output in a GOT_OUTPUT, by the length of its base64. */
size_t rpc_bytes(const struct frame *frame);

/* Wait for the answer to request "id"; an error ends the measurement. */
void rpc_wait(struct client *c, unsigned id, struct frame *frame);

/* Wait until output, exit, ... of process "number" comes. */
void rpc_wait_for(struct client *c, enum got what, unsigned number,
    struct frame *frame);

/* How a process is started. */
#define JOB_PIPES 0
#define JOB_STDIN 1
#define JOB_TTY 2

/*
 * The request with id and process number "number" to run "program" with at
 * most two arguments (NULL: none), as text; returns its length.
 */
size_t rpc_start(char text[CLIENT_TEXT_MAX], unsigned number, int how,
    const char *program, const char *arg1, const char *arg2);

/* Send it and wait for the answer; "mode" and "arg" are for the job program. */
void job_start(struct client *c, unsigned number, int how, const char *mode,
    const char *arg);

/* End it and wait for closed, so that nothing runs on. */
void job_end(struct client *c, unsigned number);

/* The path of the program that jobs run. */
const char *job_program(void);

#endif
