/* SPDX-License-Identifier: ISC */
/* Who gets in, to what, and what a later order changes about it. */
#include "config.h"

#include <sys/socket.h>

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "broker/auth/token.h"
#include "common/unix.h"
#include "tests/unit/broker_bench.h"

#define ALICE 11
#define BOB 22

static uint8_t alice_hash[TOKEN_HASH_SIZE], bob_hash[TOKEN_HASH_SIZE];

TestSuite(admission, .timeout = 40);

/* Two tenants with a token each, at one listener. */
static struct bench_order
two_tenants(const char *url)
{
	token_hash(span_str("alice's"), alice_hash);
	token_hash(span_str("bob's"), bob_hash);
	return (struct bench_order){
		.count = 1,
		.listeners = { {
			.url = url,
			.admission = ADMIT_TOKEN,
			.tenants = { ALICE, BOB },
		} },
		.tenants = {
			{ .name = "alice", .number = ALICE, .uid = getuid(),
			    .tokens = { alice_hash } },
			{ .name = "bob", .number = BOB, .uid = getuid(),
			    .tokens = { bob_hash } },
		},
	};
}

Test(admission, by_token_and_by_nothing_else)
{
	char url[64];
	int listener = bench_listen(url, sizeof(url)), gate, i;
	struct bench_order order = two_tenants(url);
	struct bench_options options = { .order = &order };
	struct bench b;

	bench_start(&b, &options);
	gate = bench_gateway(&b, 1);
	bench_kept_out(&b, gate, listener, NULL, 401,
	    "missing websocket bearer token");
	bench_kept_out(&b, gate, listener, "Basic alice's", 401,
	    "invalid authorization header");
	bench_kept_out(&b, gate, listener, "Bearer carol's", 401,
	    "invalid websocket bearer token");
	bench_kept_out(&b, gate, listener, "Bearer ", 401,
	    "invalid websocket bearer token");
	bench_let_in(&b, gate, listener, 1, "bearer  alice's ");
	bench_let_in(&b, gate, listener, 2, "Bearer bob's");
	for (i = 2; i < 33; i++)
		bench_kept_out(&b, gate, listener, "Bearer wrong", 401,
		    "invalid websocket bearer token");
	bench_kept_out(&b, gate, listener, "Bearer alice's", 429,
	    "too many failed attempts, try again later");
	bench_stop(&b);
}

/* Whatever one knows of another's session, it is an unknown one. */
Test(admission, a_session_is_its_tenants)
{
	char url[64];
	int listener = bench_listen(url, sizeof(url)), gate;
	struct bench_order order = two_tenants(url);
	struct bench_options options = { .order = &order };
	struct bench_session s, other;
	struct fields_HANDLE leave = { .handle = 1 };
	struct ident nonce;
	struct bench b;

	bench_start(&b, &options);
	gate = bench_gateway(&b, 1);
	ident_make(&nonce);
	bench_let_in(&b, gate, listener, 1, "Bearer alice's");
	bench_ask(gate, 1, NULL, &nonce);
	s = bench_attached(&b, gate);
	bench_let_in(&b, gate, listener, 2, "Bearer bob's");
	/* Held: nobody is asked about it. */
	bench_ask(gate, 2, s.id, NULL);
	bench_refused(&b, gate, ATTACH_UNKNOWN_SESSION);
	cr_assert_not(b.msg.BG_ATTACH_FAILED.has_end_reason);
	/* Her nonce is another request of his. */
	bench_ask(gate, 2, NULL, &nonce);
	other = bench_attached(&b, gate);
	cr_assert_str_neq(other.id, s.id);
	cr_assert_eq(other.generation, 1);
	chan_write_one(gate, MSG_GB_LEAVE, &leave, NULL, 0);
	bench_let_in(&b, gate, listener, 3, "Bearer bob's");
	bench_ask(gate, 3, s.id, NULL);
	bench_refused(&b, gate, ATTACH_UNKNOWN_SESSION);
	bench_let_in(&b, gate, listener, 4, "Bearer alice's");
	bench_ask(gate, 4, s.id, NULL);
	cr_assert_eq(bench_attached(&b, gate).generation, 2);
	bench_stop(&b);
}

Test(admission, a_listener_has_its_tenants_and_its_gateways)
{
	char url[64];
	int listener = bench_listen(url, sizeof(url)), gate;
	struct bench_order order = two_tenants(url);
	struct bench_options options = { .order = &order };
	struct bench b;

	order.listeners[0].tenants[1] = 0;
	bench_start(&b, &options);
	gate = bench_gateway(&b, 1);
	bench_let_in(&b, gate, listener, 1, "Bearer alice's");
	bench_kept_out(&b, gate, listener, "Bearer bob's", 401,
	    "invalid websocket bearer token");
	order.count = 2;
	order.listeners[0].pool = 1;
	bench_reorder(&b, &order);
	cr_assert_not(b.msg.BS_TAKEN.has_text);
	bench_kept_out(&b, gate, listener, "Bearer alice's", 403,
	    "not accepted on one of the listeners");
	bench_stop(&b);
}

