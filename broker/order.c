/* SPDX-License-Identifier: ISC */
/* The supervisor's order: taken in parts, checked as a whole, followed. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/auth/source.h"
#include "broker/listen.h"
#include "broker/order.h"
#include "common/log.h"
#include "common/proxies.h"
#include "common/xmalloc.h"

#define KNOWN_ADMISSION \
	(ADMIT_NONE | ADMIT_PEER_UID | ADMIT_TOKEN | ADMIT_SIGNED)
#define UNIX_SCHEME "unix:"

struct order *
order_new(void)
{
	struct order *order = xcalloc(1, sizeof(*order));

	TAILQ_INIT(&order->tenants);
	return order;
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

static const char *
take_secret(struct order_host *to, const struct fields_SB_HOST *host)
{
	if (host->has_secret) {
		if (host->secret.len < ORDER_SECRET_LEAST)
			return "the secret of signed tokens is short";
		to->secret = (uint8_t *)take_text(host->secret);
		to->secret_len = host->secret.len;
	}
	if (host->has_issuer)
		to->issuer = take_text(host->issuer);
	if (host->has_audience)
		to->audience = take_text(host->audience);
	if (host->has_claim)
		to->claim = take_text(host->claim);
	to->skew_ms = host->skew_ms;
	to->tenant_for_all = host->tenant_for_all;
	return NULL;
}

const char *
order_take_host(struct order *order, const struct fields_SB_HOST *host)
{
	struct order_host *to = &order->host;

	order->count = host->count;
	to->detach_ttl_ms = host->detach_ttl_ms;
	to->max_detach_ttl_ms = host->max_detach_ttl_ms;
	if (to->max_detach_ttl_ms < to->detach_ttl_ms)
		to->max_detach_ttl_ms = to->detach_ttl_ms;
	to->retention_ms = host->retention_ms;
	to->retain_bytes = host->retain_bytes;
	to->spill_bytes = host->spill_bytes;
	if (host->has_spill_directory)
		to->spill_directory = take_text(host->spill_directory);
	to->hold_ms = host->hold_ms;
	to->loss_ttl_ms = host->loss_ttl_ms;
	to->reconnect_ms = host->has_reconnect_ms ? host->reconnect_ms :
	    ORDER_RECONNECT_MS;
	to->max_processes = host->max_processes;
	to->require_cgroups = host->require_cgroups;
	if (host->has_cgroup_root)
		to->cgroup_root = take_text(host->cgroup_root);
	if (tenant_take_budgets(host->budgets, to->budgets) != NULL)
		return "a budget of the host is none, or is there twice";
	return take_secret(to, host);
}

/* FNV-1a; the texts are the supervisor's, so nobody looks for two alike. */
static uint64_t
hash_text(struct span text)
{
	uint64_t hash = 14695981039346656037U;
	size_t i;

	for (i = 0; i < text.len; i++)
		hash = (hash ^ text.p[i]) * 1099511628211U;
	return hash;
}

/* Where it listens; TLS is between client and gateway. */
static int
take_address(struct order_listener *to)
{
	static const char tls[] = "wss://";
	static const char metrics[] = "metrics://";
	struct listen_addr addr;
	char url[LISTEN_URL_SIZE];

	if (strncmp(to->url, UNIX_SCHEME, strlen(UNIX_SCHEME)) == 0) {
		to->path = to->url + strlen(UNIX_SCHEME);
		return to->path[0] == '/' ? 0 : -1;
	}
	if (strlen(to->url) >= sizeof(url))
		return -1;
	to->metrics = strncmp(to->url, metrics, strlen(metrics)) == 0;
	if (strncmp(to->url, tls, strlen(tls)) == 0)
		snprintf(url, sizeof(url), "ws://%s",
		    to->url + strlen(tls));
	else if (to->metrics)
		snprintf(url, sizeof(url), "ws://%s",
		    to->url + strlen(metrics));
	else
		snprintf(url, sizeof(url), "%s", to->url);
	if (listen_parse(url, &addr) != NULL)
		return -1;
	return peeruid_end_set(&to->end, (struct sockaddr *)&addr.ss);
}

static int
take_principals(struct order_listener *to, struct span list)
{
	struct cursor c;
	struct span item;

	to->tenants = xcalloc(proto_list_count(list) + 1,
	    sizeof(*to->tenants));
	while (proto_list_next(&list, &item)) {
		cursor_init(&c, item.p, item.len);
		to->tenants[to->ntenants++] = cursor_u64(&c);
		if (!cursor_done(&c))
			return -1;
	}
	return 0;
}

