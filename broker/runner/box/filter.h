/* SPDX-License-Identifier: ISC */
/* System calls that lead past the walls of a sandbox; see seccomp(2). */
#ifndef RUNNER_BOX_FILTER_H
#define RUNNER_BOX_FILTER_H

/*
 * Make the filter for bwrap's --seccomp.  Always refused (EPERM): kernel
 * keyrings, which are not kept apart by any namespace.  Without "network":
 * sockets of all families but those a network namespace holds (Unix sockets
 * in files would lead to services outside), and io_uring, which could make
 * them.  Pairs of Unix sockets that cannot be turned elsewhere are allowed.
 * Returns a descriptor without close-on-exec, at its beginning, or -1.
 */
int filter_make(int network);

#endif
