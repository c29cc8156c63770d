/* SPDX-License-Identifier: ISC */
/*
 * What a role's process may ask of the kernel once it is set up: one
 * function a role, its whole policy on one page; see seccomp(2).
 */
#ifndef COMMON_SANDBOX_H
#define COMMON_SANDBOX_H

/*
 * Allow the gateway what serving descriptors it has needs: no ptrace, no
 * exec, no fork, no signal to another process, no new socket, no file
 * opened.  Anything else ends the process (SIGSYS).  PR_SET_NO_NEW_PRIVS must
 * be on.  Returns 0, or -1 with errno where the kernel lacks seccomp.
 */
int sandbox_gateway(void);

#endif
