/* SPDX-License-Identifier: ISC */
/*
 * Three tenants who distrust each other on one host, as root: what proves
 * one is nothing to another, and their jobs cannot touch what is not theirs.
 */
#include "config.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <json-c/json.h>
#include <sha256.h>

#include "common/xmalloc.h"
#include "tests/lib/call.h"
#include "tests/lib/daemon.h"
#include "tests/lib/procfs.h"
#include "tests/lib/signer.h"
#include "tests/lib/tap.h"
#include "tests/lib/tape.h"
#include "tests/lib/wait.h"
#include "tests/system/ask.h"

#define TENANTS_MS 60000
#define FIRST_UID 61001		/* nobody's, it is hoped */
#define GUESSES 300
#define BETWEEN_MS 200
#define UNKNOWN (-32600)

enum { ALPHA, BETA, GAMMA, TENANTS };
static const char *const names[TENANTS] = { "alpha", "beta", "gamma" };
static const char *const tokens[TENANTS] = { "alpha-0123456789abcdef",
	"beta-0123456789abcdef", "gamma-0123456789abcdef" };
/* Of alpha, to be changed to. */
static const char second[] = "alpha-again-0123456789";

/* Of whoever signs tokens, and another. */
static const char secret[] = "what-the-signer-knows-and-nobody-else-0";
static const char later[] = "what-the-signer-knows-from-now-on-01234";

static char secret_path[] = "/tmp/holdfast-secret-XXXXXX";

static struct daemon *host;
static const char *everybodys, *twos, *locals, *signers; /* addresses */

static char *
hash_of(const char *token)
{
	char hex[SHA256_DIGEST_STRING_LENGTH];

	SHA256Data((const uint8_t *)token, strlen(token), hex);
	return xstrdup(hex);
}

static char *
tenant_conf(int t, const char *more)
{
	char *hash = hash_of(tokens[t]), *text;

	text = xasprintf("{ \"name\": \"%s\", \"user\": \"%d\", "
	    "\"tokens-sha256\": [\"%s\"%s], \"directory\": \"@/%s\", "
	    "\"home\": \"@/%s\", \"umask\": \"0027\", \"environment\": "
	    "{ \"PATH\": \"/usr/bin:/bin\", \"WHO\": \"%s\" } }",
	    names[t], FIRST_UID + t, hash, more, names[t], names[t],
	    names[t]);
	free(hash);
	return text;
}

static char *
host_conf(void)
{
	char *again = hash_of(second);
	char *more = xasprintf(", \"%s\"", again);
	char *a = tenant_conf(ALPHA, more), *b = tenant_conf(BETA, "");
	char *c = tenant_conf(GAMMA, "");
	char *text;

	text = xasprintf("{ \"gateways\": 2, \"listeners\": [\n"
	    "{ \"address\": \"ws://127.0.0.1:0\", "
	    "\"admission\": [\"token\"] },\n"
	    "{ \"address\": \"ws://127.0.0.1:0\", \"gateways\": 1, "
	    "\"tenants\": [\"alpha\", \"beta\"], "
	    "\"admission\": [\"token\"] },\n"
	    "{ \"address\": \"ws://127.0.0.1:0\", "
	    "\"admission\": [\"peer-uid\"] },\n"
	    "{ \"address\": \"ws://127.0.0.1:0\", "
	    "\"tenants\": [\"alpha\", \"beta\"], "
	    "\"admission\": [\"token\", \"signed\"] } ],\n"
	    "\"signed-tokens\": { \"secret-file\": \"%s\", "
	    "\"issuer\": \"us\", \"tenant-claim\": \"sub\" },\n"
	    "\"tenants\": [\n%s,\n%s,\n%s ] }\n", secret_path, a,
	    b, c);
	free(again);
	free(more);
	free(a);
	free(b);
	free(c);
	return text;
}

static char *
bearer(const char *token)
{
	return xasprintf("Authorization: Bearer %s\r\n", token);
}

