/* SPDX-License-Identifier: ISC */
/* What the broker understands of what the supervisor orders. */
#include "config.h"

#include <sys/resource.h>
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <event2/event.h>

#include "broker/supervisor/hostconf.h"
#include "broker/supervisor/hostwire.h"
#include "broker/supervisor/options.h"
#include "broker/order.h"
#include "common/chan.h"
#include "common/unix.h"
#include "common/xmalloc.h"

TestSuite(hostwire, .timeout = 60);

#define WAIT_MS 10000

static struct host_rlimit rlimits[2] = {
	{ RLIMIT_NOFILE, 10, 20 }, { RLIMIT_CORE, 0, UINT64_MAX },
};
static uint8_t tokens[2][HOST_HASH_SIZE] = { { 1 }, { 2 } };
static gid_t groups[2] = { 7, 8 };
static uid_t peers[2] = { 70, 80 };
static uint8_t secret[HOST_SECRET_MAX] = { 9 };

static char *
filled(size_t len)
{
	char *text = xmalloc(len + 1);

	memset(text, 'x', len);
	text[0] = '/';
	text[len] = '\0';
	return text;
}

static struct host_tenant
full_tenant(uint64_t number, char *name)
{
	struct host_tenant tenant = {
		.name = name,
		.number = number,
		.uid = 12,
		.gid = 13,
		.groups = groups,
		.ngroups = 2,
		.shell = filled(HOST_PATH_MAX),
		.home = filled(HOST_PATH_MAX),
		.directory = filled(HOST_PATH_MAX),
		.temporary = filled(HOST_PATH_MAX),
		.umask = 027,
		.flags = TENANT_PRIVATE_TMP,
		.tokens = tokens,
		.ntokens = 2,
		.peers = peers,
		.npeers = 2,
		.rlimits = rlimits,
		.nrlimits = 2,
		.detach_ttl_ms = 5000,
		.max_detach_ttl_ms = 6000,
		.budgets = { [BUDGET_SESSIONS] = 3, [BUDGET_ATTACHES] = 4 },
	};

	conf_list_add(&tenant.environment, "A=b");
	conf_list_add(&tenant.environment, "PATH=/bin");
	conf_list_add(&tenant.cgroup_limits, "pids.max=5");
	conf_list_add(&tenant.session_cgroup_limits, "memory.max=1048576");
	return tenant;
}

static void
clear_tenant(struct host_tenant *tenant)
{
	free(tenant->shell);
	free(tenant->home);
	free(tenant->directory);
	free(tenant->temporary);
	conf_list_clear(&tenant->environment);
	conf_list_clear(&tenant->cgroup_limits);
	conf_list_clear(&tenant->session_cgroup_limits);
}

static void
set_listener(struct host_listener *listener, const char *url)
{
	cr_assert_null(listen_parse(url, &listener->addr));
	listener->admission = ADMIT_TOKEN;
}

static void
lost(void *arg, const char *why)
{
	(void)arg;
	cr_assert_fail("%s", why == NULL ? "end" : why);
}

/* Take one message into the order; returns whether it was the last. */
static int
take(struct order *order, uint16_t type, const union proto_any *msg)
{
	const char *wrong = NULL;

	switch (type) {
	case MSG_SB_HOST:
		wrong = order_take_host(order, &msg->SB_HOST);
		break;
	case MSG_SB_LISTENER:
		wrong = order_take_listener(order, &msg->SB_LISTENER);
		break;
	case MSG_SB_TENANT:
		wrong = order_take_tenant(order, &msg->SB_TENANT);
		break;
	default:
		cr_assert_eq(type, MSG_SB_COMMIT);
		cr_assert_eq(msg->PING.count, order->count);
		wrong = order_finish(order);
	}
	cr_assert_null(wrong, "%s: %s", proto_name(type), wrong);
	return type == MSG_SB_COMMIT;
}

/* Send it over a real channel, and have the broker's side understand it. */
static struct order *
pass(const struct host *host, const struct options *o)
{
	static const struct chan_ops ops = { .lost = lost };
	static uint8_t buf[PROTO_CONTROL_MAX];
	struct event_base *base = event_base_new();
	struct order *order = order_new();
	union proto_any msg;
	struct chan_fds fds;
	struct chan *chan;
	const char *why;
	int pair[2], type;

	cr_assert_eq(unix_pair(SOCK_SEQPACKET, pair), 0);
	chan = chan_new(base, pair[0], ROLE_SUPERVISOR, ROLE_BROKER, &ops,
	    NULL);
	hostwire_send(chan, host, o, 7);
	do {
		event_base_loop(base, EVLOOP_NONBLOCK);
		type = chan_read_one(pair[1], ROLE_BROKER, ROLE_SUPERVISOR,
		    PHASE_START, WAIT_MS, buf, &msg, &fds, &why);
		cr_assert_neq(type, -1, "%s", why);
	} while (!take(order, (uint16_t)type, &msg));
	chan_free(chan);
	close(pair[1]);
	event_base_free(base);
	return order;
}

