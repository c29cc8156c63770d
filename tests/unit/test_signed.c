/* SPDX-License-Identifier: ISC */
/*
 * Signed tokens on a host with several tenants: whom they are for, what they
 * are answered, and what a changed secret does.
 */
#include "config.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/auth/token.h"
#include "tests/lib/signer.h"
#include "tests/unit/broker_bench.h"

#define ALICE 11
#define BOB 22
#define SECRET "the-first-secret-of-the-signer-0123456"
#define LATER "the-second-secret-of-the-signer-012345"
#define NO_TOKEN "invalid websocket bearer token"
#define NO_SIGNED "invalid websocket jwt"

static uint8_t alice_hash[TOKEN_HASH_SIZE], dotted_hash[TOKEN_HASH_SIZE];

TestSuite(signed_tokens, .timeout = 40);

/* Alice has tokens of her own, one of which looks like a signed one. */
static struct bench_order
two_tenants(const char *url)
{
	token_hash(span_str("alice's"), alice_hash);
	token_hash(span_str("a.b.c"), dotted_hash);
	return (struct bench_order){
		.count = 1,
		.secret = SECRET,
		.claim = "sub",
		.listeners = { {
			.url = url,
			.admission = ADMIT_TOKEN | ADMIT_SIGNED,
			.tenants = { ALICE, BOB },
		} },
		.tenants = {
			{ .name = "alice", .number = ALICE, .uid = getuid(),
			    .tokens = { alice_hash, dotted_hash } },
			{ .name = "bob", .number = BOB, .uid = getuid() },
		},
	};
}

static void
let_in(struct bench *b, int gate, int listener, uint64_t handle,
    const char *secret, const char *name)
{
	char *header = signer_bearer(secret, "sub", name);

	bench_let_in(b, gate, listener, handle, header);
	free(header);
}

static void
kept_out(struct bench *b, int gate, int listener, const char *secret,
    const char *claim, const char *name)
{
	char *header = signer_bearer(secret, claim, name);

	bench_kept_out(b, gate, listener, header, 401, NO_SIGNED);
	free(header);
}

Test(signed_tokens, are_for_the_tenant_they_name)
{
	char url[64];
	int listener = bench_listen(url, sizeof(url)), gate;
	struct bench_order order = two_tenants(url);
	struct bench_options options = { .order = &order };
	struct fields_HANDLE leave = { .handle = 1 };
	struct bench_session s;
	struct bench b;

	bench_start(&b, &options);
	gate = bench_gateway(&b, 1);
	let_in(&b, gate, listener, 1, SECRET, "alice");
	bench_ask(gate, 1, NULL, NULL);
	s = bench_attached(&b, gate);
	let_in(&b, gate, listener, 2, SECRET, "bob");
	bench_ask(gate, 2, s.id, NULL);
	bench_refused(&b, gate, ATTACH_UNKNOWN_SESSION);
	/* Whichever way she proves herself, the session is hers. */
	chan_write_one(gate, MSG_GB_LEAVE, &leave, NULL, 0);
	bench_let_in(&b, gate, listener, 3, "Bearer alice's");
	bench_ask(gate, 3, s.id, NULL);
	cr_assert_eq(bench_attached(&b, gate).generation, 2);
	bench_stop(&b);
}

/* Nobody learns which names there are. */
Test(signed_tokens, an_unknown_tenant_is_a_wrong_token)
{
	static const char *const names[] = { "carol", "ALICE", "alice ", "",
		"11", "alic" };
	char url[64];
	int listener = bench_listen(url, sizeof(url)), gate;
	struct bench_order order = two_tenants(url);
	struct bench_options options = { .order = &order };
	struct bench b;
	size_t i;

	bench_start(&b, &options);
	gate = bench_gateway(&b, 1);
	kept_out(&b, gate, listener, LATER, "sub", "alice");
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		kept_out(&b, gate, listener, SECRET, "sub", names[i]);
	kept_out(&b, gate, listener, SECRET, "iss", "alice");
	/* One that is, but is not to be had here. */
	order.count = 2;
	order.listeners[0].tenants[1] = 0;
	bench_reorder(&b, &order);
	cr_assert_not(b.msg.BS_TAKEN.has_text);
	kept_out(&b, gate, listener, SECRET, "sub", "bob");
	let_in(&b, gate, listener, 1, SECRET, "alice");
	bench_stop(&b);
}

