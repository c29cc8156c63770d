/* SPDX-License-Identifier: ISC */
/*
 * What a process may ask of the kernel once it is set up: one function a
 * program, its whole policy on one page each; see seccomp(2).
 *
 * A filter holds for whatever the process starts, forever.  So only programs
 * that never start anything have a list of what they may do; those that start
 * jobs share a list of what nobody here needs.
 */
#ifndef COMMON_SANDBOX_H
#define COMMON_SANDBOX_H

#include <stdbool.h>

/*
 * Each returns 0, or -1 with errno where the kernel lacks seccomp.  The first
 * three need PR_SET_NO_NEW_PRIVS.  They have two answers to what is not
 * allowed: what nobody does by mistake, such as exec, fork, signals, tracing
 * and ids, ends the process (SIGSYS); all else, such as a library may try in
 * passing, is refused (EACCES, EPERM, ENOSYS).  Where it says Landlock, the same is
 * given up that way, too; that the kernel has none is logged at info.
 */

/*
 * Serving descriptors that it has or is sent.  No file, no socket, no
 * process, no executable memory.  What has to be read from files, time zones
 * and keys included, has to be read before; what is sent as a memfd can be
 * read or mapped, but fstat(2) is refused.  Landlock.
 */
int sandbox_gateway(void);

/* Files, as far as the user may; no socket, no process. */
int sandbox_files(void);

/*
 * Outgoing IP connections and threads of its own; files are read only.  No
 * local socket, no process.  Landlock.
 */
int sandbox_http(void);

/*
 * For those who start jobs, and the jobs: calls that no ordinary user's
 * program needs, but that would offer more of the kernel to attack, are
 * answered EPERM.  With "no_new_privs" that is set on the process, too;
 * without it CAP_SYS_ADMIN is needed.
 */
int sandbox_jobs(bool no_new_privs);

#endif
