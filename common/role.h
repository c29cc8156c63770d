/* SPDX-License-Identifier: ISC */
/*
 * How every role starts: the same steps in the same order, and the privilege
 * drop, proven.  This file alone changes ids, root directories and the like.
 */
#ifndef COMMON_ROLE_H
#define COMMON_ROLE_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

/* The control channel of a role that its superior started. */
#define ROLE_CONTROL_FD 3

/*
 * First thing in main(): 0 to 2 are open (/dev/null where they were not),
 * SIGPIPE is ignored, no core dumps (RLIMIT_CORE) and no ptrace by the same
 * user (PR_SET_DUMPABLE), umask 077, as many descriptors as the hard limit
 * allows, or more for root.  Ends the process on failure.
 */
void role_begin(const char *name);

/*
 * Have others ended before us when memory is out (oom_score_adj), where that
 * may be set: as root.  It changes nothing else.
 */
void role_guard(void);

/*
 * Between fork and exec: what role_begin() changed of umask and limits, and
 * role_guard(), is as it was again, so that the next role, and in the end a job, starts with the
 * invoking user's.  Async-signal-safe.
 */
void role_restore(void);

/*
 * The same for one that takes many descriptors over: the limit of open files
 * stays, and what it was is told in the environment, as NAME=VALUE; the
 * caller's to free.  Who begins with it restores that one.
 */
#define ROLE_FILES_ENV "HOLDFAST_NOFILE"
void role_restore_for_heir(void);
char *role_heir_env(void);

/* The file mode mask of who started us, which role_begin() has changed. */
mode_t role_umask(void);

/* Print what --protocol asks for: oldest and newest version of proto.h. */
void role_print_protocol(void);

/*
 * For programs that nobody calls by hand: with --protocol as the only
 * argument print it and exit.
 */
void role_protocol(int argc, char *argv[]);

/* Descriptors from "first" up are closed; all others stay. */
void role_close_from(int first);

/*
 * Whether ROLE_CONTROL_FD is a socket of a superior; ends the process with a
 * message that says who starts this program when it is not.
 */
void role_need_control(const char *name);

/* PR_SET_NO_NEW_PRIVS, checked.  Ends the process on failure. */
void role_no_new_privs(void);

/* PR_SET_CHILD_SUBREAPER, checked.  Ends the process on failure. */
void role_subreaper(void);

/*
 * The same for use between fork and exec: returns 0, or -1 with errno;
 * async-signal-safe.
 */
int role_gain_nothing(void);

/*
 * Of root's capabilities only "keep" (see caps.h) stays, for this process and
 * whatever it starts; CAPS_ALL: nothing changes.  Ends the process on failure.
 */
void role_keep_caps(uint64_t keep);

/*
 * Become "uid" and "gid" with no supplementary groups for good, with "root"
 * (NULL: as it is) as root directory, and prove it: every id is compared and
 * coming back is tried.  Not being root, only the proof is made that nothing
 * is to drop.  No capability stays, nor can any come back.  Ends the process
 * on failure.
 */
void role_drop(uid_t uid, gid_t gid, const char *root);

/*
 * The same between fork and exec, for a tenant with supplementary groups:
 * returns 0, or -1 with errno; async-signal-safe.  No capability stays, but a
 * set-user-ID program may still give some.
 */
int role_become(uid_t uid, gid_t gid, const gid_t *groups, size_t ngroups);

/*
 * As role_become(), and nothing that is executed can give any: empty bounding
 * set, locked securebits, PR_SET_NO_NEW_PRIVS.  For uid 0 the last alone.
 */
int role_become_for_good(uid_t uid, gid_t gid, const gid_t *groups,
    size_t ngroups);

#endif
