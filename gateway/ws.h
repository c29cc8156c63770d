/* SPDX-License-Identifier: ISC */
/*
 * The server's side of one WebSocket (RFC 6455), without the socket: bytes
 * from the client are fed in, whole messages come out by a callback, and so
 * do the control frames to be sent.  Frames of data are written by the
 * caller behind ws_frame_head().  No extension is ever negotiated.
 *
 * Between messages a struct ws holds no buffer.
 */
#ifndef GATEWAY_WS_H
#define GATEWAY_WS_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ws;

/*
 * The most payload bytes of one frame and of one message; exceeding either
 * closes with 1009.
 */
#define WS_FRAME_MAX	(16u * 1024 * 1024)
#define WS_MESSAGE_MAX	(64u * 1024 * 1024)

/* The most payload bytes of a control frame (RFC 6455 section 5.5). */
#define WS_CONTROL_MAX 125

/* The longest head of a frame from the server, in bytes. */
#define WS_HEAD_MAX 10

enum ws_opcode {
	WS_CONTINUATION = 0,
	WS_TEXT = 1,
	WS_BINARY = 2,
	WS_CLOSE = 8,
	WS_PING = 9,
	WS_PONG = 10
};

/* Close codes (RFC 6455 section 7.4.1); others may be used, too. */
enum ws_code {
	WS_CODE_NORMAL = 1000,
	WS_CODE_GOING_AWAY = 1001,
	WS_CODE_PROTOCOL = 1002,
	WS_CODE_NO_STATUS = 1005,
	WS_CODE_INVALID_DATA = 1007,
	WS_CODE_POLICY = 1008,
	WS_CODE_TOO_BIG = 1009,
	WS_CODE_INTERNAL = 1011,
	WS_CODE_RESTART = 1012,
	WS_CODE_TRY_LATER = 1013,
	WS_CODE_TAKEN_OVER = 4001	/* the session is another's now */
};

/*
 * What a WebSocket tells its owner, always from within one of the calls
 * below.  Callbacks may call ws_ping() and ws_close(), but neither ws_feed()
 * nor ws_free().
 */
struct ws_callbacks {
	/*
	 * A whole message: "opcode" is WS_TEXT (valid UTF-8) or WS_BINARY
	 * (any bytes).  "data" is valid during the call, not NULL, and may be
	 * changed in place.  Returns false to have ws_feed() return behind
	 * this message, the rest not consumed; true to go on.
	 */
	bool (*message_cb)(struct ws *ws, enum ws_opcode opcode, void *data,
	    size_t len, void *arg);
	/*
	 * Bytes to send: one whole control frame (WS_PING, WS_PONG, WS_CLOSE),
	 * to go out before, between or behind data frames, never inside one.
	 * Returns true when they have been taken over.  Only a pong may be
	 * refused, with false, when there is no room now; see ws_flush().
	 */
	bool (*output_cb)(struct ws *ws, enum ws_opcode opcode,
	    const void *bytes, size_t len, void *arg);
	/* A pong has come in.  The callback may be NULL. */
	void (*pong_cb)(struct ws *ws, const void *payload, size_t len,
	    void *arg);
	/*
	 * The receiving side is over; called at most once.  Either the client
	 * has sent Close with "code" (WS_CODE_NO_STATUS when it named none),
	 * or it has broken the protocol or a limit, or memory is out: then
	 * "local" is true and "code" what it is told.  Close has gone through
	 * output_cb before, in every case.  The owner sends what it still
	 * has, then shuts down.
	 */
	void (*closed_cb)(struct ws *ws, int code, bool local, void *arg);
};

/*
 * A WebSocket just upgraded.  "callbacks" is kept, not copied; "arg" is
 * handed to each of them.  NULL when memory is out.
 */
struct ws *ws_new(const struct ws_callbacks *callbacks, void *arg);
void ws_free(struct ws *ws);

/*
 * Take "len" bytes from the client.  Returns how many have been consumed: all
 * of them, unless message_cb returned false; then the rest is to be fed
 * again, first, when the owner is ready for more.  Once the receiving side
 * is over everything is consumed and dropped.
 *
 * "bytes" is overwritten: payload is unmasked in place.
 */
size_t ws_feed(struct ws *ws, void *bytes, size_t len);

/* False once closed_cb has been called. */
bool ws_receiving(const struct ws *ws);

/*
 * Whether a message, or a frame, has begun to come of which more is here than
 * the first bytes; and those, which were fed and are not looked at yet.
 */
bool ws_begun(const struct ws *ws);
size_t ws_first_bytes(const struct ws *ws, const uint8_t **bytes);

/* Whether a pong waits for room. */
bool ws_owes_pong(const struct ws *ws);

/* Bytes of memory held for an incomplete message at the moment. */
size_t ws_held(const struct ws *ws);

/*
 * Send a ping with up to WS_CONTROL_MAX bytes of payload.  Does nothing
 * after Close has been sent.
 */
void ws_ping(struct ws *ws, const void *payload, size_t len);

/*
 * Send Close with "code" (0: without one) and "reason" (UTF-8, cut at 123
 * bytes; NULL for none), once; later calls do nothing.  Messages that still
 * come in are dropped; the client's Close is reported by closed_cb.
 */
void ws_close(struct ws *ws, int code, const char *reason);

/*
 * The same, and take nothing more: the receiving side is over at once, which
 * closed_cb tells, and holds no memory.  Not from within a callback.
 */
void ws_abort(struct ws *ws, int code, const char *reason);

/* Whether Close has been sent: nothing may be sent any more. */
bool ws_close_sent(const struct ws *ws);

/*
 * A pong that output_cb had no room for is kept until a later one replaces
 * it (RFC 6455 section 5.5.3); this offers it again.  To be called when
 * there is room.
 */
void ws_flush(struct ws *ws);

/*
 * Write the head of an unmasked frame with "len" payload bytes to "out".
 * "opcode" is WS_TEXT or WS_BINARY for the first or only frame of a message,
 * WS_CONTINUATION for the others; "fin" marks its last frame.  Returns the
 * length of the head.
 */
size_t ws_frame_head(bool fin, enum ws_opcode opcode, uint64_t len,
    uint8_t out[WS_HEAD_MAX]);

#endif
