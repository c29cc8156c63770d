/* SPDX-License-Identifier: ISC */
/* The supervisor's order: every field checked, and how one follows another. */
#include "config.h"

#include <arpa/inet.h>

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/order.h"

#define ALICE 11
#define BOB 22

/* The lists of one message. */
struct lists {
	struct writer groups, environment, tokens, uids, rlimits, limits;
	struct writer budgets;
};

static void
add_number(struct writer *w, uint64_t number, size_t bytes)
{
	uint8_t out[8];
	size_t i;

	for (i = 0; i < bytes; i++)
		out[i] = (uint8_t)(number >> 8 * (bytes - 1 - i));
	proto_list_add(w, (struct span){ out, bytes });
}

static void
add_rlimit(struct writer *w, uint32_t resource, uint64_t soft, uint64_t hard)
{
	struct writer item;

	writer_init(&item, 64);
	writer_put_u32(&item, resource);
	writer_put_u64(&item, soft);
	writer_put_u64(&item, hard);
	proto_list_add(w, (struct span){ item.p, item.len });
	writer_clear(&item);
}

static void
add_budget(struct writer *w, uint32_t number, uint64_t value)
{
	struct writer item;

	writer_init(&item, 64);
	writer_put_u32(&item, number);
	writer_put_u64(&item, value);
	proto_list_add(w, (struct span){ item.p, item.len });
	writer_clear(&item);
}

static struct span
list_of(const struct writer *w)
{
	return (struct span){ w->p, w->len };
}

static void
lists_init(struct lists *lists)
{
	struct writer *w = &lists->groups;
	uint8_t hash[TOKEN_HASH_SIZE];
	size_t i;

	for (i = 0; i < sizeof(*lists) / sizeof(*w); i++)
		writer_init(&w[i], 4096);
	add_number(&lists->groups, 7, 4);
	add_number(&lists->uids, 1001, 4);
	memset(hash, 1, sizeof(hash));
	proto_list_add(&lists->tokens, (struct span){ hash, sizeof(hash) });
	proto_list_add(&lists->environment, span_str("PATH=/bin"));
	proto_list_add(&lists->environment, span_str("EMPTY="));
	add_rlimit(&lists->rlimits, RLIMIT_NOFILE, 10, UINT64_MAX);
	proto_list_add(&lists->limits,
	    (struct span){ (const uint8_t *)"pids.max\0" "512", 12 });
	add_budget(&lists->budgets, BUDGET_SESSIONS, 5);
}

static void
lists_clear(struct lists *lists)
{
	struct writer *w = &lists->groups;
	size_t i;

	for (i = 0; i < sizeof(*lists) / sizeof(*w); i++)
		writer_clear(&w[i]);
}

static struct fields_SB_TENANT
fields_of(const struct lists *lists, uint64_t number, const char *name)
{
	return (struct fields_SB_TENANT){
		.tenant = number,
		.tenant_name = span_str(name),
		.uid = 1001,
		.gid = 1002,
		.groups = list_of(&lists->groups),
		.shell_path = span_str("/bin/bash"),
		.home = span_str("/home/a"),
		.cwd = span_str("/srv"),
		.temp_dir = span_str("/tmp"),
		.has_file_mask = true,
		.file_mask = 077,
		.has_environment = true,
		.environment = list_of(&lists->environment),
		.tenant_flags = TENANT_PRIVATE_TMP,
		.token_hashes = list_of(&lists->tokens),
		.peer_uids = list_of(&lists->uids),
		.rlimits = list_of(&lists->rlimits),
		.cgroup_limits = list_of(&lists->limits),
		.session_cgroup_limits = list_of(&lists->limits),
		.budgets = list_of(&lists->budgets),
	};
}

TestSuite(tenant, .timeout = 20);

