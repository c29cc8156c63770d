/* SPDX-License-Identifier: ISC */
/* Starting a program: everything between the decision and execve(2). */
#ifndef RUNNER_EXEC_H
#define RUNNER_EXEC_H

#include <sys/types.h>

#include "common/proto.h"

/* What could not be done; the text for errors is exec_stage_text(). */
enum exec_stage {
	EXEC_FORK,
	EXEC_CGROUP,
	EXEC_SESSION,
	EXEC_TERMINAL,
	EXEC_FILES,
	EXEC_LIMITS,
	EXEC_DIRECTORY,
	EXEC_PROGRAM,
	EXEC_STAGES
};

#define EXEC_EXTRA_MAX 6
#define EXEC_EXTRA_FROM 32

/* Everything is borrowed until exec_start() returns. */
struct exec_plan {
	char *const *argv;
	char *const *envp;
	char *const *programs;	/* paths to try in order: exec_programs() */
	const char *directory;
	int fds[3];		/* become 0, 1 and 2; all above 2 */
	int terminal;		/* whether fds[0] is to control the session */
	/* These become 3 and up; all of them EXEC_EXTRA_FROM or above. */
	int extra[EXEC_EXTRA_MAX];
	int extras;		/* how many there are */
	int blocked;		/* all signals stay blocked in the program */
};

struct exec_failure {
	enum exec_stage stage;
	int error;		/* errno */
};

/*
 * Look up once what every start needs: which signals are ignored, and how
 * likely jobs are to be chosen when memory is out.
 */
void exec_init(void);

/*
 * The directory of the cgroup of version 2 in which all that is started is
 * born, or -1: ours.  It stays the caller's, open.
 */
void exec_set_cgroup(int dir);

/*
 * The resource limits of all that is started, as RLIMITS has them; what it
 * does not name is as this process was started with.  Returns 0, or -1 when
 * the list is malformed.
 */
int exec_set_limits(struct span list);

/*
 * The paths where "name" is looked for: itself when it has a slash, else in
 * the directories of PATH in "envp", or, when that is missing and "fallback"
 * is true, of the system's default.  One block for the caller to free(3); the
 * array may be empty.  NULL with errno ENOMEM.
 */
char **exec_programs(const char *name, char *const *envp, int fallback);

/*
 * Start the program as leader of a new session and process group, with
 * nothing inherited but the three descriptors, default signals and the umask
 * and limits this process was started with.  This process waits until the
 * program runs or has failed.  Returns its id, or -1 with "*failure" set and
 * no child left behind.
 */
pid_t exec_start(const struct exec_plan *plan, struct exec_failure *failure);

/*
 * Become the first of "programs" (exec_programs()) that can be run, as
 * execvp(3) goes on from one to the next.  Returns errno if there is none;
 * touches nothing but its stack.
 */
int exec_try(char *const *programs, char *const *argv, char *const *envp);

/* "cannot enter the working directory" and the like; never NULL. */
const char *exec_stage_text(enum exec_stage stage);

#endif
