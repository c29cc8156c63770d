/* SPDX-License-Identifier: ISC */
/* Results and events as JSON. */
#include "config.h"

#include <string.h>

#include "gateway/answer.h"
#include "gateway/base64.h"
#include "gateway/frame.h"
#include "gateway/method.h"
#include "gateway/outq.h"

/* The most one byte of a string takes, and what surrounds the values. */
#define ESCAPED 6
#define ENVELOPE 384
#define CHUNK_TEXT 96	/* around the data of a chunk */

static const char no_memory[] = "out of memory";

static const char *const streams[PROTO_STREAM_COUNT] = {
	[STREAM_STDOUT] = "stdout",
	[STREAM_STDERR] = "stderr",
	[STREAM_PTY] = "pty",
};

static const int known_codes[] = {
	RPC_INVALID_REQUEST, RPC_METHOD_NOT_FOUND, RPC_INVALID_PARAMS,
	RPC_INTERNAL_ERROR, RPC_NOT_FOUND, RPC_SESSION_ATTACHED,
};

static const char *
ended(struct frame *f, enum ws_opcode opcode, bool fin)
{
	return frame_end(f, opcode, fin) == -1 ? no_memory : NULL;
}

uint64_t
answer_cost(struct span chunks)
{
	struct proto_chunk chunk;
	uint64_t cost = PROTO_EVENT_COST;

	if (chunks.len == 0)
		return 0;
	while (proto_chunk_next(&chunks, &chunk))
		cost += chunk.data.len;
	return cost;
}

const char *
answer_output(struct outq *q, const struct fields_RG_OUTPUT *m)
{
	size_t encoded = BASE64_ENCODED_LEN(m->data.len);
	struct frame f;
	struct jsonw *w;

	if (m->stream >= PROTO_STREAM_COUNT)
		return "unknown stream";
	if (m->data.len > PROTO_CHUNK_MAX)
		return "too much output in one piece";
	w = frame_begin(&f, q, CHUNK_TEXT + m->process_id.len + encoded,
	    ENVELOPE + ESCAPED * m->process_id.len + encoded);
	if (w == NULL)
		return no_memory;
	jsonw_lit(w, "{\"method\":\"process/output\","
	    "\"params\":{\"processId\":");
	jsonw_string(w, m->process_id.p, m->process_id.len);
	jsonw_lit(w, ",\"seq\":");
	jsonw_u64(w, m->seq);
	jsonw_lit(w, ",\"stream\":");
	jsonw_cstring(w, streams[m->stream]);
	jsonw_lit(w, ",\"chunk\":");
	jsonw_base64(w, m->data.p, m->data.len);
	jsonw_lit(w, "}}");
	return ended(&f, WS_TEXT, true);
}

const char *
answer_exited(struct outq *q, const struct fields_RG_EXITED *m)
{
	struct frame f;
	struct jsonw *w;

	w = frame_begin(&f, q, ENVELOPE,
	    ENVELOPE + ESCAPED * m->process_id.len);
	if (w == NULL)
		return no_memory;
	jsonw_lit(w, "{\"method\":\"process/exited\","
	    "\"params\":{\"processId\":");
	jsonw_string(w, m->process_id.p, m->process_id.len);
	jsonw_lit(w, ",\"seq\":");
	jsonw_u64(w, m->seq);
	jsonw_lit(w, ",\"exitCode\":");
	jsonw_i64(w, m->exit_code);
	jsonw_lit(w, ",\"sandboxDenied\":");
	jsonw_bool(w, m->sandbox_denied);
	jsonw_lit(w, "}}");
	return ended(&f, WS_TEXT, true);
}

const char *
answer_closed(struct outq *q, const struct fields_RG_CLOSED *m)
{
	struct frame f;
	struct jsonw *w;

	w = frame_begin(&f, q, ENVELOPE,
	    ENVELOPE + ESCAPED * m->process_id.len);
	if (w == NULL)
		return no_memory;
	jsonw_lit(w, "{\"method\":\"process/closed\","
	    "\"params\":{\"processId\":");
	jsonw_string(w, m->process_id.p, m->process_id.len);
	jsonw_lit(w, ",\"seq\":");
	jsonw_u64(w, m->seq);
	jsonw_lit(w, "}}");
	return ended(&f, WS_TEXT, true);
}

