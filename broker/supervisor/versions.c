/* SPDX-License-Identifier: ISC */
/* Which versions of the protocol a program speaks that is not run yet. */
#include "config.h"

#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/launch.h"
#include "broker/supervisor/versions.h"
#include "common/clock.h"
#include "common/role.h"
#include "common/unix.h"

#define VERSIONS_MS 2000
#define VERSIONS_TEXT 64

int
versions_parse(const char *text, struct versions *v)
{
	unsigned int oldest, newest;
	char end = 0;

	if (sscanf(text, "%9u %9u%c", &oldest, &newest, &end) != 3 ||
	    end != '\n' || oldest == 0 || oldest > newest)
		return -1;
	*v = (struct versions){ oldest, newest };
	return 0;
}

int
versions_agree(const struct versions *a, const struct versions *b)
{
	return a->newest >= b->oldest && b->newest >= a->oldest;
}

void
versions_meet(struct versions *all, const struct versions *one)
{
	if (one->oldest > all->oldest)
		all->oldest = one->oldest;
	if (one->newest < all->newest)
		all->newest = one->newest;
}

static void __attribute__((noreturn))
versions_run(const char *program, char *const env[], int out)
{
	char name[] = "holdfast", option[] = "--protocol";
	char *argv[] = { name, option, NULL };
	int null;

	launch_reset_signals();
	role_restore();
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null != -1 && dup2(null, STDIN_FILENO) != -1 &&
	    dup2(null, STDERR_FILENO) != -1 &&
	    dup2(out, STDOUT_FILENO) != -1) {
		role_close_from(STDERR_FILENO + 1);
		execve(program, argv, env);
	}
	_exit(127);
}

static pid_t
versions_start(const char *program, int out)
{
	char **env = launch_gateway_env(environ);
	sigset_t all, before;
	pid_t pid;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	pid = fork();
	if (pid == 0)
		versions_run(program, env, out);
	sigprocmask(SIG_SETMASK, &before, NULL);
	free(env);
	return pid;
}

/* Up to the end, or as much as makes sense: 0, or -1 when it takes too long. */
static int
versions_read(int fd, char text[VERSIONS_TEXT])
{
	uint64_t until = clock_add(clock_ms(), VERSIONS_MS), now;
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	size_t len = 0;
	ssize_t n = 1;

	while (n > 0 && len < VERSIONS_TEXT - 1) {
		now = clock_ms();
		if (now >= until)
			return -1;
		if (poll(&pfd, 1, (int)(until - now)) <= 0)
			continue;
		n = read(fd, text + len, VERSIONS_TEXT - 1 - len);
		if (n > 0)
			len += (size_t)n;
	}
	text[len] = '\0';
	return 0;
}

int
versions_ask(const char *program, struct versions *v, char why[VERSIONS_WHY])
{
	char text[VERSIONS_TEXT];
	int fds[2], status, rc;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) == -1) {
		snprintf(why, VERSIONS_WHY, "%s: %s", program,
		    strerror(errno));
		return -1;
	}
	pid = versions_start(program, fds[1]);
	unix_close(&fds[1]);
	rc = pid == -1 ? -1 : versions_read(fds[0], text);
	unix_close(&fds[0]);
	if (pid != -1) {
		(void)kill(pid, SIGKILL);
		while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
			;
	}
	if (rc == 0)
		rc = versions_parse(text, v);
	if (rc == -1)
		snprintf(why, VERSIONS_WHY, "%s does not say which versions "
		    "of the protocol it speaks", program);
	return rc;
}
