/* SPDX-License-Identifier: ISC */
/*
 * A client that does not read, a job that does not read: memory stays
 * bounded, nothing wedges, and control still works.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/types.h>

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "common/base64.h"
#include "common/clock.h"
#include "common/xmalloc.h"
#include "tests/lib/call.h"
#include "tests/lib/daemon.h"
#include "tests/lib/procfs.h"
#include "tests/lib/tap.h"
#include "tests/lib/wait.h"
#include "tests/system/party.h"
#include "tests/system/pattern.h"
#include "tests/system/usage.h"

#define PRESSURE_MS 60000
#define RETAINED (8 * 1024)	/* KiB */
#define ALLOWED (4 * 1024)	/* KiB */
#define SEED 4711

/* A flood that moves no more: the same count often enough in a row. */
struct flood {
	const char *dir;
	const char *id;
	uint64_t count;
	uint64_t goal;
	int same;
};

static int
flood_is_held(void *arg)
{
	struct flood *flood = arg;
	uint64_t count = party_flooded(flood->dir, flood->id);

	flood->same = count == flood->count ? flood->same + 1 : 0;
	flood->count = count;
	return count > 0 && flood->same >= 60;
}

static int
flood_is_beyond(void *arg)
{
	const struct flood *flood = arg;

	return party_flooded(flood->dir, flood->id) > flood->goal;
}

/* The processes that carry it all, by what they have of their own. */
static unsigned long
memory_of(const struct daemon *daemon)
{
	pid_t pids[16];
	unsigned long kib = 0;
	size_t i, n;

	n = daemon_find(daemon, "holdfast-gateway", pids, 16);
	for (i = 0; i < n && i < 16; i++)
		kib += procfs_memory(pids[i]);
	n = daemon_find(daemon, "holdfast-runner", pids, 16);
	for (i = 0; i < n && i < 16; i++)
		kib += procfs_memory(pids[i]);
	return kib;
}

static int
start(struct call *call, const struct daemon *daemon, enum party_kind kind,
    const char *id)
{
	struct json_object *result;

	if (call == NULL)
		return -1;
	result = call_result(call, "process/start",
	    party_start_params(daemon, kind, id));
	json_object_put(result);
	return result == NULL ? -1 : 0;
}

/* A process with this word in its command line, other than this one. */
static int
job_is_gone(void *arg)
{
	return procfs_argument(arg, NULL, 0) == 0;
}

static char *
job_id(const char *name)
{
	return xasprintf("%s-%d-%" PRIu64, name, (int)getpid(), clock_ms());
}

static void
story_unread(struct daemon *daemon)
{
	struct call *call = call_attach(daemon_url(daemon), NULL);
	char *id = job_id("unread");
	struct flood flood = { .dir = daemon_dir(daemon), .id = id };
	unsigned long before, grown;
	int size = 65536, held;

	if (call != NULL)
		setsockopt(wire_fd(call_wire(call)), SOL_SOCKET, SO_RCVBUF,
		    &size, sizeof(size));
	/* A deaf job brings the runner up before memory is looked at. */
	if (!tap_ok(start(call, daemon, PARTY_DEAF, "deaf") == 0,
	    "a session")) {
		call_free(call);
		free(id);
		return;
	}
	before = memory_of(daemon);
	tap_ok(start(call, daemon, PARTY_FLOOD, id) == 0,
	    "a flood, and nobody reads");
	held = wait_until(flood_is_held, &flood, PRESSURE_MS) == 0;
	tap_ok(held, "the flood is held after %" PRIu64 " KiB",
	    flood.count / 1024);
	grown = memory_of(daemon);
	grown -= grown > before ? before : grown;
	if (usage_has_memory())
		tap_ok(grown <= RETAINED + ALLOWED,
		    "gateways and runner grew by %lu KiB", grown);
	else
		tap_skip("a sanitizer keeps memory", "memory is bounded");
	tap_ok(call_send(call, "process/terminate",
	    call_process_params(id)) != -1 &&
	    wait_until(job_is_gone, id, PRESSURE_MS) == 0,
	    "terminate reaches it although the client does not read");
	call_free(call);
	free(id);
}