Test(signed_tokens, and_others_at_one_listener)
{
	char url[64];
	int listener = bench_listen(url, sizeof(url)), gate;
	struct bench_order order = two_tenants(url);
	struct bench_options options = { .order = &order };
	struct bench b;

	bench_start(&b, &options);
	gate = bench_gateway(&b, 1);
	bench_let_in(&b, gate, listener, 1, "Bearer alice's");
	bench_let_in(&b, gate, listener, 2, "Bearer a.b.c");
	let_in(&b, gate, listener, 3, SECRET, "bob");
	bench_kept_out(&b, gate, listener, "Bearer x", 401, NO_TOKEN);
	bench_kept_out(&b, gate, listener, "Bearer a.b.d", 401, NO_SIGNED);
	bench_kept_out(&b, gate, listener, NULL, 401,
	    "missing websocket bearer token");
	/* Each way is only where it is listed. */
	order.count = 2;
	order.listeners[0].admission = ADMIT_SIGNED;
	bench_reorder(&b, &order);
	bench_expect(&b, gate, ROLE_GATEWAY, MSG_BG_REFUSED);
	bench_expect(&b, gate, ROLE_GATEWAY, MSG_BG_REFUSED);
	bench_kept_out(&b, gate, listener, "Bearer alice's", 401, NO_SIGNED);
	bench_kept_out(&b, gate, listener, "Bearer a.b.c", 401, NO_SIGNED);
	let_in(&b, gate, listener, 4, SECRET, "alice");
	order.count = 3;
	order.listeners[0].admission = ADMIT_TOKEN;
	bench_reorder(&b, &order);
	bench_expect(&b, gate, ROLE_GATEWAY, MSG_BG_REFUSED);
	bench_expect(&b, gate, ROLE_GATEWAY, MSG_BG_REFUSED);
	bench_let_in(&b, gate, listener, 5, "Bearer a.b.c");
	bench_stop(&b);
}

Test(signed_tokens, end_with_their_secret)
{
	char url[64];
	int listener = bench_listen(url, sizeof(url)), gate;
	struct bench_order order = two_tenants(url);
	struct bench_options options = { .order = &order };
	struct bench_session bob, alice;
	struct bench b;
	uint8_t count;

	bench_start(&b, &options);
	gate = bench_gateway(&b, 1);
	let_in(&b, gate, listener, 1, SECRET, "bob");
	bench_ask(gate, 1, NULL, NULL);
	bob = bench_attached(&b, gate);
	let_in(&b, gate, listener, 2, SECRET, "bob");
	bench_let_in(&b, gate, listener, 3, "Bearer alice's");
	bench_ask(gate, 3, NULL, NULL);
	alice = bench_attached(&b, gate);
	/* The same once more is no reason. */
	order.count = 2;
	bench_reorder(&b, &order);
	bench_write(bob.data, "m");
	order.count = 3;
	order.secret = LATER;
	bench_reorder(&b, &order);
	cr_assert_not(b.msg.BS_TAKEN.has_text);
	bench_gone(&b, gate, &bob, GONE_DISMISSED);
	bench_expect(&b, gate, ROLE_GATEWAY, MSG_BG_REFUSED);
	cr_assert_eq(b.msg.BG_REFUSED.handle, 2);
	bench_read_end(bob.data);
	kept_out(&b, gate, listener, SECRET, "sub", "bob");
	let_in(&b, gate, listener, 4, LATER, "bob");
	bench_ask(gate, 4, bob.id, NULL);
	bob = bench_attached(&b, gate);
	cr_assert_eq(bob.generation, 2);
	bench_write(bob.data, "c");
	bench_read(bob.data, &count, 1);
	cr_assert_eq(count, 1);
	/* Her token is not of that secret. */
	bench_write(alice.data, "mc");
	bench_read(alice.data, &count, 1);
	bench_stop(&b);
}

/* Everything an answer says, as it would travel. */
static struct span
said(struct bench *b, int gate, struct writer *w)
{
	bench_expect(b, gate, ROLE_GATEWAY, MSG_BG_ATTACH_FAILED);
	writer_init(w, PROTO_CONTROL_MAX);
	proto_encode(w, MSG_BG_ATTACH_FAILED, &b->msg.BG_ATTACH_FAILED);
	cr_assert_not(w->failed);
	return (struct span){ w->p, w->len };
}

/* What has ended is told of to whom it was, and to nobody else. */
Test(signed_tokens, the_end_of_anothers_session_is_not_told)
{
	static const char never[] = "00000000-0000-4000-8000-000000000000";
	char url[64];
	int listener = bench_listen(url, sizeof(url)), gate;
	struct bench_order order = two_tenants(url);
	struct bench_options options = { .order = &order };
	struct fields_HANDLE leave = { .handle = 1 };
	struct bench_session s;
	struct writer known, unknown;
	struct span a, o;
	struct ident nonce;
	struct bench b;

	order.ttl_ms = 1;
	bench_start(&b, &options);
	gate = bench_gateway(&b, 1);
	ident_make(&nonce);
	let_in(&b, gate, listener, 1, SECRET, "alice");
	bench_ask(gate, 1, NULL, &nonce);
	s = bench_attached(&b, gate);
	chan_write_one(gate, MSG_GB_LEAVE, &leave, NULL, 0);
	let_in(&b, gate, listener, 2, SECRET, "alice");
	do {
		bench_ask(gate, 2, s.id, NULL);
		bench_refused(&b, gate, ATTACH_UNKNOWN_SESSION);
	} while (!b.msg.BG_ATTACH_FAILED.has_end_reason);
	let_in(&b, gate, listener, 3, SECRET, "bob");
	bench_ask(gate, 3, s.id, NULL);
	a = said(&b, gate, &known);
	bench_ask(gate, 3, never, NULL);
	o = said(&b, gate, &unknown);
	cr_assert(a.len == o.len && memcmp(a.p, o.p, a.len) == 0);
	writer_clear(&known);
	writer_clear(&unknown);
	/* And what she asked with is nothing to him. */
	bench_ask(gate, 3, NULL, &nonce);
	cr_assert_str_neq(bench_attached(&b, gate).id, s.id);
	bench_stop(&b);
}
