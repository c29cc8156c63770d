/* SPDX-License-Identifier: ISC */
/* Which peers are proxies, and what a source looks like on the wire. */
#include "config.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <string.h>

#include <criterion/criterion.h>

#include "common/proto.h"
#include "common/proxies.h"

TestSuite(proxies, .timeout = 20);

static struct proxies_peer
peer(const char *text)
{
	struct proxies_peer peer = { .family = AF_INET };

	if (inet_pton(AF_INET, text, peer.address) != 1) {
		peer.family = AF_INET6;
		cr_assert_eq(inet_pton(AF_INET6, text, peer.address), 1);
	}
	return peer;
}

static struct proxies_peer
user(uid_t uid)
{
	return (struct proxies_peer){ .family = AF_UNIX, .uid = uid };
}

static struct span
list_of(const struct writer *w)
{
	return (struct span){ w->p, w->len };
}

Test(proxies, networks)
{
	static const struct {
		const char *network, *inside, *outside;
	} rows[] = {
		{ "10.0.0.1", "10.0.0.1", "10.0.0.2" },
		{ "10.0.0.1/32", "10.0.0.1", "10.0.0.0" },
		{ "10.1.0.0/16", "10.1.255.255", "10.2.0.0" },
		{ "10.64.0.0/10", "10.127.0.1", "10.128.0.0" },
		{ "128.0.0.0/1", "255.1.2.3", "127.0.0.1" },
		{ "192.0.2.6/31", "192.0.2.7", "192.0.2.8" },
		{ "fd00::/8", "fd12:3456::1", "fc00::1" },
		{ "2001:db8::1", "2001:db8::1", "2001:db8::2" },
		{ "2001:db8::/127", "2001:db8::1", "2001:db8::2" },
		{ "10.0.0.0/8", "10.0.0.0", "a00::" },
		{ "a00::/8", "a00::", "10.0.0.0" },
	};
	struct proxies_peer in, out, local = user(0);
	struct writer w;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		writer_init(&w, PROXIES_MAX);
		cr_assert_null(proxies_add_network(&w, rows[i].network));
		cr_assert(proxies_valid(list_of(&w)));
		in = peer(rows[i].inside);
		out = peer(rows[i].outside);
		cr_assert(proxies_trust(list_of(&w), &in), "%zu", i);
		cr_assert_not(proxies_trust(list_of(&w), &out), "%zu", i);
		cr_assert_not(proxies_trust(list_of(&w), &local), "%zu", i);
		writer_clear(&w);
	}
}

Test(proxies, what_is_no_network)
{
	static const char *const rows[] = {
		"", "/", "x", "10.0.0", "10.0.0.1/", "10.0.0.1/x", "10.0.0.1/33",
		"10.0.0.1/0032", "10.0.0.1/-1", "10.0.0.0/0", "::/0",
		"10.0.0.1/8", "fd00::1/8", "::1/129", "::ffff:10.0.0.1",
		"[::1]", "::1%lo", "10.0.0.1 ", "localhost",
		"1111111111111111111111111111111111111111111111111111111",
	};
	struct writer w;
	size_t i;

	writer_init(&w, PROXIES_MAX);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_assert_not_null(proxies_add_network(&w, rows[i]), "%s",
		    rows[i]);
	cr_assert_eq(w.len, 0);
	writer_clear(&w);
}

Test(proxies, users_of_this_host)
{
	struct proxies_peer him = user(5), her = user(6);
	struct proxies_peer far = peer("0.0.0.5");
	struct writer w;

	cr_assert_not(proxies_trust((struct span){ NULL, 0 }, &him));
	writer_init(&w, PROXIES_MAX);
	proxies_add_user(&w, 5);
	cr_assert(proxies_valid(list_of(&w)));
	cr_assert(proxies_trust(list_of(&w), &him));
	cr_assert_not(proxies_trust(list_of(&w), &her));
	cr_assert_not(proxies_trust(list_of(&w), &far));
	proxies_add_anybody(&w);
	cr_assert(proxies_valid(list_of(&w)));
	cr_assert(proxies_trust(list_of(&w), &her));
	cr_assert_not(proxies_trust(list_of(&w), &far));
	writer_clear(&w);
}

/* One that breaks the rules is not valid, and nobody. */
Test(proxies, malformed_items)
{
	static const struct {
		size_t len;
		uint8_t bytes[20];
	} rows[] = {
		{ 0, { 0 } }, { 2, { PROXIES_ANYBODY } },
		{ 1, { PROXIES_USER } }, { 4, { PROXIES_USER } },
		{ 1, { 2 } }, { 1, { 3 } }, { 1, { 5 } }, { 1, { 7 } },
		{ 1, { 255 } },
		{ 5, { PROXIES_IP4, 8, 10, 0, 0 } },
		{ 6, { PROXIES_IP4, 0, 10, 0, 0, 1 } },
		{ 6, { PROXIES_IP4, 33, 10, 0, 0, 1 } },
		{ 17, { PROXIES_IP6, 8, 10 } },
		{ 18, { PROXIES_IP6, 0 } }, { 18, { PROXIES_IP6, 129 } },
	};
	struct proxies_peer peers[] = { peer("10.0.0.1"), peer("a00::"),
		user(0) };
	struct writer w;
	size_t i, j;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		writer_init(&w, PROXIES_MAX);
		proto_list_add(&w, (struct span){ rows[i].bytes,
		    rows[i].len });
		cr_assert_not(proxies_valid(list_of(&w)), "%zu", i);
		for (j = 0; j < 3; j++)
			cr_assert_not(proxies_trust(list_of(&w), &peers[j]),
			    "%zu %zu", i, j);
		writer_clear(&w);
	}
}

Test(proxies, sources)
{
	static const struct {
		const char *address;
		size_t len;
	} rows[] = {
		{ "192.0.2.1", 6 }, { "2001:db8::1", 18 },
		{ "::ffff:192.0.2.1", 6 },
	};
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6,
		.sin6_port = htons(4321) };
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_port = htons(4321) };
	struct sockaddr_storage back;
	struct sockaddr un = { .sa_family = AF_UNIX };
	uint8_t bytes[PROXIES_CLIENT_MAX + 1];
	const void *from;
	size_t i, len;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		from = &sin;
		if (inet_pton(AF_INET, rows[i].address, &sin.sin_addr) != 1) {
			inet_pton(AF_INET6, rows[i].address, &sin6.sin6_addr);
			from = &sin6;
		}
		len = proxies_client_put(bytes, from);
		cr_assert_eq(len, rows[i].len);
		cr_assert_eq(proxies_client_get((struct span){ bytes, len },
		    &back), 0);
		cr_assert_eq(back.ss_family, len == 6 ? AF_INET : AF_INET6);
		cr_assert_eq(((struct sockaddr_in *)&back)->sin_port,
		    htons(4321));
		cr_assert_eq(proxies_client_put(bytes,
		    (struct sockaddr *)&back), len);
	}
	cr_assert_eq(proxies_client_put(bytes, &un), 0);
	for (len = 0; len <= sizeof(bytes); len++)
		cr_assert_eq(proxies_client_get((struct span){ bytes, len },
		    &back), len == 6 || len == 18 ? 0 : -1);
}