/* Good for a minute, or over for two. */
static char *
signed_for(const char *key, const char *issuer, const char *name, int good)
{
	char *claims = xasprintf("{\"iss\":\"%s\",\"sub\":\"%s\","
	    "\"exp\":%lld}", issuer, name, (long long)time(NULL) +
	    (good ? 60 : -120));
	char *token = signer_token(key, claims);

	free(claims);
	return token;
}

static int
write_secret(const char *text)
{
	int fd = open(secret_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
	    0600);
	int rc = fd != -1 && write(fd, text, strlen(text)) ==
	    (ssize_t)strlen(text) ? 0 : -1;

	if (fd != -1)
		close(fd);
	return rc;
}

/* Homes, and a program that jobs of anybody may run. */
static int
make_places(void)
{
	char *path;
	int t, rc = 0;

	for (t = 0; t < TENANTS; t++) {
		path = xasprintf("%s/%s", daemon_dir(host), names[t]);
		if (mkdir(path, 0700) == -1 ||
		    chown(path, FIRST_UID + (uid_t)t,
			FIRST_UID + (gid_t)t) == -1)
			rc = -1;
		free(path);
	}
	return rc;
}

static struct call *
open_as(const char *url, const char *token, int *status)
{
	char *header = bearer(token);
	struct call *call = call_open_with(url, header, status);

	free(header);
	return call;
}

static struct call *
attach_as(const char *url, const char *token, const char *resume)
{
	struct call *call = open_as(url, token, NULL);

	if (call != NULL && call_begin(call, resume) == 0)
		return call;
	call_free(call);
	return NULL;
}

/*
 * What resuming "session" with this token is answered: the whole error as
 * text, the caller's; NULL when it succeeds, and then it ends at once.
 */
static char *
resume_error(const char *token, const char *session, int takeover)
{
	struct call *call = open_as(everybodys, token, NULL);
	struct json_object *params, *reply, *error = NULL;
	char *text = NULL, *named;

	if (call == NULL)
		return xstrdup("not let in");
	params = ask_jsonf("{'clientName':'x','resumeSessionId':'%s',"
	    "'holdfast':{'detachTtlMs':1,'takeover':%s}}", session,
	    takeover ? "true" : "false");
	reply = call_request(call, "initialize", params);
	if (json_object_object_get_ex(reply, "error", &error)) {
		text = xstrdup(json_object_to_json_string(error));
		/* It names what was asked for. */
		while ((named = strstr(text, session)) != NULL)
			memset(named, '*', strlen(session));
	}
	json_object_put(reply);
	call_free(call);
	return text;
}

/* Run a script to its end; its output, the caller's, its exit code. */
static char *
job(struct call *call, const char *id, const char *script, int *code)
{
	const char *argv[] = { "/bin/sh", "-c", script, NULL };
	struct tape *tape = tape_new(id);
	struct json_object *result;
	char *text = NULL;

	*code = -1;
	result = call_result(call, "process/start",
	    call_start_params(id, "/", argv));
	if (result != NULL && tape_follow(tape, call, TENANTS_MS) == 0) {
		*code = tape_exit_code(tape);
		text = xasprintf("%s%s", tape_text(tape, "stdout"),
		    tape_text(tape, "stderr"));
	}
	json_object_put(result);
	tape_free(tape);
	return text == NULL ? xstrdup("") : text;
}

static void
story_own(int t)
{
	struct call *call = attach_as(everybodys, tokens[t], NULL);
	char *text, *wanted;
	int code;

	if (!tap_ok(call != NULL, "%s is let in by its token", names[t]))
		return;
	text = job(call, "who", "id -u; id -g; id -G; umask; echo $WHO; "
	    "cd; pwd; env | grep -c HOLDFAST; "
	    "grep -c '^NoNewPrivs:.1' /proc/self/status", &code);
	wanted = xasprintf("%d\n%d\n%d\n0027\n%s\n%s/%s\n0\n1\n",
	    FIRST_UID + t, FIRST_UID + t, FIRST_UID + t, names[t],
	    daemon_dir(host), names[t]);
	if (!tap_ok(code == 0 && strcmp(text, wanted) == 0,
		"and is itself: user, groups, mask, environment, home"))
		tap_note("got %s", text);
	free(wanted);
	free(text);
	call_free(call);
}

