/* SPDX-License-Identifier: ISC */
/*
 * A cgroup for each session, in which its runner is born and so are its jobs,
 * where the host lets us: version 2, below the cgroup this process is in.
 * See cgroups(7).  Everything works without; then orphans are found by
 * looking for them.
 */
#ifndef BROKER_CGROUP_H
#define BROKER_CGROUP_H

#include <sys/types.h>

#include <stddef.h>

struct cgroup;

/*
 * Make a directory named after the process "owner", and remove what others
 * left that were killed.  NULL where that is not possible; "why" (of "size"
 * bytes) tells.  For cgroup_free(), which removes it; NULL is allowed there
 * and below.
 */
struct cgroup *cgroup_new(pid_t owner, char *why, size_t size);
void cgroup_free(struct cgroup *cgroup);

/*
 * Make the cgroup of a session.  Returns its directory, the caller's, or -1.
 */
int cgroup_make(struct cgroup *cgroup, const char *name);

/* SIGKILL to all in it.  Does nothing for -1. */
void cgroup_kill(int dir);

/* Whether no process is in it; true for -1. */
int cgroup_is_empty(int dir);

/* Close *dir, which becomes -1, and remove it and what jobs made below. */
void cgroup_remove(struct cgroup *cgroup, const char *name, int *dir);

/*
 * The pure half: the path of our cgroup from /proc/self/cgroup (the line of
 * version 2), and where version 2 is mounted from /proc/self/mountinfo.
 * "text" is terminated.  Each writes "size" bytes at most and returns 0, or
 * -1 when there is none or it does not fit.
 */
int cgroup_parse_own(const char *text, char *out, size_t size);
int cgroup_parse_mount(const char *text, char *out, size_t size);

#endif
