/* SPDX-License-Identifier: ISC */
/*
 * A blocking WebSocket client for tests.  It has its own frame code, so that
 * it can send what a real client never would, and shows all that arrives.
 */
#ifndef TESTS_LIB_WIRE_H
#define TESTS_LIB_WIRE_H

#include <stddef.h>
#include <stdint.h>

struct wire;

enum wire_opcode {
	WIRE_OP_CONTINUATION = 0x0,
	WIRE_OP_TEXT = 0x1,
	WIRE_OP_BINARY = 0x2,
	WIRE_OP_CLOSE = 0x8,
	WIRE_OP_PING = 0x9,
	WIRE_OP_PONG = 0xa
};

/* What wire_recv() saw. */
enum wire_kind {
	WIRE_TEXT, /* a whole text message, fragments joined */
	WIRE_BINARY, /* a whole binary message */
	WIRE_PING,
	WIRE_PONG,
	WIRE_CLOSE, /* a close frame; "code" holds its status or 1005 */
	WIRE_EOF, /* the other side ended the connection */
	WIRE_TIMEOUT, /* the deadline passed; nothing is lost */
	WIRE_ERROR /* reset, or bytes that are no frame of a server */
};

struct wire_message {
	enum wire_kind kind;
	char *data; /* terminated; free(3) it, NULL if none */
	size_t len; /* bytes in "data" without the terminator */
	int fragments; /* frames that the message came in */
	int code; /* of WIRE_CLOSE: RFC 6455 section 7.4 */
};

/* Flags of wire_send_frame(). */
#define WIRE_NOT_FINAL 1 /* leave FIN out */
#define WIRE_UNMASKED 2 /* send as a server would */
#define WIRE_RSV1 4 /* set the first reserved bit */

/*
 * Connect to "url" (ws://IPV4:PORT with anything behind, the same with wss,
 * or unix:/PATH) without sending a byte of the protocol.  Returns NULL after saying why on stderr.  The caller frees it with
 * wire_free(), which closes the descriptor.
 */
struct wire *wire_connect(const char *url, int timeout_ms);
void wire_free(struct wire *wire);

/*
 * Send an upgrade request with "headers" ("Name: value\r\n"..., or NULL)
 * added, and read the answer's head.  Returns the HTTP status, or -1 when
 * none came in time.  What arrived behind the head stays to be received.
 */
int wire_upgrade(struct wire *wire, const char *headers, int timeout_ms);

/* Read the head of an answer that was asked for otherwise; the same. */
int wire_read_head(struct wire *wire, int timeout_ms);

/* Connect and upgrade; NULL, with the reason on stderr, unless it is a 101. */
struct wire *wire_open(const char *url, int timeout_ms);

/* Text of the last HTTP head read, as it came; "" before there was one. */
const char *wire_head(const struct wire *wire);

/*
 * Send bytes as they are, a frame, or a text message.  Each waits until the
 * kernel has taken everything; returns 0, or -1 when the connection ended or
 * "timeout_ms" passed first.
 */
int wire_send_raw(struct wire *wire, const void *data, size_t len,
    int timeout_ms);
int wire_send_frame(struct wire *wire, enum wire_opcode opcode, int flags,
    const void *data, size_t len, int timeout_ms);
int wire_send_text(struct wire *wire, const char *text, int timeout_ms);

/* Answer pings while receiving; on when a wire is made. */
void wire_set_auto_pong(struct wire *wire, int on);

/*
 * Receive one message or control frame.  Fills "msg", which needs no
 * preparation; returns its kind.
 */
enum wire_kind wire_recv(struct wire *wire, struct wire_message *msg,
    int timeout_ms);

/* The descriptor, still owned by the wire; -1 once it ended. */
int wire_fd(const struct wire *wire);

/* The port of this side, to find the connection in /proc/net/tcp. */
int wire_local_port(const struct wire *wire);

/* End the connection with a reset (RST) instead of an orderly end. */
void wire_reset(struct wire *wire);

#endif
