/* SPDX-License-Identifier: ISC */
/* Lines for the user on standard error, readable on a raw terminal too. */
#ifndef CONTRIB_CLIENT_SAY_H
#define CONTRIB_CLIENT_SAY_H

/* Errors are always said, notes not after say_quiet(). */
void say_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void say_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void say_quiet(void);

#endif
