/* SPDX-License-Identifier: ISC */
/* Having certificates looked at by a process of its own. */
#include "config.h"

#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/supervisor/certcheck.h"
#include "broker/supervisor/hostconf.h"
#include "broker/launch.h"
#include "common/clock.h"
#include "common/role.h"
#include "common/unix.h"

#define CERTCHECK_MS 5000

/* The certificates are its standard input, the answer its output. */
static void __attribute__((noreturn))
run(const char *program, const struct certs *certs, char *const argv[],
    char *const env[], int out)
{
	launch_reset_signals();
	role_restore();
	if (dup2(certs->chain, STDIN_FILENO) != -1 &&
	    dup2(out, STDOUT_FILENO) != -1 &&
	    (certs->key == ROLE_CONTROL_FD ?
	    fcntl(certs->key, F_SETFD, 0) :
	    dup2(certs->key, ROLE_CONTROL_FD)) != -1) {
		role_close_from(ROLE_CONTROL_FD + 1);
		execve(program, argv, env);
	}
	dprintf(STDOUT_FILENO, "cannot run %s: %s", program,
	    strerror(errno));
	_exit(127);
}

static pid_t
start(const char *program, const struct certs *certs,
    const struct host_pool *pool, int out)
{
	char **env = launch_gateway_env(environ), uid[16] = "", gid[16] = "";
	char check[] = "check", name[] = "holdfast-gateway-tls";
	char *argv[] = { name, check, NULL, NULL, NULL };
	sigset_t all, before;
	pid_t pid;

	if (pool->drop) {
		snprintf(uid, sizeof(uid), "%u", (unsigned int)pool->uid);
		snprintf(gid, sizeof(gid), "%u", (unsigned int)pool->gid);
		argv[2] = uid;
		argv[3] = gid;
	}
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	pid = fork();
	if (pid == 0)
		run(program, certs, argv, env, out);
	sigprocmask(SIG_SETMASK, &before, NULL);
	free(env);
	return pid;
}

/* Read up to the end, as text of one line: 0, or -1 when it takes too long. */
static int
listen_to(int fd, char why[CERTS_WHY_SIZE])
{
	uint64_t until = clock_add(clock_ms(), CERTCHECK_MS), now;
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	size_t len = 0, i;
	ssize_t n = 1;

	while (n != 0 && len < CERTS_WHY_SIZE - 1) {
		now = clock_ms();
		if (now >= until)
			return -1;
		if (poll(&pfd, 1, (int)(until - now)) <= 0)
			continue;
		n = read(fd, why + len, CERTS_WHY_SIZE - 1 - len);
		if (n > 0)
			len += (size_t)n;
		else if (n == -1 && errno != EINTR)
			break;
	}
	for (i = 0; i < len; i++)
		if (why[i] < ' ' || why[i] > '~')
			why[i] = ' ';
	why[len] = '\0';
	return 0;
}

int
certcheck_run(const char *program, const struct certs *certs,
    const struct host_pool *pool, char why[CERTS_WHY_SIZE])
{
	int fds[2], status = -1;
	pid_t pid = -1;

	if (pipe2(fds, O_CLOEXEC) == -1) {
		snprintf(why, CERTS_WHY_SIZE, "%s", strerror(errno));
		return -1;
	}
	pid = start(program, certs, pool, fds[1]);
	unix_close(&fds[1]);
	if (pid == -1) {
		snprintf(why, CERTS_WHY_SIZE, "%s", strerror(errno));
	} else if (listen_to(fds[0], why) == -1) {
		snprintf(why, CERTS_WHY_SIZE, "the check takes too long");
		kill(pid, SIGKILL);
	}
	unix_close(&fds[0]);
	if (pid == -1)
		return -1;
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (why[0] == '\0')
		snprintf(why, CERTS_WHY_SIZE, "the check has failed");
	return -1;
}