const char *
order_take_listener(struct order *order,
    const struct fields_SB_LISTENER *listener)
{
	struct order_listener *to;

	if (order->nlisteners == ORDER_LISTENERS_MAX)
		return "there are too many listeners";
	to = &order->listeners[order->nlisteners++];
	to->url = take_text(listener->listener);
	to->number = hash_text(listener->listener);
	to->pool = listener->pool;
	to->admission = listener->admission;
	if (take_address(to) == -1)
		return "a listener's address is not understood";
	if ((to->admission == 0) != to->metrics ||
	    to->admission & ~KNOWN_ADMISSION)
		return "a listener admits nobody, or in an unknown way";
	if (take_principals(to, listener->tenants) == -1)
		return "a listener's tenant is none";
	if (!proxies_valid(listener->proxies))
		return "a listener's proxy is none";
	to->proxies = (uint8_t *)take_text(listener->proxies);
	to->proxies_len = listener->proxies.len;
	return NULL;
}

struct tenant *
order_tenant(const struct order *order, uint64_t principal)
{
	struct tenant *tenant;

	TAILQ_FOREACH(tenant, &order->tenants, entry)
		if (tenant->principal == principal)
			break;
	return tenant;
}

struct tenant *
order_tenant_named(const struct order *order, struct span name)
{
	struct tenant *tenant;

	TAILQ_FOREACH(tenant, &order->tenants, entry)
		if (!tenant->removed && span_is(name, tenant->name))
			break;
	return tenant;
}

const char *
order_take_tenant(struct order *order, const struct fields_SB_TENANT *fields)
{
	struct tenant *tenant;
	const char *wrong;

	if (order->ntenants == ORDER_TENANTS_MAX)
		return "there are too many tenants";
	tenant = tenant_new(fields, &wrong);
	if (tenant == NULL)
		return wrong;
	if (order_tenant(order, tenant->principal) != NULL ||
	    order_tenant_named(order, fields->tenant_name) != NULL) {
		tenant_free(tenant);
		return "two tenants have one name or number";
	}
	TAILQ_INSERT_TAIL(&order->tenants, tenant, entry);
	order->ntenants++;
	return NULL;
}

bool
order_serves(const struct order_listener *listener,
    const struct tenant *tenant)
{
	size_t i;

	if (tenant->removed)
		return false;
	for (i = 0; i < listener->ntenants; i++)
		if (listener->tenants[i] == tenant->principal)
			return true;
	return false;
}

struct tenant *
order_only_tenant(const struct order *order,
    const struct order_listener *listener)
{
	struct tenant *tenant, *only = NULL;

	TAILQ_FOREACH(tenant, &order->tenants, entry) {
		if (!order_serves(listener, tenant))
			continue;
		if (only != NULL)
			return NULL;
		only = tenant;
	}
	return only;
}

static const char *
check_listener(const struct order *order,
    const struct order_listener *listener)
{
	size_t i;

	for (i = 0; i < listener->ntenants; i++)
		if (order_tenant(order, listener->tenants[i]) == NULL)
			return "a listener is for a tenant that is not there";
	if (listener->admission & ADMIT_NONE &&
	    order_only_tenant(order, listener) == NULL)
		return "a listener without proof is for several tenants";
	if (listener->proxies_len > 0 && listener->admission & ADMIT_NONE)
		return "a listener takes no proof from a proxy's clients";
	if (!(listener->admission & ADMIT_SIGNED))
		return NULL;
	if (order->host.secret == NULL)
		return "a listener takes signed tokens, and there is no secret";
	if (order->host.claim == NULL && order->host.tenant_for_all == 0 &&
	    order_only_tenant(order, listener) == NULL)
		return "nothing tells which tenant a signed token is for";
	return NULL;
}

static int
compare_tokens(const void *a, const void *b)
{
	return memcmp(((const struct token *)a)->hash,
	    ((const struct token *)b)->hash, TOKEN_HASH_SIZE);
}

/* All tokens in one list; who shows one of them is one tenant. */
static const char *
gather_tokens(struct order *order)
{
	struct token *to;
	struct tenant *tenant;
	size_t count = 0, i;

	TAILQ_FOREACH(tenant, &order->tenants, entry)
		count += tenant->ntokens;
	to = order->tokens = xcalloc(count + 1, sizeof(*order->tokens));
	order->ntokens = count;
	TAILQ_FOREACH(tenant, &order->tenants, entry)
		for (i = 0; i < tenant->ntokens; i++, to++) {
			memcpy(to->hash, tenant->tokens[i], sizeof(to->hash));
			to->principal = tenant->principal;
		}
	qsort(order->tokens, count, sizeof(*order->tokens), compare_tokens);
	for (i = 1; i < count; i++)
		if (compare_tokens(&order->tokens[i - 1],
			&order->tokens[i]) == 0 &&
		    order->tokens[i - 1].principal !=
		    order->tokens[i].principal)
			return "two tenants have one token";
	return NULL;
}

