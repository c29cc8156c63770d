/* SPDX-License-Identifier: ISC */
/* The table of connection states. */
#include "config.h"

#include "gateway/state.h"
#include "gateway/ws.h"

#define NOWHERE CONN_STATES

static const struct conn_state_row rows[CONN_STATES] = {
	[CONN_HEAD] = {
		.name = "head",
		.limit = CONN_LIMIT_HANDSHAKE,
		.expiry = CONN_EXPIRY_DROP,
		.reads = true,
	},
	[CONN_ADMITTING] = {
		.name = "admitting",
		.known = true,
		.limit = CONN_LIMIT_BROKER,
		.expiry = CONN_EXPIRY_HTTP,
		.code = 503,
		.text = "the session broker does not answer, try again",
	},
	[CONN_OPEN] = {
		.name = "open",
		.known = true,
		.limit = CONN_LIMIT_HANDSHAKE,
		.expiry = CONN_EXPIRY_CLOSE,
		.code = WS_CODE_POLICY,
		.text = "initialize did not come in time",
		.reads = true,
		.websocket = true,
		.hands = true,
	},
	[CONN_ATTACHING] = {
		.name = "attaching",
		.known = true,
		.limit = CONN_LIMIT_BROKER,
		.expiry = CONN_EXPIRY_CLOSE,
		.code = WS_CODE_TRY_LATER,
		.text = "the session broker does not answer, try again",
		.websocket = true,
	},
	[CONN_ATTACHED] = {
		.name = "attached",
		.known = true,
		.reads = true,
		.websocket = true,
		.pings = true,
		.parts = true,
		.hands = true,
	},
	[CONN_READY] = {
		.name = "ready",
		.known = true,
		.reads = true,
		.websocket = true,
		.pings = true,
		.parts = true,
		.hands = true,
	},
	[CONN_TAKING] = {
		.name = "taking",
		.known = true,
		.limit = CONN_LIMIT_BROKER,
		.expiry = CONN_EXPIRY_DROP,
	},
	/* Whoever has it by then is not disturbed. */
	[CONN_HANDED] = {
		.name = "handed",
		.limit = CONN_LIMIT_BROKER,
		.expiry = CONN_EXPIRY_DROP,
		.websocket = true,
	},
	[CONN_CLOSING] = {
		.name = "closing",
		.limit = CONN_LIMIT_LINGER,
		.expiry = CONN_EXPIRY_DROP,
		.reads = true,
	},
	[CONN_DEAD] = { .name = "dead" },
};

#define ENDS [CONN_EV_CLOSE] = CONN_CLOSING + 1, [CONN_EV_LOST] = CONN_DEAD + 1

/* One more than the state, so that what is not named is nowhere. */
static const unsigned char next[CONN_STATES][CONN_EVENTS] = {
	[CONN_HEAD] = {
		[CONN_EV_UPGRADE] = CONN_ADMITTING + 1,
		ENDS,
	},
	[CONN_ADMITTING] = {
		[CONN_EV_ADMITTED] = CONN_OPEN + 1,
		ENDS,
	},
	[CONN_OPEN] = {
		[CONN_EV_INITIALIZE] = CONN_ATTACHING + 1,
		[CONN_EV_HANDED] = CONN_HANDED + 1,
		ENDS,
	},
	[CONN_ATTACHING] = {
		[CONN_EV_ATTACHED] = CONN_ATTACHED + 1,
		[CONN_EV_ATTACH_FAILED] = CONN_OPEN + 1,
		ENDS,
	},
	[CONN_ATTACHED] = {
		[CONN_EV_INITIALIZED] = CONN_READY + 1,
		[CONN_EV_HANDED] = CONN_HANDED + 1,
		ENDS,
	},
	[CONN_READY] = {
		[CONN_EV_INITIALIZED] = CONN_READY + 1,
		[CONN_EV_HANDED] = CONN_HANDED + 1,
		ENDS,
	},
	[CONN_TAKING] = {
		[CONN_EV_ADMITTED] = CONN_OPEN + 1,
		[CONN_EV_ATTACHED] = CONN_ATTACHED + 1,
		[CONN_EV_LOST] = CONN_DEAD + 1,
	},
	[CONN_HANDED] = { ENDS },
	[CONN_CLOSING] = {
		[CONN_EV_LOST] = CONN_DEAD + 1,
	},
};

static const char *const event_names[CONN_EVENTS] = {
	[CONN_EV_UPGRADE] = "upgrade",
	[CONN_EV_ADMITTED] = "admitted",
	[CONN_EV_INITIALIZE] = "initialize",
	[CONN_EV_ATTACHED] = "attached",
	[CONN_EV_ATTACH_FAILED] = "attach failed",
	[CONN_EV_INITIALIZED] = "initialized",
	[CONN_EV_HANDED] = "handed",
	[CONN_EV_CLOSE] = "close",
	[CONN_EV_LOST] = "lost",
};

const struct conn_state_row *
conn_state_row(enum conn_state state)
{
	return &rows[state];
}

enum conn_state
conn_state_next(enum conn_state state, enum conn_event event)
{
	unsigned char to = next[state][event];

	return to == 0 ? NOWHERE : (enum conn_state)(to - 1);
}

const char *
conn_event_name(enum conn_event event)
{
	return event_names[event];
}
