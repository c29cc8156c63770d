/* SPDX-License-Identifier: ISC */
/*
 * The message table walked: role x phase x type, every field of every
 * message present, missing, doubled, of wrong length.
 */
#include "config.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "common/proto.h"

TestSuite(proto, .timeout = 60);

/* A value of the right shape for a kind, at most "max" bytes. */
static struct span
sample(uint8_t kind)
{
	static const uint8_t zeros[8];
	static const uint8_t one = 1;
	static const uint8_t list[] = { 0, 0, 0, 2, 'h', 'i', 0, 0, 0, 0 };
	static const uint8_t chunks[] = { 0, 0, 0, 0, 0, 0, 0, 9, 2, 0, 0, 0,
		3, 'a', 'b', 'c' };

	switch (kind) {
	case KIND_U8:
	case KIND_BOOL:
		return (struct span){ &one, 1 };
	case KIND_U32:
		return (struct span){ zeros, 4 };
	case KIND_U64:
	case KIND_I64:
		return (struct span){ zeros, 8 };
	case KIND_LIST:
		return (struct span){ list, sizeof(list) };
	case KIND_CHUNKS:
		return (struct span){ chunks, sizeof(chunks) };
	default:
		return span_str("text");
	}
}

/* All fields of a row but "left_out" (its number of fields: none). */
static void
put_fields(struct writer *w, const struct proto_row *row, size_t left_out)
{
	size_t i;

	for (i = 0; i < row->nfields; i++)
		if (i != left_out)
			proto_put_bytes(w, row->fields[i].tag,
			    sample(row->fields[i].kind));
}

static enum proto_error
decode(const struct proto_row *row, const struct writer *w)
{
	union proto_any msg;

	cr_assert_not(w->failed);
	return proto_decode(row, w->p, w->len, &msg);
}

#define EACH_ROW(row) \
	size_t count_, i_; \
	const struct proto_row *row = proto_rows(&count_); \
	for (i_ = 0; i_ < count_; i_++, row++)

Test(proto, table_is_in_order_and_sane)
{
	uint16_t last = 0;

	EACH_ROW(row) {
		cr_assert_gt(row->type, last, "%s", row->name);
		last = row->type;
		cr_assert_eq(proto_row(row->type), row);
		cr_assert_str_eq(proto_name(row->type), row->name);
		/* One kind of process has something to tell its own. */
		cr_assert(row->from != row->to || row->from == ROLE_GATEWAY,
		    "%s", row->name);
		cr_assert_leq(row->fdmin, row->fdmax);
		cr_assert_leq(row->fdmax, PROTO_CONTROL_FDS);
		cr_assert_neq(row->phases, 0);
		cr_assert_leq(row->size, sizeof(union proto_any));
		if (row->type < 500 || row->type >= 700)
			cr_assert_leq(row->max, PROTO_CONTROL_MAX);
		else
			cr_assert_eq(row->fdmax, 0, "%s", row->name);
	}
	cr_assert_null(proto_row(0));
	cr_assert_null(proto_row(65535));
	cr_assert_str_eq(proto_name(1), "unknown");
}

/* The two letters of a name say the direction. */
Test(proto, names_tell_who_speaks_to_whom)
{
	static const char letters[ROLE_COUNT] = {
		[ROLE_SUPERVISOR] = 'S', [ROLE_BROKER] = 'B',
		[ROLE_GATEWAY] = 'G', [ROLE_RUNNER] = 'R',
		[ROLE_OPERATOR] = 'C',
	};

	EACH_ROW(row) {
		cr_assert_eq(row->name[0], letters[row->from], "%s",
		    row->name);
		cr_assert_eq(row->name[1], letters[row->to], "%s", row->name);
	}
}

Test(proto, legality_is_exactly_the_table)
{
	enum proto_error error;
	int from, to, phase;
	bool right;

	EACH_ROW(row)
		for (from = 0; from < ROLE_COUNT; from++)
			for (to = 0; to < ROLE_COUNT; to++)
				for (phase = 0; phase < PHASE_COUNT; phase++) {
					right = row->from == from &&
					    row->to == to &&
					    (row->phases & (1u << phase)) != 0;
					error = proto_check(row->type, from,
					    to, phase, 0, row->fdmin);
					cr_assert_eq(error == PROTO_OK, right,
					    "%s %d %d %d: %s", row->name, from,
					    to, phase, proto_strerror(error));
				}
}

