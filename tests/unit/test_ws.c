/* SPDX-License-Identifier: ISC */
/* WebSockets fed with bytes, in pieces of every size. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "gateway/ws.h"
#include "gateway/wsframe.h"

TestSuite(ws, .timeout = 60);

#define N(table) (sizeof(table) / sizeof((table)[0]))
#define MIB (1024 * 1024)

/* What has been told, in words. */
struct record {
	char log[4096];
	size_t len;
	unsigned int messages;
	size_t last_len;
	int pause_every;	/* message_cb returns false every so often */
	int no_room;		/* how many pongs are refused */
	int closed_code;	/* 0 until closed_cb */
};

static __attribute__((format(printf, 2, 3))) void
say(struct record *r, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(r->log + r->len, sizeof(r->log) - r->len, fmt, ap);
	va_end(ap);
	if ((r->len += (size_t)n) >= sizeof(r->log))
		r->len = sizeof(r->log) - 1;
}

static bool
message_cb(struct ws *ws, enum ws_opcode opcode, void *data, size_t len,
    void *arg)
{
	struct record *r = arg;

	(void)ws;
	cr_assert_not_null(data);
	r->messages++;
	r->last_len = len;
	say(r, "%s(%.*s) ", opcode == WS_TEXT ? "text" : "binary",
	    len > 40 ? 0 : (int)len, (const char *)data);
	memset(data, 'Z', len);
	return r->pause_every == 0 || r->messages % r->pause_every != 0;
}

static bool
output_cb(struct ws *ws, enum ws_opcode opcode, const void *bytes,
    size_t len, void *arg)
{
	const uint8_t *b = bytes;
	struct record *r = arg;

	(void)ws;
	cr_assert_geq(len, 2);
	cr_assert_eq(b[0], 0x80 | opcode);
	cr_assert_eq(b[1], len - 2);
	if (opcode == WS_PONG && r->no_room > 0) {
		r->no_room--;
		return false;
	}
	if (opcode == WS_CLOSE)
		say(r, "send-close(%d%.*s) ", len < 4 ? 0 : b[2] << 8 | b[3],
		    len < 4 ? 0 : (int)len - 4, b + 4);
	else
		say(r, "send-%s(%.*s) ", opcode == WS_PING ? "ping" : "pong",
		    (int)len - 2, b + 2);
	return true;
}

static void
pong_cb(struct ws *ws, const void *payload, size_t len, void *arg)
{
	(void)ws;
	say(arg, "pong(%.*s) ", (int)len,
	    len == 0 ? "" : (const char *)payload);
}

static void
closed_cb(struct ws *ws, int code, bool local, void *arg)
{
	struct record *r = arg;

	cr_assert_eq(r->closed_code, 0);
	cr_assert_not(ws_receiving(ws));
	r->closed_code = code;
	say(r, "%s(%d) ", local ? "failed" : "closed", code);
}

static const struct ws_callbacks callbacks = {
	.message_cb = message_cb,
	.output_cb = output_cb,
	.pong_cb = pong_cb,
	.closed_cb = closed_cb,
};

/* What a client sends, growing. */
struct wire {
	uint8_t *bytes;
	size_t len;
};

/* Add a frame; "first" is its first byte. */
static void
add(struct wire *w, uint8_t first, const void *payload, size_t len,
    bool masked)
{
	static const uint8_t mask[4] = { 0x37, 0xfa, 0x21, 0x3d };
	uint8_t head[WS_HEAD_MAX];
	size_t i, n;

	n = ws_frame_head(true, WS_TEXT, len, head);
	head[0] = first;
	if (masked)
		head[1] |= 0x80;
	w->bytes = realloc(w->bytes, w->len + n + 4 + len);
	memcpy(w->bytes + w->len, head, n);
	w->len += n;
	if (masked) {
		memcpy(w->bytes + w->len, mask, 4);
		w->len += 4;
	}
	for (i = 0; i < len; i++)
		w->bytes[w->len++] = ((const uint8_t *)payload)[i] ^
		    (masked ? mask[i % 4] : 0);
}

static void
frame(struct wire *w, uint8_t first, const char *payload)
{
	add(w, first, payload, strlen(payload), true);
}

/* Feed all of the wire in pieces of "step" bytes, each in memory of its own
 * size, and what was not taken again. */
