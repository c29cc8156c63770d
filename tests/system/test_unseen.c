/* SPDX-License-Identifier: ISC */
/*
 * Who knows nothing of what this server has beyond others is served as by
 * those: every extension, from the side of one that does not ask for it.
 */
#include "config.h"

#include <sys/types.h>

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "common/xmalloc.h"
#include "tests/lib/call.h"
#include "tests/lib/daemon.h"
#include "tests/lib/tap.h"
#include "tests/lib/tape.h"
#include "tests/lib/wait.h"
#include "tests/system/ask.h"

#define UNSEEN_MS 60000
#define TTL_MS 1000

#define START(id, script, more) \
	"{'processId':'" id "','argv':['sh','-c','" script "']," \
	"'cwd':'file:///','env':{'PATH':'/usr/bin:/bin'},'tty':" more "}"

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

/* Whether the object has these members (NULL at their end) and no other. */
static int
has_only(struct json_object *object, ...)
{
	const char *name;
	int count = 0, there = 0;
	va_list ap;

	va_start(ap, object);
	while ((name = va_arg(ap, const char *)) != NULL) {
		count++;
		there += json_object_object_get_ex(object, name, NULL);
	}
	va_end(ap);
	if (object != NULL && there == count &&
	    json_object_object_length(object) == count)
		return 1;
	tap_note("%s", object == NULL ? "nothing" :
	    json_object_to_json_string(object));
	return 0;
}

/* The params of the next notification of this kind about "id". */
static struct json_object *
event_of(struct call *call, const char *method, const char *id)
{
	struct json_object *event, *params = NULL;

	while (params == NULL &&
	    (event = call_next(call, UNSEEN_MS)) != NULL) {
		if (text_is(event, "method", method) &&
		    text_is(member(event, "params"), "processId", id))
			params = json_object_get(member(event, "params"));
		json_object_put(event);
	}
	return params;
}

static struct json_object *
initialize(struct call *call, const char *session)
{
	struct json_object *params = ask_json("{'clientName':'simple'}");

	if (session != NULL)
		json_object_object_add(params, "resumeSessionId",
		    json_object_new_string(session));
	return call_request(call, "initialize", params);
}

/* What is beyond is in one member of its own, and nowhere else. */
static void
story_sessions(struct daemon *daemon)
{
	struct call *call = call_open(daemon_url(daemon));
	struct call *other = call_attach(daemon_url(daemon), NULL);
	struct json_object *reply = initialize(call, NULL), *error;
	char *text;

	tap_ok(has_only(member(reply, "result"), "sessionId",
	    "environmentInfo", "holdfast", NULL) &&
	    member(member(member(reply, "result"), "environmentInfo"),
	    "holdfast") == NULL, "initialize has one member more");
	json_object_put(reply);
	call_free(call);
	call = call_open(daemon_url(daemon));
	if (other == NULL || call == NULL)
		goto out;
	reply = initialize(call, call_session(other));
	error = member(reply, "error");
	text = xasprintf("session %s is already attached to another "
	    "connection", call_session(other));
	tap_ok(has_only(error, "code", "message", NULL) &&
	    ask_int(error, "code") == -32010 &&
	    text_is(error, "message", text), "nothing is taken over");
	json_object_put(reply);
	free(text);
	reply = call_request(other, "environment/status", NULL);
	tap_ok(text_is(member(reply, "result"), "status", "ready"),
	    "nor is its holder disturbed");
	json_object_put(reply);
out:
	call_free(call);
	call_free(other);
}

struct returner {
	struct daemon *daemon;
	const char *session;
	struct json_object *reply;
};

/* Who asks before its time is up gets it, and begins its time anew. */
static int
is_unknown(void *arg)
{
	struct returner *returner = arg;
	struct call *call;

	poll(NULL, 0, TTL_MS + 50);
	call = call_open(daemon_url(returner->daemon));
	json_object_put(returner->reply);
	returner->reply = initialize(call, returner->session);
	call_free(call);
	return call_error_code(returner->reply) == -32600;
}

/* What is told of one that has expired comes beside what others say. */
static void
story_expired(struct daemon *daemon)
{
	struct call *call = call_attach(daemon_url(daemon), NULL);
	struct returner returner = { .daemon = daemon };
	char *session, *text;

	if (!tap_ok(call != NULL, "a session that will expire"))
		return;
	session = xstrdup(call_session(call));
	text = xasprintf("unknown session id %s", session);
	returner.session = session;
	call_free(call);
	tap_ok(wait_until(is_unknown, &returner, UNSEEN_MS) == 0 &&
	    has_only(member(returner.reply, "error"), "code", "message",
	    "data", NULL) && text_is(member(returner.reply, "error"),
	    "message", text), "is not known any more");
	json_object_put(returner.reply);
	free(session);
	free(text);
}

