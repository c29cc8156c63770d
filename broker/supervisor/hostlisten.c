/* SPDX-License-Identifier: ISC */
/* The listeners of a configuration: who is to be had where, by which proof. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/supervisor/hostcheck.h"
#include "common/origin.h"
#include "common/xmalloc.h"

#define LISTENERS_MAX 64

/* A listener in the making. */
struct making {
	struct host_check *c;
	const struct host_listener_keys *keys;	/* NULL: of "listen" */
	struct host_listener *listener;
	size_t number;		/* in the file */
	int known;		/* its address is understood */
	int metrics;		/* it is for those who scrape */
};

static const struct {
	const char *word;
	uint32_t bit;
} admissions[] = {
	{ "token", ADMIT_TOKEN },
	{ "signed", ADMIT_SIGNED },
	{ "peer-uid", ADMIT_PEER_UID },
	{ "none", ADMIT_NONE },
};

static const char *
at(const struct making *m, const char *key, char *path)
{
	if (m->keys == NULL)
		return host_path(path, m->metrics ? "metrics" : "listen");
	return host_path(path, "listeners[%zu].%s", m->number, key);
}

static void
take_address(struct making *m, const char *url)
{
	const struct host *host = m->c->host;
	struct listen_addr *addr = &m->listener->addr;
	const char *refused = listen_parse(url, addr);
	char path[HOST_PATH_SIZE];
	size_t i;

	if (m->metrics && (refused != NULL || !addr->metrics))
		refused = "must look like metrics://IP:PORT";
	else if (refused == NULL && addr->metrics && !m->metrics)
		refused = "goes with \"metrics\"";
	at(m, "address", path);
	if (refused != NULL) {
		host_wrong(m->c, path, "\"%.80s\" %s", url, refused);
		memset(addr, 0, sizeof(*addr));
		return;
	}
	m->known = 1;
	for (i = 0; i < m->number; i++)
		if (host_same_address(addr, &host->listeners[i].addr) &&
		    !host_any_port(addr))
			host_wrong(m->c, path, "\"%.80s\" is there twice",
			    url);
}

static void
add_tenant(struct host_listener *listener, uint64_t number)
{
	size_t i;

	for (i = 0; i < listener->ntenants; i++)
		if (listener->tenants[i] == number)
			return;
	listener->tenants[listener->ntenants++] = number;
}

static const struct host_tenant *
find_tenant(const struct host *host, const char *name)
{
	size_t i;

	for (i = 0; i < host->ntenants; i++)
		if (host->tenants[i].name != NULL &&
		    strcmp(host->tenants[i].name, name) == 0)
			return &host->tenants[i];
	return NULL;
}

static void
take_tenants(struct making *m)
{
	const struct host *host = m->c->host;
	const struct host_tenant *tenant;
	char path[HOST_PATH_SIZE];
	size_t i, named = m->keys == NULL ? 0 : m->keys->tenants.count;

	m->listener->tenants = xcalloc(host->ntenants + 1, sizeof(uint64_t));
	if (m->keys == NULL || !host_given(m->c, at(m, "tenants", path))) {
		for (i = 0; i < host->ntenants; i++)
			add_tenant(m->listener, host->tenants[i].number);
		return;
	}
	if (named == 0)
		host_wrong(m->c, path, "names nobody; leave it out for all");
	for (i = 0; i < named; i++) {
		tenant = find_tenant(host, m->keys->tenants.items[i]);
		if (tenant != NULL)
			add_tenant(m->listener, tenant->number);
		else
			host_wrong(m->c, host_path(path,
			    "listeners[%zu].tenants[%zu]", m->number, i),
			    "there is no tenant \"%.80s\"",
			    m->keys->tenants.items[i]);
	}
}

static int
serves(const struct host_listener *listener, uint64_t number)
{
	size_t i;

	for (i = 0; i < listener->ntenants; i++)
		if (listener->tenants[i] == number)
			return 1;
	return 0;
}

/* Whether somebody who is to be had here has a token. */
static int
has_tokens(const struct making *m)
{
	const struct host *host = m->c->host;
	size_t i;

	for (i = 0; i < host->ntenants; i++)
		if (host->tenants[i].ntokens > 0 &&
		    serves(m->listener, host->tenants[i].number))
			return 1;
	return 0;
}

static uint32_t
preset_admission(const struct making *m)
{
	const struct options *o = m->c->o;
	uint32_t bits = 0;

	if (m->keys == NULL && o->auth == OPTIONS_AUTH_NONE)
		return ADMIT_NONE;
	if (o->ws_auth == OPTIONS_WS_TOKEN)
		return ADMIT_TOKEN;
	if (o->ws_auth == OPTIONS_WS_SIGNED)
		return ADMIT_SIGNED;
	if (has_tokens(m))
		bits |= ADMIT_TOKEN;
	if (m->c->host->secret != NULL)
		bits |= ADMIT_SIGNED;
	/* Said with words if it alone would be left, and of no use. */
	if (listen_is_loopback(&m->listener->addr) || bits == 0)
		bits |= ADMIT_PEER_UID;
	return bits;
}

