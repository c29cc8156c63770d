/* SPDX-License-Identifier: ISC */
/*
 * Whose a session is: one connection's at a time, the next one's as soon as
 * that has gone, nobody's after its time.
 */
#include "config.h"

#include <sys/types.h>

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <json-c/json.h>

#include "common/clock.h"
#include "common/xmalloc.h"
#include "tests/lib/call.h"
#include "tests/lib/daemon.h"
#include "tests/lib/raw.h"
#include "tests/lib/tap.h"
#include "tests/lib/wait.h"
#include "tests/system/party.h"

#define SESSION_MS 60000
#define SESSION_TTL_MS 1500
#define SESSION_ATTACHED (-32010)
#define SESSION_UNKNOWN (-32600)
#define RESUMERS 8
#define VANISHERS 100

static struct json_object *
initialize_params(const char *resume)
{
	struct json_object *params = json_object_new_object();

	json_object_object_add(params, "clientName",
	    json_object_new_string("session"));
	if (resume != NULL)
		json_object_object_add(params, "resumeSessionId",
		    json_object_new_string(resume));
	return params;
}

/* 0 when it worked, the code when it was refused, 1 without an answer. */
static int
initialize(struct call *call, const char *resume)
{
	struct json_object *reply;
	int code = 1;

	if (call == NULL)
		return 1;
	reply = call_request(call, "initialize", initialize_params(resume));
	if (reply != NULL)
		code = call_error_code(reply);
	json_object_put(reply);
	return code;
}

static int
is_answered(struct call *call)
{
	struct json_object *result =
	    call_result(call, "environment/status", NULL);

	json_object_put(result);
	return result != NULL;
}

/* Tries to resume until it works or fails in another way. */
struct resumer {
	struct call *call;
	const char *session;
	int code;
};

static int
resumer_is_done(void *arg)
{
	struct resumer *resumer = arg;

	resumer->code = initialize(resumer->call, resumer->session);
	return resumer->code != SESSION_ATTACHED;
}

static void
story_exclusive(struct daemon *daemon)
{
	struct call *holder = call_attach(daemon_url(daemon), NULL);
	struct call *other = call_open(daemon_url(daemon));
	struct resumer resumer = { other, NULL, 0 };
	char *session = NULL;
	int i, refused = 0;

	if (!tap_ok(holder != NULL && other != NULL, "two connections"))
		goto out;
	for (i = 0; i < 20; i++)
		refused += initialize(other, call_session(holder)) ==
		    SESSION_ATTACHED;
	tap_ok(refused == 20, "a session that is attached is not given to "
	    "another connection (%d of 20 refused)", refused);
	tap_ok(is_answered(holder), "its holder is not disturbed");
	session = xstrdup(call_session(holder));
	resumer.session = session;
	call_free(holder);
	holder = NULL;
	tap_ok(wait_until(resumer_is_done, &resumer, SESSION_MS) == 0 &&
	    resumer.code == 0, "the refused connection gets it afterwards");
	tap_ok(call_notify(other, "initialized", NULL) == 0 &&
	    is_answered(other), "and is served");
out:
	free(session);
	call_free(holder);
	call_free(other);
}

/*
 * A flood is on its way and a part of it unread: closing resets the
 * connection, and the server may not have seen that when the next connection
 * asks.
 */
static void
story_vanished(struct daemon *daemon)
{
	struct party *party = party_new(daemon, "vanishing");
	struct party_job *flood = NULL;
	struct call *third;
	uint64_t began = clock_ms();
	int i, code;

	if (party != NULL) {
		party_small_buffer(party);
		flood = party_start(party, PARTY_FLOOD, "vanishing");
	}
	for (i = 0; flood != NULL && i < VANISHERS; i++)
		if (party_take(party, flood, 1) == -1 ||
		    party_resume(party, PARTY_ABANDON) == -1)
			break;
	tap_ok(i == VANISHERS, "after %d of %d connections lost with data "
	    "unread the next one got the session at once (%" PRIu64 " ms) %s",
	    i, VANISHERS, clock_ms() - began,
	    party == NULL ? "" : party_error(party));
	/* Ends that are noticed late belong to earlier attachments. */
	third = call_open(daemon_url(daemon));
	code = party == NULL ? 1 : initialize(third, party_session(party));
	tap_ok(code == SESSION_ATTACHED,
	    "the last one still holds it: a third is told %d", code);
	tap_ok(flood != NULL && party_finish(party, flood) == 0,
	    "and nothing of the flood is lost or twice %s",
	    party == NULL ? "" : party_error(party));
	call_free(third);
	party_free(party);
}

