/* SPDX-License-Identifier: ISC */
/* Who is served where, and by which rules. */
#include "config.h"

#include <ctype.h>
#include <sha2.h>
#include <stdlib.h>
#include <string.h>

#include "broker/hostconf.h"
#include "broker/options.h"
#include "common/log.h"
#include "common/xmalloc.h"

#define NAME_LENGTH_MAX 63

uint64_t
host_number(const char *name)
{
	uint8_t hash[SHA256_DIGEST_LENGTH];
	uint64_t number = 0;
	SHA2_CTX ctx;
	size_t i;

	SHA256Init(&ctx);
	SHA256Update(&ctx, (const uint8_t *)name, strlen(name));
	SHA256Final(hash, &ctx);
	for (i = 0; i < sizeof(number); i++)
		number = number << 8 | hash[i];
	return number;
}

int
host_name_ok(const char *name)
{
	size_t i;

	for (i = 0; name[i] != '\0'; i++)
		if (!islower((unsigned char)name[i]) &&
		    !isdigit((unsigned char)name[i]) &&
		    (i == 0 || strchr("._-", name[i]) == NULL))
			return 0;
	return i > 0 && i <= NAME_LENGTH_MAX;
}

static void
add_self(struct host *host)
{
	host->tenants = xcalloc(1, sizeof(*host->tenants));
	host->ntenants = 1;
	host_self_tenant(&host->tenants[0]);
}

static void
serve_all(const struct host *host, struct host_listener *listener)
{
	size_t i;

	listener->tenants = xcalloc(host->ntenants, sizeof(uint64_t));
	for (i = 0; i < host->ntenants; i++)
		listener->tenants[i] = host->tenants[i].number;
	listener->ntenants = host->ntenants;
}

static void
add_listeners(struct host *host, const struct options *o)
{
	static const uint32_t admissions[] = {
		[OPTIONS_AUTH_PEER_UID] = ADMIT_PEER_UID,
		[OPTIONS_AUTH_NONE] = ADMIT_NONE,
	};
	size_t i;

	host->nlisteners = o->listen.count;
	if (host->nlisteners == 0)
		return;
	host->listeners = xcalloc(host->nlisteners, sizeof(*host->listeners));
	for (i = 0; i < host->nlisteners; i++) {
		host->listeners[i].addr = o->addrs[i];
		host->listeners[i].admission = admissions[o->auth];
		serve_all(host, &host->listeners[i]);
		host->listeners[i].certs = (struct certs)CERTS_NONE;
		if (o->addrs[i].tls && certs_copy(&host->listeners[i].certs,
		    &o->certs) == -1)
			fatal("certificates");
	}
}

int
host_needs_tls(const struct host *host)
{
	size_t i;

	for (i = 0; i < host->nlisteners; i++)
		if (host->listeners[i].addr.tls)
			return 1;
	return 0;
}

struct host *
host_new(const struct options *o)
{
	struct host *host = xcalloc(1, sizeof(*host));

	host->per_address = HOST_PER_ADDRESS;
	add_self(host);
	add_listeners(host, o);
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

static void
free_listener(struct host_listener *listener)
{
	free(listener->tenants);
	certs_clear(&listener->certs);
	conf_list_clear(&listener->origins);
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
		free_listener(&host->listeners[i]);
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
