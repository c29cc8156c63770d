/* SPDX-License-Identifier: ISC */
/* What the files of cgroup.h share. */
#ifndef BROKER_CGROUP_PRIVATE_H
#define BROKER_CGROUP_PRIVATE_H

#include <sys/queue.h>

#include <fcntl.h>

#include "broker/cgroup.h"

#define CGROUP_PATH_SIZE 4096
#define CGROUP_NAMES_SIZE 64	/* of the controllers that set limits */
#define CGROUP_SUPERVISION "supervision" /* where the supervisor goes */
#define CGROUP_DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

struct cgroup_tenant {
	LIST_ENTRY(cgroup_tenant) entry;
	int dir;
	char name[];
};

struct cgroup {
	LIST_HEAD(, cgroup_tenant) tenants;
	int root;		/* above all of ours */
	int dir;
	int leaf;		/* who was in "root", or -1 */
	char controllers[CGROUP_NAMES_SIZE];
	const char *why;
	char path[CGROUP_PATH_SIZE];
};

/* cgroup_root.c */

/* A file of a few lines, terminated; 0, or -1 with errno. */
int cgroup_read(int dir, const char *path, char *out, size_t size);
int cgroup_write(int dir, const char *path, const char *text);

/* The directory "name", made if it is not there. */
int cgroup_make_dir(int at, const char *name);

/* Close "dir", having removed the cgroups below it. */
void cgroup_remove_below(int dir);

/* The path of the cgroup this process is in, below no directory of ours. */
int cgroup_find_own(char *path, size_t size);

/* What brokers left that were killed, but not what is called "label". */
void cgroup_remove_stale(const char *parent, const char *label);

/*
 * Move all processes of the cgroup at "dir" to the one at "leaf", if all are
 * ours: the supervisor, and what it or we have started.  0 or -1.
 */
int cgroup_vacate(int dir, int leaf);

/* cgroup_limits.c */

/*
 * Let what is below "dir" have controllers; their names in "out".  Returns
 * -1 with errno if there are any it cannot have.
 */
int cgroup_enable(int dir, char out[CGROUP_NAMES_SIZE]);

/* The reverse of it, for those named; as far as that is possible. */
void cgroup_disable(int dir, const char *names);

/* Write each limit of a list; what cannot be is logged. */
void cgroup_limit(int dir, struct span limits, const char *whose);

#endif