Test(admission, whose_token_is_withdrawn_has_to_go)
{
	char url[64];
	int listener = bench_listen(url, sizeof(url)), gate;
	struct bench_order order = two_tenants(url);
	struct bench_options options = { .order = &order };
	struct bench_session alice, bob;
	struct bench b;

	bench_start(&b, &options);
	gate = bench_gateway(&b, 1);
	bench_let_in(&b, gate, listener, 1, "Bearer alice's");
	bench_ask(gate, 1, NULL, NULL);
	alice = bench_attached(&b, gate);
	bench_let_in(&b, gate, listener, 2, "Bearer bob's");
	bench_ask(gate, 2, NULL, NULL);
	bob = bench_attached(&b, gate);
	bench_let_in(&b, gate, listener, 3, "Bearer bob's");
	order.count = 2;
	order.tenants[1] = (struct bench_tenant){ .name = NULL };
	order.listeners[0].tenants[1] = 0;
	bench_reorder(&b, &order);
	bench_gone(&b, gate, &bob, GONE_DISMISSED);
	bench_expect(&b, gate, ROLE_GATEWAY, MSG_BG_REFUSED);
	cr_assert_eq(b.msg.BG_REFUSED.handle, 3);
	bench_read_end(bob.data);
	bench_kept_out(&b, gate, listener, "Bearer bob's", 401,
	    "invalid websocket bearer token");
	/* A slip of the pen, mended. */
	order = two_tenants(url);
	order.count = 3;
	bench_reorder(&b, &order);
	bench_let_in(&b, gate, listener, 4, "Bearer bob's");
	bench_ask(gate, 4, bob.id, NULL);
	cr_assert_eq(bench_attached(&b, gate).generation, 2);
	/* Nothing of this was hers. */
	bench_detach(gate, &alice, alice.generation);
	bench_stop(&b);
}

Test(admission, a_wrong_order_changes_nothing)
{
	char url[64];
	int listener = bench_listen(url, sizeof(url)), gate;
	struct bench_order order = two_tenants(url), wrong = order;
	struct bench_options options = { .order = &order };
	struct bench b;

	bench_start(&b, &options);
	gate = bench_gateway(&b, 1);
	wrong.count = 2;
	wrong.tenants[1].tokens[0] = alice_hash;
	bench_reorder(&b, &wrong);
	cr_assert(b.msg.BS_TAKEN.has_text);
	/* Limits that are required and cannot be set. */
	wrong = order;
	wrong.count = 3;
	wrong.require_cgroups = true;
	wrong.tenants[1].limited = true;
	bench_reorder(&b, &wrong);
	cr_assert(b.msg.BS_TAKEN.has_text);
	wrong.count = 4;
	wrong.tenants[1].limited = false;
	bench_reorder(&b, &wrong);
	cr_assert(!b.msg.BS_TAKEN.has_text);
	bench_let_in(&b, gate, listener, 1, "Bearer bob's");
	bench_stop(&b);
}

/* A gateway that says it has left and keeps the data socket. */
Test(admission, a_kept_data_socket_is_worth_nothing)
{
	struct fields_HANDLE leave = { .handle = 1 };
	struct bench_session s;
	struct bench b;
	uint8_t count;
	int gate;

	bench_start(&b, NULL);
	gate = bench_gateway(&b, 1);
	s = bench_attach(&b, gate, 1, NULL);
	bench_write(s.data, "c");
	bench_read(s.data, &count, 1);
	bench_write(s.data, "m");
	chan_write_one(gate, MSG_GB_LEAVE, &leave, NULL, 0);
	bench_read_end(s.data);
	s = bench_attach(&b, gate, 2, s.id);
	bench_write(s.data, "c");
	bench_read(s.data, &count, 1);
	cr_assert_eq(count, 1);
	bench_detach(gate, &s, s.generation);
	bench_read_end(s.data);
	bench_stop(&b);
}