/* Nobody is told whether a token was nearly right. */
static void
story_wrong(void)
{
	static const char *const wrong[] = { "x", "alpha-0123456789abcdeg",
		"alpha-0123456789abcde", "alpha-0123456789abcdef0", "gamma" };
	char *first = NULL;
	struct wire *wire;
	char *header;
	size_t i;
	int good = 1, status;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		wire = wire_connect(everybodys, TENANTS_MS);
		header = bearer(wrong[i]);
		status = wire_upgrade(wire, header, TENANTS_MS);
		if (first == NULL)
			first = xstrdup(wire_head(wire));
		good &= status == 401 && strcmp(first, wire_head(wire)) == 0;
		free(header);
		wire_free(wire);
	}
	tap_ok(good, "every wrong token gets one and the same answer");
	free(first);
	wire = wire_connect(everybodys, TENANTS_MS);
	tap_ok(wire_upgrade(wire, NULL, TENANTS_MS) == 401,
	    "and none at all is not enough");
	wire_free(wire);
}

static void
story_foreign_session(void)
{
	static const char nowhere[] = "00000000-0000-4000-8000-000000000000";
	struct call *a = attach_as(everybodys, tokens[ALPHA], NULL), *again;
	char *session, *known, *unknown;
	int code, takeover;

	if (!tap_ok(a != NULL, "alpha has a session"))
		return;
	session = xstrdup(call_session(a));
	free(job(a, "first", "true", &code));
	unknown = resume_error(tokens[BETA], nowhere, 0);
	for (takeover = 0; takeover < 2; takeover++) {
		known = resume_error(tokens[BETA], session, takeover);
		tap_ok(known != NULL && unknown != NULL &&
		    strcmp(known, unknown) == 0,
		    "to beta it is like one that never was%s",
		    takeover ? ", taken over or not" : "");
		free(known);
	}
	known = resume_error(tokens[ALPHA], session, 0);
	tap_ok(known != NULL && strcmp(known, unknown) != 0,
	    "to alpha it is one that is attached");
	free(known);
	call_free(a);
	known = resume_error(tokens[GAMMA], session, 0);
	tap_ok(known != NULL && strcmp(known, unknown) == 0,
	    "detached, it still is nothing to gamma");
	free(known);
	again = attach_as(everybodys, second, session);
	tap_ok(again != NULL, "alpha has it back by its other token");
	call_free(again);
	again = attach_as(twos, tokens[ALPHA], session);
	tap_ok(again != NULL, "and through another listener and pool");
	call_free(again);
	free(unknown);
	free(session);
}

/* Near misses of an id that is there. */
static void
story_guesses(void)
{
	struct call *a = attach_as(everybodys, tokens[ALPHA], NULL);
	struct call *b = open_as(everybodys, tokens[BETA], NULL);
	struct json_object *reply;
	char *guess;
	int i, refused = 0;
	size_t len;

	for (i = 0; a != NULL && b != NULL && i < GUESSES; i++) {
		guess = xstrdup(call_session(a));
		len = strlen(guess);
		if (i > 0)
			guess[len - 1 - (size_t)i % 12] =
			    "0123456789abcdef"[i % 16];
		reply = call_request(b, "initialize", ask_jsonf(
		    "{'clientName':'x','resumeSessionId':'%s'}", guess));
		refused += call_error_code(reply) == UNKNOWN;
		json_object_put(reply);
		free(guess);
	}
	tap_ok(refused == GUESSES && !call_ended(a),
	    "%d guesses find nothing (%d)", GUESSES, refused);
	call_free(a);
	call_free(b);
}

static void
story_listener(void)
{
	struct call *call;
	int status;

	call = attach_as(twos, tokens[BETA], NULL);
	tap_ok(call != NULL, "beta is served where it is listed");
	call_free(call);
	call = open_as(twos, tokens[GAMMA], &status);
	tap_ok(call == NULL && status == 401,
	    "gamma, which is not, is refused as with a wrong token");
	call_free(call);
}

