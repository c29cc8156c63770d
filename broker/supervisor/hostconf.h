/* SPDX-License-Identifier: ISC */
/*
 * Who is served where, and by which rules: what holdfast.conf says about
 * listeners, tenants and limits, checked, with every user looked up and every
 * secret read.  holdfastd alone reads configurations; the others are told
 * (hostwire.h).
 */
#ifndef SUPERVISOR_HOSTCONF_H
#define SUPERVISOR_HOSTCONF_H

#include <sys/types.h>

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/supervisor/certs.h"
#include "broker/listen.h"
#include "common/conf.h"
#include "common/proto.h"
#include "common/proxies.h"

struct options;

#define HOST_HASH_SIZE 32	/* bytes of a SHA-256 */
#define HOST_SECRET_MIN 32	/* bytes of the secret of signed tokens */
#define HOST_SECRET_MAX 4096
/* Bytes of what a message to the broker has room for. */
#define HOST_TEXT_MAX 1024	/* of an issuer or an audience */
#define HOST_CLAIM_MAX 256	/* of a claim's name */
#define HOST_PATH_MAX 4096

/* A limit of setrlimit(2); UINT64_MAX: none. */
struct host_rlimit {
	uint32_t resource;
	uint64_t soft, hard;
};

struct host_tenant {
	char *name;
	uint64_t number;	/* of its name: host_number() */
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	size_t ngroups;
	char *shell, *home;	/* absolute, as are the next two */
	char *directory;	/* where its jobs start */
	char *temporary;
	mode_t umask;
	int self;		/* made up; has the environment of holdfastd */
	struct conf_list environment;	/* NAME=VALUE */
	uint32_t flags;			/* TENANT_ bits */
	uint8_t (*tokens)[HOST_HASH_SIZE];
	size_t ntokens;
	uid_t *peers;
	size_t npeers;
	struct host_rlimit *rlimits;
	size_t nrlimits;
	struct conf_list cgroup_limits;		/* file=value */
	struct conf_list session_cgroup_limits;	/* file=value */
	uint64_t detach_ttl_ms;			/* 0: as for the host */
	uint64_t max_detach_ttl_ms;		/* 0: as for the host */
	uint64_t budgets[BUDGET_COUNT];		/* 0: no limit */
};

struct host_listener {
	struct listen_addr addr;	/* the port may still be 0 */
	uint32_t admission;		/* ADMIT_ bits */
	uint64_t *tenants;		/* numbers */
	size_t ntenants;
	unsigned int pool;
	uint64_t pool_gateways;		/* asked for; CONF_UNSET: nothing */
	uid_t pool_uid;			/* asked for; -1: nothing */
	int taken;			/* by a match with an open one */
	int retired;			/* open, and nobody is let in */
	struct certs certs;		/* of wss:// */
	struct conf_list origins;	/* see common/origin.h */
	struct writer proxies;		/* see common/proxies.h */
};

/* Gateways that serve the same listeners; the first is everybody's. */
struct host_pool {
	unsigned int gateways;
	int metrics;		/* for those who scrape, and nobody else */
	int drop;		/* they become the following (we are root) */
	uid_t uid;
	gid_t gid;
};

struct host {
	struct host_listener *listeners;
	size_t nlisteners;
	struct host_tenant *tenants;
	size_t ntenants;
	struct host_pool *pools;
	size_t npools;
	uint64_t budgets[BUDGET_COUNT];	/* 0: no limit */
	uint32_t per_address;		/* not let in yet; 0: any number */
	uint8_t *secret;		/* of signed tokens, NULL: none */
	size_t secret_len;
	char *issuer, *audience;	/* NULL: not asked for */
	char *claim;			/* NULL: the next says whose it is */
	uint64_t skew_ms;
	uint64_t tenant_for_all;	/* 0: the claim says whose a token is */
	gid_t admin_group;		/* -1: none */
	char *cgroup_root;		/* NULL: the one we are in */
	int require_cgroups;
	enum proto_audit audit;
	char *audit_path;		/* of AUDIT_FILE */
	int audit_arguments;
};

/* A tenant's number is its name's alone, the same after every reload. */
uint64_t host_number(const char *name);

/* Whether a tenant can be called so: [a-z0-9][a-z0-9._-]{0,62}. */
int host_name_ok(const char *name);

/*
 * Without a configuration there is one tenant, the invoking user in the
 * present directory.  Fill "tenant", which must be zero, with what there is
 * to know; what is missing is made up ("/", "/bin/sh").
 */
void host_self_tenant(struct host_tenant *tenant);

/*
 * Check what "o" says about who is served where, and look up what it names,
 * as user "uid".  Every complaint goes to "errors".  The answer, for
 * host_free(), is of use only when there was none.
 */
struct host *host_new(const struct options *o, uid_t uid,
    struct conf_errors *errors);
void host_free(struct host *host);
void host_listener_clear(struct host_listener *listener);

/* Whether any of the listeners of a pool speaks TLS; or of any pool. */
int host_needs_tls(const struct host *host, unsigned int pool);
#define HOST_ANY_POOL UINT_MAX

/*
 * Have the certificates and keys looked at by who is to use them: the TLS
 * gateway, as the user of the gateways of the listener.  Complaints go to
 * "errors".
 */
void host_check_certs(const struct host *host, const struct options *o,
    struct conf_errors *errors);

#endif