Test(tenant, all_of_the_order_is_taken)
{
	struct lists lists;
	struct fields_SB_TENANT fields;
	struct tenant *tenant;
	struct span item, limits;
	const char *wrong;

	lists_init(&lists);
	fields = fields_of(&lists, ALICE, "alice");
	tenant = tenant_new(&fields, &wrong);
	lists_clear(&lists);
	cr_assert_not_null(tenant, "%s", wrong);
	cr_assert_eq(tenant->principal, ALICE);
	cr_assert_str_eq(tenant->name, "alice");
	cr_assert_eq(tenant->uid, 1001);
	cr_assert_eq(tenant->gid, 1002);
	cr_assert_eq(tenant->ngroups, 1);
	cr_assert_eq(tenant->groups[0], 7);
	cr_assert_eq(tenant->file_mask, 077);
	cr_assert_str_eq(tenant->shell_path, "/bin/bash");
	cr_assert_str_eq(tenant->shell_name, "bash");
	cr_assert_str_eq(tenant->home, "/home/a");
	cr_assert_str_eq(tenant->cwd, "/srv");
	cr_assert_str_eq(tenant->temp_dir, "/tmp");
	cr_assert_str_eq(tenant->environment[0], "PATH=/bin");
	cr_assert_str_eq(tenant->environment[1], "EMPTY=");
	cr_assert_null(tenant->environment[2]);
	cr_assert_eq(tenant->flags, TENANT_PRIVATE_TMP);
	cr_assert_eq(tenant->ntokens, 1);
	cr_assert_eq(tenant->tokens[0][31], 1);
	cr_assert_eq(tenant->npeer_uids, 1);
	cr_assert_eq(tenant->peer_uids[0], 1001);
	cr_assert_eq(tenant->nrlimits, 1);
	cr_assert_eq(tenant->rlimits[0].resource, RLIMIT_NOFILE);
	cr_assert_eq(tenant->rlimits[0].limit.rlim_cur, 10);
	cr_assert_eq(tenant->rlimits[0].limit.rlim_max, RLIM_INFINITY);
	limits = tenant->cgroup_limits;
	cr_assert_eq(proto_list_next(&limits, &item), 1);
	cr_assert_arr_eq(item.p, "pids.max\0" "512", item.len);
	cr_assert_eq(proto_list_count(tenant->session_limits), 1);
	cr_assert_eq(tenant->budgets[BUDGET_SESSIONS], 5);
	cr_assert_eq(tenant->budgets[BUDGET_PROCESSES], 0);
	tenant_free(tenant);
	tenant_free(NULL);
}

Test(tenant, without_an_environment_it_has_ours)
{
	struct lists lists;
	struct fields_SB_TENANT fields;
	struct tenant *tenant;
	const char *wrong;
	size_t count = 0;

	lists_init(&lists);
	fields = fields_of(&lists, ALICE, "alice");
	fields.has_environment = false;
	tenant = tenant_new(&fields, &wrong);
	while (tenant->environment[count] != NULL) {
		cr_assert_str_eq(tenant->environment[count], environ[count]);
		count++;
	}
	cr_assert_null(environ[count]);
	tenant_free(tenant);
	lists_clear(&lists);
}

/* One way each in which an order does not add up. */
enum fault {
	NAME_EMPTY, NAME_DOT, NAME_SLASH, NAME_LONG, NAME_BLANK,
	NUMBER_ZERO, UID_NONE, GID_NONE, FLAGS, MASK, SHELL, HOME, CWD, TEMP,
	GROUP_SHORT, GROUP_NONE, UID_SHORT, PEER_NONE, HASH_SHORT, HASH_LONG,
	VARIABLE, VARIABLE_NAMELESS, VARIABLE_NUL, RLIMIT_SHORT,
	RLIMIT_UNKNOWN, RLIMIT_ORDER, LIMIT_NUL, LIMIT_PATH, LIMIT_OWN,
	LIMIT_UP, LIMIT_EMPTY, BUDGET_UNKNOWN, BUDGET_ZERO, BUDGET_TWICE,
	BUDGET_SHORT, FAULT_COUNT
};

static const char *const names[] = {
	[NAME_EMPTY] = "",
	[NAME_DOT] = ".alice",
	[NAME_SLASH] = "a/b",
	[NAME_LONG] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaa",
	[NAME_BLANK] = "a b",
};

static void
spoil_numbers(struct fields_SB_TENANT *f, enum fault fault)
{
	if (fault <= NAME_BLANK)
		f->tenant_name = span_str(names[fault]);
	if (fault == NUMBER_ZERO)
		f->tenant = 0;
	if (fault == UID_NONE)
		f->uid = UINT32_MAX;
	if (fault == GID_NONE)
		f->gid = UINT32_MAX;
	if (fault == FLAGS)
		f->tenant_flags = 0x80;
	if (fault == MASK)
		f->file_mask = 01000;
	if (fault == SHELL)
		f->shell_path = span_str("bash");
	if (fault == HOME)
		f->home = span_str("");
	if (fault == CWD)
		f->cwd = span_str("./");
	if (fault == TEMP)
		f->temp_dir = span_str("tmp");
}

