/* SPDX-License-Identifier: ISC */
/*
 * What this server has beyond others, for sessions: times to live that are
 * asked for, takeover, and what is told of those that have ended.
 */
#include "config.h"

#include <sys/types.h>

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
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
#include "tests/lib/tape.h"
#include "tests/lib/wait.h"
#include "tests/system/ask.h"

#define TAKEOVER_MS 60000
#define ATTACHED (-32010)
#define UNKNOWN (-32600)
#define PARAMS (-32602)
#define CLOSE_TAKEN_OVER 4001
#define UNREAD 4000
#define UNREAD_MS 1500
#define HALF (20 << 20)
#define TTL_MS 1000 /* the shortest that can be asked for */

/* initialize with this as "holdfast"; the whole reply, the caller's. */
static struct json_object *
initialize(struct call *call, const char *session, const char *beyond)
{
	struct json_object *params = ask_json("{'clientName':'takeover'}");

	if (session != NULL)
		json_object_object_add(params, "resumeSessionId",
		    json_object_new_string(session));
	if (beyond != NULL)
		json_object_object_add(params, "holdfast", ask_json(beyond));
	return call == NULL ? NULL : call_request(call, "initialize", params);
}

static struct json_object *
member(struct json_object *object, const char *name)
{
	struct json_object *value;

	return json_object_object_get_ex(object, name, &value) ? value :
	    NULL;
}

static int
text_is(struct json_object *object, const char *name, const char *text)
{
	struct json_object *value = member(object, name);

	return json_object_is_type(value, json_type_string) &&
	    strcmp(json_object_get_string(value), text) == 0;
}

static int64_t
granted(struct json_object *reply, const char *name)
{
	return ask_int(member(member(reply, "result"), "holdfast"), name);
}

/* How long a session with this wish would live; and of which attachment. */
static int64_t
ttl_of(struct daemon *daemon, const char *session, const char *beyond,
    char **id)
{
	struct call *call = call_open(daemon_url(daemon));
	struct json_object *reply = initialize(call, session, beyond);
	int64_t ttl = granted(reply, "detachTtlMs");

	if (id != NULL && ttl != -1)
		*id = xstrdup(json_object_get_string(member(member(reply,
		    "result"), "sessionId")));
	json_object_put(reply);
	call_free(call);
	return ttl;
}

struct resumer {
	struct daemon *daemon;
	const char *session;
	const char *beyond;
	int64_t ttl;
};

static int
is_resumed(void *arg)
{
	struct resumer *resumer = arg;

	resumer->ttl = ttl_of(resumer->daemon, resumer->session,
	    resumer->beyond, NULL);
	return resumer->ttl != -1;
}

static int64_t
resumed_ttl(struct daemon *daemon, const char *session, const char *beyond)
{
	struct resumer resumer = { daemon, session, beyond, -1 };

	wait_until(is_resumed, &resumer, TAKEOVER_MS);
	return resumer.ttl;
}

static void
story_times(struct daemon *daemon)
{
	struct call *call = call_open(daemon_url(daemon));
	struct json_object *reply, *limits;
	char *id = NULL;

	reply = initialize(call, NULL, NULL);
	limits = member(member(member(reply, "result"), "holdfast"),
	    "limits");
	tap_ok(granted(reply, "version") == 1 &&
	    granted(reply, "attachment") == 1, "a version, an attachment");
	tap_ok(granted(reply, "detachTtlMs") == 40000 &&
	    ask_int(limits, "maxDetachTtlMs") == 60000 &&
	    ask_int(limits, "maxProcesses") == 77 &&
	    ask_int(limits, "retainBytes") == 8388608 &&
	    ask_int(limits, "windowBytes") > 0 &&
	    ask_int(limits, "maxMessageBytes") >= 1 << 24, "and the limits");
	json_object_put(reply);
	call_free(call);
	call = call_open(daemon_url(daemon));
	reply = initialize(call, NULL, "{'detachTtlMs':-1}");
	tap_ok(call_error_code(reply) == PARAMS, "no time before now");
	json_object_put(reply);
	reply = initialize(call, NULL, "[]");
	tap_ok(call_error_code(reply) == PARAMS, "an object or nothing");
	json_object_put(reply);
	call_free(call);
	tap_ok(ttl_of(daemon, NULL, "{'detachTtlMs':1}", NULL) == 1000,
	    "not less than a second");
	tap_ok(ttl_of(daemon, NULL, "{'detachTtlMs':999999999}", NULL) ==
	    60000, "not more than there is");
	tap_ok(ttl_of(daemon, NULL, "{'detachTtlMs':null}", NULL) == 40000,
	    "nothing asked for");
	tap_ok(ttl_of(daemon, NULL, "{'detachTtlMs':50000}", &id) == 50000,
	    "what was asked for");
	tap_ok(resumed_ttl(daemon, id, NULL) == 50000, "stays");
	tap_ok(resumed_ttl(daemon, id, "{'detachTtlMs':45000}") == 45000,
	    "until another is");
	free(id);
}

