/* SPDX-License-Identifier: ISC */
/*
 * Every object in a sandbox has its table of members.  A member that is not
 * in the table is refused, and so is every value that is not known.
 */
#include "config.h"

#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "common/proto.h"
#include "gateway/fileuri.h"
#include "gateway/policy.h"
#include "gateway/rpc.h"

/* What the functions below share while one sandbox is looked at. */
struct job {
	const struct rpc_message *msg;
	struct writer *w;
	struct policy_refusal *refusal;
	struct fields_RULE rule;	/* the one being read */
	char subpath[PATH_MAX];		/* behind it */
	bool restricted;		/* anything at all */
	struct span context_cwd;	/* of policyContext, as it came */
	struct json_object *context_roots;
};

struct member {
	const char *name;
	bool must;
	int (*take)(struct job *job, const char *name,
	    struct json_object *value);
};

/* An object whose "type" or "kind" says which members it has. */
struct variant {
	const char *word;
	const struct member *members;
	int (*chosen)(struct job *job);
};

static int refuse(struct job *job, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int
refuse(struct job *job, int code, const char *fmt, ...)
{
	va_list ap;

	job->refusal->code = code;
	va_start(ap, fmt);
	vsnprintf(job->refusal->text, sizeof(job->refusal->text), fmt, ap);
	va_end(ap);
	return -1;
}

static int
refuse_unknown(struct job *job, const char *name, struct span word)
{
	return refuse(job, RPC_INVALID_PARAMS,
	    "sandbox: %s \"%.*s\" is not understood", name,
	    word.len > 64 ? 64 : (int)word.len,
	    word.len == 0 ? "" : (const char *)word.p);
}

static int
take_span(struct job *job, const char *name, struct json_object *value,
    struct span *span)
{
	const char *bytes;

	if (rpc_string(job->msg, value, &bytes, &span->len) == -1)
		return refuse(job, RPC_INVALID_PARAMS,
		    "sandbox: %s must be a string", name);
	span->p = (const uint8_t *)bytes;
	return 0;
}

/* Members in the table's order, so that equal policies give equal bytes. */
static int
walk(struct job *job, const char *what, const struct member *members,
    struct json_object *object)
{
	struct json_object_iterator at, end;
	const struct member *member;
	struct json_object *value;

	if (!json_object_is_type(object, json_type_object))
		return refuse(job, RPC_INVALID_PARAMS,
		    "sandbox: %s must be an object", what);
	at = json_object_iter_begin(object);
	end = json_object_iter_end(object);
	for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at)) {
		for (member = members; member->name != NULL; member++)
			if (strcmp(member->name,
			    json_object_iter_peek_name(&at)) == 0)
				break;
		if (member->name == NULL)
			return refuse(job, RPC_INVALID_PARAMS,
			    "sandbox: member \"%.64s\" of %s is not "
			    "understood", json_object_iter_peek_name(&at),
			    what);
	}
	for (member = members; member->name != NULL; member++) {
		value = NULL;
		json_object_object_get_ex(object, member->name, &value);
		if (value == NULL && member->must)
			return refuse(job, RPC_INVALID_PARAMS,
			    "sandbox: %s of %s is missing", member->name,
			    what);
		if (value != NULL &&
		    member->take(job, member->name, value) == -1)
			return -1;
	}
	return 0;
}

static int
walk_variant(struct job *job, const char *what, const char *which,
    const struct variant *variants, struct json_object *object)
{
	struct json_object *value = NULL;
	struct span word;

	if (json_object_is_type(object, json_type_object))
		json_object_object_get_ex(object, which, &value);
	if (value == NULL)
		return refuse(job, RPC_INVALID_PARAMS,
		    "sandbox: %s must be an object with a %s", what, which);
	if (take_span(job, which, value, &word) == -1)
		return -1;
	for (; variants->word != NULL; variants++) {
		if (!span_is(word, variants->word))
			continue;
		if (variants->chosen != NULL && variants->chosen(job) == -1)
			return -1;
		return walk(job, what, variants->members, object);
	}
	snprintf(job->subpath, sizeof(job->subpath), "%s of %s", which, what);
	return refuse_unknown(job, job->subpath, word);
}

static int
take_nothing(struct job *job, const char *name, struct json_object *value)
{
	(void)job;
	(void)name;
	(void)value;
	return 0;
}

/* Of other systems: their values make no difference here. */
static int
take_text(struct job *job, const char *name, struct json_object *value)
{
	struct span span;

	return take_span(job, name, value, &span);
}