static void
spoil_lists(struct lists *l, enum fault fault)
{
	static const struct {
		enum fault fault;
		size_t list;	/* in struct lists */
		const char *item;
		size_t len;
	} items[] = {
		{ GROUP_SHORT, 0, "abc", 3 },
		{ GROUP_NONE, 0, "\xff\xff\xff\xff", 4 },
		{ VARIABLE, 1, "PATH", 4 },
		{ VARIABLE_NAMELESS, 1, "=x", 2 },
		{ VARIABLE_NUL, 1, "A=b\0c", 5 },
		{ HASH_SHORT, 2, "short", 5 },
		{ HASH_LONG, 2, "0123456789012345678901234567890123", 33 },
		{ UID_SHORT, 3, "", 0 },
		{ PEER_NONE, 3, "\xff\xff\xff\xff", 4 },
		{ RLIMIT_SHORT, 4, "abcdefgh", 8 },
		{ LIMIT_NUL, 5, "pids.max", 8 },
		{ LIMIT_PATH, 5, "a/pids.max\0" "1", 12 },
		{ LIMIT_OWN, 5, "cgroup.procs\0" "1", 14 },
		{ LIMIT_UP, 5, "..\0" "1", 4 },
		{ LIMIT_EMPTY, 5, "pids.max\0", 9 },
		{ BUDGET_SHORT, 6, "abc", 3 },
	};
	size_t i;

	for (i = 0; i < sizeof(items) / sizeof(items[0]); i++)
		if (items[i].fault == fault)
			proto_list_add(&l->groups + items[i].list,
			    (struct span){ (const uint8_t *)items[i].item,
			    items[i].len });
	if (fault == RLIMIT_UNKNOWN)
		add_rlimit(&l->rlimits, RLIM_NLIMITS, 1, 1);
	if (fault == RLIMIT_ORDER)
		add_rlimit(&l->rlimits, 0, 2, 1);
	if (fault == BUDGET_UNKNOWN)
		add_budget(&l->budgets, BUDGET_COUNT, 1);
	if (fault == BUDGET_ZERO)
		add_budget(&l->budgets, 0, 1);
	if (fault == BUDGET_TWICE)
		add_budget(&l->budgets, BUDGET_SESSIONS, 1);
}

Test(tenant, every_wrong_field_is_refused)
{
	struct lists lists;
	struct fields_SB_TENANT fields;
	const char *wrong;
	int fault;

	for (fault = 0; fault < FAULT_COUNT; fault++) {
		lists_init(&lists);
		spoil_lists(&lists, (enum fault)fault);
		fields = fields_of(&lists, ALICE, "alice");
		spoil_numbers(&fields, (enum fault)fault);
		wrong = NULL;
		cr_expect_null(tenant_new(&fields, &wrong), "%d", fault);
		cr_expect_not_null(wrong, "%d", fault);
		lists_clear(&lists);
	}
}

TestSuite(order, .timeout = 20);

static const struct fields_SB_HOST plain_host = {
	.count = 3,
	.detach_ttl_ms = 80000,
	.max_detach_ttl_ms = 1000,
};

static struct order *
start(const struct fields_SB_HOST *host)
{
	struct order *order = order_new();

	cr_assert_null(order_take_host(order, host));
	return order;
}

static void
add_tenant(struct order *order, uint64_t number, const char *name,
    uint8_t token, uid_t uid)
{
	uint8_t hash[TOKEN_HASH_SIZE];
	struct lists lists;
	struct fields_SB_TENANT fields;
	const char *wrong;

	lists_init(&lists);
	writer_reset(&lists.tokens);
	memset(hash, token, sizeof(hash));
	proto_list_add(&lists.tokens, (struct span){ hash, sizeof(hash) });
	fields = fields_of(&lists, number, name);
	fields.uid = uid;
	wrong = order_take_tenant(order, &fields);
	cr_assert_null(wrong, "%s", wrong);
	lists_clear(&lists);
}

/* For one tenant, or with 0 for all that have been added. */
static const char *
add_listener(struct order *order, const char *url, uint32_t admission,
    uint64_t tenant)
{
	struct writer tenants;
	struct fields_SB_LISTENER fields = {
		.listener = span_str(url),
		.admission = admission,
	};
	const struct tenant *there;
	const char *wrong;

	writer_init(&tenants, 64);
	if (tenant != 0)
		add_number(&tenants, tenant, 8);
	else
		TAILQ_FOREACH(there, &order->tenants, entry)
			add_number(&tenants, there->principal, 8);
	fields.tenants = list_of(&tenants);
	wrong = order_take_listener(order, &fields);
	writer_clear(&tenants);
	return wrong;
}

