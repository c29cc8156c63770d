/* SPDX-License-Identifier: ISC */
/* Whether a sandbox is why a command failed.  Pure. */
#ifndef RUNNER_DENIAL_H
#define RUNNER_DENIAL_H

#include <stdbool.h>

struct outlog;

/*
 * A guess, for nobody tells: a process in a sandbox has exited with another
 * code than 0, and the end of what it wrote has one of the texts by which
 * programs tell of what a sandbox forbids (EROFS, EACCES, EPERM, no network),
 * or it was the filter of system calls that ended it (SIGSYS).
 */
#define DENIAL_LOOK 32768	/* bytes of output that are looked at */
bool denial_suspected(const struct outlog *log, int exit_code);

#endif
