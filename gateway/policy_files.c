/* SPDX-License-Identifier: ISC */
/* file_system of a sandbox: which access where. */
#include "config.h"

#include <string.h>

#include <json-c/json.h>

#include "common/proto.h"
#include "gateway/policy.h"
#include "gateway/policy_walk.h"
#include "gateway/rpc.h"

/* The place of an entry. */

static int
take_subpath(struct policy_job *job, const char *name,
    struct json_object *value)
{
	struct span span;
	const char *part, *next;

	if (policy_span(job, name, value, &span) == -1)
		return -1;
	if (span_to_str(span, job->subpath, sizeof(job->subpath)) == -1 ||
	    span.len == 0 || job->subpath[0] == '/')
		goto wrong;
	for (part = job->subpath; part != NULL; part = next) {
		next = strchr(part, '/');
		span.len = next == NULL ? strlen(part) :
		    (size_t)(next++ - part);
		span.p = (const uint8_t *)part;
		if (span.len == 0 || span_is(span, ".") ||
		    span_is(span, ".."))
			goto wrong;
	}
	job->rule.subpath = span_str(job->subpath);
	job->rule.has_subpath = true;
	return 0;
wrong:
	return policy_refuse(job, RPC_INVALID_PARAMS, "sandbox: %s must be a "
	    "relative path without \".\" and \"..\"", name);
}

#define CHOSEN(name, where) \
	static int \
	choose_##name(struct policy_job *job) \
	{ \
		job->rule.place = where; \
		return 0; \
	}
CHOSEN(root, PLACE_ROOT)
CHOSEN(project, PLACE_PROJECT)
CHOSEN(slash_tmp, PLACE_SLASH_TMP)
CHOSEN(temps, PLACE_TEMPS)
CHOSEN(path, PLACE_PATH)

static const struct policy_member kind_alone[] = {
	{ "kind", true, policy_take_nothing },
	{ NULL, false, NULL }
};
static const struct policy_member kind_project[] = {
	{ "kind", true, policy_take_nothing },
	{ "subpath", false, take_subpath },
	{ NULL, false, NULL }
};
static const struct policy_variant kinds[] = {
	{ "root", kind_alone, choose_root },
	{ "project_roots", kind_project, choose_project },
	{ "slash_tmp", kind_alone, choose_slash_tmp },
	{ "tmpdir", kind_alone, choose_temps },
	{ NULL, NULL, NULL }
};

static int
take_special(struct policy_job *job, const char *name,
    struct json_object *value)
{
	return policy_walk_variant(job, name, "kind", kinds, value);
}

static int
take_plain(struct policy_job *job, const char *name, struct json_object *value)
{
	size_t len;

	if (policy_path(job, name, value, job->subpath, &len) == -1)
		return -1;
	job->rule.subpath = (struct span){ (const uint8_t *)job->subpath,
	    len };
	job->rule.has_subpath = true;
	return 0;
}

static const struct policy_member path_special[] = {
	{ "type", true, policy_take_nothing },
	{ "value", true, take_special },
	{ NULL, false, NULL }
};
static const struct policy_member path_plain[] = {
	{ "type", true, policy_take_nothing },
	{ "path", true, take_plain },
	{ NULL, false, NULL }
};
static const struct policy_variant paths[] = {
	{ "special", path_special, NULL },
	{ "path", path_plain, choose_path },
	{ NULL, NULL, NULL }
};

static int
take_place(struct policy_job *job, const char *name, struct json_object *value)
{
	return policy_walk_variant(job, name, "type", paths, value);
}

static const struct {
	const char *word;
	uint8_t access;
} accesses[] = {
	{ "read", ACCESS_READ },
	{ "write", ACCESS_WRITE },
	{ "deny", ACCESS_DENY },
	{ "none", ACCESS_DENY },	/* what it was called before */
};

static int
take_access(struct policy_job *job, const char *name, struct json_object *value)
{
	struct span word;
	size_t i;

	if (policy_span(job, name, value, &word) == -1)
		return -1;
	for (i = 0; i < sizeof(accesses) / sizeof(accesses[0]); i++)
		if (span_is(word, accesses[i].word)) {
			job->rule.access = accesses[i].access;
			return 0;
		}
	return policy_refuse_unknown(job, name, word);
}

static int
take_missing(struct policy_job *job, const char *name,
    struct json_object *value)
{
	struct span word;

	if (policy_span(job, name, value, &word) == -1)
		return -1;
	if (!span_is(word, "skip"))
		return policy_refuse_unknown(job, name, word);
	job->rule.skip_missing = job->rule.has_skip_missing = true;
	return 0;
}

static const struct policy_member entry_members[] = {
	{ "path", true, take_place },
	{ "access", true, take_access },
	{ "missing_path_behavior", false, take_missing },
	{ NULL, false, NULL }
};

static int
take_entries(struct policy_job *job, const char *name,
    struct json_object *value)
{
	size_t begun, count, i;

	if (!json_object_is_type(value, json_type_array))
		return policy_refuse(job, RPC_INVALID_PARAMS,
		    "sandbox: %s must be an array", name);
	proto_put_u8(job->w, TAG_SANDBOX_FILES, FILES_BY_RULE);
	begun = proto_begin(job->w, TAG_SANDBOX_RULES);
	count = json_object_array_length(value);
	for (i = 0; i < count; i++) {
		job->rule = (struct fields_RULE){ 0 };
		if (policy_walk(job, "an entry", entry_members,
		    json_object_array_get_idx(value, i)) == -1)
			return -1;
		proto_record_add(job->w, &proto_rule, &job->rule);
		if (policy_list_fits(job, name, begun) == -1)
			return -1;
	}
	proto_end(job->w, begun);
	return 0;
}

static int
choose_all_files(struct policy_job *job)
{
	proto_put_u8(job->w, TAG_SANDBOX_FILES, FILES_ALL);
	return 0;
}

static const struct policy_member files_restricted[] = {
	{ "type", true, policy_take_nothing },
	{ "entries", true, take_entries },
	{ NULL, false, NULL }
};
static const struct policy_member files_all[] = {
	{ "type", true, policy_take_nothing },
	{ NULL, false, NULL }
};
static const struct policy_variant files[] = {
	{ "restricted", files_restricted, NULL },
	{ "unrestricted", files_all, choose_all_files },
	{ NULL, NULL, NULL }
};

int
policy_take_files(struct policy_job *job, const char *name,
    struct json_object *value)
{
	return policy_walk_variant(job, name, "type", files, value);
}