/* The same with a connection that is ended in every other way. */
static void
story_ways_to_go(struct daemon *daemon)
{
	struct call *call = call_attach(daemon_url(daemon), NULL);
	char *session = NULL;
	int i;

	if (call != NULL)
		session = xstrdup(call_session(call));
	for (i = 0; call != NULL && i < 60; i++) {
		switch (i % 3) {
		case 0:
			wire_reset(call_wire(call));
			break;
		case 1:
			wire_send_frame(call_wire(call), WIRE_OP_CLOSE, 0,
			    "\x03\xe8", 2, SESSION_MS);
			break;
		case 2:
			wire_send_frame(call_wire(call), WIRE_OP_TEXT,
			    WIRE_UNMASKED, "{}", 2, SESSION_MS);
			break;
		}
		call_free(call);
		call = call_attach(daemon_url(daemon), session);
	}
	tap_ok(call != NULL && i == 60 && is_answered(call),
	    "reset, close frame, violation: resumed at once %d times", i);
	call_free(call);
	free(session);
}

static void
story_simultaneous(struct daemon *daemon)
{
	struct call *call = call_attach(daemon_url(daemon), NULL);
	struct call *all[RESUMERS] = { NULL };
	struct json_object *reply;
	int64_t ids[RESUMERS];
	int i, won = 0, refused = 0, usable = 0, code;
	char *session = call == NULL ? NULL : xstrdup(call_session(call));

	for (i = 0; i < RESUMERS; i++)
		all[i] = call_open(daemon_url(daemon));
	call_free(call);
	for (i = 0; i < RESUMERS; i++)
		ids[i] = call_send(all[i], "initialize",
		    initialize_params(session));
	for (i = 0; i < RESUMERS; i++) {
		reply = call_wait(all[i], ids[i], SESSION_MS);
		code = call_error_code(reply);
		won += reply != NULL && code == 0;
		refused += code == SESSION_ATTACHED;
		if (code == SESSION_ATTACHED)
			usable += initialize(all[i], NULL) == 0;
		json_object_put(reply);
	}
	tap_ok(won == 1 && refused == RESUMERS - 1,
	    "of %d resumes at once %d won and %d were refused", RESUMERS, won,
	    refused);
	tap_ok(usable == refused, "the refused ones get sessions of their own");
	for (i = 0; i < RESUMERS; i++)
		call_free(all[i]);
	free(session);
}

static void
story_one_segment(struct daemon *daemon)
{
	struct wire *wire = wire_connect(daemon_url(daemon), SESSION_MS);
	struct wire_message message = { .kind = WIRE_ERROR };
	char buf[2048], *json = raw_initialize(NULL);
	size_t len = raw_begin(buf, daemon_url(daemon));
	int i, answers = 0;

	len += raw_frame(buf + len, json);
	len += raw_frame(buf + len, "{\"method\":\"initialized\"}");
	len += raw_frame(buf + len,
	    "{\"id\":2,\"method\":\"environment/status\"}");
	free(json);
	if (wire == NULL ||
	    wire_send_raw(wire, buf, len, SESSION_MS) == -1 ||
	    wire_read_head(wire, SESSION_MS) != 101) {
		tap_ok(0, "an upgrade with frames behind it");
		wire_free(wire);
		return;
	}
	for (i = 0; i < 2; i++) {
		if (wire_recv(wire, &message, SESSION_MS) == WIRE_TEXT)
			answers += strstr(message.data, "\"result\"") != NULL;
		free(message.data);
	}
	tap_ok(answers == 2, "frames in the segment of the upgrade request: "
	    "%d of 2 answered", answers);
	wire_free(wire);
}

/* A request and a Close frame in one segment, and gone. */
static int
ask_and_leave(struct call *call)
{
	static const char *const argv[] = { "/bin/sleep", "300", NULL };
	static const char close_frame[] = "\x88\x82\0\0\0\0\x03\xe8";
	struct json_object *request = json_object_new_object();
	struct wire_message message;
	enum wire_kind kind;
	char buf[2048];
	size_t len;

	json_object_object_add(request, "id", json_object_new_int(99));
	json_object_object_add(request, "method",
	    json_object_new_string("process/start"));
	json_object_object_add(request, "params",
	    call_start_params("late", "/", argv));
	len = raw_frame(buf, json_object_to_json_string(request));
	json_object_put(request);
	memcpy(buf + len, close_frame, sizeof(close_frame) - 1);
	if (wire_send_raw(call_wire(call), buf,
	    len + sizeof(close_frame) - 1, SESSION_MS) == -1)
		return -1;
	do {
		kind = wire_recv(call_wire(call), &message, SESSION_MS);
		free(message.data);
	} while (kind == WIRE_TEXT || kind == WIRE_CLOSE);
	return kind == WIRE_EOF ? 0 : -1;
}

static void
story_last_request(struct daemon *daemon)
{
	struct call *call = call_attach(daemon_url(daemon), NULL);
	struct json_object *result = NULL;
	char *session = NULL;
	int left = -1;

	if (call != NULL) {
		session = xstrdup(call_session(call));
		left = ask_and_leave(call);
		call_free(call);
	}
	call = left == -1 ? NULL : call_attach(daemon_url(daemon), session);
	if (call != NULL)
		result = call_result(call, "process/read",
		    call_process_params("late"));
	tap_ok(result != NULL, "what was asked for right before leaving is "
	    "done");
	json_object_put(result);
	call_free(call);
	free(session);
}

/* Time itself is what is waited for here. */
static void
let_pass(uint64_t ms)
{
	uint64_t until = clock_ms() + ms;

	while (clock_ms() < until)
		poll(NULL, 0, (int)(until - clock_ms()));
}

