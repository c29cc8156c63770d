/* SPDX-License-Identifier: ISC */
/*
 * For whom sessions are run.  Everything that must be looked up is looked up
 * once, when the broker starts; never from the event loop.
 */
#ifndef BROKER_TENANT_H
#define BROKER_TENANT_H

#include <sys/types.h>

#include <stdint.h>

struct tenant {
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	size_t ngroups;
	uint32_t principal;	/* in the registry; the user number */
	char *shell_path;	/* absolute */
	char *shell_name;	/* its last part */
	char *home;		/* absolute */
	char *cwd;		/* absolute */
	char *temp_dir;		/* absolute */
	char **environment;	/* borrowed; of its runners, NULL at the end */
};

/*
 * The user that this process runs as, in its present directory and with this
 * environment, which must stay: the one that holdfastd was started with, less
 * what is for holdfastd alone.  For tenant_free().  Never NULL: what is
 * missing is made up ("/", "/bin/sh").
 */
struct tenant *tenant_self(char **environment);
void tenant_free(struct tenant *tenant);

#endif