static void
feed(struct ws *ws, const struct wire *w, size_t step)
{
	size_t at, n, used;
	uint8_t *piece;

	for (at = 0; at < w->len; at += used) {
		n = w->len - at < step ? w->len - at : step;
		piece = malloc(n);
		memcpy(piece, w->bytes + at, n);
		used = ws_feed(ws, piece, n);
		cr_assert_leq(used, n);
		cr_assert_gt(used, 0);
		free(piece);
	}
}

static const size_t steps[] = { 1, 2, 3, 5, 7, 8, 13, 100, 1000000 };

/* The same story for every size of pieces; frees the wire. */
static void
expect(struct wire *w, const char *want)
{
	struct record r;
	struct ws *ws;
	size_t i;

	for (i = 0; i < N(steps) && steps[i] <= 2 * w->len + 100; i++) {
		memset(&r, 0, sizeof(r));
		ws = ws_new(&callbacks, &r);
		feed(ws, w, steps[i]);
		cr_assert_str_eq(r.log, want, "step %zu: %s, not %s",
		    steps[i], r.log, want);
		cr_assert_eq(ws_receiving(ws), r.closed_code == 0);
		if (strstr(want, "part") == NULL)
			cr_assert_eq(ws_held(ws), 0);
		ws_free(ws);
	}
	free(w->bytes);
	memset(w, 0, sizeof(*w));
}

Test(ws, messages)
{
	struct wire w = { 0 };

	frame(&w, 0x81, "hello");
	frame(&w, 0x82, "\xff\xfe");
	frame(&w, 0x81, "");
	frame(&w, 0x81, "\xc3\xa9");
	expect(&w, "text(hello) binary(\xff\xfe) text() text(\xc3\xa9) ");
}

Test(ws, fragments_and_control_frames_between)
{
	struct wire w = { 0 };

	frame(&w, 0x01, "one ");
	frame(&w, 0x89, "a");
	frame(&w, 0x00, "");
	frame(&w, 0x8a, "b");
	frame(&w, 0x00, "t\xc3");
	frame(&w, 0x80, "\xa9o");
	frame(&w, 0x02, "");
	frame(&w, 0x80, "");
	frame(&w, 0x02, "x\xff");
	frame(&w, 0x80, "y");
	frame(&w, 0x81, "after");
	expect(&w, "send-pong(a) pong(b) text(one t\xc3\xa9o) binary() "
	    "binary(x\xffy) text(after) ");
}

Test(ws, pings_and_pongs)
{
	struct wire w = { 0 };
	char longest[WS_CONTROL_MAX + 1], want[WS_CONTROL_MAX + 64];

	memset(longest, 'p', WS_CONTROL_MAX);
	longest[WS_CONTROL_MAX] = '\0';
	frame(&w, 0x89, "");
	frame(&w, 0x8a, "");
	frame(&w, 0x89, longest);
	(void)snprintf(want, sizeof(want), "send-pong() pong() send-pong(%s) ",
	    longest);
	expect(&w, want);
}

Test(ws, client_closes)
{
	struct wire w = { 0 };

	frame(&w, 0x88, "");
	frame(&w, 0x81, "late");
	expect(&w, "send-close(0) closed(1005) ");
	frame(&w, 0x88, "\x03\xe8");
	expect(&w, "send-close(1000) closed(1000) ");
	frame(&w, 0x88, "\x0f\xa1" "gr\xc3\xbc\xc3\x9f" "e und mehr als vier");
	expect(&w, "send-close(4001) closed(4001) ");
	frame(&w, 0x88, "\x03\xf6");
	expect(&w, "send-close(1014) closed(1014) ");
	frame(&w, 0x01, "part");
	frame(&w, 0x88, "\x03\xe9");
	expect(&w, "send-close(1001) closed(1001) ");
}

/* The first byte of a frame, its payload, and what it costs. */
static const struct {
	uint8_t first;
	const char *payload;
	int code;
} breaches[] = {
	{ 0xc1, "x", 1002 }, { 0xa1, "x", 1002 }, { 0x91, "x", 1002 },
	{ 0x83, "x", 1002 }, { 0x84, "x", 1002 }, { 0x87, "x", 1002 },
	{ 0x8b, "x", 1002 }, { 0x8f, "x", 1002 }, { 0xc9, "x", 1002 },
	{ 0x80, "x", 1002 }, { 0x00, "x", 1002 }, { 0x83, "", 1002 },
	{ 0x09, "x", 1002 }, { 0x08, "", 1002 },
	{ 0x88, "x", 1002 }, { 0x88, "\x03\xed", 1002 },
	{ 0x88, "\x03\xe7", 1002 }, { 0x88, "\x03\xf7", 1002 },
	{ 0x88, "\x03\xe8\xff", 1007 },
	{ 0x81, "\xff", 1007 }, { 0x81, "abc\xc3", 1007 },
	{ 0x81, "\xed\xa0\x80", 1007 },
};

