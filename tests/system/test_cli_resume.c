/* SPDX-License-Identifier: ISC */
/* holdfast run: the connection breaks, the command goes on. */
#include "config.h"

#include <sys/types.h>

#include <fcntl.h>
#include <sha2.h>
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

#define ROUNDS 3
#define GATEWAYS 8
#define LINES 30000
#define INPUT_SIZE 8000000

static const char *const quick[] = {
	"--gateways", "1", "--detach-ttl-ms", "500", NULL
};

static void
kill_gateways(struct daemon *daemon, int sig)
{
	pid_t pids[GATEWAYS];
	size_t i, n = daemon_find(daemon, "holdfast-gateway", pids, GATEWAYS);

	for (i = 0; i < n && i < GATEWAYS; i++)
		kill(pids[i], sig);
}

static int
count(const char *text, const char *what)
{
	int n = 0;

	for (; (text = strstr(text, what)) != NULL; text += strlen(what))
		n++;
	return n;
}

/*
 * Numbered lines: every one once, whatever happens meanwhile.  The last ones
 * are written when the client has been there again.
 */
static void
story_output(struct daemon *daemon)
{
	char *path = xasprintf("%s/again", daemon_dir(daemon));
	char *script = xasprintf("i=0; while [ $i -lt 30000 ]; do "
	    "[ $i -ne 25000 ] || until [ -e %s ]; do sleep 0.05; done; "
	    "echo line $i; i=$((i + 1)); done; exit 7", path);
	const char *const args[] = { "sh", "-c", script, NULL };
	struct cli *cli = cli_start_null(daemon_url(daemon), args);
	char line[32], *want = xmalloc(LINES * 16);
	size_t len = 0, at;
	int i, status;

	for (i = 1; i <= ROUNDS; i++) {
		snprintf(line, sizeof(line), "line %d\n", LINES / 5 * i);
		cli_expect(cli, line);
		kill_gateways(daemon, SIGKILL);
		at = cli_out_len(cli);
		cli_expect_bytes(cli, at + 10000);
	}
	tap_ok(cli_expect_error(cli, "connected again after") == 0,
	    "it is told how long it took");
	close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	status = cli_wait(cli);
	for (i = 0; i < LINES; i++)
		len += (size_t)snprintf(want + len, 16, "line %d\n", i);
	tap_ok(status == 7, "the status is the job's own (%d)", status);
	tap_ok(len == cli_out_len(cli) && strcmp(want, cli_out(cli)) == 0,
	    "every line once");
	free(want);
	free(script);
	free(path);
	cli_free(cli);
}

/* The gateway dies while nobody reads the client's output. */
static void
story_slow_reader(struct daemon *daemon)
{
	static const char *const args[] = { "sh", "-c",
		"head -c 20000000 /dev/zero; echo end", NULL };
	struct cli *cli = cli_start_null(daemon_url(daemon), args);
	int status;

	cli_deaf(cli, 1);
	tap_ok(cli_wait_full(cli) == 0, "nobody reads the output");
	kill_gateways(daemon, SIGKILL);
	tap_ok(cli_expect_error(cli, "connected again") == 0,
	    "the dead gateway is noticed all the same");
	cli_deaf(cli, 0);
	status = cli_wait(cli);
	tap_ok(status == 0 && cli_out_len(cli) == 20000004,
	    "and nothing is lost: %zu bytes", cli_out_len(cli));
	cli_free(cli);
}

static void
story_input(struct daemon *daemon)
{
	static const char *const args[] = { "-q", "head", "-c", "8000000",
		NULL };
	char sent[SHA256_DIGEST_STRING_LENGTH];
	char out[SHA256_DIGEST_STRING_LENGTH];
	char *data = xmalloc(INPUT_SIZE);
	struct cli *cli = cli_start(daemon_url(daemon), args);
	int i, status;

	arc4random_buf(data, INPUT_SIZE);
	SHA256Data((uint8_t *)data, INPUT_SIZE, sent);
	cli_input(cli, data, INPUT_SIZE);
	for (i = 1; i <= ROUNDS; i++) {
		cli_expect_bytes(cli, (size_t)INPUT_SIZE / 5 * (size_t)i);
		kill_gateways(daemon, SIGKILL);
	}
	status = cli_wait(cli);
	SHA256Data((const uint8_t *)cli_out(cli), cli_out_len(cli), out);
	tap_ok(status == 0 && strcmp(sent, out) == 0,
	    "input under way arrives once: status %d, %zu bytes", status,
	    cli_out_len(cli));
	tap_ok(*cli_err(cli) == '\0', "with -q, not a word");
	free(data);
	cli_free(cli);
}

