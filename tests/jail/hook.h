/* SPDX-License-Identifier: ISC */
/*
 * In builds with JAIL_TEST, which are for tests alone, each program calls
 * this once it is confined.
 */
#ifndef TESTS_JAIL_HOOK_H
#define TESTS_JAIL_HOOK_H

/*
 * Try every way out and tell on standard error, a line "jail: PROGRAM PID
 * ATTEMPT FATE" each and "jail: PROGRAM PID done FATE" at the end.  What
 * would end the process is told as "ended" and survived.
 */
void jail_test(const char *program);

#endif
