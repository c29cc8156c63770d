/* SPDX-License-Identifier: ISC */
/* A blocking WebSocket client for tests: frames (RFC 6455, section 5). */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/xmalloc.h"
#include "tests/lib/wait.h"
#include "tests/lib/wire.h"
#include "tests/lib/wire_private.h"

#define FRAME_HEAD_MAX 14

struct frame {
	int fin;
	int opcode;
	size_t head;
	size_t len;
};

static size_t
frame_head(uint8_t head[FRAME_HEAD_MAX], int first, size_t len, int masked)
{
	size_t i, n = 2;

	head[0] = (uint8_t)first;
	if (len < 126)
		head[1] = (uint8_t)len;
	else if (len < 65536) {
		head[1] = 126;
		head[n++] = (uint8_t)(len >> 8);
		head[n++] = (uint8_t)len;
	} else {
		head[1] = 127;
		for (i = 0; i < 8; i++)
			head[n++] = (uint8_t)((uint64_t)len >> (56 - 8 * i));
	}
	if (masked) {
		head[1] |= 0x80;
		/* Any key will do here; a changing one would hide bugs. */
		memcpy(head + n, "\x37\xfa\x21\x3d", 4);
		n += 4;
	}
	return n;
}

int
wire_send_frame(struct wire *wire, enum wire_opcode opcode, int flags,
    const void *data, size_t len, int timeout_ms)
{
	int masked = !(flags & WIRE_UNMASKED), rc;
	uint8_t head[FRAME_HEAD_MAX], *out;
	size_t i, n;

	n = frame_head(head, (flags & WIRE_NOT_FINAL ? 0 : 0x80) |
	    (flags & WIRE_RSV1 ? 0x40 : 0) | (int)opcode, len, masked);
	out = xmalloc(n + len);
	memcpy(out, head, n);
	if (len > 0)
		memcpy(out + n, data, len);
	for (i = 0; masked && i < len; i++)
		out[n + i] ^= head[n - 4 + i % 4];
	rc = wire_send_raw(wire, out, n + len, timeout_ms);
	free(out);
	return rc;
}

int
wire_send_text(struct wire *wire, const char *text, int timeout_ms)
{
	return wire_send_frame(wire, WIRE_OP_TEXT, 0, text, strlen(text),
	    timeout_ms);
}

/* 1 with a whole frame at the front, 0 when more is needed, -1 if bad. */
static int
frame_parse(const struct wire *wire, struct frame *frame)
{
	const uint8_t *p = (const uint8_t *)wire->in;
	size_t i, extra;
	uint64_t len;

	if (wire->len < 2)
		return 0;
	if (p[0] & 0x70 || p[1] & 0x80)
		return -1;
	frame->fin = (p[0] & 0x80) != 0;
	frame->opcode = p[0] & 0x0f;
	len = p[1] & 0x7f;
	extra = len == 126 ? 2 : len == 127 ? 8 : 0;
	if (wire->len < 2 + extra)
		return 0;
	if (extra > 0)
		for (len = 0, i = 0; i < extra; i++)
			len = len << 8 | p[2 + i];
	if (len > UINT32_MAX)
		return -1;
	frame->head = 2 + extra;
	frame->len = (size_t)len;
	return wire->len - frame->head >= frame->len;
}

static void
message_set(struct wire_message *msg, enum wire_kind kind, const char *data,
    size_t len)
{
	msg->kind = kind;
	msg->data = xmalloc(len + 1);
	if (len > 0)
		memcpy(msg->data, data, len);
	msg->data[len] = '\0';
	msg->len = len;
	msg->fragments = 1;
}

static int
frame_control(struct wire *wire, const struct frame *frame,
    struct wire_message *msg)
{
	const char *data = wire->in + frame->head;

	if (!frame->fin || frame->len > 125)
		return -1;
	switch (frame->opcode) {
	case WIRE_OP_PING:
		message_set(msg, WIRE_PING, data, frame->len);
		if (wire->auto_pong)
			(void)wire_send_frame(wire, WIRE_OP_PONG, 0, data,
			    frame->len, 1000);
		return 1;
	case WIRE_OP_PONG:
		message_set(msg, WIRE_PONG, data, frame->len);
		return 1;
	case WIRE_OP_CLOSE:
		message_set(msg, WIRE_CLOSE, data, frame->len);
		msg->code = 1005;
		if (frame->len >= 2)
			msg->code = (uint8_t)data[0] << 8 | (uint8_t)data[1];
		return frame->len == 1 ? -1 : 1;
	default:
		return -1;
	}
}

/* Doubled: a sanitizer copies all that is there each time. */
static void
frame_room(struct wire *wire, size_t len)
{
	if (wire->partial != NULL &&
	    wire->partial_len + len + 1 <= wire->partial_size)
		return;
	wire->partial_size = wire->partial_size * 2 + len + 1;
	wire->partial = xreallocarray(wire->partial, wire->partial_size, 1);
}

static int
frame_data(struct wire *wire, const struct frame *frame,
    struct wire_message *msg)
{
	int begun = wire->partial_opcode != 0;

	if ((frame->opcode == WIRE_OP_CONTINUATION) != begun ||
	    frame->opcode > WIRE_OP_BINARY)
		return -1;
	if (!begun) {
		wire->partial_opcode = frame->opcode;
		wire->fragments = 0;
	}
	frame_room(wire, frame->len);
	memcpy(wire->partial + wire->partial_len, wire->in + frame->head,
	    frame->len);
	wire->partial_len += frame->len;
	wire->fragments++;
	if (!frame->fin)
		return 0;
	message_set(msg, wire->partial_opcode == WIRE_OP_TEXT ? WIRE_TEXT :
	    WIRE_BINARY, wire->partial, wire->partial_len);
	msg->fragments = wire->fragments;
	wire->partial_len = 0;
	wire->partial_opcode = 0;
	return 1;
}

static int
frame_take(struct wire *wire, struct wire_message *msg)
{
	struct frame frame;
	int rc;

	while ((rc = frame_parse(wire, &frame)) == 1) {
		rc = frame.opcode & 8 ? frame_control(wire, &frame, msg) :
		    frame_data(wire, &frame, msg);
		wire_drop(wire, frame.head + frame.len);
		if (rc != 0)
			break;
	}
	return rc;
}

enum wire_kind
wire_recv(struct wire *wire, struct wire_message *msg, int timeout_ms)
{
	uint64_t deadline = deadline_in(timeout_ms);
	int rc;

	for (;;) {
		memset(msg, 0, sizeof(*msg));
		rc = frame_take(wire, msg);
		if (rc == 1)
			return msg->kind;
		if (rc == -1) {
			free(msg->data);
			msg->data = NULL;
			return msg->kind = WIRE_ERROR;
		}
		rc = wire_fill(wire, deadline);
		if (rc == -2)
			return msg->kind = WIRE_TIMEOUT;
		if (rc <= 0) {
			wire_end(wire);
			return msg->kind = rc == 0 ? WIRE_EOF : WIRE_ERROR;
		}
	}
}