Test(proto, length_and_descriptors_are_bounded)
{
	enum proto_phase phase;

	EACH_ROW(row) {
		for (phase = 0; (row->phases & (1u << phase)) == 0; phase++)
			;
		cr_assert_eq(proto_check(row->type, row->from, row->to, phase,
		    row->max, row->fdmax), PROTO_OK);
		cr_assert_eq(proto_check(row->type, row->from, row->to, phase,
		    row->max + 1, row->fdmax), PROTO_TOO_LONG);
		cr_assert_eq(proto_check(row->type, row->from, row->to, phase,
		    0, row->fdmax + 1u), PROTO_WRONG_FDS);
		if (row->fdmin > 0)
			cr_assert_eq(proto_check(row->type, row->from, row->to,
			    phase, 0, row->fdmin - 1u), PROTO_WRONG_FDS);
	}
	cr_assert_eq(proto_check(7, ROLE_BROKER, ROLE_GATEWAY, PHASE_UP, 0, 0),
	    PROTO_UNKNOWN_TYPE);
}

Test(proto, every_field_is_read_and_every_needed_one_needed)
{
	struct writer w;
	size_t i;

	writer_init(&w, 1 << 20);
	EACH_ROW(row) {
		writer_reset(&w);
		put_fields(&w, row, row->nfields);
		cr_assert_eq(decode(row, &w), PROTO_OK, "%s: %s", row->name,
		    proto_strerror(decode(row, &w)));
		for (i = 0; i < row->nfields; i++) {
			writer_reset(&w);
			put_fields(&w, row, i);
			cr_assert_eq(decode(row, &w), row->fields[i].must ?
			    PROTO_FIELD_MISSING : PROTO_OK, "%s.%s",
			    row->name, row->fields[i].name);
		}
	}
	writer_clear(&w);
}

Test(proto, a_field_given_twice_is_refused)
{
	struct writer w;
	size_t i;

	writer_init(&w, 1 << 20);
	EACH_ROW(row)
		for (i = 0; i < row->nfields; i++) {
			writer_reset(&w);
			put_fields(&w, row, row->nfields);
			proto_put_bytes(&w, row->fields[i].tag,
			    sample(row->fields[i].kind));
			cr_assert_eq(decode(row, &w), PROTO_FIELD_TWICE,
			    "%s.%s", row->name, row->fields[i].name);
		}
	writer_clear(&w);
}

Test(proto, numbers_of_wrong_length_are_refused)
{
	struct writer w;
	struct span value;
	size_t i;

	writer_init(&w, 1 << 20);
	EACH_ROW(row)
		for (i = 0; i < row->nfields; i++) {
			value = sample(row->fields[i].kind);
			if (row->fields[i].kind > KIND_BOOL)
				continue;
			writer_reset(&w);
			put_fields(&w, row, i);
			proto_put_bytes(&w, row->fields[i].tag,
			    (struct span){ value.p, value.len - 1 });
			cr_assert_eq(decode(row, &w), PROTO_FIELD_LENGTH,
			    "%s.%s", row->name, row->fields[i].name);
		}
	writer_clear(&w);
}

Test(proto, text_longer_than_its_field_is_refused)
{
	const struct proto_row *row = proto_row(MSG_BG_PROBE);
	static const char long_id[] =
	    "00112233-4455-4677-8899-aabbccddeeff-";
	struct writer w;

	writer_init(&w, 4096);
	proto_put_u64(&w, TAG_PROBE, 1);
	proto_put_u64(&w, TAG_GENERATION, 1);
	proto_put_bytes(&w, TAG_SESSION, span_str(long_id));
	cr_assert_eq(decode(row, &w), PROTO_FIELD_LENGTH);
	writer_clear(&w);
}

