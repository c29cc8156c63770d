/* SPDX-License-Identifier: ISC */
/* Control frames, fragments and broken rules, as libwslay sees them. */
#include "config.h"

#include <string.h>

#include <wslay/wslay.h>

#include "gateway/wsjudge.h"

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

/* Its answers are dropped: ws.c sends its own, in the order that counts. */
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
	uint8_t *to;

	if (wslay_is_ctrl_frame(ws->opcode) || ws->over ||
	    chunk->data_length == 0)
		return;
	to = ws_reserve(ws, chunk->data_length, WS_MESSAGE_MAX - ws->held);
	if (to == NULL) {
		wslay_event_shutdown_read(judge);
		ws_fail(ws, WS_CODE_INTERNAL);
		return;
	}
	memcpy(to, chunk->data, chunk->data_length);
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
		ws_deliver_held(ws, msg->opcode, true);
		break;
	case WS_PING:
		ws_pinged(ws, msg->msg, msg->msg_length);
		break;
	case WS_PONG:
		if (ws->callbacks->pong_cb != NULL)
			ws->callbacks->pong_cb(ws, msg->msg, msg->msg_length,
			    ws->arg);
		break;
	case WS_CLOSE:
		/* A code has two bytes; libwslay overlooks a lone one. */
		if (msg->msg_length == 1)
			ws_fail(ws, WS_CODE_PROTOCOL);
		else
			ws_client_closed(ws, msg->status_code);
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
	/* Its own buffer is as large as a frame says it will be. */
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
	return code == WSLAY_CODE_INVALID_FRAME_PAYLOAD_DATA ||
	    code == WSLAY_CODE_MESSAGE_TOO_BIG ? code : WS_CODE_PROTOCOL;
}

void
wsjudge_bytes(struct ws *ws, const uint8_t *bytes, size_t len)
{
	int result;

	if (!have_judge(ws)) {
		ws_fail(ws, WS_CODE_INTERNAL);
		return;
	}
	ws->input = bytes;
	ws->input_len = len;
	result = wslay_event_recv(ws->judge);
	ws->input = NULL;
	ws->input_len = 0;
	/* Its queue of answers must not grow while a message is open. */
	(void)wslay_event_send(ws->judge);
	if (!ws->over && (result != 0 || !wslay_event_want_read(ws->judge)))
		ws_fail(ws, verdict(ws, result));
}

void
wsjudge_frame_end(struct ws *ws)
{
	if (!wslay_is_ctrl_frame(ws->opcode))
		ws->open = !ws->fin;
	if (!ws->open)
		wsjudge_drop(ws);
}

void
wsjudge_drop(struct ws *ws)
{
	wslay_event_context_free(ws->judge);
	ws->judge = NULL;
}
