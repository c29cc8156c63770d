/* SPDX-License-Identifier: ISC */
/* How the server is, in rows. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/operator_private.h"
#include "broker/order.h"
#include "common/chan.h"

/* Each says one row, or more; false when it has no more. */
static bool
say_status(struct operator *op)
{
	struct broker *broker = op->broker;
	const char *why = NULL, *path = cgroup_path(broker->cgroup);
	struct fields_BC_STATUS status = {
		.request = op->request,
		.release = span_str(PACKAGE_VERSION),
		.started_ms = broker->operators->started_ms,
		.draining = broker->draining,
		.supervised = broker->superior != NULL,
		.has_count = true,
		.count = broker->order->count,
		.has_since_ms = broker->ordered_ms != 0,
		.since_ms = broker->ordered_ms,
		.has_cgroup = path != NULL,
		.has_controllers = true,
		.controllers = span_str(cgroup_controllers(broker->cgroup,
		    &why)),
	};

	if (path != NULL)
		status.cgroup = span_str(path);
	operator_say(op, MSG_BC_STATUS, &status);
	return false;
}

static void
count_states(struct operator *op)
{
	const struct registry *reg = op->broker->registry;
	const struct registry_record *record;
	uint32_t slot;

	memset(op->states, 0, sizeof(op->states));
	for (slot = 0; slot < registry_slots(reg); slot++)
		if ((record = registry_get(reg, slot)) != NULL)
			op->states[record->state]++;
}

static bool
say_states(struct operator *op)
{
	struct fields_BC_STATE state = { .request = op->request };

	if (op->place == 0)
		count_states(op);
	op->place++;
	if (op->place == REGISTRY_STATE_COUNT)
		return false;
	state.state = span_str(registry_state_name(op->place));
	state.count = op->states[op->place];
	operator_say(op, MSG_BC_STATE, &state);
	return true;
}

static bool
say_supervisor(struct operator *op)
{
	struct fields_BC_ROLE role = {
		.request = op->request,
		.name = span_str("holdfastd"),
	};

	if (op->broker->superior == NULL)
		return false;
	role.pid = (uint32_t)chan_peer_pid(op->broker->superior);
	role.has_pid = role.pid != 0;
	operator_say(op, MSG_BC_ROLE, &role);
	return false;
}

/* Whom a descriptor of a process is for, see pidfd_open(2); or 0. */
static pid_t
pid_of(int pidfd)
{
	char path[64], line[128];
	pid_t pid = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	file = fopen(path, "re");
	if (file == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, "Pid:", 4) == 0)
			pid = (pid_t)strtol(line + 4, NULL, 10);
	fclose(file);
	return pid < 0 ? 0 : pid;
}

static pid_t
gateway_pid(const struct broker *broker, uint32_t number)
{
	const struct keep_gateway *gateway;

	TAILQ_FOREACH(gateway, &broker->keep.gateways, entry)
		if (gateway->number == number)
			return pid_of(gateway->pidfd);
	return 0;
}

static bool
say_broker(struct operator *op)
{
	struct fields_BC_ROLE role = {
		.request = op->request,
		.name = span_str("broker"),
		.has_pid = true,
		.pid = (uint32_t)getpid(),
		.has_version = true,
		.version = PROTO_VERSION,
		.has_count = true,
		.count = registry_count(op->broker->registry),
	};

	operator_say(op, MSG_BC_ROLE, &role);
	return false;
}

/* Gateways by their numbers, which grow. */
static bool
say_gateways(struct operator *op)
{
	struct gate_info info;
	struct fields_BC_ROLE role = {
		.request = op->request,
		.name = span_str("gateway"),
		.has_gateway = true,
		.has_pool = true,
		.has_version = true,
		.has_connections = true,
	};

	if (!gate_describe(op->broker, op->place, &info))
		return false;
	op->place = info.number;
	role.gateway = info.name;
	role.pool = info.pool;
	role.pid = (uint32_t)gateway_pid(op->broker, info.name);
	role.has_pid = role.pid != 0;
	role.version = info.version;
	role.connections = info.connections;
	operator_say(op, MSG_BC_ROLE, &role);
	return true;
}

static bool
say_listeners(struct operator *op)
{
	const struct order *order = op->broker->order;
	const struct order_listener *listener;
	struct fields_BC_LISTENER row = { .request = op->request };

	if (op->place >= order->nlisteners)
		return false;
	listener = &order->listeners[op->place++];
	row.listener = span_str(listener->url);
	row.pool = listener->pool;
	row.admission = listener->admission;
	row.count = listener->ntenants;
	operator_say(op, MSG_BC_LISTENER, &row);
	return true;
}

/* What is neither used nor limited is not worth a row. */
static void
say_account(struct operator *op, const struct budget_account *account,
    const struct tenant *tenant)
{
	struct fields_BC_BUDGET row = { .request = op->request };
	enum proto_budget budget;

	for (budget = 1; budget < BUDGET_COUNT; budget++) {
		if (account->used[budget] == 0 && account->limit[budget] == 0)
			continue;
		row.name = span_str(budget_name(budget));
		/* Of a rate, "used" counts thousandths. */
		row.used = account->used[budget] /
		    (budget_is_rate(budget) ? 1000 : 1);
		row.has_limit = account->limit[budget] != 0;
		row.limit = account->limit[budget];
		row.has_tenant_name = tenant != NULL;
		if (tenant != NULL)
			row.tenant_name = span_str(tenant->name);
		operator_say(op, MSG_BC_BUDGET, &row);
	}
}

static bool
say_host_budgets(struct operator *op)
{
	say_account(op, &op->broker->budget, NULL);
	return false;
}

static bool
say_tenant_budgets(struct operator *op)
{
	const struct tenant *tenant;
	uint32_t place = 0;

	TAILQ_FOREACH(tenant, &op->broker->order->tenants, entry)
		if (place++ == op->place)
			break;
	if (tenant == NULL)
		return false;
	op->place++;
	say_account(op, &tenant->account, tenant);
	return true;
}

static bool (*const stages[])(struct operator *op) = {
	say_status,
	say_states,
	say_supervisor,
	say_broker,
	say_gateways,
	say_listeners,
	say_host_budgets,
	say_tenant_budgets,
};

enum operator_step
operator_step_status(struct operator *op)
{
	if (!stages[op->stage](op)) {
		op->stage++;
		op->place = 0;
	}
	if (op->stage < sizeof(stages) / sizeof(stages[0]))
		return STEP_MORE;
	return operator_done(op, TOLD_DONE, NULL);
}
