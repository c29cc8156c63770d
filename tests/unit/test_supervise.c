/* SPDX-License-Identifier: ISC */
/* holdfastd with stand-ins for the broker and the gateways. */
#include "config.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "common/xmalloc.h"
#include "tests/lib/daemon.h"
#include "tests/lib/wait.h"

#define WAIT_MS 20000

static char dir[64];
static struct daemon *d;

static void
install(const char *name)
{
	char from[512], to[128];
	const char *build = getenv("top_builddir");

	snprintf(from, sizeof(from), "%s/tests/unit/ward_stub",
	    build != NULL ? build : ".");
	snprintf(to, sizeof(to), "%s/%s", dir, name);
	if (link(from, to) == 0)
		return;
	/* Another file system. */
	cr_assert_eq(errno, EXDEV, "%s: %s", from, strerror(errno));
	cr_assert_eq(symlink(from, to), 0);
	cr_skip("the build tree is on another file system than /tmp");
}

static void
prepare(void)
{
	strlcpy(dir, "/tmp/test_supervise.XXXXXX", sizeof(dir));
	cr_assert_not_null(mkdtemp(dir));
	install("holdfast-broker");
	install("holdfast-gateway");
	install("holdfast-runner");
}

static void
tidy(void)
{
	static const char *const names[] = { "holdfast-broker",
		"holdfast-gateway", "holdfast-runner", "behave", "starts",
		"told" };
	char path[128];
	size_t i;

	daemon_free(d, 0);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

TestSuite(supervise, .timeout = 60, .init = prepare, .fini = tidy);

static void
behave(const char *lines)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/behave", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	cr_assert_eq(write(fd, lines, strlen(lines)), (ssize_t)strlen(lines));
	close(fd);
}

static void
serve(const char *a, const char *b)
{
	const char *args[] = { "--libexec-dir", dir, "--gateways", "2",
		"--stop-grace-ms", "100", a, b, NULL };

	d = daemon_start(args);
	cr_assert_not_null(d);
}

/* A line that a stand-in wrote: its name and process id, and the rest. */
struct line {
	char name[32];
	int pid;
	char rest[96];
};

/*
 * Copy the "nth" (from 0) line of "file" by "name" whose rest contains
 * "text"; returns how many such lines there are.
 */
static size_t
lines(const char *file, const char *name, const char *text, size_t nth,
    struct line *out)
{
	struct line one;
	char path[128], raw[256];
	size_t found = 0;
	FILE *in;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	in = fopen(path, "re");
	while (in != NULL && fgets(raw, sizeof(raw), in) != NULL) {
		memset(&one, 0, sizeof(one));
		if (sscanf(raw, "%31s %d %95[^\n]", one.name, &one.pid,
		    one.rest) < 2 || strcmp(one.name, name) != 0 ||
		    strstr(one.rest, text) == NULL)
			continue;
		if (found++ == nth && out != NULL)
			*out = one;
	}
	if (in != NULL)
		fclose(in);
	return found;
}

struct wanted {
	const char *file, *name, *text;
	size_t count;
};

static int
there_are(void *arg)
{
	struct wanted *w = arg;

	return lines(w->file, w->name, w->text, 0, NULL) >= w->count;
}

static void
await(const char *file, const char *name, const char *text, size_t count)
{
	struct wanted w = { file, name, text, count };

	cr_assert_eq(wait_until(there_are, &w, WAIT_MS), 0,
	    "%zu of %s in %s with \"%s\"", count, name, file, text);
}

static pid_t
started(const char *name, size_t nth)
{
	struct line line;

	cr_assert_gt(lines("starts", name, "", nth, &line), nth);
	return line.pid;
}

static int
connects(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	const char *port = strrchr(daemon_url(d), ':');
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), ok;

	sin.sin_port = htons((in_port_t)atoi(port + 1));
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ok = connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == 0;
	close(fd);
	return ok;
}

Test(supervise, everybody_gets_what_he_needs_and_nothing_else)
{
	struct line line;
	size_t i;

	serve(NULL, NULL);
	cr_assert_eq(lines("starts", "holdfast-broker", "", 0, &line), 1);
	cr_assert_not_null(strstr(line.rest, "fds=4 sid=1"), "%s", line.rest);
	for (i = 0; i < 2; i++) {
		cr_assert_eq(lines("starts", "holdfast-gateway",
		    "fds=4 sid=1", i, NULL), 2);
		cr_assert_eq(lines("told", "holdfast-gateway",
		    "listeners=1 brokers=1", i, NULL), 2);
	}
}

