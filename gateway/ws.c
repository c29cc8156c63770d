/* SPDX-License-Identifier: ISC */
/*
 * WebSockets.  Nearly every frame is a whole message of its own: those are
 * unmasked where they lie, or into a buffer when they come in pieces.  All
 * else is handed frame by frame to libwslay (wsjudge.c), whose context of
 * some 9 KiB lives no longer than such a frame or a fragmented message.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/utf8.h"
#include "gateway/ws.h"
#include "gateway/wsframe.h"
#include "gateway/wsjudge.h"

/* What a buffer starts with, in bytes. */
#define BUFFER_FIRST 8192

/* The last of the close codes that IANA has registered. */
#define CODE_NEWEST 1014

#define CLOSE_REASON_MAX (WS_CONTROL_MAX - 2)

struct ws *
ws_new(const struct ws_callbacks *callbacks, void *arg)
{
	struct ws *ws;

	if ((ws = calloc(1, sizeof(*ws))) == NULL)
		return NULL;
	ws->callbacks = callbacks;
	ws->arg = arg;
	return ws;
}

static void
drop_held(struct ws *ws)
{
	free(ws->buffer);
	ws->buffer = NULL;
	ws->held = ws->room = 0;
}

void
ws_free(struct ws *ws)
{
	if (ws == NULL)
		return;
	drop_held(ws);
	wsjudge_drop(ws);
	free(ws);
}

bool
ws_receiving(const struct ws *ws)
{
	return !ws->over;
}

size_t
ws_held(const struct ws *ws)
{
	return ws->room;
}

bool
ws_begun(const struct ws *ws)
{
	return ws->in_frame || ws->open || ws->judge != NULL;
}

size_t
ws_first_bytes(const struct ws *ws, const uint8_t **bytes)
{
	*bytes = ws->start;
	return ws->start_len;
}

bool
ws_owes_pong(const struct ws *ws)
{
	return ws->pong_waits;
}

bool
ws_close_sent(const struct ws *ws)
{
	return ws->close_sent;
}

static bool
is_control(uint8_t opcode)
{
	return (opcode & 8) != 0;
}

static bool
send_control(struct ws *ws, enum ws_opcode opcode, const void *payload,
    size_t len)
{
	uint8_t frame[2 + WS_CONTROL_MAX];
	size_t n;

	n = ws_frame_head(true, opcode, len, frame);
	if (len > 0)
		memcpy(frame + n, payload, len);
	return ws->callbacks->output_cb(ws, opcode, frame, n + len, ws->arg);
}

void
ws_ping(struct ws *ws, const void *payload, size_t len)
{
	if (!ws->close_sent && len <= WS_CONTROL_MAX)
		(void)send_control(ws, WS_PING, payload, len);
}

void
ws_flush(struct ws *ws)
{
	if (ws->pong_waits && !ws->close_sent &&
	    send_control(ws, WS_PONG, ws->pong, ws->pong_len))
		ws->pong_waits = false;
}

void
ws_pinged(struct ws *ws, const uint8_t *payload, size_t len)
{
	ws->pong_len = (uint8_t)len;
	if (len > 0)
		memcpy(ws->pong, payload, len);
	ws->pong_waits = true;
	ws_flush(ws);
}

/* The length of "reason", cut between characters to what a frame holds. */
static size_t
reason_length(const char *reason)
{
	size_t n;

	if (reason == NULL)
		return 0;
	if ((n = strlen(reason)) <= CLOSE_REASON_MAX)
		return n;
	for (n = CLOSE_REASON_MAX; n > 0 && (reason[n] & 0xc0) == 0x80; n--)
		continue;
	return n;
}

