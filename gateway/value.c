/* SPDX-License-Identifier: ISC */
/* Values of results as JSON, by kind. */
#include "config.h"

#include <limits.h>
#include <string.h>

#include "common/base64.h"
#include "gateway/fileuri.h"
#include "gateway/jsonw.h"
#include "gateway/process.h"
#include "gateway/value.h"

#define ESCAPED 6	/* the most one byte of a string takes */
#define NUMBER 24	/* the most a number takes, and what stands around */
#define ITEM_TEXT 96	/* around the strings of one item of a list */

static const char *const streams[PROTO_STREAM_COUNT] = {
	[STREAM_STDOUT] = "stdout",
	[STREAM_STDERR] = "stderr",
	[STREAM_PTY] = "pty",
};

static struct span
span_at(const void *at)
{
	struct span span;

	memcpy(&span, at, sizeof(span));
	return span;
}

/* Single values. */

static bool
sound_given(const struct result_row *row, const void *at, bool given)
{
	(void)row;
	(void)at;
	return given;
}

static bool
sound_always(const struct result_row *row, const void *at, bool given)
{
	(void)row;
	(void)at;
	(void)given;
	return true;
}

static bool
sound_word(const struct result_row *row, const void *at, bool given)
{
	size_t n = 0;

	while (row->words[n] != NULL)
		n++;
	return given && *(const uint8_t *)at < n;
}

static size_t
most_number(const void *at)
{
	(void)at;
	return NUMBER;
}

static size_t
most_string(const void *at)
{
	return NUMBER + ESCAPED * span_at(at).len;
}

static void
write_string(struct jsonw *w, const struct result_row *row, const void *at,
    bool given)
{
	struct span span = span_at(at);

	(void)row;
	if (given)
		jsonw_string(w, span.p, span.len);
	else
		jsonw_null(w);
}

static void
write_u32(struct jsonw *w, const struct result_row *row, const void *at,
    bool given)
{
	uint32_t number;

	(void)row;
	(void)given;
	memcpy(&number, at, sizeof(number));
	jsonw_u64(w, number);
}

static void
write_u64(struct jsonw *w, const struct result_row *row, const void *at,
    bool given)
{
	uint64_t number;

	(void)row;
	(void)given;
	memcpy(&number, at, sizeof(number));
	jsonw_u64(w, number);
}

static void
write_u64_null(struct jsonw *w, const struct result_row *row, const void *at,
    bool given)
{
	if (given)
		write_u64(w, row, at, given);
	else
		jsonw_null(w);
}

static void
write_i64(struct jsonw *w, const struct result_row *row, const void *at,
    bool given)
{
	int64_t number;

	(void)row;
	memcpy(&number, at, sizeof(number));
	if (given)
		jsonw_i64(w, number);
	else
		jsonw_null(w);
}

static void
write_bool(struct jsonw *w, const struct result_row *row, const void *at,
    bool given)
{
	(void)row;
	(void)given;
	jsonw_bool(w, *(const bool *)at);
}

static void
write_word(struct jsonw *w, const struct result_row *row, const void *at,
    bool given)
{
	(void)given;
	jsonw_cstring(w, row->words[*(const uint8_t *)at]);
}

/* Paths become file URIs. */

static bool
path_sound(struct span path)
{
	return path.len > 0 && path.len <= PATH_MAX && path.p[0] == '/';
}

static void
write_path(struct jsonw *w, struct span path)
{
	static char uri[FILEURI_ENCODED_MAX(PATH_MAX)];
	ssize_t len = fileuri_encode((const char *)path.p, path.len, uri,
	    sizeof(uri));

	jsonw_string(w, uri, len == -1 ? 0 : (size_t)len);
}

static bool
sound_uri(const struct result_row *row, const void *at, bool given)
{
	(void)row;
	return given && path_sound(span_at(at));
}

static size_t
most_uri(const void *at)
{
	return NUMBER + FILEURI_ENCODED_MAX(span_at(at).len);
}

static void
write_uri(struct jsonw *w, const struct result_row *row, const void *at,
    bool given)
{
	(void)row;
	(void)given;
	write_path(w, span_at(at));
}