Test(proto, values_out_of_range_are_refused)
{
	static const uint8_t two = 2;
	static const uint8_t cut_list[] = { 0, 0, 0, 9, 'x' };
	static const uint8_t bad_stream[] = { 0, 0, 0, 0, 0, 0, 0, 1, 3, 0, 0,
		0, 0 };
	static const struct {
		uint16_t type;
		enum proto_tag tag;
		struct span value;
	} cases[] = {
		{ MSG_GB_PROBED, TAG_GONE, { &two, 1 } },
		{ MSG_GR_START, TAG_ARGV, { cut_list, sizeof(cut_list) } },
		{ MSG_GR_START, TAG_DIRECTORY, { (const uint8_t *)"a\0b", 3 } },
		{ MSG_RG_BULK_PART, TAG_CHUNKS,
		    { bad_stream, sizeof(bad_stream) } },
	};
	const struct proto_row *row;
	struct writer w;
	size_t i, j;

	writer_init(&w, 4096);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		row = proto_row(cases[i].type);
		for (j = 0; row->fields[j].tag != cases[i].tag; j++)
			;
		writer_reset(&w);
		put_fields(&w, row, j);
		proto_put_bytes(&w, cases[i].tag, cases[i].value);
		cr_assert_eq(decode(row, &w), PROTO_FIELD_VALUE, "%s",
		    row->name);
	}
	writer_clear(&w);
}

Test(proto, unknown_fields_are_skipped)
{
	struct writer w;

	writer_init(&w, 1 << 20);
	EACH_ROW(row) {
		writer_reset(&w);
		proto_put_bytes(&w, 60000, span_str("from the future"));
		put_fields(&w, row, row->nfields);
		cr_assert_eq(decode(row, &w), PROTO_OK, "%s", row->name);
	}
	writer_clear(&w);
}

/* Whatever is cut off anywhere is noticed. */
Test(proto, truncation_is_noticed_everywhere)
{
	struct writer w;
	union proto_any msg;
	enum proto_error error;
	uint8_t *copy;
	size_t len;

	writer_init(&w, 1 << 20);
	EACH_ROW(row) {
		writer_reset(&w);
		put_fields(&w, row, row->nfields);
		for (len = 0; len < w.len; len++) {
			copy = malloc(len + 1);
			memcpy(copy, w.p, len);
			error = proto_decode(row, copy, len, &msg);
			free(copy);
			if (error == PROTO_OK)
				continue;	/* only MAY fields are gone */
			cr_assert(error == PROTO_MALFORMED ||
			    error == PROTO_FIELD_MISSING, "%s at %zu: %s",
			    row->name, len, proto_strerror(error));
		}
	}
	writer_clear(&w);
}

Test(proto, what_is_encoded_comes_back)
{
	struct fields_BG_ATTACHED in = {
		.handle = 7,
		.session = span_str("00112233-4455-4677-8899-aabbccddeeff"),
		.generation = UINT64_MAX,
		.detach_ttl_ms = 80000,
		.shell_name = span_str("bash"),
		.shell_path = span_str("/bin/bash"),
		.cwd = span_str("/"),
		.home = span_str(""),
		.temp_dir = span_str("/tmp"),
	};
	union proto_any out;
	struct writer w;

	writer_init(&w, 4096);
	proto_encode(&w, MSG_BG_ATTACHED, &in);
	cr_assert_not(w.failed);
	cr_assert_eq(proto_decode(proto_row(MSG_BG_ATTACHED), w.p, w.len,
	    &out), PROTO_OK);
	cr_assert_eq(out.BG_ATTACHED.handle, 7);
	cr_assert_eq(out.BG_ATTACHED.generation, UINT64_MAX);
	cr_assert(span_is(out.BG_ATTACHED.shell_path, "/bin/bash"));
	cr_assert_eq(out.BG_ATTACHED.home.len, 0);
	writer_clear(&w);
}

Test(proto, optional_fields_are_written_when_given)
{
	struct fields_RG_RESULT in = {
		.id_int = -5,
		.has_id_int = true,
		.method = MSG_GR_TERMINATE,
		.running = false,
		.has_running = true,
	};
	union proto_any out;
	struct writer w;

	writer_init(&w, 4096);
	proto_encode(&w, MSG_RG_RESULT, &in);
	cr_assert_eq(proto_decode(proto_row(MSG_RG_RESULT), w.p, w.len, &out),
	    PROTO_OK);
	cr_assert_eq(out.RG_RESULT.id_int, -5);
	cr_assert(out.RG_RESULT.has_running);
	cr_assert_not(out.RG_RESULT.running);
	cr_assert_not(out.RG_RESULT.has_id_str);
	cr_assert_not(out.RG_RESULT.has_next_seq);
	writer_clear(&w);
}