Test(order, listeners_of_every_kind)
{
	struct order *order = start(&plain_host);

	add_tenant(order, ALICE, "alice", 1, 1001);
	cr_assert_null(add_listener(order, "ws://127.0.0.1:80", ADMIT_NONE,
	    0));
	cr_assert_null(add_listener(order, "wss://[::1]:81", ADMIT_TOKEN,
	    ALICE));
	cr_assert_null(add_listener(order, "unix:/run/x", ADMIT_PEER_UID, 0));
	cr_assert_null(order_finish(order));
	cr_assert_eq(order->host.max_detach_ttl_ms, 80000);
	cr_assert_eq(order->listeners[0].end.family, AF_INET);
	cr_assert_eq(order->listeners[1].end.family, AF_INET6);
	cr_assert_eq(order->listeners[1].end.port, htons(81));
	cr_assert_str_eq(order->listeners[2].path, "/run/x");
	cr_assert_neq(order->listeners[0].number, order->listeners[1].number);
	order_free(order);
	order_free(NULL);
}

Test(order, every_wrong_listener_is_refused)
{
	static const struct {
		const char *url;
		uint32_t admission;
	} wrong[] = {
		{ "localhost:80", ADMIT_TOKEN },
		{ "ws://localhost:80", ADMIT_TOKEN },
		{ "wss://127.0.0.1", ADMIT_TOKEN },
		{ "wsss://127.0.0.1:80", ADMIT_TOKEN },
		{ "unix:relative", ADMIT_TOKEN },
		{ "ws://127.0.0.1:80", 0 },
		{ "ws://127.0.0.1:80", 0x80 },
	};
	struct order *order;
	size_t i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		order = start(&plain_host);
		cr_expect_not_null(add_listener(order, wrong[i].url,
		    wrong[i].admission, 0), "%s", wrong[i].url);
		order_free(order);
	}
	order = start(&plain_host);
	for (i = 0; i < ORDER_LISTENERS_MAX; i++)
		cr_assert_null(add_listener(order, "ws://127.0.0.1:1",
		    ADMIT_TOKEN, 0));
	cr_assert_not_null(add_listener(order, "ws://127.0.0.1:1",
	    ADMIT_TOKEN, 0));
	order_free(order);
}

Test(order, a_short_secret_is_refused)
{
	struct fields_SB_HOST host = plain_host;
	struct order *order = order_new();

	host.has_secret = true;
	host.secret = span_str("0123456789012345678901234567890");
	cr_assert_not_null(order_take_host(order, &host));
	order_free(order);
	host.secret = span_str("01234567890123456789012345678901");
	order_free(start(&host));
}

/* Each part is right, and they do not go together. */
Test(order, what_does_not_fit_together_is_refused)
{
	struct fields_SB_HOST host = plain_host;
	struct order *order;
	int i;

	for (i = 0; i < 6; i++) {
		host = plain_host;
		if (i == 2)
			host.tenant_for_all = 99;
		if (i == 4) {
			host.has_secret = true;
			host.secret = span_str("0123456789012345678901234567"
			    "8901");
		}
		order = start(&host);
		add_tenant(order, ALICE, "alice", 1, 1001);
		add_tenant(order, BOB, "bob", i == 1 ? 1 : 2, 1001);
		if (i == 0)
			add_listener(order, "ws://127.0.0.1:1", ADMIT_NONE,
			    0);
		if (i == 3)
			add_listener(order, "ws://127.0.0.1:1", ADMIT_SIGNED,
			    ALICE);
		if (i == 4)
			add_listener(order, "ws://127.0.0.1:1", ADMIT_SIGNED,
			    0);
		if (i == 5)
			add_listener(order, "ws://127.0.0.1:1", ADMIT_TOKEN,
			    99);
		cr_expect_not_null(order_finish(order), "%d", i);
		order_free(order);
	}
}

Test(order, names_and_numbers_are_there_once)
{
	struct lists lists;
	struct fields_SB_TENANT fields;
	struct order *order = start(&plain_host);

	add_tenant(order, ALICE, "alice", 1, 1001);
	lists_init(&lists);
	fields = fields_of(&lists, ALICE, "bob");
	cr_assert_not_null(order_take_tenant(order, &fields));
	fields = fields_of(&lists, BOB, "alice");
	cr_assert_not_null(order_take_tenant(order, &fields));
	lists_clear(&lists);
	order_free(order);
}

