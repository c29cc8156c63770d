/* SPDX-License-Identifier: ISC */
/* The table of messages, and their bytes. */
#include "config.h"

#include <string.h>

#include "common/proto.h"

#define MUST true
#define MAY false

/* Kinds and limits by the name of a tag, for the field rows below. */
enum {
#define T(name, number, kind, max) PROTO_KIND_##name = KIND_##kind,
	PROTO_TAGS(T)
#undef T
};
enum {
#define T(name, number, kind, max) PROTO_MAX_##name = max,
	PROTO_TAGS(T)
#undef T
};

#define F(list, tag, member, need) \
	{ #member, TAG_##tag, PROTO_KIND_##tag, need, \
	    offsetof(struct fields_##list, member), \
	    offsetof(struct fields_##list, has_##member), PROTO_MAX_##tag },
#define L(list) \
	static const struct proto_field rows_##list[] = { \
		FIELDS_##list(F, list) \
	};
PROTO_LISTS(L)
#undef L
#undef F

static const struct proto_row rows[] = {
#define M(name, number, list, from, to, phases, max, fdmin, fdmax, once) \
	{ #name, number, ROLE_##from, ROLE_##to, phases, max, fdmin, fdmax, \
	    once, rows_##list, sizeof(rows_##list) / sizeof(rows_##list[0]), \
	    sizeof(struct fields_##list) },
	PROTO_MESSAGES(M)
#undef M
};

#define RECORD(list, most) { \
	.name = #list, \
	.max = most, \
	.fields = rows_##list, \
	.nfields = sizeof(rows_##list) / sizeof(rows_##list[0]), \
	.size = sizeof(struct fields_##list), \
}
const struct proto_row proto_process = RECORD(PROCESS, PROTO_CHUNK_MAX);
const struct proto_row proto_gap = RECORD(GAP, PROTO_CHUNK_MAX);
const struct proto_row proto_rule = RECORD(RULE, PROTO_SANDBOX_LIST);
const struct proto_row proto_box = RECORD(BOX, PROTO_REQUEST_MAX);

#define NROWS (sizeof(rows) / sizeof(rows[0]))

static const char *const role_names[ROLE_COUNT] = {
	[ROLE_SUPERVISOR] = "supervisor",
	[ROLE_BROKER] = "broker",
	[ROLE_GATEWAY] = "gateway",
	[ROLE_RUNNER] = "runner",
	[ROLE_OPERATOR] = "operator",
};

static const char *const error_texts[] = {
	[PROTO_OK] = "fine",
	[PROTO_UNKNOWN_TYPE] = "unknown type",
	[PROTO_WRONG_ROLE] = "not this peer's to send",
	[PROTO_WRONG_PHASE] = "not now",
	[PROTO_TOO_LONG] = "too long",
	[PROTO_WRONG_FDS] = "wrong number of descriptors",
	[PROTO_REPEATED] = "sent twice",
	[PROTO_MALFORMED] = "malformed",
	[PROTO_FIELD_LENGTH] = "field of wrong length",
	[PROTO_FIELD_TWICE] = "field given twice",
	[PROTO_FIELD_MISSING] = "field missing",
	[PROTO_FIELD_VALUE] = "field out of range",
};

const struct proto_row *
proto_rows(size_t *count)
{
	*count = NROWS;
	return rows;
}

/* Rows stand in the order of their numbers; a test holds them to it. */
const struct proto_row *
proto_row(uint16_t type)
{
	size_t low = 0, high = NROWS, mid;

	while (low < high) {
		mid = (low + high) / 2;
		if (rows[mid].type == type)
			return &rows[mid];
		if (rows[mid].type < type)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

const char *
proto_name(uint16_t type)
{
	const struct proto_row *row = proto_row(type);

	return row == NULL ? "unknown" : row->name;
}

const char *
proto_role_name(enum proto_role role)
{
	return role < ROLE_COUNT ? role_names[role] : "unknown";
}

const char *
proto_strerror(enum proto_error error)
{
	if ((size_t)error >= sizeof(error_texts) / sizeof(error_texts[0]))
		return "unknown error";
	return error_texts[error];
}

enum proto_error
proto_check(uint16_t type, enum proto_role from, enum proto_role to,
    enum proto_phase phase, size_t len, size_t nfds)
{
	const struct proto_row *row = proto_row(type);

	if (row == NULL)
		return PROTO_UNKNOWN_TYPE;
	if (row->from != from || row->to != to)
		return PROTO_WRONG_ROLE;
	if ((row->phases & (1u << phase)) == 0)
		return PROTO_WRONG_PHASE;
	if (len > row->max)
		return PROTO_TOO_LONG;
	if (nfds < row->fdmin || nfds > row->fdmax)
		return PROTO_WRONG_FDS;
	return PROTO_OK;
}

/* The exact length of a kind in bytes, or 0 where it varies. */
static size_t
kind_length(uint8_t kind)
{
	static const uint8_t lengths[] = {
		[KIND_U8] = 1,
		[KIND_U32] = 4,
		[KIND_U64] = 8,
		[KIND_I64] = 8,
		[KIND_BOOL] = 1,
		[KIND_CHUNKS] = 0,
	};

	return lengths[kind];
}

static int
list_valid(struct span list)
{
	struct cursor c;

	cursor_init(&c, list.p, list.len);
	while (c.left != 0 && !c.failed)
		cursor_span(&c, cursor_u32(&c));
	return cursor_done(&c);
}

static int
chunks_valid(struct span chunks)
{
	struct cursor c;

	cursor_init(&c, chunks.p, chunks.len);
	while (c.left != 0 && !c.failed) {
		cursor_u64(&c);
		if (cursor_u8(&c) >= PROTO_STREAM_COUNT)
			return 0;
		cursor_span(&c, cursor_u32(&c));
	}
	return cursor_done(&c);
}

static int
field_valid(uint8_t kind, struct span value)
{
	switch (kind) {
	case KIND_BOOL:
		return value.p[0] <= 1;
	case KIND_STR:
		return value.len == 0 ||
		    memchr(value.p, '\0', value.len) == NULL;
	case KIND_LIST:
		return list_valid(value);
	case KIND_CHUNKS:
		return chunks_valid(value);
	default:
		return 1;
	}
}

static void
field_store(const struct proto_field *field, struct span value, void *msg)
{
	char *at = (char *)msg + field->offset;
	struct cursor c;
	uint32_t u32;
	uint64_t u64;

	cursor_init(&c, value.p, value.len);
	switch (field->kind) {
	case KIND_U8:
		*(uint8_t *)at = cursor_u8(&c);
		break;
	case KIND_BOOL:
		*(bool *)at = cursor_u8(&c) != 0;
		break;
	case KIND_U32:
		u32 = cursor_u32(&c);
		memcpy(at, &u32, sizeof(u32));
		break;
	case KIND_U64:
	case KIND_I64:
		u64 = cursor_u64(&c);
		memcpy(at, &u64, sizeof(u64));
		break;
	default:
		memcpy(at, &value, sizeof(value));
		break;
	}
}

static bool *
field_has(const struct proto_field *field, void *msg)
{
	return (bool *)((char *)msg + field->has);
}

static bool
field_given(const struct proto_field *field, const void *msg)
{
	return *(const bool *)((const char *)msg + field->has);
}

bool
proto_member(const struct proto_field *field, const void *msg,
    struct span *bytes)
{
	const char *at = (const char *)msg + field->offset;
	size_t exact = kind_length(field->kind);

	if (!field_given(field, msg))
		return false;
	if (exact != 0)
		*bytes = (struct span){ (const uint8_t *)at, exact };
	else
		memcpy(bytes, at, sizeof(*bytes));
	return true;
}

static const struct proto_field *
row_field(const struct proto_row *row, uint16_t tag)
{
	size_t i;

	for (i = 0; i < row->nfields; i++)
		if (row->fields[i].tag == tag)
			return &row->fields[i];
	return NULL;
}

static enum proto_error
field_decode(const struct proto_row *row, uint16_t tag, struct span value,
    void *msg)
{
	const struct proto_field *field = row_field(row, tag);
	size_t exact;

	if (field == NULL)
		return PROTO_OK;
	if (field_given(field, msg))
		return PROTO_FIELD_TWICE;
	exact = kind_length(field->kind);
	if (exact != 0 ? value.len != exact : value.len > field->max)
		return PROTO_FIELD_LENGTH;
	if (!field_valid(field->kind, value))
		return PROTO_FIELD_VALUE;
	field_store(field, value, msg);
	*field_has(field, msg) = true;
	return PROTO_OK;
}

enum proto_error
proto_decode(const struct proto_row *row, const void *bytes, size_t len,
    void *msg)
{
	enum proto_error error;
	struct cursor c;
	struct span value;
	uint16_t tag;
	size_t i;

	memset(msg, 0, row->size);
	cursor_init(&c, bytes, len);
	while (c.left != 0) {
		tag = cursor_u16(&c);
		value = cursor_span(&c, cursor_u32(&c));
		if (c.failed)
			return PROTO_MALFORMED;
		error = field_decode(row, tag, value, msg);
		if (error != PROTO_OK)
			return error;
	}
	for (i = 0; i < row->nfields; i++)
		if (row->fields[i].must && !field_given(&row->fields[i], msg))
			return PROTO_FIELD_MISSING;
	return PROTO_OK;
}

static void
put_head(struct writer *w, enum proto_tag tag, size_t len)
{
	writer_put_u16(w, (uint16_t)tag);
	writer_put_u32(w, (uint32_t)len);
}

void
proto_put_u8(struct writer *w, enum proto_tag tag, uint8_t value)
{
	put_head(w, tag, sizeof(value));
	writer_put_u8(w, value);
}

void
proto_put_u32(struct writer *w, enum proto_tag tag, uint32_t value)
{
	put_head(w, tag, sizeof(value));
	writer_put_u32(w, value);
}

void
proto_put_u64(struct writer *w, enum proto_tag tag, uint64_t value)
{
	put_head(w, tag, sizeof(value));
	writer_put_u64(w, value);
}

void
proto_put_bytes(struct writer *w, enum proto_tag tag, struct span value)
{
	put_head(w, tag, value.len);
	writer_put(w, value.p, value.len);
}

size_t
proto_begin(struct writer *w, enum proto_tag tag)
{
	put_head(w, tag, 0);
	return w->len;
}

void
proto_end(struct writer *w, size_t begun)
{
	if (!w->failed)
		writer_patch_u32(w, begun - 4, (uint32_t)(w->len - begun));
}

static void
field_encode(struct writer *w, const struct proto_field *field,
    const void *msg)
{
	const char *at = (const char *)msg + field->offset;
	struct span value;
	uint32_t u32;
	uint64_t u64;

	switch (field->kind) {
	case KIND_U8:
	case KIND_BOOL:
		proto_put_u8(w, field->tag, *(const uint8_t *)at);
		break;
	case KIND_U32:
		memcpy(&u32, at, sizeof(u32));
		proto_put_u32(w, field->tag, u32);
		break;
	case KIND_U64:
	case KIND_I64:
		memcpy(&u64, at, sizeof(u64));
		proto_put_u64(w, field->tag, u64);
		break;
	default:
		memcpy(&value, at, sizeof(value));
		if (value.len > field->max || !field_valid(field->kind, value))
			w->failed = 1;
		proto_put_bytes(w, field->tag, value);
		break;
	}
}

static void
row_encode(struct writer *w, const struct proto_row *row, const void *msg)
{
	size_t i, start = w->len;

	for (i = 0; i < row->nfields; i++)
		if (row->fields[i].must || field_given(&row->fields[i], msg))
			field_encode(w, &row->fields[i], msg);
	if (w->len - start > row->max)
		w->failed = 1;
}

void
proto_encode(struct writer *w, uint16_t type, const void *msg)
{
	const struct proto_row *row = proto_row(type);

	if (row == NULL)
		w->failed = 1;
	else
		row_encode(w, row, msg);
}

void
proto_record_put(struct writer *w, const struct proto_row *record,
    const void *item)
{
	row_encode(w, record, item);
}

void
proto_record_add(struct writer *w, const struct proto_row *record,
    const void *item)
{
	size_t start = w->len;

	writer_put_u32(w, 0);
	row_encode(w, record, item);
	if (!w->failed)
		writer_patch_u32(w, start,
		    (uint32_t)(w->len - start - sizeof(uint32_t)));
}

void
proto_list_add(struct writer *w, struct span item)
{
	writer_put_u32(w, (uint32_t)item.len);
	writer_put(w, item.p, item.len);
}

int
proto_list_next(struct span *list, struct span *item)
{
	struct cursor c;

	if (list->len == 0)
		return 0;
	cursor_init(&c, list->p, list->len);
	*item = cursor_span(&c, cursor_u32(&c));
	if (c.failed)
		return 0;
	*list = (struct span){ c.p, c.left };
	return 1;
}

int
proto_record_next(struct span *list, const struct proto_row *record,
    void *item)
{
	struct span bytes;

	if (!proto_list_next(list, &bytes))
		return 0;
	return proto_decode(record, bytes.p, bytes.len, item) == PROTO_OK ?
	    1 : -1;
}

size_t
proto_list_count(struct span list)
{
	struct span item;
	size_t count = 0;

	while (proto_list_next(&list, &item))
		count++;
	return count;
}

void
proto_chunk_add(struct writer *w, const struct proto_chunk *chunk)
{
	writer_put_u64(w, chunk->seq);
	writer_put_u8(w, chunk->stream);
	proto_list_add(w, chunk->data);
}

int
proto_chunk_next(struct span *chunks, struct proto_chunk *chunk)
{
	struct cursor c;

	if (chunks->len == 0)
		return 0;
	cursor_init(&c, chunks->p, chunks->len);
	chunk->seq = cursor_u64(&c);
	chunk->stream = cursor_u8(&c);
	chunk->data = cursor_span(&c, cursor_u32(&c));
	if (c.failed)
		return 0;
	*chunks = (struct span){ c.p, c.left };
	return 1;
}

uint32_t
proto_agree(uint32_t version, uint32_t oldest)
{
	uint32_t common = version < PROTO_VERSION ? version : PROTO_VERSION;

	return common >= oldest && common >= PROTO_OLDEST ? common : 0;
}

void
proto_head_put(uint8_t out[PROTO_HEAD_LEN], const struct proto_head *head)
{
	struct writer w = {
		.p = out,
		.cap = PROTO_HEAD_LEN,
		.max = PROTO_HEAD_LEN,
	};

	writer_put_u32(&w, head->len);
	writer_put_u16(&w, head->type);
	writer_put_u16(&w, head->flags);
	writer_put_u32(&w, head->call);
}

void
proto_head_get(const uint8_t in[PROTO_HEAD_LEN], struct proto_head *head)
{
	struct cursor c;

	cursor_init(&c, in, PROTO_HEAD_LEN);
	head->len = cursor_u32(&c);
	head->type = cursor_u16(&c);
	head->flags = cursor_u16(&c);
	head->call = cursor_u32(&c);
}