/* Three megabytes: more than the job's queue, less than what is parked. */
static void
story_unread_stdin(struct daemon *daemon)
{
	struct call *call = call_attach(daemon_url(daemon), NULL);
	char *id = job_id("stuffed"), write_id[32], *chunk;
	struct json_object *reply;
	int64_t ids[48];
	int i, sent = 0, answered = 0;

	chunk = xcalloc(1, 65536);
	if (!tap_ok(start(call, daemon, PARTY_DEAF, id) == 0,
	    "a job that does not read"))
		goto out;
	for (i = 0; i < 48; i++) {
		snprintf(write_id, sizeof(write_id), "w%d", i);
		ids[i] = call_send(call, "process/write",
		    call_write_params(id, write_id, chunk, 65536));
		sent += ids[i] != -1;
	}
	tap_ok(sent == 48, "three megabytes of stdin sent");
	reply = call_request(call, "process/terminate",
	    call_process_params(id));
	tap_ok(reply != NULL && wait_until(job_is_gone, id, PRESSURE_MS) == 0,
	    "terminate overtakes what waits");
	json_object_put(reply);
	for (i = 0; i < 48; i++) {
		reply = call_wait(call, ids[i], PRESSURE_MS);
		answered += reply != NULL;
		json_object_put(reply);
		if (reply == NULL)
			break;
	}
	tap_ok(answered == 48, "and every write is answered (%d)", answered);
out:
	free(chunk);
	free(id);
	call_free(call);
}

/* Beyond any bound: this connection stands still, the session does not. */
static void
story_stuffed(struct daemon *daemon)
{
	struct call *call = call_attach(daemon_url(daemon), NULL), *next;
	char *id = job_id("bursting"), *session = NULL, *text, *chunk;
	struct json_object *reply;
	size_t sent = 0;

	if (!tap_ok(start(call, daemon, PARTY_DEAF, id) == 0,
	    "a job that does not read"))
		goto out;
	session = xstrdup(call_session(call));
	chunk = xmalloc(BASE64_ENCODED_LEN(65536) + 1);
	memset(chunk, 'A', BASE64_ENCODED_LEN(65536));
	chunk[BASE64_ENCODED_LEN(65536)] = '\0';
	while (sent < 1024) {
		text = xasprintf("{\"id\":%zu,\"method\":\"process/write\","
		    "\"params\":{\"processId\":\"%s\",\"writeId\":\"w%zu\","
		    "\"chunk\":\"%s\"}}", sent + 10, id, sent, chunk);
		/* The kernel takes no more for a while: that is the end. */
		if (wire_send_text(call_wire(call), text, 500) == -1) {
			free(text);
			break;
		}
		free(text);
		sent++;
	}
	free(chunk);
	tap_ok(sent > 60 && sent < 1024, "held back after %zu KiB of stdin",
	    sent * 64);
	call_free(call);
	call = NULL;
	next = call_attach(daemon_url(daemon), session);
	reply = next == NULL ? NULL : call_request(next, "process/terminate",
	    call_process_params(id));
	tap_ok(reply != NULL && wait_until(job_is_gone, id, PRESSURE_MS) == 0,
	    "the next connection can terminate it");
	json_object_put(reply);
	call_free(next);
out:
	free(session);
	free(id);
	call_free(call);
}

/* The newest bytes of the flood, in order and without a hole to its end. */
static int
newest_is_right(struct json_object *result, uint64_t total, uint64_t *kept)
{
	struct json_object *chunks, *item, *value;
	unsigned char *data, *want;
	uint64_t seq = 0, gaps = 0, offset;
	size_t i, n, len, got = 0;
	ssize_t one;
	int rc = 0;

	if (!json_object_object_get_ex(result, "chunks", &chunks))
		return -1;
	n = json_object_array_length(chunks);
	data = xmalloc(64 * 1024 * 1024);
	for (i = 0; i < n && rc == 0; i++) {
		item = json_object_array_get_idx(chunks, i);
		json_object_object_get_ex(item, "seq", &value);
		/* The exit has a number too, and output may follow it. */
		if (i > 0 && json_object_get_uint64(value) != seq + 1 &&
		    json_object_get_uint64(value) != seq + 2 - gaps++)
			rc = -1;
		seq = json_object_get_uint64(value);
		json_object_object_get_ex(item, "chunk", &value);
		len = (size_t)json_object_get_string_len(value);
		if (got + BASE64_DECODED_MAX(len) > 64 * 1024 * 1024)
			break;
		one = base64_decode(data + got, json_object_get_string(value),
		    len);
		rc = one == -1 ? -1 : rc;
		got += one == -1 ? 0 : (size_t)one;
	}
	want = xmalloc(got + 1);
	offset = total - got;
	pattern_fill(want, got, SEED, offset);
	if (got > total || memcmp(data, want, got) != 0)
		rc = -1;
	*kept = got;
	free(want);
	free(data);
	return rc;
}

