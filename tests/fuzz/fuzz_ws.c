/* SPDX-License-Identifier: ISC */
/*
 * WebSockets: the same bytes, whole and in pieces, tell the same story.  The
 * first byte of an input says how large the pieces are; bit 7 asks for a
 * pause behind every message.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/utf8.h"
#include "gateway/ws.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct story {
	uint64_t hash;
	bool pause;
	bool closed;
};

static void
tell(struct story *s, int what, const void *bytes, size_t len)
{
	const uint8_t *b = bytes;
	size_t i;

	s->hash = (s->hash ^ (uint64_t)what) * UINT64_C(0x100000001b3);
	s->hash = (s->hash ^ len) * UINT64_C(0x100000001b3);
	for (i = 0; i < len; i++)
		s->hash = (s->hash ^ b[i]) * UINT64_C(0x100000001b3);
}

static bool
message_cb(struct ws *ws, enum ws_opcode opcode, void *data, size_t len,
    void *arg)
{
	struct story *s = arg;

	if (ws_close_sent(ws) ||
	    (opcode == WS_TEXT && !utf8_valid(data, len)))
		abort();
	tell(s, opcode, data, len);
	memset(data, 0x5a, len);
	if (len == 77)
		ws_close(ws, WS_CODE_NORMAL, "enough");
	return !s->pause;
}

static bool
output_cb(struct ws *ws, enum ws_opcode opcode, const void *bytes,
    size_t len, void *arg)
{
	(void)ws;
	if (len < 2 || len > 2 + WS_CONTROL_MAX)
		abort();
	/* Every other size of pong finds no room. */
	if (opcode == WS_PONG && len % 2 == 1)
		return false;
	tell(arg, opcode + 100, bytes, len);
	return true;
}

static void
closed_cb(struct ws *ws, int code, bool local, void *arg)
{
	struct story *s = arg;

	if (s->closed || !ws_close_sent(ws))
		abort();
	s->closed = true;
	tell(s, 200 + local, &code, sizeof(code));
}

static const struct ws_callbacks callbacks = {
	.message_cb = message_cb,
	.output_cb = output_cb,
	.closed_cb = closed_cb,
};

static uint64_t
run(const uint8_t *data, size_t size, size_t step, bool pause)
{
	struct story s = { .pause = pause };
	size_t at, n, used;
	struct ws *ws;
	uint8_t *piece;

	ws = ws_new(&callbacks, &s);
	for (at = 0; at < size; at += used) {
		n = size - at < step ? size - at : step;
		piece = malloc(n);
		memcpy(piece, data + at, n);
		used = ws_feed(ws, piece, n);
		free(piece);
		if (used == 0 || used > n || (used < n && !pause))
			abort();
		if (ws_held(ws) > 16384 + 2 * (at + used))
			abort();
	}
	if (s.closed == ws_receiving(ws))
		abort();
	ws_flush(ws);
	ws_free(ws);
	return s.hash;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t step;
	bool pause;

	if (size < 2)
		return 0;
	step = (data[0] & 0x7f) + 1;
	pause = (data[0] & 0x80) != 0;
	if (run(data + 1, size - 1, size, false) !=
	    run(data + 1, size - 1, step, pause))
		abort();
	return 0;
}
