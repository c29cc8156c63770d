/* SPDX-License-Identifier: ISC */
/*
 * Sessions end in each way that they can, and "holdfastctl why" tells which
 * it was.
 */
#include "config.h"

#include <sys/types.h>
#include <sys/wait.h>

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "common/xmalloc.h"
#include "tests/lib/call.h"
#include "tests/lib/daemon.h"
#include "tests/lib/tap.h"
#include "tests/lib/wait.h"

#define WHY_MS 30000
#define NPIDS 64

/* What is asked for, and what has been answered. */
struct question {
	const struct daemon *daemon;
	char id[64];
	const char *reason;
	char got[64], note[256];
	int64_t detail;
	int status;
};

static char *
below(const char *path)
{
	const char *build = getenv("top_builddir");
	char *given = xasprintf("%s/%s", build == NULL ? "." : build, path);
	char *real = realpath(given, NULL);

	if (real == NULL)
		return given;
	free(given);
	return real;
}

/* The answer as JSON, or NULL; "*status" is holdfastctl's. */
static struct json_object *
ctl(const struct daemon *daemon, const char *words, int *status)
{
	char *program = below("holdfastctl");
	char *command = xasprintf("%s --json --runtime-dir %s %s 2>/dev/null",
	    program, daemon_runtime_dir(daemon), words);
	static char text[1 << 20];
	FILE *in = popen(command, "r");
	size_t len = 0;

	*status = -1;
	if (in != NULL) {
		len = fread(text, 1, sizeof(text) - 1, in);
		*status = pclose(in);
	}
	text[len] = '\0';
	free(command);
	free(program);
	return json_tokener_parse(text);
}

static const char *
string_in(struct json_object *object, const char *name)
{
	struct json_object *value;

	if (!json_object_is_type(object, json_type_object) ||
	    !json_object_object_get_ex(object, name, &value))
		return "";
	return json_object_get_string(value);
}

static int
is_told(void *arg)
{
	struct question *q = arg;
	char *words = xasprintf("why %s", q->id);
	struct json_object *answer = ctl(q->daemon, words, &q->status);
	struct json_object *session = NULL, *value;

	free(words);
	if (json_object_is_type(answer, json_type_object))
		(void)json_object_object_get_ex(answer, "session", &session);
	snprintf(q->got, sizeof(q->got), "%s", string_in(session, "reason"));
	snprintf(q->note, sizeof(q->note), "%s", string_in(session, "note"));
	q->detail = json_object_is_type(session, json_type_object) &&
	    json_object_object_get_ex(session, "detail", &value) ?
	    json_object_get_int64(value) : -1;
	json_object_put(answer);
	return q->status == 0 && strcmp(q->got, q->reason) == 0;
}

static struct question
ask(const struct daemon *daemon, const char *id, const char *reason)
{
	struct question q = { .daemon = daemon, .reason = reason };

	snprintf(q.id, sizeof(q.id), "%s", id);
	if (!tap_ok(wait_until(is_told, &q, WHY_MS) == 0, "%s", reason))
		tap_note("status %d, reason %s", q.status, q.got);
	return q;
}

/* A session with a job of that kind, or without any; its id. */
static struct call *
session(const struct daemon *daemon, const char *job, char id[64])
{
	struct call *call = call_attach(daemon_url(daemon), NULL);
	char *evil = below("tests/system/evil");
	const char *argv[] = { evil, job, "1", NULL };

	if (call != NULL)
		snprintf(id, 64, "%s", call_session(call));
	if (call != NULL && job != NULL)
		json_object_put(call_result(call, "process/start",
		    call_start_params("p", daemon_dir(daemon), argv)));
	free(evil);
	return call;
}

static pid_t
runner(const struct daemon *daemon)
{
	pid_t pids[NPIDS];

	return daemon_find(daemon, "holdfast-runner", pids, NPIDS) == 1 ?
	    pids[0] : 0;
}

