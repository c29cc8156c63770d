/* SPDX-License-Identifier: ISC */
/*
 * What a client has seen of one process, for tests: events put in order of
 * their sequence numbers, and a SHA-256 over each stream.
 */
#ifndef TESTS_LIB_TAPE_H
#define TESTS_LIB_TAPE_H

#include <stdint.h>

struct call;
struct json_object;
struct tape;

/* "sha256" of tape_hash(): 64 digits and a terminator. */
#define TAPE_HASH_SIZE 65

/* One tape a process; free it with tape_free(). */
struct tape *tape_new(const char *process_id);
void tape_free(struct tape *tape);

/*
 * Take a notification.  Returns 1 when it was about this process, 0 when
 * not, and -1 when it was one that must not be: a sequence number that this
 * connection had already delivered, bad base64, an event after closed.  The
 * reason is then tape_error().
 */
int tape_event(struct tape *tape, struct json_object *notification);

/*
 * Tell that a new connection begins: numbers that the last one delivered and
 * that are still out of order are forgotten, process/read brings them again.
 */
void tape_reattach(struct tape *tape);

/*
 * Take the result of the process/read that asked for tape_seen().  Returns
 * 0, or -1 when output is missing.
 */
int tape_read(struct tape *tape, struct json_object *result);

/* process/read after tape_seen() on "call", then tape_read(); 0 or -1. */
int tape_catch_up(struct tape *tape, struct call *call);

/*
 * Take notifications from "call" until this process is closed; others are
 * dropped.  Returns 0; -1 when the connection ended, tape_event() failed or
 * "timeout_ms" passed.
 */
int tape_follow(struct tape *tape, struct call *call, int timeout_ms);

/*
 * The same until the stream's text, as tape_text() has it, contains "text":
 * what is written at once need not come at once.  Returns -1 also when the
 * process is closed before.
 */
int tape_follow_to(struct tape *tape, struct call *call, const char *stream,
    const char *text, int timeout_ms);

/* The last sequence number up to which everything has been seen. */
uint64_t tape_seen(const struct tape *tape);

/* True when exited (closed) has been seen in its place. */
int tape_exited(const struct tape *tape);
int tape_closed(const struct tape *tape);
int tape_exit_code(const struct tape *tape);

/* Bytes of "stdout", "stderr" or "pty" seen in order, and their SHA-256. */
uint64_t tape_bytes(const struct tape *tape, const char *stream);
const char *tape_hash(const struct tape *tape, const char *stream,
    char sha256[TAPE_HASH_SIZE]);

/*
 * The text of a stream, terminated, owned by the tape and valid until its
 * next event: at most its first 64 KiB are kept.
 */
const char *tape_text(const struct tape *tape, const char *stream);

/* Why the last call failed, or "". */
const char *tape_error(const struct tape *tape);

#endif
