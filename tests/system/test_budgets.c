/* SPDX-License-Identifier: ISC */
/*
 * Every budget, of a tenant and of the host, as root: who exceeds it is told
 * which it was, the other tenant goes on as if nothing had been, and what was
 * given back can be had again.
 */
#include "config.h"

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

#define BUDGETS_MS 60000
#define FIRST_UID 61001		/* nobody's, it is hoped */
#define MANY 100		/* more than any limit here */
#define HELD 2			/* sessions of who exceeds a limit */
#define FLOOD 3000000		/* bytes */
#define QUIET 100000

/* Who comes too often; and what was taken, by number. */
struct taker {
	const char *url;
	struct call *held[HELD];
	struct call *more[MANY];
	char refusal[512];
};

/* One with a session and a job that answers, who is to notice nothing. */
struct other {
	struct call *call;
	struct tape *tape;
	int said;
};

/* The text of an error, "" for none. */
static void
note_refusal(struct taker *taker, struct json_object *reply)
{
	struct json_object *error, *text;

	taker->refusal[0] = '\0';
	if (reply == NULL)
		snprintf(taker->refusal, sizeof(taker->refusal), "no answer");
	else if (json_object_object_get_ex(reply, "error", &error) &&
	    json_object_object_get_ex(error, "message", &text))
		snprintf(taker->refusal, sizeof(taker->refusal), "%s",
		    json_object_get_string(text));
}

/* 0 with the result, -1 with "refusal" set. */
static int
request(struct taker *taker, struct call *call, const char *method,
    struct json_object *params)
{
	struct json_object *reply = call_request(call, method, params);

	note_refusal(taker, reply);
	json_object_put(reply);
	return taker->refusal[0] == '\0' ? 0 : -1;
}

static int
start(struct taker *taker, int n, const char *const argv[])
{
	static int number;
	char id[32];

	/* Those that are to be ended are found by their number. */
	if (strcmp(argv[0], "/bin/sleep") == 0)
		snprintf(id, sizeof(id), "sleep-%d", n);
	else
		snprintf(id, sizeof(id), "once-%d", number++);
	return request(taker, taker->held[n % HELD], "process/start",
	    call_start_params(id, "/", argv));
}

static int
take_process(struct taker *taker, int n)
{
	static const char *const argv[] = { "/bin/sleep", "1000", NULL };

	return start(taker, n, argv);
}

static int
is_unknown(struct call *call, const char *id)
{
	static const char *const argv[] = { "/bin/true", NULL };
	struct json_object *reply = call_request(call, "process/start",
	    call_start_params(id, "/", argv));
	int known = call_error_code(reply) != 0;

	json_object_put(reply);
	return !known;
}

static void
give_process(struct taker *taker, int n)
{
	char id[32];

	snprintf(id, sizeof(id), "sleep-%d", n);
	(void)request(taker, taker->held[n % HELD], "process/terminate",
	    call_process_params(id));
}

static int
take_start(struct taker *taker, int n)
{
	static const char *const argv[] = { "/bin/true", NULL };

	return start(taker, n, argv);
}

static int
take_handle(struct taker *taker, int n)
{
	return request(taker, taker->held[n % HELD], "fs/open", ask_jsonf(
	    "{'handleId':'h%d','path':'file:///etc/passwd'}", n));
}

static void
give_handle(struct taker *taker, int n)
{
	(void)request(taker, taker->held[n % HELD], "fs/close",
	    ask_jsonf("{'handleId':'h%d'}", n));
}

static int
take_attachment(struct taker *taker, int n)
{
	struct call *call = call_open(taker->url);

	snprintf(taker->refusal, sizeof(taker->refusal), "not let in");
	if (call == NULL || request(taker, call, "initialize",
		ask_jsonf("{'clientName':'n%d'}", n)) == -1 ||
	    call_notify(call, "initialized", NULL) == -1) {
		call_free(call);
		return -1;
	}
	taker->more[n] = call;
	return 0;
}

