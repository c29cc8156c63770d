/* SPDX-License-Identifier: ISC */
/*
 * The life of the client's session: which event leads from which state to
 * which, and what is to be done.  Pure; session.c does it.
 */
#ifndef CONTRIB_CLIENT_STATES_H
#define CONTRIB_CLIENT_STATES_H

/* FIRST_ before there is a session, AWAY_ while it must be taken up again. */
#define SESSION_STATES(X) \
	X(NEW) \
	X(FIRST_DIAL) \
	X(FIRST_INIT) \
	X(FIRST_WAIT) \
	X(ATTACHED) \
	X(AWAY_DIAL) \
	X(AWAY_INIT) \
	X(AWAY_WAIT) \
	X(ENDED)

#define SESSION_EVENTS(X) \
	X(BEGIN) \
	X(OPENED) /* the WebSocket is open */ \
	X(REFUSED) /* nobody listens there */ \
	X(DENIED) /* HTTP says that trying again is of no use */ \
	X(BUSY) /* HTTP 503 and its like, or another connection has it */ \
	X(REPLACED) /* another connection has the session now */ \
	X(LOST) /* the connection failed, ended or fell silent */ \
	X(ACCEPTED) /* initialize succeeded */ \
	X(REJECTED) /* the server can't be dealt with, or doesn't want to */ \
	X(TIMER) /* the pause is over */ \
	X(DEADLINE) /* too long without a session */ \
	X(STOP)

#define SESSION_ACTIONS(X) \
	X(IGNORE) \
	X(DIAL) /* connect now */ \
	X(INITIALIZE) /* send it */ \
	X(READY) /* the session is there */ \
	X(LEAVE) /* it is away: begin to count, connect now */ \
	X(BACK) /* it is there again */ \
	X(PAUSE) /* drop the connection, wait, connect */ \
	X(FAIL) /* end, with an error */ \
	X(END) /* end */

#define SESSION_STATE_ENUM(name) SESSION_##name,
#define SESSION_EVENT_ENUM(name) SESSION_EV_##name,
#define SESSION_ACTION_ENUM(name) SESSION_DO_##name,

enum session_state { SESSION_STATES(SESSION_STATE_ENUM) SESSION_NSTATES };
enum session_event { SESSION_EVENTS(SESSION_EVENT_ENUM) SESSION_NEVENTS };
enum session_action { SESSION_ACTIONS(SESSION_ACTION_ENUM) SESSION_NACTIONS };

/* Move "state" on and return what to do; IGNORE leaves it as it is. */
enum session_action session_step(enum session_state *state,
    enum session_event event);

/* Milliseconds to pause before attempt "attempt" (0: the first again). */
int session_pause_ms(unsigned int attempt);

/* Names for messages and tests; "?" for anything else. */
const char *session_state_name(int state);
const char *session_event_name(int event);
const char *session_action_name(int action);

#endif
