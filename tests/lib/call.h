/* SPDX-License-Identifier: ISC */
/* JSON-RPC calls over a wire, for tests: one connection, blocking. */
#ifndef TESTS_LIB_CALL_H
#define TESTS_LIB_CALL_H

#include <stdint.h>

#include "tests/lib/wire.h"

struct call;
struct json_object;

/* How long the calls below wait when they are not told, in milliseconds. */
#define CALL_TIMEOUT_MS 60000

/*
 * Connect and upgrade, nothing else.  Returns NULL after saying why on
 * stderr; free it with call_free(), which drops the connection.
 */
struct call *call_open(const char *url);

/*
 * The same with header lines ("Name: value\r\n"...) in the upgrade request.
 * Without a 101, "*status" (NULL: not wanted) is what came instead, -1:
 * nothing, and nothing is said on stderr.
 */
struct call *call_open_with(const char *url, const char *headers,
    int *status);
void call_free(struct call *call);

/* initialize, resuming "resume" unless it is NULL, initialized: 0 or -1. */
int call_begin(struct call *call, const char *resume);

/*
 * The same for those who try again: says nothing on stderr; 0, the code of
 * the error that was the answer, or 1 without one.
 */
int call_try_begin(struct call *call, const char *resume);

/* Both; NULL, with the server's answer on stderr, when any of it fails. */
struct call *call_attach(const char *url, const char *resume);

/* The id of the session attached to, or NULL; owned by the call. */
const char *call_session(const struct call *call);

/* The wire below, still owned by the call. */
struct wire *call_wire(struct call *call);

/*
 * Send a request or a notification.  "params" becomes theirs; NULL leaves
 * the member out.  call_send returns the id used (integers from 1), or -1.
 */
int64_t call_send(struct call *call, const char *method,
    struct json_object *params);
int call_notify(struct call *call, const char *method,
    struct json_object *params);

/*
 * Wait for the answer to "id".  Returns the whole reply, {"result"} or
 * {"error"}, which the caller puts; NULL when the connection ended or
 * "timeout_ms" passed.  Other answers and notifications that arrive
 * meanwhile are kept for their turn.
 */
struct json_object *call_wait(struct call *call, int64_t id, int timeout_ms);

/*
 * Send a request and wait CALL_TIMEOUT_MS for its answer.  call_request
 * returns the whole reply; call_result only the "result", or NULL with the
 * reply on stderr.  The caller puts either.
 */
struct json_object *call_request(struct call *call, const char *method,
    struct json_object *params);
struct json_object *call_result(struct call *call, const char *method,
    struct json_object *params);

/* The code of an error reply, 0 for a success or NULL. */
int call_error_code(struct json_object *reply);

/* The next notification in order of arrival; as call_wait(). */
struct json_object *call_next(struct call *call, int timeout_ms);

/*
 * The same two in steps: call_receive takes one message off the connection
 * (1, 0 when none came in time, -1 at the end), the others hand out what has
 * been received already, or NULL, without waiting.
 */
int call_receive(struct call *call, int timeout_ms);
struct json_object *call_take_reply(struct call *call, int64_t id);
struct json_object *call_take_event(struct call *call);

/* True once the connection has ended, from either side. */
int call_ended(const struct call *call);

/* The status of the close frame that came before the end, 0 without one. */
int call_close_code(const struct call *call);

/* The text in it, or ""; owned by the call. */
const char *call_close_reason(const struct call *call);

/*
 * Parameters of process/start for "argv" (NULL at its end) in "cwd" (an
 * absolute path): the server's environment, no terminal, stdin /dev/null.
 * Add or replace members as needed.
 */
struct json_object *call_start_params(const char *process_id, const char *cwd,
    const char *const argv[]);

/* {"processId": id}, to which further members are added. */
struct json_object *call_process_params(const char *process_id);

/* Parameters of process/write for "len" bytes. */
struct json_object *call_write_params(const char *process_id,
    const char *write_id, const void *data, size_t len);

#endif
