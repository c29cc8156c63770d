/* SPDX-License-Identifier: ISC */
/* The filters, each against every way out; and what has to go on. */
#include "config.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <netinet/in.h>

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/landlock.h"
#include "common/role.h"
#include "common/sandbox.h"
#include "tests/jail/attempts.h"

TestSuite(sandbox, .timeout = 120);

#define NOBODY 65534

static int
jobs(void)
{
	return sandbox_jobs(true);
}

static int (*const confine[JAIL_COUNT])(void) = {
	[JAIL_GATEWAY] = sandbox_gateway, [JAIL_FILES] = sandbox_files,
	[JAIL_HTTP] = sandbox_http, [JAIL_JOBS] = jobs,
};

/* In a process of its own, which has no powers; its status is the answer. */
static int
in_jail(enum jail jail, int (*fn)(void))
{
	struct rlimit none = { 0, 0 };
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &none);
		if (geteuid() == 0)
			role_drop(NOBODY, NOBODY, NULL);
		role_no_new_privs();
		if (confine[jail]() == -1)
			_exit(99);
		_exit(fn());
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) :
	    WEXITSTATUS(status);
}

static size_t trying;

static int
try_one(void)
{
	long result = attempts[trying].try();

	return (int)fate_of(result, errno);
}

static void
try_all(enum jail jail)
{
	enum fate wanted, got;
	int status;

#ifdef WITH_SANITIZERS
	if (jail != JAIL_JOBS)
		cr_skip("no filter under sanitizers");
#endif
	for (trying = 0; trying < nattempts; trying++) {
		wanted = attempts[trying].fate[jail];
		if (wanted == FATE_UNKNOWN)
			continue;
		status = in_jail(jail, try_one);
		got = status == 128 + SIGSYS ? FATE_ENDED :
		    (enum fate)status;
		cr_expect_eq(got, wanted, "%s: %s: %s, not %s",
		    jail_name(jail), attempts[trying].name,
		    got <= FATE_ENDED ? fate_name(got) : "broken",
		    fate_name(wanted));
	}
}

Test(sandbox, nothing_leads_out_of_the_gateway)
{
	try_all(JAIL_GATEWAY);
}

Test(sandbox, files_are_all_that_the_worker_for_files_has)
{
	try_all(JAIL_FILES);
}

Test(sandbox, requests_are_all_that_the_worker_for_requests_has)
{
	try_all(JAIL_HTTP);
}

Test(sandbox, jobs_keep_what_users_have)
{
	try_all(JAIL_JOBS);
}

static int
serve(void)
{
	char byte;
	int fd;

	(void)!write(2, "", 0);
	fd = fcntl(0, F_DUPFD_CLOEXEC, 10);
	if (fd == -1 || fcntl(fd, F_SETFL, O_NONBLOCK) == -1)
		return 1;
	(void)!read(fd, &byte, 0);
	free(malloc(1 << 20));
	return close(fd) == -1;
}

Test(sandbox, serving_goes_on)
{
	cr_assert_eq(in_jail(JAIL_GATEWAY, serve), 0);
}

static int
give_up(void)
{
	abort();
}

Test(sandbox, what_is_broken_can_abort)
{
	cr_assert_eq(in_jail(JAIL_GATEWAY, give_up), 128 + SIGABRT);
	cr_assert_eq(in_jail(JAIL_FILES, give_up), 128 + SIGABRT);
}

static void *
thread(void *arg)
{
	return arg;
}

static int
start_thread(void)
{
	void *result = NULL;
	pthread_t id;

	if (pthread_create(&id, NULL, thread, &result) != 0)
		return 1;
	return pthread_join(id, &result) != 0 || result == NULL;
}

Test(sandbox, requests_may_have_threads)
{
	cr_assert_eq(in_jail(JAIL_HTTP, start_thread), 0);
}

/* With root's powers it is done without giving up new privileges. */
static int
child_keeps_privs(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (sandbox_jobs(false) == -1)
			_exit(3);
		errno = 0;
		_exit(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0 ? 0 : 4);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 5;
}

Test(sandbox, jobs_that_may_gain_privileges_are_filtered_too)
{
	if (geteuid() != 0)
		cr_skip("needs root");
	cr_assert_eq(child_keeps_privs(), 0);
}

/* Landlock by itself, without a filter in front of it. */

static int
in_child(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(fn());
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) :
	    128 + WTERMSIG(status);
}

#define NO_LANDLOCK 77

static int
landlocked(void)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(9),
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};
	int version, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	role_no_new_privs();
	version = landlock_confine(0, 0);
	if (version <= 0)
		return version == 0 ? NO_LANDLOCK : 1;
	if (open("/etc/passwd", O_RDONLY) != -1 || errno != EACCES)
		return 2;
	if (open("/", O_RDONLY | O_DIRECTORY) != -1 || errno != EACCES)
		return 3;
	if (version >= 4 && (connect(fd, (void *)&to, sizeof(to)) != -1 ||
	    errno != EACCES))
		return 4;
	if (version >= 6 && (kill(getppid(), 0) != -1 || errno != EPERM))
		return 5;
	return 0;
}

Test(sandbox, landlock_leaves_nothing)
{
	int status = in_child(landlocked);

	if (status == NO_LANDLOCK)
		cr_skip("no Landlock here");
	cr_assert_eq(status, 0);
}

static int
landlocked_reading(void)
{
	int version;

	role_no_new_privs();
	version = landlock_confine(LANDLOCK_READING, LANDLOCK_CONNECT);
	if (version <= 0)
		return version == 0 ? NO_LANDLOCK : 1;
	if (open("/etc/passwd", O_RDONLY) == -1)
		return 2;
	return open("/dev/null", O_WRONLY) != -1 || errno != EACCES ? 3 : 0;
}

Test(sandbox, landlock_leaves_reading)
{
	int status = in_child(landlocked_reading);

	if (status == NO_LANDLOCK)
		cr_skip("no Landlock here");
	cr_assert_eq(status, 0);
}
