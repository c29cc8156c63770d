/* SPDX-License-Identifier: ISC */
/*
 * Programs of different versions meet, as they do while a host is upgraded:
 * one version apart they work together, further apart they say so and do not
 * begin.  The other versions are real programs, built from these sources; see
 * tests/skew.
 */
#include "config.h"

#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/xmalloc.h"
#include "tests/lib/call.h"
#include "tests/lib/daemon.h"
#include "tests/lib/tap.h"
#include "tests/lib/wait.h"
#include "tests/system/party.h"

#define SKEW_MS 30000

/* Which version a program is of. */
enum age { OURS, NEXT, FAR };

static const char *const ages[] = { NULL, "tests/skew/next",
	"tests/skew/far" };

static const struct mix {
	const char *name;
	enum age holdfastd, broker, runner, gateway;
} works[] = {
	{ "a newer gateway", OURS, OURS, OURS, NEXT },
	{ "a newer broker and runner", OURS, NEXT, NEXT, OURS },
	{ "a newer runner", OURS, OURS, NEXT, OURS },
	{ "a newer broker", OURS, NEXT, OURS, OURS },
	{ "a newer supervisor", NEXT, OURS, OURS, OURS },
	{ "an older runner only", NEXT, NEXT, OURS, NEXT },
	{ "all newer", NEXT, NEXT, NEXT, NEXT },
};

/* "refusal" is in the log. */
static const struct refused {
	const char *name, *program, *refusal;
} refused[] = {
	{ "a gateway that is too new", "holdfast-gateway",
	    "the supervisor speaks version" },
	{ "a broker that is too new", "holdfast-broker",
	    "holdfastd speaks version" },
};

static char *
built(const char *path)
{
	const char *top = getenv("top_builddir");
	char *all = xasprintf("%s/%s", top == NULL ? "." : top, path);
	char *real = realpath(all, NULL);

	if (real == NULL)
		return all;
	free(all);
	return real;
}

static void
put(const char *dir, const char *name, const char *ours, enum age age)
{
	char *link = xasprintf("%s/%s", dir, name);
	char *other = xasprintf("%s/%s", ages[age], name);
	char *target = built(age == OURS ? ours : other);

	if (symlink(target, link) == -1)
		tap_note("%s: cannot be made", link);
	free(target);
	free(other);
	free(link);
}

/* A place with the programs of a mix, where holdfastd finds them. */
static char *
place(const struct mix *mix)
{
	const char *tmp = getenv("TMPDIR");
	char *dir = xasprintf("%s/holdfast-skew-XXXXXX",
	    tmp == NULL || *tmp == '\0' ? "/tmp" : tmp);
	char *program;

	if (mkdtemp(dir) == NULL || chmod(dir, 0755) == -1) {
		free(dir);
		return NULL;
	}
	put(dir, "holdfast-broker", "broker/holdfast-broker", mix->broker);
	put(dir, "holdfast-runner", "broker/runner/holdfast-runner",
	    mix->runner);
	put(dir, "holdfast-gateway", "gateway/holdfast-gateway",
	    mix->gateway);
	setenv("HOLDFAST_LIBEXEC", dir, 1);
	program = built(mix->holdfastd == OURS ? "broker/holdfastd" :
	    "tests/skew/next/holdfastd");
	setenv("HOLDFASTD", program, 1);
	free(program);
	return dir;
}

static void
remove_place(char *dir)
{
	static const char *const names[] = { "holdfast-broker",
		"holdfast-runner", "holdfast-gateway" };
	char *path;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		path = xasprintf("%s/%s", dir, names[i]);
		(void)unlink(path);
		free(path);
	}
	(void)rmdir(dir);
	free(dir);
}

/* Output, input, a lost gateway, a resume, an end: all of it compared. */
static int
play(struct daemon *daemon, struct party *party)
{
	struct party_job *pipes, *terminal;
	pid_t gateway = party_gateway(party);

	if ((pipes = party_start(party, PARTY_PIPES, "pipes")) == NULL ||
	    (terminal = party_start(party, PARTY_PTY, "terminal")) == NULL ||
	    party_ask_output(party, pipes, 300000) == -1 ||
	    party_ask_output(party, terminal, 50000) == -1 ||
	    party_settle(party) == -1 ||
	    party_ask_output(party, pipes, 200000) == -1)
		return -1;
	daemon_kill_gateway(daemon, gateway);
	return party_resume(party, PARTY_DRAIN) == -1 ||
	    party_settle(party) == -1 || party_finish(party, pipes) == -1 ||
	    party_finish(party, terminal) == -1 ? -1 : 0;
}

