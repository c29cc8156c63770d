/* SPDX-License-Identifier: ISC */
/* JSON to fields: one small function a kind. */
#include "config.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "common/base64.h"
#include "common/proto.h"
#include "gateway/fileuri.h"
#include "gateway/method.h"
#include "gateway/params.h"
#include "gateway/policy.h"
#include "gateway/rpc.h"

/* What the functions below share while one call is looked at. */
struct job {
	const struct rpc_message *msg;
	struct writer *w;
	struct params_refusal *now, *later;
};

typedef int kind_fn(struct job *job, const struct param_row *row,
    struct json_object *value);

static int refuse(struct job *job, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static int
refuse(struct job *job, const char *fmt, ...)
{
	va_list ap;

	job->now->code = RPC_INVALID_PARAMS;
	va_start(ap, fmt);
	vsnprintf(job->now->text, sizeof(job->now->text), fmt, ap);
	va_end(ap);
	return -1;
}

/* The first reason wins. */
static int
refuse_later(struct job *job, const char *name, const char *what)
{
	if (job->later->code == 0) {
		job->later->code = RPC_INVALID_REQUEST;
		snprintf(job->later->text, sizeof(job->later->text), "%s%s",
		    name, what);
	}
	return 0;
}

static int
take_string(struct job *job, const struct param_row *row,
    struct json_object *value, struct span *span)
{
	const char *bytes;

	if (rpc_string(job->msg, value, &bytes, &span->len) == -1)
		return refuse(job, "%s must be a string", row->name);
	span->p = (const uint8_t *)bytes;
	return 0;
}

static int
put_string(struct job *job, const struct param_row *row, struct span span)
{
	if (row->tag == 0)
		return 0;
	if ((row->tag == TAG_PROCESS_ID || row->tag == TAG_WRITE_ID) &&
	    span.len > PROTO_NAME_MAX)
		return refuse(job, "%s is longer than %d bytes", row->name,
		    PROTO_NAME_MAX);
	proto_put_bytes(job->w, row->tag, span);
	return 0;
}

static int
kind_string(struct job *job, const struct param_row *row,
    struct json_object *value)
{
	struct span span;

	if (take_string(job, row, value, &span) == -1)
		return -1;
	return put_string(job, row, span);
}

static int
kind_string_some(struct job *job, const struct param_row *row,
    struct json_object *value)
{
	struct span span;

	if (take_string(job, row, value, &span) == -1)
		return -1;
	if (span.len == 0)
		return refuse(job, "%s must not be empty", row->name);
	return put_string(job, row, span);
}

static int
put_strings(struct job *job, const struct param_row *row,
    struct json_object *value)
{
	size_t i, count = json_object_array_length(value);
	const char *bytes;
	size_t len, begun = proto_begin(job->w, row->tag);

	for (i = 0; i < count; i++) {
		if (rpc_string(job->msg, json_object_array_get_idx(value, i),
		    &bytes, &len) == -1)
			return refuse(job, "%s must hold strings only",
			    row->name);
		proto_list_add(job->w,
		    (struct span){ (const uint8_t *)bytes, len });
	}
	proto_end(job->w, begun);
	return 0;
}

static int
kind_strings(struct job *job, const struct param_row *row,
    struct json_object *value)
{
	if (!json_object_is_type(value, json_type_array))
		return refuse(job, "%s must be an array of strings",
		    row->name);
	return put_strings(job, row, value);
}

static int
kind_strings_some(struct job *job, const struct param_row *row,
    struct json_object *value)
{
	if (json_object_is_type(value, json_type_array) &&
	    json_object_array_length(value) == 0)
		return refuse(job, "%s must not be empty", row->name);
	return kind_strings(job, row, value);
}

static void
put_variable(struct writer *w, const char *name, const char *bytes,
    size_t len)
{
	size_t name_len = strlen(name);

	writer_put_u32(w, (uint32_t)(name_len + 1 + len));
	writer_put(w, name, name_len);
	writer_put_u8(w, '=');
	writer_put(w, bytes, len);
}

static int
kind_env(struct job *job, const struct param_row *row,
    struct json_object *value)
{
	struct json_object_iterator at, end;
	const char *bytes;
	size_t begun, len;

	if (!json_object_is_type(value, json_type_object))
		return refuse(job, "%s must be an object of strings",
		    row->name);
	begun = proto_begin(job->w, row->tag);
	at = json_object_iter_begin(value);
	end = json_object_iter_end(value);
	for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at)) {
		if (rpc_string(job->msg, json_object_iter_peek_value(&at),
		    &bytes, &len) == -1)
			return refuse(job, "%s must hold strings only",
			    row->name);
		put_variable(job->w, json_object_iter_peek_name(&at), bytes,
		    len);
	}
	proto_end(job->w, begun);
	return 0;
}

