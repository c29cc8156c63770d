/* SPDX-License-Identifier: ISC */
/*
 * Receiving.  Nearly every frame is a whole message of its own: those are
 * unmasked by machine words where they lie, or into a buffer when they come
 * in pieces.  All else (control frames, fragments, whatever breaks a rule)
 * is handed frame by frame to libwslay, which judges it; its context, of
 * some 9 KiB, lives no longer than such a frame or a fragmented message.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <wslay/wslay.h>

#include "gateway/utf8.h"
#include "gateway/ws.h"

/* The longest head of a frame from a client, in bytes. */
#define CLIENT_HEAD_MAX 14

/* What a buffer starts with, and the least that it grows by, in bytes. */
#define BUFFER_FIRST 8192

#define CLOSE_REASON_MAX (WS_CONTROL_MAX - 2)

struct head {
	size_t len;		/* of the head itself */
	uint64_t payload;
	const uint8_t *mask;	/* if there is one */
	uint8_t opcode;
	bool fin;
	bool sound;		/* masked, no reserved bit, shortest form */
};

struct ws {
	const struct ws_callbacks *callbacks;
	void *arg;
	wslay_event_context_ptr judge; /* NULL between messages */
	uint8_t *buffer;	/* of an incomplete message */
	size_t held;		/* bytes in it */
	size_t room;
	const uint8_t *input;	/* what libwslay may read now */
	size_t input_len;
	uint64_t left;		/* payload bytes of this frame to come */
	bool in_frame;		/* between a head and its last byte */
	bool fin;		/* of this frame */
	bool open;		/* a fragmented message is not complete */
	bool over;		/* closed_cb has been called */
	bool close_sent;
	bool pong_waits;
	bool stop;		/* message_cb returned false */
	uint8_t opcode;		/* of this frame */
	uint8_t mask[4];	/* turned to the next payload byte */
	uint8_t start_len;
	uint8_t pong_len;
	/* The head of a frame, or a whole control frame. */
	uint8_t start[CLIENT_HEAD_MAX + WS_CONTROL_MAX];
	uint8_t pong[WS_CONTROL_MAX];
};

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
drop_buffer(struct ws *ws)
{
	free(ws->buffer);
	ws->buffer = NULL;
	ws->held = ws->room = 0;
}

static void
drop_judge(struct ws *ws)
{
	wslay_event_context_free(ws->judge);
	ws->judge = NULL;
}

void
ws_free(struct ws *ws)
{
	if (ws == NULL)
		return;
	drop_buffer(ws);
	drop_judge(ws);
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
ws_close_sent(const struct ws *ws)
{
	return ws->close_sent;
}

size_t
ws_frame_head(bool fin, enum ws_opcode opcode, uint64_t len,
    uint8_t out[WS_HEAD_MAX])
{
	size_t i, n;

	out[0] = (uint8_t)((fin ? 0x80 : 0) | opcode);
	if (len < 126) {
		out[1] = (uint8_t)len;
		return 2;
	}
	out[1] = len <= UINT16_MAX ? 126 : 127;
	n = len <= UINT16_MAX ? 2 : 8;
	for (i = n; i > 0; i--, len >>= 8)
		out[1 + i] = (uint8_t)len;
	return 2 + n;
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
		n = reason == NULL ? 0 : strlen(reason);
		if (n > CLOSE_REASON_MAX) {
			n = CLOSE_REASON_MAX;
			while (n > 0 && (reason[n] & 0xc0) == 0x80)
				n--;
		}
		if (n > 0)
			memcpy(payload + len, reason, n);
		len += n;
	}
	(void)send_control(ws, WS_CLOSE, payload, len);
}

/* The receiving side is over. */
static void
finish(struct ws *ws, int code, bool local)
{
	if (ws->over)
		return;
	ws->over = true;
	drop_buffer(ws);
	ws->callbacks->closed_cb(ws, code, local, ws->arg);
}

static void
fail(struct ws *ws, int code)
{
	ws_close(ws, code, NULL);
	finish(ws, code, true);
}