static void
tell_usual(struct daemon *daemon)
{
	struct json_object *answer;
	struct question q;
	struct call *call;
	char id[64] = "", *words;
	int status;

	call_free(session(daemon, NULL, id));
	(void)ask(daemon, id, "EXPIRED");

	call = session(daemon, "plain", id);
	words = xasprintf("evict %.8s --reason 'is in the way'", id);
	json_object_put(ctl(daemon, words, &status));
	free(words);
	tap_ok(status == 0, "a session is evicted");
	q = ask(daemon, id, "REQUESTED");
	tap_ok(strcmp(q.note, "is in the way") == 0 &&
	    q.detail == (int64_t)geteuid(), "by whom, and for what");
	call_free(call);
	daemon_wait_none(daemon, "holdfast-runner", WHY_MS);

	call = session(daemon, "plain", id);
	tap_ok(runner(daemon) != 0 && kill(runner(daemon), SIGKILL) == 0,
	    "a runner is killed");
	q = ask(daemon, id, "RUNNER_KILLED");
	tap_ok(q.detail == SIGKILL, "and by which signal");
	call_free(call);

	answer = ctl(daemon, "why 00000000-0000", &status);
	tap_ok(WIFEXITED(status) && WEXITSTATUS(status) == 1,
	    "of what never was nothing is known");
	json_object_put(answer);
	call = session(daemon, NULL, id);
	words = xasprintf("why %s", id);
	json_object_put(ctl(daemon, words, &status));
	tap_ok(WIFEXITED(status) && WEXITSTATUS(status) == 4,
	    "of what lives there is no why");
	free(words);
	call_free(call);
}

static void
tell_gateway(struct daemon *daemon)
{
	pid_t pids[NPIDS];
	struct call *call;
	char id[64] = "";

	call = session(daemon, "plain", id);
	if (daemon_find(daemon, "holdfast-gateway", pids, NPIDS) == 1)
		daemon_kill_gateway(daemon, pids[0]);
	(void)ask(daemon, id, "GATEWAY_LOST");
	call_free(call);
}

static void
tell_shutdown(struct daemon *daemon)
{
	struct call *call;
	char id[64] = "";

	call = session(daemon, "deaf", id);
	kill(daemon_pid(daemon), SIGTERM);
	(void)ask(daemon, id, "SHUTDOWN");
	call_free(call);
}

static int
has_option(const char *option)
{
	char *program = below("broker/holdfastd");
	char *command = xasprintf("%s --help | grep -q -e %s", program,
	    option);
	int found = system(command) == 0;

	free(command);
	free(program);
	return found;
}

/* The runner dies while nobody looks: then nobody knows how. */
static void
unseen(void)
{
	const char *args[] = { "--gateways", "1", NULL };
	struct daemon *daemon = daemon_start(args);
	struct call *call;
	char id[64] = "";
	pid_t pids[NPIDS];

	if (!tap_ok(daemon != NULL, "a daemon"))
		return;
	call = session(daemon, "plain", id);
	if (daemon_find(daemon, "holdfast-broker", pids, NPIDS) == 1) {
		kill(pids[0], SIGSTOP);
		kill(runner(daemon), SIGKILL);
		kill(pids[0], SIGKILL);
	}
	(void)ask(daemon, id, "RUNNER_LOST");
	call_free(call);
	daemon_free(daemon, tap_failed());
}

#define LOSS "--gateway-loss-ttl-ms"

static void
usual(int lasting)
{
	const char *args[] = { "--gateways", "1", "--detach-ttl-ms", "1000",
		"--stop-grace-ms", "6000", lasting ? LOSS : NULL, "1000",
		NULL };
	struct daemon *daemon = daemon_start(args);

	if (!tap_ok(daemon != NULL, "a daemon"))
		return;
	tell_usual(daemon);
	if (lasting)
		tell_gateway(daemon);
	else
		tap_skip("there is no " LOSS, "GATEWAY_LOST");
	tell_shutdown(daemon);
	daemon_free(daemon, tap_failed());
}

struct arrival {
	const struct daemon *daemon;
	struct call *call;
};

/* That the one before has gone may be found a moment later. */
static int
has_come(void *arg)
{
	struct arrival *arrival = arg;
	char id[64];

	arrival->call = session(arrival->daemon, NULL, id);
	return arrival->call != NULL;
}

