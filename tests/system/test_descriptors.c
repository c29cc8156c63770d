/* SPDX-License-Identifier: ISC */
/*
 * Coming and going, and garbage of every kind at the port, leave nothing
 * behind in the processes and do not keep anybody from being served.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/types.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "common/clock.h"
#include "common/xmalloc.h"
#include "tests/lib/call.h"
#include "tests/lib/daemon.h"
#include "tests/lib/tap.h"
#include "tests/lib/wait.h"
#include "tests/system/party.h"
#include "tests/system/pattern.h"
#include "tests/system/usage.h"

#define DESCRIPTORS_MS 60000
#define CYCLES 500
#define GARBAGE_ROUNDS 20
#define SLOW_ONES 30
#define HANDSHAKE "1000"

/* One session: every third one has work, every fourth is resumed. */
static int
cycle(struct daemon *daemon, int i)
{
	struct call *call = call_attach(daemon_url(daemon), NULL);
	struct json_object *result;
	char *session, id[32];
	int rc = 0;

	if (call == NULL)
		return -1;
	if (i % 3 == 0) {
		snprintf(id, sizeof(id), "cycle-%d", i);
		result = call_result(call, "process/start",
		    party_start_params(daemon, PARTY_ONCE, id));
		rc = result == NULL ? -1 : 0;
		json_object_put(result);
	}
	if (i % 4 == 0) {
		session = xstrdup(call_session(call));
		call_free(call);
		call = call_attach(daemon_url(daemon), session);
		free(session);
	}
	if (call != NULL && i % 2 == 0)
		wire_reset(call_wire(call));
	call_free(call);
	return call == NULL ? -1 : rc;
}

static void
story_cycles(struct daemon *daemon)
{
	struct usage *before;
	uint64_t began;
	int i, bad = 0;

	for (i = 0; i < CYCLES / 5; i++)
		bad += cycle(daemon, i) != 0;
	daemon_wait_none(daemon, "holdfast-runner",
	    DESCRIPTORS_MS);
	before = usage_take(daemon);
	began = clock_ms();
	for (i = 0; i < CYCLES; i++)
		bad += cycle(daemon, i) != 0;
	tap_ok(bad == 0, "%d sessions came and went in %llu ms", CYCLES,
	    (unsigned long long)(clock_ms() - began));
	tap_ok(daemon_wait_none(daemon, "holdfast-runner",
	    DESCRIPTORS_MS) == 0,
	    "their runners are gone");
	usage_check(before, 1024);
	usage_free(before);
}

static const char upgrade[] = "GET / HTTP/1.1\r\nHost: h\r\n"
    "Connection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/* Each is sent whole; then the sender leaves. */
