/* SPDX-License-Identifier: ISC */
/*
 * Another local user asks for everything at once and is gone before it can
 * be looked at, thousands of times.  The kernel says of a socket that is
 * closed already that it belongs to user 0, who is the one that is served
 * here: nothing may come of that.
 *
 * ATTEMPTS=n in the environment asks for another number.
 */
#include "config.h"

#include <sys/types.h>
#include <sys/wait.h>

#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "common/clock.h"
#include "common/xmalloc.h"
#include "tests/lib/call.h"
#include "tests/lib/daemon.h"
#include "tests/lib/raw.h"
#include "tests/lib/tap.h"
#include "tests/lib/wait.h"
#include "tests/system/usage.h"

#define PEERUID_MS 60000
#define PEERUID_ATTEMPTS 10000
#define PEERUID_WARM 500
#define PEERUID_WORKERS 4
#define PEERUID_SPIN 200000

/* An ordinary user, and the one that stands for users unknown here. */
static const uid_t others[] = { 54321, 65534 };

/* How an attempt ends. */
enum { CLOSE, RESET, EXIT, LISTEN, NWAYS };

/* What the workers have seen; one byte an attempt goes through the pipe. */
struct tally {
	int attempts;
	int refused;
	int silent;
	int admitted;
	int failed;
};

static char *
attempt_text(const char *url, const char *touched, size_t *len)
{
	char *initialize = raw_initialize(NULL), *start, *text;

	start = xasprintf("{\"id\":2,\"method\":\"process/start\",\"params\":"
	    "{\"processId\":\"p\",\"argv\":[\"/bin/touch\",\"%s\"],\"cwd\":"
	    "\"file:///\",\"env\":{},\"tty\":false}}", touched);
	text = xmalloc(RAW_BEGIN_MAX + 4096);
	*len = raw_begin(text, url);
	*len += raw_frame(text + *len, initialize);
	*len += raw_frame(text + *len, "{\"method\":\"initialized\"}");
	*len += raw_frame(text + *len, start);
	free(initialize);
	free(start);
	return text;
}

/*
 * Leave at another moment each time: before, while and after somebody looks
 * who is there.
 */
static void
dawdle(int spin)
{
	static volatile int sink;

	while (spin-- > 0)
		sink++;
}

/* One attempt of the other user: the byte that tells what came of it. */
static char
attempt(const char *url, const char *text, size_t len, int way, int spin)
{
	struct wire *wire = wire_connect(url, PEERUID_MS);
	int status;
	char seen = '-';

	if (wire == NULL || wire_send_raw(wire, text, len, PEERUID_MS) == -1)
		seen = 'f';
	else
		dawdle(spin);
	if (seen == 'f')
		;
	else if (way == RESET)
		wire_reset(wire);
	else if (way == EXIT)
		_exit(0);
	else if (way == LISTEN) {
		status = wire_read_head(wire, PEERUID_MS);
		seen = status == 403 ? 'r' : status == -1 ? '-' : 'a';
	}
	wire_free(wire);
	return seen;
}

static void
worker(const char *url, const char *text, size_t len, int attempts,
    uid_t uid, int out)
{
	pid_t pid;
	char seen;
	int i;

	if (setgroups(0, NULL) == -1 ||
	    setresgid(uid, uid, uid) == -1 || setresuid(uid, uid, uid) == -1)
		_exit(1);
	for (i = 0; i < attempts; i++) {
		seen = '-';
		if (i % NWAYS != EXIT)
			seen = attempt(url, text, len, i % NWAYS,
			    i * 37 % PEERUID_SPIN);
		else if ((pid = fork()) == 0) {
			attempt(url, text, len, EXIT, i * 37 % PEERUID_SPIN);
			_exit(0);
		} else
			waitpid(pid, NULL, 0);
		if (write(out, &seen, 1) != 1)
			_exit(1);
	}
	_exit(0);
}

static ssize_t
tally_take(struct tally *tally, int fd)
{
	char buf[256];
	ssize_t i, n = read(fd, buf, sizeof(buf));

	for (i = 0; i < n; i++) {
		tally->attempts++;
		tally->refused += buf[i] == 'r';
		tally->silent += buf[i] == '-';
		tally->admitted += buf[i] == 'a';
		tally->failed += buf[i] == 'f';
	}
	return n;
}

