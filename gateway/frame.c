/* SPDX-License-Identifier: ISC */
/* Frames written in place. */
#include "config.h"

#include <string.h>

#include "gateway/frame.h"
#include "gateway/outq.h"

struct jsonw *
frame_begin(struct frame *f, struct outq *q, size_t expect, size_t most)
{
	uint8_t head[WS_HEAD_MAX];

	f->q = q;
	f->room = outq_reserve(q, most + WS_HEAD_MAX);
	if (f->room == NULL)
		return NULL;
	f->head = ws_frame_head(true, WS_TEXT, expect, head);
	jsonw_init(&f->json, f->room + f->head, most, NULL, NULL);
	return &f->json;
}

int
frame_end(struct frame *f, enum ws_opcode opcode, bool fin)
{
	uint8_t head[WS_HEAD_MAX];
	size_t len = jsonw_used(&f->json), n;

	if (jsonw_finish(&f->json) == -1) {
		outq_commit(f->q, 0);
		return -1;
	}
	n = ws_frame_head(fin, opcode, len, head);
	if (n != f->head)
		memmove(f->room + n, f->room + f->head, len);
	memcpy(f->room, head, n);
	outq_commit(f->q, n + len);
	return 0;
}
