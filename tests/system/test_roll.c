/* SPDX-License-Identifier: ISC */
/*
 * Gateways are replaced while clients are in every state: nobody who connects
 * fails, who is answered is answered, and with --handoff nobody notices.
 */
#include "config.h"

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "common/xmalloc.h"
#include "tests/lib/call.h"
#include "tests/lib/daemon.h"
#include "tests/lib/raw.h"
#include "tests/lib/tap.h"
#include "tests/lib/wait.h"
#include "tests/system/ask.h"

#define ROLL_MS 60000
#define SHORT_MS 2000
#define RESTART 1012
#define LINES 200000
#define BULK (3 * 1024 * 1024)

static struct daemon *d;
static int rolled;	/* how often, as the log has it */

static int
count_rolls(void)
{
	FILE *in = fopen(daemon_log(d), "re");
	char line[1024];
	int count = 0;

	while (in != NULL && fgets(line, sizeof(line), in) != NULL)
		count += strstr(line, "1 gateway replaced") != NULL;
	if (in != NULL)
		fclose(in);
	return count;
}

static int
has_rolled(void *arg)
{
	(void)arg;
	return count_rolls() > rolled;
}

static int
is_leaving(void *arg)
{
	FILE *in = fopen(daemon_log(d), "re");
	char line[1024];
	int count = 0;

	(void)arg;
	while (in != NULL && fgets(line, sizeof(line), in) != NULL)
		count += strstr(line, "to another gateway") != NULL;
	if (in != NULL)
		fclose(in);
	return count > rolled;
}

/* There is one gateway: from here on it accepts nobody. */
static void
begin(void)
{
	rolled = count_rolls();
	kill(daemon_pid(d), SIGUSR1);
	tap_ok(wait_until(is_leaving, NULL, ROLL_MS) == 0,
	    "another gateway takes its place");
}

static void
end(void)
{
	tap_ok(wait_until(has_rolled, NULL, ROLL_MS) == 0, "and it has gone");
}

static int
is_answered(struct call *call)
{
	return call != NULL && ask(call, "environment/status", "{}", NULL) == 0;
}

/* It ends with this code, and its session is to be had again. */
static void
expect_end(struct call *call, const char *what)
{
	struct call *again;

	while (call_receive(call, ROLL_MS) == 1)
		continue;
	tap_ok(call_close_code(call) == RESTART, "%s is told 1012, not %d",
	    what, call_close_code(call));
	if (call_session(call) != NULL) {
		again = call_attach(daemon_url(d), call_session(call));
		tap_ok(is_answered(again), "%s resumes", what);
		call_free(again);
	}
	call_free(call);
}

static void
expect_stay(struct call *call, const char *what)
{
	tap_ok(is_answered(call) && !call_ended(call), "%s stays", what);
	call_free(call);
}

static struct call *
with_job(const char *script)
{
	const char *argv[] = { "sh", "-c", script, NULL };
	struct call *call = call_attach(daemon_url(d), NULL);

	json_object_put(call_result(call, "process/start",
	    call_start_params("p", "/", argv)));
	return call;
}

static int64_t
send_read(struct call *call, uint64_t wait_ms)
{
	return call_send(call, "process/read", ask_jsonf("{'processId':'p',"
	    "'afterSeq':0,'waitMs':%ju}", (uintmax_t)wait_ms));
}

/* The answer to a read has this much in it, all at once. */
static void
expect_bytes(struct call *call, int64_t id, size_t least, const char *what)
{
	struct json_object *reply = call_wait(call, id, ROLL_MS), *result,
	    *chunks;
	size_t i, bytes = 0;

	if (json_object_object_get_ex(reply, "result", &result) &&
	    json_object_object_get_ex(result, "chunks", &chunks))
		for (i = 0; i < json_object_array_length(chunks); i++)
			bytes += (size_t)json_object_get_string_len(
			    json_object_object_get(json_object_array_get_idx(
			    chunks, i), "chunk")) / 4 * 3;
	tap_ok(bytes >= least, "%s: %zu bytes", what, bytes);
	json_object_put(reply);
}

/* Clients on their way to a session, and half a frame; as they are. */
struct early {
	struct wire *accepted;
	struct call *open, *half;
};

static const char status[] = "{\"id\":77,\"method\":\"environment/status\"}";

static void
early_begin(struct early *e)
{
	char frame[sizeof(status) + RAW_FRAME_MAX];

	e->accepted = wire_connect(daemon_url(d), ROLL_MS);
	e->open = call_open(daemon_url(d));
	e->half = call_attach(daemon_url(d), NULL);
	raw_frame(frame, status);
	wire_send_raw(call_wire(e->half), frame, 20, ROLL_MS);
}

