/* SPDX-License-Identifier: ISC */
/* Telling the broker who is served where. */
#include "config.h"

#include <string.h>

#include "broker/supervisor/hostconf.h"
#include "broker/supervisor/hostwire.h"
#include "broker/listen.h"
#include "broker/supervisor/options.h"
#include "common/chan.h"
#include "common/log.h"

/* The lists of a tenant, in the order in which they are written. */
enum list {
	GROUPS,
	ENVIRONMENT,
	TOKENS,
	PEERS,
	RLIMITS,
	CGROUP,
	SESSION_CGROUP,
	BUDGETS,
	LIST_COUNT
};

/* Their keys and the largest length of each in bytes; see PROTO_TAGS. */
static const struct {
	const char *key;
	size_t max;
} lists[LIST_COUNT] = {
	[GROUPS] = { "groups", 16384 },
	[ENVIRONMENT] = { "environment", 16384 },
	[TOKENS] = { "tokens-sha256", 8192 },
	[PEERS] = { "peer-uids", 8192 },
	[RLIMITS] = { "resource-limits", 2048 },
	[CGROUP] = { "cgroup-limits", 4096 },
	[SESSION_CGROUP] = { "session-cgroup-limits", 4096 },
	[BUDGETS] = { "limits", 1024 },
};

static struct span
written(const struct writer *w)
{
	return (struct span){ w->p, w->len };
}

static void
put_u32_item(struct writer *w, uint32_t value)
{
	writer_put_u32(w, sizeof(value));
	writer_put_u32(w, value);
}

static void
put_budgets(struct writer *w, const uint64_t *budgets)
{
	uint32_t i;

	for (i = 1; i < BUDGET_COUNT; i++) {
		if (budgets[i] == 0)
			continue;
		writer_put_u32(w, sizeof(i) + sizeof(budgets[i]));
		writer_put_u32(w, i);
		writer_put_u64(w, budgets[i]);
	}
}

static void
put_rlimits(struct writer *w, const struct host_tenant *tenant)
{
	const struct host_rlimit *limit = tenant->rlimits;
	size_t i;

	for (i = 0; i < tenant->nrlimits; i++, limit++) {
		writer_put_u32(w, sizeof(limit->resource) +
		    sizeof(limit->soft) + sizeof(limit->hard));
		writer_put_u32(w, limit->resource);
		writer_put_u64(w, limit->soft);
		writer_put_u64(w, limit->hard);
	}
}

static void
put_strings(struct writer *w, const struct conf_list *list)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		proto_list_add(w, span_str(list->items[i]));
}

/* FILE=VALUE becomes FILE, a NUL, VALUE. */
static void
put_cgroup(struct writer *w, const struct conf_list *list)
{
	const char *item;
	size_t i, name, len;

	for (i = 0; i < list->count; i++) {
		item = list->items[i];
		name = strcspn(item, "=");
		len = strlen(item);
		writer_put_u32(w, (uint32_t)len);
		writer_put(w, item, name);
		writer_put_u8(w, 0);
		writer_put(w, item + name + 1, len - name - 1);
	}
}

static void
put_lists(struct writer *w, const struct host_tenant *tenant)
{
	size_t i;

	for (i = 0; i < LIST_COUNT; i++)
		writer_init(&w[i], lists[i].max);
	for (i = 0; i < tenant->ngroups; i++)
		put_u32_item(&w[GROUPS], tenant->groups[i]);
	put_strings(&w[ENVIRONMENT], &tenant->environment);
	for (i = 0; i < tenant->ntokens; i++)
		proto_list_add(&w[TOKENS],
		    (struct span){ tenant->tokens[i], HOST_HASH_SIZE });
	for (i = 0; i < tenant->npeers; i++)
		put_u32_item(&w[PEERS], tenant->peers[i]);
	put_rlimits(&w[RLIMITS], tenant);
	put_cgroup(&w[CGROUP], &tenant->cgroup_limits);
	put_cgroup(&w[SESSION_CGROUP], &tenant->session_cgroup_limits);
	put_budgets(&w[BUDGETS], tenant->budgets);
}

static void
clear_lists(struct writer *w)
{
	size_t i;

	for (i = 0; i < LIST_COUNT; i++)
		writer_clear(&w[i]);
}

static void
fill_tenant(struct fields_SB_TENANT *msg, const struct host_tenant *tenant,
    const struct writer *w)
{
	*msg = (struct fields_SB_TENANT){
		.tenant = tenant->number,
		.tenant_name = span_str(tenant->name),
		.uid = tenant->uid,
		.gid = tenant->gid,
		.groups = written(&w[GROUPS]),
		.shell_path = span_str(tenant->shell),
		.home = span_str(tenant->home),
		.cwd = span_str(tenant->directory),
		.temp_dir = span_str(tenant->temporary),
		.file_mask = tenant->umask,
		.has_file_mask = true,
		.environment = written(&w[ENVIRONMENT]),
		.has_environment = !tenant->self,
		.tenant_flags = tenant->flags,
		.token_hashes = written(&w[TOKENS]),
		.has_token_hashes = true,
		.peer_uids = written(&w[PEERS]),
		.has_peer_uids = true,
		.rlimits = written(&w[RLIMITS]),
		.has_rlimits = tenant->nrlimits > 0,
		.cgroup_limits = written(&w[CGROUP]),
		.has_cgroup_limits = tenant->cgroup_limits.count > 0,
		.session_cgroup_limits = written(&w[SESSION_CGROUP]),
		.has_session_cgroup_limits =
		    tenant->session_cgroup_limits.count > 0,
		.detach_ttl_ms = tenant->detach_ttl_ms,
		.has_detach_ttl_ms = tenant->detach_ttl_ms != 0,
		.max_detach_ttl_ms = tenant->max_detach_ttl_ms,
		.has_max_detach_ttl_ms = tenant->max_detach_ttl_ms != 0,
		.budgets = written(&w[BUDGETS]),
		.has_budgets = true,
	};
}