/*
 * "attempts" of them, several at once; meanwhile the own client is served.
 * Returns how often it was not, or a runner was seen.
 */
static int
run_attempts(struct daemon *daemon, struct call *own, const char *text,
    size_t len, int attempts, struct tally *tally)
{
	struct json_object *result;
	pid_t pids[PEERUID_WORKERS];
	int fds[2], i, bad = 0;

	memset(tally, 0, sizeof(*tally));
	if (pipe(fds) == -1)
		return 1;
	for (i = 0; i < PEERUID_WORKERS; i++)
		if ((pids[i] = fork()) == 0) {
			close(fds[0]);
			worker(daemon_url(daemon), text, len,
			    attempts / PEERUID_WORKERS, others[i % 2], fds[1]);
		}
	close(fds[1]);
	/* Ends with the last worker, or with the deadline. */
	while (wait_fd(fds[0], POLLIN, deadline_in(PEERUID_MS)) != -1 &&
	    tally_take(tally, fds[0]) > 0) {
		result = call_result(own, "environment/status", NULL);
		bad += result == NULL;
		json_object_put(result);
	}
	close(fds[0]);
	for (i = 0; i < PEERUID_WORKERS; i++)
		waitpid(pids[i], NULL, 0);
	bad += daemon_find(daemon, "holdfast-runner", NULL, 0) > 0;
	return bad;
}

/* By what the broker says of them. */
static int
sessions_attached(const struct daemon *daemon)
{
	char line[1024];
	int n = 0;
	FILE *f;

	if ((f = fopen(daemon_log(daemon), "re")) == NULL)
		return -1;
	while (fgets(line, sizeof(line), f) != NULL)
		n += strstr(line, "session attached ") != NULL;
	fclose(f);
	return n;
}

static void
story(struct daemon *daemon, int attempts)
{
	char *touched = xasprintf("%s/touched", daemon_dir(daemon)), *text;
	struct call *own = call_attach(daemon_url(daemon), NULL), *again;
	struct usage *before;
	struct tally tally;
	uint64_t began = clock_ms();
	size_t len;
	int bad;

	text = attempt_text(daemon_url(daemon), touched, &len);
	if (!tap_ok(own != NULL, "the user that runs it is let in"))
		goto out;
	/* What is allocated once is there afterwards. */
	run_attempts(daemon, own, text, len, PEERUID_WARM, &tally);
	before = usage_take(daemon);
	bad = run_attempts(daemon, own, text, len, attempts, &tally);
	tap_ok(tally.attempts == attempts && tally.failed == 0,
	    "%d attempts in %llu ms: %d saw 403, %d nothing, %d failed",
	    tally.attempts, (unsigned long long)(clock_ms() - began),
	    tally.refused, tally.silent, tally.failed);
	tap_ok(tally.admitted == 0 && tally.refused > 0, "%d were let in",
	    tally.admitted);
	tap_ok(bad == 0, "the own client was answered, no runner was started");
	usage_check(before, 1024);
	usage_free(before);
	again = call_attach(daemon_url(daemon), NULL);
	tap_ok(again != NULL, "the user that runs it is let in afterwards");
	call_free(again);
	tap_ok(sessions_attached(daemon) == 2, "%d sessions in all, two of "
	    "them its own", sessions_attached(daemon));
	tap_ok(access(touched, F_OK) == -1, "no job ran");
out:
	call_free(own);
	free(text);
	free(touched);
}

int
main(void)
{
	static const char *const args[] = { "--gateways", "2",
		"--debug", "--trace", "session", NULL };
	const char *attempts = getenv("ATTEMPTS");
	struct daemon *daemon;

	if (geteuid() != 0)
		tap_skip_all("needs root to become another user");
	signal(SIGPIPE, SIG_IGN);
	daemon = daemon_start(args);
	if (tap_ok(daemon != NULL, "holdfastd runs")) {
		story(daemon, attempts != NULL ? atoi(attempts) :
		    PEERUID_ATTEMPTS);
		tap_ok(daemon_stop(daemon, PEERUID_MS) == 0,
		    "holdfastd ends with 0");
		tap_ok(daemon_check_clean(daemon, PEERUID_MS) == 0,
		    "nothing is left behind");
	}
	daemon_free(daemon, tap_failed() > 0);
	return tap_done();
}
