/* SPDX-License-Identifier: ISC */
/* The life of a supervised process, walked state by event. */
#include "config.h"

#include <criterion/criterion.h>

#include "broker/supervisor/wardstate.h"

TestSuite(wardstate, .timeout = 20);

static int
runs(enum ward_state state)
{
	return state != WARD_IDLE && state != WARD_GONE;
}

#define EACH(s, e)							\
	for (int s = 0; s < WARD_STATE_COUNT; s++)			\
		for (int e = 0; e < WARD_EVENT_COUNT; e++)

Test(wardstate, the_whole_table)
{
	/* A letter an action: . nothing ! never s a k t d g as below. */
	static const char letters[] = ".!svrtkad";
	static const char *const want[WARD_STATE_COUNT] = {
		/* start adopt hello lost timeout exit stop */
		[WARD_IDLE] = "sr!!!!d",
		[WARD_STARTING] = "!!vkkak",
		[WARD_UP] = "!!!kkat",
		[WARD_STOPPING] = "!!!.kdk",
		[WARD_KILLED] = "!!..ka.",
		[WARD_ENDING] = "!!..kd.",
		[WARD_GONE] = "!!!!!!.",
	};

	EACH(s, e)
		cr_assert_eq(letters[ward_step(s, e).action], want[s][e],
		    "%s while %s", ward_event_name(e), ward_state_name(s));
}

Test(wardstate, a_process_runs_exactly_in_the_states_that_have_one)
{
	EACH(s, e) {
		struct ward_step step = ward_step(s, e);
		int starts = step.action == WARD_SPAWN ||
		    step.action == WARD_RESUME;
		int ends = step.action == WARD_AGAIN ||
		    (step.action == WARD_DONE && e == WARD_ON_EXIT);

		cr_assert_eq(runs(step.next), runs(s) + starts - ends,
		    "%s while %s", ward_event_name(e), ward_state_name(s));
	}
}

Test(wardstate, what_cannot_come_changes_nothing)
{
	EACH(s, e)
		if (ward_step(s, e).action == WARD_NEVER)
			cr_assert_eq((int)ward_step(s, e).next, s);
}

/* Nothing is started again after an order to stop, whatever comes next. */
Test(wardstate, no_way_leads_back_from_stop)
{
	int ordered[WARD_STATE_COUNT] = { 0 }, round;

	for (int s = 0; s < WARD_STATE_COUNT; s++)
		ordered[ward_step(s, WARD_ON_STOP).next] = 1;
	for (round = 0; round < WARD_STATE_COUNT; round++)
		EACH(s, e)
			if (ordered[s])
				ordered[ward_step(s, e).next] = 1;
	cr_assert_not(ordered[WARD_IDLE]);
	cr_assert_not(ordered[WARD_STARTING]);
	cr_assert_not(ordered[WARD_UP]);
	cr_assert(ordered[WARD_GONE]);
}

/* Whatever it does, time and SIGKILL get us out of every state. */
Test(wardstate, deadlines_lead_out_of_every_state)
{
	for (int s = 0; s < WARD_STATE_COUNT; s++) {
		struct ward_step step = { s, WARD_NOTHING };

		if (!runs(s))
			continue;
		step = ward_step(step.next, WARD_ON_TIMEOUT);
		cr_assert_eq(step.action, WARD_KILL, "%s",
		    ward_state_name(s));
		step = ward_step(step.next, WARD_ON_EXIT);
		cr_assert_not(runs(step.next));
	}
}