Test(supervise, a_killed_gateway_is_replaced_and_the_port_stays_open)
{
	serve(NULL, NULL);
	cr_assert_eq(kill(started("holdfast-gateway", 0), SIGKILL), 0);
	cr_assert_eq(kill(started("holdfast-gateway", 1), SIGKILL), 0);
	cr_assert(connects(), "no gateway lives, the port is open");
	await("told", "holdfast-gateway", "listeners=1 brokers=1", 4);
	cr_assert_eq(lines("starts", "holdfast-broker", "", 0, NULL), 1);
}

Test(supervise, a_killed_broker_is_replaced_and_joined_to_the_gateways)
{
	serve(NULL, NULL);
	cr_assert_eq(kill(started("holdfast-broker", 0), SIGKILL), 0);
	await("told", "holdfast-gateway", "brokers=2", 2);
	cr_assert_eq(lines("starts", "holdfast-gateway", "", 0, NULL), 2);
}

Test(supervise, what_a_dead_broker_left_is_killed_before_the_next_one)
{
	pid_t orphan;

	behave("holdfast-broker orphan\n");
	serve(NULL, NULL);
	await("starts", "orphan", "", 1);
	orphan = started("orphan", 0);
	cr_assert_eq(kill(orphan, 0), 0);
	behave("");
	cr_assert_eq(kill(started("holdfast-broker", 0), SIGKILL), 0);
	await("starts", "holdfast-broker", "", 2);
	cr_assert(wait_pid_gone(&orphan));
}

Test(supervise, a_hung_gateway_is_found_and_replaced)
{
	pid_t hung;

	serve("--watchdog-ms", "400");
	hung = started("holdfast-gateway", 1);
	cr_assert_eq(kill(hung, SIGSTOP), 0);
	await("starts", "holdfast-gateway", "", 3);
	cr_assert(wait_pid_gone(&hung));
	cr_assert_eq(lines("starts", "holdfast-broker", "", 0, NULL), 1);
}

Test(supervise, a_hung_broker_is_found_and_replaced)
{
	pid_t hung;

	serve("--watchdog-ms", "400");
	hung = started("holdfast-broker", 0);
	cr_assert_eq(kill(hung, SIGSTOP), 0);
	await("told", "holdfast-gateway", "brokers=2", 2);
	cr_assert(wait_pid_gone(&hung));
}

Test(supervise, whoever_keeps_dying_is_started_until_he_stays)
{
	serve(NULL, NULL);
	behave("holdfast-gateway dies\n");
	cr_assert_eq(kill(started("holdfast-gateway", 0), SIGKILL), 0);
	await("starts", "holdfast-gateway", "", 6);
	behave("");
	await("told", "holdfast-gateway", "brokers=1", 3);
}

Test(supervise, sigterm_ends_everything)
{
	serve(NULL, NULL);
	cr_assert_eq(daemon_stop(d, WAIT_MS), 0);
	cr_assert_eq(lines("told", "holdfast-gateway", "stop", 0, NULL), 2);
	cr_assert_eq(lines("told", "holdfast-broker", "stop", 0, NULL), 1);
	cr_assert_eq(daemon_check_clean(d, WAIT_MS), 0);
}

Test(supervise, who_does_not_stop_is_killed)
{
	behave("holdfast-gateway stubborn\nholdfast-broker stubborn\n"
	    "holdfast-broker orphan\n");
	serve(NULL, NULL);
	await("starts", "orphan", "", 1);
	cr_assert_eq(daemon_stop(d, WAIT_MS), 0);
	cr_assert_eq(daemon_check_clean(d, WAIT_MS), 0);
}

Test(supervise, told_twice_means_at_once)
{
	behave("holdfast-gateway stubborn\n");
	serve("--stop-grace-ms", "600000");
	cr_assert_eq(kill(daemon_pid(d), SIGINT), 0);
	await("told", "holdfast-gateway", "stop", 2);
	cr_assert_eq(daemon_stop(d, WAIT_MS), 0);
}

