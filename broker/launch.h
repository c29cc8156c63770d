/* SPDX-License-Identifier: ISC */
/* Starting the programs that the supervisor watches. */
#ifndef BROKER_LAUNCH_H
#define BROKER_LAUNCH_H

#include <sys/types.h>

/*
 * Start "path" as "name" in a session of its own, with "control" as
 * ROLE_CONTROL_FD, /dev/null as standard input, our standard error as
 * standard output and error, and no other descriptor.  Signals have their
 * defaults there, umask and limits are the invoking user's.  "control" stays
 * the caller's.  Returns the process id, or -1 with errno; that the program
 * cannot be executed shows as exit status 127, with a message on standard
 * error.
 */
pid_t launch(const char *path, const char *name, char *const env[],
    int control);

/*
 * The environments of the two.  The broker's is ours without what service
 * managers told us; jobs may be given it.  A gateway gets none but what a
 * sanitizer reads.  Both are the caller's: one free(3) is enough, the strings
 * are ours.
 */
char **launch_broker_env(char *const env[]);
char **launch_gateway_env(char *const env[]);

#endif