static const struct {
	const char *name;
	const char *text;
	size_t repeat; /* the last byte, this many times more */
} garbage[] = {
	{ "nothing", "", 0 },
	{ "a line end", "\r\n", 0 },
	{ "line ends", "\r\n\r\n\r\n", 100000 },
	{ "half a request", "GET / HT", 0 },
	{ "half a head", "GET / HTTP/1.1\r\nHost: h\r\nUpgr", 0 },
	{ "a long method", "G", 100000 },
	{ "a long target", "GET /x", 100000 },
	{ "a long header", "GET / HTTP/1.1\r\nx: y", 200000 },
	{ "NULs", "\1", 100000 },
	{ "an old version", "GET / HTTP/0.9\r\n\r\n", 0 },
	{ "a wrong version", "GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade"
	    "\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 7\r\n"
	    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", 0 },
	{ "a body", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999\r\n"
	    "\r\nx", 100000 },
	{ "a TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 600 },
	{ "frames and no upgrade", "\x81\x82zzzz{}", 0 },
	{ "a proxy's line", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n"
	    "GET / HTTP/1.1\r\n\r\n", 0 },
};

#define NGARBAGE (sizeof(garbage) / sizeof(garbage[0]))

/* Behind a good upgrade. */
static const struct {
	const char *name;
	const char *bytes;
	size_t len;
} frames[] = {
	{ "a frame without a mask", "\x81\x02{}", 4 },
	{ "a reserved bit", "\xc1\x80zzzz", 6 },
	{ "a reserved opcode", "\x83\x80zzzz", 6 },
	{ "a long ping", "\x89\xfe\x01\x00zzzz", 8 },
	{ "a ping in pieces", "\x09\x80zzzz", 6 },
	{ "a continuation of nothing", "\x80\x80zzzz", 6 },
	{ "two beginnings", "\x01\x80zzzz\x01\x80zzzz", 12 },
	{ "a huge frame", "\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff" "zzzz",
	    14 },
	{ "a negative length", "\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff"
	    "zzzz", 14 },
	{ "half a head", "\x81\xfe\x10", 3 },
	{ "half a frame", "\x81\xfe\x10\x00" "zzzzabc", 11 },
	{ "a close of one byte", "\x88\x81zzzzx", 7 },
	{ "bytes that are no text", "\x81\x82\0\0\0\0\xff\xfe", 8 },
	{ "a notification before its time",
	    "\x81\x98\0\0\0\0{\"method\":\"initialized\"}", 30 },
};

#define NFRAMES (sizeof(frames) / sizeof(frames[0]))

static int
throw_garbage(const struct daemon *daemon, size_t i)
{
	struct wire *wire = wire_connect(daemon_url(daemon), DESCRIPTORS_MS);
	size_t len = strlen(garbage[i].text), total = len + garbage[i].repeat;
	char *text;

	if (wire == NULL)
		return -1;
	text = xmalloc(total + 1);
	memcpy(text, garbage[i].text, len);
	if (garbage[i].repeat > 0)
		memset(text + len, text[len - 1], garbage[i].repeat);
	/* It may be refused in the middle. */
	(void)wire_send_raw(wire, text, total, 1000);
	free(text);
	wire_free(wire);
	return 0;
}

static int
throw_noise(const struct daemon *daemon, uint64_t seed)
{
	struct wire *wire = wire_connect(daemon_url(daemon), DESCRIPTORS_MS);
	char noise[3000];

	if (wire == NULL)
		return -1;
	pattern_fill(noise, sizeof(noise), seed, 0);
	(void)wire_send_raw(wire, noise, sizeof(noise), 1000);
	if (seed % 2 == 0)
		wire_reset(wire);
	wire_free(wire);
	return 0;
}

/* Whether it was closed is seen where it must be; here it may not hurt. */
static int
throw_frame(const struct daemon *daemon, size_t i)
{
	struct wire *wire = wire_open(daemon_url(daemon), DESCRIPTORS_MS);

	if (wire == NULL)
		return -1;
	(void)wire_send_raw(wire, frames[i].bytes, frames[i].len, 1000);
	wire_free(wire);
	return 0;
}

static int
throw_all(const struct daemon *daemon, uint64_t round)
{
	size_t i;
	int bad = 0;

	for (i = 0; i < NGARBAGE; i++)
		bad += throw_garbage(daemon, i) != 0;
	for (i = 0; i < NFRAMES; i++)
		bad += throw_frame(daemon, i) != 0;
	for (i = 0; i < 10; i++)
		bad += throw_noise(daemon, round * 10 + i) != 0;
	return bad;
}

static void
story_garbage(struct daemon *daemon)
{
	struct call *call = call_attach(daemon_url(daemon), NULL);
	struct json_object *result = NULL;
	struct usage *before;
	uint64_t round;
	int bad = 0, unanswered = 0;

	bad += throw_all(daemon, GARBAGE_ROUNDS);
	before = usage_take(daemon);
	for (round = 0; call != NULL && round < GARBAGE_ROUNDS; round++) {
		bad += throw_all(daemon, round);
		result = call_result(call, "environment/status", NULL);
		unanswered += result == NULL;
		json_object_put(result);
	}
	tap_ok(bad == 0 && call != NULL, "%d times %zu kinds of garbage",
	    GARBAGE_ROUNDS, NGARBAGE + NFRAMES + 10);
	tap_ok(unanswered == 0, "a client was answered all along");
	usage_check(before, 1024);
	usage_free(before);
	call_free(call);
}

/* Each drips a byte now and then; the deadline is for the whole of it. */
static int
drip(struct wire *wire, const char *text, size_t len, size_t *sent)
{
	struct wire_message message;
	enum wire_kind kind;
	char byte;

	if (*sent < len) {
		if (wire_send_raw(wire, text + (*sent)++, 1, 1000) == -1)
			return 1;
	}
	if (recv(wire_fd(wire), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == -1)
		return errno != EAGAIN;
	kind = wire_recv(wire, &message, 0);
	free(message.data);
	return kind != WIRE_TIMEOUT;
}

static void
story_slow(struct daemon *daemon)
{
	uint64_t deadline = deadline_in(DESCRIPTORS_MS), began = clock_ms();
	struct usage *before = usage_take(daemon);
	struct wire *wires[SLOW_ONES];
	size_t sent[SLOW_ONES] = { 0 };
	int i, left = 0;

	for (i = 0; i < SLOW_ONES; i++) {
		wires[i] = i % 3 == 2 ?
		    wire_open(daemon_url(daemon), DESCRIPTORS_MS) :
		    wire_connect(daemon_url(daemon), DESCRIPTORS_MS);
		left += wires[i] != NULL;
	}
	tap_ok(left == SLOW_ONES, "%d connections in no hurry", left);
	while (left > 0 && deadline_left(deadline) > 0) {
		for (i = 0; i < SLOW_ONES; i++)
			if (wires[i] != NULL && drip(wires[i], i % 3 == 0 ?
			    upgrade : "\x81\xfe\x08\x00zzzz",
			    i % 3 == 1 ? 0 : i % 3 == 0 ? strlen(upgrade) : 8,
			    &sent[i])) {
				wire_free(wires[i]);
				wires[i] = NULL;
				left--;
			}
		wait_fd(-1, 0, deadline_in(20));
	}
	tap_ok(left == 0, "each was ended by the deadline of its stage, the "
	    "last after %llu ms", (unsigned long long)(clock_ms() - began));
	for (i = 0; i < SLOW_ONES; i++)
		wire_free(wires[i]);
	usage_check(before, 1024);
	usage_free(before);
}

int
main(void)
{
	static const char *const args[] = { "--gateways", "2",
		"--detach-ttl-ms", "2000", "--handshake-ms", HANDSHAKE, NULL };
	struct daemon *daemon = daemon_start(args);
	struct call *call;

	if (tap_ok(daemon != NULL, "holdfastd runs")) {
		story_cycles(daemon);
		story_garbage(daemon);
		story_slow(daemon);
		call = call_attach(daemon_url(daemon), NULL);
		tap_ok(call != NULL, "still serves");
		call_free(call);
		tap_ok(daemon_stop(daemon, DESCRIPTORS_MS) == 0,
		    "holdfastd ends with 0");
		tap_ok(daemon_check_clean(daemon, DESCRIPTORS_MS) == 0,
		    "nothing is left behind");
	}
	daemon_free(daemon, tap_failed() > 0);
	return tap_done();
}