/* Kept from before the runner was there, too: the order finds it there. */
Test(admission, kept_from_before_the_runner)
{
	struct bench_session s;
	struct bench b;
	int32_t pid;
	uint8_t count;
	int gate;

	bench_start(&b, NULL);
	gate = bench_gateway(&b, 1);
	s = bench_attach(&b, gate, 1, NULL);
	/* Work and its end are there before the broker looks. */
	kill(b.pid, SIGSTOP);
	bench_write(s.data, "mp");
	bench_detach(gate, &s, s.generation);
	kill(b.pid, SIGCONT);
	bench_read(s.data, &pid, sizeof(pid));
	bench_read_end(s.data);
	/* Another comes before that runner has said a word. */
	s = bench_attach(&b, gate, 2, s.id);
	kill(pid, SIGSTOP);
	bench_write(s.data, "m");
	bench_detach(gate, &s, s.generation);
	s = bench_attach(&b, gate, 3, s.id);
	bench_write(s.data, "c");
	kill(pid, SIGCONT);
	bench_read(s.data, &count, 1);
	cr_assert_eq(count, 2);
	bench_stop(&b);
}

/* A gateway is gone, or so its channel says: so is all that it held. */
Test(admission, kept_by_a_gateway_that_is_gone)
{
	struct bench_session with, without, again;
	struct bench b;
	uint8_t count;
	int gate;

	bench_start(&b, NULL);
	gate = bench_gateway(&b, 1);
	with = bench_attach(&b, gate, 1, NULL);
	without = bench_attach(&b, gate, 2, NULL);
	bench_write(with.data, "mc");
	bench_read(with.data, &count, 1);
	close(gate);
	bench_read_end(with.data);
	bench_read_end(without.data);
	gate = bench_gateway(&b, 2);
	again = bench_attach(&b, gate, 1, with.id);
	bench_write(again.data, "mc");
	bench_read(again.data, &count, 1);
	cr_assert_eq(count, 2);
	bench_stop(&b);
}

static void
take_over(int gate, uint64_t handle, const char *session)
{
	struct ident nonce;
	struct fields_GB_ATTACH attach = {
		.handle = handle,
		.client_name = span_str("test"),
		.has_resume = true,
		.resume = span_str(session),
		.has_takeover = true,
		.takeover = true,
	};

	ident_make(&nonce);
	attach.nonce = (struct span){ nonce.bytes, IDENT_SIZE };
	cr_assert_eq(chan_write_one(gate, MSG_GB_ATTACH, &attach, NULL, 0),
	    0);
}

/* Whose session was taken over has nothing of it any more. */
Test(admission, kept_by_one_who_was_displaced)
{
	char url[64];
	int listener = bench_listen(url, sizeof(url)), gate, other;
	struct bench_order order = two_tenants(url);
	struct bench_options options = { .order = &order };
	struct bench_session before, after;
	struct bench b;
	uint8_t count;

	bench_start(&b, &options);
	gate = bench_gateway(&b, 1);
	other = bench_gateway(&b, 2);
	bench_let_in(&b, gate, listener, 1, "Bearer alice's");
	bench_ask(gate, 1, NULL, NULL);
	before = bench_attached(&b, gate);
	bench_write(before.data, "mc");
	bench_read(before.data, &count, 1);
	/* Bob cannot, and she notices nothing. */
	bench_let_in(&b, other, listener, 1, "Bearer bob's");
	take_over(other, 1, before.id);
	bench_refused(&b, other, ATTACH_UNKNOWN_SESSION);
	bench_write(before.data, "c");
	bench_read(before.data, &count, 1);
	cr_assert_eq(count, 1);
	bench_let_in(&b, other, listener, 2, "Bearer alice's");
	take_over(other, 2, before.id);
	after = bench_attached(&b, other);
	cr_assert_eq(after.generation, before.generation + 1);
	bench_expect(&b, gate, ROLE_GATEWAY, MSG_BG_GONE);
	cr_assert_eq(b.msg.BG_GONE.generation, before.generation);
	bench_read_end(before.data);
	bench_write(after.data, "mc");
	bench_read(after.data, &count, 1);
	cr_assert_eq(count, 2);
	bench_stop(&b);
}

/* Each of these, by the word of a proxy. */
static struct span
source(uint8_t last)
{
	static uint8_t bytes[6];

	memcpy(bytes, (uint8_t[6]){ 192, 0, 2, last, 0x10, 0x20 }, 6);
	return (struct span){ bytes, sizeof(bytes) };
}

static void
expect_refusal(struct bench *b, int gate, uint32_t status, const char *text)
{
	bench_expect(b, gate, ROLE_GATEWAY, MSG_BG_REFUSED);
	cr_assert_eq(b->msg.BG_REFUSED.status, status);
	cr_assert(span_is(b->msg.BG_REFUSED.text, text), "%.*s",
	    (int)b->msg.BG_REFUSED.text.len, b->msg.BG_REFUSED.text.p);
}

