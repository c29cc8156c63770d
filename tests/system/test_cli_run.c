/* SPDX-License-Identifier: ISC */
/* holdfast run: as if the command ran here. */
#include "config.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <netinet/in.h>

#include <arpa/inet.h>

#include <sha2.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/xmalloc.h"
#include "tests/lib/daemon.h"
#include "tests/lib/procfs.h"
#include "tests/lib/tap.h"
#include "tests/lib/wait.h"
#include "tests/system/cli.h"

#define BINARY_SIZE 5000000

static const struct {
	const char *what;
	const char *args[6];
	int status;
	const char *out; /* exactly, unless NULL */
	const char *err; /* part of it, "" for nothing at all */
} runs[] = {
	{ "success", { "true" }, 0, "", "" },
	{ "failure", { "false" }, 1, "", "" },
	{ "a status of its own", { "sh", "-c", "exit 42" }, 42, "", "" },
	{ "killed by a signal", { "sh", "-c", "kill -KILL $$" }, 137, "",
	  "" },
	{ "ended by a signal", { "sh", "-c", "kill -TERM $$" }, 143, "", "" },
	{ "output apart", { "sh", "-c", "echo out; echo err >&2" }, 0,
	  "out\n", "err\n" },
	{ "arguments as they are", { "printf", "%s|", "a b", "", "$x\n" }, 0,
	  "a b||$x\n|", "" },
	{ "no such command", { "/no/such/command" }, 127, "",
	  "No such file or directory" },
	{ "not executable", { "/etc/passwd" }, 126, "",
	  "Permission denied" },
	{ "no such directory", { "-C", "/no/such", "true" }, 127, "",
	  "No such file or directory" },
	{ "a directory", { "-C", "/usr/bin/..", "pwd" }, 0, "/usr\n", "" },
	{ "a variable", { "-e", "A=b c", "sh", "-c", "echo \"$A\"" }, 0,
	  "b c\n", "" },
	{ "only our environment", { "--inherit-env", "sh", "-c",
	  "echo $CLI_TEST" }, 0, "from here\n", "" },
	{ "no input", { "cat" }, 0, "", "" },
	{ "no terminal", { "sh", "-c", "test -t 1 || echo none" }, 0,
	  "none\n", "" },
	{ "a terminal anyway", { "-t", "sh", "-c", "test -t 1 && echo one" },
	  0, "one\r\n", "" },
	{ "late output", { "sh", "-c", "(sleep 0.3; echo late) & exit 3" },
	  3, "late\n", "" },
};

static void
story_runs(const char *url)
{
	char *out, *err;
	size_t i;
	int status;

	setenv("CLI_TEST", "from here", 1);
	for (i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
		status = cli_run(url, runs[i].args, NULL, 0, &out, &err);
		if (!tap_ok(status == runs[i].status &&
		    strcmp(out, runs[i].out) == 0 &&
		    (*runs[i].err == '\0' ? *err == '\0' :
		    strstr(err, runs[i].err) != NULL), "%s", runs[i].what))
			tap_note("status %d, out <%s>, err <%s>", status, out,
			    err);
		free(out);
		free(err);
	}
}

static void
digest(const void *data, size_t len, char hex[SHA256_DIGEST_STRING_LENGTH])
{
	SHA256Data(data, len, hex);
}

static void
story_binary(const char *url)
{
	static const char *const args[] = { "sh", "-c",
		"head -c 5000000 | tee /dev/stderr; exit 9", NULL };
	char sent[SHA256_DIGEST_STRING_LENGTH];
	char out[SHA256_DIGEST_STRING_LENGTH];
	char *data = xmalloc(BINARY_SIZE);
	struct cli *cli = cli_start(url, args);
	int status;

	arc4random_buf(data, BINARY_SIZE);
	digest(data, BINARY_SIZE, sent);
	cli_input(cli, data, BINARY_SIZE);
	status = cli_wait(cli);
	digest(cli_out(cli), cli_out_len(cli), out);
	tap_ok(status == 9 && cli_out_len(cli) == BINARY_SIZE &&
	    strcmp(sent, out) == 0, "5 MB through stdin to stdout: status "
	    "%d, %zu bytes", status, cli_out_len(cli));
	tap_ok(memcmp(cli_err(cli), data, BINARY_SIZE) == 0,
	    "the same 5 MB on stderr");
	free(data);
	cli_free(cli);
}

/* A reader that stops holds the job back, and loses nothing. */
static void
story_slow_reader(const char *url)
{
	static const char *const args[] = { "sh", "-c",
		"head -c 20000000 /dev/zero; echo end", NULL };
	struct cli *cli = cli_start_null(url, args);

	int status;

	cli_deaf(cli, 1);
	tap_ok(cli_wait_full(cli) == 0, "nobody reads the output");
	cli_deaf(cli, 0);
	status = cli_wait(cli);
	tap_ok(status == 0 && cli_out_len(cli) == 20000004,
	    "a slow reader gets all of it: %zu bytes", cli_out_len(cli));
	cli_free(cli);
}

static int
file_exists(void *path)
{
	return access(path, F_OK) == 0;
}

/* The pid that a job wrote to a file, 0 if none. */
static pid_t
pid_in(const char *path)
{
	int pid = 0;
	FILE *f;

	if (wait_until(file_exists, (void *)(uintptr_t)path, CLI_MS) == -1 ||
	    (f = fopen(path, "re")) == NULL)
		return 0;
	if (fscanf(f, "%d", &pid) != 1)
		pid = 0;
	fclose(f);
	return pid;
}