/*
 * In a process that is user "uid", without a token: the uid its job has, -1
 * when it is not let in.
 */
static int
come_as(uid_t uid)
{
	struct call *call;
	char *text;
	int code, status;
	pid_t pid = fork();

	if (pid == 0) {
		if (setgroups(0, NULL) == -1 || setgid(uid) == -1 ||
		    setuid(uid) == -1)
			_exit(3);
		call = call_open_with(locals, NULL, &status);
		if (call == NULL)
			_exit(status == 403 ? 1 : 2);
		if (call_begin(call, NULL) == -1)
			_exit(4);
		text = job(call, "who", "id -u", &code);
		_exit(atoi(text) == (int)uid ? 0 : 5);
	}
	if (pid == -1 || waitpid(pid, &status, 0) != pid ||
	    !WIFEXITED(status))
		return 99;
	return WEXITSTATUS(status);
}

static void
story_local_users(void)
{
	tap_ok(come_as(FIRST_UID + BETA) == 0,
	    "beta's user on this host is beta");
	tap_ok(come_as(FIRST_UID + 77) == 1, "a stranger is nobody");
	tap_ok(come_as(0) == 1, "and so is root, who is no tenant");
}

/* What a job of beta tries with what is somebody else's. */
struct touch {
	const char *what;
	const char *script;	/* $P: the process it is about */
};

static const struct touch touches[] = {
	{ "signals", "prisoner kill $P" },
	{ "traces", "prisoner ptrace $P" },
	{ "reads the memory of", "prisoner read /proc/$P/mem" },
	{ "reads the environment of", "prisoner read /proc/$P/environ" },
	{ "lists the descriptors of", "ls /proc/$P/fd" },
	{ "takes the root of", "ls /proc/$P/root/" },
	{ "takes the directory of", "ls /proc/$P/cwd/" },
	{ "reads the maps of", "cat /proc/$P/maps | grep -q ." },
	{ "changes the limits of", "prlimit --pid $P --nofile=1:1" },
	{ "slows", "renice 19 $P" },
	{ "offers to the killer", "echo 1000 >/proc/$P/oom_score_adj" },
};

static void
touch_one(struct call *call, const char *whose, pid_t pid)
{
	const struct touch *t;
	char *script, *text;
	size_t i;
	int code, got = 0;

	for (i = 0; i < sizeof(touches) / sizeof(touches[0]); i++) {
		static int number;
		char id[32];

		t = &touches[i];
		snprintf(id, sizeof(id), "touch-%d", number++);
		script = xasprintf("P=%d; prisoner() { '%s/prisoner' \"$@\"; "
		    "}; %s", (int)pid, daemon_dir(host), t->script);
		text = job(call, id, script, &code);
		if (code == 0 || code == -1) {
			got++;
			tap_note("a job %s %s: %s", t->what, whose, text);
		}
		free(text);
		free(script);
	}
	tap_ok(got == 0 && kill(pid, 0) == 0,
	    "a job can do none of %zu things to %s", i, whose);
}

static int
copy_prisoner(void)
{
	const char *top = getenv("top_builddir");
	char *from = xasprintf("%s/tests/system/prisoner",
	    top == NULL ? "." : top);
	char *to = xasprintf("%s/prisoner", daemon_dir(host));
	char bytes[65536];
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	ssize_t n = -1;

	while (in != -1 && out != -1 &&
	    (n = read(in, bytes, sizeof(bytes))) > 0)
		if (write(out, bytes, (size_t)n) != n)
			break;
	if (out != -1)
		(void)fchmod(out, 0755);
	close(in);
	close(out);
	free(from);
	free(to);
	return n == 0 ? 0 : -1;
}

/* A runner of this user that has a job, and the job; 0 when there is none. */
static pid_t
runner_of(uid_t uid, pid_t *child)
{
	struct procfs_entry below[16];
	pid_t pids[64];
	size_t n = daemon_find(host, "holdfast-runner", pids, 64), i;

	for (i = 0; i < n && i < 64; i++)
		if (procfs_uid(pids[i]) == uid &&
		    procfs_below(pids[i], below, 16) > 0) {
			*child = below[0].pid;
			return pids[i];
		}
	return 0;
}

