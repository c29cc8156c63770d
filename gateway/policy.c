/* SPDX-License-Identifier: ISC */
/* The sandbox object itself: its members, and what they must agree on. */
#include "config.h"

#include <limits.h>
#include <string.h>

#include <json-c/json.h>

#include "common/proto.h"
#include "gateway/policy.h"
#include "gateway/policy_walk.h"
#include "gateway/rpc.h"

/* Of other systems: their values make no difference here. */
static int
take_text(struct policy_job *job, const char *name, struct json_object *value)
{
	struct span span;

	return policy_span(job, name, value, &span);
}

static int
take_bool(struct policy_job *job, const char *name, struct json_object *value)
{
	if (!json_object_is_type(value, json_type_boolean))
		return policy_refuse(job, RPC_INVALID_PARAMS,
		    "sandbox: %s must be true or false", name);
	return 0;
}

static int
take_legacy(struct policy_job *job, const char *name, struct json_object *value)
{
	if (take_bool(job, name, value) == -1)
		return -1;
	if (json_object_get_boolean(value))
		return policy_refuse(job, RPC_INVALID_REQUEST,
		    "sandbox: %s is not supported, only bubblewrap is", name);
	return 0;
}

static int
put_path(struct policy_job *job, enum proto_tag tag, const char *name,
    struct json_object *value)
{
	static char path[PATH_MAX];
	size_t len;

	if (policy_path(job, name, value, path, &len) == -1)
		return -1;
	if (tag != 0)
		proto_put_bytes(job->w, tag,
		    (struct span){ (const uint8_t *)path, len });
	return 0;
}

static int
put_paths(struct policy_job *job, enum proto_tag tag, const char *name,
    struct json_object *value)
{
	static char path[PATH_MAX];
	size_t begun, count, i, len;

	if (!json_object_is_type(value, json_type_array))
		return policy_refuse(job, RPC_INVALID_PARAMS,
		    "sandbox: %s must be an array", name);
	begun = proto_begin(job->w, tag);
	count = json_object_array_length(value);
	for (i = 0; i < count; i++) {
		if (policy_path(job, name, json_object_array_get_idx(value, i),
		    path, &len) == -1)
			return -1;
		proto_list_add(job->w, (struct span){ (const uint8_t *)path,
		    len });
		if (policy_list_fits(job, name, begun) == -1)
			return -1;
	}
	proto_end(job->w, begun);
	return 0;
}

static int
take_cwd(struct policy_job *job, const char *name, struct json_object *value)
{
	return put_path(job, TAG_SANDBOX_CWD, name, value);
}

static int
take_home(struct policy_job *job, const char *name, struct json_object *value)
{
	return put_path(job, 0, name, value);
}

static int
take_roots(struct policy_job *job, const char *name, struct json_object *value)
{
	return put_paths(job, TAG_SANDBOX_ROOTS, name, value);
}

static int
take_temps(struct policy_job *job, const char *name, struct json_object *value)
{
	return put_paths(job, TAG_SANDBOX_TEMPS, name, value);
}

/*
 * Which directories a policy means must not be open to doubt, so the same
 * ones have to be said in both places.
 */
static int
take_context_cwd(struct policy_job *job, const char *name,
    struct json_object *value)
{
	return policy_span(job, name, value, &job->context_cwd);
}

static int
take_context_roots(struct policy_job *job, const char *name,
    struct json_object *value)
{
	if (!json_object_is_type(value, json_type_array))
		return policy_refuse(job, RPC_INVALID_PARAMS,
		    "sandbox: %s must be an array", name);
	job->context_roots = value;
	return 0;
}

static const struct policy_member context_members[] = {
	{ "cwd", false, take_context_cwd },
	{ "workspaceRoots", false, take_context_roots },
	{ NULL, false, NULL }
};

static int
take_context(struct policy_job *job, const char *name,
    struct json_object *value)
{
	return policy_walk(job, name, context_members, value);
}

static bool
same_string(struct policy_job *job, struct json_object *a,
    struct json_object *b)
{
	struct span x, y;
	const char *p, *q;

	if (rpc_string(job->msg, a, &p, &x.len) == -1 ||
	    rpc_string(job->msg, b, &q, &y.len) == -1)
		return false;
	return x.len == y.len && memcmp(p, q, x.len) == 0;
}

static bool
same_roots(struct policy_job *job, struct json_object *roots)
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
check_context(struct policy_job *job, struct json_object *sandbox)
{
	struct json_object *cwd = NULL, *roots = NULL;
	struct span span = { NULL, 0 };

	json_object_object_get_ex(sandbox, "cwd", &cwd);
	json_object_object_get_ex(sandbox, "workspaceRoots", &roots);
	if (job->context_cwd.p != NULL && (cwd == NULL ||
	    policy_span(job, "cwd", cwd, &span) == -1 ||
	    span.len != job->context_cwd.len ||
	    memcmp(span.p, job->context_cwd.p, span.len) != 0))
		return policy_refuse(job, RPC_INVALID_REQUEST, "sandbox: "
		    "policyContext.cwd must be the same as cwd");
	if (job->context_roots != NULL && !same_roots(job, roots))
		return policy_refuse(job, RPC_INVALID_REQUEST, "sandbox: "
		    "policyContext.workspaceRoots must be the same as "
		    "workspaceRoots");
	return 0;
}

static int
take_network(struct policy_job *job, const char *name,
    struct json_object *value)
{
	struct span word;

	if (policy_span(job, name, value, &word) == -1)
		return -1;
	if (!span_is(word, "restricted") && !span_is(word, "enabled"))
		return policy_refuse_unknown(job, name, word);
	proto_put_u8(job->w, TAG_SANDBOX_NETWORK, span_is(word, "enabled"));
	return 0;
}

static int
choose_managed(struct policy_job *job)
{
	job->restricted = true;
	return 0;
}

static const struct policy_member permissions_managed[] = {
	{ "type", true, policy_take_nothing },
	{ "file_system", true, policy_take_files },
	{ "network", true, take_network },
	{ NULL, false, NULL }
};
static const struct policy_member permissions_disabled[] = {
	{ "type", true, policy_take_nothing },
	{ NULL, false, NULL }
};
static const struct policy_variant permissions[] = {
	{ "managed", permissions_managed, choose_managed },
	{ "disabled", permissions_disabled, NULL },
	{ NULL, NULL, NULL }
};

static int
take_permissions(struct policy_job *job, const char *name,
    struct json_object *value)
{
	return policy_walk_variant(job, name, "type", permissions, value);
}

static const struct policy_member sandbox_members[] = {
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
check_managed_network(struct policy_job *job)
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
	return policy_refuse(job, RPC_INVALID_REQUEST, "sandbox: a managed network "
	    "is not supported; network can be restricted or enabled");
}

int
policy_encode(const struct rpc_message *msg, struct json_object *value,
    struct writer *w, struct policy_refusal *refusal)
{
	struct policy_job job = { .msg = msg, .w = w, .refusal = refusal };
	size_t start = w->len;

	int result;

	result = policy_walk(&job, "it", sandbox_members, value);
	if (result == 0)
		result = check_context(&job, value);
	if (result == 0 && job.restricted)
		result = check_managed_network(&job);
	if (result == -1 || !job.restricted)
		w->len = start;
	return result;
}