static void
check_newest(struct call *call, struct flood *flood)
{
	struct json_object *params = call_process_params(flood->id), *result;
	uint64_t kept = 0;
	int right;

	json_object_object_add(params, "signal",
	    json_object_new_string("interrupt"));
	json_object_put(call_result(call, "process/signal", params));
	wait_until(flood_is_held, flood, PRESSURE_MS);
	/* Closed, and nothing more on its way. */
	do {
		params = call_process_params(flood->id);
		json_object_object_add(params, "waitMs",
		    json_object_new_int(1000));
		result = call_result(call, "process/read", params);
		json_object_object_get_ex(result, "closed", &params);
		if (result == NULL || json_object_get_boolean(params))
			break;
		json_object_put(result);
	} while (1);
	flood->count = party_flooded(flood->dir, flood->id);
	right = result != NULL &&
	    newest_is_right(result, flood->count, &kept) == 0;
	tap_ok(right && kept >= 4 << 20 && kept <= 8 << 20,
	    "its newest %" PRIu64 " KiB are there, to the last byte",
	    kept / 1024);
	json_object_put(result);
}

static void
story_detached(struct daemon *daemon)
{
	struct call *call = call_attach(daemon_url(daemon), NULL);
	char *id = job_id("detached"), *session = NULL;
	struct flood flood = { .dir = daemon_dir(daemon), .id = id };

	if (!tap_ok(start(call, daemon, PARTY_FLOOD, id) == 0, "a flood"))
		goto out;
	session = xstrdup(call_session(call));
	call_free(call);
	call = NULL;
	flood.goal = party_flooded(flood.dir, id) + (64 << 20);
	tap_ok(wait_until(flood_is_beyond, &flood, PRESSURE_MS) == 0,
	    "nobody there: it runs on");
	call = call_attach(daemon_url(daemon), session);
	if (tap_ok(call != NULL, "resumed"))
		check_newest(call, &flood);
out:
	free(session);
	free(id);
	call_free(call);
}

/* Who does not read cannot keep the server from ending, either. */
static void
story_stop(struct daemon *daemon)
{
	struct call *call = call_attach(daemon_url(daemon), NULL);
	struct flood flood = { .dir = daemon_dir(daemon), .id = "last" };
	uint64_t began;
	int status;

	tap_ok(start(call, daemon, PARTY_FLOOD, "last") == 0 &&
	    wait_until(flood_is_held, &flood, PRESSURE_MS) == 0,
	    "a flood that is held");
	began = clock_ms();
	status = daemon_stop(daemon, PRESSURE_MS);
	tap_ok(status == 0, "holdfastd ends with %d after %" PRIu64 " ms",
	    status, clock_ms() - began);
	call_free(call);
}

int
main(void)
{
	static const char *const args[] = { "--gateways", "1",
		"--spill-bytes", "0", "--hold-ms", "300", NULL };
	struct daemon *daemon = daemon_start(args);

	if (tap_ok(daemon != NULL, "holdfastd runs")) {
		story_unread(daemon);
		story_unread_stdin(daemon);
		story_stuffed(daemon);
		story_detached(daemon);
		story_stop(daemon);
		tap_ok(daemon_check_clean(daemon, PRESSURE_MS) == 0,
		    "nothing is left behind");
	}
	daemon_free(daemon, tap_failed() > 0);
	return tap_done();
}
