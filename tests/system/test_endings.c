/* SPDX-License-Identifier: ISC */
/*
 * When a session ends, all that it started ends: after its expiry, when
 * holdfastd is told to stop, when its runner, the broker or holdfastd itself
 * is killed.  Jobs are recognised by a mark in their environment, whoever
 * their parent has become.
 */
#include "config.h"

#include <sys/types.h>

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
#include "tests/lib/procfs.h"
#include "tests/lib/tap.h"
#include "tests/lib/wait.h"

#define ENDINGS_MS 60000
#define ENDINGS_TTL "1000"

/* Jobs, and how many processes each becomes. */
static const struct {
	const char *way;
	const char *count;
	int tty;
	size_t processes;
} jobs[] = {
	{ "plain", "2", 0, 3 },
	{ "plain", "2", 1, 3 },
	{ "setsid", "3", 0, 3 },
	{ "setsid", "3", 1, 3 },
	{ "daemon", "3", 0, 3 },
	{ "deaf", "2", 0, 3 },
	{ "deaf", "2", 1, 3 },
	{ "stopped", "3", 0, 3 },
	{ "tree", "2", 0, 4 },
	{ "fork", "100", 0, 100 },
};

#define NJOBS (sizeof(jobs) / sizeof(jobs[0]))

struct marked {
	const char *mark;
	size_t at_least;
};

static int
marked_are_there(void *arg)
{
	const struct marked *marked = arg;

	return procfs_marked(marked->mark, NULL, 0) >= marked->at_least;
}

/*
 * A walk through /proc can miss one that forks into numbers behind the walk,
 * but not again and again.
 */
static int
marked_are_gone(void *arg)
{
	const struct marked *marked = arg;
	int i;

	for (i = 0; i < 5; i++)
		if (procfs_marked(marked->mark, NULL, 0) > 0)
			return 0;
	return 1;
}

static char *
mark_new(const char *story)
{
	return xasprintf("HOLDFAST_TEST_MARK=%s-%d-%llu", story,
	    (int)getpid(), (unsigned long long)clock_ms());
}

/* A broken daemon must not leave a machine full of forking processes. */
static void
mark_sweep(const char *mark)
{
	pid_t pids[1024];
	uint64_t deadline = deadline_in(ENDINGS_MS);
	size_t i, n;

	do {
		n = procfs_marked(mark, pids, 1024);
		for (i = 0; i < n && i < 1024; i++)
			kill(pids[i], SIGKILL);
	} while (n > 0 && deadline_left(deadline) > 0);
}

static int
start_one(struct call *call, const struct daemon *daemon, const char *id,
    const char *way, const char *count, int tty, const char *mark)
{
	const char *build = getenv("top_builddir");
	char *program = xasprintf("%s/tests/system/evil",
	    build == NULL ? "." : build);
	char *path = realpath(program, NULL);
	const char *argv[] = { path == NULL ? program : path, way, count,
		NULL };
	struct json_object *params, *env, *result;
	char *name = xstrdup(mark);

	name[strcspn(name, "=")] = '\0';
	params = call_start_params(id, daemon_dir(daemon), argv);
	env = json_object_new_object();
	json_object_object_add(env, name,
	    json_object_new_string(strchr(mark, '=') + 1));
	json_object_object_add(params, "env", env);
	json_object_object_add(params, "tty", json_object_new_boolean(tty));
	result = call_result(call, "process/start", params);
	json_object_put(result);
	free(name);
	free(path);
	free(program);
	return result == NULL ? -1 : 0;
}

/* All of them in one session; returns the connection. */
static struct call *
start_all(const struct daemon *daemon, const char *mark)
{
	struct call *call = call_attach(daemon_url(daemon), NULL);
	struct marked marked = { mark, 0 };
	char id[32];
	size_t i;

	for (i = 0; call != NULL && i < NJOBS; i++) {
		snprintf(id, sizeof(id), "%s-%zu", jobs[i].way, i);
		marked.at_least += jobs[i].processes;
		if (start_one(call, daemon, id, jobs[i].way, jobs[i].count,
		    jobs[i].tty, mark) == -1) {
			call_free(call);
			call = NULL;
		}
	}
	/* Those that keep forking move while they are counted. */
	marked.at_least -= 50;
	tap_ok(call != NULL &&
	    wait_until(marked_are_there, &marked, ENDINGS_MS) == 0,
	    "at least %zu processes that do not want to end",
	    marked.at_least);
	return call;
}

static void
check_gone(const char *mark, const char *after)
{
	uint64_t began = clock_ms();
	pid_t pids[8];
	struct procfs_entry entry;
	struct marked marked = { mark, 0 };
	size_t i, n;
	int gone;

	gone = wait_until(marked_are_gone, &marked, ENDINGS_MS) == 0;
	tap_ok(gone, "none of them is alive after %s (%llu ms)", after,
	    (unsigned long long)(clock_ms() - began));
	n = procfs_marked(mark, pids, 8);
	for (i = 0; i < n && i < 8; i++)
		if (procfs_get(pids[i], &entry) == 0)
			tap_note("alive: %d (%s), parent %d, state %c",
			    (int)entry.pid, entry.comm, (int)entry.ppid,
			    entry.state);
	mark_sweep(mark);
}

static void
check_serves(const struct daemon *daemon, const char *after)
{
	struct call *call = call_attach(daemon_url(daemon), NULL);
	struct json_object *result = NULL;

	if (call != NULL)
		result = call_result(call, "environment/status", NULL);
	tap_ok(result != NULL, "serves on after %s", after);
	json_object_put(result);
	call_free(call);
}