static struct rpc_id
id_of(bool has_int, int64_t number, bool has_str, struct span string)
{
	if (has_int)
		return (struct rpc_id){ .type = RPC_ID_INT,
			.number = number };
	return (struct rpc_id){
		.type = has_str ? RPC_ID_STRING : RPC_ID_NONE,
		.string = (const char *)string.p,
		.len = string.len,
	};
}

static size_t
words_count(const char *const *words)
{
	size_t n = 0;

	while (words[n] != NULL)
		n++;
	return n;
}

static bool
result_sound(const struct result_row *row, const char *at, bool has)
{
	switch (row->kind) {
	case RESULT_STRING_NULL:
	case RESULT_I64_NULL:
	case RESULT_BOOL_FALSE:
	case RESULT_CHUNKS:
		return true;
	case RESULT_WORD:
		return has && *(const uint8_t *)at < words_count(row->words);
	default:
		return has;
	}
}

/* The method's rows, or NULL with "*why" when the result does not fit. */
static const struct result_row *
result_rows(const struct fields_RG_RESULT *m, const char **why)
{
	const struct method *method = method_of_type(m->method);
	const struct result_row *row;

	*why = "answer to no method";
	if (method == NULL || method->results == NULL ||
	    m->has_id_int == m->has_id_str)
		return NULL;
	*why = "answer without what it needs";
	for (row = method->results; row->name != NULL; row++)
		if (!result_sound(row, (const char *)m + row->offset,
		    *((const bool *)((const char *)m + row->has))))
			return NULL;
	*why = NULL;
	return method->results;
}

static size_t
chunks_text(struct span chunks)
{
	struct proto_chunk chunk;
	size_t len = 0;

	while (proto_chunk_next(&chunks, &chunk))
		len += CHUNK_TEXT + BASE64_ENCODED_LEN(chunk.data.len);
	return len;
}

static void
write_chunks(struct jsonw *w, struct span chunks)
{
	struct proto_chunk chunk;

	while (proto_chunk_next(&chunks, &chunk)) {
		jsonw_object(w);
		jsonw_key(w, "seq");
		jsonw_u64(w, chunk.seq);
		jsonw_key(w, "stream");
		jsonw_cstring(w, streams[chunk.stream]);
		jsonw_key(w, "chunk");
		jsonw_base64(w, chunk.data.p, chunk.data.len);
		jsonw_end_object(w);
	}
}

static void
write_span(struct jsonw *w, const char *at)
{
	struct span span;

	memcpy(&span, at, sizeof(span));
	jsonw_string(w, span.p, span.len);
}

static void
write_chunk_array(struct jsonw *w, const char *at)
{
	struct span span;

	memcpy(&span, at, sizeof(span));
	jsonw_array(w);
	write_chunks(w, span);
	jsonw_end_array(w);
}

static void
write_value(struct jsonw *w, const struct result_row *row, const char *at,
    bool has)
{
	uint64_t u64;
	int64_t i64;

	switch (row->kind) {
	case RESULT_STRING:
		write_span(w, at);
		break;
	case RESULT_STRING_NULL:
		if (has)
			write_span(w, at);
		else
			jsonw_null(w);
		break;
	case RESULT_U64:
		memcpy(&u64, at, sizeof(u64));
		jsonw_u64(w, u64);
		break;
	case RESULT_I64_NULL:
		memcpy(&i64, at, sizeof(i64));
		if (has)
			jsonw_i64(w, i64);
		else
			jsonw_null(w);
		break;
	case RESULT_BOOL:
	case RESULT_BOOL_FALSE:
		jsonw_bool(w, *(const bool *)at);
		break;
	case RESULT_WORD:
		jsonw_cstring(w, row->words[*(const uint8_t *)at]);
		break;
	case RESULT_CHUNKS:
		write_chunk_array(w, at);
		break;
	case RESULT_KINDS:
		break;
	}
}

static void
write_members(struct jsonw *w, const struct result_row *row,
    const struct fields_RG_RESULT *m)
{
	for (; row->name != NULL; row++) {
		jsonw_key(w, row->name);
		write_value(w, row, (const char *)m + row->offset,
		    *((const bool *)((const char *)m + row->has)));
	}
}

static size_t
result_most(const struct fields_RG_RESULT *m)
{
	return ENVELOPE + ESCAPED * (m->id_str.len + m->process_id.len +
	    m->failure.len) + chunks_text(m->chunks);
}