void
ws_close(struct ws *ws, int code, const char *reason)
{
	uint8_t payload[WS_CONTROL_MAX];
	size_t len = 0, n;

	if (ws->close_sent)
		return;
	ws->close_sent = true;
	if (code != 0) {
		payload[len++] = (uint8_t)(code >> 8);
		payload[len++] = (uint8_t)code;
		if ((n = reason_length(reason)) > 0)
			memcpy(payload + len, reason, n);
		len += n;
	}
	(void)send_control(ws, WS_CLOSE, payload, len);
}

/* The receiving side is over.  Memory is freed once no caller uses it. */
static void
finish(struct ws *ws, int code, bool local)
{
	if (ws->over)
		return;
	ws->over = true;
	ws->callbacks->closed_cb(ws, code, local, ws->arg);
}

void
ws_fail(struct ws *ws, int code)
{
	ws_close(ws, code, NULL);
	finish(ws, code, true);
}

void
ws_abort(struct ws *ws, int code, const char *reason)
{
	ws_close(ws, code, reason);
	finish(ws, code, true);
	drop_held(ws);
	wsjudge_drop(ws);
}

void
ws_client_closed(struct ws *ws, int code)
{
	ws_close(ws, code, NULL);
	finish(ws, code == 0 ? WS_CODE_NO_STATUS : code, false);
}

static void
deliver(struct ws *ws, uint8_t opcode, uint8_t *data, size_t len,
    bool checked)
{
	uint8_t none[1];

	if (!checked && opcode == WS_TEXT && !utf8_valid(data, len)) {
		ws_fail(ws, WS_CODE_INVALID_DATA);
		return;
	}
	/* What comes in after our Close has nobody to answer it. */
	if (!ws->close_sent && !ws->callbacks->message_cb(ws, opcode,
	    data == NULL ? none : data, len, ws->arg))
		ws->stop = true;
}

void
ws_deliver_held(struct ws *ws, uint8_t opcode, bool checked)
{
	uint8_t *data = ws->buffer;
	size_t len = ws->held;

	ws->buffer = NULL;
	ws->held = ws->room = 0;
	deliver(ws, opcode, data, len, checked);
	free(data);
}

uint8_t *
ws_reserve(struct ws *ws, size_t more, uint64_t announced)
{
	size_t need = ws->held + more, room;
	uint8_t *bigger;

	if (need <= ws->room)
		return ws->buffer + ws->held;
	/* Never more than twice what has really come. */
	room = need < BUFFER_FIRST / 2 ? BUFFER_FIRST : need * 2;
	if (announced < room - ws->held)
		room = ws->held + (size_t)announced;
	if ((bigger = realloc(ws->buffer, room)) == NULL)
		return NULL;
	ws->buffer = bigger;
	ws->room = room;
	return bigger + ws->held;
}

/* Payload of a frame that is a message; returns how much of it was there. */
static size_t
take_plain(struct ws *ws, uint8_t *bytes, size_t len)
{
	uint8_t *to;

	if (len > ws->left)
		len = (size_t)ws->left;
	if (ws->held == 0 && len == ws->left) {
		ws->in_frame = false;
		wsframe_unmask(bytes, bytes, len, ws->mask);
		deliver(ws, ws->opcode, bytes, len, false);
		return len;
	}
	if ((to = ws_reserve(ws, len, ws->left)) == NULL) {
		ws_fail(ws, WS_CODE_INTERNAL);
		return len;
	}
	wsframe_unmask(to, bytes, len, ws->mask);
	ws->held += len;
	if ((ws->left -= len) == 0) {
		ws->in_frame = false;
		ws_deliver_held(ws, ws->opcode, false);
	}
	return len;
}

static size_t
take_judged(struct ws *ws, const uint8_t *bytes, size_t len)
{
	if (len > ws->left)
		len = (size_t)ws->left;
	wsjudge_bytes(ws, bytes, len);
	if ((ws->left -= len) == 0) {
		ws->in_frame = false;
		wsjudge_frame_end(ws);
	}
	return len;
}

/*
 * Gather what a frame starts with: its head, and all of it if it is a control
 * frame.  Returns whether it is complete; "*taken" bytes were used.
 */