static int
is_served(struct call *call)
{
	struct json_object *result =
	    call_result(call, "environment/status", NULL);

	json_object_put(result);
	return result != NULL;
}

/* Read to the end, which is that of a connection taken over. */
static void
cut_off(struct call *holder, const char *what)
{
	int code;

	while (call_receive(holder, TAKEOVER_MS) > 0)
		continue;
	code = call_close_code(holder);
	tap_ok(call_ended(holder) && code == CLOSE_TAKEN_OVER, "%s (%d)",
	    what, code);
}

static void
story_takeover(struct daemon *daemon)
{
	struct call *holder = call_attach(daemon_url(daemon), NULL);
	struct call *other = call_open(daemon_url(daemon));
	struct json_object *reply;
	struct tape *tape;
	const char *session;

	if (!tap_ok(holder != NULL && other != NULL, "two connections"))
		goto out;
	session = call_session(holder);
	json_object_put(call_result(holder, "process/start", ask_json(
	    "{'processId':'p','argv':['cat'],'cwd':'file:///','env':"
	    "{'PATH':'/usr/bin:/bin'},'tty':false,'pipeStdin':true}")));
	reply = initialize(other, session, "{'takeover':false}");
	tap_ok(call_error_code(reply) == ATTACHED, "attached elsewhere");
	json_object_put(reply);
	tap_ok(is_served(holder), "and its holder stays");
	reply = initialize(other, session, "{'takeover':true}");
	tap_ok(granted(reply, "attachment") == 2, "until it is taken over");
	json_object_put(reply);
	tap_ok(call_notify(other, "initialized", NULL) == 0 &&
	    is_served(other), "by one that is served");
	cut_off(holder, "who held it is told so");
	reply = call_result(other, "process/write", ask_json(
	    "{'processId':'p','chunk':'aGkK','writeId':'1'}"));
	tap_ok(text_is(reply, "status", "accepted"), "its processes go on");
	json_object_put(reply);
	tape = tape_new("p");
	tap_ok(tape_follow_to(tape, other, "stdout", "hi\n", TAKEOVER_MS) ==
	    0, "and tell the new one");
	tape_free(tape);
out:
	call_free(holder);
	call_free(other);
}

/*
 * More answers than the server and the kernel have room for: some of them
 * are still there when the other comes, and behind them the Close would be.
 */
static void
story_unread(struct daemon *daemon)
{
	struct call *holder = call_attach(daemon_url(daemon), NULL);
	struct call *other = call_open(daemon_url(daemon));
	struct json_object *reply;
	int64_t i, last = 0;
	int came = 0;

	if (!tap_ok(holder != NULL && other != NULL, "one does not read"))
		goto out;
	for (i = 0; i < UNREAD; i++)
		last = call_send(holder, "environment/info", NULL);
	/* The first ones are answered, whichever gateway is the faster. */
	wait_fd(wire_fd(call_wire(holder)), POLLIN, deadline_in(TAKEOVER_MS));
	reply = initialize(other, call_session(holder), "{'takeover':true}");
	tap_ok(granted(reply, "attachment") == 2, "and is taken over");
	json_object_put(reply);
	tap_ok(call_notify(other, "initialized", NULL) == 0 &&
	    is_served(other), "by one that is served");
	/* Longer than others are waited for. */
	poll(NULL, 0, UNREAD_MS);
	cut_off(holder, "when it reads again it is told so");
	for (i = 0; i <= last; i++) {
		reply = call_take_reply(holder, i);
		came += reply != NULL;
		json_object_put(reply);
	}
	tap_ok(came > 0 && came < UNREAD, "before what waited for it: %d of "
	    "%d answers came", came, UNREAD);
out:
	call_free(holder);
	call_free(other);
}