const char *
answer_result(struct outq *q, const struct fields_RG_RESULT *m)
{
	struct rpc_id id = id_of(m->has_id_int, m->id_int, m->has_id_str,
	    m->id_str);
	const struct result_row *rows;
	const char *why;
	struct frame f;
	struct jsonw *w;

	rows = result_rows(m, &why);
	if (rows == NULL)
		return why;
	w = frame_begin(&f, q, CHUNK_TEXT + chunks_text(m->chunks),
	    result_most(m));
	if (w == NULL)
		return no_memory;
	rpc_write_result_head(w, &id);
	jsonw_object(w);
	write_members(w, rows, m);
	jsonw_end_object(w);
	rpc_write_result_tail(w);
	return ended(&f, WS_TEXT, true);
}

const char *
answer_error(struct outq *q, const struct fields_RG_ERROR *m)
{
	struct rpc_id id = id_of(m->has_id_int, m->id_int, m->has_id_str,
	    m->id_str);
	size_t i;

	if (method_of_type(m->method) == NULL ||
	    m->has_id_int == m->has_id_str)
		return "answer to no method";
	for (i = 0; i < sizeof(known_codes) / sizeof(known_codes[0]); i++)
		if (m->error_code == known_codes[i])
			return answer_refusal(q, &id, (int)m->error_code,
			    m->error_text.p, m->error_text.len) == -1 ?
			    no_memory : NULL;
	return "unknown error code";
}

/* Whether this answer has chunks that can come in parts. */
static const struct result_row *
bulk_rows(const struct fields_RG_RESULT *m, const char **why)
{
	const struct result_row *rows = result_rows(m, why);

	if (rows == NULL)
		return NULL;
	if (rows->name != NULL && rows->kind == RESULT_CHUNKS &&
	    !m->has_chunks)
		return rows;
	*why = "parts of what has none";
	return NULL;
}

const char *
answer_bulk_begin(struct outq *q, const struct fields_RG_RESULT *m)
{
	struct rpc_id id = id_of(m->has_id_int, m->id_int, m->has_id_str,
	    m->id_str);
	const struct result_row *rows;
	const char *why;
	struct frame f;
	struct jsonw *w;

	rows = bulk_rows(m, &why);
	if (rows == NULL)
		return why;
	w = frame_begin(&f, q, CHUNK_TEXT, result_most(m));
	if (w == NULL)
		return no_memory;
	rpc_write_result_head(w, &id);
	jsonw_object(w);
	jsonw_key(w, rows->name);
	jsonw_array(w);
	return ended(&f, WS_TEXT, false);
}

const char *
answer_bulk_part(struct outq *q, const struct fields_RG_BULK_PART *m,
    int first)
{
	struct frame f;
	struct jsonw *w;

	if (m->chunks.len == 0)
		return "a part without chunks";
	w = frame_begin(&f, q, chunks_text(m->chunks),
	    1 + chunks_text(m->chunks));
	if (w == NULL)
		return no_memory;
	if (!first)
		jsonw_lit(w, ",");
	write_chunks(w, m->chunks);
	return ended(&f, WS_CONTINUATION, false);
}

const char *
answer_bulk_end(struct outq *q, const struct fields_RG_RESULT *m)
{
	const struct result_row *rows;
	const char *why;
	struct frame f;
	struct jsonw *w;

	rows = bulk_rows(m, &why);
	if (rows == NULL)
		return why;
	w = frame_begin(&f, q, ENVELOPE, result_most(m));
	if (w == NULL)
		return no_memory;
	jsonw_end_array(w);
	write_members(w, rows + 1, m);
	jsonw_end_object(w);
	rpc_write_result_tail(w);
	return ended(&f, WS_CONTINUATION, true);
}

int
answer_refusal(struct outq *q, const struct rpc_id *id, int code,
    const void *text, size_t len)
{
	struct frame f;
	struct jsonw *w;

	w = frame_begin(&f, q, CHUNK_TEXT + len,
	    ENVELOPE + ESCAPED * (id->len + len));
	if (w == NULL)
		return -1;
	rpc_write_error(w, id, code, text, len);
	return frame_end(&f, WS_TEXT, true);
}

int
answer_json(struct outq *q, const struct rpc_id *id, const void *json,
    size_t len)
{
	struct frame f;
	struct jsonw *w;

	w = frame_begin(&f, q, CHUNK_TEXT / 4 + len,
	    ENVELOPE + ESCAPED * id->len + len);
	if (w == NULL)
		return -1;
	rpc_write_result_head(w, id);
	jsonw_raw_value(w, json, len);
	rpc_write_result_tail(w);
	return frame_end(&f, WS_TEXT, true);
}
