/* SPDX-License-Identifier: ISC */
/* The escape character, whole and byte by byte. */
#include "config.h"

#include <criterion/criterion.h>
#include <string.h>

#include "contrib/client/escape.h"

TestSuite(escape, .timeout = 20);

static const struct {
	const char *in;
	const char *out;
	enum escape_action action;
} rows[] = {
	{ "", "", ESCAPE_NOTHING },
	{ "ls\r", "ls\r", ESCAPE_NOTHING },
	{ "~", "", ESCAPE_NOTHING },
	{ "~.", "", ESCAPE_DETACH },
	{ "~.more", "", ESCAPE_DETACH },
	{ "x~.", "x~.", ESCAPE_NOTHING },
	{ "x\r~.", "x\r", ESCAPE_DETACH },
	{ "x\n~.", "x\n", ESCAPE_DETACH },
	{ "~~", "~", ESCAPE_NOTHING },
	{ "~~.", "~.", ESCAPE_NOTHING },
	{ "~~\r~~\r", "~\r~\r", ESCAPE_NOTHING },
	{ "~x", "~x", ESCAPE_NOTHING },
	{ "~\r~.", "~\r", ESCAPE_DETACH },
	{ "~/bin\r", "~/bin\r", ESCAPE_NOTHING },
	{ "~?", "", ESCAPE_HELP },
	{ "~?ls", "ls", ESCAPE_HELP },
	{ "x~?", "x~?", ESCAPE_NOTHING },
};

static void
walk(size_t piece)
{
	unsigned char out[64];
	enum escape_action action, seen;
	struct escape escape;
	size_t i, len, n, at, used;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		escape_init(&escape, '~');
		len = strlen(rows[i].in);
		seen = ESCAPE_NOTHING;
		used = 0;
		for (at = 0; at < len && seen != ESCAPE_DETACH; at += n) {
			n = len - at < piece ? len - at : piece;
			action = escape_filter(&escape,
			    (const unsigned char *)rows[i].in + at, n, out,
			    &used);
			cr_assert_leq(used, n + 1);
			if (action != ESCAPE_NOTHING)
				seen = action;
		}
		cr_assert_eq(seen, rows[i].action, "\"%s\"", rows[i].in);
	}
}

Test(escape, actions_whole_and_in_pieces)
{
	walk(64);
	walk(2);
	walk(1);
}

Test(escape, what_is_passed_on)
{
	unsigned char out[64];
	struct escape escape;
	size_t i, used;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		escape_init(&escape, '~');
		escape_filter(&escape, (const unsigned char *)rows[i].in,
		    strlen(rows[i].in), out, &used);
		cr_assert_eq(used, strlen(rows[i].out), "\"%s\"",
		    rows[i].in);
		cr_assert_eq(memcmp(out, rows[i].out, used), 0);
	}
}

Test(escape, none)
{
	struct escape escape;
	unsigned char out[8];
	size_t used;

	escape_init(&escape, -1);
	cr_assert_eq(escape_filter(&escape, (const unsigned char *)"~.", 2,
	    out, &used), ESCAPE_NOTHING);
	cr_assert_eq(used, 2);
}

Test(escape, what_is_held_can_be_let_go)
{
	struct escape escape;
	unsigned char out[8];
	size_t used;

	escape_init(&escape, '~');
	escape_filter(&escape, (const unsigned char *)"~", 1, out, &used);
	cr_assert(used == 0 && escape_holds(&escape));
	escape_give_up(&escape);
	cr_assert_not(escape_holds(&escape));
	cr_assert_eq(escape_filter(&escape, (const unsigned char *)".", 1,
	    out, &used), ESCAPE_NOTHING);
	cr_assert_eq(used, 1);
}