/* Whoever fails behind a proxy, the others behind it do not pay for it. */
Test(admission, failures_behind_a_proxy_are_the_clients)
{
	char url[64];
	int listener = bench_listen(url, sizeof(url)), gate, i;
	struct bench_order order = two_tenants(url);
	struct bench_options options = { .order = &order };
	struct bench b;

	order.listeners[0].proxy = "127.0.0.1";
	bench_start(&b, &options);
	gate = bench_gateway(&b, 1);
	for (i = 0; i < 33; i++) {
		bench_offer_for(gate, listener, 999, "Bearer wrong",
		    source(1));
		expect_refusal(&b, gate, 401,
		    "invalid websocket bearer token");
	}
	bench_offer_for(gate, listener, 1, "Bearer alice's", source(1));
	expect_refusal(&b, gate, 429,
	    "too many failed attempts, try again later");
	bench_offer_for(gate, listener, 2, "Bearer alice's", source(2));
	bench_expect(&b, gate, ROLE_GATEWAY, MSG_BG_ADMITTED);
	/* Nor does the proxy itself, or who it does not name. */
	bench_let_in(&b, gate, listener, 3, "Bearer alice's");
	bench_stop(&b);
}

/* A gateway can name nobody where the kernel sees no proxy. */
Test(admission, a_source_that_nobody_may_name)
{
	char url[64];
	int listener = bench_listen(url, sizeof(url)), gate;
	struct bench_order order = two_tenants(url);
	struct bench_options options = { .order = &order };
	struct bench b;

	bench_start(&b, &options);
	gate = bench_gateway(&b, 1);
	bench_offer_for(gate, listener, 1, "Bearer alice's", source(1));
	expect_refusal(&b, gate, 403, "not a trusted proxy");
	order.count = 2;
	order.listeners[0].proxy = "192.0.2.0/24";
	bench_reorder(&b, &order);
	bench_offer_for(gate, listener, 2, "Bearer alice's", source(1));
	expect_refusal(&b, gate, 403, "not a trusted proxy");
	order.count = 3;
	order.listeners[0].proxy = "127.0.0.0/8";
	bench_reorder(&b, &order);
	bench_offer_for(gate, listener, 3, "Bearer alice's", source(1));
	bench_expect(&b, gate, ROLE_GATEWAY, MSG_BG_ADMITTED);
	bench_offer_for(gate, listener, 4, "Bearer alice's",
	    (struct span){ source(1).p, 5 });
	expect_refusal(&b, gate, 403, "not a client's address");
	bench_stop(&b);
}

/* A proxy's own user is no proof, whatever the gateway says of it. */
Test(admission, no_user_behind_a_proxy)
{
	char url[64];
	int listener = bench_listen(url, sizeof(url)), gate;
	struct bench_order order = two_tenants(url);
	struct bench_options options = { .order = &order };
	struct bench b;
	int data;

	order.tenants[1].no_peer = true;
	order.listeners[0].admission |= ADMIT_PEER_UID;
	bench_start(&b, &options);
	gate = bench_gateway(&b, 1);
	bench_let_in(&b, gate, listener, 1, NULL);
	bench_ask(gate, 1, NULL, NULL);
	data = bench_attached(&b, gate).data;
	order.count = 2;
	order.listeners[0].proxy = "127.0.0.1";
	bench_send_order(&b, &order);
	/* Who is in for being it has to go. */
	bench_expect(&b, gate, ROLE_GATEWAY, MSG_BG_GONE);
	cr_assert_eq(b.msg.BG_GONE.reason, GONE_DISMISSED);
	bench_expect(&b, b.sup, ROLE_SUPERVISOR, MSG_BS_TAKEN);
	bench_kept_out(&b, gate, listener, NULL, 401,
	    "missing websocket bearer token");
	bench_offer_for(gate, listener, 2, NULL, source(1));
	expect_refusal(&b, gate, 401, "missing websocket bearer token");
	bench_let_in(&b, gate, listener, 3, "Bearer bob's");
	close(data);
	bench_stop(&b);
}

Test(admission, without_proof_there_is_no_proxy)
{
	static const char url[] = "ws://127.0.0.1:1";
	struct bench_order order = two_tenants(url);
	struct bench_options options = { .order = &order };
	struct bench b;

	bench_start(&b, &options);
	order.count = 2;
	order.listeners[0].proxy = "127.0.0.1";
	order.listeners[0].admission = ADMIT_NONE;
	order.listeners[0].tenants[1] = 0;
	bench_reorder(&b, &order);
	cr_assert(b.msg.BS_TAKEN.has_text);
	bench_stop(&b);
}