static uint32_t
named_admission(const struct making *m)
{
	const struct conf_list *words = &m->keys->admission;
	char path[HOST_PATH_SIZE];
	uint32_t bits = 0;
	size_t i, j;

	for (i = 0; i < words->count; i++) {
		for (j = 0; j < 4; j++)
			if (strcmp(words->items[i], admissions[j].word) == 0)
				break;
		if (j < 4)
			bits |= admissions[j].bit;
		else
			host_wrong(m->c, host_path(path,
			    "listeners[%zu].admission[%zu]", m->number, i),
			    "must be one of token signed peer-uid none, not "
			    "\"%.60s\"", words->items[i]);
	}
	if (words->count == 0)
		host_wrong(m->c, at(m, "admission", path), "lets nobody in");
	return bits;
}

static void
check_admission(const struct making *m)
{
	const struct host_listener *listener = m->listener;
	uint32_t local = listener->admission & (ADMIT_NONE | ADMIT_PEER_UID);
	char path[HOST_PATH_SIZE], url[LISTEN_URL_SIZE];

	at(m, "admission", path);
	if (local != 0 && m->known && !listen_is_loopback(&listener->addr))
		host_wrong(m->c, path, "\"%s\" can be reached from other "
		    "hosts, and %s %s works on loopback addresses only",
		    listen_format(&listener->addr, url),
		    m->keys == NULL ? "auth" : "admission",
		    local & ADMIT_NONE ? "none" : "peer-uid");
	if ((listener->admission & ADMIT_SIGNED) &&
	    m->c->host->secret == NULL &&
	    m->c->o->signed_tokens.secret_file == NULL &&
	    m->c->o->ws_auth == OPTIONS_WS_NONE)
		host_wrong(m->c, path, "takes signed tokens, and "
		    "\"signed-tokens\" is not there");
	if ((listener->admission & ADMIT_NONE) && listener->ntenants > 1)
		host_wrong(m->c, path, "without a proof only one tenant can "
		    "be served, and there are %zu", listener->ntenants);
	if ((listener->admission & ADMIT_NONE) &&
	    listener->admission != ADMIT_NONE)
		host_wrong(m->c, path, "none does not go with anything else");
}

static void
take_admission(struct making *m)
{
	char path[HOST_PATH_SIZE];

	if (m->keys != NULL && host_given(m->c, at(m, "admission", path)))
		m->listener->admission = named_admission(m);
	else if (m->known)
		m->listener->admission = preset_admission(m);
	check_admission(m);
}

static void
take_origins(struct making *m)
{
	const struct conf_list *origins = &m->keys->origins;
	char path[HOST_PATH_SIZE], origin[ORIGIN_SIZE];
	const char *refused;
	size_t i, bytes = 0;

	for (i = 0; i < origins->count; i++) {
		refused = origin_normalise(span_str(origins->items[i]),
		    origin);
		if (refused != NULL) {
			host_wrong(m->c, host_path(path,
			    "listeners[%zu].origins[%zu]", m->number, i),
			    "\"%.80s\" %s", origins->items[i], refused);
			continue;
		}
		bytes += sizeof(uint32_t) + strlen(origin);
		conf_list_add(&m->listener->origins, origin);
	}
	if (bytes > 8192)
		host_wrong(m->c, at(m, "origins", path), "is more than fits "
		    "a message (8192 bytes)");
}

/* "listeners" and "listen" call them differently. */
static void
take_certs(struct making *m)
{
	const struct options *o = m->c->o;
	const char *chain = m->keys == NULL ? o->tls_certificate :
	    m->keys->certificate;
	const char *key = m->keys == NULL ? o->tls_key : m->keys->key;
	const char *chain_key = m->keys == NULL ? "tls-certificate" :
	    "certificate";
	const char *key_key = m->keys == NULL ? "tls-key" : "key";
	char path[HOST_PATH_SIZE], why[CERTS_WHY_SIZE];

	if (!m->listener->addr.tls) {
		if (m->keys != NULL && m->known &&
		    (chain != NULL || key != NULL))
			host_wrong(m->c, at(m, chain != NULL ? chain_key :
			    key_key, path), "is for wss:// addresses only");
		return;
	}
	at(m, "address", path);
	if (chain == NULL || key == NULL)
		host_wrong(m->c, path, "wss:// needs \"%s\" and \"%s\"",
		    chain_key, key_key);
	else if (certs_load(&m->listener->certs, chain, key, why) == -1)
		host_wrong(m->c, path, "%s", why);
}