static void
deliver(struct ws *ws, uint8_t opcode, uint8_t *data, size_t len)
{
	uint8_t none[1];

	/* What comes in after our Close has nobody to answer it. */
	if (ws->close_sent)
		return;
	if (!ws->callbacks->message_cb(ws, opcode,
	    data == NULL ? none : data, len, ws->arg))
		ws->stop = true;
}

/*
 * Make room for "more" bytes behind those held, of "announced" that are said
 * to come: never more than twice what has really come.
 */
static bool
buffer_reserve(struct ws *ws, size_t more, uint64_t announced)
{
	size_t need = ws->held + more, room;
	uint8_t *bigger;

	if (need <= ws->room)
		return true;
	room = need < BUFFER_FIRST / 2 ? BUFFER_FIRST : need * 2;
	if (announced < room - ws->held)
		room = ws->held + (size_t)announced;
	if ((bigger = realloc(ws->buffer, room)) == NULL)
		return false;
	ws->buffer = bigger;
	ws->room = room;
	return true;
}

/* Unmask "len" bytes from "in" to "out", which may be the same, and turn the
 * mask so that it goes on behind them. */
static void
unmask(uint8_t *out, const uint8_t *in, size_t len, uint8_t mask[4])
{
	uint8_t turned[4];
	uint64_t wide, word;
	uint32_t narrow;
	size_t i;

	memcpy(&narrow, mask, 4);
	wide = (uint64_t)narrow << 32 | narrow;
	for (i = 0; i + 8 <= len; i += 8) {
		memcpy(&word, in + i, 8);
		word ^= wide;
		memcpy(out + i, &word, 8);
	}
	for (; i < len; i++)
		out[i] = in[i] ^ mask[i & 3];
	for (i = 0; i < 4; i++)
		turned[i] = mask[(len + i) & 3];
	memcpy(mask, turned, 4);
}

/* How long the head is whose first two bytes are at "bytes". */
static size_t
head_length(const uint8_t *bytes)
{
	static const size_t extended[] = { [126] = 2, [127] = 8 };
	size_t n = bytes[1] & 0x7f;

	return 2 + (n < 126 ? 0 : extended[n]) + (bytes[1] & 0x80 ? 4 : 0);
}

static void
read_head(const uint8_t *bytes, struct head *h)
{
	size_t i, n = bytes[1] & 0x7f;
	bool masked = (bytes[1] & 0x80) != 0;

	h->len = head_length(bytes);
	h->opcode = bytes[0] & 0x0f;
	h->fin = (bytes[0] & 0x80) != 0;
	h->mask = bytes + h->len - 4;
	h->sound = masked && (bytes[0] & 0x70) == 0;
	h->payload = n;
	if (n < 126)
		return;
	h->payload = 0;
	for (i = 2; i < (n == 126 ? 4u : 10u); i++)
		h->payload = h->payload << 8 | bytes[i];
	if (h->payload <= (n == 126 ? 125 : UINT16_MAX) ||
	    h->payload > INT64_MAX)
		h->sound = false;
}

/* Take the buffer over as a whole message. */
static void
deliver_buffer(struct ws *ws, uint8_t opcode, bool checked)
{
	uint8_t *data = ws->buffer;
	size_t len = ws->held;

	ws->buffer = NULL;
	ws->held = ws->room = 0;
	if (!checked && opcode == WS_TEXT && !utf8_valid(data, len))
		fail(ws, WS_CODE_INVALID_DATA);
	else
		deliver(ws, opcode, data, len);
	free(data);
}

/* Payload of a frame that is a message; returns how much of it was there. */
static size_t
take_plain(struct ws *ws, uint8_t *bytes, size_t len)
{
	if (len > ws->left)
		len = (size_t)ws->left;
	if (ws->held == 0 && len == ws->left) {
		ws->in_frame = false;
		unmask(bytes, bytes, len, ws->mask);
		if (ws->opcode == WS_TEXT && !utf8_valid(bytes, len))
			fail(ws, WS_CODE_INVALID_DATA);
		else
			deliver(ws, ws->opcode, bytes, len);
		return len;
	}
	if (!buffer_reserve(ws, len, ws->left)) {
		fail(ws, WS_CODE_INTERNAL);
		return len;
	}
	unmask(ws->buffer + ws->held, bytes, len, ws->mask);
	ws->held += len;
	if ((ws->left -= len) == 0) {
		ws->in_frame = false;
		deliver_buffer(ws, ws->opcode, false);
	}
	return len;
}

