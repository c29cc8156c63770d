/* SPDX-License-Identifier: ISC */
/*
 * The life of a process that the supervisor starts and watches, as a table
 * of states and events (pure).
 */
#ifndef SUPERVISOR_WARDSTATE_H
#define SUPERVISOR_WARDSTATE_H

/* name, word for logs */
#define WARD_STATES(X) \
	X(IDLE, "idle")		/* not running; may be started */ \
	X(STARTING, "starting")	/* running, has not said HELLO */ \
	X(UP, "up") \
	X(STOPPING, "stopping")	/* told to stop */ \
	X(KILLED, "killed")	/* SIGKILL sent; will be replaced */ \
	X(ENDING, "ending")	/* SIGKILL sent; will not be replaced */ \
	X(GONE, "gone")		/* ended for good */

#define WARD_EVENTS(X) \
	X(START, "start")	/* its turn has come */ \
	X(ADOPT, "adopt")	/* it ran before we did */ \
	X(HELLO, "hello") \
	X(LOST, "lost")		/* its control channel has ended */ \
	X(TIMEOUT, "timeout")	/* it let the deadline of its state pass */ \
	X(EXIT, "exit")		/* waitpid(2) has had it */ \
	X(STOP, "stop")		/* we are to end */

enum ward_state {
#define X(name, word) WARD_##name,
	WARD_STATES(X)
#undef X
	WARD_STATE_COUNT
};

enum ward_event {
#define X(name, word) WARD_ON_##name,
	WARD_EVENTS(X)
#undef X
	WARD_EVENT_COUNT
};

enum ward_action {
	WARD_NOTHING,
	WARD_NEVER,	/* cannot come in this state: a mistake of ours */
	WARD_SPAWN,
	WARD_SERVE,	/* it is up: start the watchdog, tell the owner */
	WARD_RESUME,	/* start the watchdog; the owner knows */
	WARD_TELL,	/* tell it to stop, and set the deadline */
	WARD_KILL,	/* SIGKILL, and set the deadline */
	WARD_AGAIN,	/* it has exited: tell the owner, who may replace it */
	WARD_DONE	/* it has ended for good: tell the owner */
};

struct ward_step {
	enum ward_state next;
	enum ward_action action;
};

/* What "event" does in "state". */
struct ward_step ward_step(enum ward_state state, enum ward_event event);

/* Words for logs. */
const char *ward_state_name(enum ward_state state);
const char *ward_event_name(enum ward_event event);

#endif
