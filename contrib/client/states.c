/* SPDX-License-Identifier: ISC */
/* The life of the client's session, as a table. */
#include "config.h"

#include "contrib/client/states.h"

struct session_rule {
	enum session_action action; /* zero, where no rule is: ignore */
	enum session_state next;
};

#define RULE(event, action, next) \
	[SESSION_EV_##event] = { SESSION_DO_##action, SESSION_##next }

static const struct session_rule rules[SESSION_NSTATES][SESSION_NEVENTS] = {
	[SESSION_NEW] = {
		RULE(BEGIN, DIAL, FIRST_DIAL),
		RULE(STOP, END, ENDED),
	},
	/* Without a session there is nothing to save: fail early. */
	[SESSION_FIRST_DIAL] = {
		RULE(OPENED, INITIALIZE, FIRST_INIT),
		RULE(REFUSED, FAIL, ENDED),
		RULE(DENIED, FAIL, ENDED),
		RULE(BUSY, PAUSE, FIRST_WAIT),
		RULE(REPLACED, PAUSE, FIRST_WAIT),
		RULE(LOST, PAUSE, FIRST_WAIT),
		RULE(DEADLINE, FAIL, ENDED),
		RULE(STOP, END, ENDED),
	},
	[SESSION_FIRST_INIT] = {
		RULE(ACCEPTED, READY, ATTACHED),
		RULE(REJECTED, FAIL, ENDED),
		RULE(BUSY, PAUSE, FIRST_WAIT),
		RULE(REPLACED, PAUSE, FIRST_WAIT),
		RULE(LOST, PAUSE, FIRST_WAIT),
		RULE(DEADLINE, FAIL, ENDED),
		RULE(STOP, END, ENDED),
	},
	[SESSION_FIRST_WAIT] = {
		RULE(TIMER, DIAL, FIRST_DIAL),
		RULE(DEADLINE, FAIL, ENDED),
		RULE(STOP, END, ENDED),
	},
	[SESSION_ATTACHED] = {
		/* To take it back would only begin a quarrel. */
		RULE(REPLACED, FAIL, ENDED),
		RULE(LOST, LEAVE, AWAY_DIAL),
		RULE(REJECTED, FAIL, ENDED),
		RULE(STOP, END, ENDED),
	},
	[SESSION_AWAY_DIAL] = {
		RULE(OPENED, INITIALIZE, AWAY_INIT),
		RULE(REFUSED, PAUSE, AWAY_WAIT),
		RULE(DENIED, FAIL, ENDED),
		RULE(BUSY, PAUSE, AWAY_WAIT),
		RULE(REPLACED, PAUSE, AWAY_WAIT),
		RULE(LOST, PAUSE, AWAY_WAIT),
		RULE(DEADLINE, FAIL, ENDED),
		RULE(STOP, END, ENDED),
	},
	[SESSION_AWAY_INIT] = {
		RULE(ACCEPTED, BACK, ATTACHED),
		RULE(REJECTED, FAIL, ENDED),
		RULE(BUSY, PAUSE, AWAY_WAIT),
		RULE(REPLACED, PAUSE, AWAY_WAIT),
		RULE(LOST, PAUSE, AWAY_WAIT),
		RULE(DEADLINE, FAIL, ENDED),
		RULE(STOP, END, ENDED),
	},
	[SESSION_AWAY_WAIT] = {
		RULE(TIMER, DIAL, AWAY_DIAL),
		RULE(DEADLINE, FAIL, ENDED),
		RULE(STOP, END, ENDED),
	},
};

#define SESSION_NAME(name) #name,
static const char *const state_names[] = { SESSION_STATES(SESSION_NAME) };
static const char *const event_names[] = { SESSION_EVENTS(SESSION_NAME) };
static const char *const action_names[] = { SESSION_ACTIONS(SESSION_NAME) };

enum session_action
session_step(enum session_state *state, enum session_event event)
{
	const struct session_rule *rule = &rules[*state][event];

	if (rule->action != SESSION_DO_IGNORE)
		*state = rule->next;
	return rule->action;
}

int
session_pause_ms(unsigned int attempt)
{
	/* Two seconds of quick attempts, then ever slower. */
	if (attempt < 20)
		return 100;
	if (attempt < 24)
		return 100 << (attempt - 20);
	return 1000;
}

const char *
session_state_name(int state)
{
	return state >= 0 && state < SESSION_NSTATES ? state_names[state] :
	    "?";
}

const char *
session_event_name(int event)
{
	return event >= 0 && event < SESSION_NEVENTS ? event_names[event] :
	    "?";
}

const char *
session_action_name(int action)
{
	return action >= 0 && action < SESSION_NACTIONS ?
	    action_names[action] : "?";
}
