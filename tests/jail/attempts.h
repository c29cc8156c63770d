/* SPDX-License-Identifier: ISC */
/*
 * Ways out of a jail, and what becomes of each in each of them: one table,
 * walked inside the real processes (hook.h) and against the bare filters.
 */
#ifndef TESTS_JAIL_ATTEMPTS_H
#define TESTS_JAIL_ATTEMPTS_H

#include <stddef.h>

enum jail {
	JAIL_GATEWAY,
	JAIL_FILES,
	JAIL_HTTP,
	JAIL_JOBS,	/* without root's powers: who starts jobs, and jobs */
	JAIL_COUNT
};

enum fate {
	FATE_UNKNOWN,	/* differs from host to host: not claimed */
	FATE_ALLOWED,	/* done, or failed for reasons of its own */
	FATE_REFUSED,	/* EACCES, EPERM or ENOSYS */
	FATE_ENDED	/* the process was ended */
};

struct attempt {
	const char *name;	/* without blanks */
	long (*try)(void);	/* -1 and errno, or anything else */
	enum fate fate[JAIL_COUNT];
};

extern const struct attempt attempts[];
extern const size_t nattempts;

const char *jail_name(enum jail jail);
const char *fate_name(enum fate fate);

/* What a try that returned "result" with "error" as errno amounts to. */
enum fate fate_of(long result, int error);

#endif