static bool
gather_start(struct ws *ws, const uint8_t *bytes, size_t len, size_t *taken)
{
	size_t n, need = 2;

	*taken = 0;
	for (;;) {
		n = need > ws->start_len ? need - ws->start_len : 0;
		if (n > len - *taken)
			n = len - *taken;
		memcpy(ws->start + ws->start_len, bytes + *taken, n);
		ws->start_len += (uint8_t)n;
		*taken += n;
		if (ws->start_len < need)
			return false;
		n = wsframe_head_length(ws->start);
		if (is_control(ws->start[0]) &&
		    (ws->start[1] & 0x7f) <= WS_CONTROL_MAX)
			n += ws->start[1] & 0x7f;
		if (n <= ws->start_len)
			return true;
		need = n;
	}
}

static bool
too_big(const struct ws *ws, const struct wsframe *frame)
{
	return frame->sound && !is_control(frame->opcode) &&
	    (frame->payload > WS_FRAME_MAX ||
	    frame->payload > WS_MESSAGE_MAX - ws->held);
}

/*
 * The code of the gathered frame if that is a Close whose code was registered
 * after libwslay's list of them was made, else 0.  Our own 1012 comes back so.
 */
static int
newer_close_code(const struct ws *ws, const struct wsframe *frame)
{
	uint8_t mask[4], payload[WS_CONTROL_MAX];
	size_t len = frame->payload;
	int code;

	if (!frame->sound || !frame->fin || frame->opcode != WS_CLOSE ||
	    len < 2 || len > sizeof(payload))
		return 0;
	memcpy(mask, frame->mask, sizeof(mask));
	wsframe_unmask(payload, ws->start + frame->len, len, mask);
	code = payload[0] << 8 | payload[1];
	return code >= WS_CODE_RESTART && code <= CODE_NEWEST &&
	    utf8_valid(payload + 2, len - 2) ? code : 0;
}

/* Go on behind what gather_start() has gathered. */
static void
start_frame(struct ws *ws)
{
	size_t gathered = ws->start_len;
	struct wsframe frame;
	uint8_t none[1];
	int code;

	ws->start_len = 0;
	wsframe_read(ws->start, &frame);
	if (too_big(ws, &frame)) {
		ws_fail(ws, WS_CODE_TOO_BIG);
		return;
	}
	ws->in_frame = true;
	ws->opcode = frame.opcode;
	ws->fin = frame.fin;
	ws->left = frame.payload;
	if (!ws->open && frame.sound && frame.fin &&
	    (frame.opcode == WS_TEXT || frame.opcode == WS_BINARY)) {
		memcpy(ws->mask, frame.mask, sizeof(ws->mask));
		/* No byte will come for an empty message. */
		if (ws->left == 0)
			(void)take_plain(ws, none, 0);
		return;
	}
	if ((code = newer_close_code(ws, &frame)) != 0) {
		ws_client_closed(ws, code);
		return;
	}
	ws->left -= gathered - frame.len;
	wsjudge_bytes(ws, ws->start, gathered);
	if (ws->left == 0) {
		ws->in_frame = false;
		wsjudge_frame_end(ws);
	}
}

size_t
ws_feed(struct ws *ws, void *data, size_t len)
{
	uint8_t *bytes = data;
	size_t at = 0, taken;

	ws->stop = false;
	while (at < len && !ws->stop && !ws->over) {
		if (ws->in_frame && ws->judge == NULL)
			at += take_plain(ws, bytes + at, len - at);
		else if (ws->in_frame)
			at += take_judged(ws, bytes + at, len - at);
		else {
			if (gather_start(ws, bytes + at, len - at, &taken))
				start_frame(ws);
			at += taken;
		}
	}
	if (!ws->over)
		return at;
	drop_held(ws);
	wsjudge_drop(ws);
	return len;
}
