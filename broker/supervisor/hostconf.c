/* SPDX-License-Identifier: ISC */
/* Who is served where, and by which rules. */
#include "config.h"

#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "broker/supervisor/hostcheck.h"
#include "broker/supervisor/hostconf.h"
#include "common/log.h"
#include "common/xmalloc.h"

int
host_any_port(const struct listen_addr *addr)
{
	const struct sockaddr_in6 *sin6 = (const void *)&addr->ss;
	const struct sockaddr_in *sin = (const void *)&addr->ss;

	if (addr->ss.ss_family == AF_INET6)
		return sin6->sin6_port == 0;
	return addr->ss.ss_family == AF_INET && sin->sin_port == 0;
}

void
host_set_any_port(struct listen_addr *addr)
{
	struct sockaddr_in6 *sin6 = (void *)&addr->ss;
	struct sockaddr_in *sin = (void *)&addr->ss;

	if (addr->ss.ss_family == AF_INET6)
		sin6->sin6_port = 0;
	else if (addr->ss.ss_family == AF_INET)
		sin->sin_port = 0;
}

int
host_same_address(const struct listen_addr *a, const struct listen_addr *b)
{
	return a->len == b->len && memcmp(&a->ss, &b->ss, a->len) == 0;
}

void
host_take_gateway_user(struct host_check *c, struct host_pool *pool,
    const char *name, const char *path)
{
	struct host_user user;

	if (c->uid != 0)
		return;
	if (host_find_user(name, &user) == -1) {
		host_wrong(c, path, "there is no user \"%.80s\"", name);
		return;
	}
	if (user.uid == 0)
		host_wrong(c, path, "is root");
	pool->drop = 1;
	pool->uid = user.uid;
	pool->gid = user.gid;
	host_user_clear(&user);
}

/* The shared pool; its user is nobody if the usual one was never made. */
static void
take_shared_pool(struct host_check *c)
{
	static int said;	/* once, not at every reload */
	const char *name = c->o->gateway_user;
	struct host_user user;

	c->host->pools = xcalloc(1, sizeof(*c->host->pools));
	c->host->npools = 1;
	c->host->pools[0].gateways = (unsigned int)c->o->gateways;
	if (c->uid == 0 && strcmp(name, GATEWAY_USER) == 0 &&
	    host_find_user(name, &user) == -1) {
		if (!said)
			log_info("there is no user %s; gateways run as "
			    "nobody", name);
		said = 1;
		name = "nobody";
	} else if (c->uid == 0) {
		host_user_clear(&user);
	}
	host_take_gateway_user(c, &c->host->pools[0], name, "gateway-user");
}

int
host_needs_tls(const struct host *host, unsigned int pool)
{
	size_t i;

	for (i = 0; i < host->nlisteners; i++)
		if (host->listeners[i].addr.tls && (pool == HOST_ANY_POOL ||
		    host->listeners[i].pool == pool))
			return 1;
	return 0;
}

/* A job can end whatever runs as its user. */
static void
warn_of_pool(const struct host *host, const struct host_tenant *tenant)
{
	size_t i;

	for (i = 0; i < host->npools; i++)
		if (host->pools[i].drop &&
		    host->pools[i].uid == tenant->uid) {
			log_warnx("tenant %s has the user of gateways: its "
			    "jobs can end them", tenant->name);
			return;
		}
}

static void
warn_of_users(const struct host_check *c)
{
	const struct host *host = c->host;
	const struct host_tenant *tenant;
	size_t i, j;

	if (c->uid != 0 || c->errors->count > 0)
		return;
	for (i = 0; i < host->ntenants; i++) {
		tenant = &host->tenants[i];
		warn_of_pool(host, tenant);
		for (j = 0; j < i; j++)
			if (host->tenants[j].uid == tenant->uid)
				break;
		if (j < i)
			log_warnx("tenants %s and %s are one user: nothing "
			    "keeps their jobs apart", host->tenants[j].name,
			    tenant->name);
	}
}

struct host *
host_new(const struct options *o, uid_t uid, struct conf_errors *errors)
{
	struct host *host = xcalloc(1, sizeof(*host));
	struct host_check c = {
		.o = o,
		.host = host,
		.uid = uid,
		.errors = errors,
	};

	host_take_limits(&c, &o->limits, host->budgets);
	host->per_address = (uint32_t)o->limits.per_address;
	take_shared_pool(&c);
	host_take_tenants(&c);
	host_take_signed(&c);
	host_take_proofs(&c);
	host_take_listeners(&c);
	host_take_audit(&c);
	host->require_cgroups = o->require_cgroups;
	if (o->cgroup_root != NULL) {
		if (o->cgroup_root[0] != '/')
			host_wrong(&c, "cgroup-root", "must be an absolute "
			    "path, not \"%.80s\"", o->cgroup_root);
		if (strlen(o->cgroup_root) > HOST_PATH_MAX)
			host_wrong(&c, "cgroup-root", "is longer than %d "
			    "bytes", HOST_PATH_MAX);
		host->cgroup_root = xstrdup(o->cgroup_root);
	}
	host->admin_group = (gid_t)-1;
	if (o->admin_group != NULL && host_find_group(o->admin_group,
	    &host->admin_group) == -1)
		host_wrong(&c, "admin-group", "there is no group \"%.80s\"",
		    o->admin_group);
	warn_of_users(&c);
	return host;
}

static void
free_tenant(struct host_tenant *tenant)
{
	free(tenant->name);
	free(tenant->groups);
	free(tenant->shell);
	free(tenant->home);
	free(tenant->directory);
	free(tenant->temporary);
	free(tenant->tokens);
	free(tenant->peers);
	free(tenant->rlimits);
	conf_list_clear(&tenant->environment);
	conf_list_clear(&tenant->cgroup_limits);
	conf_list_clear(&tenant->session_cgroup_limits);
}

void
host_listener_clear(struct host_listener *listener)
{
	free(listener->tenants);
	certs_clear(&listener->certs);
	conf_list_clear(&listener->origins);
	writer_clear(&listener->proxies);
}

void
host_free(struct host *host)
{
	size_t i;

	if (host == NULL)
		return;
	for (i = 0; i < host->ntenants; i++)
		free_tenant(&host->tenants[i]);
	for (i = 0; i < host->nlisteners; i++)
		host_listener_clear(&host->listeners[i]);
	if (host->secret != NULL)
		explicit_bzero(host->secret, host->secret_len);
	free(host->tenants);
	free(host->listeners);
	free(host->pools);
	free(host->secret);
	free(host->issuer);
	free(host->audience);
	free(host->claim);
	free(host->cgroup_root);
	free(host->audit_path);
	free(host);
}
