/* SPDX-License-Identifier: ISC */
/* The table of connection states, walked whole. */
#include "config.h"

#include <criterion/criterion.h>

#include "gateway/state.h"

TestSuite(conn, .timeout = 20);

static const struct {
	enum conn_state from;
	enum conn_event event;
	enum conn_state to;
} ways[] = {
	{ CONN_HEAD, CONN_EV_UPGRADE, CONN_ADMITTING },
	{ CONN_ADMITTING, CONN_EV_ADMITTED, CONN_OPEN },
	{ CONN_OPEN, CONN_EV_INITIALIZE, CONN_ATTACHING },
	{ CONN_ATTACHING, CONN_EV_ATTACHED, CONN_ATTACHED },
	{ CONN_ATTACHING, CONN_EV_ATTACH_FAILED, CONN_OPEN },
	{ CONN_ATTACHED, CONN_EV_INITIALIZED, CONN_READY },
	{ CONN_READY, CONN_EV_INITIALIZED, CONN_READY },
	{ CONN_OPEN, CONN_EV_HANDED, CONN_HANDED },
	{ CONN_ATTACHED, CONN_EV_HANDED, CONN_HANDED },
	{ CONN_READY, CONN_EV_HANDED, CONN_HANDED },
	{ CONN_TAKING, CONN_EV_ADMITTED, CONN_OPEN },
	{ CONN_TAKING, CONN_EV_ATTACHED, CONN_ATTACHED },
	{ CONN_CLOSING, CONN_EV_LOST, CONN_DEAD },
};

static enum conn_state
expected(enum conn_state from, enum conn_event event)
{
	size_t i;

	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (ways[i].from == from && ways[i].event == event)
			return ways[i].to;
	/* Nobody says a word to another gateway's client. */
	if (from < CONN_CLOSING && event == CONN_EV_CLOSE &&
	    from != CONN_TAKING)
		return CONN_CLOSING;
	if (from < CONN_CLOSING && event == CONN_EV_LOST)
		return CONN_DEAD;
	return CONN_STATES;
}

Test(conn, every_pair)
{
	int from, event;

	for (from = 0; from < CONN_STATES; from++)
		for (event = 0; event < CONN_EVENTS; event++)
			cr_assert_eq(conn_state_next(from, event),
			    expected(from, event), "%s in %s",
			    conn_event_name(event),
			    conn_state_row(from)->name);
}

/* Only who has a session can part from it, only a WebSocket is handed over. */
Test(conn, leaving)
{
	const struct conn_state_row *row;
	int state;

	for (state = 0; state < CONN_STATES; state++) {
		row = conn_state_row(state);
		cr_assert_eq(row->parts, row->pings, "%s", row->name);
		cr_assert_eq(row->hands, conn_state_next(state,
		    CONN_EV_HANDED) != CONN_STATES, "%s", row->name);
		cr_assert(!row->hands || (row->websocket && row->known));
		cr_assert(!row->parts || row->hands);
	}
}

/* Whoever waits for somebody else does so for a bounded time. */
Test(conn, every_wait_ends)
{
	const struct conn_state_row *row;
	int state;

	for (state = 0; state < CONN_DEAD; state++) {
		row = conn_state_row(state);
		cr_assert_not_null(row->name);
		cr_assert((row->limit == CONN_LIMIT_NONE) == row->pings,
		    "%s lasts for ever", row->name);
		cr_assert((row->limit == CONN_LIMIT_NONE) ==
		    (row->expiry == CONN_EXPIRY_NONE), "%s", row->name);
		if (row->expiry == CONN_EXPIRY_HTTP)
			cr_assert(!row->websocket && row->code >= 400);
		if (row->expiry == CONN_EXPIRY_CLOSE)
			cr_assert(row->websocket && row->code >= 1000);
		if (row->expiry > CONN_EXPIRY_DROP)
			cr_assert_not_null(row->text);
	}
}

/* From everywhere the end can be reached, and nothing leads out of it. */
Test(conn, the_end)
{
	int state, event;

	for (state = 0; state < CONN_DEAD; state++)
		cr_assert_eq(conn_state_next(state, CONN_EV_LOST), CONN_DEAD);
	for (event = 0; event < CONN_EVENTS; event++)
		cr_assert_eq(conn_state_next(CONN_DEAD, event), CONN_STATES);
}
