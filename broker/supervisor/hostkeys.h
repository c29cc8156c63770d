/* SPDX-License-Identifier: ISC */
/*
 * The parts of holdfast.conf that are objects, as they are written; what they
 * come to is in hostconf.h.
 */
#ifndef SUPERVISOR_HOSTKEYS_H
#define SUPERVISOR_HOSTKEYS_H

#include "common/conf.h"
#include "common/proto.h"

struct host_listener_keys {
	char *address;
	struct conf_list tenants;
	struct conf_list admission;
	char *certificate, *key;
	uint64_t gateways;		/* CONF_UNSET: those of all */
	char *gateway_user;
	struct conf_list origins;
	int proxy_protocol;
	struct conf_list trusted_proxies;
	uint64_t mode;			/* CONF_UNSET: not given */
	char *owner, *group;
};

/* By enum proto_budget; CONF_UNSET: no limit. */
struct host_limit_keys {
	uint64_t budgets[BUDGET_COUNT];
	uint64_t per_address;
};

/* Key, resource of setrlimit(2), unit. */
#define HOST_RLIMITS(R) \
	R(address-space-bytes, RLIMIT_AS, BYTES) \
	R(core-bytes, RLIMIT_CORE, BYTES) \
	R(cpu-seconds, RLIMIT_CPU, SECONDS) \
	R(data-bytes, RLIMIT_DATA, BYTES) \
	R(file-bytes, RLIMIT_FSIZE, BYTES) \
	R(locked-bytes, RLIMIT_MEMLOCK, BYTES) \
	R(message-queue-bytes, RLIMIT_MSGQUEUE, BYTES) \
	R(open-files, RLIMIT_NOFILE, N) \
	R(pending-signals, RLIMIT_SIGPENDING, N) \
	R(processes, RLIMIT_NPROC, N) \
	R(realtime-priority, RLIMIT_RTPRIO, N) \
	R(stack-bytes, RLIMIT_STACK, BYTES)
#define HOST_RLIMIT_COUNT 12

struct host_rlimit_keys {
	struct conf_pair pairs[HOST_RLIMIT_COUNT];
};
extern const uint32_t host_rlimit_resources[HOST_RLIMIT_COUNT];

/* All but the last CONF_UNSET when not given. */
struct host_cgroup_keys {
	uint64_t pids_max;
	uint64_t memory_max, memory_high, memory_swap_max;	/* bytes */
	uint64_t cpu_percent;
	uint64_t cpu_weight, io_weight;
	struct conf_list io_max;
};

struct host_tenant_keys {
	char *name, *user;
	int allow_root;
	struct conf_list groups;
	int initgroups;
	char *shell, *home, *directory, *temporary;
	uint64_t umask;
	struct conf_list environment;
	struct conf_list tokens, token_files;
	struct conf_list peers;
	int no_new_privileges, private_tmp, private_processes;
	struct host_rlimit_keys rlimits;
	struct host_cgroup_keys cgroup, session_cgroup;
	struct host_limit_keys limits;
	uint64_t detach_ttl_ms, max_detach_ttl_ms;
};

struct host_signed_keys {
	char *secret_file;
	char *issuer, *audience, *claim;
	uint64_t skew_seconds;
};

struct host_audit_keys {
	int to;			/* enum proto_audit */
	char *file;
	int arguments;
};

/* Tables, and how long they are. */
#define HOST_LISTENER_NKEYS 13
#define HOST_TENANT_NKEYS 23
#define HOST_LIMIT_NKEYS 10
#define HOST_SIGNED_NKEYS 5
#define HOST_AUDIT_NKEYS 3
extern const struct conf_key host_listener_keys[HOST_LISTENER_NKEYS];
extern const struct conf_key host_tenant_keys[HOST_TENANT_NKEYS];
extern const struct conf_key host_limit_keys[HOST_LIMIT_NKEYS];
extern const struct conf_key host_signed_keys[HOST_SIGNED_NKEYS];
extern const struct conf_key host_audit_keys[HOST_AUDIT_NKEYS];

#endif