/* The same in the middle of a long answer, which comes in many frames. */
static void
story_half(struct daemon *daemon)
{
	char *path = xasprintf("%s/half", daemon_dir(daemon));
	struct call *holder = call_attach(daemon_url(daemon), NULL);
	struct call *other = call_open(daemon_url(daemon));
	struct json_object *reply;
	int64_t id;
	int fd;

	if (!tap_ok(holder != NULL && other != NULL && (fd = open(path,
	    O_WRONLY | O_CREAT | O_CLOEXEC, 0644)) != -1 &&
	    ftruncate(fd, HALF) == 0 && close(fd) == 0, "a long answer"))
		goto out;
	ask_at(path);
	id = call_send(holder, "fs/readFile", ask_json("{'path':'@'}"));
	wait_fd(wire_fd(call_wire(holder)), POLLIN, deadline_in(TAKEOVER_MS));
	reply = initialize(other, call_session(holder), "{'takeover':true}");
	tap_ok(granted(reply, "attachment") == 2, "of which half is there");
	json_object_put(reply);
	cut_off(holder, "ends with being told so");
	reply = call_take_reply(holder, id);
	tap_ok(reply == NULL, "and not with its other half");
	json_object_put(reply);
out:
	free(path);
	call_free(holder);
	call_free(other);
}

/* What tells of it and the end of its work reach its gateway together. */
static void
story_asleep(struct daemon *daemon)
{
	pid_t gateway, elsewhere = 0;
	struct call *holder = daemon_attach(daemon, NULL, 0, &gateway);
	struct call *other = NULL;
	struct json_object *reply;

	if (!tap_ok(holder != NULL && is_served(holder), "a holder"))
		goto out;
	json_object_put(call_result(holder, "process/start", ask_json(
	    "{'processId':'p','argv':['cat'],'cwd':'file:///','env':"
	    "{'PATH':'/usr/bin:/bin'},'tty':false,'pipeStdin':true}")));
	kill(gateway, SIGSTOP);
	other = call_open(daemon_url(daemon));
	if (other != NULL)
		elsewhere = daemon_owner_of(daemon,
		    wire_local_port(call_wire(other)));
	reply = initialize(other, call_session(holder), "{'takeover':true}");
	tap_ok(granted(reply, "attachment") == 2 && elsewhere != gateway &&
	    call_notify(other, "initialized", NULL) == 0, "whose gateway "
	    "sleeps when it is taken over");
	json_object_put(reply);
	json_object_put(call_result(other, "process/terminate",
	    call_process_params("p")));
	kill(gateway, SIGCONT);
	cut_off(holder, "is told so later");
out:
	call_free(holder);
	call_free(other);
}

/* Nobody proves who he is, so nobody may take anything. */
static void
story_no_takeover(void)
{
	static const char *const args[] = { "--auth", "none", NULL };
	struct daemon *daemon = daemon_start(args);
	struct call *holder = NULL, *other = NULL;
	struct json_object *reply;

	if (tap_ok(daemon != NULL, "holdfastd without authentication")) {
		holder = call_attach(daemon_url(daemon), NULL);
		other = call_open(daemon_url(daemon));
	}
	if (holder != NULL && other != NULL) {
		reply = initialize(other, call_session(holder),
		    "{'takeover':true}");
		tap_ok(call_error_code(reply) == ATTACHED, "refused");
		json_object_put(reply);
		tap_ok(is_served(holder), "and its holder stays");
	}
	call_free(holder);
	call_free(other);
	daemon_free(daemon, 0);
}

/* The "data" of the error for a session, the caller's, or NULL. */
static struct json_object *
obituary(struct daemon *daemon, const char *session)
{
	struct call *call = call_open(daemon_url(daemon));
	struct json_object *reply = initialize(call, session, NULL);
	struct json_object *data = NULL;

	if (call_error_code(reply) == UNKNOWN)
		data = json_object_get(member(member(reply, "error"),
		    "data"));
	json_object_put(reply);
	call_free(call);
	return data;
}

struct mourner {
	struct daemon *daemon;
	const char *session;
	int ms;
	struct json_object *data;
};

/*
 * Whatever was told before is only what was known before.  Who asks for a
 * session that is still there gets it, and begins its time anew.
 */
static int
is_told(void *arg)
{
	struct mourner *mourner = arg;

	poll(NULL, 0, mourner->ms);
	json_object_put(mourner->data);
	mourner->data = obituary(mourner->daemon, mourner->session);
	return ask_int(mourner->data, "endedAtMs") > 0;
}

