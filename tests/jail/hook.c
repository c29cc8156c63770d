/* SPDX-License-Identifier: ISC */
/* The table of ways out, walked inside a real process. */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/jail/attempts.h"
#include "tests/jail/hook.h"

static volatile sig_atomic_t trapped;

/* Where the product ends the process, these builds get a signal. */
static void
trap(int signo)
{
	(void)signo;
	trapped = 1;
}

static void
tell(const char *program, const char *name, enum fate fate)
{
	char line[256];
	int len;

	len = snprintf(line, sizeof(line), "jail: %s %d %s %s\n", program,
	    (int)getpid(), name, fate_name(fate));
	(void)!write(STDERR_FILENO, line, (size_t)len);
}

void
jail_test(const char *program)
{
	struct sigaction action = { .sa_handler = trap }, before;
	enum fate fate;
	long result;
	size_t i;

	sigaction(SIGSYS, &action, &before);
	for (i = 0; i < nattempts; i++) {
		trapped = 0;
		errno = 0;
		result = attempts[i].try();
		fate = trapped ? FATE_ENDED : fate_of(result, errno);
		tell(program, attempts[i].name, fate);
	}
	sigaction(SIGSYS, &before, NULL);
	tell(program, "done", FATE_ALLOWED);
}
