/* SPDX-License-Identifier: ISC */
/* Starting a runner: between fork(2) and execve(2), as the tenant. */
#include "config.h"

#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "broker/broker.h"
#include "broker/tenant.h"
#include "common/log.h"
#include "common/role.h"

#define EXIT_NOT_SET_UP 126
#define EXIT_NOT_EXECUTED 127

/* Descriptors 0 to 3 are all that the runner has; stderr is ours. */
static int
child_fds(int control)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null == -1 || dup2(null, STDIN_FILENO) == -1 ||
	    dup2(null, STDOUT_FILENO) == -1)
		return -1;
	/* dup2(2) onto itself would leave close-on-exec as it was. */
	if (control == ROLE_CONTROL_FD)
		return fcntl(control, F_SETFD, 0);
	return dup2(control, ROLE_CONTROL_FD) == -1 ? -1 : 0;
}

static void
child_signals(void)
{
	static const int changed[] = {
		SIGPIPE, SIGINT, SIGHUP, SIGTERM, SIGCHLD
	};
	sigset_t none;
	size_t i;

	for (i = 0; i < sizeof(changed) / sizeof(changed[0]); i++)
		signal(changed[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int
child_identity(const struct tenant *tenant)
{
	if (tenant->uid == geteuid() && tenant->gid == getegid())
		return 0;
	return role_become(tenant->uid, tenant->gid, tenant->groups,
	    tenant->ngroups);
}

static void __attribute__((noreturn))
child(const struct tenant *tenant, const char *path, int control)
{
	static char name[] = "holdfast-runner";
	char *argv[] = { name, NULL };

	if (child_fds(control) == -1 || child_identity(tenant) == -1 ||
	    chdir(tenant->cwd) == -1) {
		log_warn("cannot set up a runner");
		_exit(EXIT_NOT_SET_UP);
	}
	role_close_from(ROLE_CONTROL_FD + 1);
	/* A terminal's signals to the server's group are not for jobs. */
	(void)setsid();
	child_signals();
	role_restore();
	execve(path, argv, tenant->environment);
	log_warn("cannot execute %s", path);
	_exit(EXIT_NOT_EXECUTED);
}

pid_t
fork_runner(const struct tenant *tenant, const char *path, int control)
{
	pid_t pid = fork();

	if (pid == 0)
		child(tenant, path, control);
	return pid;
}
