/* SPDX-License-Identifier: ISC */
/* holdfast run --detach, attach, ps, the escape character, sizes. */
#include "config.h"

#include <sys/types.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/xmalloc.h"
#include "tests/lib/daemon.h"
#include "tests/lib/tap.h"
#include "tests/system/cli.h"

#define STATUS_TAKEN 124
#define STATUS_FAILED 125

/* "SESSION PROCESS\n" as run --detach prints it. */
struct left {
	char session[64];
	char process[64];
};

static int
parse_left(const char *out, struct left *left)
{
	return sscanf(out, "%63s %63s", left->session, left->process) == 2 ?
	    0 : -1;
}

static int
run_detached(struct daemon *daemon, const char *script, const char *tty,
    struct left *left)
{
	const char *args[] = { "--detach", "--ttl", "1h", tty, "sh", "-c",
		script, NULL };
	char *out = NULL, *err = NULL;
	int status, good;

	status = cli_run(daemon_url(daemon), args, NULL, 0, &out, &err);
	good = status == 0 && out != NULL && parse_left(out, left) == 0 &&
	    strstr(err, "3600 seconds") != NULL;
	if (!good)
		tap_note("status %d: %s%s", status, out, err);
	free(out);
	free(err);
	return good;
}

static int
attach(struct daemon *daemon, const struct left *left, char **out, char **err)
{
	const char *args[] = { "attach", left->session, NULL };

	return cli_run(daemon_url(daemon), args, NULL, 0, out, err);
}

static void
story_detach(struct daemon *daemon)
{
	char *path = xasprintf("%s/go-on", daemon_dir(daemon));
	char *script = xasprintf("echo one; until [ -e %s ]; do sleep 0.05; "
	    "done; echo two; exit 6", path);
	struct left left;
	struct cli *cli;
	char *out, *err;
	const char *ps[] = { "ps", left.session, NULL };
	const char *back[] = { "attach", left.session, NULL };
	int status;

	if (!tap_ok(run_detached(daemon, script, "-T", &left),
	    "a job is left running"))
		goto out;
	status = cli_run(daemon_url(daemon), ps, NULL, 0, &out, &err);
	tap_ok(status == 0 && strstr(out, left.process) != NULL,
	    "it is listed (%d)", status);
	free(out);
	free(err);
	cli = cli_start_null(daemon_url(daemon), back);
	cli_expect(cli, "one\n");
	close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	status = cli_wait(cli);
	tap_ok(status == 6, "its status comes back (%d)", status);
	tap_ok(strcmp(cli_out(cli), "one\ntwo\n") == 0,
	    "with all of its output");
	cli_free(cli);
	status = attach(daemon, &left, &out, &err);
	tap_ok(status == STATUS_FAILED && strstr(err, "nothing runs") != NULL,
	    "then nothing is left to attach to");
	free(out);
	free(err);
	status = cli_run(daemon_url(daemon), ps, NULL, 0, &out, &err);
	tap_ok(status == 0 && strstr(out, "exit 6") != NULL,
	    "but to be seen");
	free(out);
	free(err);
out:
	free(script);
	free(path);
}

static char *
all_left(struct daemon *daemon, int *status)
{
	static const char *const ps[] = { "ps", NULL };
	char *out;

	*status = cli_run(daemon_url(daemon), ps, NULL, 0, &out, NULL);
	return out;
}

/* Whether a line has all three. */
static int
is_listed(const char *out, const struct left *left, const char *state)
{
	const char *line = strstr(out, left->session), *end;
	char *one;
	int good;

	if (line == NULL)
		return 0;
	end = strchrnul(line, '\n');
	one = strndup(line, (size_t)(end - line));
	good = one != NULL && strstr(one, left->process) != NULL &&
	    strstr(one, state) != NULL;
	free(one);
	return good;
}

/* Where nobody remembers what is left, nobody can come back to it. */
static void
story_all_left(struct daemon *daemon)
{
	struct left runs, ended;
	const char *const back[] = { "attach", runs.session, NULL };
	struct cli *holder;
	char *out;
	int status;

	cli_remember_in(daemon_dir(daemon));
	out = all_left(daemon, &status);
	tap_ok(status == 0 && *out == '\0', "nothing is left: %d", status);
	free(out);
	if (!tap_ok(run_detached(daemon, "echo here; read x", "-t",
	    &runs) && run_detached(daemon, "exit 6", "-T", &ended),
	    "two jobs are left"))
		return;
	status = attach(daemon, &ended, NULL, NULL);
	out = all_left(daemon, &status);
	tap_ok(status == 0 && is_listed(out, &runs, "running") &&
	    is_listed(out, &ended, "exit 6") &&
	    strstr(out, "sh -c exit 6") != NULL, "both are listed");
	free(out);
	holder = cli_start_tty(daemon_url(daemon), back);
	tap_ok(cli_expect(holder, "here\r\n") == 0, "one is attached to");
	out = all_left(daemon, &status);
	tap_ok(status == 0 && is_listed(out, &runs, "attached"),
	    "which is told, and disturbs nobody");
	free(out);
	cli_input(holder, "\r", 1);
	tap_ok(cli_wait(holder) == 1 || cli_wait(holder) == 0,
	    "it goes on to its end");
	cli_free(holder);
}