Test(supervise, other_signals_are_ignored)
{
	serve(NULL, NULL);
	cr_assert_eq(kill(daemon_pid(d), SIGHUP), 0);
	cr_assert_eq(kill(daemon_pid(d), SIGPIPE), 0);
	cr_assert_eq(kill(started("holdfast-gateway", 0), SIGKILL), 0);
	await("starts", "holdfast-gateway", "", 3);
	cr_assert_eq(daemon_stop(d, WAIT_MS), 0);
}

Test(supervise, without_a_supervisor_the_others_see_the_end)
{
	serve(NULL, NULL);
	cr_assert_eq(kill(daemon_pid(d), SIGKILL), 0);
	await("told", "holdfast-gateway", "closed", 2);
	await("told", "holdfast-broker", "closed", 1);
}

Test(supervise, gateways_are_replaced_one_by_one)
{
	size_t i;

	serve(NULL, NULL);
	cr_assert_eq(kill(daemon_pid(d), SIGUSR1), 0);
	await("starts", "holdfast-gateway", "", 4);
	await("told", "holdfast-gateway", "leave", 2);
	for (i = 0; i < 2; i++)
		cr_assert_eq(lines("told", "holdfast-gateway", "leave", i,
		    NULL), 2);
	/* Asked again while it goes on, it is done once more. */
	cr_assert_eq(kill(daemon_pid(d), SIGUSR1), 0);
	cr_assert_eq(kill(daemon_pid(d), SIGUSR1), 0);
	await("told", "holdfast-gateway", "leave", 4);
	cr_assert_eq(daemon_stop(d, WAIT_MS), 0);
	cr_assert_eq(daemon_check_clean(d, WAIT_MS), 0);
	cr_assert_eq(lines("starts", "holdfast-broker", "", 0, NULL), 1);
}

Test(supervise, who_does_not_come_up_replaces_nobody)
{
	serve(NULL, NULL);
	behave("holdfast-gateway dies\n");
	cr_assert_eq(kill(daemon_pid(d), SIGUSR1), 0);
	await("starts", "holdfast-gateway", "", 3);
	behave("");
	cr_assert(connects());
	cr_assert_eq(kill(daemon_pid(d), SIGUSR1), 0);
	await("told", "holdfast-gateway", "leave", 2);
	cr_assert_eq(daemon_stop(d, WAIT_MS), 0);
}