Test(ws, broken_rules)
{
	struct wire w = { 0 };
	char want[64];
	size_t i;

	for (i = 0; i < N(breaches); i++) {
		frame(&w, breaches[i].first, breaches[i].payload);
		frame(&w, 0x81, "late");
		(void)snprintf(want, sizeof(want),
		    "send-close(%d) failed(%d) ", breaches[i].code,
		    breaches[i].code);
		expect(&w, want);
	}
}

Test(ws, broken_sequences)
{
	char control[WS_CONTROL_MAX + 2];
	struct wire w = { 0 };

	add(&w, 0x81, "x", 1, false);
	expect(&w, "send-close(1002) failed(1002) ");
	add(&w, 0x89, "x", 1, false);
	expect(&w, "send-close(1002) failed(1002) ");
	frame(&w, 0x01, "part");
	frame(&w, 0x81, "x");
	expect(&w, "send-close(1002) failed(1002) ");
	frame(&w, 0x01, "part");
	frame(&w, 0x02, "x");
	expect(&w, "send-close(1002) failed(1002) ");
	frame(&w, 0x01, "part\xc3");
	frame(&w, 0x80, "x");
	expect(&w, "send-close(1007) failed(1007) ");
	frame(&w, 0x01, "part");
	add(&w, 0x80, "x", 1, false);
	expect(&w, "send-close(1002) failed(1002) ");
	memset(control, 'x', sizeof(control));
	add(&w, 0x89, control, WS_CONTROL_MAX + 1, true);
	expect(&w, "send-close(1002) failed(1002) ");
}

/* Lengths in a longer form than they need, or beyond 63 bits. */
Test(ws, odd_lengths)
{
	static const uint8_t heads[][14] = {
		{ 0x81, 0xfe, 0, 125, 1, 2, 3, 4 },
		{ 0x81, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3, 4 },
		{ 0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4 },
		{ 0x89, 0xfe, 0, 5, 1, 2, 3, 4 },
	};
	struct wire w = { 0 };
	size_t i;

	for (i = 0; i < N(heads); i++) {
		w.bytes = malloc(sizeof(heads[i]));
		memcpy(w.bytes, heads[i], sizeof(heads[i]));
		w.len = sizeof(heads[i]);
		expect(&w, "send-close(1002) failed(1002) ");
	}
}

/* Feed a frame of "len" zeros without having it in memory as a whole. */
static void
feed_zeros(struct ws *ws, uint8_t first, size_t len)
{
	uint8_t block[65536], head[WS_HEAD_MAX + 4];
	size_t n;

	n = ws_frame_head(true, WS_BINARY, len, head);
	head[0] = first;
	head[1] |= 0x80;
	memset(head + n, 0, 4);
	(void)ws_feed(ws, head, n + 4);
	for (; len > 0; len -= n) {
		n = len < sizeof(block) ? len : sizeof(block);
		memset(block, 0, n);
		(void)ws_feed(ws, block, n);
	}
}

Test(ws, frame_limit)
{
	struct record r = { 0 };
	struct ws *ws = ws_new(&callbacks, &r);

	feed_zeros(ws, 0x82, WS_FRAME_MAX);
	cr_assert_eq(r.messages, 1);
	cr_assert_eq(r.last_len, WS_FRAME_MAX);
	feed_zeros(ws, 0x81, WS_FRAME_MAX);
	cr_assert_eq(r.messages, 2);
	feed_zeros(ws, 0x82, WS_FRAME_MAX + 1);
	cr_assert_eq(r.messages, 2);
	cr_assert_eq(r.closed_code, WS_CODE_TOO_BIG);
	ws_free(ws);
}

Test(ws, message_limit)
{
	struct record r = { 0 };
	struct ws *ws = ws_new(&callbacks, &r);
	int i;

	for (i = 0; i < 7; i++)
		feed_zeros(ws, i == 0 ? 0x02 : 0x00, 8 * MIB);
	feed_zeros(ws, 0x80, 8 * MIB);
	cr_assert_eq(r.messages, 1);
	cr_assert_eq(r.last_len, WS_MESSAGE_MAX);
	cr_assert_eq(ws_held(ws), 0);
	for (i = 0; i < 8; i++)
		feed_zeros(ws, i == 0 ? 0x02 : 0x00, 8 * MIB);
	cr_assert_eq(r.closed_code, 0);
	cr_assert_leq(ws_held(ws), WS_MESSAGE_MAX);
	feed_zeros(ws, 0x80, 1);
	cr_assert_eq(r.closed_code, WS_CODE_TOO_BIG);
	cr_assert_eq(r.messages, 1);
	ws_free(ws);
}

