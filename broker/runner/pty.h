/* SPDX-License-Identifier: ISC */
/* Pseudo-terminals; see pty(7), ioctl_tty(2). */
#ifndef RUNNER_PTY_H
#define RUNNER_PTY_H

#define PTY_ROWS 24
#define PTY_COLS 80

/*
 * Open a terminal of "rows" by "cols": "*master" non-blocking, "*slave" as a
 * job expects it, both close-on-exec and the caller's.  Returns 0, or -1 with
 * errno.
 */
int pty_open(int *master, int *slave, unsigned short rows,
    unsigned short cols);

/* Set the size of the terminal at "master"; 0 or -1 with errno. */
int pty_resize(int master, unsigned short rows, unsigned short cols);

/* Whether each is from 1 to PTY_SIZE_MAX. */
#define PTY_SIZE_MAX 65535
#define pty_size_valid(rows, cols) \
	((rows) >= 1 && (rows) <= PTY_SIZE_MAX && \
	(cols) >= 1 && (cols) <= PTY_SIZE_MAX)

#endif
