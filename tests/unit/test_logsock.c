/* SPDX-License-Identifier: ISC */
/* The system's log comes and goes; who logs stays. */
#include "config.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "common/log.h"
#include "common/logsock.h"
#include "common/role.h"
#include "common/sandbox.h"

TestSuite(logsock, .timeout = 20);

static char dir[] = "/tmp/holdfast-log-XXXXXX";
static char path[64];

/* A log that nobody keeps; its socket. */
static int
log_begin(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (path[0] == '\0') {
		cr_assert_not_null(mkdtemp(dir));
		snprintf(path, sizeof(path), "%s/log", dir);
	}
	strlcpy(at.sun_path, path, sizeof(at.sun_path));
	cr_assert_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static void
log_end(int fd)
{
	close(fd);
	unlink(path);
}

static void
expect(int fd, const char *end)
{
	char got[256] = "", want[256];

	snprintf(want, sizeof(want), "<%d>test[%d]: %s",
	    LOG_DAEMON | LOG_INFO, (int)getpid(), end);
	cr_assert_gt(recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT), 0);
	cr_assert_str_eq(got, want);
}

static int
say(const char *text)
{
	return logsock_send(LOG_DAEMON | LOG_INFO, "test", text);
}

Test(logsock, a_message_arrives)
{
	int fd = log_begin();

	cr_assert_eq(logsock_open(path), 0);
	cr_assert_eq(say("hello"), 0);
	expect(fd, "hello");
	log_end(fd);
	rmdir(dir);
}

Test(logsock, a_log_that_is_back_is_found_again)
{
	int fd = log_begin();

	cr_assert_eq(logsock_open(path), 0);
	log_end(fd);
	cr_assert_eq(say("nobody"), -1);
	fd = log_begin();
	cr_assert_eq(say("again"), 0);
	expect(fd, "again");
	log_end(fd);
	/* Replaced between two messages. */
	fd = log_begin();
	cr_assert_eq(say("and again"), 0);
	expect(fd, "and again");
	log_end(fd);
	rmdir(dir);
}

Test(logsock, a_full_log_holds_nobody_up)
{
	int i, fd = log_begin();

	cr_assert_eq(logsock_open(path), 0);
	for (i = 0; i < 100000 && say("more") == 0; i++)
		continue;
	cr_assert_lt(i, 100000);
	log_end(fd);
	rmdir(dir);
}

Test(logsock, no_log_at_all_is_an_error_and_no_more)
{
	cr_assert_eq(logsock_open("/nonexistent/log"), -1);
	cr_assert_eq(say("hello"), -1);
}

/* What a jail forbids is tried in vain, and serving goes on. */
static int
jailed(int fd)
{
	if (logsock_open(path) == -1)
		return 2;
	role_no_new_privs();
	if (sandbox_gateway() == -1)
		return 3;
	if (say("in jail") == -1)
		return 4;
	close(fd);
	return say("gone") == -1 && say("gone") == -1 ? 0 : 5;
}

Test(logsock, a_lost_log_ends_no_gateway)
{
	int status, fd = log_begin();
	pid_t pid;

#ifdef WITH_SANITIZERS
	log_end(fd);
	rmdir(dir);
	cr_skip("no filter under sanitizers");
#endif
	pid = fork();
	if (pid == 0)
		_exit(jailed(fd));
	/* Gone for the child once it has closed its own. */
	close(fd);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	unlink(path);
	rmdir(dir);
	cr_assert(WIFEXITED(status), "signal %d", WTERMSIG(status));
	cr_assert_eq(WEXITSTATUS(status), 0);
}

static char heard[256];

static void
hear(enum log_level level, const char *text)
{
	(void)level;
	snprintf(heard, sizeof(heard), "%s", text);
}

/* What others chose makes no line of its own and moves no cursor. */
Test(logsock, what_others_chose_is_tamed)
{
	log_set_hook(hear);
	log_warnx("runner: %s", "x\nholdfastd[1]: \033[2Jgone\177\t\xc3\xa9");
	log_set_hook(NULL);
	cr_assert_str_eq(heard,
	    "runner: x?holdfastd[1]: ?[2Jgone??\xc3\xa9");
}

static char traced[256];

static void
trace_hook(enum log_level level, const char *text)
{
	(void)level;
	snprintf(traced, sizeof(traced), "%s", text);
}

static const char *
said(const char *topic)
{
	traced[0] = '\0';
	log_debug(topic, "about %s", topic);
	return traced;
}

Test(logsock, a_topic_is_traced_whatever_the_level_until_it_is_not)
{
	char longest[64];
	int i;

	log_init("test", LOG_LEVEL_WARN, 0);
	log_set_hook(trace_hook);
	cr_assert_str_eq(said("session"), "");
	cr_assert_eq(log_trace("session, cut", 7), 0);
	cr_assert_str_eq(said("session"), "about session");
	cr_assert_str_eq(said("gate"), "");
	cr_assert_eq(log_trace("all", 3), 0);
	cr_assert_str_eq(said("gate"), "about gate");
	log_trace_clear();
	cr_assert_str_eq(said("session"), "");
	memset(longest, 'x', sizeof(longest));
	cr_assert_eq(log_trace(longest, sizeof(longest)), -1);
	cr_assert_eq(log_trace("", 0), -1);
	for (i = 0; i < LOG_TRACES; i++)
		cr_assert_eq(log_trace("x", 1), 0);
	cr_assert_eq(log_trace("x", 1), -1);
	log_trace_clear();
	log_set_hook(NULL);
}
