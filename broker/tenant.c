/* SPDX-License-Identifier: ISC */
/* For whom sessions are run: made from the supervisor's order, and checked. */
#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/tenant.h"
#include "common/xmalloc.h"

#define NAME_MAX_LEN 63
#define KNOWN_FLAGS \
	(TENANT_PRIVILEGED_JOBS | TENANT_PRIVATE_TMP | TENANT_PRIVATE_PIDS)

/* What stands for "nobody" in setuid(2) and its kin must not get there. */
#define NO_ID UINT32_MAX

extern char **environ;

static bool
has_nul(struct span span)
{
	return memchr(span.p, '\0', span.len) != NULL;
}

static char *
take_text(struct span span)
{
	char *text = xmalloc(span.len + 1);

	if (span.len > 0)
		memcpy(text, span.p, span.len);
	text[span.len] = '\0';
	return text;
}

/* It becomes part of paths. */
static bool
is_name(struct span name)
{
	size_t i;

	if (name.len == 0 || name.len > NAME_MAX_LEN ||
	    !(isalnum(name.p[0]) || name.p[0] == '_'))
		return false;
	for (i = 0; i < name.len; i++)
		if (!isalnum(name.p[i]) &&
		    (name.p[i] == '\0' ||
		    strchr("._-", name.p[i]) == NULL))
			return false;
	return true;
}

static const char *
take_who(struct tenant *tenant, const struct fields_SB_TENANT *order)
{
	if (!is_name(order->tenant_name))
		return "its name is none";
	tenant->name = take_text(order->tenant_name);
	if (order->tenant == 0)
		return "its number is zero";
	if (order->uid == NO_ID || order->gid == NO_ID)
		return "its user or group is none";
	if (order->tenant_flags & ~KNOWN_FLAGS)
		return "it has unknown flags";
	if (order->file_mask > 0777)
		return "its umask is out of range";
	tenant->principal = order->tenant;
	tenant->uid = order->uid;
	tenant->gid = order->gid;
	tenant->flags = order->tenant_flags;
	tenant->file_mask = order->file_mask;
	tenant->has_file_mask = order->has_file_mask;
	return NULL;
}

static const char *
take_places(struct tenant *tenant, const struct fields_SB_TENANT *order)
{
	const struct {
		struct span from;
		char **to;
		const char *wrong;
	} places[] = {
		{ order->shell_path, &tenant->shell_path,
			"its shell is no absolute path" },
		{ order->home, &tenant->home,
			"its home is no absolute path" },
		{ order->cwd, &tenant->cwd,
			"its directory is no absolute path" },
		{ order->temp_dir, &tenant->temp_dir,
			"its directory for temporary files is no absolute "
			"path" },
	};
	size_t i;

	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (places[i].from.len == 0 || places[i].from.p[0] != '/' ||
		    has_nul(places[i].from))
			return places[i].wrong;
		*places[i].to = take_text(places[i].from);
	}
	tenant->shell_name = strrchr(tenant->shell_path, '/') + 1;
	return NULL;
}

/* A list of numbers of 32 bits, none of them NO_ID. */
static int
take_ids(struct span list, uint32_t **ids, size_t *count)
{
	struct cursor c;
	struct span item;

	_Static_assert(sizeof(uid_t) == sizeof(uint32_t) &&
	    sizeof(gid_t) == sizeof(uint32_t), "as they are on the wire");
	*ids = xcalloc(proto_list_count(list) + 1, sizeof(**ids));
	while (proto_list_next(&list, &item)) {
		cursor_init(&c, item.p, item.len);
		(*ids)[*count] = cursor_u32(&c);
		if (!cursor_done(&c) || (*ids)[*count] == NO_ID)
			return -1;
		(*count)++;
	}
	return 0;
}

static const char *
take_tokens(struct tenant *tenant, struct span list)
{
	struct span item;

	tenant->tokens = xcalloc(proto_list_count(list) + 1,
	    sizeof(*tenant->tokens));
	while (proto_list_next(&list, &item)) {
		if (item.len != TOKEN_HASH_SIZE)
			return "a token is no SHA-256";
		memcpy(tenant->tokens[tenant->ntokens++], item.p, item.len);
	}
	return NULL;
}

static const char *
take_proofs(struct tenant *tenant, const struct fields_SB_TENANT *order)
{
	if (take_ids(order->groups, &tenant->groups, &tenant->ngroups) == -1)
		return "a group is none";
	if (take_ids(order->peer_uids, &tenant->peer_uids,
		&tenant->npeer_uids) == -1)
		return "a local user is none";
	return take_tokens(tenant, order->token_hashes);
}

static char **
own_environment(void)
{
	size_t count, i;
	char **copy;

	for (count = 0; environ[count] != NULL; count++)
		continue;
	copy = xcalloc(count + 1, sizeof(*copy));
	for (i = 0; i < count; i++)
		copy[i] = xstrdup(environ[i]);
	return copy;
}

static const char *
take_environment(struct tenant *tenant, const struct fields_SB_TENANT *order)
{
	struct span list = order->environment;
	const uint8_t *equals;
	struct span item;
	size_t count = 0;

	if (!order->has_environment) {
		tenant->environment = own_environment();
		return NULL;
	}
	tenant->environment = xcalloc(proto_list_count(list) + 1,
	    sizeof(*tenant->environment));
	while (proto_list_next(&list, &item)) {
		equals = memchr(item.p, '=', item.len);
		if (equals == NULL || equals == item.p || has_nul(item))
			return "a variable of its environment is none";
		tenant->environment[count++] = take_text(item);
	}
	return NULL;
}

