/* SPDX-License-Identifier: ISC */
/*
 * The runtime directory: where one running instance leaves its lock and, as
 * root, the empty directory that gateways are confined to.
 */
#ifndef SUPERVISOR_RUNDIR_H
#define SUPERVISOR_RUNDIR_H

#include <sys/types.h>

#include <stddef.h>

/* The room for why the directory cannot be used, in bytes. */
#define RUNDIR_REASON_SIZE 512

struct rundir;

/*
 * Which directory to use (pure): "wanted" if not NULL; RUNTIME_DIR for root;
 * XDG/holdfast if "xdg" (the value of XDG_RUNTIME_DIR, may be NULL) is an
 * absolute path; else /tmp/holdfast-UID.  The caller frees the answer.
 */
char *rundir_choose(const char *wanted, const char *xdg, uid_t uid);

/*
 * Make and lock "path".  It must belong to us and nobody else may write
 * there; other users may not even look, unless we are root.  Returns NULL
 * with "reason" (RUNDIR_REASON_SIZE) set when that is not so or another
 * instance holds it; errno is EBUSY in that last case only.
 */
struct rundir *rundir_open(const char *path, char *reason);

/*
 * The same, but where another instance holds "path", the first free one of
 * PATH-2, PATH-3 and so on.
 */
struct rundir *rundir_open_beside(const char *path, char *reason);

/*
 * The same directory for the image that takes our place, which inherits the
 * descriptor of the lock: rundir_lock_fd() there, owned here.
 */
struct rundir *rundir_open_heir(const char *path, int lock, char *reason);
int rundir_lock_fd(const struct rundir *rundir);

/* Whether an earlier instance did not come to remove its lock. */
int rundir_was_left(const struct rundir *rundir);

/* Which one it is; lives as long as "rundir". */
const char *rundir_path(const struct rundir *rundir);

/*
 * An empty directory owned by root that nobody can write, made on the first
 * call; NULL with errno when it cannot be had.  Lives as long as "rundir".
 */
const char *rundir_empty(struct rundir *rundir);

/*
 * Remove what was made here, the directory too if it was made by us or
 * by an instance that was killed, and unlock.  NULL is allowed.
 */
void rundir_close(struct rundir *rundir);

/* Unlock, and leave everything for the next instance. */
void rundir_leave(struct rundir *rundir);

#endif
