/* SPDX-License-Identifier: ISC */
/* Heads and masks of WebSocket frames (RFC 6455 section 5.2).  Pure. */
#ifndef GATEWAY_WSFRAME_H
#define GATEWAY_WSFRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest head of a frame from a client, in bytes. */
#define WSFRAME_HEAD_MAX 14

struct wsframe {
	size_t len;		/* of the head, in bytes */
	uint64_t payload;	/* bytes that follow it */
	const uint8_t *mask;	/* four bytes; only of a sound head */
	uint8_t opcode;		/* any of four bits */
	bool fin;
	bool sound;		/* masked, no reserved bit, shortest form */
};

/* How long the head is that starts with the two bytes at "bytes". */
size_t wsframe_head_length(const uint8_t *bytes);

/*
 * How long the unmasked frame is that begins at "bytes", head and payload:
 * all of the "len" bytes when they hold less than it.
 */
size_t wsframe_length(const uint8_t *bytes, size_t len);

/*
 * Take a whole head apart; "frame" points into it afterwards.  Whether the
 * opcode exists is not checked.
 */
void wsframe_read(const uint8_t *bytes, struct wsframe *frame);

/*
 * Unmask "len" bytes from "in" to "out", which may be the same, and turn
 * "mask" so that it goes on with the byte that follows.
 */
void wsframe_unmask(uint8_t *out, const uint8_t *in, size_t len,
    uint8_t mask[4]);

#endif