/* A server that knows nothing any more: told once. */
static void
story_gone(struct daemon *daemon)
{
	static const char *const brief[] = { "--max-detach-ttl-ms", "1",
		"--detach-ttl-ms", "1", NULL };
	struct daemon *other = daemon_start(brief);
	static const char *const args[] = { "--detach", "sleep", "300",
		NULL };
	struct left left;
	char *out = NULL;
	int status;

	if (!tap_ok(other != NULL, "a server that forgets at once"))
		return;
	cli_remember_in(daemon_dir(daemon));
	status = cli_run(daemon_url(other), args, NULL, 0, &out, NULL);
	tap_ok(status == 0 && parse_left(out, &left) == 0 &&
	    daemon_wait_none(other, "holdfast-runner", CLI_MS) == 0,
	    "a job is left, and its session ends");
	free(out);
	out = all_left(other, &status);
	tap_ok(status == 0 && is_listed(out, &left, "gone"),
	    "what is gone is told");
	free(out);
	out = all_left(other, &status);
	tap_ok(status == 0 && *out == '\0', "once");
	free(out);
	daemon_free(other, tap_failed() > 0);
}

static void
story_taken_over(struct daemon *daemon)
{
	struct left left;
	const char *first[] = { "attach", left.session, NULL };
	const char *second[] = { "attach", left.session, left.process,
		"--takeover", NULL };
	struct cli *holder, *taker;
	int status;

	if (!tap_ok(run_detached(daemon, "echo ready; while read -r l; do "
	    "echo got $l; done", "-t", &left), "a job on a terminal"))
		return;
	holder = cli_start_tty(daemon_url(daemon), first);
	tap_ok(cli_expect(holder, "ready\r\n") == 0, "is attached to");
	taker = cli_start_tty(daemon_url(daemon), second);
	tap_ok(cli_expect(taker, "ready\r\n") == 0, "and taken over");
	status = cli_wait(holder);
	tap_ok(status == STATUS_TAKEN && strstr(cli_out(holder),
	    "taken over") != NULL, "which ends who had it (%d)", status);
	cli_input(taker, "hello\r", 6);
	tap_ok(cli_expect(taker, "got hello\r\n") == 0, "its input is read");
	cli_input(taker, "\x04", 1);
	tap_ok(cli_wait(taker) == 0, "up to its end");
	cli_free(holder);
	cli_free(taker);
}

static void
story_escape(struct daemon *daemon)
{
	static const char *const args[] = { "sh", "-c", "echo ready; "
		"while read -r l; do echo got $l; done; exit 7", NULL };
	struct cli *cli = cli_start_tty(daemon_url(daemon), args);
	struct left left;
	const char *back[] = { "attach", left.session, left.process, NULL };
	const char *at;
	int status;

	tap_ok(cli_expect(cli, "ready\r\n") == 0, "a job on a terminal");
	cli_input(cli, "~~.\r", 4);
	tap_ok(cli_expect(cli, "got ~.\r\n") == 0, "~~ is ~");
	cli_input(cli, "~?", 2);
	tap_ok(cli_expect(cli, "leaves the job running") == 0, "~? helps");
	cli_input(cli, "~.", 2);
	status = cli_wait(cli);
	at = strstr(cli_out(cli), "holdfast attach ");
	if (!tap_ok(status == 0 && at != NULL && parse_left(at +
	    strlen("holdfast attach "), &left) == 0, "~. leaves it (%d)",
	    status)) {
		cli_free(cli);
		return;
	}
	cli_free(cli);
	cli = cli_start_tty(daemon_url(daemon), back);
	tap_ok(cli_expect(cli, "got ~.\r\n") == 0, "what it said is there");
	cli_input(cli, "again\r", 6);
	tap_ok(cli_expect(cli, "got again\r\n") == 0, "and it goes on");
	cli_input(cli, "\x04", 1);
	status = cli_wait(cli);
	tap_ok(status == 7, "to its end (%d)", status);
	cli_free(cli);
}

static void
story_size(struct daemon *daemon)
{
	static const char *const args[] = { "sh", "-c", "trap 'stty size; "
		"exit 0' WINCH; stty size; while :; do sleep 0.05; done",
		NULL };
	struct cli *cli = cli_start_tty_size(daemon_url(daemon), args, 33,
	    101);

	tap_ok(cli_expect(cli, "33 101\r\n") == 0, "the job's terminal has "
	    "the size of the one here");
	tap_ok(cli_resize(cli, 44, 122) == 0 &&
	    cli_expect(cli, "44 122\r\n") == 0, "and follows it");
	tap_ok(cli_wait(cli) == 0, "to the end");
	cli_free(cli);
}

int
main(void)
{
	struct daemon *daemon = daemon_start(NULL);

	if (tap_ok(daemon != NULL, "holdfastd runs")) {
		story_detach(daemon);
		story_taken_over(daemon);
		story_escape(daemon);
		story_size(daemon);
		story_all_left(daemon);
		story_gone(daemon);
		tap_ok(daemon_stop(daemon, CLI_MS) == 0,
		    "holdfastd ends with 0");
		tap_ok(daemon_check_clean(daemon, CLI_MS) == 0,
		    "nothing is left behind");
	}
	daemon_free(daemon, tap_failed() > 0);
	return tap_done();
}