/* Whose the socket in the file system is, and who may connect to it. */
static void
take_file(struct making *m)
{
	const struct host_listener_keys *keys = m->keys;
	struct listen_addr *addr = &m->listener->addr;
	struct host_user user;
	char path[HOST_PATH_SIZE];

	if (m->known && !listen_is_unix(addr)) {
		if (keys->mode != CONF_UNSET || keys->owner != NULL ||
		    keys->group != NULL)
			host_wrong(m->c, at(m, keys->mode != CONF_UNSET ?
			    "mode" : keys->owner != NULL ? "owner" : "group",
			    path), "is for unix: addresses only");
		return;
	}
	if (keys->mode != CONF_UNSET)
		addr->mode = (mode_t)keys->mode;
	if (keys->owner != NULL) {
		if (host_find_user(keys->owner, &user) == -1)
			host_wrong(m->c, at(m, "owner", path), "there is no "
			    "user \"%.80s\"", keys->owner);
		else
			addr->owner = user.uid;
		host_user_clear(&user);
	}
	if (keys->group != NULL &&
	    host_find_group(keys->group, &addr->group) == -1)
		host_wrong(m->c, at(m, "group", path), "there is no group "
		    "\"%.80s\"", keys->group);
}

static void
take_pool(struct making *m)
{
	const struct host_listener_keys *keys = m->keys;
	struct host *host = m->c->host;
	struct host_pool *pool;
	char path[HOST_PATH_SIZE];

	m->listener->pool_gateways = keys->gateways;
	if (keys->gateways == CONF_UNSET && keys->gateway_user == NULL)
		return;
	host->pools = xreallocarray(host->pools, host->npools + 1,
	    sizeof(*host->pools));
	m->listener->pool = (unsigned int)host->npools;
	pool = &host->pools[host->npools++];
	*pool = host->pools[0];
	if (keys->gateways != CONF_UNSET)
		pool->gateways = (unsigned int)keys->gateways;
	if (keys->gateway_user != NULL)
		host_take_gateway_user(m->c, pool, keys->gateway_user,
		    at(m, "gateway-user", path));
	if (keys->gateway_user != NULL && pool->drop)
		m->listener->pool_uid = pool->uid;
}

static void
take_listener(struct host_check *c, size_t number,
    const struct host_listener_keys *keys, const char *url)
{
	struct making m = {
		.c = c,
		.keys = keys,
		.listener = &c->host->listeners[number],
		.number = number,
	};

	m.listener->certs = (struct certs)CERTS_NONE;
	writer_init(&m.listener->proxies, PROXIES_MAX);
	m.listener->pool_gateways = CONF_UNSET;
	m.listener->pool_uid = (uid_t)-1;
	if (url != NULL)
		take_address(&m, url);
	take_tenants(&m);
	take_admission(&m);
	take_certs(&m);
	if (keys == NULL)
		return;
	take_origins(&m);
	host_take_proxies(c, m.listener, keys, number, m.known);
	take_file(&m);
	take_pool(&m);
}

/* Nobody is let in there, and gateways of their own look after them. */
static void
take_metrics(struct host_check *c, size_t number, const char *url)
{
	struct host *host = c->host;
	struct making m = {
		.c = c,
		.listener = &host->listeners[number],
		.number = number,
		.metrics = 1,
	};

	m.listener->certs = (struct certs)CERTS_NONE;
	m.listener->pool_gateways = CONF_UNSET;
	m.listener->pool_uid = (uid_t)-1;
	m.listener->tenants = xcalloc(1, sizeof(uint64_t));
	take_address(&m, url);
	if (host->npools == 0 || !host->pools[host->npools - 1].metrics) {
		host->pools = xreallocarray(host->pools, host->npools + 1,
		    sizeof(*host->pools));
		host->pools[host->npools] = host->pools[0];
		host->pools[host->npools].gateways = 1;
		host->pools[host->npools++].metrics = 1;
	}
	m.listener->pool = (unsigned int)host->npools - 1;
}

void
host_take_listeners(struct host_check *c)
{
	const struct host_listener_keys *rows = c->o->listeners.rows;
	const struct options *o = c->o;
	struct host *host = c->host;
	size_t i, count, all;

	count = o->listeners.count > 0 ? o->listeners.count : o->listen.count;
	all = count + o->metrics.count;
	if ((o->tls_certificate == NULL) != (o->tls_key == NULL))
		host_wrong(c, o->tls_key == NULL ? "tls-certificate" :
		    "tls-key", "goes with the other of the two");
	if (o->listeners.count > 0 && o->listen.count > 0)
		host_wrong(c, "listen", "does not go with \"listeners\"");
	if (count == 0) {
		host_wrong(c, host_given(c, "listeners") ? "listeners" :
		    "listen", "needs at least one address");
		return;
	}
	if (all > LISTENERS_MAX) {
		host_wrong(c, "listeners", "are %zu, at most %d can be", all,
		    LISTENERS_MAX);
		return;
	}
	host->listeners = xcalloc(all, sizeof(*host->listeners));
	for (i = 0; i < count; i++) {
		host->nlisteners = i + 1;
		if (o->listeners.count > 0)
			take_listener(c, i, &rows[i], rows[i].address);
		else
			take_listener(c, i, NULL, o->listen.items[i]);
	}
	for (i = 0; i < o->metrics.count; i++) {
		host->nlisteners = count + i + 1;
		take_metrics(c, count + i, o->metrics.items[i]);
	}
}