/* Nobody who has been accepted is turned away. */
static void
early_go_on(struct early *e, int handed)
{
	char frame[sizeof(status) + RAW_FRAME_MAX];
	struct wire_message message;
	size_t len = raw_frame(frame, status);

	tap_ok(wire_upgrade(e->accepted, NULL, ROLL_MS) == 101,
	    "who was accepted before is upgraded");
	wire_free(e->accepted);
	tap_ok(call_begin(e->open, NULL) == 0,
	    "who was upgraded before gets a session");
	if (!handed) {
		expect_end(e->half, "who says half of something");
		expect_end(e->open, "who came late");
		return;
	}
	wire_send_raw(call_wire(e->half), frame + 20, len - 20, ROLL_MS);
	tap_ok(wire_recv(call_wire(e->half), &message, ROLL_MS) == WIRE_TEXT &&
	    strstr(message.data, "ready") != NULL,
	    "who says half of something says the rest");
	free(message.data);
}

static void
story_away(void)
{
	struct call *idle = call_attach(daemon_url(d), NULL);
	struct call *waiting = with_job("sleep 60");
	struct call *flooded = with_job("while :; do echo yes; done");
	struct call *bulk = with_job("head -c 3145728 /dev/zero");
	struct early e;
	int64_t id;

	early_begin(&e);
	send_read(waiting, 60000);
	/* All of it is retained before it is asked for. */
	json_object_put(call_result(bulk, "process/read", ask_json(
	    "{'processId':'p','afterSeq':100000,'waitMs':3000}")));
	id = send_read(bulk, 0);
	begin();
	expect_bytes(bulk, id, BULK, "an answer under way is whole");
	early_go_on(&e, 0);
	expect_end(idle, "who is idle");
	expect_end(waiting, "who waits for output");
	expect_end(flooded, "who is flooded");
	expect_end(bulk, "who has been answered");
	end();
}

/* The numbers of "seq", in order, from events. */
static int
takes_sequence(struct call *call)
{
	struct json_object *event, *params, *chunk;
	uint64_t next = 1;
	size_t at, len;
	char *bytes, number[32] = "";
	size_t have = 0;

	while (next <= LINES && (event = call_next(call, ROLL_MS)) != NULL) {
		if (json_object_object_get_ex(event, "params", &params) &&
		    json_object_object_get_ex(params, "chunk", &chunk)) {
			bytes = ask_bytes(params, "chunk", &len);
			for (at = 0; bytes != NULL && at < len; at++) {
				if (bytes[at] != '\n') {
					if (have < sizeof(number) - 1)
						number[have++] = bytes[at];
					continue;
				}
				number[have] = '\0';
				have = 0;
				if (strtoull(number, NULL, 10) != next++)
					next = LINES + 2;
			}
			free(bytes);
		}
		json_object_put(event);
	}
	return next == LINES + 1;
}

static void
story_stay(void)
{
	struct call *idle = call_attach(daemon_url(d), NULL);
	struct call *waiting = with_job("sleep 4; echo late");
	struct call *stream = with_job("for i in 0 1 2 3 4 5 6 7 8 9; do "
	    "seq $((i * 20000 + 1)) $((i * 20000 + 20000)); sleep 0.2; done");
	struct early e;
	int64_t id;
	int i;

	early_begin(&e);
	id = send_read(waiting, 60000);
	begin();
	early_go_on(&e, 1);
	end();
	for (i = 0; i < 2; i++) {
		begin();
		end();
	}
	tap_ok(takes_sequence(stream), "a stream goes on, byte for byte");
	expect_bytes(waiting, id, 3, "who waited for output gets it");
	expect_stay(stream, "who had a stream");
	expect_stay(waiting, "who waited");
	expect_stay(idle, "who was idle");
	expect_stay(e.open, "who came late");
	expect_stay(e.half, "who said half of something");
}

/* Somebody who never reads is not waited for longer than it may take. */
static void
story_deaf(void)
{
	struct call *deaf = with_job("while :; do echo yes; done");
	struct call *again;

	usleep(300 * 1000);
	begin();
	end();
	again = call_attach(daemon_url(d), call_session(deaf));
	tap_ok(is_answered(again), "who did not read resumes");
	call_free(again);
	call_free(deaf);
}

static void
run(const char *option, void (*story)(void))
{
	const char *args[] = { "--gateways", "1", "--drain-ms", "6000",
		option, NULL };

	d = daemon_start(args);
	if (tap_ok(d != NULL, "holdfastd runs")) {
		story();
		tap_ok(daemon_stop(d, ROLL_MS) == 0, "holdfastd ends with 0");
		tap_ok(daemon_check_clean(d, ROLL_MS) == 0,
		    "nothing is left behind");
	}
	daemon_free(d, tap_failed() > 0);
}

int
main(void)
{
	const char *scheme = getenv("SCHEME");

	run(NULL, story_away);
	run(NULL, story_deaf);
	if (scheme == NULL || strcmp(scheme, "wss") != 0) {
		run("--handoff", story_stay);
	} else {
		run("--handoff", story_away);
	}
	return tap_done();
}
