/* SPDX-License-Identifier: ISC */
/* Starting the other programs. */
#include "config.h"

#include <sys/syscall.h>

#include <linux/sched.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/launch.h"
#include "common/role.h"
#include "common/xmalloc.h"

/* For us alone: a child that believed them would speak to our manager. */
static const char *const launch_private[] = {
	"NOTIFY_SOCKET=", "WATCHDOG_USEC=", "WATCHDOG_PID=", "LISTEN_FDS=",
	"LISTEN_PID=", "LISTEN_FDNAMES=", "HOLDFAST_LIBEXEC=", NULL
};

static const char *const launch_sanitizer[] = {
#ifdef WITH_SANITIZERS
	"ASAN_OPTIONS=", "LSAN_OPTIONS=", "UBSAN_OPTIONS=",
#endif
	NULL
};

static int
launch_starts_with_one_of(const char *variable, const char *const *names)
{
	for (; *names != NULL; names++)
		if (strncmp(variable, *names, strlen(*names)) == 0)
			return 1;
	return 0;
}

/* Those of "env" that start with one of "names", or the others. */
static char **
launch_filter(char *const env[], const char *const *names, int wanted)
{
	size_t count = 0, n = 0, i;
	char **kept;

	while (env[count] != NULL)
		count++;
	kept = xcalloc(count + 1, sizeof(*kept));
	for (i = 0; i < count; i++)
		if (launch_starts_with_one_of(env[i], names) == wanted)
			kept[n++] = env[i];
	return kept;
}

char **
launch_broker_env(char *const env[])
{
	return launch_filter(env, launch_private, 0);
}

char **
launch_gateway_env(char *const env[])
{
	return launch_filter(env, launch_sanitizer, 1);
}

static void
launch_reset_signals(void)
{
	sigset_t none;
	int signo;

	for (signo = 1; signo < NSIG; signo++)
		(void)signal(signo, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Returns -1 with errno; otherwise 0 to 3 are as launch() promises. */
static int
launch_set_fds(int control)
{
	int null;

	if (control == ROLE_CONTROL_FD) {
		if (fcntl(control, F_SETFD, 0) == -1)
			return -1;
	} else if (dup2(control, ROLE_CONTROL_FD) == -1) {
		return -1;
	}
	role_close_from(ROLE_CONTROL_FD + 1);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null == -1 || dup2(null, STDIN_FILENO) == -1)
		return -1;
	/* Standard output is for the lines with our addresses alone. */
	return dup2(STDERR_FILENO, STDOUT_FILENO) == -1 ? -1 : 0;
}

static int
launch_take_ids(const struct launch_as *as)
{
	if (as->uid == geteuid() && as->gid == getegid())
		return as->may_gain ? 0 : role_gain_nothing();
	if (as->may_gain)
		return role_become(as->uid, as->gid, as->groups, as->ngroups);
	return role_become_for_good(as->uid, as->gid, as->groups,
	    as->ngroups);
}

static int
launch_become(const struct launch_as *as)
{
	if (as == NULL)
		return 0;
	if (launch_take_ids(as) == -1)
		return -1;
	return chdir(as->cwd);
}

static void __attribute__((noreturn))
launch_child(const char *path, const char *name, char *const env[],
    int control, const struct launch_as *as)
{
	const char *argv[] = { name, NULL };

	launch_reset_signals();
	role_restore();
	/* Apart from our terminal: its Ctrl-C is an order to us alone. */
	if (setsid() != -1 && launch_set_fds(control) != -1 &&
	    launch_become(as) != -1)
		execve(path, (char *const *)(uintptr_t)argv, env);
	dprintf(STDERR_FILENO, "%s: %s: %s\n", program_invocation_short_name,
	    path, strerror(errno));
	_exit(127);
}

/*
 * Being born in a cgroup costs nothing; to move there is a matter of an RCU
 * grace period, many milliseconds.  Where the kernel or a jail around us
 * does not know how, ours will do.
 */
static pid_t
launch_fork(int cgroup)
{
	struct clone_args args = {
		.flags = CLONE_INTO_CGROUP,
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)cgroup,
	};
	pid_t pid = -1;

	if (cgroup != -1)
		pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	return pid != -1 ? pid : fork();
}

pid_t
launch(const char *path, const char *name, char *const env[], int control,
    const struct launch_as *as)
{
	sigset_t all, before;
	pid_t pid;

	/* A signal to the child must not run our handlers there. */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	pid = launch_fork(as == NULL ? -1 : as->cgroup);
	if (pid == 0)
		launch_child(path, name, env, control, as);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return pid;
}
