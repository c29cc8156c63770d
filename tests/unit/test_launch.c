/* SPDX-License-Identifier: ISC */
/* Starting the programs that the supervisor watches. */
#include "config.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "broker/launch.h"
#include "common/unix.h"

TestSuite(launch, .timeout = 20);

static char *const everything[] = {
	(char[]){ "PATH=/bin" },
	(char[]){ "NOTIFY_SOCKET=/run/x" },
	(char[]){ "WATCHDOG_USEC=1" },
	(char[]){ "LISTEN_FDS=3" },
	(char[]){ "HOLDFAST_LIBEXEC=/x" },
	(char[]){ "NOTIFY_SOCKETS=not the same" },
	NULL
};

Test(launch, the_broker_gets_what_is_not_for_us_alone)
{
	char **env = launch_broker_env(everything);

	cr_assert_str_eq(env[0], "PATH=/bin");
	cr_assert_str_eq(env[1], "NOTIFY_SOCKETS=not the same");
	cr_assert_null(env[2]);
	free(env);
}

Test(launch, a_gateway_gets_nothing)
{
	char **env = launch_gateway_env(everything);

	cr_assert_null(env[0]);
	free(env);
}

Test(launch, a_program_that_is_not_there_exits_with_127)
{
	char *const none[] = { NULL };
	int pair[2], status;
	pid_t pid;

	cr_assert_eq(unix_pair(SOCK_SEQPACKET, pair), 0);
	pid = launch("/nonexistent/program", "program", none, pair[1],
	    NULL);
	cr_assert_gt(pid, 0);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status));
	cr_assert_eq(WEXITSTATUS(status), 127);
	close(pair[0]);
	close(pair[1]);
}

/* Elsewhere it would be without limits. */
Test(launch, who_finds_no_place_in_its_cgroup_is_not_started)
{
	char *const none[] = { NULL };
	struct launch_as as = {
		.uid = geteuid(),
		.gid = getegid(),
		.cwd = "/",
		.cgroup = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
	};
	int pair[2], status;
	pid_t pid;

	cr_assert_neq(as.cgroup, -1);
	cr_assert_eq(unix_pair(SOCK_SEQPACKET, pair), 0);
	pid = launch("/bin/true", "true", none, pair[1], &as);
	/* A kernel that knows no such birth starts what then fails to move. */
	if (pid != -1) {
		cr_assert_eq(waitpid(pid, &status, 0), pid);
		cr_assert(WIFEXITED(status));
		cr_assert_eq(WEXITSTATUS(status), 127);
	}
	close(as.cgroup);
	close(pair[0]);
	close(pair[1]);
}
