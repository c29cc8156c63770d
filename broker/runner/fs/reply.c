/* SPDX-License-Identifier: ISC */
/* Answers: results, errors in the protocol's terms, and long ones. */
#include "config.h"

#include <sys/uio.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/runner/fs/fs.h"

#define CODE_NOT_FOUND (-32004)
#define CODE_INVALID (-32600)
#define CODE_INTERNAL (-32603)

/* A list's message is sent when it has grown to this many bytes. */
#define LIST_PIECE 32768

/* What is not here is CODE_INTERNAL. */
static const struct {
	int error;
	int64_t code;
} codes[] = {
	{ ENOENT, CODE_NOT_FOUND },
	{ EACCES, CODE_INVALID },
	{ EPERM, CODE_INVALID },
	{ EINVAL, CODE_INVALID },
};

/* The id of the client's call goes back as it came. */
static void
put_id(struct writer *w, const struct fs_call *call)
{
	const struct fields_GR_FS_CLOSE *any = &call->msg->GR_FS_CLOSE;

	if (any->has_id_int)
		proto_put_u64(w, TAG_ID_INT, (uint64_t)any->id_int);
	if (any->has_id_str)
		proto_put_bytes(w, TAG_ID_STR, any->id_str);
}

static void
send_result(const struct fs_call *call, uint16_t type,
    struct fields_RG_RESULT *result)
{
	const struct fields_GR_FS_CLOSE *any = &call->msg->GR_FS_CLOSE;
	struct writer w;
	struct iovec iov;

	result->id_int = any->id_int;
	result->has_id_int = any->has_id_int;
	result->id_str = any->id_str;
	result->has_id_str = any->has_id_str;
	result->method = call->type;
	writer_init(&w, PROTO_RESULT_MAX);
	proto_encode(&w, type, result);
	if (w.failed)
		fs_reply_error(call, CODE_INTERNAL, "answer too long");
	iov = (struct iovec){ w.p, w.len };
	if (!w.failed)
		fs_send(type, call->call, &iov, 1);
	writer_clear(&w);
}

void
fs_reply_result(const struct fs_call *call, struct fields_RG_RESULT *result)
{
	send_result(call, MSG_RG_RESULT, result);
}

void
fs_reply_done(const struct fs_call *call)
{
	struct fields_RG_RESULT nothing = { 0 };

	fs_reply_result(call, &nothing);
}

void
fs_reply_error(const struct fs_call *call, int64_t code, const char *fmt, ...)
{
	struct writer w;
	struct iovec iov;
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	writer_init(&w, 8192);
	put_id(&w, call);
	proto_put_u32(&w, TAG_METHOD, call->type);
	proto_put_u64(&w, TAG_ERROR_CODE, (uint64_t)code);
	proto_put_bytes(&w, TAG_ERROR_TEXT, span_str(text));
	iov = (struct iovec){ w.p, w.len };
	fs_send(MSG_RG_ERROR, call->call, &iov, 1);
	writer_clear(&w);
}

void
fs_reply_errno(const struct fs_call *call, int error)
{
	int64_t code = CODE_INTERNAL;
	size_t i;

	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i].error == error)
			code = codes[i].code;
	fs_reply_error(call, code, "%s (os error %d)", strerror(error),
	    error);
}

void
fs_reply_not_a_file(const struct fs_call *call, const char *path)
{
	fs_reply_error(call, CODE_INVALID, "%.900s is not a file", path);
}

void
fs_bulk_begin(const struct fs_call *call)
{
	struct fields_RG_RESULT nothing = { 0 };

	send_result(call, MSG_RG_BULK_BEGIN, &nothing);
}

static void
bulk_part(const struct fs_call *call, enum proto_tag tag, struct span value)
{
	uint8_t head[6];
	struct writer w = { .p = head, .cap = sizeof(head),
		.max = sizeof(head) };
	struct iovec iov[2];

	writer_put_u16(&w, (uint16_t)tag);
	writer_put_u32(&w, (uint32_t)value.len);
	iov[0] = (struct iovec){ head, sizeof(head) };
	iov[1] = (struct iovec){ (void *)value.p, value.len };
	fs_send(MSG_RG_BULK_PART, call->call, iov, 2);
}

void
fs_bulk_data(const struct fs_call *call, const void *bytes, size_t len)
{
	bulk_part(call, TAG_DATA, (struct span){ bytes, len });
}

void
fs_bulk_list(const struct fs_call *call, enum proto_tag tag, struct span list)
{
	bulk_part(call, tag, list);
}

void
fs_bulk_end(const struct fs_call *call, struct fields_RG_RESULT *result)
{
	send_result(call, MSG_RG_BULK_END, result);
}

void
fs_list_begin(struct fs_list *list, const struct fs_call *call,
    enum proto_tag tag)
{
	*list = (struct fs_list){ .call = call, .tag = tag };
	writer_init(&list->w, PROTO_CHUNK_MAX);
}

static void
list_flush(struct fs_list *list)
{
	if (!list->bulk)
		fs_bulk_begin(list->call);
	list->bulk = true;
	fs_bulk_list(list->call, list->tag,
	    (struct span){ list->w.p, list->w.len });
	writer_reset(&list->w);
}

void
fs_list_add(struct fs_list *list, char kind, const char *name)
{
	size_t len = strlen(name);

	writer_put_u32(&list->w, (uint32_t)len + 1);
	writer_put_u8(&list->w, (uint8_t)kind);
	writer_put(&list->w, name, len);
	if (list->w.len >= LIST_PIECE)
		list_flush(list);
}

/* What follows is another list of the same answer. */
void
fs_list_switch(struct fs_list *list, enum proto_tag tag)
{
	list_flush(list);
	list->tag = tag;
}

void
fs_list_end(struct fs_list *list, struct fields_RG_RESULT *result)
{
	struct span rest = { list->w.p, list->w.len };

	if (list->bulk) {
		list_flush(list);
		fs_bulk_end(list->call, result);
	} else {
		if (list->tag == TAG_NAMES) {
			result->names = rest;
			result->has_names = true;
		} else {
			result->found = rest;
			result->has_found = true;
		}
		fs_reply_result(list->call, result);
	}
	writer_clear(&list->w);
}
