/* SPDX-License-Identifier: ISC */
/*
 * Starting the other programs: but for certcheck.h the only fork(2) of
 * supervisor and broker.
 */
#ifndef BROKER_LAUNCH_H
#define BROKER_LAUNCH_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "broker/tenant.h"

/* Who and where a program is to be, when not as and where we are. */
struct launch_as {
	uid_t uid;
	gid_t gid;
	const gid_t *groups;	/* supplementary */
	size_t ngroups;
	const char *cwd;
	bool has_file_mask;	/* else that of whoever started all this */
	mode_t file_mask;
	unsigned int flags;	/* TENANT_ bits of proto.h */
	const struct tenant_rlimit *rlimits;	/* see launch() */
	size_t nrlimits;
	int cgroup;		/* directory of its cgroup, or -1: ours; it runs
				 * there or not at all */
};

/*
 * Start "path" as "name" in a session of its own, with "control" as
 * ROLE_CONTROL_FD, /dev/null as standard input, our standard error as
 * standard output and error, and no other descriptor.  Signals have their
 * defaults there, umask and limits are the invoking user's.
 *
 * With "as" (NULL: as we are) it is that user, in that directory and cgroup,
 * with hard limits at least as high as in "rlimits", and can gain no
 * privileges unless the flags say that jobs may.  With TENANT_PRIVATE_TMP,
 * /tmp and /var/tmp are empty and its own; with TENANT_PRIVATE_PIDS it is the
 * first process of a namespace, all of which ends with it.
 *
 * "control" stays the caller's.  Returns the process id, or -1 with errno.
 * What fails later shows as exit status 127, with a message on standard error
 * and, with "as", RB_FAILED on the control channel.
 */
pid_t launch(const char *path, const char *name, char *const env[],
    int control, const struct launch_as *as);

/*
 * The same, as we are, with "fds" as the descriptors after the first four:
 * what is stored for it.  They stay the caller's.  Its limit of open files is
 * ours; see role_heir_env().
 */
pid_t launch_heir(const char *path, const char *name, char *const env[],
    int control, const int *fds, size_t nfds);

/* Between fork and exec: signals have their defaults again, none blocked. */
void launch_reset_signals(void);

/*
 * The environments of the two.  The broker's is ours without what service
 * managers told us; jobs may be given it.  A gateway gets none but what a
 * sanitizer reads.  Both are the caller's: one free(3) is enough, the strings
 * are ours.
 */
char **launch_broker_env(char *const env[]);
char **launch_gateway_env(char *const env[]);

#endif
