/* SPDX-License-Identifier: ISC */
/*
 * What the broker's word on a connection means in each of its states.  It may
 * be an answer to what was asked, or to what a new broker was told of those
 * that were there before it.  Pure.
 */
#ifndef GATEWAY_CLAIM_H
#define GATEWAY_CLAIM_H

#include "gateway/state.h"

enum claim_answer {
	CLAIM_ADMITTED,
	CLAIM_REFUSED,
	CLAIM_HELD,		/* the attachment is this connection's */
	CLAIM_GONE,		/* it is over, or never was */
	CLAIM_ANSWERS
};

enum claim_action {
	CLAIM_IGNORE,
	CLAIM_UPGRADE,		/* it may be a WebSocket */
	CLAIM_ATTACH,		/* ask for its session now */
	CLAIM_HOLD,		/* say that it holds its attachment */
	CLAIM_TAKE,		/* it is ours now */
	CLAIM_ANSWER_HTTP,	/* why not, as an answer to its request */
	CLAIM_CLOSE,		/* why not, in a Close frame */
	CLAIM_END,		/* close it for the reason given */
	CLAIM_DECLINE		/* leave it to who wanted to hand it over */
};

/* "attached": it has a session, or is to have one by being taken. */
enum claim_action claim_action(enum conn_state state,
    enum claim_answer answer, bool attached);

#endif