/* A head that promises much costs nothing. */
Test(ws, memory_follows_bytes)
{
	uint8_t head[] = { 0x82, 0xff, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1 };
	uint8_t block[10000] = { 0 };
	struct record r = { 0 };
	struct ws *ws = ws_new(&callbacks, &r);
	size_t come = 1;

	(void)ws_feed(ws, head, sizeof(head));
	cr_assert_leq(ws_held(ws), 16384);
	for (; come < 4 * MIB; come += sizeof(block)) {
		(void)ws_feed(ws, block, sizeof(block));
		cr_assert_leq(ws_held(ws), 16384 + 2 * (come +
		    sizeof(block)));
	}
	ws_free(ws);
}

Test(ws, flood_of_empty_fragments)
{
	struct wire one = { 0 }, more = { 0 };
	struct record r = { 0 };
	struct ws *ws = ws_new(&callbacks, &r);
	int i;

	frame(&one, 0x01, "x");
	frame(&more, 0x00, "");
	frame(&more, 0x89, "p");
	feed(ws, &one, 100);
	r.no_room = 1000000;
	for (i = 0; i < 20000; i++)
		feed(ws, &more, 100);
	cr_assert_leq(ws_held(ws), 16384);
	cr_assert_str_eq(r.log, "");
	r.no_room = 0;
	ws_flush(ws);
	ws_flush(ws);
	cr_assert_str_eq(r.log, "send-pong(p) ");
	free(one.bytes);
	free(more.bytes);
	ws_free(ws);
}

Test(ws, last_pong_wins)
{
	struct record r = { .no_room = 3 };
	struct ws *ws = ws_new(&callbacks, &r);
	struct wire w = { 0 };

	frame(&w, 0x89, "a");
	frame(&w, 0x89, "b");
	feed(ws, &w, 100);
	ws_flush(ws);
	cr_assert_str_eq(r.log, "");
	ws_flush(ws);
	ws_flush(ws);
	cr_assert_str_eq(r.log, "send-pong(b) ");
	free(w.bytes);
	ws_free(ws);
}

Test(ws, pause)
{
	struct wire w = { 0 };
	struct record r;
	struct ws *ws;
	uint8_t *copy;
	size_t used;

	frame(&w, 0x81, "a");
	frame(&w, 0x01, "b");
	frame(&w, 0x80, "c");
	frame(&w, 0x81, "d");
	memset(&r, 0, sizeof(r));
	r.pause_every = 1;
	ws = ws_new(&callbacks, &r);
	copy = malloc(w.len);
	memcpy(copy, w.bytes, w.len);
	used = ws_feed(ws, copy, w.len);
	cr_assert_eq(used, 7);
	used += ws_feed(ws, copy + used, w.len - used);
	cr_assert_eq(used, 21);
	cr_assert_str_eq(r.log, "text(a) text(bc) ");
	used += ws_feed(ws, copy + used, w.len - used);
	cr_assert_eq(used, w.len);
	cr_assert_str_eq(r.log, "text(a) text(bc) text(d) ");
	ws_free(ws);
	free(copy);
	free(w.bytes);
}

Test(ws, server_closes_and_pings)
{
	struct record r = { 0 };
	struct ws *ws = ws_new(&callbacks, &r);
	struct wire w = { 0 };

	ws_ping(ws, "now", 3);
	cr_assert_not(ws_close_sent(ws));
	ws_close(ws, WS_CODE_RESTART, "bye");
	ws_close(ws, WS_CODE_NORMAL, NULL);
	ws_ping(ws, "late", 4);
	cr_assert(ws_close_sent(ws));
	frame(&w, 0x81, "dropped");
	frame(&w, 0x89, "unanswered");
	frame(&w, 0x88, "\x03\xf4");
	feed(ws, &w, 3);
	cr_assert_str_eq(r.log,
	    "send-ping(now) send-close(1012bye) closed(1012) ");
	free(w.bytes);
	ws_free(ws);
}

