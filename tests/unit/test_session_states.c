/* SPDX-License-Identifier: ISC */
/* The client's session: every state with every event. */
#include "config.h"

#include <string.h>

#include <criterion/criterion.h>

#include "contrib/client/states.h"

TestSuite(session_states, .timeout = 20);

/*
 * One row a state, one word an event in the order of the enum; what is done,
 * then where it leads.  "-" is: ignored, and nothing changes.
 */
#define DASH { "-", "-" }
static const struct {
	const char *state;
	const char *cell[SESSION_NEVENTS][2];
} table[] = {
	/* BEGIN OPENED REFUSED DENIED BUSY REPLACED LOST ACCEPTED REJECTED
	 * TIMER DEADLINE STOP */
	{ "NEW", { { "DIAL", "FIRST_DIAL" }, DASH, DASH, DASH, DASH, DASH,
	  DASH, DASH, DASH, DASH, DASH, { "END", "ENDED" } } },
	{ "FIRST_DIAL", { DASH, { "INITIALIZE", "FIRST_INIT" },
	  { "FAIL", "ENDED" }, { "FAIL", "ENDED" }, { "PAUSE", "FIRST_WAIT" },
	  { "PAUSE", "FIRST_WAIT" }, { "PAUSE", "FIRST_WAIT" }, DASH, DASH,
	  DASH, { "FAIL", "ENDED" }, { "END", "ENDED" } } },
	{ "FIRST_INIT", { DASH, DASH, DASH, DASH, { "PAUSE", "FIRST_WAIT" },
	  { "PAUSE", "FIRST_WAIT" }, { "PAUSE", "FIRST_WAIT" },
	  { "READY", "ATTACHED" }, { "FAIL", "ENDED" }, DASH,
	  { "FAIL", "ENDED" }, { "END", "ENDED" } } },
	{ "FIRST_WAIT", { DASH, DASH, DASH, DASH, DASH, DASH, DASH, DASH,
	  DASH, { "DIAL", "FIRST_DIAL" }, { "FAIL", "ENDED" },
	  { "END", "ENDED" } } },
	{ "ATTACHED", { DASH, DASH, DASH, DASH, DASH, { "FAIL", "ENDED" },
	  { "LEAVE", "AWAY_DIAL" }, DASH, { "FAIL", "ENDED" }, DASH, DASH,
	  { "END", "ENDED" } } },
	{ "AWAY_DIAL", { DASH, { "INITIALIZE", "AWAY_INIT" },
	  { "PAUSE", "AWAY_WAIT" }, { "FAIL", "ENDED" },
	  { "PAUSE", "AWAY_WAIT" }, { "PAUSE", "AWAY_WAIT" },
	  { "PAUSE", "AWAY_WAIT" }, DASH, DASH, DASH, { "FAIL", "ENDED" },
	  { "END", "ENDED" } } },
	{ "AWAY_INIT", { DASH, DASH, DASH, DASH, { "PAUSE", "AWAY_WAIT" },
	  { "PAUSE", "AWAY_WAIT" }, { "PAUSE", "AWAY_WAIT" },
	  { "BACK", "ATTACHED" }, { "FAIL", "ENDED" }, DASH,
	  { "FAIL", "ENDED" }, { "END", "ENDED" } } },
	{ "AWAY_WAIT", { DASH, DASH, DASH, DASH, DASH, DASH, DASH, DASH,
	  DASH, { "DIAL", "AWAY_DIAL" }, { "FAIL", "ENDED" },
	  { "END", "ENDED" } } },
	{ "ENDED", { DASH, DASH, DASH, DASH, DASH, DASH, DASH, DASH, DASH,
	  DASH, DASH, DASH } },
};

Test(session_states, table)
{
	enum session_state state;
	enum session_action action;
	const char *const *cell;
	int s, e, ignored;

	cr_assert_eq(sizeof(table) / sizeof(table[0]), SESSION_NSTATES);
	for (s = 0; s < SESSION_NSTATES; s++) {
		cr_assert_str_eq(table[s].state, session_state_name(s));
		for (e = 0; e < SESSION_NEVENTS; e++) {
			state = (enum session_state)s;
			cell = table[s].cell[e];
			action = session_step(&state, (enum session_event)e);
			ignored = strcmp(cell[0], "-") == 0;
			cr_expect_str_eq(session_action_name((int)action),
			    ignored ? "IGNORE" : cell[0], "%s on %s",
			    table[s].state, session_event_name(e));
			cr_expect_str_eq(session_state_name((int)state),
			    ignored ? table[s].state : cell[1], "%s on %s",
			    table[s].state, session_event_name(e));
		}
	}
}

/* From everywhere that can be reached, STOP or a DEADLINE ends it. */
Test(session_states, always_ends)
{
	enum session_state state;
	int s;

	for (s = 0; s < SESSION_NSTATES; s++) {
		state = (enum session_state)s;
		session_step(&state, SESSION_EV_STOP);
		cr_expect_eq(state, SESSION_ENDED, "%s",
		    session_state_name(s));
		state = (enum session_state)s;
		if (s != SESSION_NEW && s != SESSION_ATTACHED) {
			session_step(&state, SESSION_EV_DEADLINE);
			cr_expect_eq(state, SESSION_ENDED, "%s",
			    session_state_name(s));
		}
	}
}

Test(session_states, pauses)
{
	unsigned int i;
	int total = 0;

	cr_assert_eq(session_pause_ms(0), 100);
	for (i = 0; i < 200; i++) {
		cr_assert_geq(session_pause_ms(i), 100);
		cr_assert_leq(session_pause_ms(i), 1000);
		if (i > 0)
			cr_assert_geq(session_pause_ms(i),
			    session_pause_ms(i - 1));
		total += session_pause_ms(i);
	}
	cr_assert_eq(session_pause_ms(1000000), 1000);
	/* The first two seconds are tried quickly. */
	cr_assert_eq(session_pause_ms(19), 100);
	cr_assert_gt(total, 80000);
}

Test(session_states, names)
{
	int i, j;

	for (i = 0; i < SESSION_NSTATES; i++)
		for (j = 0; j < i; j++)
			cr_assert_str_neq(session_state_name(i),
			    session_state_name(j));
	cr_assert_str_eq(session_state_name(-1), "?");
	cr_assert_str_eq(session_state_name(SESSION_NSTATES), "?");
	cr_assert_str_eq(session_event_name(SESSION_NEVENTS), "?");
	cr_assert_str_eq(session_action_name(SESSION_NACTIONS), "?");
}