static void
story_touch(void)
{
	static const char *const programs[] = { "holdfast-broker",
		"holdfast-gateway" };
	struct call *a = attach_as(everybodys, tokens[ALPHA], NULL);
	struct call *b = attach_as(everybodys, tokens[BETA], NULL);
	const char *argv[] = { "/bin/sleep", "1000", NULL };
	struct json_object *result = NULL;
	pid_t runner, child, pid;
	size_t i;

	if (a != NULL)
		result = call_result(a, "process/start",
		    call_start_params("sleep", "/", argv));
	json_object_put(result);
	runner = runner_of(FIRST_UID + ALPHA, &child);
	if (tap_ok(result != NULL && b != NULL && runner != 0,
		"alpha has a job, beta looks for it")) {
		touch_one(b, "alpha's runner", runner);
		touch_one(b, "alpha's job", child);
		touch_one(b, "holdfastd", daemon_pid(host));
		for (i = 0; i < 2; i++)
			if (daemon_find(host, programs[i], &pid, 1) > 0)
				touch_one(b, programs[i], pid);
	}
	call_free(a);
	call_free(b);
}

/* What lies in files is of no use to it either. */
static void
story_files(void)
{
	struct call *b = attach_as(everybodys, tokens[BETA], NULL);
	char *script, *text;
	int code = 0;

	/* Who may not write to a socket may not connect to it, unix(7). */
	script = xasprintf("find '%s' -mindepth 1 2>/dev/null | while read f; "
	    "do [ -w \"$f\" ] && echo \"writable $f\"; done; "
	    "cat '%s/holdfast.conf' 2>/dev/null; ls '%s/alpha' 2>/dev/null; "
	    "true", daemon_runtime_dir(host), daemon_dir(host),
	    daemon_dir(host));
	text = b == NULL ? xstrdup("?") : job(b, "files", script, &code);
	if (!tap_ok(code == 0 && text[0] == '\0', "a job finds no socket "
		"to connect to and nothing to write in the runtime directory, no "
		"configuration and nothing of alpha's"))
		tap_note("%s", text);
	free(text);
	free(script);
	call_free(b);
}

/* The answer to an upgrade with that token: all of its head. */
static char *
answer_to(const char *url, const char *token)
{
	struct wire *wire = wire_connect(url, TENANTS_MS);
	char *header = bearer(token), *text;

	if (wire != NULL)
		(void)wire_upgrade(wire, header, TENANTS_MS);
	text = xstrdup(wire == NULL ? "" : wire_head(wire));
	free(header);
	wire_free(wire);
	return text;
}

/* What a signer says is taken for what it is, and for nothing else. */
static void
story_signed(void)
{
	static const struct {
		const char *what, *key, *issuer, *name;
	} wrong[] = {
		{ "signed by somebody else", later, "us", "alpha" },
		{ "for nobody", secret, "us", "delta" },
		{ "for one who is not to be had here", secret, "us",
		    "gamma" },
		{ "for one whose name is not quite that", secret, "us",
		    "Alpha" },
	};
	char *first = NULL, *token, *text;
	struct call *a, *b;
	size_t i;
	int code, status;

	token = signed_for(secret, "us", "alpha", 1);
	a = attach_as(signers, token, NULL);
	text = a == NULL ? xstrdup("") : job(a, "who", "id -u", &code);
	tap_ok(atoi(text) == FIRST_UID + ALPHA,
	    "a signed token lets alpha in, as alpha");
	free(text);
	b = open_as(everybodys, token, &status);
	tap_ok(b == NULL && status == 401, "but not at another listener");
	call_free(b);
	free(token);
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		token = signed_for(wrong[i].key, wrong[i].issuer,
		    wrong[i].name, 1);
		text = answer_to(signers, token);
		if (first == NULL)
			first = xstrdup(text);
		tap_ok(strncmp(text, "HTTP/1.1 401", 12) == 0 &&
		    strcmp(text, first) == 0, "one %s is not: 401, and the "
		    "same in all", wrong[i].what);
		free(text);
		free(token);
	}
	free(first);
	token = signed_for(secret, "us", "alpha", 0);
	b = open_as(signers, token, &status);
	tap_ok(b == NULL && status == 401, "nor one whose time is over");
	free(token);
	token = signed_for(secret, "them", "alpha", 1);
	call_free(b);
	b = open_as(signers, token, &status);
	tap_ok(b == NULL && status == 401, "nor one of another issuer");
	free(token);
	call_free(b);
	b = attach_as(signers, tokens[BETA], NULL);
	tap_ok(b != NULL, "a plain token is as good there");
	call_free(b);
	call_free(a);
}

