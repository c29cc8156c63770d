/* SPDX-License-Identifier: ISC */
/* Signals by name. */
#include "config.h"

#include <stdio.h>

#include "common/signame.h"

static const struct {
	const char *name;
	int number;
} names[] = {
#define S(name, number) { name, number },
	SIGNAME_SENDABLE(S)
#undef S
	/* From here on only one of the two directions. */
	{ "interrupt", SIGINT },
	{ "kill", SIGKILL },
};

#define COUNT (sizeof(names) / sizeof(names[0]))

int
signame_number(struct span name)
{
	size_t i;

	for (i = 0; i < COUNT; i++)
		if (names[i].number != SIGKILL && span_is(name, names[i].name))
			return names[i].number;
	return 0;
}

const char *
signame_text(int number, char out[SIGNAME_SIZE])
{
	size_t i;

	for (i = 0; i < COUNT; i++)
		if (names[i].number == number)
			return names[i].name;
	if (number >= SIGRTMIN && number <= SIGRTMAX)
		snprintf(out, SIGNAME_SIZE, "rtmin+%d", number - SIGRTMIN);
	else
		snprintf(out, SIGNAME_SIZE, "%d", number);
	return out;
}
