/* SPDX-License-Identifier: ISC */
/* Answers that come in parts. */
#include "config.h"

#include <string.h>

#include "gateway/answer.h"
#include "gateway/frame.h"
#include "gateway/method.h"
#include "gateway/outq.h"
#include "gateway/value.h"

#define ESCAPED 6
#define ENVELOPE 384
#define KEYS 128	/* names of members that are opened on the way */

static const char no_memory[] = "out of memory";

static const char *
ended(struct frame *f, enum ws_opcode opcode, bool fin)
{
	return frame_end(f, opcode, fin) == -1 ? no_memory : NULL;
}

static void
open_row(struct jsonw *w, struct answer_bulk *bulk,
    const struct result_row *row)
{
	bulk->row = row;
	bulk->some = false;
	bulk->over = false;
	jsonw_key(w, row->name);
	value_open(w, row);
}

const char *
answer_bulk_begin(struct outq *q, struct answer_bulk *bulk, uint32_t call,
    const struct fields_RG_RESULT *m)
{
	const struct method *method = method_of_type(m->method);
	struct rpc_id id = answer_id(m->has_id_int, m->id_int, m->has_id_str,
	    m->id_str);
	struct frame f;
	struct jsonw *w;

	if (bulk->method != NULL)
		return "a second one before the end";
	if (method == NULL || method->results == NULL ||
	    m->has_id_int == m->has_id_str)
		return "answer to no method";
	if (!value_streams(method->results))
		return "parts of what has none";
	w = frame_begin(&f, q, KEYS, ENVELOPE + ESCAPED * m->id_str.len);
	if (w == NULL)
		return no_memory;
	bulk->method = method;
	bulk->call = call;
	rpc_write_result_head(w, &id);
	jsonw_object(w);
	open_row(w, bulk, method->results);
	return ended(&f, WS_TEXT, false);
}

/* Go on to the member "row", which is the open one or comes after it. */
static void
advance(struct jsonw *w, struct answer_bulk *bulk,
    const struct result_row *row)
{
	while (bulk->row != row) {
		value_close(w, bulk->row);
		open_row(w, bulk, bulk->row + 1);
	}
}

/* The row whose part this is, not before the open one; NULL if none. */
static const struct result_row *
part_row(const struct answer_bulk *bulk, const struct fields_RG_BULK_PART *m)
{
	const struct result_row *row;

	for (row = bulk->row; value_streams(row); row++)
		if (value_part(row, m) != NULL)
			return row;
	return NULL;
}

const char *
answer_bulk_part(struct outq *q, struct answer_bulk *bulk,
    const struct fields_RG_BULK_PART *m, uint64_t *cost)
{
	const struct result_row *row = part_row(bulk, m);
	const struct span *part;
	struct frame f;
	struct jsonw *w;

	if (row == NULL)
		return "a part of nothing that is open";
	part = value_part(row, m);
	if (!value_sound(row, part, true))
		return "a part that is not sound";
	if (row == bulk->row && bulk->over)
		return "bytes behind their last piece";
	*cost = PROTO_EVENT_COST + value_cost(row, *part);
	w = frame_begin(&f, q, KEYS + part->len / 3 * 4,
	    KEYS + value_most(row, part));
	if (w == NULL)
		return no_memory;
	advance(w, bulk, row);
	value_add(w, row, *part, bulk->some);
	bulk->some = bulk->some || part->len > 0;
	bulk->over = row->kind == RESULT_BASE64 && part->len % 3 != 0;
	return ended(&f, WS_CONTINUATION, false);
}

static bool
rest_sound(const struct result_row *row, const struct fields_RG_RESULT *m)
{
	for (; row->name != NULL; row++)
		if (!value_sound(row, value_at(m, row), value_given(m, row)))
			return false;
	return true;
}

static size_t
rest_most(const struct result_row *row, const struct fields_RG_RESULT *m)
{
	size_t most = ENVELOPE;

	for (; row->name != NULL; row++)
		most += strlen(row->name) + value_most(row, value_at(m, row));
	return most;
}

const char *
answer_bulk_end(struct outq *q, struct answer_bulk *bulk,
    const struct fields_RG_RESULT *m)
{
	const struct result_row *row = bulk->row + 1;
	struct frame f;
	struct jsonw *w;

	if (m->method != bulk->method->type || !rest_sound(row, m))
		return "answer without what it needs";
	w = frame_begin(&f, q, KEYS, rest_most(row, m));
	if (w == NULL)
		return no_memory;
	value_close(w, bulk->row);
	for (; row->name != NULL; row++) {
		if (!value_shown(row, value_given(m, row)))
			continue;
		jsonw_key(w, row->name);
		value_write(w, row, value_at(m, row), value_given(m, row));
	}
	jsonw_end_object(w);
	rpc_write_result_tail(w);
	bulk->method = NULL;
	return ended(&f, WS_CONTINUATION, true);
}
