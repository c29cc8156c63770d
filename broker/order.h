/* SPDX-License-Identifier: ISC */
/*
 * What the supervisor has ordered as a whole: the host's limits, listeners
 * and tenants.  An order is built message by message beside the one that is
 * in force and replaces it at once, or not at all.  No descriptor, no loop.
 */
#ifndef BROKER_ORDER_H
#define BROKER_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/auth/peeruid.h"
#include "broker/auth/token.h"
#include "broker/tenant.h"
#include "common/proto.h"

#define ORDER_LISTENERS_MAX 64
#define ORDER_TENANTS_MAX 4096
#define ORDER_RECONNECT_MS 10000	/* unless ordered otherwise */
#define ORDER_SECRET_LEAST 32	/* bytes */

struct order_listener {
	char *url;		/* as it was ordered */
	uint64_t number;	/* of the url: the same in every order */
	char *path;		/* Unix socket; else NULL */
	struct peeruid_end end;	/* TCP */
	uint32_t pool;		/* of the gateways that serve it */
	uint32_t admission;	/* ADMIT_ bits */
	bool metrics;		/* nobody is admitted, see count.h */
	uint64_t *tenants;	/* that are to be had here */
	size_t ntenants;
	uint8_t *proxies;	/* as PROXIES, checked */
	size_t proxies_len;
};

/* Times in ms. */
struct order_host {
	uint64_t detach_ttl_ms;
	uint64_t max_detach_ttl_ms;
	uint64_t retention_ms;
	uint64_t retain_bytes;
	uint64_t spill_bytes;	/* 0: none */
	char *spill_directory;	/* or NULL */
	uint64_t hold_ms;
	uint64_t loss_ttl_ms;	/* after the end of a gateway, at least */
	uint64_t reconnect_ms;	/* after ours: until clients are back */
	uint32_t max_processes;
	uint64_t budgets[BUDGET_COUNT];	/* by enum proto_budget; 0: none */
	char *cgroup_root;	/* or NULL */
	bool require_cgroups;
	uint8_t *secret;	/* of signed tokens, or NULL */
	size_t secret_len;
	char *issuer;		/* or NULL */
	char *audience;		/* or NULL */
	char *claim;		/* that names the tenant, or NULL */
	uint64_t skew_ms;
	uint64_t tenant_for_all;	/* of every signed token; 0: none */
};

struct order {
	uint64_t count;		/* the supervisor's number for it */
	struct order_host host;
	struct order_listener listeners[ORDER_LISTENERS_MAX];
	size_t nlisteners;
	struct tenant_list tenants;
	size_t ntenants;
	struct token *tokens;	/* of all tenants, for token_find() */
	size_t ntokens;
	uint64_t signer;	/* tells rules for signed tokens apart */
};

/*
 * Begin an order; for order_free().  These return NULL, or what is wrong
 * (static): then the whole order is, and only order_free() may follow.
 */
struct order *order_new(void);
const char *order_take_host(struct order *order,
    const struct fields_SB_HOST *host);
const char *order_take_listener(struct order *order,
    const struct fields_SB_LISTENER *listener);
const char *order_take_tenant(struct order *order,
    const struct fields_SB_TENANT *tenant);

/* Everything has come: whether it fits together. */
const char *order_finish(struct order *order);
void order_free(struct order *order);

/*
 * Let the finished order "next" be followed instead of "*now", which may
 * point to NULL.  A tenant that is in both stays where it is in memory; one
 * that is only in the earlier is removed, and kept until its last session
 * has ended.
 */
void order_replace(struct order **now, struct order *next);

/* The tenant, even a removed one; or NULL. */
struct tenant *order_tenant(const struct order *order, uint64_t principal);

/* The same by its name, but never a removed one. */
struct tenant *order_tenant_named(const struct order *order,
    struct span name);

/* Whether the tenant is to be had at that listener, and not removed. */
bool order_serves(const struct order_listener *listener,
    const struct tenant *tenant);

/*
 * The only tenant that is to be had at that listener, or NULL when there are
 * several, or none.
 */
struct tenant *order_only_tenant(const struct order *order,
    const struct order_listener *listener);

/*
 * Whether the peer of a connection to that listener, as the kernel tells it
 * (source_whence()), is a proxy whose word about its clients is taken.
 */
struct whence;
bool order_trusts(const struct order_listener *listener,
    const struct whence *peer);

/* The listener with that number, or NULL. */
const struct order_listener *order_listener(const struct order *order,
    uint64_t number);

/* One session fewer: a removed tenant goes with its last. */
void order_release(struct order *order, struct tenant *tenant);

#endif