static void
give_attachment(struct taker *taker, int n)
{
	call_free(taker->more[n]);
	taker->more[n] = NULL;
}

struct row {
	const char *budget;
	int held;		/* sessions that the taker needs first */
	unsigned long limit;
	unsigned long unit;	/* what one takes */
	unsigned long others;	/* what the other and those sessions have */
	unsigned long own;	/* those sessions alone */
	int (*take)(struct taker *taker, int n);
	void (*give)(struct taker *taker, int n);	/* NULL: a rate */
};

static const struct row rows[] = {
	{ "sessions", 0, 3, 1, 1, 0, take_attachment, give_attachment },
	{ "attachments", 0, 3, 1, 1, 0, take_attachment, give_attachment },
	{ "bytes-in-flight", 0, 3, 524288, 1, 0, take_attachment,
	    give_attachment },
	{ "attaches-per-second", 0, 1, 1, 0, 0, take_attachment, NULL },
	{ "processes", HELD, 6, 1, 1, 0, take_process, give_process },
	{ "starts-per-second", HELD, 1, 1, 0, 0, take_start, NULL },
	{ "open-handles", HELD, 6, 1, 0, 0, take_handle, give_handle },
};

/* A host of two tenants with this limit, of the first or of all. */
static struct daemon *
host_start(const char *budget, unsigned long tenants, unsigned long hosts)
{
	char *own = tenants == 0 ? xstrdup("") :
	    xasprintf("\"%s\": %lu", budget, tenants);
	char *all = hosts == 0 ? xstrdup("") :
	    xasprintf("\"%s\": %lu", budget, hosts);
	/* What is retained is looked at when it has been written. */
	int retention = strcmp(budget, "retained-bytes") == 0 ? 5000 : 300;
	char *text = xasprintf("{ \"gateways\": 1, \"listeners\": [\n"
	    "{ \"address\": \"ws://127.0.0.1:0\", \"tenants\": [\"alpha\"], "
	    "\"admission\": [\"none\"] },\n"
	    "{ \"address\": \"ws://127.0.0.1:0\", \"tenants\": [\"beta\"], "
	    "\"admission\": [\"none\"] } ],\n"
	    "\"detach-ttl-ms\": 100, \"retention-ms\": %d,\n"
	    "\"limits\": { %s }, \"tenants\": [\n"
	    "{ \"name\": \"alpha\", \"user\": \"%d\", \"home\": \"/\", "
	    "\"limits\": { %s } },\n"
	    "{ \"name\": \"beta\", \"user\": \"%d\", \"home\": \"/\" } ] }",
	    retention, all, FIRST_UID, own, FIRST_UID + 1);
	struct daemon *daemon = daemon_start_conf(text, 2);

	free(own);
	free(all);
	free(text);
	return daemon;
}

static int
other_start(struct other *other, const char *url)
{
	static const char *const argv[] = { "/bin/cat", NULL };
	struct json_object *params = call_start_params("cat", "/", argv);
	struct json_object *result = NULL;

	json_object_object_add(params, "pipeStdin",
	    json_object_new_boolean(1));
	memset(other, 0, sizeof(*other));
	other->tape = tape_new("cat");
	other->call = call_attach(url, NULL);
	if (other->call != NULL)
		result = call_result(other->call, "process/start", params);
	else
		json_object_put(params);
	json_object_put(result);
	return result == NULL ? -1 : 0;
}

/* What it says to its job comes back. */
static int
other_lives(struct other *other)
{
	uint64_t deadline = deadline_in(BUDGETS_MS);
	uint64_t wanted = tape_bytes(other->tape, "stdout") + 6;
	struct json_object *result, *event;
	char id[32];

	snprintf(id, sizeof(id), "w%d", other->said++);
	result = call_result(other->call, "process/write",
	    call_write_params("cat", id, "hello\n", 6));
	json_object_put(result);
	while (result != NULL && deadline_left(deadline) > 0 &&
	    tape_bytes(other->tape, "stdout") < wanted) {
		event = call_next(other->call, deadline_left(deadline));
		if (event == NULL)
			break;
		(void)tape_event(other->tape, event);
		json_object_put(event);
	}
	return tape_bytes(other->tape, "stdout") == wanted;
}

