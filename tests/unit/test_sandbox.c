/* SPDX-License-Identifier: ISC */
/* The gateway's filter: what it serves with goes on, what it must not ends. */
#include "config.h"

#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "common/role.h"
#include "common/sandbox.h"

TestSuite(sandbox, .timeout = 60);

static int
try_exec(void)
{
	return execl("/bin/true", "true", (char *)NULL);
}

static int
try_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return 0;
}

static int
try_open(void)
{
	return open("/etc/passwd", O_RDONLY);
}

static int
try_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static int
try_kill(void)
{
	return kill(getppid(), 0);
}

static int
try_ptrace(void)
{
	return (int)ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static int
try_exec_memory(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
}

static int
try_setuid(void)
{
	return setuid(getuid());
}

static const struct {
	const char *name;
	int (*fn)(void);
} forbidden[] = {
	{ "exec", try_exec }, { "fork", try_fork }, { "open", try_open },
	{ "socket", try_socket }, { "kill", try_kill },
	{ "ptrace", try_ptrace }, { "executable memory", try_exec_memory },
	{ "setuid", try_setuid },
};

static int
in_jail(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		role_no_new_privs();
		if (sandbox_gateway() == -1)
			_exit(99);
		fn();
		_exit(0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

Test(sandbox, each_forbidden_call_ends_the_process)
{
	size_t i;

#ifdef WITH_SANITIZERS
	cr_skip("no filter under sanitizers");
#endif
	for (i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++)
		cr_assert_eq(in_jail(forbidden[i].fn), -SIGSYS, "%s",
		    forbidden[i].name);
}

static int
serve(void)
{
	int pair[2] = { 1, 1 };
	char byte = 0;

	(void)!write(2, "", 0);
	(void)!fcntl(pair[0], F_DUPFD_CLOEXEC, 10);
	return byte;
}

Test(sandbox, serving_goes_on)
{
	cr_assert_eq(in_jail(serve), 0);
}
