/* SPDX-License-Identifier: ISC */
/*
 * Cgroups of version 2, where the host lets us (see cgroups(7)):
 *
 *	ROOT/holdfast-PID/tenant-NAME/SESSION/runner
 *	                                     /jobs
 *
 * with the limits of a tenant on its directory and those of its sessions on
 * their jobs.  Everything but limits works without; then what is left of a
 * session is found by looking for it.
 */
#ifndef BROKER_CGROUP_H
#define BROKER_CGROUP_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"

struct cgroup;
struct cgroup_tenant;

/* Whose sessions, as the tenant is configured; all of it borrowed. */
struct cgroup_plan {
	const char *tenant;
	uid_t uid;
	struct span limits;	/* as CGROUP_LIMITS */
	struct span jobs;	/* as SESSION_CGROUP_LIMITS */
};

/* Of one session: directories, -1 where there are none. */
struct cgroup_session {
	struct cgroup_tenant *tenant;
	int dir;		/* of all of it */
	int runner, jobs;	/* below it; cgroup_close_leaves() */
};

/*
 * Make the directory "label" in "root" (NULL: the cgroup this process is in),
 * which may be there already, and remove what others left that were killed and
 * are empty.  A label is "holdfast-" and the number of the process that it was
 * made by, which is not always the one that has it now.  NULL where that is not possible; "why" (of "size" bytes) tells.  For
 * cgroup_free(), which removes it; NULL is allowed there and below.
 */
struct cgroup *cgroup_new(const char *root, const char *label, char *why,
    size_t size);
bool cgroup_is_label(const char *text);
void cgroup_free(struct cgroup *cgroup);

/*
 * The controllers that can set limits here, as "cpu io memory pids"; never
 * NULL.  When there are none although the kernel has some, "*why" (static) is
 * set to what is in the way, else to NULL.
 */
const char *cgroup_controllers(const struct cgroup *cgroup,
    const char **why);

/*
 * The first of the limits in a list, as CGROUP_LIMITS, that cannot be set
 * here: its file's name in "out", or false when all can.
 */
bool cgroup_lacks(const struct cgroup *cgroup, struct span limits, char *out,
    size_t size);

/* Of no session. */
void cgroup_init(struct cgroup_session *session);

/*
 * Make the cgroups of a session.  The tenant may start what it starts in
 * "jobs" and change nothing else.  Returns 0, or -1 with errno and without
 * any.
 */
int cgroup_make(struct cgroup *cgroup, const struct cgroup_plan *plan,
    const char *name, struct cgroup_session *session);

/* That of a session which has one already, without its leaves. */
void cgroup_open(struct cgroup *cgroup, const char *tenant, const char *name,
    struct cgroup_session *session);

/* Kill all that is in the cgroups of sessions that are not known. */
void cgroup_sweep(struct cgroup *cgroup,
    bool (*is_known)(void *arg, const char *name), void *arg);

/* Those two are needed no more. */
void cgroup_close_leaves(struct cgroup_session *session);

/* Where sessions have theirs, or NULL; lives as long as "cgroup". */
const char *cgroup_path(const struct cgroup *cgroup);

/* How many processes the kernel has ended in the runner's for want of memory. */
uint64_t cgroup_runner_oom(const struct cgroup_session *session);

/* SIGKILL to all in it. */
void cgroup_kill(const struct cgroup_session *session);

/* Whether no process is in it; true where there is none. */
int cgroup_is_empty(const struct cgroup_session *session);

/* Close it and remove it and what jobs made below. */
void cgroup_remove(const char *name, struct cgroup_session *session);

/*
 * The pure half: the path of our cgroup from /proc/self/cgroup (the line of
 * version 2), and where version 2 is mounted from /proc/self/mountinfo.
 * "text" is terminated.  Each writes "size" bytes at most and returns 0, or
 * -1 when there is none or it does not fit.
 */
int cgroup_parse_own(const char *text, char *out, size_t size);
int cgroup_parse_mount(const char *text, char *out, size_t size);

#endif
