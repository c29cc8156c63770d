/* SPDX-License-Identifier: ISC */
/* Frames, byte by byte for heads and by machine words for payload. */
#include "config.h"

#include <string.h>

#include "gateway/ws.h"
#include "gateway/wsframe.h"

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

size_t
wsframe_head_length(const uint8_t *bytes)
{
	size_t n = bytes[1] & 0x7f;

	return 2 + (n == 127 ? 8 : n == 126 ? 2 : 0) +
	    (bytes[1] & 0x80 ? 4 : 0);
}

static uint64_t
payload_length(const uint8_t *bytes)
{
	uint64_t payload = bytes[1] & 0x7f;
	size_t i, n = payload == 127 ? 8 : payload == 126 ? 2 : 0;

	if (n > 0)
		payload = 0;
	for (i = 0; i < n; i++)
		payload = payload << 8 | bytes[2 + i];
	return payload;
}

size_t
wsframe_length(const uint8_t *bytes, size_t len)
{
	size_t head;

	if (len < 2 || (head = wsframe_head_length(bytes)) > len ||
	    payload_length(bytes) > len - head)
		return len;
	return head + (size_t)payload_length(bytes);
}

void
wsframe_read(const uint8_t *bytes, struct wsframe *frame)
{
	size_t n = bytes[1] & 0x7f;

	frame->len = wsframe_head_length(bytes);
	frame->opcode = bytes[0] & 0x0f;
	frame->fin = (bytes[0] & 0x80) != 0;
	frame->mask = bytes + frame->len - 4;
	frame->sound = (bytes[1] & 0x80) != 0 && (bytes[0] & 0x70) == 0;
	frame->payload = payload_length(bytes);
	if (n < 126)
		return;
	if (frame->payload <= (n == 126 ? 125 : UINT16_MAX) ||
	    frame->payload > INT64_MAX)
		frame->sound = false;
}

void
wsframe_unmask(uint8_t *out, const uint8_t *in, size_t len, uint8_t mask[4])
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