static int
take_bool(struct job *job, const char *name, struct json_object *value)
{
	if (!json_object_is_type(value, json_type_boolean))
		return refuse(job, RPC_INVALID_PARAMS,
		    "sandbox: %s must be true or false", name);
	return 0;
}

static int
take_legacy(struct job *job, const char *name, struct json_object *value)
{
	if (take_bool(job, name, value) == -1)
		return -1;
	if (json_object_get_boolean(value))
		return refuse(job, RPC_INVALID_REQUEST,
		    "sandbox: %s is not supported, only bubblewrap is", name);
	return 0;
}

static int
take_path(struct job *job, const char *name, struct json_object *value,
    char *out, size_t *len)
{
	enum fileuri_error error;
	struct span uri;

	if (take_span(job, name, value, &uri) == -1)
		return -1;
	error = fileuri_decode((const char *)uri.p, uri.len, out, PATH_MAX,
	    len);
	if (error != FILEURI_OK)
		return refuse(job, RPC_INVALID_PARAMS, "sandbox: %s must be "
		    "an absolute file URI of this host", name);
	return 0;
}

static int
put_path(struct job *job, enum proto_tag tag, const char *name,
    struct json_object *value)
{
	static char path[PATH_MAX];
	size_t len;

	if (take_path(job, name, value, path, &len) == -1)
		return -1;
	if (tag != 0)
		proto_put_bytes(job->w, tag,
		    (struct span){ (const uint8_t *)path, len });
	return 0;
}

static int
list_fits(struct job *job, const char *name, size_t begun)
{
	if (job->w->len - begun <= PROTO_SANDBOX_LIST)
		return 0;
	return refuse(job, RPC_INVALID_REQUEST, "sandbox: %s is too long",
	    name);
}

static int
put_paths(struct job *job, enum proto_tag tag, const char *name,
    struct json_object *value)
{
	static char path[PATH_MAX];
	size_t begun, count, i, len;

	if (!json_object_is_type(value, json_type_array))
		return refuse(job, RPC_INVALID_PARAMS,
		    "sandbox: %s must be an array", name);
	begun = proto_begin(job->w, tag);
	count = json_object_array_length(value);
	for (i = 0; i < count; i++) {
		if (take_path(job, name, json_object_array_get_idx(value, i),
		    path, &len) == -1)
			return -1;
		proto_list_add(job->w, (struct span){ (const uint8_t *)path,
		    len });
		if (list_fits(job, name, begun) == -1)
			return -1;
	}
	proto_end(job->w, begun);
	return 0;
}

static int
take_cwd(struct job *job, const char *name, struct json_object *value)
{
	return put_path(job, TAG_SANDBOX_CWD, name, value);
}

static int
take_home(struct job *job, const char *name, struct json_object *value)
{
	return put_path(job, 0, name, value);
}

static int
take_roots(struct job *job, const char *name, struct json_object *value)
{
	return put_paths(job, TAG_SANDBOX_ROOTS, name, value);
}

static int
take_temps(struct job *job, const char *name, struct json_object *value)
{
	return put_paths(job, TAG_SANDBOX_TEMPS, name, value);
}

/*
 * Which directories a policy means must not be open to doubt, so the same
 * ones have to be said in both places.
 */
static int
take_context_cwd(struct job *job, const char *name, struct json_object *value)
{
	return take_span(job, name, value, &job->context_cwd);
}

static int
take_context_roots(struct job *job, const char *name,
    struct json_object *value)
{
	if (!json_object_is_type(value, json_type_array))
		return refuse(job, RPC_INVALID_PARAMS,
		    "sandbox: %s must be an array", name);
	job->context_roots = value;
	return 0;
}

static const struct member context_members[] = {
	{ "cwd", false, take_context_cwd },
	{ "workspaceRoots", false, take_context_roots },
	{ NULL, false, NULL }
};

static int
take_context(struct job *job, const char *name, struct json_object *value)
{
	return walk(job, name, context_members, value);
}

static bool
same_string(struct job *job, struct json_object *a, struct json_object *b)
{
	struct span x, y;
	const char *p, *q;

	if (rpc_string(job->msg, a, &p, &x.len) == -1 ||
	    rpc_string(job->msg, b, &q, &y.len) == -1)
		return false;
	return x.len == y.len && memcmp(p, q, x.len) == 0;
}

