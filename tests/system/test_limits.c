/* SPDX-License-Identifier: ISC */
/*
 * What happens at the limits: whoever is too many waits or is told, and
 * those who are in do not notice.
 */
#include "config.h"

#include <sys/types.h>

#include <stdio.h>
#include <stdlib.h>

#include <json-c/json.h>

#include "tests/lib/call.h"
#include "tests/lib/daemon.h"
#include "tests/lib/tap.h"
#include "tests/lib/wait.h"
#include "tests/system/party.h"

#define LIMITS_MS 60000
#define LIMITS_FULL (-32603)
#define CONNECTIONS 4

static int
is_answered(struct call *call)
{
	struct json_object *result;

	if (call == NULL)
		return 0;
	result = call_result(call, "environment/status", NULL);
	json_object_put(result);
	return result != NULL;
}

/* The code of what initialize is answered with, 0 for a session. */
static int
initialize(struct call *call, const char *resume)
{
	struct json_object *params = json_object_new_object(), *reply;
	int code;

	json_object_object_add(params, "clientName",
	    json_object_new_string("limits"));
	if (resume != NULL)
		json_object_object_add(params, "resumeSessionId",
		    json_object_new_string(resume));
	reply = call_request(call, "initialize", params);
	code = reply == NULL ? 1 : call_error_code(reply);
	json_object_put(reply);
	return code;
}

/* A gateway that is full leaves those who come in the kernel's queue. */
static void
story_connections(void)
{
	static const char *const args[] = { "--gateways", "1",
		"--max-connections", "4", "--handshake-ms", "1000", NULL };
	struct daemon *daemon = daemon_start(args);
	struct call *in[CONNECTIONS] = { NULL };
	struct wire *silent[CONNECTIONS] = { NULL }, *next;
	int i, n = 0;

	if (!tap_ok(daemon != NULL, "room for %d connections", CONNECTIONS))
		return;
	for (i = 0; i < CONNECTIONS; i++)
		in[i] = call_attach(daemon_url(daemon), NULL);
	next = wire_connect(daemon_url(daemon), LIMITS_MS);
	tap_ok(next != NULL, "one more is not refused");
	for (i = 0; i < CONNECTIONS; i++)
		n += is_answered(in[i]);
	tap_ok(n == CONNECTIONS, "the %d that are in are answered", n);
	call_free(in[0]);
	in[0] = NULL;
	tap_ok(next != NULL && wire_upgrade(next, NULL, LIMITS_MS) == 101,
	    "when one leaves the next one is let in");
	wire_free(next);
	for (i = 1; i < CONNECTIONS; i++)
		call_free(in[i]);
	for (i = 0; i < CONNECTIONS; i++)
		silent[i] = wire_connect(daemon_url(daemon), LIMITS_MS);
	in[0] = call_attach(daemon_url(daemon), NULL);
	tap_ok(in[0] != NULL, "connections that say nothing do not keep "
	    "others out for long");
	call_free(in[0]);
	for (i = 0; i < CONNECTIONS; i++)
		wire_free(silent[i]);
	tap_ok(daemon_stop(daemon, LIMITS_MS) == 0, "holdfastd ends with 0");
	tap_ok(daemon_check_clean(daemon, LIMITS_MS) == 0,
	    "nothing is left behind");
	daemon_free(daemon, tap_failed() > 0);
}

struct newcomer {
	struct call *call;
	int code;
};

static int
newcomer_is_in(void *arg)
{
	struct newcomer *newcomer = arg;

	newcomer->code = initialize(newcomer->call, NULL);
	return newcomer->code == 0;
}

static void
play_sessions(struct daemon *daemon)
{
	struct party *worker = party_new(daemon, "worker");
	struct call *idle = call_attach(daemon_url(daemon), NULL);
	struct call *leaver = call_attach(daemon_url(daemon), NULL);
	struct newcomer newcomer = { call_open(daemon_url(daemon)), 0 };
	struct call *late = call_open(daemon_url(daemon));
	struct party_job *job = NULL;

	if (worker != NULL)
		job = party_start(worker, PARTY_PIPES, "worker");
	if (!tap_ok(job != NULL && idle != NULL && leaver != NULL &&
	    newcomer.call != NULL && late != NULL, "three sessions"))
		goto out;
	newcomer.code = initialize(newcomer.call, NULL);
	tap_ok(newcomer.code == LIMITS_FULL, "a fourth is told %d",
	    newcomer.code);
	call_free(leaver);
	leaver = NULL;
	tap_ok(wait_until(newcomer_is_in, &newcomer, LIMITS_MS) == 0,
	    "one that was left without work gives way");
	party_leave(worker, PARTY_ABANDON);
	tap_ok(initialize(late, NULL) == LIMITS_FULL,
	    "one that was left with work does not");
	tap_ok(party_resume(worker, PARTY_ABANDON) == 0 &&
	    party_finish(worker, job) == 0,
	    "and is resumed %s", party_error(worker));
	tap_ok(is_answered(idle), "the others did not notice");
out:
	party_free(worker);
	call_free(idle);
	call_free(leaver);
	call_free(newcomer.call);
	call_free(late);
}

static void
story_sessions(void)
{
	static const char *const args[] = { "--gateways", "2",
		"--max-sessions", "3", NULL };
	struct daemon *daemon = daemon_start(args);

	if (!tap_ok(daemon != NULL, "room for three sessions"))
		return;
	play_sessions(daemon);
	tap_ok(daemon_stop(daemon, LIMITS_MS) == 0, "holdfastd ends with 0");
	tap_ok(daemon_check_clean(daemon, LIMITS_MS) == 0,
	    "nothing is left behind");
	daemon_free(daemon, tap_failed() > 0);
}

int
main(void)
{
	story_connections();
	story_sessions();
	return tap_done();
}