Test(order, all_tokens_are_in_one_list)
{
	struct order *order = start(&plain_host);

	add_tenant(order, ALICE, "alice", 9, 1001);
	add_tenant(order, BOB, "bob", 2, 1002);
	cr_assert_null(order_finish(order));
	cr_assert_eq(order->ntokens, 2);
	cr_assert_eq(order->tokens[0].principal, BOB);
	cr_assert_eq(order->tokens[1].principal, ALICE);
	order_free(order);
}

static struct order *
two_tenants(uid_t uid)
{
	struct order *order = start(&plain_host);

	add_tenant(order, ALICE, "alice", 1, uid);
	add_tenant(order, BOB, "bob", 2, 1002);
	cr_assert_null(add_listener(order, "ws://127.0.0.1:1", ADMIT_TOKEN,
	    0));
	cr_assert_null(order_finish(order));
	return order;
}

static struct order *
bob_alone(void)
{
	struct order *order = start(&plain_host);

	add_tenant(order, BOB, "bob", 3, 1002);
	cr_assert_null(add_listener(order, "ws://127.0.0.1:1", ADMIT_TOKEN,
	    0));
	cr_assert_null(order_finish(order));
	return order;
}

Test(order, a_tenant_in_both_stays_where_it_is)
{
	struct order *now = NULL;
	struct tenant *alice;

	order_replace(&now, two_tenants(1001));
	alice = order_tenant(now, ALICE);
	alice->sessions = 2;
	order_replace(&now, two_tenants(1009));
	cr_assert_eq(order_tenant(now, ALICE), alice);
	cr_assert_eq(alice->uid, 1009);
	cr_assert_eq(alice->sessions, 2);
	cr_assert_not(alice->removed);
	order_free(now);
}

Test(order, a_removed_tenant_stays_for_its_sessions_and_lets_nobody_in)
{
	struct order *now = NULL;
	struct tenant *alice;

	order_replace(&now, two_tenants(1001));
	alice = order_tenant(now, ALICE);
	alice->sessions = 2;
	cr_assert_null(order_only_tenant(now, &now->listeners[0]));
	order_replace(&now, bob_alone());
	cr_assert_eq(order_tenant(now, ALICE), alice);
	cr_assert(alice->removed);
	cr_assert_null(order_tenant_named(now, span_str("alice")));
	cr_assert_not(order_serves(&now->listeners[0], alice));
	cr_assert_eq(order_only_tenant(now, &now->listeners[0]),
	    order_tenant(now, BOB));
	/* It can come back, */
	order_replace(&now, two_tenants(1001));
	cr_assert_not(alice->removed);
	cr_assert_eq(order_tenant_named(now, span_str("alice")), alice);
	order_release(now, alice);
	cr_assert_eq(order_tenant(now, ALICE), alice);
	/* or go with its last session. */
	order_replace(&now, bob_alone());
	order_release(now, alice);
	cr_assert_null(order_tenant(now, ALICE));
	order_free(now);
}

/* Who was let in by other rules is not let in by these. */
Test(order, a_signer_is_all_that_a_signed_token_is_judged_by)
{
	struct fields_SB_HOST hosts[6];
	uint64_t signers[6];
	struct order *order;
	size_t i, j;

	for (i = 0; i < 6; i++) {
		hosts[i] = plain_host;
		hosts[i].has_secret = true;
		hosts[i].secret = span_str("01234567890123456789012345678901");
	}
	hosts[1].secret = span_str("01234567890123456789012345678902");
	hosts[2].has_issuer = true;
	hosts[2].issuer = span_str("it");
	hosts[3].has_audience = true;
	hosts[3].audience = span_str("it");
	hosts[4].has_claim = true;
	hosts[4].claim = span_str("it");
	hosts[5].tenant_for_all = 1;
	for (i = 0; i < 6; i++) {
		order = start(&hosts[i]);
		add_tenant(order, 1, "alice", 1, 1);
		cr_assert_null(order_finish(order));
		signers[i] = order->signer;
		order_free(order);
		for (j = 0; j < i; j++)
			cr_expect_neq(signers[i], signers[j], "%zu %zu", i, j);
	}
	order = start(&hosts[4]);
	cr_assert_null(order_finish(order));
	cr_assert_eq(order->signer, signers[4]);
	order_free(order);
}
