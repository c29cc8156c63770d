/* SPDX-License-Identifier: ISC */
/*
 * The client's session: connects, initializes, and takes the session up
 * again after every break until it is told to stop or the session is gone.
 */
#ifndef CONTRIB_CLIENT_SESSION_H
#define CONTRIB_CLIENT_SESSION_H

#include <stddef.h>
#include <stdint.h>

struct addrinfo;
struct event_base;
struct json_object;
struct rpc_message;
struct session;
struct url;

/* Milliseconds without a connection before a session is given up, unless
 * the server says otherwise; and before a first connection is. */
#define SESSION_TTL_MS 80000
#define SESSION_FIRST_MS 10000

/* Milliseconds for the answer to initialize. */
#define SESSION_INITIALIZE_MS 10000

/* Broken messages in a row that end the session instead of the connection. */
#define SESSION_BROKEN_MAX 5

struct session_config {
	const struct url *url;
	const char *url_text; /* for messages */
	const struct addrinfo *addresses; /* a list; tried in turn */
	const char *token; /* or NULL */
	const char *resume; /* the session to attach to, or NULL: a new one */
	int takeover; /* whoever has it */
	int once; /* fail at once where another connection has it */
	uint64_t ttl_ms; /* to be kept without a connection; 0: as it is */
};

struct session_ops {
	/* Attached: the first time, or again after "away_ms". */
	void (*ready)(void *arg);
	void (*back)(void *arg, uint64_t away_ms);
	/* The connection broke; calls without an answer are forgotten. */
	void (*away)(void *arg, const char *why);
	/* An answer to session_call(). */
	void (*reply)(void *arg, int what, uint64_t tag,
	    const struct rpc_message *msg);
	void (*notification)(void *arg, const struct rpc_message *msg);
	/* The end; "why" is for the user.  Nothing follows. */
	void (*failed)(void *arg, const char *why);
};

/*
 * "config" and what it points to must outlive the session.  Nothing happens
 * before session_begin().  Free it with session_free() (not in a callback),
 * which closes the connection without a word.
 */
struct session *session_new(struct event_base *base,
    const struct session_config *config, const struct session_ops *ops,
    void *arg);
void session_free(struct session *session);
void session_begin(struct session *session);

/* End the connection properly; no callback follows. */
void session_stop(struct session *session);

/*
 * Send a request; "params" becomes its.  Returns 0, or -1 when there is no
 * session at the moment or too many calls are unanswered.
 */
int session_call(struct session *session, int what, uint64_t tag,
    const char *method, struct json_object *params);

/*
 * Its id, NULL before there is one; how long it is kept without a connection;
 * and whether the server has what holdfast's has beyond others.
 */
const char *session_id(const struct session *session);
uint64_t session_ttl_ms(const struct session *session);
int session_is_beyond(const struct session *session);

/* Whether it has failed because another connection has it now. */
int session_is_replaced(const struct session *session);

/*
 * Whether it has failed because the server keeps it no more, or can't any
 * more by its own word: what needs no old session may go on in a new one.
 */
int session_is_expired(const struct session *session);

/* Whether it has failed because another connection has it ("once"). */
int session_is_elsewhere(const struct session *session);

/* True while attached; milliseconds since the break otherwise. */
int session_is_attached(const struct session *session);
uint64_t session_away_ms(const struct session *session);

/* Stop (on) or go on taking messages; survives reconnects. */
void session_pause(struct session *session, int on);

/*
 * What the server sent made no sense: take a new connection, and give up
 * after SESSION_BROKEN_MAX times without session_is_sound() between.
 */
void session_distrust(struct session *session, const char *why);
void session_is_sound(struct session *session);

/*
 * Put what an error tells of a session that has ended, if it does, behind the
 * text in "why", of "size" bytes at most, for the user's terminal.
 */
void session_add_ending(char *why, size_t size,
    const struct rpc_message *msg);

#endif