static void
story_hang_up(struct daemon *daemon)
{
	char *path = xasprintf("%s/yes.pid", daemon_dir(daemon));
	char *script = xasprintf("echo $$ > %s.new; mv %s.new %s; exec yes",
	    path, path, path);
	const char *const args[] = { "sh", "-c", script, NULL };
	struct cli *cli = cli_start_null(daemon_url(daemon), args);
	pid_t pid;

	cli_expect_bytes(cli, 100000);
	pid = pid_in(path);
	cli_hang_up(cli);
	tap_ok(cli_wait(cli) == 128 + SIGPIPE,
	    "nobody reads: as if SIGPIPE had ended it");
	tap_ok(pid > 0 && wait_until(wait_pid_gone, &pid, CLI_MS) == 0,
	    "the job has ended, too");
	cli_free(cli);
	free(script);
	free(path);
}

/*
 * Again, at most a second after the last one was caught.  Where the machine
 * is slower than that it only begins anew.
 */
static void
interrupt_again(struct cli *cli)
{
	pid_t pid = cli_pid(cli);
	int tries;

	kill(pid, SIGINT);
	for (tries = 0; tries < 5 &&
	    wait_until(wait_pid_gone, &pid, 10000) == -1; tries++) {
		kill(pid, SIGINT);
		poll(NULL, 0, 100);
		kill(pid, SIGINT);
	}
}

static const char trap_script[] =
    "trap 'echo caught' INT; echo ready; while :; do sleep 0.05; done";

static void
story_signals(const char *url)
{
	static const struct {
		int sig;
		int times;
		int status;
		const char *caught;
	} signals[] = {
		{ SIGTERM, 1, 143, "" },
		{ SIGHUP, 1, 129, "" },
		{ SIGQUIT, 1, 131, "" },
	};
	static const char *const args[] = { "sh", "-c", trap_script, NULL };
	struct cli *cli;
	size_t i;

	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		cli = cli_start_null(url, args);
		cli_expect(cli, "ready\n");
		kill(cli_pid(cli), signals[i].sig);
		tap_ok(cli_wait(cli) == signals[i].status,
		    "signal %d ends job and client", signals[i].sig);
		cli_free(cli);
	}
	cli = cli_start_null(url, args);
	cli_expect(cli, "ready\n");
	kill(cli_pid(cli), SIGINT);
	tap_ok(cli_expect(cli, "caught\n") == 0, "SIGINT reaches the job");
	interrupt_again(cli);
	tap_ok(cli_wait(cli) == 137, "a second one at once ends it");
	cli_free(cli);
}

static void
story_fifo_end(const char *url)
{
	static const char *const args[] = { "sh", "-c",
		"read line; echo got $line", NULL };
	char *out;
	int status;

	status = cli_run(url, args, "a line\n", 7, &out, NULL);
	tap_ok(status == 0 && strcmp(out, "got a line\n") == 0,
	    "input that ends");
	free(out);
}

/* A port that nobody listens on: bound, not listened to. */
static void
story_no_server(void)
{
	static const char *const args[] = { "true", NULL };
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char *url, *err;
	int status;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    getsockname(fd, (struct sockaddr *)&sin, &len) == -1)
		abort();
	url = xasprintf("ws://127.0.0.1:%d", ntohs(sin.sin_port));
	status = cli_run(url, args, NULL, 0, NULL, &err);
	tap_ok(status == 125 && strstr(err, "Connection refused") != NULL &&
	    strstr(err, url) != NULL, "no server");
	free(err);
	free(url);
	close(fd);
}

static void
story_bad_calls(const char *url)
{
	static const struct {
		const char *what;
		const char *args[6];
		const char *err;
	} calls[] = {
		{ "no command", { NULL }, "no command" },
		{ "an unknown option", { "--nonsense", "x" }, "usage:" },
		{ "not a URL", { "--url", "http://h", "x" }, "ws://" },
		{ "TLS", { "--url", "wss://h", "x" }, "wss://" },
		{ "no token file", { "--token-file", "/no/such", "x" },
		  "No such file" },
		{ "an empty token file", { "--token-file", "/dev/null",
		  "x" }, "token" },
		{ "a token over the network", { "--url", "ws://192.0.2.1:1",
		  "--token-file", "/dev/null", "x" }, "clear text" },
		{ "a path that is not there", { "--url", "NOWHERE", "x" },
		  "404" },
		{ "an argument that is not UTF-8", { "echo", "\xff" },
		  "UTF-8" },
	};
	const char *args[6];
	char *err, *nowhere = xasprintf("%s/nowhere", url);
	size_t i;

	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		memcpy(args, calls[i].args, sizeof(args));
		if (args[0] != NULL && strcmp(args[1], "NOWHERE") == 0)
			args[1] = nowhere;
		if (!tap_ok(cli_run(url, args, NULL, 0, NULL, &err) == 125 &&
		    strstr(err, calls[i].err) != NULL, "%s", calls[i].what))
			tap_note("err <%s>", err);
		free(err);
	}
	free(nowhere);
}

int
main(void)
{
	struct daemon *daemon;

	signal(SIGPIPE, SIG_IGN);
	story_no_server();
	daemon = daemon_start(NULL);
	if (tap_ok(daemon != NULL, "holdfastd runs")) {
		story_runs(daemon_url(daemon));
		story_binary(daemon_url(daemon));
		story_slow_reader(daemon_url(daemon));
		story_hang_up(daemon);
		story_signals(daemon_url(daemon));
		story_fifo_end(daemon_url(daemon));
		story_bad_calls(daemon_url(daemon));
		tap_ok(daemon_stop(daemon, CLI_MS) == 0,
		    "holdfastd ends with 0");
		tap_ok(daemon_check_clean(daemon, CLI_MS) == 0,
		    "nothing is left behind");
	}
	daemon_free(daemon, tap_failed() > 0);
	return tap_done();
}
