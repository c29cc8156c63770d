/* SPDX-License-Identifier: ISC */
/* Limits of the host and of tenants, and where the audit trail goes. */
#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/supervisor/hostcheck.h"
#include "common/xmalloc.h"

/* cpu.max: so much in a period, both in microseconds. */
#define CPU_PERIOD_US 100000

static const char *
budget_name(uint32_t budget)
{
	static const char *const names[] = {
#define B(name, number, text) [number] = text,
		PROTO_BUDGETS(B)
#undef B
	};

	return names[budget];
}

void
host_take_limits(struct host_check *c, const struct host_limit_keys *keys,
    uint64_t budgets[BUDGET_COUNT])
{
	size_t i;

	(void)c;
	for (i = 1; i < BUDGET_COUNT; i++)
		budgets[i] = keys->budgets[i] == CONF_UNSET ? 0 :
		    keys->budgets[i];
}

static void
check_against_host(struct host_check *c, const struct host_tenant *tenant,
    const char *path)
{
	const uint64_t *all = c->host->budgets;
	char at[HOST_PATH_SIZE];
	uint32_t i;

	for (i = 1; i < BUDGET_COUNT; i++)
		if (all[i] != 0 && tenant->budgets[i] > all[i])
			host_wrong(c, host_path(at, "%.80s.limits.%s", path,
			    budget_name(i)), "%ju is above the host's limit, "
			    "%ju", (uintmax_t)tenant->budgets[i],
			    (uintmax_t)all[i]);
}

static void
take_rlimits(struct host_tenant *tenant, const struct host_rlimit_keys *keys)
{
	const struct conf_pair *pair;
	size_t i;

	tenant->rlimits = xcalloc(HOST_RLIMIT_COUNT,
	    sizeof(*tenant->rlimits));
	for (i = 0; i < HOST_RLIMIT_COUNT; i++) {
		pair = &keys->pairs[i];
		if (!pair->given)
			continue;
		tenant->rlimits[tenant->nrlimits++] = (struct host_rlimit){
			.resource = host_rlimit_resources[i],
			.soft = pair->soft,
			.hard = pair->hard,
		};
	}
}

/* "8:0 rbps=1048576 wiops=120", as the kernel reads it. */
static int
is_io_line(const char *line)
{
	static const char *const words[] = {
		"rbps=", "wbps=", "riops=", "wiops="
	};
	size_t i, items = 0;

	line += strspn(line, "0123456789");
	if (*line != ':' || !isdigit((unsigned char)line[1]))
		return 0;
	line++;
	line += strspn(line, "0123456789");
	while (*line == ' ') {
		line++;
		for (i = 0; i < 4; i++)
			if (strncmp(line, words[i], strlen(words[i])) == 0)
				break;
		if (i == 4)
			return 0;
		line += strlen(words[i]);
		if (strncmp(line, "max", 3) == 0)
			line += 3;
		else if (isdigit((unsigned char)*line))
			line += strspn(line, "0123456789");
		else
			return 0;
		items++;
	}
	return *line == '\0' && items > 0;
}

static void
add_number(struct conf_list *list, const char *file, uint64_t value)
{
	if (value != CONF_UNSET)
		host_list_add(list, xasprintf("%s=%ju", file,
		    (uintmax_t)value));
}

static void
take_cgroup(struct host_check *c, const struct host_cgroup_keys *keys,
    struct conf_list *list, const char *path)
{
	char at[HOST_PATH_SIZE];
	size_t i;

	add_number(list, "pids.max", keys->pids_max);
	add_number(list, "memory.max", keys->memory_max);
	add_number(list, "memory.high", keys->memory_high);
	add_number(list, "memory.swap.max", keys->memory_swap_max);
	add_number(list, "cpu.weight", keys->cpu_weight);
	if (keys->cpu_percent != CONF_UNSET)
		host_list_add(list, xasprintf("cpu.max=%ju %d",
		    (uintmax_t)keys->cpu_percent * CPU_PERIOD_US / 100,
		    CPU_PERIOD_US));
	if (keys->io_weight != CONF_UNSET)
		host_list_add(list, xasprintf("io.weight=default %ju",
		    (uintmax_t)keys->io_weight));
	for (i = 0; i < keys->io_max.count; i++) {
		if (!is_io_line(keys->io_max.items[i]))
			host_wrong(c, host_path(at, "%.100s.io-max[%zu]", path,
			    i), "must look like \"8:0 rbps=1048576\" (rbps, "
			    "wbps, riops, wiops), not \"%.60s\"",
			    keys->io_max.items[i]);
		host_list_add(list, xasprintf("io.max=%s",
		    keys->io_max.items[i]));
	}
	if (keys->memory_high != CONF_UNSET && keys->memory_max !=
	    CONF_UNSET && keys->memory_high > keys->memory_max)
		host_wrong(c, host_path(at, "%.100s.memory-high-bytes", path),
		    "is above memory-max-bytes and so of no effect");
}

void
host_take_tenant_limits(struct host_check *c, struct host_tenant *tenant,
    const struct host_tenant_keys *keys, const char *path)
{
	char at[HOST_PATH_SIZE];

	host_take_limits(c, &keys->limits, tenant->budgets);
	check_against_host(c, tenant, path);
	take_rlimits(tenant, &keys->rlimits);
	take_cgroup(c, &keys->cgroup, &tenant->cgroup_limits,
	    host_path(at, "%.80s.cgroup-limits", path));
	take_cgroup(c, &keys->session_cgroup, &tenant->session_cgroup_limits,
	    host_path(at, "%.80s.session-cgroup-limits", path));
}

void
host_take_audit(struct host_check *c)
{
	const struct host_audit_keys *keys = &c->o->audit;
	struct host *host = c->host;
	const char *file = c->o->audit_file;

	host->audit = (enum proto_audit)keys->to;
	host->audit_arguments = keys->arguments;
	/* The command line wins. */
	if (file != NULL) {
		host->audit = AUDIT_FILE;
		host->audit_path = xstrdup(file);
		if (file[0] != '/')
			host_wrong(c, "audit-file", "must be an absolute "
			    "path, not \"%.80s\"", file);
		return;
	}
	if (keys->to != AUDIT_FILE) {
		if (keys->file != NULL)
			host_wrong(c, "audit.file", "goes with \"to\": "
			    "\"file\"");
		return;
	}
	if (keys->file == NULL)
		host_wrong(c, "audit.to", "needs \"file\"");
	else if (keys->file[0] != '/')
		host_wrong(c, "audit.file", "must be an absolute path, not "
		    "\"%.80s\"", keys->file);
	else
		host->audit_path = xstrdup(keys->file);
}