/*
 * Values that can come in parts: lists of items, and bytes.  "most" and
 * "add" take a part; a list that is missing is empty.
 */

static size_t
most_chunks(struct span part)
{
	struct proto_chunk chunk;
	size_t len = 0;

	while (proto_chunk_next(&part, &chunk))
		len += ITEM_TEXT + BASE64_ENCODED_LEN(chunk.data.len);
	return len;
}

static void
add_chunks(struct jsonw *w, struct span part)
{
	struct proto_chunk chunk;

	while (proto_chunk_next(&part, &chunk)) {
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

static uint64_t
cost_chunks(struct span part)
{
	struct proto_chunk chunk;
	uint64_t cost = 0;

	while (proto_chunk_next(&part, &chunk))
		cost += chunk.data.len;
	return cost;
}

static uint64_t
cost_bytes(struct span part)
{
	return part.len;
}

static bool
any_sound(struct span part)
{
	(void)part;
	return true;
}

static size_t
most_base64(struct span part)
{
	return BASE64_ENCODED_LEN(part.len);
}

static void
add_base64(struct jsonw *w, struct span part)
{
	jsonw_base64_piece(w, part.p, part.len);
}

/* An item of a directory: a letter for its kind, and its name. */
static bool
names_sound(struct span part)
{
	struct span item;

	while (proto_list_next(&part, &item))
		if (item.len < 2 || item.len > NAME_MAX + 1 ||
		    memchr("dfo", item.p[0], 3) == NULL)
			return false;
	return true;
}

static size_t
most_names(struct span part)
{
	return ESCAPED * part.len + ITEM_TEXT * proto_list_count(part);
}

static void
add_names(struct jsonw *w, struct span part)
{
	struct span item;

	while (proto_list_next(&part, &item)) {
		jsonw_object(w);
		jsonw_key(w, "fileName");
		jsonw_string(w, item.p + 1, item.len - 1);
		jsonw_key(w, "isDirectory");
		jsonw_bool(w, item.p[0] == 'd');
		jsonw_key(w, "isFile");
		jsonw_bool(w, item.p[0] == 'f');
		jsonw_end_object(w);
	}
}

/* An item of a walk: a letter for its kind, and its path. */
static bool
found_sound(struct span part)
{
	struct span item;

	while (proto_list_next(&part, &item))
		if (item.len < 2 || (item.p[0] != 'd' && item.p[0] != 'f') ||
		    !path_sound((struct span){ item.p + 1, item.len - 1 }))
			return false;
	return true;
}

static void
add_found(struct jsonw *w, struct span part)
{
	struct span item;

	while (proto_list_next(&part, &item)) {
		jsonw_object(w);
		jsonw_key(w, "path");
		write_path(w, (struct span){ item.p + 1, item.len - 1 });
		jsonw_key(w, "kind");
		jsonw_cstring(w, item.p[0] == 'd' ? "directory" : "file");
		jsonw_end_object(w);
	}
}

/* What could not be read: its path, a NUL, and why. */
static bool
failed_split(struct span item, struct span *path, struct span *text)
{
	const uint8_t *nul = item.len == 0 ? NULL :
	    memchr(item.p, '\0', item.len);

	if (nul == NULL)
		return false;
	*path = (struct span){ item.p, (size_t)(nul - item.p) };
	*text = (struct span){ nul + 1, item.len - path->len - 1 };
	return path_sound(*path);
}

static bool
failed_sound(struct span part)
{
	struct span item, path, text;

	while (proto_list_next(&part, &item))
		if (!failed_split(item, &path, &text))
			return false;
	return true;
}

static void
add_failed(struct jsonw *w, struct span part)
{
	struct span item, path, text;

	while (proto_list_next(&part, &item)) {
		if (!failed_split(item, &path, &text))
			continue;
		jsonw_object(w);
		jsonw_key(w, "path");
		write_path(w, path);
		jsonw_key(w, "message");
		jsonw_string(w, text.p, text.len);
		jsonw_end_object(w);
	}
}

/* A header of an HTTP answer: the length of its name, it, and its value. */
static bool
header_split(struct span item, struct span *name, struct span *value)
{
	struct cursor c;

	cursor_init(&c, item.p, item.len);
	*name = cursor_span(&c, cursor_u32(&c));
	*value = cursor_span(&c, c.left);
	return !c.failed;
}

static bool
headers_sound(struct span part)
{
	struct span item, name, value;

	while (proto_list_next(&part, &item))
		if (!header_split(item, &name, &value))
			return false;
	return true;
}

static void
add_headers(struct jsonw *w, struct span part)
{
	struct span item, name, value;

	while (proto_list_next(&part, &item)) {
		if (!header_split(item, &name, &value))
			continue;
		jsonw_object(w);
		jsonw_key(w, "name");
		jsonw_string(w, name.p, name.len);
		jsonw_key(w, "value");
		jsonw_string(w, value.p, value.len);
		jsonw_end_object(w);
	}
}

/* What a session has beyond others, as members of one object. */

static void
write_repeated(struct jsonw *w, const struct result_row *row, const void *at,
    bool given)
{
	(void)row;
	(void)given;
	jsonw_object(w);
	jsonw_key(w, "repeated");
	jsonw_bool(w, *(const bool *)at);
	jsonw_end_object(w);
}

static size_t
most_gap(const void *at)
{
	(void)at;
	return 2 * ITEM_TEXT;
}

static bool
sound_gap(const struct result_row *row, const void *at, bool given)
{
	struct fields_GAP gap;
	struct span bytes = span_at(at);

	(void)row;
	return !given || proto_decode(&proto_gap, bytes.p, bytes.len, &gap) ==
	    PROTO_OK;
}

static void
write_gap(struct jsonw *w, const struct result_row *row, const void *at,
    bool given)
{
	struct span bytes = span_at(at);
	struct fields_GAP gap;

	(void)row;
	(void)given;
	proto_decode(&proto_gap, bytes.p, bytes.len, &gap);
	jsonw_object(w);
	jsonw_key(w, "gap");
	jsonw_object(w);
	jsonw_key(w, "fromSeq");
	jsonw_u64(w, gap.from_seq);
	jsonw_key(w, "toSeq");
	jsonw_u64(w, gap.to_seq);
	jsonw_key(w, "bytes");
	write_u64_null(w, NULL, &gap.bytes, gap.has_bytes);
	jsonw_end_object(w);
	jsonw_end_object(w);
}

/* Kinds of one piece, and, with "add", kinds that can have many. */
static const struct kind {
	bool (*sound)(const struct result_row *row, const void *at,
	    bool given);
	size_t (*most)(const void *at);
	void (*write)(struct jsonw *w, const struct result_row *row,
	    const void *at, bool given);
	bool (*part_sound)(struct span part);
	size_t (*part_most)(struct span part);
	void (*add)(struct jsonw *w, struct span part);
	uint64_t (*cost)(struct span part);
	bool text;		/* a string; an array otherwise */
	bool streams;
	bool extends;		/* left out when it is not given */
	size_t part, part_has;	/* in struct fields_RG_BULK_PART */
} kinds[RESULT_KINDS] = {
	[RESULT_STRING] = { .sound = sound_given, .most = most_string,
	    .write = write_string },
	[RESULT_STRING_NULL] = { .sound = sound_always, .most = most_string,
	    .write = write_string },
	[RESULT_U32] = { .sound = sound_given, .most = most_number,
	    .write = write_u32 },
	[RESULT_U64] = { .sound = sound_given, .most = most_number,
	    .write = write_u64 },
	[RESULT_U64_NULL] = { .sound = sound_always, .most = most_number,
	    .write = write_u64_null },
	[RESULT_REPEATED] = { .sound = sound_always, .most = most_gap,
	    .write = write_repeated, .extends = true },
	[RESULT_GAP] = { .sound = sound_gap, .most = most_gap,
	    .write = write_gap, .extends = true },
	[RESULT_I64] = { .sound = sound_given, .most = most_number,
	    .write = write_i64 },
	[RESULT_I64_NULL] = { .sound = sound_always, .most = most_number,
	    .write = write_i64 },
	[RESULT_BOOL] = { .sound = sound_given, .most = most_number,
	    .write = write_bool },
	[RESULT_BOOL_FALSE] = { .sound = sound_always, .most = most_number,
	    .write = write_bool },
	[RESULT_WORD] = { .sound = sound_word, .most = most_number,
	    .write = write_word },
	[RESULT_URI] = { .sound = sound_uri, .most = most_uri,
	    .write = write_uri },
#define MANY(name, is_text, does_stream, member) \
	.part_sound = name##_sound, .part_most = most_##name, \
	.add = add_##name, .cost = cost_##name, .text = is_text, \
	.streams = does_stream, \
	.part = offsetof(struct fields_RG_BULK_PART, member), \
	.part_has = offsetof(struct fields_RG_BULK_PART, has_##member)
#define chunks_sound any_sound
#define base64_sound any_sound
#define most_found most_names
#define most_failed most_names
#define most_headers most_names
#define cost_base64 cost_bytes
#define cost_names cost_bytes
#define cost_found cost_bytes
#define cost_failed cost_bytes
	[RESULT_CHUNKS] = { MANY(chunks, false, true, chunks) },
	[RESULT_BASE64] = { MANY(base64, true, true, data) },
	[RESULT_NAMES] = { MANY(names, false, true, names) },
	[RESULT_FOUND] = { MANY(found, false, true, found) },
	[RESULT_FAILED] = { MANY(failed, false, true, failed) },
	[RESULT_HEADERS] = { .part_sound = headers_sound,
	    .part_most = most_headers, .add = add_headers,
	    .cost = cost_bytes },
	[RESULT_PROCESSES] = { .part_sound = process_list_sound,
	    .part_most = process_list_most, .add = process_list_write,
	    .cost = cost_bytes },
#undef MANY
};

const void *
value_at(const struct fields_RG_RESULT *m, const struct result_row *row)
{
	return (const char *)m + row->offset;
}

bool
value_given(const struct fields_RG_RESULT *m, const struct result_row *row)
{
	return *(const bool *)((const char *)m + row->has);
}

bool
value_sound(const struct result_row *row, const void *at, bool given)
{
	const struct kind *kind = &kinds[row->kind];

	if (kind->add != NULL)
		return kind->part_sound(span_at(at));
	return kind->sound(row, at, given);
}

bool
value_shown(const struct result_row *row, bool given)
{
	return given || !kinds[row->kind].extends;
}

size_t
value_most(const struct result_row *row, const void *at)
{
	const struct kind *kind = &kinds[row->kind];

	return ITEM_TEXT + (kind->add != NULL ?
	    kind->part_most(span_at(at)) : kind->most(at));
}

void
value_write(struct jsonw *w, const struct result_row *row, const void *at,
    bool given)
{
	const struct kind *kind = &kinds[row->kind];

	if (kind->add == NULL) {
		kind->write(w, row, at, given);
		return;
	}
	value_open(w, row);
	kind->add(w, span_at(at));
	value_close(w, row);
}

bool
value_streams(const struct result_row *row)
{
	return row->name != NULL && kinds[row->kind].streams;
}

const struct span *
value_part(const struct result_row *row, const struct fields_RG_BULK_PART *m)
{
	const struct kind *kind = &kinds[row->kind];

	if (!kind->streams ||
	    !*(const bool *)((const char *)m + kind->part_has))
		return NULL;
	return (const struct span *)(const void *)((const char *)m +
	    kind->part);
}

void
value_open(struct jsonw *w, const struct result_row *row)
{
	if (kinds[row->kind].text)
		jsonw_string_begin(w);
	else
		jsonw_array(w);
}

void
value_add(struct jsonw *w, const struct result_row *row, struct span part,
    bool some)
{
	if (part.len == 0)
		return;
	if (some && !kinds[row->kind].text)
		jsonw_lit(w, ",");
	kinds[row->kind].add(w, part);
}

void
value_close(struct jsonw *w, const struct result_row *row)
{
	if (kinds[row->kind].text)
		jsonw_string_end(w);
	else
		jsonw_end_array(w);
}

uint64_t
value_cost(const struct result_row *row, struct span part)
{
	return kinds[row->kind].add == NULL ? 0 : kinds[row->kind].cost(part);
}
