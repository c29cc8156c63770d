/* SPDX-License-Identifier: ISC */
/* Results and events as JSON. */
#include "config.h"

#include <string.h>

#include "common/base64.h"
#include "gateway/answer.h"
#include "gateway/frame.h"
#include "gateway/method.h"
#include "gateway/outq.h"
#include "gateway/value.h"

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
answer_cost(const struct fields_RG_RESULT *m)
{
	const struct method *method = method_of_type(m->method);
	const struct result_row *row;
	uint64_t cost = 0;

	if (method == NULL || method->results == NULL)
		return 0;
	for (row = method->results; value_streams(row); row++)
		if (value_given(m, row))
			cost += PROTO_EVENT_COST + value_cost(row,
			    *(const struct span *)value_at(m, row));
	return cost;
}

const char *
answer_output(struct outq *q, const union proto_any *msg)
{
	const struct fields_RG_OUTPUT *m = &msg->RG_OUTPUT;
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
answer_exited(struct outq *q, const union proto_any *msg)
{
	const struct fields_RG_EXITED *m = &msg->RG_EXITED;
	struct frame f;
	struct jsonw *w;

	w = frame_begin(&f, q, ENVELOPE, ENVELOPE +
	    ESCAPED * (m->process_id.len + m->signal.len));
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
	jsonw_lit(w, ",\"signal\":");
	if (m->has_signal)
		jsonw_string(w, m->signal.p, m->signal.len);
	else
		jsonw_lit(w, "null");
	jsonw_lit(w, "}}");
	return ended(&f, WS_TEXT, true);
}

const char *
answer_closed(struct outq *q, const union proto_any *msg)
{
	const struct fields_RG_CLOSED *m = &msg->RG_CLOSED;
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

uint64_t
answer_output_bytes(const union proto_any *msg)
{
	return msg->RG_OUTPUT.data.len;
}

uint64_t
answer_http_body_bytes(const union proto_any *msg)
{
	return msg->RG_HTTP_BODY.data.len;
}

const char *
answer_appeared(struct outq *q, const union proto_any *msg)
{
	struct frame f;
	struct jsonw *w = frame_begin(&f, q, ENVELOPE / 4, ENVELOPE);

	if (w == NULL)
		return no_memory;
	jsonw_lit(w, "{\"method\":\"fs/missingChanged\","
	    "\"params\":{\"watchId\":");
	jsonw_i64(w, msg->RG_FS_APPEARED.watch_id);
	jsonw_lit(w, "}}");
	return ended(&f, WS_TEXT, true);
}

const char *
answer_http_body(struct outq *q, const union proto_any *msg)
{
	const struct fields_RG_HTTP_BODY *m = &msg->RG_HTTP_BODY;
	size_t encoded = BASE64_ENCODED_LEN(m->data.len);
	struct frame f;
	struct jsonw *w;

	if (m->data.len > PROTO_CHUNK_MAX)
		return "too much of a body in one piece";
	w = frame_begin(&f, q, CHUNK_TEXT + m->request_id.len + encoded,
	    ENVELOPE + ESCAPED * (m->request_id.len + m->failure.len) +
	    encoded);
	if (w == NULL)
		return no_memory;
	jsonw_lit(w, "{\"method\":\"http/request/bodyDelta\","
	    "\"params\":{\"requestId\":");
	jsonw_string(w, m->request_id.p, m->request_id.len);
	jsonw_lit(w, ",\"seq\":");
	jsonw_u64(w, m->seq);
	jsonw_lit(w, ",\"deltaBase64\":");
	jsonw_base64(w, m->data.p, m->data.len);
	jsonw_lit(w, ",\"done\":");
	jsonw_bool(w, m->done);
	jsonw_lit(w, ",\"error\":");
	if (m->has_failure)
		jsonw_string(w, m->failure.p, m->failure.len);
	else
		jsonw_null(w);
	jsonw_lit(w, "}}");
	return ended(&f, WS_TEXT, true);
}

struct rpc_id
answer_id(bool has_int, int64_t number, bool has_str, struct span string)
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
		if (!value_sound(row, value_at(m, row), value_given(m, row)))
			return NULL;
	*why = NULL;
	return method->results;
}

static void
write_members(struct jsonw *w, const struct result_row *row,
    const struct fields_RG_RESULT *m)
{
	for (; row->name != NULL; row++) {
		if (!value_shown(row, value_given(m, row)))
			continue;
		jsonw_key(w, row->name);
		value_write(w, row, value_at(m, row), value_given(m, row));
	}
}

static size_t
result_most(const struct fields_RG_RESULT *m, const struct result_row *row)
{
	size_t most = ENVELOPE + ESCAPED * m->id_str.len;

	for (; row->name != NULL; row++)
		most += strlen(row->name) + value_most(row, value_at(m, row));
	return most;
}

const char *
answer_result(struct outq *q, const struct fields_RG_RESULT *m)
{
	struct rpc_id id = answer_id(m->has_id_int, m->id_int, m->has_id_str,
	    m->id_str);
	const struct result_row *rows;
	const char *why;
	struct frame f;
	struct jsonw *w;

	rows = result_rows(m, &why);
	if (rows == NULL)
		return why;
	w = frame_begin(&f, q, CHUNK_TEXT + answer_cost(m) / 3 * 4,
	    result_most(m, rows));
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
	struct rpc_id id = answer_id(m->has_id_int, m->id_int, m->has_id_str,
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