static void
story_events(struct call *call)
{
	struct json_object *params;

	ask(call, "process/start", START("ends", "echo hi; exit 3", "false"),
	    NULL);
	params = event_of(call, "process/output", "ends");
	tap_ok(has_only(params, "processId", "seq", "stream", "chunk", NULL),
	    "output as ever");
	json_object_put(params);
	params = event_of(call, "process/exited", "ends");
	tap_ok(has_only(params, "processId", "seq", "exitCode",
	    "sandboxDenied", "signal", NULL) && ask_int(params, "exitCode") ==
	    3 && member(params, "signal") == NULL, "an end with one member "
	    "more, which is null");
	json_object_put(params);
	params = event_of(call, "process/closed", "ends");
	tap_ok(has_only(params, "processId", "seq", NULL), "closed as ever");
	json_object_put(params);
}

static void
story_terminals(struct call *call)
{
	struct json_object *params;
	struct tape *tape = tape_new("tty");

	ask(call, "process/start", START("tty", "stty size; exec cat",
	    "true"), NULL);
	/* A terminal makes two writes of a line and its end. */
	if (!tap_ok(tape_follow_to(tape, call, "pty", "\n", UNSEEN_MS) == 0 &&
	    strcmp(tape_text(tape, "pty"), "24 80\r\n") == 0,
	    "a terminal of 24 lines"))
		tap_note("%s%s", tape_text(tape, "pty"), tape_error(tape));
	tape_free(tape);
	ask(call, "process/write", "{'processId':'tty','chunk':'BA==',"
	    "'writeId':'1'}", NULL);
	params = event_of(call, "process/exited", "tty");
	tap_ok(ask_int(params, "exitCode") == 0, "which is closed by ^D");
	json_object_put(params);
}

/* No grace where none was asked for, and no limit of time. */
static void
story_ends(struct call *call)
{
	struct json_object *params;
	struct tape *tape;

	ask(call, "process/start", START("traps", "trap \\\"exit 3\\\" TERM; "
	    "echo r; while :; do sleep 0.05; done", "false"), NULL);
	json_object_put(event_of(call, "process/output", "traps"));
	tap_ok(ask(call, "process/terminate", "{'processId':'traps'}", NULL)
	    == 0, "terminate");
	params = event_of(call, "process/exited", "traps");
	tap_ok(ask_int(params, "exitCode") == 137, "does not ask first");
	json_object_put(params);
	tap_ok(ask(call, "process/start", START("input", "cat; echo end",
	    "false,'pipeStdin':true"), NULL) == 0 && ask(call,
	    "process/write", "{'processId':'input','chunk':'','writeId':"
	    "'1'}", NULL) == 0 && ask(call, "process/write",
	    "{'processId':'input','chunk':'aGkK','writeId':'2'}", NULL) == 0,
	    "an empty write");
	tape = tape_new("input");
	tap_ok(tape_follow_to(tape, call, "stdout", "hi\n", UNSEEN_MS) == 0,
	    "closes no input");
	tape_free(tape);
	ask(call, "process/terminate", "{'processId':'input'}", NULL);
}

/* What a server had when the method was not there. */
static void
story_methods(struct call *call)
{
	static const struct ask_row rows[] = {
		{ "a method that nobody has", "process/rename", "{}", -32601,
		    NULL, NULL },
		{ "a process without more", "process/start", START("plain",
		    "sleep 600", "false"), 0,
		    "{'processId':'plain','sandboxType':'none'}", NULL },
		{ "the same again", "process/start", START("plain",
		    "sleep 600", "false"), -32600, NULL, NULL },
		{ "a read without a gap", "process/read",
		    "{'processId':'plain'}", 0, "{'chunks':[],'nextSeq':1,"
		    "'exited':false,'exitCode':null,'closed':false,"
		    "'failure':null,'sandboxDenied':false}", NULL },
		{ "only interrupt", "process/signal",
		    "{'processId':'plain','signal':'interrupt'}", 0, "{}",
		    NULL },
	};

	ask_rows(call, rows, sizeof(rows) / sizeof(rows[0]));
}

int
main(void)
{
	static const char *const args[] = { "--detach-ttl-ms", "1000", NULL };
	struct daemon *daemon = daemon_start(args);
	struct call *call = NULL;

	if (tap_ok(daemon != NULL, "holdfastd runs"))
		call = call_attach(daemon_url(daemon), NULL);
	if (tap_ok(call != NULL, "a session")) {
		story_events(call);
		story_terminals(call);
		story_ends(call);
		story_methods(call);
		call_free(call);
		story_sessions(daemon);
		story_expired(daemon);
		tap_ok(daemon_stop(daemon, UNSEEN_MS) == 0,
		    "holdfastd ends with 0");
		tap_ok(daemon_check_clean(daemon, UNSEEN_MS) == 0,
		    "nothing is left behind");
	}
	daemon_free(daemon, tap_failed() > 0);
	return tap_done();
}