static void
check_tenant(const struct tenant *got, const struct host_tenant *sent)
{
	cr_assert_not_null(got);
	cr_assert_str_eq(got->name, sent->name);
	cr_assert_eq(got->uid, sent->uid);
	cr_assert_eq(got->gid, sent->gid);
	cr_assert_eq(got->ngroups, sent->ngroups);
	cr_assert_arr_eq(got->groups, sent->groups, sizeof(groups));
	cr_assert_eq(got->npeer_uids, sent->npeers);
	cr_assert_arr_eq(got->peer_uids, sent->peers, sizeof(peers));
	cr_assert_eq(got->ntokens, sent->ntokens);
	cr_assert_arr_eq(got->tokens, sent->tokens,
	    sent->ntokens * HOST_HASH_SIZE);
	cr_assert_str_eq(got->shell_path, sent->shell);
	cr_assert_str_eq(got->home, sent->home);
	cr_assert_str_eq(got->cwd, sent->directory);
	cr_assert_str_eq(got->temp_dir, sent->temporary);
	cr_assert(got->has_file_mask);
	cr_assert_eq(got->file_mask, sent->umask);
	cr_assert_eq(got->flags, sent->flags);
	cr_assert_eq(got->detach_ttl_ms, sent->detach_ttl_ms);
	cr_assert_eq(got->max_detach_ttl_ms, sent->max_detach_ttl_ms);
	cr_assert_arr_eq(got->budgets, sent->budgets, sizeof(got->budgets));
}

static void
check_lists(const struct tenant *got)
{
	static const char limit[] = "\0\0\0\npids.max\0005";

	cr_assert_eq(got->nrlimits, 2);
	cr_assert_eq(got->rlimits[0].limit.rlim_cur, 10);
	cr_assert_eq(got->rlimits[0].limit.rlim_max, 20);
	cr_assert_eq(got->rlimits[1].resource, RLIMIT_CORE);
	cr_assert_eq(got->rlimits[1].limit.rlim_max, RLIM_INFINITY);
	cr_assert_eq(got->cgroup_limits.len, sizeof(limit) - 1);
	cr_assert_arr_eq(got->cgroup_limits.p, limit, sizeof(limit) - 1);
	cr_assert_eq(proto_list_count(got->session_limits), 1);
	cr_assert_not_null(got->environment);
}

static void
check_host(const struct order_host *got, const struct host *sent,
    const struct options *o)
{
	cr_assert_eq(got->detach_ttl_ms, o->detach_ttl_ms);
	cr_assert_eq(got->max_detach_ttl_ms, o->max_detach_ttl_ms);
	cr_assert_eq(got->retention_ms, o->retention_ms);
	cr_assert_eq(got->retain_bytes, o->retain_bytes);
	cr_assert_eq(got->hold_ms, o->hold_ms);
	cr_assert_eq(got->max_processes, o->max_processes);
	cr_assert_arr_eq(got->budgets, sent->budgets, sizeof(got->budgets));
	cr_assert_str_eq(got->cgroup_root, sent->cgroup_root);
	cr_assert(got->require_cgroups);
	cr_assert_eq(got->secret_len, sent->secret_len);
	cr_assert_arr_eq(got->secret, sent->secret, sent->secret_len);
	cr_assert_str_eq(got->issuer, sent->issuer);
	cr_assert_str_eq(got->audience, sent->audience);
	cr_assert_str_eq(got->claim, sent->claim);
	cr_assert_eq(got->skew_ms, sent->skew_ms);
}

static struct options
full_options(void)
{
	return (struct options){
		.detach_ttl_ms = 1, .max_detach_ttl_ms = 2,
		.retention_ms = 3, .retain_bytes = 4, .hold_ms = 5,
		.max_processes = 6,
	};
}

