/* SPDX-License-Identifier: ISC */
/* The broker's word by the states of a connection, walked whole. */
#include "config.h"

#include <criterion/criterion.h>

#include "gateway/claim.h"

TestSuite(claim, .timeout = 20);

#define I CLAIM_IGNORE

/* One row a state; ADMITTED, REFUSED, HELD, GONE with a session. */
static const enum claim_action table[CONN_STATES][CLAIM_ANSWERS] = {
	[CONN_HEAD] = { I, I, I, I },
	[CONN_ADMITTING] = { CLAIM_UPGRADE, CLAIM_ANSWER_HTTP, I, I },
	[CONN_OPEN] = { I, CLAIM_CLOSE, I, I },
	[CONN_ATTACHING] = { CLAIM_ATTACH, CLAIM_CLOSE, I, I },
	[CONN_ATTACHED] = { CLAIM_HOLD, CLAIM_CLOSE, I, CLAIM_END },
	[CONN_READY] = { CLAIM_HOLD, CLAIM_CLOSE, I, CLAIM_END },
	[CONN_TAKING] = { CLAIM_HOLD, CLAIM_DECLINE, CLAIM_TAKE,
	    CLAIM_DECLINE },
	[CONN_HANDED] = { I, I, I, CLAIM_END },
	[CONN_CLOSING] = { I, I, I, I },
	[CONN_DEAD] = { I, I, I, I },
};

Test(claim, every_pair)
{
	int state, answer;

	for (state = 0; state < CONN_STATES; state++)
		for (answer = 0; answer < CLAIM_ANSWERS; answer++)
			cr_assert_eq(claim_action(state, answer, true),
			    table[state][answer], "%d in %s", answer,
			    conn_state_row(state)->name);
}

/* Nothing is held without a session. */
Test(claim, without_a_session)
{
	int state, answer;

	for (state = 0; state < CONN_STATES; state++)
		for (answer = 0; answer < CLAIM_ANSWERS; answer++)
			cr_assert_neq(claim_action(state, answer, false),
			    CLAIM_HOLD);
	cr_assert_eq(claim_action(CONN_TAKING, CLAIM_ADMITTED, false),
	    CLAIM_TAKE);
}
