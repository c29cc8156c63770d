/* SPDX-License-Identifier: ISC */
/* Where the programs are that holdfastd starts. */
#ifndef SUPERVISOR_PROGRAMS_H
#define SUPERVISOR_PROGRAMS_H

enum program {
	PROGRAM_BROKER,
	PROGRAM_RUNNER,
	PROGRAM_GATEWAY,
	PROGRAM_GATEWAY_TLS,	/* the same, for wss:// listeners */
	PROGRAM_COUNT
};

/* The name a program has when it is installed. */
const char *program_name(enum program program);

/*
 * The path of "program": in "libexec_dir" if not NULL; beside "own_dir", the
 * directory holdfastd itself was run from, if that looks like a build tree;
 * else where it is installed.  "own_dir" may be NULL.  The answer is absolute
 * and the caller's; NULL with errno when there is nothing that can be
 * executed, and then "tried" names the path looked at, also the caller's.
 */
char *program_find(enum program program, const char *libexec_dir,
    const char *own_dir, char **tried);

/*
 * The same for who has "option" for a directory, if not NULL, or a
 * HOLDFAST_LIBEXEC in the environment.
 */
char *program_locate(enum program program, const char *option, char **tried);

/* The directory this process's image is in (proc(5), exe), the caller's. */
char *program_own_dir(void);

#endif
