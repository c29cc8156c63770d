/* SPDX-License-Identifier: ISC */
/* What clients are told beyond what other servers tell them. */
#include "config.h"

#include "gateway/beyond.h"
#include "gateway/frame.h"
#include "gateway/outq.h"
#include "gateway/process.h"
#include "gateway/rpc.h"

#define ESCAPED 6	/* the most one byte of a string takes */
#define ENVELOPE 512

static const char *const end_words[] = {
	[END_EXPIRED] = "expired",
	[END_RUNNER_LOST] = "runnerLost",
	[END_RUNNER_FAILED] = "runnerFailed",
	[END_SHUTDOWN] = "shutdown",
	[END_OPERATOR] = "ended",
	[END_GAVE_WAY] = "gaveWay",
};

const char *
beyond_end_word(uint32_t reason)
{
	if (reason >= sizeof(end_words) / sizeof(end_words[0]) ||
	    end_words[reason] == NULL)
		return end_words[END_OPERATOR];
	return end_words[reason];
}

static void
write_u64(struct jsonw *w, const char *key, bool has, uint64_t value)
{
	jsonw_key(w, key);
	if (has)
		jsonw_u64(w, value);
	else
		jsonw_null(w);
}

void
beyond_write_attached(struct jsonw *w, const struct fields_BG_ATTACHED *m)
{
	jsonw_object(w);
	write_u64(w, "version", true, BEYOND_VERSION);
	write_u64(w, "attachment", true, m->generation);
	write_u64(w, "detachTtlMs", true, m->detach_ttl_ms);
	jsonw_key(w, "limits");
	jsonw_object(w);
	write_u64(w, "maxDetachTtlMs", m->has_max_detach_ttl_ms,
	    m->max_detach_ttl_ms);
	write_u64(w, "retentionMs", m->has_retention_ms, m->retention_ms);
	write_u64(w, "retainBytes", m->has_retain_bytes, m->retain_bytes);
	write_u64(w, "spillBytes", m->has_spill_bytes, m->spill_bytes);
	write_u64(w, "holdMs", m->has_hold_ms, m->hold_ms);
	write_u64(w, "windowBytes", true, PROTO_WINDOW);
	write_u64(w, "maxProcesses", m->has_max_processes,
	    m->max_processes);
	write_u64(w, "maxMessageBytes", true, WS_MESSAGE_MAX);
	write_u64(w, "maxFrameBytes", true, WS_FRAME_MAX);
	jsonw_end_object(w);
	jsonw_end_object(w);
}

static void
write_ended(struct jsonw *w, const struct fields_BG_ATTACH_FAILED *m)
{
	jsonw_object(w);
	jsonw_key(w, "reason");
	jsonw_cstring(w, beyond_end_word(m->end_reason));
	write_u64(w, "endedAtMs", m->has_ended_ms, m->ended_ms);
	jsonw_key(w, "processes");
	/* They come from a runner, past a broker that does not look. */
	if (m->has_processes && process_list_sound(m->processes)) {
		jsonw_array(w);
		process_list_write_left(w, m->processes);
		jsonw_end_array(w);
	} else {
		jsonw_null(w);
	}
	if (m->has_omitted)
		write_u64(w, "omitted", true, m->omitted);
	jsonw_end_object(w);
}

int
beyond_refuse_ended(struct outq *q, const struct rpc_id *id, int code,
    struct span text, const struct fields_BG_ATTACH_FAILED *m)
{
	struct frame f;
	struct jsonw *w;

	w = frame_begin(&f, q, ENVELOPE + m->processes.len, ENVELOPE +
	    ESCAPED * (id->len + text.len) +
	    process_list_most(m->processes));
	if (w == NULL)
		return -1;
	rpc_write_error_data_head(w, id, code, text.p, text.len);
	write_ended(w, m);
	rpc_write_error_data_tail(w);
	return frame_end(&f, WS_TEXT, true);
}