static bool
same_roots(struct job *job, struct json_object *roots)
{
	size_t i, count = json_object_array_length(job->context_roots);

	if (roots == NULL)
		return count == 0;
	if (!json_object_is_type(roots, json_type_array) ||
	    json_object_array_length(roots) != count)
		return false;
	for (i = 0; i < count; i++)
		if (!same_string(job, json_object_array_get_idx(roots, i),
		    json_object_array_get_idx(job->context_roots, i)))
			return false;
	return true;
}

static int
check_context(struct job *job, struct json_object *sandbox)
{
	struct json_object *cwd = NULL, *roots = NULL;
	struct span span = { NULL, 0 };

	json_object_object_get_ex(sandbox, "cwd", &cwd);
	json_object_object_get_ex(sandbox, "workspaceRoots", &roots);
	if (job->context_cwd.p != NULL && (cwd == NULL ||
	    take_span(job, "cwd", cwd, &span) == -1 ||
	    span.len != job->context_cwd.len ||
	    memcmp(span.p, job->context_cwd.p, span.len) != 0))
		return refuse(job, RPC_INVALID_REQUEST, "sandbox: "
		    "policyContext.cwd must be the same as cwd");
	if (job->context_roots != NULL && !same_roots(job, roots))
		return refuse(job, RPC_INVALID_REQUEST, "sandbox: "
		    "policyContext.workspaceRoots must be the same as "
		    "workspaceRoots");
	return 0;
}

/* The place of an entry. */

static int
take_subpath(struct job *job, const char *name, struct json_object *value)
{
	struct span span;
	const char *part, *next;

	if (take_span(job, name, value, &span) == -1)
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
	return refuse(job, RPC_INVALID_PARAMS, "sandbox: %s must be a "
	    "relative path without \".\" and \"..\"", name);
}

#define CHOSEN(name, where) \
	static int \
	choose_##name(struct job *job) \
	{ \
		job->rule.place = where; \
		return 0; \
	}
CHOSEN(root, PLACE_ROOT)
CHOSEN(project, PLACE_PROJECT)
CHOSEN(slash_tmp, PLACE_SLASH_TMP)
CHOSEN(temps, PLACE_TEMPS)
CHOSEN(path, PLACE_PATH)

static const struct member kind_alone[] = {
	{ "kind", true, take_nothing },
	{ NULL, false, NULL }
};
static const struct member kind_project[] = {
	{ "kind", true, take_nothing },
	{ "subpath", false, take_subpath },
	{ NULL, false, NULL }
};
static const struct variant kinds[] = {
	{ "root", kind_alone, choose_root },
	{ "project_roots", kind_project, choose_project },
	{ "slash_tmp", kind_alone, choose_slash_tmp },
	{ "tmpdir", kind_alone, choose_temps },
	{ NULL, NULL, NULL }
};

static int
take_special(struct job *job, const char *name, struct json_object *value)
{
	return walk_variant(job, name, "kind", kinds, value);
}

static int
take_plain(struct job *job, const char *name, struct json_object *value)
{
	size_t len;

	if (take_path(job, name, value, job->subpath, &len) == -1)
		return -1;
	job->rule.subpath = (struct span){ (const uint8_t *)job->subpath,
	    len };
	job->rule.has_subpath = true;
	return 0;
}

static const struct member path_special[] = {
	{ "type", true, take_nothing },
	{ "value", true, take_special },
	{ NULL, false, NULL }
};
static const struct member path_plain[] = {
	{ "type", true, take_nothing },
	{ "path", true, take_plain },
	{ NULL, false, NULL }
};
static const struct variant paths[] = {
	{ "special", path_special, NULL },
	{ "path", path_plain, choose_path },
	{ NULL, NULL, NULL }
};