Test(proto, our_own_mistakes_fail_the_writer)
{
	struct fields_BG_PROBE in = {
		.session = span_str("longer than thirty-six bytes of session"),
	};
	struct writer w;

	writer_init(&w, 4096);
	proto_encode(&w, MSG_BG_PROBE, &in);
	cr_assert(w.failed);
	writer_reset(&w);
	proto_encode(&w, 1, &in);
	cr_assert(w.failed);
	writer_clear(&w);
}

Test(proto, lists_and_chunks_are_walked)
{
	struct proto_chunk chunk = { 5, STREAM_PTY, span_str("xyz") };
	struct span list, item;
	struct writer w;

	writer_init(&w, 4096);
	proto_list_add(&w, span_str("one"));
	proto_list_add(&w, span_str(""));
	list = (struct span){ w.p, w.len };
	cr_assert_eq(proto_list_count(list), 2);
	cr_assert(proto_list_next(&list, &item));
	cr_assert(span_is(item, "one"));
	cr_assert(proto_list_next(&list, &item));
	cr_assert(span_is(item, ""));
	cr_assert_not(proto_list_next(&list, &item));
	writer_reset(&w);
	proto_chunk_add(&w, &chunk);
	cr_assert_eq(w.len, PROTO_CHUNK_HEAD + 3);
	list = (struct span){ w.p, w.len };
	memset(&chunk, 0, sizeof(chunk));
	cr_assert(proto_chunk_next(&list, &chunk));
	cr_assert_eq(chunk.seq, 5);
	cr_assert_eq(chunk.stream, STREAM_PTY);
	cr_assert(span_is(chunk.data, "xyz"));
	cr_assert_not(proto_chunk_next(&list, &chunk));
	writer_clear(&w);
}

Test(proto, versions_meet_in_the_middle)
{
	cr_assert_eq(proto_agree(PROTO_VERSION, PROTO_OLDEST), PROTO_VERSION);
	cr_assert_eq(proto_agree(PROTO_VERSION + 5, PROTO_VERSION),
	    PROTO_VERSION);
	cr_assert_eq(proto_agree(PROTO_VERSION + 5, PROTO_VERSION + 1), 0);
	cr_assert_eq(proto_agree(PROTO_OLDEST - 1, 0), 0);
}

Test(proto, head_is_twelve_bytes)
{
	struct proto_head in = { 0x01020304, 0x0506, 0x0708, 0x090a0b0c };
	struct proto_head out;
	uint8_t bytes[PROTO_HEAD_LEN];

	proto_head_put(bytes, &in);
	cr_assert_arr_eq(bytes, "\1\2\3\4\5\6\7\10\11\12\13\14", 12);
	proto_head_get(bytes, &out);
	cr_assert_eq(memcmp(&in, &out, sizeof(in)), 0);
}

/* A list of records comes out as it went in; a broken item is told. */
Test(proto, records)
{
	struct fields_PROCESS in = { .process_id = span_str("p"),
		.last_seq = 7, .has_exit_code = true, .exit_code = -1 }, out;
	struct span list;
	struct writer w;

	writer_init(&w, 4096);
	proto_record_add(&w, &proto_process, &in);
	in.has_exit_code = false;
	proto_record_add(&w, &proto_process, &in);
	cr_assert_not(w.failed);
	list = (struct span){ w.p, w.len };
	cr_assert_eq(proto_list_count(list), 2);
	cr_assert_eq(proto_record_next(&list, &proto_process, &out), 1);
	cr_assert(span_is(out.process_id, "p") && out.last_seq == 7);
	cr_assert(out.has_exit_code && out.exit_code == -1);
	cr_assert_eq(proto_record_next(&list, &proto_process, &out), 1);
	cr_assert_not(out.has_exit_code);
	cr_assert_eq(proto_record_next(&list, &proto_process, &out), 0);
	w.len = 0;
	proto_list_add(&w, span_str("no fields"));
	list = (struct span){ w.p, w.len };
	cr_assert_eq(proto_record_next(&list, &proto_process, &out), -1);
	writer_clear(&w);
}
