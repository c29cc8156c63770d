/* SPDX-License-Identifier: ISC */
/*
 * What a runner sends, as its client would get it: whatever is taken comes
 * out as frames, which hold JSON.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "gateway/answer.h"
#include "gateway/beyond.h"
#include "gateway/outq.h"

#define HEAD_SMALL 2
#define HEAD_LARGE 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct answer_bulk bulk;

/* A long answer that has begun, of a method that the input chooses. */
static void
begin_long(struct outq *q, uint8_t which)
{
	static const uint16_t methods[] = { MSG_GR_READ, MSG_GR_FS_READ_FILE,
		MSG_GR_FS_READ_DIRECTORY, MSG_GR_FS_WALK };
	struct fields_RG_RESULT m = {
		.method = methods[which % 4],
		.has_id_int = true,
	};

	bulk = (struct answer_bulk){ 0 };
	if (answer_bulk_begin(q, &bulk, 1, &m) != NULL)
		abort();
	outq_clear(q);
}

/* What a runner told of its processes comes by the broker, unread. */
static const char *
ended(struct outq *q, const struct fields_BG_ATTACH_FAILED *m)
{
	struct rpc_id id = { .type = RPC_ID_INT, .number = 7 };

	if (beyond_refuse_ended(q, &id, RPC_INVALID_REQUEST, m->text, m) == -1)
		abort();
	return NULL;
}

static const char *
answer(struct outq *q, uint16_t type, const union proto_any *msg,
    uint8_t which)
{
	uint64_t cost;

	switch (type) {
	case MSG_RG_RESULT:
		return answer_result(q, &msg->RG_RESULT);
	case MSG_RG_ERROR:
		return answer_error(q, &msg->RG_ERROR);
	case MSG_RG_BULK_BEGIN:
		bulk = (struct answer_bulk){ 0 };
		return answer_bulk_begin(q, &bulk, 1, &msg->RG_RESULT);
	case MSG_RG_BULK_PART:
		begin_long(q, which);
		return answer_bulk_part(q, &bulk, &msg->RG_BULK_PART, &cost);
	case MSG_RG_BULK_END:
		begin_long(q, which);
		return answer_bulk_end(q, &bulk, &msg->RG_RESULT);
	case MSG_RG_OUTPUT:
		return answer_output(q, msg);
	case MSG_RG_EXITED:
		return answer_exited(q, msg);
	case MSG_RG_FS_APPEARED:
		return answer_appeared(q, msg);
	case MSG_RG_HTTP_BODY:
		return answer_http_body(q, msg);
	case MSG_BG_ATTACH_FAILED:
		return ended(q, &msg->BG_ATTACH_FAILED);
	default:
		return answer_closed(q, msg);
	}
}

/* Small enough input makes one piece with a head of 2, 4 or 10 bytes. */
static void
check(const struct outq *q)
{
	struct json_tokener *tok;
	struct json_object *root;
	struct iovec iov[2];
	const char *text;
	size_t head;

	if (outq_peek(q, iov, 2) != 1)
		abort();
	text = iov[0].iov_base;
	head = (text[1] & 0x7f) < 126 ? HEAD_SMALL : HEAD_LARGE;
	if ((text[1] & 0x7f) == 127 || (text[0] & 0x8f) != 0x81)
		return;
	tok = json_tokener_new();
	root = json_tokener_parse_ex(tok, text + head,
	    (int)(iov[0].iov_len - head));
	if (root == NULL)
		abort();
	json_object_put(root);
	json_tokener_free(tok);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t types[] = { MSG_RG_RESULT, MSG_RG_ERROR,
		MSG_RG_BULK_BEGIN, MSG_RG_BULK_PART, MSG_RG_BULK_END,
		MSG_RG_OUTPUT, MSG_RG_EXITED, MSG_RG_CLOSED,
		MSG_RG_FS_APPEARED, MSG_RG_HTTP_BODY, MSG_BG_ATTACH_FAILED };
	const struct proto_row *row;
	union proto_any msg;
	struct outq q;

	if (size == 0 || size > 65536)
		return 0;
	row = proto_row(types[data[0] % (sizeof(types) / sizeof(types[0]))]);
	if (proto_decode(row, data + 1, size - 1, &msg) != PROTO_OK)
		return 0;
	outq_init(&q);
	if (answer(&q, row->type, &msg, data[0] / 16) == NULL)
		check(&q);
	else if (q.len != 0)
		abort();
	outq_clear(&q);
	return 0;
}
