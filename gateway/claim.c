/* SPDX-License-Identifier: ISC */
/* The broker's words by the states of a connection. */
#include "config.h"

#include "gateway/claim.h"

static const unsigned char actions[CONN_STATES][CLAIM_ANSWERS] = {
	[CONN_ADMITTING] = {
		[CLAIM_ADMITTED] = CLAIM_UPGRADE,
		[CLAIM_REFUSED] = CLAIM_ANSWER_HTTP,
	},
	[CONN_OPEN] = {
		[CLAIM_REFUSED] = CLAIM_CLOSE,
	},
	[CONN_ATTACHING] = {
		[CLAIM_ADMITTED] = CLAIM_ATTACH,
		[CLAIM_REFUSED] = CLAIM_CLOSE,
	},
	[CONN_ATTACHED] = {
		[CLAIM_ADMITTED] = CLAIM_HOLD,
		[CLAIM_REFUSED] = CLAIM_CLOSE,
		[CLAIM_GONE] = CLAIM_END,
	},
	[CONN_READY] = {
		[CLAIM_ADMITTED] = CLAIM_HOLD,
		[CLAIM_REFUSED] = CLAIM_CLOSE,
		[CLAIM_GONE] = CLAIM_END,
	},
	/* The broker has not heard of an heir, so there will be none. */
	[CONN_HANDED] = {
		[CLAIM_GONE] = CLAIM_END,
	},
	[CONN_TAKING] = {
		[CLAIM_ADMITTED] = CLAIM_HOLD,
		[CLAIM_REFUSED] = CLAIM_DECLINE,
		[CLAIM_HELD] = CLAIM_TAKE,
		[CLAIM_GONE] = CLAIM_DECLINE,
	},
};

enum claim_action
claim_action(enum conn_state state, enum claim_answer answer, bool attached)
{
	enum claim_action action = (enum claim_action)actions[state][answer];

	/* Who has no session is taken when he is let in. */
	if (action == CLAIM_HOLD && !attached)
		return state == CONN_TAKING ? CLAIM_TAKE : CLAIM_IGNORE;
	return action;
}
