/* SPDX-License-Identifier: ISC */
/*
 * TAP on standard output, for tests that run the real processes: one line a
 * claim, remarks in between, the plan at the end.
 */
#ifndef TESTS_LIB_TAP_H
#define TESTS_LIB_TAP_H

/* One claim; returns "good", so that a story can stop when it is broken. */
int tap_ok(int good, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* A remark, on a line of its own. */
void tap_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A claim that cannot be tried here, and why. */
void tap_skip(const char *why, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Nothing of this program can be tried here: says why and ends it. */
void tap_skip_all(const char *why) __attribute__((noreturn));

/* How many claims did not hold so far. */
int tap_failed(void);

/* Print the plan; returns the exit status of the program. */
int tap_done(void);

#endif
