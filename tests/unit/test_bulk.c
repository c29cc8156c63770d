/* SPDX-License-Identifier: ISC */
/*
 * Results as JSON: every method's, in one message and, where it can come in
 * parts, in parts; what a hostile runner may send instead.
 */
#include "config.h"

#include <criterion/criterion.h>
#include <json-c/json.h>
#include <string.h>

#include "common/proto.h"
#include "gateway/answer.h"
#include "gateway/method.h"
#include "gateway/outq.h"
#include "gateway/value.h"

static struct outq q;
static struct writer list;

static void
setup(void)
{
	outq_init(&q);
	writer_init(&list, 4096);
}

static void
teardown(void)
{
	outq_clear(&q);
	outq_drop_cache();
	writer_clear(&list);
}

TestSuite(bulk, .timeout = 20, .init = setup, .fini = teardown);

/* The text of the frames in the queue, put together; frames are counted. */
static struct json_object *
take_json(int *frames)
{
	static char wire[1 << 20], text[1 << 20];
	struct json_object *json;
	struct iovec iov[64];
	size_t len = 0, at = 0, used = 0, n;
	int i, count = outq_peek(&q, iov, 64);

	for (i = 0; i < count; i++) {
		memcpy(wire + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	for (*frames = 0; at < len; (*frames)++) {
		n = (unsigned char)wire[at + 1];
		at += 2;
		if (n == 126) {
			n = (size_t)(unsigned char)wire[at] << 8 |
			    (unsigned char)wire[at + 1];
			at += 2;
		}
		memcpy(text + used, wire + at, n);
		used += n;
		at += n;
	}
	text[used] = '\0';
	json = json_tokener_parse(text);
	cr_assert_not_null(json, "no JSON: %s", text);
	outq_drain(&q, len);
	return json;
}

/* A value for a list or bytes that is sound for this kind. */
static struct span
sample(enum result_kind kind)
{
	struct proto_chunk chunk = { 1, STREAM_PTY, span_str("xyz") };
	struct fields_PROCESS process = { .process_id = span_str("p"),
		.last_seq = 9 };
	struct fields_GAP gap = { .from_seq = 1, .to_seq = 5 };

	writer_reset(&list);
	switch (kind) {
	case RESULT_CHUNKS:
		proto_chunk_add(&list, &chunk);
		break;
	case RESULT_BASE64:
		return span_str("abcdef");
	case RESULT_NAMES:
		proto_list_add(&list, span_str("fname"));
		break;
	case RESULT_FOUND:
		proto_list_add(&list, span_str("d/a b"));
		break;
	case RESULT_FAILED:
		proto_list_add(&list, (struct span){
		    (const uint8_t *)"/x\0why", 6 });
		break;
	case RESULT_HEADERS:
		proto_list_add(&list, (struct span){
		    (const uint8_t *)"\0\0\0\1nvalue", 10 });
		break;
	case RESULT_PROCESSES:
		proto_record_add(&list, &proto_process, &process);
		break;
	case RESULT_GAP:
		proto_record_put(&list, &proto_gap, &gap);
		break;
	default:
		return span_str("/text");
	}
	return (struct span){ list.p, list.len };
}

static void
fill(struct fields_RG_RESULT *m, const struct method *method, bool lists)
{
	static struct writer kept[8];
	const struct result_row *row;
	struct span span;
	size_t n = 0;

	memset(m, 0, sizeof(*m));
	m->method = method->type;
	m->has_id_int = true;
	m->id_int = 7;
	for (row = method->results; row->name != NULL; row++) {
		if (!lists && value_streams(row))
			continue;
		*(bool *)((char *)m + row->has) = true;
		if ((row->kind < RESULT_URI && row->kind != RESULT_STRING &&
		    row->kind != RESULT_STRING_NULL) ||
		    row->kind == RESULT_REPEATED)
			continue;
		span = sample(row->kind);
		writer_clear(&kept[n]);
		writer_init(&kept[n], 4096);
		writer_put(&kept[n], span.p, span.len);
		span.p = kept[n++].p;
		memcpy((char *)m + row->offset, &span, sizeof(span));
	}
}

static void
expect_members(struct json_object *json, const struct method *method)
{
	const struct result_row *row;
	struct json_object *result;

	cr_assert(json_object_object_get_ex(json, "result", &result));
	for (row = method->results; row->name != NULL; row++)
		cr_assert(json_object_object_get_ex(result, row->name, NULL),
		    "%s has no %s: %s", method->name, row->name,
		    json_object_to_json_string(json));
	json_object_put(json);
}

#define EACH_METHOD(method) \
	size_t count_, i_; \
	const struct method *method = method_rows(&count_); \
	for (i_ = 0; i_ < count_; i_++, method++)

Test(bulk, every_result_is_json_with_its_members)
{
	struct fields_RG_RESULT m;
	int frames;

	EACH_METHOD(method) {
		if (method->results == NULL)
			continue;
		fill(&m, method, true);
		cr_assert_null(answer_result(&q, &m), "%s", method->name);
		expect_members(take_json(&frames), method);
		cr_assert_eq(frames, 1);
	}
}

/* What others do not have is not there when there is nothing to say. */
Test(bulk, extensions_are_left_out)
{
	const struct result_row *row;
	struct fields_RG_RESULT m;
	struct json_object *json, *result;
	int frames, seen = 0;

	EACH_METHOD(method) {
		for (row = method->results; row != NULL && row->name != NULL;
		    row++) {
			if (strcmp(row->name, "holdfast") != 0)
				continue;
			seen++;
			fill(&m, method, true);
			*(bool *)((char *)&m + row->has) = false;
			cr_assert_null(answer_result(&q, &m));
			json = take_json(&frames);
			cr_assert(json_object_object_get_ex(json, "result",
			    &result));
			cr_assert_not(json_object_object_get_ex(result,
			    row->name, NULL), "%s", method->name);
			json_object_put(json);
		}
	}
	cr_assert_eq(seen, 2);
}

Test(bulk, processes_and_gaps_are_not_believed)
{
	struct fields_RG_RESULT m;

	fill(&m, method_find("process/list", 12), true);
	writer_reset(&list);
	proto_list_add(&list, span_str("no process"));
	m.processes = (struct span){ list.p, list.len };
	cr_assert_not_null(answer_result(&q, &m));
	fill(&m, method_find("process/read", 12), true);
	m.gap = span_str("no gap");
	cr_assert_not_null(answer_result(&q, &m));
}

Test(bulk, what_can_come_in_parts_stands_first)
{
	const struct result_row *row;
	bool others;

	EACH_METHOD(method) {
		others = false;
		for (row = method->results; row != NULL && row->name != NULL;
		    row++) {
			cr_assert(!others || !value_streams(row), "%s",
			    method->name);
			others = others || !value_streams(row);
		}
	}
}

static void
set_part(struct fields_RG_BULK_PART *part, const struct result_row *row)
{
	memset(part, 0, sizeof(*part));
	part->has_chunks = row->kind == RESULT_CHUNKS;
	part->has_data = row->kind == RESULT_BASE64;
	part->has_names = row->kind == RESULT_NAMES;
	part->has_found = row->kind == RESULT_FOUND;
	part->has_failed = row->kind == RESULT_FAILED;
	part->chunks = part->data = part->names = part->found =
	    part->failed = sample(row->kind);
}

Test(bulk, parts_of_every_member_make_one_json)
{
	struct answer_bulk bulk = { 0 };
	struct fields_RG_BULK_PART part;
	const struct result_row *row;
	struct fields_RG_RESULT m;
	uint64_t cost;
	int frames, want;

	EACH_METHOD(method) {
		if (method->results == NULL || !value_streams(method->results))
			continue;
		fill(&m, method, false);
		want = 2;
		cr_assert_null(answer_bulk_begin(&q, &bulk, 3, &m));
		for (row = method->results; value_streams(row); row++) {
			set_part(&part, row);
			cr_assert_null(answer_bulk_part(&q, &bulk, &part,
			    &cost));
			cr_assert_gt(cost, PROTO_EVENT_COST);
			set_part(&part, row);
			cr_assert_null(answer_bulk_part(&q, &bulk, &part,
			    &cost));
			want += 2;
		}
		cr_assert_null(answer_bulk_end(&q, &bulk, &m));
		expect_members(take_json(&frames), method);
		cr_assert_eq(frames, want);
	}
}

Test(bulk, members_without_parts_are_empty)
{
	struct answer_bulk bulk = { 0 };
	struct fields_RG_RESULT m;
	int frames;

	EACH_METHOD(method) {
		if (method->results == NULL || !value_streams(method->results))
			continue;
		fill(&m, method, false);
		cr_assert_null(answer_bulk_begin(&q, &bulk, 3, &m));
		cr_assert_null(answer_bulk_end(&q, &bulk, &m));
		expect_members(take_json(&frames), method);
	}
}

Test(bulk, hostile_parts_are_refused)
{
	struct answer_bulk bulk = { 0 };
	struct fields_RG_RESULT m;
	struct fields_RG_BULK_PART part = { .has_names = true };
	uint64_t cost;

	fill(&m, method_find("fs/walk", 7), false);
	cr_assert_null(answer_bulk_begin(&q, &bulk, 1, &m));
	cr_assert_not_null(answer_bulk_begin(&q, &bulk, 2, &m));
	cr_assert_not_null(answer_bulk_part(&q, &bulk, &part, &cost));
	/* What the walk failed at closes what it found. */
	part = (struct fields_RG_BULK_PART){ .has_failed = true };
	cr_assert_null(answer_bulk_part(&q, &bulk, &part, &cost));
	part = (struct fields_RG_BULK_PART){ .has_found = true };
	cr_assert_not_null(answer_bulk_part(&q, &bulk, &part, &cost));
	part = (struct fields_RG_BULK_PART){ .has_failed = true,
		.failed = span_str("\0\0\0\1x") };
	part.failed = (struct span){ (const uint8_t *)"\0\0\0\1x", 5 };
	cr_assert_not_null(answer_bulk_part(&q, &bulk, &part, &cost));
	/* The end of another method's answer. */
	m.method = MSG_GR_READ;
	cr_assert_not_null(answer_bulk_end(&q, &bulk, &m));
}

Test(bulk, bytes_off_a_base64_boundary_are_the_last)
{
	struct answer_bulk bulk = { 0 };
	struct fields_RG_RESULT m;
	struct fields_RG_BULK_PART part = { .has_data = true,
		.data = span_str("abcd") };
	uint64_t cost;

	fill(&m, method_find("fs/readFile", 11), false);
	cr_assert_null(answer_bulk_begin(&q, &bulk, 1, &m));
	cr_assert_null(answer_bulk_part(&q, &bulk, &part, &cost));
	cr_assert_not_null(answer_bulk_part(&q, &bulk, &part, &cost));
}

Test(bulk, paths_that_are_none_are_refused)
{
	struct fields_RG_RESULT m;

	fill(&m, method_find("fs/canonicalize", 15), true);
	m.path = span_str("relative");
	cr_assert_not_null(answer_result(&q, &m));
	m.path = span_str("");
	cr_assert_not_null(answer_result(&q, &m));
}
