/* SPDX-License-Identifier: ISC */
/*
 * One frame of JSON text, written in place into a queue.  How long the text
 * gets is known only afterwards, so the frame's head is guessed first and put
 * right in the rare case.  Pure.
 */
#ifndef GATEWAY_FRAME_H
#define GATEWAY_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/jsonw.h"
#include "gateway/ws.h"

struct outq;

struct frame {
	struct outq *q;
	uint8_t *room;
	size_t head;		/* bytes left free for the frame's head */
	struct jsonw json;
};

/*
 * Begin a frame of about "expect" bytes of text and never more than "most";
 * write it with the writer that comes back.  NULL when memory is out.
 */
struct jsonw *frame_begin(struct frame *f, struct outq *q, size_t expect,
    size_t most);

/*
 * End it: a first or only frame is WS_TEXT, a later one WS_CONTINUATION.
 * Returns 0, or -1 when more was written than was said; then nothing of it is
 * in the queue.
 */
int frame_end(struct frame *f, enum ws_opcode opcode, bool fin);

#endif
