/* SPDX-License-Identifier: ISC */
/* holdfast run on a terminal: keys go to the job, its state comes back. */
#include "config.h"

#include <sys/types.h>
#include <sys/wait.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "tests/lib/daemon.h"
#include "tests/lib/procfs.h"
#include "tests/lib/tap.h"
#include "tests/lib/wait.h"
#include "tests/system/cli.h"

static const char *const reader[] = { "sh", "-c",
	"echo ready; while read -r l; do echo got $l; done; echo over; exit 5",
	NULL };

/* What a shell would have set before. */
static struct termios before;

static int
is_raw(const struct cli *cli)
{
	struct termios t;

	return cli_termios(cli, &t) == 0 &&
	    (t.c_lflag & (ICANON | ECHO | ISIG)) == 0;
}

static int
is_raw_cb(void *cli)
{
	return is_raw(cli);
}

static int
is_restored(const struct cli *cli)
{
	struct termios t;

	return cli_termios(cli, &t) == 0 && t.c_lflag == before.c_lflag &&
	    t.c_iflag == before.c_iflag && t.c_oflag == before.c_oflag &&
	    t.c_cflag == before.c_cflag &&
	    memcmp(t.c_cc, before.c_cc, sizeof(t.c_cc)) == 0;
}

static int
is_restored_cb(void *cli)
{
	return is_restored(cli);
}

static struct cli *
start(struct daemon *daemon, const char *const args[], const char *ready)
{
	struct cli *cli = cli_start_tty(daemon_url(daemon), args);

	/* Before the client has touched it: nothing ran on it earlier. */
	if (cli_expect(cli, ready) == -1)
		tap_note("no \"%s\": %s", ready, cli_out(cli));
	return cli;
}

static void
type(struct cli *cli, const char *keys)
{
	cli_input(cli, keys, strlen(keys));
}

static void
story_keys(struct daemon *daemon)
{
	struct cli *cli = start(daemon, reader, "ready\r\n");
	int status;

	tap_ok(is_raw(cli), "the terminal is raw while the job runs");
	type(cli, "hello\r");
	tap_ok(cli_expect(cli, "got hello\r\n") == 0, "a line is read");
	tap_ok(strstr(cli_out(cli), "hello\r\ngot") != NULL,
	    "the job's terminal echoes it");
	type(cli, "\x04");
	status = cli_wait(cli);
	tap_ok(status == 5 && strstr(cli_out(cli), "over") != NULL,
	    "Ctrl-D ends its input (%d)", status);
	tap_ok(is_restored(cli), "its state is as before");
	cli_free(cli);
}

static void
story_ctrl_c(struct daemon *daemon)
{
	static const char *const sleeper[] = { "sh", "-c",
		"echo ready; exec sleep 1000", NULL };
	static const char *const trapper[] = { "sh", "-c", "trap 'echo "
		"caught' INT; echo ready; while :; do sleep 0.05; done",
		NULL };
	struct cli *cli = start(daemon, sleeper, "ready\r\n");
	int status;

	type(cli, "\x03");
	status = cli_wait(cli);
	tap_ok(status == 130, "Ctrl-C interrupts the job (%d)", status);
	tap_ok(is_restored(cli), "its state is as before");
	cli_free(cli);
	cli = start(daemon, trapper, "ready\r\n");
	type(cli, "\x03");
	tap_ok(cli_expect(cli, "caught") == 0, "a job may catch it");
	kill(cli_pid(cli), SIGTERM);
	status = cli_wait(cli);
	tap_ok(status == 143, "SIGTERM ends it (%d)", status);
	tap_ok(is_restored(cli), "its state is as before");
	cli_free(cli);
}

static void
story_what_the_job_sees(struct daemon *daemon)
{
	static const char *const args[] = { "sh", "-c",
		"test -t 0 && test -t 1 && test -t 2 && echo $TERM", NULL };
	struct cli *cli;

	setenv("TERM", "vt100-test", 1);
	cli = start(daemon, args, "vt100-test\r\n");
	tap_ok(cli_wait(cli) == 0, "a terminal on all three, and TERM");
	cli_free(cli);
}

static int
is_stopped(void *arg)
{
	struct procfs_entry entry;

	return procfs_get(cli_pid(arg), &entry) == 0 && entry.state == 'T';
}