static int
take_place(struct job *job, const char *name, struct json_object *value)
{
	return walk_variant(job, name, "type", paths, value);
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
take_access(struct job *job, const char *name, struct json_object *value)
{
	struct span word;
	size_t i;

	if (take_span(job, name, value, &word) == -1)
		return -1;
	for (i = 0; i < sizeof(accesses) / sizeof(accesses[0]); i++)
		if (span_is(word, accesses[i].word)) {
			job->rule.access = accesses[i].access;
			return 0;
		}
	return refuse_unknown(job, name, word);
}

static int
take_missing(struct job *job, const char *name, struct json_object *value)
{
	struct span word;

	if (take_span(job, name, value, &word) == -1)
		return -1;
	if (!span_is(word, "skip"))
		return refuse_unknown(job, name, word);
	job->rule.skip_missing = job->rule.has_skip_missing = true;
	return 0;
}

static const struct member entry_members[] = {
	{ "path", true, take_place },
	{ "access", true, take_access },
	{ "missing_path_behavior", false, take_missing },
	{ NULL, false, NULL }
};

static int
take_entries(struct job *job, const char *name, struct json_object *value)
{
	size_t begun, count, i;

	if (!json_object_is_type(value, json_type_array))
		return refuse(job, RPC_INVALID_PARAMS,
		    "sandbox: %s must be an array", name);
	proto_put_u8(job->w, TAG_SANDBOX_FILES, FILES_BY_RULE);
	begun = proto_begin(job->w, TAG_SANDBOX_RULES);
	count = json_object_array_length(value);
	for (i = 0; i < count; i++) {
		job->rule = (struct fields_RULE){ 0 };
		if (walk(job, "an entry", entry_members,
		    json_object_array_get_idx(value, i)) == -1)
			return -1;
		proto_record_add(job->w, &proto_rule, &job->rule);
		if (list_fits(job, name, begun) == -1)
			return -1;
	}
	proto_end(job->w, begun);
	return 0;
}

static int
choose_all_files(struct job *job)
{
	proto_put_u8(job->w, TAG_SANDBOX_FILES, FILES_ALL);
	return 0;
}

static const struct member files_restricted[] = {
	{ "type", true, take_nothing },
	{ "entries", true, take_entries },
	{ NULL, false, NULL }
};
static const struct member files_all[] = {
	{ "type", true, take_nothing },
	{ NULL, false, NULL }
};
static const struct variant files[] = {
	{ "restricted", files_restricted, NULL },
	{ "unrestricted", files_all, choose_all_files },
	{ NULL, NULL, NULL }
};

static int
take_files(struct job *job, const char *name, struct json_object *value)
{
	return walk_variant(job, name, "type", files, value);
}

static int
take_network(struct job *job, const char *name, struct json_object *value)
{
	struct span word;

	if (take_span(job, name, value, &word) == -1)
		return -1;
	if (!span_is(word, "restricted") && !span_is(word, "enabled"))
		return refuse_unknown(job, name, word);
	proto_put_u8(job->w, TAG_SANDBOX_NETWORK, span_is(word, "enabled"));
	return 0;
}

static int
choose_managed(struct job *job)
{
	job->restricted = true;
	return 0;
}

static const struct member permissions_managed[] = {
	{ "type", true, take_nothing },
	{ "file_system", true, take_files },
	{ "network", true, take_network },
	{ NULL, false, NULL }
};
static const struct member permissions_disabled[] = {
	{ "type", true, take_nothing },
	{ NULL, false, NULL }
};
static const struct variant permissions[] = {
	{ "managed", permissions_managed, choose_managed },
	{ "disabled", permissions_disabled, NULL },
	{ NULL, NULL, NULL }
};

static int
take_permissions(struct job *job, const char *name, struct json_object *value)
{
	return walk_variant(job, name, "type", permissions, value);
}

static const struct member sandbox_members[] = {
	{ "permissions", true, take_permissions },
	{ "cwd", false, take_cwd },
	{ "workspaceRoots", false, take_roots },
	{ "temporaryDirectories", false, take_temps },
	{ "policyContext", false, take_context },
	{ "userHomeDir", false, take_home },
	{ "useLegacyLandlock", false, take_legacy },
	{ "windowsSandboxLevel", false, take_text },
	{ "windowsSandboxProxySettingsMode", false, take_text },
	{ "windowsSandboxPrivateDesktop", false, take_bool },
	{ NULL, false, NULL }
};

/* A proxy that decides about each connection is not there to enforce it. */
static int
check_managed_network(struct job *job)
{
	struct json_object *params = job->msg->params, *value = NULL;
	bool wanted;

	wanted = json_object_object_get_ex(params, "managedNetwork", &value) &&
	    value != NULL;
	if (json_object_object_get_ex(params, "enforceManagedNetwork",
	    &value) && json_object_get_boolean(value))
		wanted = true;
	if (!wanted)
		return 0;
	return refuse(job, RPC_INVALID_REQUEST, "sandbox: a managed network "
	    "is not supported; network can be restricted or enabled");
}

int
policy_encode(const struct rpc_message *msg, struct json_object *value,
    struct writer *w, struct policy_refusal *refusal)
{
	struct job job = { .msg = msg, .w = w, .refusal = refusal };
	size_t start = w->len;

	int result;

	result = walk(&job, "it", sandbox_members, value);
	if (result == 0)
		result = check_context(&job, value);
	if (result == 0 && job.restricted)
		result = check_managed_network(&job);
	if (result == -1 || !job.restricted)
		w->len = start;
	return result;
}