static void
story_works(const struct mix *mix)
{
	static const char *const args[] = { "--gateways", "2", NULL };
	char *dir = place(mix);
	struct daemon *daemon;
	struct party *party = NULL;

	if (!tap_ok(dir != NULL && (daemon = daemon_start(args)) != NULL,
	    "%s: holdfastd runs", mix->name))
		return;
	party = party_new(daemon, "skew");
	tap_ok(party != NULL && play(daemon, party) == 0, "%s: jobs are what "
	    "they say %s", mix->name, party == NULL ? "" :
	    party_error(party));
	party_free(party);
	tap_ok(daemon_stop(daemon, SKEW_MS) == 0, "%s: it ends with 0",
	    mix->name);
	tap_ok(daemon_check_clean(daemon, SKEW_MS) == 0,
	    "%s: nothing is left behind", mix->name);
	daemon_free(daemon, tap_failed() > 0);
	remove_place(dir);
}

/* What it says on standard error until it has given up, in "text". */
static int
run_to_end(char *text, size_t size)
{
	char *command[] = { NULL, (char[]){ "--listen" },
		(char[]){ "ws://127.0.0.1:0" }, (char[]){ "--runtime-dir" },
		NULL, geteuid() == 0 ? (char[]){ "--allow-root" } : NULL,
		NULL };
	char *dir = getenv("HOLDFAST_LIBEXEC");
	uint64_t deadline = deadline_in(SKEW_MS);
	int out[2], status = -1;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	command[0] = getenv("HOLDFASTD");
	command[4] = xasprintf("%s/run", dir);
	if (pipe(out) == -1 || mkdir(command[4], 0755) == -1)
		return -1;
	pid = fork();
	if (pid == 0) {
		dup2(out[1], STDERR_FILENO);
		close(out[0]);
		close(out[1]);
		execv(command[0], command);
		_exit(127);
	}
	close(out[1]);
	while (len < size - 1 && wait_fd(out[0], POLLIN, deadline) > 0 &&
	    (n = read(out[0], text + len, size - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	close(out[0]);
	if (deadline_left(deadline) == 0)
		kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	(void)rmdir(command[4]);
	free(command[4]);
	return status;
}

static void
story_refused(const struct refused *row)
{
	struct mix mix = { .name = row->name };
	char text[16384], *dir;

	if (strcmp(row->program, "holdfast-gateway") == 0)
		mix.gateway = FAR;
	else
		mix.broker = FAR;
	if (!tap_ok((dir = place(&mix)) != NULL, "%s", row->name))
		return;
	tap_ok(run_to_end(text, sizeof(text)) == 1 << 8,
	    "%s: holdfastd gives up", row->name);
	if (!tap_ok(strstr(text, row->refusal) != NULL, "%s: it says why",
	    row->name))
		tap_note("%s", text);
	remove_place(dir);
}

/* A runner costs one session, and its client is told. */
static void
story_far_runner(void)
{
	static const struct mix mix = { .name = "a runner", .runner = FAR };
	char *dir = place(&mix);
	struct daemon *daemon;
	struct party *party;

	if (!tap_ok(dir != NULL && (daemon = daemon_start(NULL)) != NULL,
	    "a runner that is too new: holdfastd runs"))
		return;
	party = party_new(daemon, "skew");
	tap_ok(party != NULL && party_start(party, PARTY_ONCE, "once") ==
	    NULL && strstr(call_close_reason(party_call(party)),
	    "speaks version") != NULL, "its client is told: %s",
	    party == NULL ? "" : call_close_reason(party_call(party)));
	party_free(party);
	tap_ok(daemon_stop(daemon, SKEW_MS) == 0 &&
	    daemon_check_clean(daemon, SKEW_MS) == 0, "nothing is left");
	daemon_free(daemon, tap_failed() > 0);
	remove_place(dir);
}

int
main(void)
{
	size_t i;

	for (i = 0; i < sizeof(works) / sizeof(works[0]); i++)
		story_works(&works[i]);
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		story_refused(&refused[i]);
	story_far_runner();
	return tap_done();
}