/* "ms" is what has to pass without anybody there before it ends. */
static struct json_object *
wait_obituary(struct daemon *daemon, const char *session, int ms)
{
	struct mourner mourner = { daemon, session, ms, NULL };

	wait_until(is_told, &mourner, TAKEOVER_MS);
	return mourner.data;
}

static struct json_object *
process_of(struct json_object *data, const char *id)
{
	struct json_object *list = member(data, "processes"), *item;
	size_t i;

	for (i = 0; json_object_is_type(list, json_type_array) &&
	    i < json_object_array_length(list); i++) {
		item = json_object_array_get_idx(list, i);
		if (text_is(item, "processId", id))
			return item;
	}
	return NULL;
}

static char *
busy_session(struct daemon *daemon)
{
	struct call *call = call_open(daemon_url(daemon));
	struct json_object *reply = initialize(call, NULL,
	    "{'detachTtlMs':1000}");
	char *id = NULL;
	int i;

	if (granted(reply, "detachTtlMs") != 1000)
		goto out;
	id = xstrdup(json_object_get_string(member(member(reply, "result"),
	    "sessionId")));
	call_notify(call, "initialized", NULL);
	for (i = 0; i < 2; i++)
		json_object_put(call_result(call, "process/start", ask_jsonf(
		    "{'processId':'%s','argv':['sh','-c','%s'],'cwd':"
		    "'file:///','env':{'PATH':'/usr/bin:/bin'},'tty':false}",
		    i == 0 ? "ends" : "runs", i == 0 ? "echo hi; exit 3" :
		    "sleep 600")));
	for (i = 0; i < 3; i++)
		json_object_put(call_next(call, TAKEOVER_MS));
out:
	json_object_put(reply);
	call_free(call);
	return id;
}

static void
story_expired(struct daemon *daemon)
{
	char *session = busy_session(daemon), *idle = NULL;
	struct json_object *data;

	if (!tap_ok(session != NULL, "a session with two processes"))
		return;
	data = wait_obituary(daemon, session, TTL_MS + 50);
	tap_ok(text_is(data, "reason", "expired"), "expires");
	tap_ok(ask_int(process_of(data, "ends"), "exitCode") == 3 &&
	    ask_int(process_of(data, "ends"), "lastSeq") == 3,
	    "the one that had ended is told");
	tap_ok(ask_int(process_of(data, "runs"), "exitCode") == 137,
	    "and the one that was ended");
	json_object_put(data);
	free(session);
	ttl_of(daemon, NULL, "{'detachTtlMs':1000}", &idle);
	data = wait_obituary(daemon, idle, TTL_MS + 50);
	tap_ok(json_object_is_type(member(data, "processes"),
	    json_type_array) && json_object_array_length(member(data,
	    "processes")) == 0, "one without work had no processes");
	json_object_put(data);
	free(idle);
	data = obituary(daemon, "11111111-2222-4333-8444-555555555555");
	tap_ok(data == NULL, "of one that never was nothing is told");
	json_object_put(data);
}

static void
story_lost(struct daemon *daemon)
{
	char *session = busy_session(daemon);
	struct json_object *data;
	pid_t runner;

	if (!tap_ok(session != NULL && daemon_find(daemon, "holdfast-runner",
	    &runner, 1) == 1, "a session and its runner"))
		goto out;
	kill(runner, SIGKILL);
	data = wait_obituary(daemon, session, 0);
	tap_ok(text_is(data, "reason", "runnerLost"), "which is lost");
	tap_ok(data != NULL && json_object_object_get_ex(data, "processes",
	    NULL) && member(data, "processes") == NULL,
	    "with what it knew of processes");
	json_object_put(data);
out:
	free(session);
}

int
main(void)
{
	static const char *const args[] = { "--gateways", "2",
		"--detach-ttl-ms", "40000",
		"--max-detach-ttl-ms", "60000", "--max-processes", "77",
		NULL };
	struct daemon *daemon = daemon_start(args);

	if (tap_ok(daemon != NULL, "holdfastd runs")) {
		story_expired(daemon);
		story_lost(daemon);
		story_times(daemon);
		story_takeover(daemon);
		story_unread(daemon);
		story_half(daemon);
		story_asleep(daemon);
		tap_ok(daemon_stop(daemon, TAKEOVER_MS) == 0,
		    "holdfastd ends with 0");
		tap_ok(daemon_check_clean(daemon, TAKEOVER_MS) == 0,
		    "nothing is left behind");
	}
	daemon_free(daemon, tap_failed() > 0);
	story_no_takeover();
	return tap_done();
}
