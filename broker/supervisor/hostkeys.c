/* SPDX-License-Identifier: ISC */
/* The parts of holdfast.conf that are objects. */
#include "config.h"

#include <sys/resource.h>

#include "broker/supervisor/hostkeys.h"

#define DAY_MS (24ULL * 60 * 60 * 1000)
#define BYTES_MAX (1ULL << 50)
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

#define AT(member) .offset = offsetof(struct host_listener_keys, member)

const struct conf_key host_listener_keys[] = {
	{ .name = "address", .type = CONF_STRING, AT(address),
	    .flags = CONF_REQUIRED, .value = "ADDRESS" },
	{ .name = "tenants", .type = CONF_LIST, AT(tenants),
	    .value = "NAME" },
	{ .name = "admission", .type = CONF_LIST, AT(admission),
	    .value = "token|signed|peer-uid|none" },
	{ .name = "certificate", .type = CONF_STRING, AT(certificate),
	    .value = "FILE" },
	{ .name = "key", .type = CONF_STRING, AT(key), .value = "FILE" },
	{ .name = "gateways", .type = CONF_NUMBER, AT(gateways),
	    .flags = CONF_OPTIONAL, .min = 1, .max = 64, .value = "N" },
	{ .name = "gateway-user", .type = CONF_STRING, AT(gateway_user),
	    .flags = CONF_NUMERIC, .value = "USER" },
	{ .name = "origins", .type = CONF_LIST, AT(origins),
	    .value = "ORIGIN" },
	{ .name = "proxy-protocol", .type = CONF_FLAG, AT(proxy_protocol) },
	{ .name = "trusted-proxies", .type = CONF_LIST, AT(trusted_proxies),
	    .flags = CONF_NUMERIC, .value = "NETWORK|USER" },
	{ .name = "mode", .type = CONF_MODE, AT(mode),
	    .flags = CONF_OPTIONAL, .max = 0777, .value = "MODE" },
	{ .name = "owner", .type = CONF_STRING, AT(owner),
	    .flags = CONF_NUMERIC, .value = "USER" },
	{ .name = "group", .type = CONF_STRING, AT(group),
	    .flags = CONF_NUMERIC, .value = "GROUP" },
};
_Static_assert(COUNT(host_listener_keys) == HOST_LISTENER_NKEYS, "said elsewhere");

#undef AT
#define BUDGET(number, least, most, unit, text) \
	{ .name = text, .type = CONF_NUMBER, .flags = CONF_OPTIONAL, \
	    .min = least, .max = most, .value = unit, \
	    .offset = offsetof(struct host_limit_keys, budgets[number]) }

/* The last of them is for the host alone. */
const struct conf_key host_limit_keys[] = {
	BUDGET(BUDGET_SESSIONS, 1, 100000, "N", "sessions"),
	BUDGET(BUDGET_ATTACHMENTS, 1, 100000, "N", "attachments"),
	BUDGET(BUDGET_PROCESSES, 1, 1000000, "N", "processes"),
	BUDGET(BUDGET_RETAINED_BYTES, 1024 * 1024, BYTES_MAX, "BYTES",
	    "retained-bytes"),
	BUDGET(BUDGET_SPILLED_BYTES, 1024 * 1024, BYTES_MAX, "BYTES",
	    "spilled-bytes"),
	BUDGET(BUDGET_FLIGHT_BYTES, PROTO_WINDOW, BYTES_MAX, "BYTES",
	    "bytes-in-flight"),
	BUDGET(BUDGET_HANDLES, 1, 1000000, "N", "open-handles"),
	BUDGET(BUDGET_STARTS, 1, 100000, "N", "starts-per-second"),
	BUDGET(BUDGET_ATTACHES, 1, 100000, "N", "attaches-per-second"),
	{ .name = "unauthenticated-per-address", .type = CONF_NUMBER,
	    .min = 1, .max = 100000, .preset = "64", .value = "N",
	    .offset = offsetof(struct host_limit_keys, per_address) },
};
_Static_assert(COUNT(host_limit_keys) == HOST_LIMIT_NKEYS, "said elsewhere");

enum {
#define R(key, resource, unit) HOST_##resource,
	HOST_RLIMITS(R)
#undef R
};

const uint32_t host_rlimit_resources[HOST_RLIMIT_COUNT] = {
#define R(key, resource, unit) [HOST_##resource] = resource,
	HOST_RLIMITS(R)
#undef R
};