/* Where the limit is not its own it has all of what the first was refused. */
static int
other_has_room(const char *url, const struct row *row)
{
	struct taker taker = { .url = url };
	int i, good = 1;

	for (i = 0; i < row->held; i++)
		good &= (taker.held[i] = call_attach(url, NULL)) != NULL;
	for (i = 0; good && i < (int)row->limit + 2; i++)
		good = row->take(&taker, i) == 0;
	for (i = 0; i < MANY; i++)
		call_free(taker.more[i]);
	for (i = 0; i < row->held; i++)
		call_free(taker.held[i]);
	return good;
}

struct again {
	struct taker *taker;
	const struct row *row;
	int n;
};

static int
can_take(void *arg)
{
	struct again *again = arg;

	return again->row->take(again->taker, again->n) == 0;
}

static int
is_refusal(const struct taker *taker, const char *whose, const char *budget)
{
	char *named = xasprintf("%s has reached its limit \"%s\" of ", whose,
	    budget);
	int good = strstr(taker->refusal, named) != NULL;

	free(named);
	if (!good)
		tap_note("it was told: %s", taker->refusal);
	return good;
}

static void
play(const struct row *row, struct taker *taker, struct other *other,
    const char *whose, const char *others)
{
	struct again again = { taker, row, 0 };
	int n = 0;

	while (n < MANY - 1 && row->take(taker, n) == 0)
		n++;
	/* Of a rate the other may have it all, and it comes back meanwhile. */
	tap_ok(row->give == NULL ? n < MANY - 1 : n == (int)row->limit,
	    "%s: %d of %lu", row->budget, n, row->limit);
	tap_ok(is_refusal(taker, whose, row->budget),
	    "the next one is refused: %s's %s", whose, row->budget);
	tap_ok(other_lives(other), "what the other runs goes on");
	if (others != NULL)
		tap_ok(other_has_room(others, row), "and it may have more");
	if (row->give != NULL)
		row->give(taker, n - 1);
	again.n = row->give != NULL ? n - 1 : n;
	tap_ok(wait_until(can_take, &again, BUDGETS_MS) == 0,
	    "what has come back can be had again");
	if (row->give != NULL)
		tap_ok(row->take(taker, n) == -1 &&
		    is_refusal(taker, whose, row->budget),
		    "and no more than that");
}

/* The limit is the tenant's, or leaves it as much of the host's. */
static void
story(const struct row *row, int of_host)
{
	unsigned long limit = (row->limit + row->own) * row->unit;
	struct daemon *daemon = host_start(row->budget, of_host ? 0 : limit,
	    of_host ? (row->limit + row->others) * row->unit : 0);
	struct taker taker = { 0 };
	struct other other = { 0 };
	int i, good = 1;

	if (!tap_ok(daemon != NULL, "a limit of %s", row->budget))
		return;
	taker.url = daemon_address(daemon, 0);
	for (i = 0; i < row->held; i++)
		good &= (taker.held[i] = call_attach(taker.url, NULL)) !=
		    NULL;
	if (tap_ok(good && other_start(&other, daemon_address(daemon, 1)) ==
		0, "both tenants are there"))
		play(row, &taker, &other, of_host ? "the host" :
		    "tenant alpha", of_host ? NULL :
		    daemon_address(daemon, 1));
	for (i = 0; i < MANY; i++)
		call_free(taker.more[i]);
	for (i = 0; i < HELD; i++)
		call_free(taker.held[i]);
	call_free(other.call);
	tape_free(other.tape);
	tap_ok(daemon_stop(daemon, BUDGETS_MS) == 0 &&
	    daemon_check_clean(daemon, BUDGETS_MS) == 0,
	    "nothing is left behind");
	daemon_free(daemon, tap_failed() > 0);
}