static enum fileuri_error
put_path(struct job *job, const struct param_row *row, struct span uri)
{
	static char path[PATH_MAX];
	enum fileuri_error error;
	size_t len;

	error = fileuri_decode((const char *)uri.p, uri.len, path,
	    sizeof(path), &len);
	if (error == FILEURI_OK && row->tag != 0)
		proto_put_bytes(job->w, row->tag,
		    (struct span){ (const uint8_t *)path, len });
	return error;
}

static const char *const uri_faults[] = {
	[FILEURI_OK] = "",
	[FILEURI_INVALID] = " must be an absolute file URI",
	[FILEURI_FOREIGN] = " must be a path on this host",
	[FILEURI_TOO_LONG] = " is too long",
};

static int
kind_uri(struct job *job, const struct param_row *row,
    struct json_object *value)
{
	enum fileuri_error error;
	struct span span;

	if (take_string(job, row, value, &span) == -1)
		return -1;
	error = put_path(job, row, span);
	if (error == FILEURI_OK)
		return 0;
	return refuse(job, "%s%s", row->name, uri_faults[error]);
}

static int
kind_path(struct job *job, const struct param_row *row,
    struct json_object *value)
{
	enum fileuri_error error;
	struct span span;

	if (take_string(job, row, value, &span) == -1)
		return -1;
	error = put_path(job, row, span);
	if (error == FILEURI_INVALID)
		return refuse(job, "%s%s", row->name, uri_faults[error]);
	if (error != FILEURI_OK)
		return refuse_later(job, row->name, uri_faults[error]);
	return 0;
}

/* A list of paths; each is refused as a single one would be. */
static int
kind_paths(struct job *job, const struct param_row *row,
    struct json_object *value)
{
	const struct param_row one = { row->name, PARAM_PATH, NEED_YES, 0,
		NULL, NULL };
	static char path[PATH_MAX];
	size_t i, count, len, begun;
	struct span uri;

	if (!json_object_is_type(value, json_type_array))
		return refuse(job, "%s must be an array", row->name);
	begun = proto_begin(job->w, row->tag);
	count = json_object_array_length(value);
	for (i = 0; i < count; i++) {
		if (kind_path(job, &one,
		    json_object_array_get_idx(value, i)) == -1)
			return -1;
		take_string(job, &one, json_object_array_get_idx(value, i),
		    &uri);
		if (fileuri_decode((const char *)uri.p, uri.len, path,
		    sizeof(path), &len) == FILEURI_OK)
			proto_list_add(job->w, (struct span){
			    (const uint8_t *)path, len });
	}
	proto_end(job->w, begun);
	return 0;
}

static int
kind_bool(struct job *job, const struct param_row *row,
    struct json_object *value)
{
	if (!json_object_is_type(value, json_type_boolean))
		return refuse(job, "%s must be true or false", row->name);
	if (row->tag != 0)
		proto_put_u8(job->w, row->tag,
		    json_object_get_boolean(value) ? 1 : 0);
	return 0;
}

static int
kind_u64(struct job *job, const struct param_row *row,
    struct json_object *value)
{
	uint64_t number;

	if (rpc_u64(value, &number) == -1)
		return refuse(job, "%s must be an integer from 0 to 2^64-1",
		    row->name);
	if (row->tag != 0)
		proto_put_u64(job->w, row->tag, number);
	return 0;
}

static int
kind_u64_some(struct job *job, const struct param_row *row,
    struct json_object *value)
{
	uint64_t number;

	if (rpc_u64(value, &number) == -1 || number == 0)
		return refuse(job, "%s must be an integer from 1 to 2^64-1",
		    row->name);
	return kind_u64(job, row, value);
}

static int
kind_u16_some(struct job *job, const struct param_row *row,
    struct json_object *value)
{
	uint64_t number;

	if (rpc_u64(value, &number) == -1 || number == 0 ||
	    number > UINT16_MAX)
		return refuse(job, "%s must be an integer from 1 to %d",
		    row->name, UINT16_MAX);
	if (row->tag != 0)
		proto_put_u32(job->w, row->tag, (uint32_t)number);
	return 0;
}

static int
kind_i64(struct job *job, const struct param_row *row,
    struct json_object *value)
{
	int64_t number;

	if (rpc_i64(value, &number) == -1)
		return refuse(job, "%s must be an integer", row->name);
	if (row->tag != 0)
		proto_put_u64(job->w, row->tag, (uint64_t)number);
	return 0;
}

