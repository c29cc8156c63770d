/* SPDX-License-Identifier: ISC */
/*
 * Control packets: the first byte chooses who listens to whom and in which
 * phase, the rest is one packet.  What the table lets through is decoded,
 * walked and encoded again, and must come out the same.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Not static, so that the reads that end here are not left out. */
extern volatile uint8_t fuzz_sink;
volatile uint8_t fuzz_sink;

static void
walk(const struct proto_row *row, const union proto_any *msg)
{
	const char *at = (const char *)msg;
	struct proto_chunk chunk;
	struct span value, item;
	size_t i;

	for (i = 0; i < row->nfields; i++) {
		if (row->fields[i].kind < KIND_STR)
			continue;
		memcpy(&value, at + row->fields[i].offset, sizeof(value));
		if (row->fields[i].kind == KIND_LIST)
			while (proto_list_next(&value, &item))
				fuzz_sink = item.len > 0 ? item.p[0] : 0;
		if (row->fields[i].kind == KIND_CHUNKS)
			while (proto_chunk_next(&value, &chunk))
				fuzz_sink = chunk.data.len > 0 ?
				    chunk.data.p[chunk.data.len - 1] : 0;
	}
}

static void
encode_again(const struct proto_row *row, const union proto_any *msg)
{
	union proto_any again;
	struct writer first, second;

	writer_init(&first, row->max);
	writer_init(&second, row->max);
	proto_encode(&first, row->type, msg);
	if (first.failed ||
	    proto_decode(row, first.p, first.len, &again) != PROTO_OK)
		abort();
	proto_encode(&second, row->type, &again);
	/* A message without fields has no bytes to point to. */
	if (first.len != second.len || (first.len > 0 &&
	    memcmp(first.p, second.p, first.len) != 0))
		abort();
	writer_clear(&first);
	writer_clear(&second);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	union proto_any msg;
	struct cursor c;
	enum proto_role from, to;
	uint8_t pick;
	uint16_t type;

	cursor_init(&c, data, size);
	pick = cursor_u8(&c);
	type = cursor_u16(&c);
	from = pick & 3;
	to = (pick >> 2) & 3;
	/* Nobody talks to himself: that is between broker and operator. */
	if (from == to) {
		from = pick & 1 ? ROLE_BROKER : ROLE_OPERATOR;
		to = pick & 1 ? ROLE_OPERATOR : ROLE_BROKER;
	}
	if (c.failed || proto_check(type, from, to,
	    (pick >> 4) % PHASE_COUNT, c.left, pick >> 6) != PROTO_OK)
		return 0;
	if (proto_decode(proto_row(type), c.p, c.left, &msg) != PROTO_OK)
		return 0;
	walk(proto_row(type), &msg);
	encode_again(proto_row(type), &msg);
	return 0;
}