/* Who came by the earlier secret has to come again. */
static void
story_new_secret(void)
{
	char *old = signed_for(secret, "us", "alpha", 1);
	char *new = signed_for(later, "us", "alpha", 1), *text, *session;
	struct call *a = attach_as(signers, old, NULL), *again = NULL;
	struct call *b = attach_as(signers, tokens[BETA], NULL);
	uint64_t deadline = deadline_in(TENANTS_MS);
	int code, status = 0;

	if (!tap_ok(a != NULL && b != NULL && write_secret(later) == 0,
		"a signed token and a plain one are in use"))
		goto out;
	session = xstrdup(call_session(a));
	text = host_conf();
	daemon_reload(host, text);
	free(text);
	while (!call_ended(a) && deadline_left(deadline) > 0)
		(void)call_receive(a, 50);
	tap_ok(call_ended(a), "with another secret the signed one's "
	    "connection ends");
	again = open_as(signers, old, &status);
	tap_ok(again == NULL && status == 401, "and it is wrong now");
	call_free(again);
	again = attach_as(signers, new, session);
	tap_ok(again != NULL, "a new one has the session back");
	text = job(b, "here", "echo here", &code);
	tap_ok(strcmp(text, "here\n") == 0, "the plain one's goes on");
	free(text);
	free(session);
out:
	call_free(a);
	call_free(again);
	call_free(b);
	free(old);
	free(new);
}

/* How a session has ended is nobody's business but its owner's. */
static void
story_tombstone(void)
{
	static const char nowhere[] = "00000000-0000-4000-8000-000000000000";
	struct call *a = open_as(everybodys, tokens[ALPHA], NULL);
	uint64_t deadline = deadline_in(TENANTS_MS);
	struct json_object *reply = NULL, *result, *id;
	char *session = NULL, *mine = NULL, *theirs, *unknown, *text;
	pid_t left = 0;
	int code;

	if (a != NULL)
		reply = call_request(a, "initialize", ask_jsonf(
		    "{'clientName':'x','holdfast':{'detachTtlMs':1}}"));
	if (json_object_object_get_ex(reply, "result", &result) &&
	    json_object_object_get_ex(result, "sessionId", &id) &&
	    call_notify(a, "initialized", NULL) == 0) {
		session = xstrdup(json_object_get_string(id));
		text = job(a, "left", "sleep 1000 >/dev/null 2>&1 & echo $!",
		    &code);
		left = (pid_t)atoi(text);
		free(text);
	}
	json_object_put(reply);
	call_free(a);
	/* Asked for before its time, it would be there again. */
	if (!tap_ok(session != NULL && left > 0 &&
	    wait_until(wait_pid_gone, &left, TENANTS_MS) == 0,
		"alpha leaves a session for good"))
		return;
	while (deadline_left(deadline) > 0) {
		free(mine);
		mine = resume_error(tokens[ALPHA], session, 0);
		if (mine != NULL && strstr(mine, "reason") != NULL)
			break;
	}
	tap_ok(mine != NULL && strstr(mine, "endedAtMs") != NULL,
	    "and is told how it ended");
	theirs = resume_error(tokens[BETA], session, 0);
	unknown = resume_error(tokens[BETA], nowhere, 0);
	if (!tap_ok(theirs != NULL && unknown != NULL &&
	    strcmp(theirs, unknown) == 0, "beta is told what it is told of "
		"any that never was"))
		tap_note("%s, %s", theirs, unknown);
	free(mine);
	free(theirs);
	free(unknown);
	free(session);
}