static ssize_t
judge_recv_cb(wslay_event_context_ptr judge, uint8_t *buf, size_t len,
    int flags, void *arg)
{
	struct ws *ws = arg;

	(void)flags;
	if (ws->input_len == 0) {
		wslay_event_set_error(judge, WSLAY_ERR_WOULDBLOCK);
		return -1;
	}
	if (len > ws->input_len)
		len = ws->input_len;
	memcpy(buf, ws->input, len);
	ws->input += len;
	ws->input_len -= len;
	return (ssize_t)len;
}

/* What libwslay would answer is answered here, in the order that counts. */
static ssize_t
judge_send_cb(wslay_event_context_ptr judge, const uint8_t *data, size_t len,
    int flags, void *arg)
{
	(void)judge;
	(void)data;
	(void)flags;
	(void)arg;
	return (ssize_t)len;
}

static void
judge_chunk_cb(wslay_event_context_ptr judge,
    const struct wslay_event_on_frame_recv_chunk_arg *chunk, void *arg)
{
	struct ws *ws = arg;

	if (wslay_is_ctrl_frame(ws->opcode) || ws->over ||
	    chunk->data_length == 0)
		return;
	if (!buffer_reserve(ws, chunk->data_length,
	    WS_MESSAGE_MAX - ws->held)) {
		wslay_event_shutdown_read(judge);
		fail(ws, WS_CODE_INTERNAL);
		return;
	}
	memcpy(ws->buffer + ws->held, chunk->data, chunk->data_length);
	ws->held += chunk->data_length;
}

static void
judge_message_cb(wslay_event_context_ptr judge,
    const struct wslay_event_on_msg_recv_arg *msg, void *arg)
{
	struct ws *ws = arg;

	(void)judge;
	switch (msg->opcode) {
	case WS_TEXT:
	case WS_BINARY:
		deliver_buffer(ws, msg->opcode, true);
		break;
	case WS_PING:
		ws->pong_len = (uint8_t)msg->msg_length;
		if (msg->msg_length > 0)
			memcpy(ws->pong, msg->msg, msg->msg_length);
		ws->pong_waits = true;
		ws_flush(ws);
		break;
	case WS_PONG:
		if (ws->callbacks->pong_cb != NULL)
			ws->callbacks->pong_cb(ws, msg->msg, msg->msg_length,
			    ws->arg);
		break;
	case WS_CLOSE:
		/* A code has two bytes; libwslay overlooks a lone one. */
		if (msg->msg_length == 1) {
			fail(ws, WS_CODE_PROTOCOL);
			break;
		}
		ws_close(ws, msg->status_code, NULL);
		finish(ws, msg->status_code == 0 ? WS_CODE_NO_STATUS :
		    msg->status_code, false);
		break;
	}
}

static const struct wslay_event_callbacks judge_callbacks = {
	.recv_callback = judge_recv_cb,
	.send_callback = judge_send_cb,
	.on_frame_recv_chunk_callback = judge_chunk_cb,
	.on_msg_recv_callback = judge_message_cb,
};

static bool
have_judge(struct ws *ws)
{
	if (ws->judge != NULL)
		return true;
	if (wslay_event_context_server_init(&ws->judge, &judge_callbacks,
	    ws) != 0) {
		ws->judge = NULL;
		return false;
	}
	wslay_event_config_set_no_buffering(ws->judge, 1);
	return true;
}

/* Why libwslay has stopped reading, as a close code. */
static int
verdict(struct ws *ws, int result)
{
	int code;

	if (result == WSLAY_ERR_NOMEM)
		return WS_CODE_INTERNAL;
	code = wslay_event_get_status_code_sent(ws->judge);
	return code == WSLAY_CODE_PROTOCOL_ERROR ||
	    code == WSLAY_CODE_INVALID_FRAME_PAYLOAD_DATA ||
	    code == WSLAY_CODE_MESSAGE_TOO_BIG ? code : WS_CODE_PROTOCOL;
}