/* Decoded where it goes, for this is how a job's input comes. */
static int
put_base64(struct job *job, const struct param_row *row,
    struct json_object *value, bool *good)
{
	struct span text;
	size_t begun, start = job->w->len;
	uint8_t *room;
	ssize_t len;

	*good = true;
	if (take_string(job, row, value, &text) == -1)
		return -1;
	begun = proto_begin(job->w, row->tag);
	room = writer_extend(job->w, BASE64_DECODED_MAX(text.len));
	if (room == NULL)
		return 0;
	len = base64_decode(room, (const char *)text.p, text.len);
	*good = len != -1;
	if (len == -1 || row->tag == 0) {
		job->w->len = start;
		return 0;
	}
	job->w->len = begun + (size_t)len;
	proto_end(job->w, begun);
	return 0;
}

static int
kind_base64(struct job *job, const struct param_row *row,
    struct json_object *value)
{
	bool good;

	if (put_base64(job, row, value, &good) == -1)
		return -1;
	return good ? 0 : refuse(job, "%s is not base64 with padding",
	    row->name);
}

static int
kind_content(struct job *job, const struct param_row *row,
    struct json_object *value)
{
	bool good;

	if (put_base64(job, row, value, &good) == -1)
		return -1;
	return good ? 0 : refuse_later(job, row->name,
	    " is not base64 with padding");
}

/* Which of the row's words it is; -1 when none. */
static int
take_word(struct job *job, const struct param_row *row,
    struct json_object *value)
{
	struct span span;
	int i;

	if (take_string(job, row, value, &span) == -1)
		return -1;
	for (i = 0; row->words[i] != NULL; i++)
		if (span_is(span, row->words[i]))
			return i;
	return refuse(job, "%s has an unknown value", row->name);
}

static int
kind_word(struct job *job, const struct param_row *row,
    struct json_object *value)
{
	int i = take_word(job, row, value);

	if (i != -1 && row->tag != 0)
		proto_put_bytes(job->w, row->tag, span_str(row->words[i]));
	return i == -1 ? -1 : 0;
}

static int
kind_index(struct job *job, const struct param_row *row,
    struct json_object *value)
{
	int i = take_word(job, row, value);

	if (i != -1 && row->tag != 0)
		proto_put_u8(job->w, row->tag, (uint8_t)i);
	return i == -1 ? -1 : 0;
}

/* A string member of a header; one that may be missing is empty then. */
static int
take_member(struct job *job, struct json_object *object, const char *name,
    bool must, struct span *span)
{
	struct json_object *value = NULL;
	const char *bytes = "";

	span->len = 0;
	json_object_object_get_ex(object, name, &value);
	if ((value != NULL || must) &&
	    rpc_string(job->msg, value, &bytes, &span->len) == -1)
		return refuse(job, "headers: %s must be a string", name);
	span->p = (const uint8_t *)bytes;
	return 0;
}

static int
put_header(struct job *job, struct json_object *value)
{
	struct span name, text, variable;

	if (!json_object_is_type(value, json_type_object))
		return refuse(job, "headers must hold objects only");
	if (take_member(job, value, "name", true, &name) == -1 ||
	    take_member(job, value, "value", true, &text) == -1 ||
	    take_member(job, value, "valueEnvVar", false, &variable) == -1)
		return -1;
	writer_put_u32(job->w,
	    (uint32_t)(8 + name.len + text.len + variable.len));
	proto_list_add(job->w, name);
	proto_list_add(job->w, text);
	writer_put(job->w, variable.p, variable.len);
	return 0;
}

static int
kind_headers(struct job *job, const struct param_row *row,
    struct json_object *value)
{
	size_t i, count, begun;

	if (!json_object_is_type(value, json_type_array))
		return refuse(job, "%s must be an array", row->name);
	begun = proto_begin(job->w, row->tag);
	count = json_object_array_length(value);
	for (i = 0; i < count; i++)
		if (put_header(job, json_object_array_get_idx(value, i)) ==
		    -1)
			return -1;
	proto_end(job->w, begun);
	return 0;
}

static int
kind_object(struct job *job, const struct param_row *row,
    struct json_object *value)
{
	if (!json_object_is_type(value, json_type_object))
		return refuse(job, "%s must be an object", row->name);
	return 0;
}

static int
kind_array(struct job *job, const struct param_row *row,
    struct json_object *value)
{
	if (!json_object_is_type(value, json_type_array))
		return refuse(job, "%s must be an array", row->name);
	return 0;
}

/*
 * A policy that is not understood is a wrong parameter; one that is and
 * cannot be enforced is refused later.
 */
static int
kind_sandbox(struct job *job, const struct param_row *row,
    struct json_object *value)
{
	struct policy_refusal refusal;

