/* SPDX-License-Identifier: ISC */
/* Answers of the broker, kept and put into JSON by the table of messages. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/xmalloc.h"
#include "contrib/ctl/answer.h"
#include "contrib/ctl/safe.h"

void
answer_init(struct answer *answer)
{
	memset(answer, 0, sizeof(*answer));
}

void
answer_clear(struct answer *answer)
{
	size_t i;

	for (i = 0; i < answer->nrows; i++)
		free(answer->rows[i].bytes);
	free(answer->rows);
	answer_init(answer);
}

static void
keep(struct answer *answer, uint16_t type, const uint8_t *payload, size_t len)
{
	struct answer_row *row;

	if (answer->nrows == answer->room) {
		answer->room = answer->room == 0 ? 64 : answer->room * 2;
		answer->rows = xreallocarray(answer->rows, answer->room,
		    sizeof(*answer->rows));
	}
	row = &answer->rows[answer->nrows++];
	row->type = type;
	row->len = len;
	row->bytes = xmalloc(len + 1);
	if (len > 0)
		memcpy(row->bytes, payload, len);
}

int
answer_take(struct answer *answer, uint16_t type, const uint8_t *payload,
    size_t len)
{
	const struct proto_row *row = proto_row(type);
	union proto_any msg;
	struct span text;

	if (row == NULL || proto_decode(row, payload, len, &msg) != PROTO_OK)
		return -1;
	if (type != MSG_BC_DONE) {
		keep(answer, type, payload, len);
		return 0;
	}
	answer->status = msg.BC_DONE.status;
	answer->count = msg.BC_DONE.count;
	text = msg.BC_DONE.text;
	if (!msg.BC_DONE.has_text || span_to_str(text, answer->text,
		sizeof(answer->text)) == -1)
		answer->text[0] = '\0';
	return 1;
}

uint16_t
answer_next(const struct answer *answer, size_t *i, uint16_t type,
    union proto_any *msg)
{
	const struct answer_row *row;

	while (*i < answer->nrows) {
		row = &answer->rows[(*i)++];
		if (type != 0 && row->type != type)
			continue;
		(void)proto_decode(proto_row(row->type), row->bytes, row->len,
		    msg);
		return row->type;
	}
	return 0;
}

void
answer_put_name(struct writer *w, const char *name, bool *first)
{
	if (!*first)
		writer_put_u8(w, ',');
	*first = false;
	safe_put_json(w, span_str(name));
	writer_put_u8(w, ':');
}

static void
put_number(struct writer *w, uint8_t kind, struct span bytes)
{
	char text[32];
	uint32_t u32;
	uint64_t u64;
	int64_t i64;

	switch (kind) {
	case KIND_U8:
		snprintf(text, sizeof(text), "%u", bytes.p[0]);
		break;
	case KIND_BOOL:
		snprintf(text, sizeof(text), "%s", bytes.p[0] != 0 ?
		    "true" : "false");
		break;
	case KIND_U32:
		memcpy(&u32, bytes.p, sizeof(u32));
		snprintf(text, sizeof(text), "%" PRIu32, u32);
		break;
	case KIND_U64:
		memcpy(&u64, bytes.p, sizeof(u64));
		snprintf(text, sizeof(text), "%" PRIu64, u64);
		break;
	default:
		memcpy(&i64, bytes.p, sizeof(i64));
		snprintf(text, sizeof(text), "%" PRId64, i64);
		break;
	}
	writer_put(w, text, strlen(text));
}

static void
put_value(struct writer *w, const struct proto_field *field,
    struct span bytes)
{
	union proto_any item;
	bool first = true;

	if (field->kind == KIND_STR || field->kind == KIND_BYTES) {
		safe_put_json(w, bytes);
	} else if (field->kind == KIND_LIST) {
		/* Of the lists there are, all are of processes. */
		writer_put_u8(w, '[');
		while (proto_record_next(&bytes, &proto_process, &item) == 1) {
			if (!first)
				writer_put_u8(w, ',');
			first = false;
			answer_put_json(w, &proto_process, &item);
		}
		writer_put_u8(w, ']');
	} else {
		put_number(w, field->kind, bytes);
	}
}

/* How members are called where that is not what fields are. */
static const struct {
	const char *field, *name;
} names[] = {
	{ "tenant_name", "tenant" },
	{ "client_name", "client" },
	{ "reason_name", "reason" },
	{ "process_id", "process" },
	{ "text", "note" },
};

static const char *
name_of(const char *field)
{
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i].field, field) == 0)
			return names[i].name;
	return field;
}

void
answer_put_members(struct writer *w, const struct proto_row *row,
    const void *msg, bool *first)
{
	const struct proto_field *field;
	struct span bytes;
	size_t i;

	for (i = 0; i < row->nfields; i++) {
		field = &row->fields[i];
		if (field->tag == TAG_REQUEST ||
		    !proto_member(field, msg, &bytes))
			continue;
		answer_put_name(w, name_of(field->name), first);
		put_value(w, field, bytes);
	}
}

void
answer_put_json(struct writer *w, const struct proto_row *row,
    const void *msg)
{
	bool first = true;

	writer_put_u8(w, '{');
	answer_put_members(w, row, msg, &first);
	writer_put_u8(w, '}');
}