Test(ws, close_answered)
{
	struct record r = { 0 };
	struct ws *ws = ws_new(&callbacks, &r);
	struct wire w = { 0 };

	ws_close(ws, WS_CODE_GOING_AWAY, NULL);
	cr_assert(ws_receiving(ws));
	frame(&w, 0x88, "\x03\xe9");
	feed(ws, &w, 3);
	cr_assert_str_eq(r.log, "send-close(1001) closed(1001) ");
	cr_assert_not(ws_receiving(ws));
	free(w.bytes);
	ws_free(ws);
}

Test(ws, long_reasons_are_cut_between_characters)
{
	struct record r = { 0 };
	struct ws *ws = ws_new(&callbacks, &r);
	char reason[200], want[200];

	memset(reason, 'r', sizeof(reason) - 1);
	reason[sizeof(reason) - 1] = '\0';
	memcpy(reason + 122, "\xc3\xa9", 2);
	ws_close(ws, 1000, reason);
	(void)snprintf(want, sizeof(want), "send-close(1000%.122s) ", reason);
	cr_assert_str_eq(r.log, want);
	ws_free(ws);
}

/* Where the next frame begins, and what is there of one that is not whole. */
Test(ws, frames_one_after_another)
{
	static const uint64_t payloads[] = { 0, 1, 125, 126, 65535, 65536 };
	static uint8_t bytes[WS_HEAD_MAX + 65536];
	size_t i, n, whole;

	for (i = 0; i < N(payloads); i++) {
		n = ws_frame_head(true, WS_TEXT, payloads[i], bytes);
		whole = n + (size_t)payloads[i];
		cr_assert_eq(wsframe_length(bytes, sizeof(bytes)), whole);
		cr_assert_eq(wsframe_length(bytes, whole), whole);
		cr_assert_eq(wsframe_length(bytes, n - 1), n - 1);
		cr_assert_eq(wsframe_length(bytes, 1), 1);
		cr_assert_eq(wsframe_length(bytes, whole - 1), whole - 1);
	}
	ws_frame_head(true, WS_TEXT, UINT64_MAX, bytes);
	cr_assert_eq(wsframe_length(bytes, sizeof(bytes)), sizeof(bytes));
}

Test(ws, heads)
{
	static const struct {
		bool fin;
		enum ws_opcode opcode;
		uint64_t len;
		uint8_t head[WS_HEAD_MAX];
		size_t n;
	} heads[] = {
		{ true, WS_TEXT, 0, { 0x81, 0 }, 2 },
		{ true, WS_BINARY, 125, { 0x82, 125 }, 2 },
		{ false, WS_TEXT, 126, { 0x01, 126, 0, 126 }, 4 },
		{ false, WS_CONTINUATION, 65535, { 0x00, 126, 255, 255 }, 4 },
		{ true, WS_CONTINUATION, 65536,
		    { 0x80, 127, 0, 0, 0, 0, 0, 1, 0, 0 }, 10 },
		{ true, WS_TEXT, UINT64_C(0x123456789abcdef0),
		    { 0x81, 127, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde,
		    0xf0 }, 10 },
	};
	uint8_t out[WS_HEAD_MAX];
	size_t i;

	for (i = 0; i < N(heads); i++) {
		cr_assert_eq(ws_frame_head(heads[i].fin, heads[i].opcode,
		    heads[i].len, out), heads[i].n);
		cr_assert_arr_eq(out, heads[i].head, heads[i].n);
	}
}

/* Whole frames of every length around the borders between length forms. */
Test(ws, lengths)
{
	static const size_t lengths[] = { 1, 2, 3, 4, 5, 7, 8, 9, 124, 125,
	    126, 127, 4095, 4096, 4097, 8192, 65535, 65536, 65537, 200000 };
	static const size_t pieces[] = { 1000, 4096, 65536, 1000000 };
	struct wire w = { 0 };
	struct record r;
	struct ws *ws;
	size_t i, j;
	char *text;

	for (i = 0; i < N(lengths); i++) {
		text = malloc(lengths[i]);
		memset(text, 'x', lengths[i]);
		add(&w, 0x81, text, lengths[i], true);
		add(&w, 0x01, text, lengths[i], true);
		add(&w, 0x80, text, lengths[i], true);
		for (j = 0; j < N(pieces); j++) {
			memset(&r, 0, sizeof(r));
			ws = ws_new(&callbacks, &r);
			feed(ws, &w, pieces[j]);
			cr_assert_eq(r.messages, 2);
			cr_assert_eq(r.last_len, 2 * lengths[i]);
			cr_assert_eq(ws_held(ws), 0);
			ws_free(ws);
		}
		free(text);
		free(w.bytes);
		memset(&w, 0, sizeof(w));
	}
}
