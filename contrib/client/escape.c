/* SPDX-License-Identifier: ISC */
/* The keys by which the user speaks to holdfast. */
#include "config.h"

#include "contrib/client/escape.h"

enum state {
	AT_BEGINNING, /* of a line */
	WITHIN,
	HELD /* the escape character came, and is not the job's yet */
};

void
escape_init(struct escape *escape, int character)
{
	escape->character = character;
	escape->state = AT_BEGINNING;
}

static int
after(unsigned char c)
{
	return c == '\r' || c == '\n' ? AT_BEGINNING : WITHIN;
}

enum escape_action
escape_filter(struct escape *escape, const unsigned char *in, size_t len,
    unsigned char *out, size_t *out_len)
{
	enum escape_action action = ESCAPE_NOTHING;
	unsigned char c;

	for (*out_len = 0; len > 0; len--) {
		c = *in++;
		if (escape->state == AT_BEGINNING && c == escape->character) {
			escape->state = HELD;
			continue;
		}
		if (escape->state == HELD && c == '.')
			return ESCAPE_DETACH;
		if (escape->state == HELD && c == '?') {
			action = ESCAPE_HELP;
			escape->state = AT_BEGINNING;
			continue;
		}
		/* Twice is once; before anything else it is what it is. */
		if (escape->state == HELD && c != escape->character)
			out[(*out_len)++] = (unsigned char)escape->character;
		out[(*out_len)++] = c;
		escape->state = after(c);
	}
	return action;
}

int
escape_holds(const struct escape *escape)
{
	return escape->state == HELD;
}

void
escape_give_up(struct escape *escape)
{
	escape->state = WITHIN;
}