static void
check_resume_fails(const struct daemon *daemon, const char *session)
{
	struct call *call = call_open(daemon_url(daemon));
	struct json_object *params = json_object_new_object(), *reply = NULL;

	json_object_object_add(params, "clientName",
	    json_object_new_string("late"));
	json_object_object_add(params, "resumeSessionId",
	    json_object_new_string(session));
	if (call != NULL)
		reply = call_request(call, "initialize", params);
	else
		json_object_put(params);
	tap_ok(call_error_code(reply) == -32600, "its id is unknown: %s",
	    json_object_to_json_string(reply));
	json_object_put(reply);
	call_free(call);
}

static struct daemon *
begin(const char *story, char **mark)
{
	static const char *const args[] = { "--gateways", "2",
		"--detach-ttl-ms", ENDINGS_TTL, "--stop-grace-ms", "500",
		NULL };
	struct daemon *daemon = daemon_start(args);

	tap_note("%s", story);
	*mark = mark_new("end");
	if (!tap_ok(daemon != NULL, "%s: holdfastd runs", story)) {
		free(*mark);
		*mark = NULL;
	}
	return daemon;
}

static void
finish(struct daemon *daemon, char *mark, struct call *call, int failed)
{
	call_free(call);
	tap_ok(daemon_stop(daemon, ENDINGS_MS) == 0, "holdfastd ends with 0");
	tap_ok(daemon_check_clean(daemon, ENDINGS_MS) == 0,
	    "no process and no file is left");
	mark_sweep(mark);
	daemon_free(daemon, tap_failed() > failed);
	free(mark);
}

static void
story_expiry(void)
{
	int failed = tap_failed();
	char *mark, *session;
	struct daemon *daemon = begin("expiry", &mark);
	struct call *call;

	if (daemon == NULL)
		return;
	if ((call = start_all(daemon, mark)) != NULL) {
		session = xstrdup(call_session(call));
		call_free(call);
		check_gone(mark, "expiry");
		tap_ok(daemon_wait_none(daemon, "holdfast-runner",
	    ENDINGS_MS) == 0,
		    "no runner is left");
		check_resume_fails(daemon, session);
		free(session);
	}
	check_serves(daemon, "expiry");
	finish(daemon, mark, NULL, failed);
}

static void
story_sigterm(void)
{
	int failed = tap_failed();
	char *mark;
	struct daemon *daemon = begin("SIGTERM", &mark);
	struct marked marked = { mark, 0 };
	struct call *call;

	if (daemon == NULL)
		return;
	call = start_all(daemon, mark);
	tap_ok(daemon_stop(daemon, ENDINGS_MS) == 0, "holdfastd ends with 0");
	/* Said to be ended: then nothing may need another moment. */
	tap_ok(marked_are_gone(&marked),
	    "none of them is alive after SIGTERM");
	finish(daemon, mark, call, failed);
}

/* One session kills its runner; another one must not notice. */
static void
story_runner(void)
{
	int failed = tap_failed();
	char *mark, *session;
	struct daemon *daemon = begin("a killed runner", &mark);
	struct call *call, *other;
	struct json_object *result;

	if (daemon == NULL)
		return;
	other = call_attach(daemon_url(daemon), NULL);
	if (other != NULL && (call = start_all(daemon, mark)) != NULL) {
		session = xstrdup(call_session(call));
		tap_ok(start_one(call, daemon, "killer", "kill-runner", "1", 0,
		    mark) == 0 || call_ended(call),
		    "a job kills its own runner");
		while (call_receive(call, ENDINGS_MS) == 1)
			;
		tap_ok(call_close_code(call) == 1011,
		    "its client is told: close %d", call_close_code(call));
		check_gone(mark, "the end of the runner");
		check_resume_fails(daemon, session);
		result = call_result(other, "environment/status", NULL);
		tap_ok(result != NULL, "another session did not notice");
		json_object_put(result);
		call_free(call);
		free(session);
	}
	check_serves(daemon, "the end of a runner");
	finish(daemon, mark, other, failed);
}

/* There is no next broker that could adopt sessions: they end. */
static void
story_broker(void)
{
	int failed = tap_failed();
	char *mark;
	struct daemon *daemon = begin("a killed broker", &mark);
	struct call *call;
	pid_t broker = 0;

	if (daemon == NULL)
		return;
	call = start_all(daemon, mark);
	/* What they are is the next broker's then, which ends them, too. */
	if (call != NULL &&
	    daemon_find(daemon, "holdfast-broker", &broker, 1) == 1) {
		kill(broker, SIGKILL);
		tap_ok(daemon_wait_logged(daemon, "adopted 1 session",
		    ENDINGS_MS) == 0, "another broker takes them over");
		daemon_stop(daemon, ENDINGS_MS);
		check_gone(mark, "the end of the next broker");
	}
	finish(daemon, mark, call, failed);
}

static void
story_supervisor(void)
{
	int failed = tap_failed();
	char *mark;
	struct daemon *daemon = begin("holdfastd and broker killed", &mark);
	struct call *call;
	pid_t broker = 0;

	if (daemon == NULL)
		return;
	call = start_all(daemon, mark);
	tap_ok(daemon_find(daemon, "holdfast-broker", &broker, 1) == 1,
	    "the broker is found");
	/* Each has what the other needs to go on: now nobody has it. */
	daemon_kill(daemon);
	if (broker > 0)
		kill(broker, SIGKILL);
	check_gone(mark, "the end of holdfastd and broker");
	tap_ok(daemon_check_alive(daemon, ENDINGS_MS) == 0,
	    "no process is left");
	call_free(call);
	daemon_free(daemon, tap_failed() > failed);
	free(mark);
}

int
main(void)
{
	story_expiry();
	story_sigterm();
	story_runner();
	story_broker();
	story_supervisor();
	return tap_done();
}
