/* SPDX-License-Identifier: ISC */
/*
 * For whom sessions are run: who it is on this host, how it proves itself
 * and what it may use.  All of it comes from the supervisor, which has looked
 * up whatever must be looked up.
 */
#ifndef BROKER_TENANT_H
#define BROKER_TENANT_H

#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "broker/auth/token.h"
#include "broker/budget.h"
#include "common/proto.h"

struct tenant_rlimit {
	int resource;		/* of setrlimit(2) */
	struct rlimit limit;
};

struct tenant {
	TAILQ_ENTRY(tenant) entry;
	uint64_t principal;	/* its number: owner of registry records */
	char *name;		/* fit for a file's name */
	uid_t uid;
	gid_t gid;
	gid_t *groups;		/* supplementary */
	size_t ngroups;
	mode_t file_mask;
	bool has_file_mask;
	char *shell_path;	/* absolute */
	char *shell_name;	/* its last part, in shell_path */
	char *home;		/* absolute */
	char *cwd;		/* absolute */
	char *temp_dir;		/* absolute */
	char **environment;	/* of its runners, NULL at the end; owned */
	uint32_t flags;		/* TENANT_ bits of proto.h */
	struct tenant_rlimit *rlimits;
	size_t nrlimits;
	struct span cgroup_limits;	/* owned, as CGROUP_LIMITS, checked */
	struct span session_limits;	/* likewise: of each one's jobs */
	uint64_t detach_ttl_ms;		/* 0: as the host has it */
	uint64_t max_detach_ttl_ms;	/* likewise */
	uint64_t budgets[BUDGET_COUNT];	/* by enum proto_budget; 0: none */
	uint8_t (*tokens)[TOKEN_HASH_SIZE];	/* SHA-256 of each */
	size_t ntokens;
	uid_t *peer_uids;	/* local users who are let in as this one */
	size_t npeer_uids;

	/* What happens to it, and is not part of the order. */
	uint32_t sessions;	/* that live: it is kept as long */
	bool removed;		/* by a later order: nobody is let in */
	char whose[80];		/* for errors; the account's */
	struct budget_account account;	/* "budgets" are its limits */
};
TAILQ_HEAD(tenant_list, tenant);

/*
 * Make one from the order; for tenant_free().  NULL, with *wrong set to what
 * is wrong with it (static), when it does not add up.
 */
struct tenant *tenant_new(const struct fields_SB_TENANT *order,
    const char **wrong);
void tenant_free(struct tenant *tenant);

/*
 * Read a BUDGETS field into "budgets", by enum proto_budget; what is not in
 * it becomes 0.  NULL, or what is wrong with it (static).
 */
const char *tenant_take_budgets(struct span list,
    uint64_t budgets[BUDGET_COUNT]);

#endif
