/* SPDX-License-Identifier: ISC */
/* What goes back to the client. */
#include "config.h"

#include <string.h>

#include "broker/runner/http/http.h"
#include "common/log.h"

static void
put_id(struct writer *w, const struct transfer *transfer)
{
	if (transfer->id_is_int)
		proto_put_u64(w, TAG_ID_INT, (uint64_t)transfer->id_int);
	else
		proto_put_bytes(w, TAG_ID_STR, (struct span){
		    transfer->id_str.p, transfer->id_str.len });
	proto_put_u32(w, TAG_METHOD, MSG_GR_HTTP);
}

void
answer_error(uint32_t call, const struct transfer *transfer, int64_t code,
    const char *text)
{
	struct writer w;

	writer_init(&w, 8192);
	put_id(&w, transfer);
	proto_put_u64(&w, TAG_ERROR_CODE, (uint64_t)code);
	proto_put_bytes(&w, TAG_ERROR_TEXT,
	    (struct span){ (const uint8_t *)text, strnlen(text, 1024) });
	wire_send(MSG_RG_ERROR, call, &w);
	writer_clear(&w);
}

static void
put_head(struct writer *w, const struct transfer *transfer, uint32_t status)
{
	put_id(w, transfer);
	proto_put_u32(w, TAG_STATUS, status);
	proto_put_bytes(w, TAG_ANSWER_HEADERS, (struct span){
	    transfer->headers.p, transfer->headers.len });
}

/* A body beyond one message goes in pieces, the head of the answer last. */
static void
answer_bulk(struct transfer *transfer, uint32_t status)
{
	size_t at, len;
	struct writer w;

	writer_init(&w, PROTO_RESULT_MAX);
	put_id(&w, transfer);
	wire_send(MSG_RG_BULK_BEGIN, transfer->call, &w);
	for (at = 0; at < transfer->body.len; at += len) {
		len = transfer->body.len - at;
		if (len > HTTP_PIECE)
			len = HTTP_PIECE;
		writer_reset(&w);
		proto_put_bytes(&w, TAG_DATA, (struct span){
		    transfer->body.p + at, len });
		wire_send(MSG_RG_BULK_PART, transfer->call, &w);
	}
	writer_reset(&w);
	put_head(&w, transfer, status);
	wire_send(MSG_RG_BULK_END, transfer->call, &w);
	writer_clear(&w);
}

void
answer_result(struct transfer *transfer, uint32_t status)
{
	struct writer w;

	if (transfer->body.len > HTTP_PIECE) {
		answer_bulk(transfer, status);
		return;
	}
	writer_init(&w, PROTO_RESULT_MAX);
	put_head(&w, transfer, status);
	proto_put_bytes(&w, TAG_DATA, (struct span){ transfer->body.p,
	    transfer->body.len });
	wire_send(MSG_RG_RESULT, transfer->call, &w);
	writer_clear(&w);
}

static void
put_piece(struct transfer *transfer, const void *bytes, size_t len, bool done,
    const char *failure)
{
	struct fields_RG_HTTP_BODY piece = {
		.request_id = { transfer->name.p, transfer->name.len },
		.seq = ++transfer->seq,
		.data = { bytes, len },
		.done = done,
		.has_failure = failure != NULL,
	};
	struct writer w;

	if (failure != NULL)
		piece.failure = span_str(failure);
	writer_init(&w, PROTO_EVENT_MAX);
	proto_encode(&w, MSG_RG_HTTP_BODY, &piece);
	wire_send(MSG_RG_HTTP_BODY, transfer->call, &w);
	writer_clear(&w);
}

void
answer_piece(struct transfer *transfer, const void *bytes, size_t len)
{
	size_t n;
	const uint8_t *p = bytes;

	for (; len > 0; p += n, len -= n) {
		n = len < HTTP_PIECE ? len : HTTP_PIECE;
		put_piece(transfer, p, n, false, NULL);
	}
}

void
answer_last(struct transfer *transfer, const char *failure)
{
	put_piece(transfer, "", 0, true, failure);
}