/* Starts while gateways die: each runs once. */
static void
story_start(struct daemon *daemon)
{
	char *script = xasprintf("echo x >> %s/started", daemon_dir(daemon));
	const char *const args[] = { "-q", "sh", "-c", script, NULL };
	struct cli *clis[20];
	char *path, text[64] = "";
	size_t n, i, good = 0;
	FILE *f;

	for (i = 0; i < 20; i++) {
		clis[i] = cli_start_null(daemon_url(daemon), args);
		if (i % 4 == 3)
			kill_gateways(daemon, SIGKILL);
	}
	for (i = 0; i < 20; i++) {
		good += cli_wait(clis[i]) == 0;
		if (*cli_err(clis[i]) != '\0')
			tap_note("%s", cli_err(clis[i]));
		cli_free(clis[i]);
	}
	path = xasprintf("%s/started", daemon_dir(daemon));
	if ((f = fopen(path, "re")) != NULL) {
		n = fread(text, 1, sizeof(text) - 1, f);
		text[n] = '\0';
		fclose(f);
	}
	tap_ok(good == 20, "starts while gateways die: %zu of 20 came home",
	    good);
	tap_ok(count(text, "x\n") == (int)good, "and each ran once: %d",
	    count(text, "x\n"));
	free(path);
	free(script);
}

static int
no_runner(void *daemon)
{
	return daemon_find(daemon, "holdfast-runner", NULL, 0) == 0;
}

/* Asleep for longer than the session lives without a connection. */
static void
story_gone(struct daemon *daemon)
{
	static const char *const args[] = { "sh", "-c",
		"echo ready; exec sleep 1000", NULL };
	struct cli *cli = cli_start_null(daemon_url(daemon), args);
	int status;

	cli_expect(cli, "ready\n");
	kill(cli_pid(cli), SIGSTOP);
	kill_gateways(daemon, SIGKILL);
	tap_ok(wait_until(no_runner, daemon, CLI_MS) == 0,
	    "the session has expired");
	kill(cli_pid(cli), SIGCONT);
	status = cli_wait(cli);
	tap_ok(status == 125 && strstr(cli_err(cli), "session is gone") !=
	    NULL, "the client says so: %d, %s", status, cli_err(cli));
	cli_free(cli);
}

/* The whole server goes away. */
static void
story_server_gone(void)
{
	static const char *const args[] = { "sh", "-c",
		"echo ready; exec sleep 1000", NULL };
	struct daemon *daemon = daemon_start(NULL);
	struct cli *cli;
	int status;

	if (!tap_ok(daemon != NULL, "a server that will go away"))
		return;
	cli = cli_start_null(daemon_url(daemon), args);
	cli_expect(cli, "ready\n");
	tap_ok(daemon_stop(daemon, CLI_MS) == 0, "it has gone");
	tap_ok(cli_expect_error(cli, "trying again") == 0,
	    "the client tries again");
	/* Its job ends with its session, whenever the client is back. */
	kill(cli_pid(cli), SIGTERM);
	status = cli_wait(cli);
	tap_ok(status == 143 && strstr(cli_err(cli), "not confirmed") != NULL,
	    "SIGTERM ends the client all the same: %d", status);
	cli_free(cli);
	daemon_free(daemon, tap_failed() > 0);
}

int
main(void)
{
	struct daemon *daemon;

	signal(SIGPIPE, SIG_IGN);
	daemon = daemon_start(NULL);
	if (tap_ok(daemon != NULL, "holdfastd runs")) {
		story_output(daemon);
		story_slow_reader(daemon);
		story_input(daemon);
		story_start(daemon);
		tap_ok(daemon_stop(daemon, CLI_MS) == 0,
		    "holdfastd ends with 0");
		tap_ok(daemon_check_clean(daemon, CLI_MS) == 0,
		    "nothing is left behind");
	}
	daemon_free(daemon, tap_failed() > 0);
	daemon = daemon_start(quick);
	if (tap_ok(daemon != NULL, "holdfastd with a short memory runs"))
		story_gone(daemon);
	daemon_free(daemon, tap_failed() > 0);
	story_server_gone();
	return tap_done();
}
