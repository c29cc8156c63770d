/* SPDX-License-Identifier: ISC */
/* Waiting with a deadline, for tests. */
#ifndef TESTS_LIB_WAIT_H
#define TESTS_LIB_WAIT_H

#include <stdint.h>

/* A moment of CLOCK_MONOTONIC, "ms" milliseconds from now. */
uint64_t deadline_in(int ms);

/* Milliseconds until "deadline", 0 when it has passed; fits poll(2). */
int deadline_left(uint64_t deadline);

/*
 * Call "cond" every 5 ms until it returns non-zero.  Returns 0, or -1 with
 * errno ETIMEDOUT when "ms" milliseconds have passed first; "cond" is called
 * at least once, and once more at the deadline.
 */
int wait_until(int (*cond)(void *arg), void *arg, int ms);

/* True when no process "pid" exists or it is a zombie; arg is a pid_t *. */
int wait_pid_gone(void *pid);

/*
 * Wait for "fd" to become ready for the poll(2) "events".  Returns the events
 * that came, or -1 with errno ETIMEDOUT at "deadline".
 */
int wait_fd(int fd, short events, uint64_t deadline);

#endif