const char *
hostwire_excess(const struct host_tenant *tenant)
{
	struct fields_SB_TENANT msg;
	const struct {
		const char *key, *text;
	} texts[] = {
		{ "shell", tenant->shell },
		{ "home", tenant->home },
		{ "directory", tenant->directory },
		{ "temporary-directory", tenant->temporary },
	};
	struct writer w[LIST_COUNT], whole;
	const char *key = NULL;
	size_t i;

	put_lists(w, tenant);
	for (i = 0; i < LIST_COUNT; i++)
		if (w[i].failed)
			key = lists[i].key;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strlen(texts[i].text) > HOST_PATH_MAX)
			key = texts[i].key;
	if (key == NULL) {
		fill_tenant(&msg, tenant, w);
		writer_init(&whole, proto_row(MSG_SB_TENANT)->max);
		proto_encode(&whole, MSG_SB_TENANT, &msg);
		if (whole.failed)
			key = "environment";
		writer_clear(&whole);
	}
	clear_lists(w);
	return key;
}

static void
send_tenant(struct chan *chan, const struct host_tenant *tenant)
{
	struct fields_SB_TENANT msg;
	struct writer w[LIST_COUNT];

	put_lists(w, tenant);
	fill_tenant(&msg, tenant, w);
	chan_send(chan, MSG_SB_TENANT, &msg, NULL, 0);
	clear_lists(w);
}

static void
send_listener(struct chan *chan, const struct host_listener *listener)
{
	struct writer tenants;
	struct fields_SB_LISTENER msg = {
		.pool = listener->pool,
		.admission = listener->admission,
	};
	char url[LISTEN_URL_SIZE];
	size_t i;

	writer_init(&tenants, 49152);
	for (i = 0; i < listener->ntenants; i++) {
		writer_put_u32(&tenants, sizeof(uint64_t));
		writer_put_u64(&tenants, listener->tenants[i]);
	}
	msg.listener = span_str(listen_format(&listener->addr, url));
	msg.tenants = written(&tenants);
	msg.proxies = written(&listener->proxies);
	msg.has_proxies = listener->proxies.len > 0;
	chan_send(chan, MSG_SB_LISTENER, &msg, NULL, 0);
	writer_clear(&tenants);
}

static void
fill_signed(struct fields_SB_HOST *msg, const struct host *host)
{
	msg->secret = (struct span){ host->secret, host->secret_len };
	msg->has_secret = true;
	msg->skew_ms = host->skew_ms;
	msg->has_skew_ms = true;
	msg->has_issuer = host->issuer != NULL;
	if (msg->has_issuer)
		msg->issuer = span_str(host->issuer);
	msg->has_audience = host->audience != NULL;
	if (msg->has_audience)
		msg->audience = span_str(host->audience);
	msg->has_claim = host->claim != NULL;
	if (msg->has_claim)
		msg->claim = span_str(host->claim);
	msg->tenant_for_all = host->tenant_for_all;
	msg->has_tenant_for_all = host->tenant_for_all != 0;
}

static void
send_host(struct chan *chan, const struct host *host, const struct options *o,
    uint64_t count)
{
	struct writer budgets;
	struct fields_SB_HOST msg = {
		.count = count,
		.detach_ttl_ms = o->detach_ttl_ms,
		.max_detach_ttl_ms = o->max_detach_ttl_ms,
		.retention_ms = o->retention_ms,
		.retain_bytes = o->retain_bytes,
		.spill_bytes = o->spill_bytes,
		.has_spill_bytes = true,
		.hold_ms = o->hold_ms,
		.loss_ttl_ms = o->gateway_loss_ttl_ms,
		.has_loss_ttl_ms = true,
		.reconnect_ms = o->reconnect_window_ms,
		.has_reconnect_ms = true,
		.max_processes = (uint32_t)o->max_processes,
		.has_budgets = true,
		.require_cgroups = host->require_cgroups,
		.has_require_cgroups = true,
	};

	writer_init(&budgets, 1024);
	put_budgets(&budgets, host->budgets);
	msg.budgets = written(&budgets);
	msg.has_spill_directory = o->spill_directory != NULL;
	if (msg.has_spill_directory)
		msg.spill_directory = span_str(o->spill_directory);
	msg.has_cgroup_root = host->cgroup_root != NULL;
	if (msg.has_cgroup_root)
		msg.cgroup_root = span_str(host->cgroup_root);
	if (host->secret != NULL)
		fill_signed(&msg, host);
	chan_send(chan, MSG_SB_HOST, &msg, NULL, 0);
	writer_clear(&budgets);
}

void
hostwire_send(struct chan *chan, const struct host *host,
    const struct options *o, uint64_t count)
{
	struct fields_PING commit = { .count = count };
	size_t i;

	send_host(chan, host, o, count);
	for (i = 0; i < host->nlisteners; i++)
		if (!host->listeners[i].retired)
			send_listener(chan, &host->listeners[i]);
	for (i = 0; i < host->ntenants; i++)
		send_tenant(chan, &host->tenants[i]);
	chan_send(chan, MSG_SB_COMMIT, &commit, NULL, 0);
}