static void
crowded(void)
{
	const char *args[] = { "--gateways", "1", "--max-sessions", "1",
		NULL };
	struct daemon *daemon = daemon_start(args);
	struct arrival second = { .daemon = daemon };
	char first[64] = "";

	if (!tap_ok(daemon != NULL, "a daemon with room for one"))
		return;
	call_free(session(daemon, NULL, first));
	(void)wait_until(has_come, &second, WHY_MS);
	(void)ask(daemon, first, "GAVE_WAY");
	call_free(second.call);
	daemon_free(daemon, tap_failed());
}

/* A libexec directory in which the runner is another program. */
static char *
libexec(const char *other)
{
	static const char *const programs[][2] = {
		{ "broker/holdfast-broker", "holdfast-broker" },
		{ "gateway/holdfast-gateway", "holdfast-gateway" },
		{ "gateway/holdfast-gateway-tls", "holdfast-gateway-tls" },
		{ "broker/runner/holdfast-fs", "holdfast-fs" },
		{ "broker/runner/holdfast-http", "holdfast-http" },
		{ "broker/runner/holdfast-box", "holdfast-box" },
	};
	char *dir = xstrdup("/tmp/holdfast-why-XXXXXX"), *from, *to;
	size_t i;

	if (mkdtemp(dir) == NULL || chmod(dir, 0755) == -1)
		return dir;
	for (i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		from = below(programs[i][0]);
		to = xasprintf("%s/%s", dir, programs[i][1]);
		(void)!symlink(from, to);
		free(from);
		free(to);
	}
	from = below(other);
	to = xasprintf("%s/holdfast-runner", dir);
	(void)!symlink(from, to);
	free(from);
	free(to);
	return dir;
}

static void
remove_libexec(char *dir)
{
	char *command = xasprintf("rm -rf '%s'", dir);

	if (system(command) != 0)
		tap_note("%s is left", dir);
	free(command);
	free(dir);
}

static void
other_runner(const char *fault, const char *reason)
{
	char *dir = libexec("tests/unit/fake_runner");
	const char *args[] = { "--gateways", "1", "--libexec-dir", dir,
		NULL };
	struct daemon *daemon;
	struct call *call;
	char id[64] = "";
	const char *argv[] = { "/bin/true", NULL };

	if (fault != NULL)
		setenv("FAKE_RUNNER", fault, 1);
	daemon = daemon_start(args);
	unsetenv("FAKE_RUNNER");
	if (tap_ok(daemon != NULL, "a daemon with another runner")) {
		call = session(daemon, NULL, id);
		if (call != NULL)
			(void)call_send(call, "process/start",
			    call_start_params("p", "/", argv));
		(void)ask(daemon, id, reason);
		call_free(call);
		daemon_free(daemon, tap_failed());
	}
	remove_libexec(dir);
}

#define CONF(name) \
	"{ \"listen\": [\"ws://127.0.0.1:0\"], \"gateways\": 1," \
	"  \"detach-ttl-ms\": 1000," \
	"  \"tenants\": [{ \"name\": \"" name "\", \"user\": %u," \
	"  \"allow-root\": true }] }"

static void
removed(void)
{
	char first[512], second[512], id[64] = "";
	struct daemon *daemon;
	struct call *call;

	snprintf(first, sizeof(first), CONF("first"), geteuid());
	snprintf(second, sizeof(second), CONF("second"), geteuid());
	daemon = daemon_start_conf(first, 1);
	if (!tap_ok(daemon != NULL, "a daemon with tenants"))
		return;
	call = session(daemon, NULL, id);
	tap_ok(call != NULL && daemon_reload(daemon, second) == 0,
	    "the tenant is removed");
	(void)ask(daemon, id, "TENANT_REMOVED");
	call_free(call);
	daemon_free(daemon, tap_failed());
}

int
main(void)
{
	const char *scheme = getenv("SCHEME");
	int lasting;

	if (scheme != NULL && strcmp(scheme, "ws") != 0)
		tap_skip_all("speaks ws:// only");
	lasting = has_option(LOSS);
	usual(lasting);
	unseen();
	crowded();
	removed();
#ifdef HAVE_FAKE_RUNNER
	other_runner("exits", "RUNNER_FAILED");
	other_runner(NULL, "RUNNER_EXITED");
#endif
	return tap_done();
}