/* Run a job that writes so many bytes; 1 when all of them came. */
static int
flood(struct call *call, const char *id, unsigned long bytes)
{
	char *script = xasprintf("head -c %lu /dev/zero", bytes);
	const char *argv[] = { "/bin/sh", "-c", script, NULL };
	struct tape *tape = tape_new(id);
	struct json_object *result;
	int all;

	result = call_result(call, "process/start",
	    call_start_params(id, "/", argv));
	all = result != NULL && tape_follow(tape, call, BUDGETS_MS) == 0 &&
	    tape_bytes(tape, "stdout") == bytes;
	json_object_put(result);
	tape_free(tape);
	free(script);
	return all;
}

/* Whether reading it from the beginning is told of a gap; -1: not at all. */
static int
has_gap(struct call *call, const char *id)
{
	struct json_object *params = call_process_params(id), *result, *own;
	int gap = -1;

	json_object_object_add(params, "afterSeq", json_object_new_int(0));
	json_object_object_add(params, "maxBytes",
	    json_object_new_int(65536));
	json_object_object_add(params, "waitMs", json_object_new_int(0));
	result = call_result(call, "process/read", params);
	if (result != NULL)
		gap = json_object_object_get_ex(result, "holdfast", &own) &&
		    json_object_object_get_ex(own, "gap", NULL);
	json_object_put(result);
	return gap;
}

struct forgotten {
	struct call *call;
	const char *id;
};

static int
is_forgotten(void *arg)
{
	struct forgotten *what = arg;

	return is_unknown(what->call, what->id);
}

/*
 * Of what is retained the oldest gives way, which is told to who reads it;
 * nobody has to wait.
 */
static void
story_retained(int of_host)
{
	struct daemon *daemon = host_start("retained-bytes",
	    of_host ? 0 : 1048576, of_host ? 1048576 : 0);
	struct forgotten what = { NULL, "flood" };
	struct other other = { 0 };
	struct call *a = NULL;

	if (!tap_ok(daemon != NULL, "a limit of retained-bytes"))
		return;
	a = call_attach(daemon_address(daemon, 0), NULL);
	what.call = a;
	if (!tap_ok(a != NULL && other_start(&other, daemon_address(daemon,
		1)) == 0 && other_lives(&other),
		"one tenant has written a little"))
		goto out;
	tap_ok(flood(a, "flood", FLOOD), "the other writes more than may be "
	    "retained, and all of it arrives");
	tap_ok(has_gap(a, "flood") == 1, "its beginning is gone, and a gap "
	    "says so");
	/* What all have together may be gone for all, but nobody waits. */
	tap_ok(other_lives(&other) &&
	    (of_host || has_gap(other.call, "cat") == 0),
	    "the other's output arrives, and is not what had to go");
	tap_ok(wait_until(is_forgotten, &what, BUDGETS_MS) == 0,
	    "in the end it is forgotten");
	tap_ok(flood(a, "next", QUIET) && has_gap(a, "next") == 0,
	    "what comes then is retained again");
out:
	call_free(a);
	call_free(other.call);
	tape_free(other.tape);
	tap_ok(daemon_stop(daemon, BUDGETS_MS) == 0 &&
	    daemon_check_clean(daemon, BUDGETS_MS) == 0,
	    "nothing is left behind");
	daemon_free(daemon, tap_failed() > 0);
}

int
main(void)
{
	size_t i;
	int of_host;

	if (geteuid() != 0)
		tap_skip_all("needs root: jobs run as several users");
	for (of_host = 0; of_host < 2; of_host++) {
		for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
			story(&rows[i], of_host);
		story_retained(of_host);
	}
	return tap_done();
}
