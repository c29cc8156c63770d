/* SPDX-License-Identifier: ISC */
/* The life of a process that the supervisor starts and watches. */
#include "config.h"

#include "broker/supervisor/wardstate.h"

#define STAYS(state) { WARD_##state, WARD_NOTHING }
#define NEVER(state) { WARD_##state, WARD_NEVER }

static const struct ward_step steps[WARD_STATE_COUNT][WARD_EVENT_COUNT] = {
	[WARD_IDLE] = {
		[WARD_ON_START] = { WARD_STARTING, WARD_SPAWN },
		[WARD_ON_ADOPT] = { WARD_UP, WARD_RESUME },
		[WARD_ON_HELLO] = NEVER(IDLE),
		[WARD_ON_LOST] = NEVER(IDLE),
		[WARD_ON_TIMEOUT] = NEVER(IDLE),
		[WARD_ON_EXIT] = NEVER(IDLE),
		[WARD_ON_STOP] = { WARD_GONE, WARD_DONE },
	},
	[WARD_STARTING] = {
		[WARD_ON_START] = NEVER(STARTING),
		[WARD_ON_ADOPT] = NEVER(STARTING),
		[WARD_ON_HELLO] = { WARD_UP, WARD_SERVE },
		[WARD_ON_LOST] = { WARD_KILLED, WARD_KILL },
		[WARD_ON_TIMEOUT] = { WARD_KILLED, WARD_KILL },
		[WARD_ON_EXIT] = { WARD_IDLE, WARD_AGAIN },
		/* It serves nobody yet, so nobody is to be told. */
		[WARD_ON_STOP] = { WARD_ENDING, WARD_KILL },
	},
	[WARD_UP] = {
		[WARD_ON_START] = NEVER(UP),
		[WARD_ON_ADOPT] = NEVER(UP),
		[WARD_ON_HELLO] = NEVER(UP),
		[WARD_ON_LOST] = { WARD_KILLED, WARD_KILL },
		[WARD_ON_TIMEOUT] = { WARD_KILLED, WARD_KILL },
		[WARD_ON_EXIT] = { WARD_IDLE, WARD_AGAIN },
		[WARD_ON_STOP] = { WARD_STOPPING, WARD_TELL },
	},
	[WARD_STOPPING] = {
		[WARD_ON_START] = NEVER(STOPPING),
		[WARD_ON_ADOPT] = NEVER(STOPPING),
		[WARD_ON_HELLO] = NEVER(STOPPING),
		/* It closes on its way out; the deadline stands. */
		[WARD_ON_LOST] = STAYS(STOPPING),
		[WARD_ON_TIMEOUT] = { WARD_ENDING, WARD_KILL },
		[WARD_ON_EXIT] = { WARD_GONE, WARD_DONE },
		/* Being told twice means at once. */
		[WARD_ON_STOP] = { WARD_ENDING, WARD_KILL },
	},
	[WARD_KILLED] = {
		[WARD_ON_START] = NEVER(KILLED),
		[WARD_ON_ADOPT] = NEVER(KILLED),
		[WARD_ON_HELLO] = STAYS(KILLED),
		[WARD_ON_LOST] = STAYS(KILLED),
		[WARD_ON_TIMEOUT] = { WARD_KILLED, WARD_KILL },
		[WARD_ON_EXIT] = { WARD_IDLE, WARD_AGAIN },
		[WARD_ON_STOP] = STAYS(ENDING),
	},
	[WARD_ENDING] = {
		[WARD_ON_START] = NEVER(ENDING),
		[WARD_ON_ADOPT] = NEVER(ENDING),
		[WARD_ON_HELLO] = STAYS(ENDING),
		[WARD_ON_LOST] = STAYS(ENDING),
		[WARD_ON_TIMEOUT] = { WARD_ENDING, WARD_KILL },
		[WARD_ON_EXIT] = { WARD_GONE, WARD_DONE },
		[WARD_ON_STOP] = STAYS(ENDING),
	},
	[WARD_GONE] = {
		[WARD_ON_START] = NEVER(GONE),
		[WARD_ON_ADOPT] = NEVER(GONE),
		[WARD_ON_HELLO] = NEVER(GONE),
		[WARD_ON_LOST] = NEVER(GONE),
		[WARD_ON_TIMEOUT] = NEVER(GONE),
		[WARD_ON_EXIT] = NEVER(GONE),
		[WARD_ON_STOP] = STAYS(GONE),
	},
};

struct ward_step
ward_step(enum ward_state state, enum ward_event event)
{
	return steps[state][event];
}

const char *
ward_state_name(enum ward_state state)
{
	static const char *const words[] = {
#define X(name, word) word,
		WARD_STATES(X)
#undef X
	};

	return words[state];
}

const char *
ward_event_name(enum ward_event event)
{
	static const char *const words[] = {
#define X(name, word) word,
		WARD_EVENTS(X)
#undef X
	};

	return words[event];
}
