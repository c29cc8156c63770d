/* SPDX-License-Identifier: ISC */
/* Reading the configuration again while everything runs. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/supervisor/hostcheck.h"
#include "broker/supervisor/hostconf.h"
#include "broker/supervisor/options.h"
#include "broker/powers.h"
#include "broker/supervisor/reload.h"
#include "common/log.h"
#include "common/xmalloc.h"

/*
 * What the broker and the gateways can be told at any time.  All else was
 * said when they started, and to those that start later the same is said.
 */
static const char *const at_any_time[] = {
	"auth", "ws-auth", "ws-token-file", "ws-token-sha256",
	"ws-shared-secret-file", "ws-issuer", "ws-audience",
	"ws-max-clock-skew-seconds", "tls-certificate", "tls-key",
	"detach-ttl-ms", "max-detach-ttl-ms", "gateway-loss-ttl-ms",
	"reconnect-window-ms", "retention-ms", "retain-bytes",
	"hold-ms", "max-processes", "stop-grace-ms", "listen", "listeners",
	"metrics",
	"tenants", "limits", "signed-tokens", "cgroup-root",
	"require-cgroups", "audit", "check", "help", "version", NULL
};

static int
is_changeable(const char *name)
{
	size_t i;

	for (i = 0; at_any_time[i] != NULL; i++)
		if (strcmp(at_any_time[i], name) == 0)
			return 1;
	return 0;
}

/* Put the old value where the new one is, which goes where that was. */
static void
keep_old(const struct conf_key *key, struct options *new, struct options *old)
{
	if (conf_equal(key, new, old))
		return;
	log_warnx("%s has changed, which takes a restart", key->name);
	conf_swap(key, new, old);
}

static void
keep_unchangeable(struct options *new, struct options *old)
{
	size_t i;

	for (i = 0; i < options_nkeys; i++)
		if (!is_changeable(options_keys[i].name))
			keep_old(&options_keys[i], new, old);
}

/* "listen" with a free port is the one that was picked, by its place. */
static int
is_same(const struct host_listener *new, const struct host_listener *old,
    int same_place)
{
	struct listen_addr any = old->addr;

	if (new->addr.tls != old->addr.tls ||
	    new->addr.metrics != old->addr.metrics)
		return 0;
	if (host_same_address(&new->addr, &old->addr))
		return 1;
	host_set_any_port(&any);
	return same_place && host_any_port(&new->addr) &&
	    host_same_address(&new->addr, &any);
}

static void
log_listener(const struct host_listener *listener, const char *what)
{
	char url[LISTEN_URL_SIZE];

	log_warnx("%s %s", listen_format(&listener->addr, url), what);
}

/* What an open listener is to be from now on, in the open one's place. */
static void
take_over(struct host_listener *to, struct host_listener *open,
    struct host_listener *from)
{
	if (from->pool_gateways != open->pool_gateways ||
	    from->pool_uid != open->pool_uid)
		log_listener(open, "is for other gateways, which takes a "
		    "restart");
	*to = *from;
	to->addr = open->addr;
	to->pool = open->pool;
	to->pool_gateways = open->pool_gateways;
	to->pool_uid = open->pool_uid;
	memset(from, 0, sizeof(*from));
	from->certs = (struct certs)CERTS_NONE;
	from->taken = 1;
}

static void
retire(struct host_listener *to, const struct host_listener *open)
{
	if (!open->retired)
		log_listener(open, "is there no more: nobody is let in, and "
		    "to close it takes a restart");
	memset(to, 0, sizeof(*to));
	to->addr = open->addr;
	to->pool = open->pool;
	to->pool_gateways = open->pool_gateways;
	to->pool_uid = open->pool_uid;
	to->certs = (struct certs)CERTS_NONE;
	to->retired = 1;
}

static void
match_listeners(struct host *new, struct host *old)
{
	struct host_listener *from = new->listeners, *to;
	size_t i, j, count = new->nlisteners;

	to = xcalloc(old->nlisteners, sizeof(*to));
	for (i = 0; i < old->nlisteners; i++) {
		for (j = 0; j < count; j++)
			if (!from[j].taken && is_same(&from[j],
			    &old->listeners[i], i == j))
				break;
		if (j < count)
			take_over(&to[i], &old->listeners[i], &from[j]);
		else
			retire(&to[i], &old->listeners[i]);
	}
	for (j = 0; j < count; j++) {
		if (!from[j].taken)
			log_listener(&from[j], "is new, which takes a "
			    "restart");
		host_listener_clear(&from[j]);
	}
	free(from);
	new->listeners = to;
	new->nlisteners = old->nlisteners;
	/* The pools are as they were. */
	free(new->pools);
	new->pools = old->pools;
	new->npools = old->npools;
	old->pools = NULL;
	old->npools = 0;
}

static unsigned int
powers_of(const struct host *host)
{
	unsigned int wanted = 0;
	size_t i;

	for (i = 0; i < host->ntenants; i++)
		wanted |= powers_wanted(host->tenants[i].uid,
		    host->tenants[i].flags);
	return wanted;
}

static void
complain(void *arg, const char *text)
{
	(void)arg;
	log_warnx("%s", text);
}

struct options *
reload_options(const struct reload *reload, struct conf_errors *errors)
{
	struct options *o = xcalloc(1, sizeof(*o));

	options_take(o, reload->argc, reload->argv, geteuid(),
	    sysconf(_SC_NPROCESSORS_ONLN), errors);
	return o;
}

int
reload_take(const struct reload *reload, struct options **options,
    struct host **host)
{
	struct conf_errors errors = { .report = complain };
	struct options *o = reload_options(reload, &errors);
	struct host *fresh = host_new(o, geteuid(), &errors);

	host_check_certs(fresh, o, &errors);
	/* What was given up when we started is not to be had again. */
	if (errors.count == 0 && geteuid() == 0 &&
	    (powers_of(fresh) & ~powers_of(*host)) != 0)
		conf_error(&errors, "a tenant has privileges that none had "
		    "at the start, which takes a restart");
	if (errors.count > 0) {
		log_warnx("the configuration stays as it was: %u mistake%s",
		    errors.count, errors.count == 1 ? "" : "s");
		host_free(fresh);
		options_clear(o);
		free(o);
		return -1;
	}
	keep_unchangeable(o, *options);
	match_listeners(fresh, *host);
	host_free(*host);
	options_clear(*options);
	free(*options);
	*host = fresh;
	*options = o;
	return 0;
}
