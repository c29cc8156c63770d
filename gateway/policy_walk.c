/* SPDX-License-Identifier: ISC */
/* Objects, their members and their words; see policy_walk.h. */
#include "config.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "common/proto.h"
#include "gateway/fileuri.h"
#include "gateway/policy.h"
#include "gateway/policy_walk.h"
#include "gateway/rpc.h"

int
policy_refuse(struct policy_job *job, int code, const char *fmt, ...)
{
	va_list ap;

	job->refusal->code = code;
	va_start(ap, fmt);
	vsnprintf(job->refusal->text, sizeof(job->refusal->text), fmt, ap);
	va_end(ap);
	return -1;
}

int
policy_refuse_unknown(struct policy_job *job, const char *name,
    struct span word)
{
	return policy_refuse(job, RPC_INVALID_PARAMS,
	    "sandbox: %s \"%.*s\" is not understood", name,
	    word.len > 64 ? 64 : (int)word.len,
	    word.len == 0 ? "" : (const char *)word.p);
}

int
policy_span(struct policy_job *job, const char *name, struct json_object *value,
    struct span *span)
{
	const char *bytes;

	if (rpc_string(job->msg, value, &bytes, &span->len) == -1)
		return policy_refuse(job, RPC_INVALID_PARAMS,
		    "sandbox: %s must be a string", name);
	span->p = (const uint8_t *)bytes;
	return 0;
}

/* Members in the table's order, so that equal policies give equal bytes. */
int
policy_walk(struct policy_job *job, const char *what,
    const struct policy_member *members, struct json_object *object)
{
	struct json_object_iterator at, end;
	const struct policy_member *member;
	struct json_object *value;

	if (!json_object_is_type(object, json_type_object))
		return policy_refuse(job, RPC_INVALID_PARAMS,
		    "sandbox: %s must be an object", what);
	at = json_object_iter_begin(object);
	end = json_object_iter_end(object);
	for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at)) {
		for (member = members; member->name != NULL; member++)
			if (strcmp(member->name,
			    json_object_iter_peek_name(&at)) == 0)
				break;
		if (member->name == NULL)
			return policy_refuse(job, RPC_INVALID_PARAMS,
			    "sandbox: member \"%.64s\" of %s is not "
			    "understood", json_object_iter_peek_name(&at),
			    what);
	}
	for (member = members; member->name != NULL; member++) {
		value = NULL;
		json_object_object_get_ex(object, member->name, &value);
		if (value == NULL && member->must)
			return policy_refuse(job, RPC_INVALID_PARAMS,
			    "sandbox: %s of %s is missing", member->name,
			    what);
		if (value != NULL &&
		    member->take(job, member->name, value) == -1)
			return -1;
	}
	return 0;
}

int
policy_walk_variant(struct policy_job *job, const char *what, const char *which,
    const struct policy_variant *variants, struct json_object *object)
{
	struct json_object *value = NULL;
	struct span word;

	if (json_object_is_type(object, json_type_object))
		json_object_object_get_ex(object, which, &value);
	if (value == NULL)
		return policy_refuse(job, RPC_INVALID_PARAMS,
		    "sandbox: %s must be an object with a %s", what, which);
	if (policy_span(job, which, value, &word) == -1)
		return -1;
	for (; variants->word != NULL; variants++) {
		if (!span_is(word, variants->word))
			continue;
		if (variants->chosen != NULL && variants->chosen(job) == -1)
			return -1;
		return policy_walk(job, what, variants->members, object);
	}
	snprintf(job->subpath, sizeof(job->subpath), "%s of %s", which, what);
	return policy_refuse_unknown(job, job->subpath, word);
}

int
policy_take_nothing(struct policy_job *job, const char *name,
    struct json_object *value)
{
	(void)job;
	(void)name;
	(void)value;
	return 0;
}

int
policy_path(struct policy_job *job, const char *name, struct json_object *value,
    char *out, size_t *len)
{
	enum fileuri_error error;
	struct span uri;

	if (policy_span(job, name, value, &uri) == -1)
		return -1;
	error = fileuri_decode((const char *)uri.p, uri.len, out, PATH_MAX,
	    len);
	if (error != FILEURI_OK)
		return policy_refuse(job, RPC_INVALID_PARAMS, "sandbox: %s must be "
		    "an absolute file URI of this host", name);
	return 0;
}

int
policy_list_fits(struct policy_job *job, const char *name, size_t begun)
{
	if (job->w->len - begun <= PROTO_SANDBOX_LIST)
		return 0;
	return policy_refuse(job, RPC_INVALID_REQUEST, "sandbox: %s is too long",
	    name);
}
