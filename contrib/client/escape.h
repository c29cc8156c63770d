/* SPDX-License-Identifier: ISC */
/*
 * The keys by which the user speaks to holdfast and not to the job: the escape
 * character at the beginning of a line, and what follows it.  Pure.
 */
#ifndef CONTRIB_CLIENT_ESCAPE_H
#define CONTRIB_CLIENT_ESCAPE_H

#include <stddef.h>

enum escape_action {
	ESCAPE_NOTHING,
	ESCAPE_DETACH, /* ~. */
	ESCAPE_HELP /* ~? */
};

/* Embedded; escape_init() before use. */
struct escape {
	int character; /* byte, or -1 for none */
	int state;
};

void escape_init(struct escape *escape, int character);

/*
 * Take "len" bytes of input and put what is the job's into "out", which has
 * room for one more than that; their number goes to "*out_len".  Stops behind
 * an action, which comes back; what follows it in the input is dropped after
 * ESCAPE_DETACH, taken after others.
 */
enum escape_action escape_filter(struct escape *escape,
    const unsigned char *in, size_t len, unsigned char *out,
    size_t *out_len);

/*
 * Whether an escape character is held back until the next byte; when there is
 * room for no more than one byte, it must go: escape_give_up() says so.
 */
int escape_holds(const struct escape *escape);
void escape_give_up(struct escape *escape);

#endif