static const struct conf_key rlimit_keys[] = {
#define R(key, resource, unit) \
	{ .name = #key, .type = CONF_PAIR, .max = BYTES_MAX, .value = #unit, \
	    .offset = offsetof(struct host_rlimit_keys, \
		pairs[HOST_##resource]) },
	HOST_RLIMITS(R)
#undef R
};

#define AT(member) .offset = offsetof(struct host_cgroup_keys, member)

static const struct conf_key cgroup_keys[] = {
	{ .name = "pids-max", .type = CONF_NUMBER, AT(pids_max),
	    .flags = CONF_OPTIONAL, .min = 1, .max = 4194304, .value = "N" },
	{ .name = "memory-max-bytes", .type = CONF_NUMBER, AT(memory_max),
	    .flags = CONF_OPTIONAL, .min = 1024 * 1024, .max = BYTES_MAX,
	    .value = "BYTES" },
	{ .name = "memory-high-bytes", .type = CONF_NUMBER, AT(memory_high),
	    .flags = CONF_OPTIONAL, .min = 1024 * 1024, .max = BYTES_MAX,
	    .value = "BYTES" },
	{ .name = "memory-swap-max-bytes", .type = CONF_NUMBER,
	    AT(memory_swap_max), .flags = CONF_OPTIONAL, .max = BYTES_MAX,
	    .value = "BYTES" },
	{ .name = "cpu-percent", .type = CONF_NUMBER, AT(cpu_percent),
	    .flags = CONF_OPTIONAL, .min = 1, .max = 1000000,
	    .value = "PERCENT" },
	{ .name = "cpu-weight", .type = CONF_NUMBER, AT(cpu_weight),
	    .flags = CONF_OPTIONAL, .min = 1, .max = 10000, .value = "N" },
	{ .name = "io-weight", .type = CONF_NUMBER, AT(io_weight),
	    .flags = CONF_OPTIONAL, .min = 1, .max = 10000, .value = "N" },
	{ .name = "io-max", .type = CONF_LIST, AT(io_max),
	    .value = "LINE" },
};

#undef AT
#define AT(member) .offset = offsetof(struct host_tenant_keys, member)
#define TABLE(table) .type = CONF_TABLE, .keys = table, .nkeys = COUNT(table)

const struct conf_key host_tenant_keys[] = {
	{ .name = "name", .type = CONF_STRING, AT(name),
	    .flags = CONF_REQUIRED, .value = "NAME" },
	{ .name = "user", .type = CONF_STRING, AT(user),
	    .flags = CONF_REQUIRED | CONF_NUMERIC, .value = "USER" },
	{ .name = "allow-root", .type = CONF_FLAG, AT(allow_root) },
	{ .name = "groups", .type = CONF_LIST, AT(groups),
	    .flags = CONF_NUMERIC, .value = "GROUP" },
	{ .name = "initgroups", .type = CONF_FLAG, AT(initgroups),
	    .preset = "true" },
	{ .name = "shell", .type = CONF_STRING, AT(shell), .value = "FILE" },
	{ .name = "home", .type = CONF_STRING, AT(home), .value = "DIR" },
	{ .name = "directory", .type = CONF_STRING, AT(directory),
	    .value = "DIR" },
	{ .name = "temporary-directory", .type = CONF_STRING, AT(temporary),
	    .preset = "/tmp", .value = "DIR" },
	{ .name = "umask", .type = CONF_MODE, AT(umask), .max = 0777,
	    .preset = "0077", .value = "MODE" },
	{ .name = "environment", .type = CONF_MAP, AT(environment),
	    .value = "STRING" },
	{ .name = "tokens-sha256", .type = CONF_LIST, AT(tokens),
	    .value = "HEX" },
	{ .name = "token-files", .type = CONF_LIST, AT(token_files),
	    .value = "FILE" },
	{ .name = "peer-uids", .type = CONF_LIST, AT(peers),
	    .flags = CONF_NUMERIC, .value = "USER" },
	{ .name = "no-new-privileges", .type = CONF_FLAG,
	    AT(no_new_privileges), .preset = "true" },
	{ .name = "private-tmp", .type = CONF_FLAG, AT(private_tmp) },
	{ .name = "private-processes", .type = CONF_FLAG,
	    AT(private_processes) },
	{ .name = "resource-limits", AT(rlimits), TABLE(rlimit_keys) },
	{ .name = "cgroup-limits", AT(cgroup), TABLE(cgroup_keys) },
	{ .name = "session-cgroup-limits", AT(session_cgroup),
	    TABLE(cgroup_keys) },
	{ .name = "limits", AT(limits), .type = CONF_TABLE,
	    .keys = host_limit_keys, .nkeys = HOST_LIMIT_NKEYS - 1 },
	{ .name = "detach-ttl-ms", .type = CONF_NUMBER, AT(detach_ttl_ms),
	    .flags = CONF_OPTIONAL, .min = 1, .max = 7 * DAY_MS,
	    .value = "MS" },
	{ .name = "max-detach-ttl-ms", .type = CONF_NUMBER,
	    AT(max_detach_ttl_ms), .flags = CONF_OPTIONAL, .min = 1,
	    .max = 366 * DAY_MS, .value = "MS" },
};
_Static_assert(COUNT(host_tenant_keys) == HOST_TENANT_NKEYS, "said elsewhere");

#undef AT
#define AT(member) .offset = offsetof(struct host_signed_keys, member)

const struct conf_key host_signed_keys[] = {
	{ .name = "secret-file", .type = CONF_STRING, AT(secret_file),
	    .flags = CONF_REQUIRED, .value = "FILE" },
	{ .name = "issuer", .type = CONF_STRING, AT(issuer),
	    .value = "STRING" },
	{ .name = "audience", .type = CONF_STRING, AT(audience),
	    .value = "STRING" },
	{ .name = "tenant-claim", .type = CONF_STRING, AT(claim),
	    .preset = "sub", .value = "STRING" },
	{ .name = "max-clock-skew-seconds", .type = CONF_NUMBER,
	    AT(skew_seconds), .max = 86400, .preset = "30",
	    .value = "SECONDS" },
};
_Static_assert(COUNT(host_signed_keys) == HOST_SIGNED_NKEYS, "said elsewhere");

#undef AT
#define AT(member) .offset = offsetof(struct host_audit_keys, member)

static const char *const audit_words[] = {
	[AUDIT_NOWHERE] = "none",
	[AUDIT_FILE] = "file",
	[AUDIT_SYSLOG] = "syslog",
	NULL
};

const struct conf_key host_audit_keys[] = {
	{ .name = "to", .type = CONF_WORD, AT(to), .words = audit_words,
	    .preset = "none", .value = "none|file|syslog" },
	{ .name = "file", .type = CONF_STRING, AT(file), .value = "FILE" },
	{ .name = "arguments", .type = CONF_FLAG, AT(arguments) },
};
_Static_assert(COUNT(host_audit_keys) == HOST_AUDIT_NKEYS, "said elsewhere");