/* Every text of the host as long as a configuration may have it. */
Test(hostwire, a_full_configuration_is_understood_as_it_was_meant)
{
	struct options o = full_options();
	struct host_listener listeners[3] = { 0 };
	struct host_tenant tenant = full_tenant(5, (char *)(uintptr_t)"t");
	uint64_t who[1] = { 5 };
	struct host host = {
		.listeners = listeners, .nlisteners = 3,
		.tenants = &tenant, .ntenants = 1,
		.budgets = { [BUDGET_PROCESSES] = 77 },
		.secret = secret, .secret_len = sizeof(secret),
		.issuer = filled(HOST_TEXT_MAX),
		.audience = filled(HOST_TEXT_MAX),
		.claim = filled(HOST_CLAIM_MAX),
		.skew_ms = 30000,
		.cgroup_root = filled(HOST_PATH_MAX),
		.require_cgroups = 1,
	};
	struct order *order;
	size_t i;

	set_listener(&listeners[0], "ws://127.0.0.1:4001");
	set_listener(&listeners[1], "ws://127.0.0.1:4002");
	set_listener(&listeners[2], "unix:/run/some.sock");
	listeners[1].retired = 1;
	listeners[2].pool = 3;
	for (i = 0; i < 3; i++) {
		listeners[i].tenants = who;
		listeners[i].ntenants = 1;
	}
	listeners[0].admission = ADMIT_TOKEN | ADMIT_SIGNED;
	order = pass(&host, &o);
	cr_assert_eq(order->count, 7);
	check_host(&order->host, &host, &o);
	cr_assert_eq(order->nlisteners, 2);
	cr_assert_str_eq(order->listeners[0].url, "ws://127.0.0.1:4001");
	cr_assert_eq(order->listeners[0].admission,
	    ADMIT_TOKEN | ADMIT_SIGNED);
	cr_assert_eq(order->listeners[1].pool, 3);
	cr_assert_str_eq(order->listeners[1].path, "/run/some.sock");
	cr_assert(order_serves(&order->listeners[1], order_tenant(order, 5)));
	cr_assert_eq(order->ntenants, 1);
	check_tenant(order_tenant(order, 5), &tenant);
	check_lists(order_tenant(order, 5));
	order_free(order);
	clear_tenant(&tenant);
	free(host.issuer);
	free(host.audience);
	free(host.claim);
	free(host.cgroup_root);
}

Test(hostwire, a_listener_has_room_for_all_tenants)
{
	enum { MANY = 4000 };
	static uint64_t who[MANY];
	static char names[MANY][16];
	struct options o = full_options();
	struct host_listener listener = { .tenants = who, .ntenants = MANY };
	struct host_tenant *tenants = xcalloc(MANY, sizeof(*tenants));
	struct host host = {
		.listeners = &listener, .nlisteners = 1,
		.tenants = tenants, .ntenants = MANY,
	};
	struct order *order;
	char path[] = "/";
	size_t i;

	set_listener(&listener, "ws://127.0.0.1:4001");
	for (i = 0; i < MANY; i++) {
		who[i] = i + 1;
		snprintf(names[i], sizeof(names[i]), "t%zu", i);
		tenants[i] = (struct host_tenant){ .name = names[i],
			.number = i + 1, .shell = path, .home = path,
			.directory = path, .temporary = path };
	}
	order = pass(&host, &o);
	cr_assert_eq(order->ntenants, MANY);
	cr_assert_eq(order->listeners[0].ntenants, MANY);
	order_free(order);
	free(tenants);
}

static const char *
excess_of(void (*spoil)(struct host_tenant *))
{
	struct host_tenant tenant = full_tenant(1, (char *)(uintptr_t)"t");
	const char *key;

	cr_assert_null(hostwire_excess(&tenant));
	spoil(&tenant);
	key = hostwire_excess(&tenant);
	clear_tenant(&tenant);
	return key;
}

static void
long_home(struct host_tenant *tenant)
{
	free(tenant->home);
	tenant->home = filled(HOST_PATH_MAX + 1);
}

static void
long_environment(struct host_tenant *tenant)
{
	char *text = filled(16384 - 4);

	conf_list_add(&tenant->environment, text);
	free(text);
}

static void
many_peers(struct host_tenant *tenant)
{
	static uid_t many[1025];

	tenant->peers = many;
	tenant->npeers = 1025;
}

static void
many_tokens(struct host_tenant *tenant)
{
	static uint8_t many[228][HOST_HASH_SIZE];

	tenant->tokens = many;
	tenant->ntokens = 228;
}

static void
long_limit(struct host_tenant *tenant)
{
	char *text = filled(4096 - 3);

	text[3] = '=';
	conf_list_clear(&tenant->cgroup_limits);
	conf_list_add(&tenant->cgroup_limits, text);
	free(text);
}

Test(hostwire, what_is_too_much_is_named)
{
	cr_assert_str_eq(excess_of(long_home), "home");
	cr_assert_str_eq(excess_of(long_environment), "environment");
	cr_assert_str_eq(excess_of(many_peers), "peer-uids");
	cr_assert_str_eq(excess_of(many_tokens), "tokens-sha256");
	cr_assert_str_eq(excess_of(long_limit), "cgroup-limits");
}