static void
story_suspend(struct daemon *daemon)
{
	struct cli *cli = start(daemon, reader, "ready\r\n");

	kill(cli_pid(cli), SIGTSTP);
	tap_ok(wait_until(is_stopped, cli, CLI_MS) == 0, "SIGTSTP stops it");
	tap_ok(is_restored(cli), "its state is as before");
	kill(cli_pid(cli), SIGCONT);
	tap_ok(wait_until(is_raw_cb, cli, CLI_MS) == 0, "raw again");
	type(cli, "again\r");
	tap_ok(cli_expect(cli, "got again\r\n") == 0, "and it goes on");
	/* Nobody can do anything before this one; but after it. */
	kill(cli_pid(cli), SIGSTOP);
	tap_ok(wait_until(is_stopped, cli, CLI_MS) == 0, "SIGSTOP stops it");
	kill(cli_pid(cli), SIGCONT);
	type(cli, "more\r");
	tap_ok(cli_expect(cli, "got more\r\n") == 0, "and it goes on");
	tap_ok(is_raw(cli), "still raw");
	type(cli, "\x04");
	cli_wait(cli);
	tap_ok(is_restored(cli), "its state is as before");
	cli_free(cli);
}

static void
story_gateway_dies(struct daemon *daemon)
{
	struct cli *cli = start(daemon, reader, "ready\r\n");
	pid_t pids[8];
	size_t i, n = daemon_find(daemon, "holdfast-gateway", pids, 8);

	for (i = 0; i < n; i++)
		kill(pids[i], SIGKILL);
	type(cli, "still\r");
	tap_ok(cli_expect(cli, "got still\r\n") == 0,
	    "keys arrive over a dead gateway");
	tap_ok(cli_expect(cli, "connected again") == 0 && is_raw(cli),
	    "it says so and stays raw");
	type(cli, "\x04");
	tap_ok(cli_wait(cli) == 5, "to the end");
	cli_free(cli);
}

static void
story_server_dies(void)
{
	struct daemon *daemon = daemon_start(NULL);
	struct cli *cli;
	pid_t broker;
	int status;

	if (!tap_ok(daemon != NULL &&
	    daemon_find(daemon, "holdfast-broker", &broker, 1) == 1,
	    "a server that will be killed"))
		return;
	cli = start(daemon, reader, "ready\r\n");
	/* One of them alone would be replaced, and nothing lost. */
	daemon_kill(daemon);
	kill(broker, SIGKILL);
	tap_ok(cli_expect(cli, "Ctrl-C gives up") == 0,
	    "the client says how to leave");
	type(cli, "\x03");
	status = cli_wait(cli);
	tap_ok(status == 130, "Ctrl-C leaves (%d)", status);
	tap_ok(is_restored(cli), "its state is as before");
	cli_free(cli);
	tap_ok(daemon_check_alive(daemon, CLI_MS) == 0,
	    "nothing outlives the server");
	daemon_free(daemon, 0);
}

static void
story_fails(void)
{
	static const char *const nowhere[] = { "-t", "--url",
		"ws://127.0.0.1:1/", "true", NULL };
	struct cli *cli = cli_start_tty(NULL, nowhere);

	tap_ok(cli_wait(cli) == 125 && is_restored(cli),
	    "no server: its state is as before");
	cli_free(cli);
}

/* A job at full speed, and a signal in the middle of it. */
static void
story_flood(struct daemon *daemon)
{
	static const char *const args[] = { "yes", "holdfast", NULL };
	struct cli *cli = start(daemon, args, "holdfast\r\n");

	cli_expect_bytes(cli, 300000);
	kill(cli_pid(cli), SIGHUP);
	tap_ok(cli_wait(cli) == 129, "SIGHUP in a flood of output");
	tap_ok(wait_until(is_restored_cb, cli, CLI_MS) == 0,
	    "its state is as before");
	cli_free(cli);
}

int
main(void)
{
	static const char *const nothing[] = { "--version", NULL };
	struct daemon *daemon;
	struct cli *cli;

	signal(SIGPIPE, SIG_IGN);
	/* All terminals begin alike. */
	cli = cli_start_tty(NULL, nothing);
	cli_wait(cli);
	cli_termios(cli, &before);
	cli_free(cli);
	story_fails();
	daemon = daemon_start(NULL);
	if (tap_ok(daemon != NULL, "holdfastd runs")) {
		story_keys(daemon);
		story_ctrl_c(daemon);
		story_what_the_job_sees(daemon);
		story_suspend(daemon);
		story_gateway_dies(daemon);
		story_flood(daemon);
		tap_ok(daemon_stop(daemon, CLI_MS) == 0,
		    "holdfastd ends with 0");
		tap_ok(daemon_check_clean(daemon, CLI_MS) == 0,
		    "nothing is left behind");
	}
	daemon_free(daemon, tap_failed() > 0);
	story_server_dies();
	return tap_done();
}
