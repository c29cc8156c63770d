/* SPDX-License-Identifier: ISC */
/*
 * The life of one client connection as a table: which event leads from which
 * state where, and how long a state may last.  Pure.
 */
#ifndef GATEWAY_STATE_H
#define GATEWAY_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum conn_state {
	CONN_HEAD,		/* the request head is coming in */
	CONN_ADMITTING,		/* the broker is asked whether it may come in */
	CONN_OPEN,		/* a WebSocket without a session */
	CONN_ATTACHING,		/* the broker is asked for a session */
	CONN_ATTACHED,		/* initialize is answered */
	CONN_READY,		/* initialized has come: every method works */
	CONN_TAKING,		/* another gateway's: the broker is asked */
	CONN_HANDED,		/* another gateway is to go on with it */
	CONN_CLOSING,		/* the last bytes go out, then the end */
	CONN_DEAD,		/* in no list any more, to be freed */
	CONN_STATES
};

enum conn_event {
	CONN_EV_UPGRADE,	/* a proper upgrade request */
	CONN_EV_ADMITTED,
	CONN_EV_INITIALIZE,	/* with good params */
	CONN_EV_ATTACHED,
	CONN_EV_ATTACH_FAILED,	/* which may be tried again */
	CONN_EV_INITIALIZED,
	CONN_EV_HANDED,		/* its descriptors are on their way */
	CONN_EV_CLOSE,		/* something is still to be said */
	CONN_EV_LOST,		/* nobody is there any more */
	CONN_EVENTS
};

/* Which of the configured times bounds a state. */
enum conn_limit {
	CONN_LIMIT_NONE,
	CONN_LIMIT_HANDSHAKE,
	CONN_LIMIT_BROKER,
	CONN_LIMIT_LINGER
};

/* What happens when a state lasts too long. */
enum conn_expiry {
	CONN_EXPIRY_NONE,
	CONN_EXPIRY_DROP,	/* without a word */
	CONN_EXPIRY_HTTP,	/* an HTTP answer: status and text */
	CONN_EXPIRY_CLOSE	/* a Close frame: code and text */
};

struct conn_state_row {
	const char *name;
	enum conn_limit limit;
	enum conn_expiry expiry;
	int code;
	const char *text;
	bool reads;		/* whether the client is read from */
	bool websocket;		/* whether frames may be sent */
	bool pings;
	bool known;		/* to the broker, or to be made so */
	bool parts;		/* with a session that goes on without it */
	bool hands;		/* another gateway may go on with it */
};

/* The row of a state; never NULL. */
const struct conn_state_row *conn_state_row(enum conn_state state);

/* Where the event leads, or CONN_STATES when it has no place here. */
enum conn_state conn_state_next(enum conn_state state, enum conn_event event);

const char *conn_event_name(enum conn_event event);

#endif