static void
judge_bytes(struct ws *ws, const uint8_t *bytes, size_t len)
{
	int result;

	ws->input = bytes;
	ws->input_len = len;
	result = wslay_event_recv(ws->judge);
	ws->input = NULL;
	ws->input_len = 0;
	/* Its queue of answers must not grow while a message is open. */
	(void)wslay_event_send(ws->judge);
	if (!ws->over && (result != 0 || !wslay_event_want_read(ws->judge)))
		fail(ws, verdict(ws, result));
}

/* A frame has been judged to its end. */
static void
judged(struct ws *ws)
{
	ws->in_frame = false;
	if (!wslay_is_ctrl_frame(ws->opcode))
		ws->open = !ws->fin;
	if (!ws->open)
		drop_judge(ws);
}

static size_t
take_judged(struct ws *ws, const uint8_t *bytes, size_t len)
{
	if (len > ws->left)
		len = (size_t)ws->left;
	judge_bytes(ws, bytes, len);
	if ((ws->left -= len) == 0)
		judged(ws);
	return len;
}

/*
 * Gather what a frame starts with: its head, and all of it if it is a control
 * frame.  Returns whether it is complete.
 */
static bool
gather_start(struct ws *ws, const uint8_t *bytes, size_t len, size_t *taken)
{
	size_t need = 2, n;

	*taken = 0;
	for (;;) {
		n = need - ws->start_len;
		if (n > len - *taken)
			n = len - *taken;
		memcpy(ws->start + ws->start_len, bytes + *taken, n);
		ws->start_len += (uint8_t)n;
		*taken += n;
		if (ws->start_len < need)
			return false;
		n = head_length(ws->start);
		if (wslay_is_ctrl_frame(ws->start[0]) &&
		    (ws->start[1] & 0x7f) <= WS_CONTROL_MAX)
			n += ws->start[1] & 0x7f;
		if (n == need)
			return true;
		need = n;
	}
}

static bool
too_big(const struct ws *ws, const struct head *h)
{
	return h->sound && !wslay_is_ctrl_frame(h->opcode) &&
	    (h->payload > WS_FRAME_MAX ||
	    h->payload > WS_MESSAGE_MAX - ws->held);
}

static void
start_frame(struct ws *ws)
{
	struct head h;
	size_t gathered = ws->start_len;

	ws->start_len = 0;
	read_head(ws->start, &h);
	if (too_big(ws, &h)) {
		fail(ws, WS_CODE_TOO_BIG);
		return;
	}
	ws->in_frame = true;
	ws->opcode = h.opcode;
	ws->fin = h.fin;
	ws->left = h.payload - (gathered - h.len);
	if (!ws->open && h.sound && h.fin &&
	    (h.opcode == WS_TEXT || h.opcode == WS_BINARY)) {
		memcpy(ws->mask, h.mask, sizeof(ws->mask));
		return;
	}
	if (!have_judge(ws)) {
		fail(ws, WS_CODE_INTERNAL);
		return;
	}
	judge_bytes(ws, ws->start, gathered);
	if (ws->left == 0)
		judged(ws);
}

size_t
ws_feed(struct ws *ws, void *data, size_t len)
{
	uint8_t *bytes = data, none[1];
	size_t at = 0, taken;

	ws->stop = false;
	while (at < len && !ws->stop && !ws->over) {
		if (!ws->in_frame) {
			if (gather_start(ws, bytes + at, len - at, &taken))
				start_frame(ws);
			at += taken;
			/* No byte will come for an empty payload. */
			if (ws->in_frame && ws->judge == NULL && !ws->over &&
			    ws->left == 0)
				(void)take_plain(ws, none, 0);
		} else if (ws->judge == NULL)
			at += take_plain(ws, bytes + at, len - at);
		else
			at += take_judged(ws, bytes + at, len - at);
	}
	if (!ws->over)
		return at;
	drop_buffer(ws);
	drop_judge(ws);
	return len;
}
