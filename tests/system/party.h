/* SPDX-License-Identifier: ISC */
/*
 * A client with a session and jobs in it, as the system tests play it: it
 * keeps a tape of every job, counts what it has asked for, resends what was
 * not answered when its connection was lost, and compares everything with
 * what the job itself digested.
 *
 * Whatever fails leaves a reason in party_error() and makes every later call
 * on that party fail too.
 */
#ifndef TESTS_SYSTEM_PARTY_H
#define TESTS_SYSTEM_PARTY_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

struct call;
struct daemon;
struct party;
struct party_job;

enum party_kind {
	PARTY_PIPES, /* job talk, on pipes */
	PARTY_PTY, /* job talk, on a terminal */
	PARTY_FLOOD,
	PARTY_ONCE,
	PARTY_DEAF /* with a pipe for stdin that it does not read */
};

/* How a lost connection is left. */
enum party_leave {
	PARTY_DRAIN, /* everything that had arrived is taken first */
	PARTY_ABANDON /* closed as it is, unread data and all */
};

/* How long a party waits for anything, in milliseconds. */
#define PARTY_MS 60000

/* Attach with a new session; NULL after saying why. */
struct party *party_new(struct daemon *daemon, const char *name);
void party_free(struct party *party);

const char *party_name(const struct party *party);
const char *party_error(const struct party *party);
const char *party_session(const struct party *party);

/* The connection, owned by the party, and the gateway that carries it. */
struct call *party_call(struct party *party);
pid_t party_gateway(const struct party *party);

/*
 * Keep the kernel's receive buffer small, so that what is sent to a party
 * that does not read stays with the server.  Applies to later connections.
 */
void party_small_buffer(struct party *party);

/*
 * Start a job; its id is its name in the results as well.  party_ask_start
 * does not wait for the answer: party_resume() asks again.
 */
struct party_job *party_start(struct party *party, enum party_kind kind,
    const char *id);
struct party_job *party_ask_start(struct party *party, enum party_kind kind,
    const char *id);

/*
 * Send a line to a talking job and remember it until it is answered.  The
 * half of it: a frame of which only the first half is sent.
 */
int party_say(struct party *party, struct party_job *job, const char *line);
int party_say_half(struct party *party, struct party_job *job,
    const char *line);

/* "lines" lines of ballast of "len" bytes each. */
int party_ballast(struct party *party, struct party_job *job, int lines,
    size_t len);

/* Ask for "len" bytes on stdout and on stderr (pipes only). */
int party_ask_output(struct party *party, struct party_job *job, size_t len);

/* Keep a process/read of "job" waiting all the time. */
int party_poll(struct party *party, struct party_job *job);

/* Take what arrives until "job" has shown "bytes" more of its stdout. */
int party_take(struct party *party, struct party_job *job, uint64_t bytes);

/* Take at most "messages" that are there, without waiting. */
int party_sip(struct party *party, int messages);

/* Until every write is answered and all the output asked for is there. */
int party_settle(struct party *party);

/* The connection is there and a request on it is answered. */
int party_check(struct party *party);

/* The connection has not ended; takes nothing off it. */
int party_is_connected(struct party *party);

/*
 * The connection was lost, or is given up: leave it, resume, catch up, ask
 * for everything again that was not answered.
 */
int party_resume(struct party *party, enum party_leave leave);

/*
 * A party that goes on whatever happens to its connections and their
 * gateways: it tries again to attach, and does not care which one carries it.
 */
struct party *party_new_roaming(struct daemon *daemon, const char *name);

/*
 * Call "step" until it returns 0 or fails for another reason than the end of
 * the connection, after which it resumes and calls it again.  Returns 0 or
 * -1.  What is sent once must be noted before it can fail, as party_say() and
 * those that use it do.
 */
int party_roam(struct party *party, int (*step)(struct party *, void *),
    void *arg);

/* party_start() and party_finish() for these; how often one has resumed. */
struct party_job *party_roam_start(struct party *party, enum party_kind kind,
    const char *id);
int party_roam_finish(struct party *party, struct party_job *job);
int party_resumed(const struct party *party);

/* Leave without resuming; session and jobs stay. */
void party_leave(struct party *party, enum party_leave leave);

/*
 * Let the job end in its own way, take everything, compare with what it has
 * digested itself.
 */
int party_finish(struct party *party, struct party_job *job);

/* Bytes of output that arrived, of all jobs of the party. */
uint64_t party_bytes(const struct party *party);

/* How many chunks and ends were seen of this job. */
uint64_t party_job_seen(const struct party_job *job);

/*
 * Whether the job ID ran exactly "times" times, by the lines it left in
 * "dir"/runs.
 */
int party_ran(const char *dir, const char *id, int times);

/* What DIR/ID.count holds: bytes a flood has written; 0 when not there. */
uint64_t party_flooded(const char *dir, const char *id);

/* Parameters of process/start for a job of this kind; the caller's. */
struct json_object *party_start_params(const struct daemon *daemon,
    enum party_kind kind, const char *id);

#endif