static void
put_rule(struct writer *w, const void *bytes, size_t len)
{
	proto_list_add(w, (struct span){ bytes, len });
}

static void
put_text(struct writer *w, const char *text)
{
	put_rule(w, text == NULL ? "" : text, text == NULL ? 0 :
	    strlen(text) + 1);
}

/* Who was let in by other rules has to show a token again. */
static void
set_signer(struct order *order)
{
	const struct order_host *host = &order->host;
	uint8_t hash[TOKEN_HASH_SIZE];
	struct writer w;

	if (host->secret == NULL)
		return;
	writer_init(&w, 65536);
	put_rule(&w, host->secret, host->secret_len);
	put_text(&w, host->issuer);
	put_text(&w, host->audience);
	put_text(&w, host->claim);
	put_rule(&w, &host->tenant_for_all, sizeof(host->tenant_for_all));
	if (w.failed)
		fatalx("out of memory");
	token_hash((struct span){ w.p, w.len }, hash);
	memcpy(&order->signer, hash, sizeof(order->signer));
	explicit_bzero(w.p, w.len);
	writer_clear(&w);
}

const char *
order_finish(struct order *order)
{
	const char *wrong;
	size_t i;

	for (i = 0; i < order->nlisteners; i++) {
		wrong = check_listener(order, &order->listeners[i]);
		if (wrong != NULL)
			return wrong;
	}
	if (order->host.tenant_for_all != 0 &&
	    order_tenant(order, order->host.tenant_for_all) == NULL)
		return "signed tokens are for a tenant that is not there";
	set_signer(order);
	return gather_tokens(order);
}

bool
order_trusts(const struct order_listener *listener,
    const struct whence *from)
{
	struct proxies_peer peer = {
		.family = from->is_local ? AF_UNIX : from->client.family,
		.uid = from->uid,
	};

	memcpy(peer.address, from->client.address, sizeof(peer.address));
	return proxies_trust((struct span){ listener->proxies,
	    listener->proxies_len }, &peer);
}

const struct order_listener *
order_listener(const struct order *order, uint64_t number)
{
	size_t i;

	for (i = 0; i < order->nlisteners; i++)
		if (order->listeners[i].number == number)
			return &order->listeners[i];
	return NULL;
}

/* What was ordered changes places; what has happened stays. */
static void
exchange(struct tenant *held, struct tenant *fresh)
{
	struct tenant old = *held;

	*held = *fresh;
	held->entry = old.entry;
	held->sessions = old.sessions;
	held->account = old.account;
	budget_set_limits(&held->account, held->budgets);
	held->removed = false;
	old.entry = fresh->entry;
	*fresh = old;
}

static void
keep_tenant(struct order *next, struct order *now, struct tenant *held)
{
	struct tenant *fresh = order_tenant(next, held->principal);

	TAILQ_REMOVE(&now->tenants, held, entry);
	if (fresh != NULL) {
		exchange(held, fresh);
		TAILQ_INSERT_BEFORE(fresh, held, entry);
		TAILQ_REMOVE(&next->tenants, fresh, entry);
		tenant_free(fresh);
	} else if (held->sessions > 0) {
		held->removed = true;
		TAILQ_INSERT_TAIL(&next->tenants, held, entry);
	} else
		tenant_free(held);
}

void
order_replace(struct order **now, struct order *next)
{
	struct tenant *tenant;

	if (*now != NULL)
		while ((tenant = TAILQ_FIRST(&(*now)->tenants)) != NULL)
			keep_tenant(next, *now, tenant);
	order_free(*now);
	*now = next;
}

void
order_release(struct order *order, struct tenant *tenant)
{
	if (--tenant->sessions > 0 || !tenant->removed)
		return;
	TAILQ_REMOVE(&order->tenants, tenant, entry);
	tenant_free(tenant);
}

void
order_free(struct order *order)
{
	struct tenant *tenant;
	size_t i;

	if (order == NULL)
		return;
	while ((tenant = TAILQ_FIRST(&order->tenants)) != NULL) {
		TAILQ_REMOVE(&order->tenants, tenant, entry);
		tenant_free(tenant);
	}
	for (i = 0; i < order->nlisteners; i++) {
		free(order->listeners[i].url);
		free(order->listeners[i].tenants);
		free(order->listeners[i].proxies);
	}
	if (order->host.secret != NULL)
		explicit_bzero(order->host.secret, order->host.secret_len);
	free(order->host.secret);
	free(order->host.issuer);
	free(order->host.audience);
	free(order->host.claim);
	free(order->host.cgroup_root);
	free(order->host.spill_directory);
	free(order->tokens);
	free(order);
}