static const char *
take_rlimits(struct tenant *tenant, struct span list)
{
	struct tenant_rlimit *to;
	struct span item;
	struct cursor c;
	uint32_t resource;

	tenant->rlimits = xcalloc(proto_list_count(list) + 1,
	    sizeof(*tenant->rlimits));
	while (proto_list_next(&list, &item)) {
		to = &tenant->rlimits[tenant->nrlimits++];
		cursor_init(&c, item.p, item.len);
		resource = cursor_u32(&c);
		to->resource = (int)resource;
		to->limit.rlim_cur = cursor_u64(&c);
		to->limit.rlim_max = cursor_u64(&c);
		if (!cursor_done(&c) || resource >= RLIM_NLIMITS ||
		    to->limit.rlim_cur > to->limit.rlim_max)
			return "a resource limit is none";
	}
	return NULL;
}

/* "memory.max" and its like: never a path, never one of cgroup's own. */
static bool
is_controller_file(struct span name)
{
	size_t i;

	for (i = 0; i < name.len; i++)
		if (!islower(name.p[i]) && !isdigit(name.p[i]) &&
		    name.p[i] != '.' && name.p[i] != '_')
			return false;
	return name.len > 2 && islower(name.p[0]) &&
	    memchr(name.p, '.', name.len) != NULL &&
	    !(name.len > 7 && memcmp(name.p, "cgroup.", 7) == 0);
}

static const char *
take_cgroup_limits(struct span *limits, struct span list)
{
	struct span left = list, item, file;
	const uint8_t *nul;

	while (proto_list_next(&left, &item)) {
		nul = memchr(item.p, '\0', item.len);
		if (nul == NULL)
			return "a limit of its cgroup is none";
		file = (struct span){ item.p, (size_t)(nul - item.p) };
		if (!is_controller_file(file) || file.len + 1 == item.len ||
		    memchr(nul + 1, '\0', item.len - file.len - 1) != NULL)
			return "a limit of its cgroup is none";
	}
	limits->p = (uint8_t *)take_text(list);
	limits->len = list.len;
	return NULL;
}

const char *
tenant_take_budgets(struct span list, uint64_t budgets[BUDGET_COUNT])
{
	bool taken[BUDGET_COUNT] = { false };
	struct cursor c;
	struct span item;
	uint32_t number;
	uint64_t value;

	memset(budgets, 0, BUDGET_COUNT * sizeof(*budgets));
	while (proto_list_next(&list, &item)) {
		cursor_init(&c, item.p, item.len);
		number = cursor_u32(&c);
		value = cursor_u64(&c);
		if (!cursor_done(&c) || number == 0 ||
		    number >= BUDGET_COUNT || taken[number])
			return "a budget is none, or is there twice";
		taken[number] = true;
		budgets[number] = value;
	}
	return NULL;
}

static const char *
take_limits(struct tenant *tenant, const struct fields_SB_TENANT *order)
{
	const char *wrong = take_rlimits(tenant, order->rlimits);

	if (wrong == NULL)
		wrong = take_cgroup_limits(&tenant->cgroup_limits,
		    order->cgroup_limits);
	if (wrong == NULL)
		wrong = take_cgroup_limits(&tenant->session_limits,
		    order->session_cgroup_limits);
	if (wrong == NULL)
		wrong = tenant_take_budgets(order->budgets, tenant->budgets);
	tenant->detach_ttl_ms = order->detach_ttl_ms;
	tenant->max_detach_ttl_ms = order->max_detach_ttl_ms;
	return wrong;
}

struct tenant *
tenant_new(const struct fields_SB_TENANT *order, const char **wrong)
{
	struct tenant *tenant = xcalloc(1, sizeof(*tenant));

	*wrong = take_who(tenant, order);
	if (*wrong == NULL)
		*wrong = take_places(tenant, order);
	if (*wrong == NULL)
		*wrong = take_proofs(tenant, order);
	if (*wrong == NULL)
		*wrong = take_environment(tenant, order);
	if (*wrong == NULL)
		*wrong = take_limits(tenant, order);
	if (*wrong != NULL) {
		tenant_free(tenant);
		return NULL;
	}
	snprintf(tenant->whose, sizeof(tenant->whose), "tenant %s",
	    tenant->name);
	budget_init(&tenant->account, tenant->whose);
	budget_set_limits(&tenant->account, tenant->budgets);
	return tenant;
}

void
tenant_free(struct tenant *tenant)
{
	size_t i;

	if (tenant == NULL)
		return;
	for (i = 0; tenant->environment != NULL &&
	    tenant->environment[i] != NULL; i++)
		free(tenant->environment[i]);
	free(tenant->environment);
	free((void *)(uintptr_t)tenant->cgroup_limits.p);
	free((void *)(uintptr_t)tenant->session_limits.p);
	free(tenant->rlimits);
	free(tenant->groups);
	free(tenant->tokens);
	free(tenant->peer_uids);
	free(tenant->shell_path);
	free(tenant->home);
	free(tenant->temp_dir);
	free(tenant->cwd);
	free(tenant->name);
	free(tenant);
}
