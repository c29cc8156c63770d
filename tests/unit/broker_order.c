/* SPDX-License-Identifier: ISC */
/* What the test orders the broker, as its supervisor. */
#include "config.h"

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

#include "common/unix.h"
#include "tests/unit/broker_bench.h"

static void
put_number(struct writer *w, uint64_t number)
{
	writer_put_u32(w, sizeof(number));
	writer_put_u64(w, number);
}

static void
put_id(struct writer *w, uint32_t id)
{
	writer_put_u32(w, sizeof(id));
	writer_put_u32(w, id);
}

static struct span
written(const struct writer *w)
{
	return (struct span){ w->p, w->len };
}

static void
send_host(struct bench *b, const struct bench_order *order)
{
	struct fields_SB_HOST host = {
		.count = order->count,
		.detach_ttl_ms = order->ttl_ms == 0 ? 60000 :
						      order->ttl_ms - 1,
		.max_detach_ttl_ms = 0,
		.retention_ms = 1000,
		.retain_bytes = 65536,
		.hold_ms = 1000,
		.max_processes = 16,
		.has_secret = order->secret != NULL,
		.has_claim = order->claim != NULL,
		.require_cgroups = order->require_cgroups,
		.has_require_cgroups = true,
	};

	host.loss_ttl_ms = order->loss_ms;
	host.has_loss_ttl_ms = order->loss_ms != 0;
	host.reconnect_ms = order->reconnect_ms;
	host.has_reconnect_ms = order->reconnect_ms != 0;
	if (host.has_secret)
		host.secret = span_str(order->secret);
	if (host.has_claim)
		host.claim = span_str(order->claim);
	cr_assert_eq(chan_write_one(b->sup, MSG_SB_HOST, &host, NULL, 0), 0);
}

static void
send_listener(struct bench *b, const struct bench_listener *listener)
{
	struct writer tenants, proxies;
	struct fields_SB_LISTENER msg = {
		.listener = span_str(listener->url),
		.pool = listener->pool,
		.admission = listener->admission,
	};
	size_t i;

	writer_init(&tenants, 4096);
	for (i = 0; i < BENCH_TENANTS && listener->tenants[i] != 0; i++)
		put_number(&tenants, listener->tenants[i]);
	msg.tenants = written(&tenants);
	writer_init(&proxies, PROXIES_MAX);
	if (listener->proxy != NULL)
		cr_assert_null(proxies_add_network(&proxies,
		    listener->proxy));
	msg.proxies = written(&proxies);
	msg.has_proxies = proxies.len > 0;
	cr_assert_eq(chan_write_one(b->sup, MSG_SB_LISTENER, &msg, NULL, 0),
	    0);
	writer_clear(&tenants);
	writer_clear(&proxies);
}

static void
send_tenant(struct bench *b, const struct bench_tenant *tenant)
{
	static const char limit[] = "none.max\0" "1";
	struct writer groups, uids, tokens, limits;
	struct fields_SB_TENANT msg = {
		.tenant = tenant->number,
		.tenant_name = span_str(tenant->name),
		.uid = tenant->uid,
		.gid = getgid(),
		.shell_path = span_str("/bin/sh"),
		.home = span_str("/"),
		.cwd = span_str("/"),
		.temp_dir = span_str("/tmp"),
		.has_peer_uids = true,
		.has_token_hashes = true,
	};
	size_t i;

	writer_init(&groups, 4096);
	writer_init(&uids, 4096);
	writer_init(&tokens, 4096);
	writer_init(&limits, 4096);
	if (tenant->limited)
		proto_list_add(&limits, (struct span){ (const uint8_t *)limit,
		    sizeof(limit) - 1 });
	msg.has_cgroup_limits = tenant->limited;
	msg.cgroup_limits = written(&limits);
	if (!tenant->no_peer)
		put_id(&uids, tenant->uid);
	for (i = 0; i < BENCH_TOKENS && tenant->tokens[i] != NULL; i++)
		proto_list_add(&tokens, (struct span){ tenant->tokens[i],
		    BENCH_HASH_SIZE });
	msg.groups = written(&groups);
	msg.peer_uids = written(&uids);
	msg.token_hashes = written(&tokens);
	cr_assert_eq(chan_write_one(b->sup, MSG_SB_TENANT, &msg, NULL, 0), 0);
	writer_clear(&groups);
	writer_clear(&uids);
	writer_clear(&tokens);
	writer_clear(&limits);
}

void
bench_send_order(struct bench *b, const struct bench_order *order)
{
	struct fields_PING commit = { .count = order->count };
	size_t i;

	send_host(b, order);
	for (i = 0; i < BENCH_LISTENERS &&
	    order->listeners[i].url != NULL; i++)
		send_listener(b, &order->listeners[i]);
	for (i = 0; i < BENCH_TENANTS && order->tenants[i].name != NULL; i++)
		send_tenant(b, &order->tenants[i]);
	cr_assert_eq(chan_write_one(b->sup, MSG_SB_COMMIT, &commit, NULL, 0),
	    0);
}

void
bench_reorder(struct bench *b, const struct bench_order *order)
{
	bench_send_order(b, order);
	bench_expect(b, b->sup, ROLE_SUPERVISOR, MSG_BS_TAKEN);
	cr_assert_eq(b->msg.BS_TAKEN.count, order->count);
}