/* Who is taken out of the configuration is out; who is not notices nothing. */
static void
story_reload(void)
{
	struct call *a = attach_as(everybodys, tokens[ALPHA], NULL);
	struct call *other = attach_as(everybodys, second, NULL);
	struct call *b = attach_as(everybodys, tokens[BETA], NULL);
	char *one = tenant_conf(ALPHA, ""), *text, *error, *session;
	uint64_t deadline = deadline_in(TENANTS_MS);
	int code;

	if (!tap_ok(a != NULL && other != NULL && b != NULL,
		"both of alpha's tokens and beta's are in use"))
		goto out;
	session = xstrdup(call_session(b));
	text = xasprintf("{ \"gateways\": 2, \"listeners\": [\n"
	    "{ \"address\": \"%s\", \"admission\": [\"token\"] },\n"
	    "{ \"address\": \"%s\", \"gateways\": 1, \"tenants\": "
	    "[\"alpha\"], \"admission\": [\"token\"] },\n"
	    "{ \"address\": \"%s\", \"admission\": [\"peer-uid\"] } ],\n"
	    "\"tenants\": [\n%s ] }\n", everybodys, twos, locals, one);
	daemon_reload(host, text);
	while (!(call_ended(b) && call_ended(other)) &&
	    deadline_left(deadline) > 0) {
		(void)call_receive(b, 50);
		(void)call_receive(other, 50);
	}
	tap_ok(call_ended(b) && call_ended(other), "a tenant and a token that "
	    "are gone lose their connections");
	error = resume_error(tokens[BETA], session, 0);
	tap_ok(error != NULL && strcmp(error, "not let in") == 0,
	    "and are not let in again");
	free(error);
	free(text);
	text = job(a, "still", "echo here", &code);
	tap_ok(code == 0 && strcmp(text, "here\n") == 0,
	    "a token that is still there is served on");
	free(text);
	text = host_conf();
	daemon_reload(host, text);
	free(text);
	call_free(b);
	/* Sockets stay, so the ports are those of before. */
	for (b = NULL; b == NULL && deadline_left(deadline) > 0;) {
		/* Not so often that it comes to be a penalty. */
		poll(NULL, 0, BETWEEN_MS);
		b = attach_as(everybodys, tokens[BETA], session);
	}
	tap_ok(b != NULL, "put back, beta finds its session as it was");
	free(session);
out:
	free(one);
	call_free(a);
	call_free(other);
	call_free(b);
}

int
main(void)
{
	char *text;
	int t, fd;

	if (geteuid() != 0)
		tap_skip_all("needs root: jobs run as several users");
	if ((fd = mkstemp(secret_path)) == -1)
		tap_skip_all("needs a place for a secret");
	close(fd);
	(void)write_secret(secret);
	text = host_conf();
	host = daemon_start_conf(text, 4);
	free(text);
	if (!tap_ok(host != NULL, "a host with %d tenants", TENANTS)) {
		unlink(secret_path);
		return tap_done();
	}
	everybodys = daemon_address(host, 0);
	twos = daemon_address(host, 1);
	locals = daemon_address(host, 2);
	signers = daemon_address(host, 3);
	if (tap_ok(make_places() == 0 && copy_prisoner() == 0,
		"places for them")) {
		for (t = 0; t < TENANTS; t++)
			story_own(t);
		story_foreign_session();
		story_guesses();
		story_listener();
		story_local_users();
		story_touch();
		story_files();
		story_signed();
		story_tombstone();
		story_new_secret();
		story_wrong();
		story_reload();
	}
	tap_ok(daemon_stop(host, TENANTS_MS) == 0 &&
	    daemon_check_clean(host, TENANTS_MS) == 0,
	    "and at the end nothing is left");
	daemon_free(host, tap_failed());
	unlink(secret_path);
	return tap_done();
}
