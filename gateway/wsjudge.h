/* SPDX-License-Identifier: ISC */
/*
 * Between ws.c and wsjudge.c: what a WebSocket consists of, and libwslay as
 * the judge of the frames that are more than a message of their own.
 */
#ifndef GATEWAY_WSJUDGE_H
#define GATEWAY_WSJUDGE_H

#include "gateway/ws.h"
#include "gateway/wsframe.h"

struct wslay_event_context;

struct ws {
	const struct ws_callbacks *callbacks;
	void *arg;
	struct wslay_event_context *judge; /* NULL between messages */
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
	uint8_t start[WSFRAME_HEAD_MAX + WS_CONTROL_MAX];
	uint8_t pong[WS_CONTROL_MAX];
};

/*
 * Hand libwslay "len" bytes of the current frame, which is ws->opcode,
 * ws->fin; a control frame comes in one piece.  What it finds is told to the
 * owner.
 */
void wsjudge_bytes(struct ws *ws, const uint8_t *bytes, size_t len);

/* The current frame is complete. */
void wsjudge_frame_end(struct ws *ws);

/* Free libwslay's context, if there is one. */
void wsjudge_drop(struct ws *ws);

/* In ws.c, for the judge. */

/* Close with "code": the receiving side is over. */
void ws_fail(struct ws *ws, int code);

/* The client has sent Close with "code", 0 for none. */
void ws_client_closed(struct ws *ws, int code);

/* The client has sent a ping. */
void ws_pinged(struct ws *ws, const uint8_t *payload, size_t len);

/*
 * Where "more" payload bytes go, of "announced" (>= more) that are said to
 * come; the caller adds to ws->held.  NULL when memory is out.
 */
uint8_t *ws_reserve(struct ws *ws, size_t more, uint64_t announced);

/* What is held is a whole message; "checked": known to be UTF-8 if text. */
void ws_deliver_held(struct ws *ws, uint8_t opcode, bool checked);

#endif