/* Start holdfastd itself; "*out" gets the end of its standard output. */
static pid_t
spawn(int *out, const char *const args[])
{
	const char *build = getenv("top_builddir");
	char *program = xasprintf("%s/broker/holdfastd",
	    build != NULL ? build : ".");
	int pipes[2];
	pid_t pid;

	cr_assert_eq(pipe2(pipes, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		dup2(pipes[1], STDOUT_FILENO);
		execv(program, (char *const *)(uintptr_t)args);
		_exit(126);
	}
	close(pipes[1]);
	free(program);
	*out = pipes[0];
	return pid;
}

/* Its exit status, and what it wrote to "fd" in "out". */
static int
collect(pid_t pid, int fd, char *out, size_t size)
{
	int status;
	ssize_t n;

	n = read(fd, out, size - 1);
	out[n > 0 ? n : 0] = '\0';
	close(fd);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int
run(char *out, size_t size, const char *const args[])
{
	int fd;
	pid_t pid = spawn(&fd, args);

	return collect(pid, fd, out, size);
}

static void
expect_refusal(const char *lines_of_behaviour)
{
	char out[256], runtime[128];
	const char *args[] = { "holdfastd", "--allow-root", "--listen",
		"ws://127.0.0.1:0", "--libexec-dir", dir, "--runtime-dir",
		runtime, "--gateways", "1", NULL };

	snprintf(runtime, sizeof(runtime), "%s/run", dir);
	behave(lines_of_behaviour);
	cr_assert_eq(run(out, sizeof(out), args), 1);
	cr_assert_str_eq(out, "");
	cr_assert_eq(access(runtime, F_OK), -1, "the directory is gone");
}

Test(supervise, a_broker_that_does_not_start_is_an_error)
{
	expect_refusal("holdfast-broker dies\n");
	cr_assert_eq(lines("starts", "holdfast-broker", "", 0, NULL), 3);
}

Test(supervise, a_gateway_that_does_not_start_is_an_error)
{
	expect_refusal("holdfast-gateway dies\n");
}

Test(supervise, told_to_stop_while_starting_it_stops_without_a_url)
{
	char out[256], runtime[128];
	const char *args[] = { "holdfastd", "--allow-root", "--listen",
		"ws://127.0.0.1:0", "--libexec-dir", dir, "--runtime-dir",
		runtime, NULL };
	int fd;
	pid_t pid;

	snprintf(runtime, sizeof(runtime), "%s/run", dir);
	behave("holdfast-broker mute\n");
	pid = spawn(&fd, args);
	await("starts", "holdfast-broker", "", 1);
	cr_assert_eq(kill(pid, SIGTERM), 0);
	cr_assert_eq(collect(pid, fd, out, sizeof(out)), 0);
	cr_assert_str_eq(out, "");
	cr_assert_eq(access(runtime, F_OK), -1);
}

Test(supervise, another_version_is_an_error)
{
	expect_refusal("holdfast-gateway newer\n");
}

Test(supervise, a_taken_port_is_an_error_without_a_url)
{
	char out[256], runtime[128];
	const char *args[] = { "holdfastd", "--allow-root", "--listen", NULL,
		"--libexec-dir", dir, "--runtime-dir", runtime, NULL };

	serve(NULL, NULL);
	args[3] = daemon_url(d);
	snprintf(runtime, sizeof(runtime), "%s/run", dir);
	cr_assert_eq(run(out, sizeof(out), args), 1);
	cr_assert_str_eq(out, "");
}

Test(supervise, a_second_one_in_the_same_directory_is_an_error)
{
	char out[256];
	const char *args[] = { "holdfastd", "--allow-root", "--listen",
		"ws://127.0.0.1:0", "--libexec-dir", dir, "--runtime-dir",
		NULL, NULL };

	serve(NULL, NULL);
	args[7] = daemon_runtime_dir(d);
	cr_assert_eq(run(out, sizeof(out), args), 1);
	cr_assert_str_eq(out, "");
}

Test(supervise, checking_serves_nothing)
{
	char out[256];
	const char *good[] = { "holdfastd", "-n", "--allow-root", NULL };
	const char *bad[] = { "holdfastd", "-n", "--allow-root",
		"--gateways", "0", NULL };

	cr_assert_eq(run(out, sizeof(out), good), 0);
	cr_assert_str_eq(out, "");
	cr_assert_eq(run(out, sizeof(out), bad), 1);
	cr_assert_eq(lines("starts", "holdfast-broker", "", 0, NULL), 0);
}

Test(supervise, version_and_help_go_to_standard_output)
{
	char out[64];
	const char *version[] = { "holdfastd", "--version", NULL };
	const char *help[] = { "holdfastd", "--help", NULL };

	cr_assert_eq(run(out, sizeof(out), version), 0);
	cr_assert_str_eq(out, "holdfastd " PACKAGE_VERSION "\n");
	cr_assert_eq(run(out, sizeof(out), help), 0);
	cr_assert_eq(strncmp(out, "usage: holdfastd", 16), 0);
}

static void
hear(int fd, const char *want)
{
	char got[64];
	ssize_t n;

	cr_assert_geq(wait_fd(fd, POLLIN, deadline_in(WAIT_MS)), 0);
	n = recv(fd, got, sizeof(got) - 1, 0);
	cr_assert_gt(n, 0);
	got[n] = '\0';
	cr_assert_str_eq(got, want);
}

Test(supervise, the_service_manager_is_told)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char own[96];

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/notify", dir);
	cr_assert_eq(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	setenv("NOTIFY_SOCKET", sun.sun_path, 1);
	serve(NULL, NULL);
	hear(fd, "READY=1");
	/* The broker tells us, and gateways nobody. */
	snprintf(own, sizeof(own), "notify=%s/notify", daemon_runtime_dir(d));
	cr_assert_eq(lines("starts", "holdfast-broker", own, 0, NULL), 1);
	cr_assert_eq(lines("starts", "holdfast-gateway", "notify=no", 0,
	    NULL), 2);
	cr_assert_eq(daemon_stop(d, WAIT_MS), 0);
	hear(fd, "STOPPING=1");
	close(fd);
	unlink(sun.sun_path);
}
