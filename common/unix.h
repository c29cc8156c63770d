/* SPDX-License-Identifier: ISC */
/* Unix sockets and descriptors, as every process uses them. */
#ifndef COMMON_UNIX_H
#define COMMON_UNIX_H

#include <sys/types.h>

/*
 * A pair of connected Unix sockets, close-on-exec and non-blocking;
 * "type" is SOCK_SEQPACKET or SOCK_STREAM.  Returns 0, or -1 with errno.
 */
int unix_pair(int type, int pair[2]);

/* Set O_NONBLOCK; FD_CLOEXEC.  Return 0, or -1 with errno. */
int unix_nonblock(int fd);
int unix_cloexec(int fd);

/* A duplicate, close-on-exec; -1 with errno. */
int unix_dup(int fd);

/*
 * Whether "fd" is a connected Unix socket of "type"; what a peer passes is
 * asked before it is used.
 */
int unix_is_socket(int fd, int type);

/* Close if it is one, and forget it: "*fd" becomes -1. */
void unix_close(int *fd);

/*
 * The same for one that a peer passed: a TCP socket on which it has set
 * SO_LINGER (socket(7)) would hold close(2) until its other end has read.
 */
void unix_close_passed(int *fd);

/* Number of descriptors open in this process, for leak checks; -1: unknown. */
int unix_count_fds(void);

#endif