	if (kind_object(job, row, value) == -1)
		return -1;
	if (policy_encode(job->msg, value, job->w, &refusal) == 0)
		return 0;
	if (refusal.code == RPC_INVALID_PARAMS)
		return refuse(job, "%s", refusal.text);
	return refuse_later(job, "", refusal.text);
}

static int encode_rows(struct job *job, const struct param_row *rows,
    struct json_object *object);

static int
kind_members(struct job *job, const struct param_row *row,
    struct json_object *value)
{
	if (kind_object(job, row, value) == -1)
		return -1;
	return encode_rows(job, row->members, value);
}

static kind_fn *const kinds[PARAM_KINDS] = {
	[PARAM_STRING] = kind_string,
	[PARAM_STRING_SOME] = kind_string_some,
	[PARAM_STRINGS] = kind_strings,
	[PARAM_STRINGS_SOME] = kind_strings_some,
	[PARAM_ENV] = kind_env,
	[PARAM_URI] = kind_uri,
	[PARAM_PATH] = kind_path,
	[PARAM_PATHS] = kind_paths,
	[PARAM_BOOL] = kind_bool,
	[PARAM_U64] = kind_u64,
	[PARAM_U64_SOME] = kind_u64_some,
	[PARAM_U16_SOME] = kind_u16_some,
	[PARAM_I64] = kind_i64,
	[PARAM_BASE64] = kind_base64,
	[PARAM_CONTENT] = kind_content,
	[PARAM_WORD] = kind_word,
	[PARAM_INDEX] = kind_index,
	[PARAM_HEADERS] = kind_headers,
	[PARAM_MEMBERS] = kind_members,
	[PARAM_OBJECT] = kind_object,
	[PARAM_ARRAY] = kind_array,
	[PARAM_SANDBOX] = kind_sandbox,
};

static int
encode_row(struct job *job, const struct param_row *row,
    struct json_object *object)
{
	struct json_object *value = NULL;
	bool there;

	there = object != NULL &&
	    json_object_object_get_ex(object, row->name, &value);
	if (value != NULL)
		return kinds[row->kind](job, row, value);
	if (row->need == NEED_NULL || (row->need == NEED_NO && !there))
		return 0;
	return refuse(job, "%s %s", row->name,
	    there ? "must not be null" : "is missing");
}

static int
encode_rows(struct job *job, const struct param_row *rows,
    struct json_object *object)
{
	for (; rows->name != NULL; rows++)
		if (encode_row(job, rows, object) == -1)
			return -1;
	return 0;
}

static int
check_bare(struct job *job, struct json_object *params)
{
	if (params == NULL || (json_object_is_type(params,
	    json_type_object) && json_object_object_length(params) == 0))
		return 0;
	return refuse(job, "this method takes no parameters");
}

int
params_encode(const struct method *method, const struct rpc_message *msg,
    struct writer *w, struct params_refusal *now,
    struct params_refusal *later)
{
	struct job job = { msg, w, now, later };
	struct json_object *params = msg->params;

	now->code = 0;
	later->code = 0;
	if (method->bare)
		return check_bare(&job, params);
	if (params != NULL && !json_object_is_type(params, json_type_object))
		return refuse(&job, "params must be an object");
	if (method->params != NULL &&
	    encode_rows(&job, method->params, params) == -1)
		return -1;
	if (w->failed) {
		now->code = RPC_INTERNAL_ERROR;
		snprintf(now->text, sizeof(now->text), "out of memory");
		return -1;
	}
	return 0;
}

struct span
params_string(const struct rpc_message *msg, const char *name)
{
	struct span span = { NULL, 0 };
	struct json_object *value;
	const char *bytes;

	if (msg->params != NULL &&
	    json_object_object_get_ex(msg->params, name, &value) &&
	    rpc_string(msg, value, &bytes, &span.len) == 0)
		span.p = (const uint8_t *)bytes;
	return span;
}

static struct json_object *
params_inner(const struct rpc_message *msg, const char *outer,
    const char *name)
{
	struct json_object *object, *value;

	if (msg->params == NULL ||
	    !json_object_object_get_ex(msg->params, outer, &object) ||
	    !json_object_is_type(object, json_type_object) ||
	    !json_object_object_get_ex(object, name, &value))
		return NULL;
	return value;
}

bool
params_number(const struct rpc_message *msg, const char *outer,
    const char *name, uint64_t *number)
{
	return rpc_u64(params_inner(msg, outer, name), number) == 0;
}

bool
params_flag(const struct rpc_message *msg, const char *outer,
    const char *name)
{
	return json_object_get_boolean(params_inner(msg, outer, name));
}