static void
story_time_to_live(struct daemon *daemon)
{
	struct call *call = call_attach(daemon_url(daemon), NULL);
	char *session = call == NULL ? NULL : xstrdup(call_session(call));
	uint64_t away, total = 0;
	int times;

	for (times = 0; call != NULL && times < 5; times++) {
		away = clock_ms();
		call_free(call);
		let_pass(SESSION_TTL_MS / 3);
		call = call_attach(daemon_url(daemon), session);
		away = clock_ms() - away;
		total += away;
		/* Somebody else has kept the machine busy. */
		if (call == NULL && away >= SESSION_TTL_MS) {
			tap_skip("too slow here",
			    "each detach has its time anew");
			free(session);
			return;
		}
	}
	tap_ok(call != NULL, "away %" PRIu64 " ms in %d pieces, with %d ms "
	    "each time", total, times, SESSION_TTL_MS);
	call_free(call);
	free(session);
}

/*
 * The broker sleeps over the deadline: when it wakes, the request lies there
 * and the time has run out.
 */
static void
story_deadline(struct daemon *daemon)
{
	struct party *party = party_new(daemon, "late");
	struct call *call = NULL;
	struct json_object *reply = NULL;
	pid_t broker = 0;
	char *session, *line;
	int64_t id;

	if (party == NULL || party_start(party, PARTY_DEAF, "late") == NULL ||
	    daemon_find(daemon, "holdfast-broker", &broker, 1) != 1 ||
	    (call = call_open(daemon_url(daemon))) == NULL) {
		tap_ok(0, "a session and a broker");
		party_free(party);
		return;
	}
	session = xstrdup(party_session(party));
	/* The end of the connection is seen before the broker stops. */
	line = xasprintf("session detached session=%s", session);
	wire_send_frame(call_wire(party_call(party)), WIRE_OP_CLOSE, 0,
	    "\x03\xe8", 2, SESSION_MS);
	party_leave(party, PARTY_DRAIN);
	tap_ok(daemon_wait_logged(daemon, line, SESSION_MS) == 0,
	    "a session without a client");
	free(line);
	kill(broker, SIGSTOP);
	let_pass(SESSION_TTL_MS);
	id = call_send(call, "initialize", initialize_params(session));
	let_pass(100);
	kill(broker, SIGCONT);
	reply = call_wait(call, id, SESSION_MS);
	tap_ok(call_error_code(reply) == SESSION_UNKNOWN,
	    "a resume that the broker sees after the deadline loses: %s",
	    json_object_to_json_string(reply));
	json_object_put(reply);
	tap_ok(initialize(call, NULL) == 0, "that connection gets a new one");
	free(session);
	call_free(call);
	party_free(party);
}

static void
story_goodbye(struct daemon *daemon)
{
	struct call *call = call_attach(daemon_url(daemon), NULL);
	struct wire_message message;
	enum wire_kind kind = WIRE_ERROR;

	if (!tap_ok(call != NULL, "a connection"))
		return;
	kill(daemon_pid(daemon), SIGTERM);
	kind = wire_recv(call_wire(call), &message, SESSION_MS);
	tap_ok(kind == WIRE_CLOSE && message.code == 1001,
	    "SIGTERM closes with %d", kind == WIRE_CLOSE ? message.code : 0);
	free(message.data);
	kind = wire_recv(call_wire(call), &message, SESSION_MS);
	tap_ok(kind == WIRE_EOF, "and ends the connection in order");
	free(message.data);
	call_free(call);
}

int
main(void)
{
	static const char *const args[] = { "--gateways", "2", NULL };
	static const char *const brief[] = { "--gateways", "2",
		"--detach-ttl-ms", "1500", "--debug", "--trace", "session",
		NULL };
	struct daemon *daemon = daemon_start(args);

	if (tap_ok(daemon != NULL, "holdfastd runs")) {
		story_exclusive(daemon);
		story_vanished(daemon);
		story_ways_to_go(daemon);
		story_simultaneous(daemon);
		story_one_segment(daemon);
		story_last_request(daemon);
		story_goodbye(daemon);
		tap_ok(daemon_stop(daemon, SESSION_MS) == 0,
		    "holdfastd ends with 0");
		tap_ok(daemon_check_clean(daemon, SESSION_MS) == 0,
		    "nothing is left behind");
	}
	daemon_free(daemon, tap_failed() > 0);
	daemon = daemon_start(brief);
	if (tap_ok(daemon != NULL, "holdfastd runs")) {
		story_time_to_live(daemon);
		story_deadline(daemon);
		tap_ok(daemon_wait_none(daemon, "holdfast-runner",
	    SESSION_MS) == 0,
		    "no runner outlives its session");
		tap_ok(daemon_stop(daemon, SESSION_MS) == 0,
		    "holdfastd ends with 0");
		tap_ok(daemon_check_clean(daemon, SESSION_MS) == 0,
		    "nothing is left behind");
	}
	daemon_free(daemon, tap_failed() > 0);
	return tap_done();
}
