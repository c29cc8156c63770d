/* SPDX-License-Identifier: ISC */
/* The beginning of connections where proxies are trusted. */
#include "config.h"

#include <sys/socket.h>

#include <string.h>

#include <criterion/criterion.h>

#include "common/log.h"
#include "tests/unit/rig.h"

TestSuite(proxied, .timeout = 20);

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define TCP4(last) SIGNATURE "\x21\x11\0\x0c" \
	"\xc0\0\2" last "\xc0\0\2\x02\x10\x20\0\x50"
#define LOCAL SIGNATURE "\x20\0\0\0"
#define SIZE(text) (sizeof(text) - 1)

static struct rig rig;
static char said[1024];
static int nsaid;

static void
hear(enum log_level level, const char *text)
{
	(void)level;
	if (strstr(text, "PROXY") == NULL)
		return;
	nsaid++;
	snprintf(said, sizeof(said), "%s", text);
}

/* The rig, whose listener trusts that network. */
static void
start(const char *network)
{
	struct fields_SG_LISTENER listener = {
		.listener = span_str(RIG_LISTENER),
		.has_proxies = true,
	};
	struct writer w;

	rig_init(&rig);
	log_set_hook(hear);
	writer_init(&w, PROXIES_MAX);
	cr_assert_null(proxies_add_network(&w, network));
	listener.proxies = (struct span){ w.p, w.len };
	cr_assert_eq(listeners_change(rig.gw.listeners, &listener), 0);
	writer_clear(&w);
	rig.gw.config.per_address = 1;
}

static void
stop(struct rig_client *client)
{
	rig_client_clear(client);
	RIG_UNTIL(&rig, rig.gw.nconns == 0);
	rig_clear(&rig);
}

static void
expect_end(struct rig_client *client)
{
	do {
		rig_turn(&rig);
		rig_read(client);
	} while (!client->eof);
}

Test(proxied, the_client_is_whom_the_proxy_names)
{
	static const uint8_t source[] = { 192, 0, 2, 1, 0x10, 0x20 };
	struct rig_client client;

	start("127.0.0.1");
	rig_connect(&rig, &client);
	rig_send(&client, TCP4("\1"), SIZE(TCP4("\1")));
	rig_send_upgrade(&client, "");
	RIG_UNTIL(&rig, rig.seen.admits == 1);
	cr_assert_eq(rig.seen.source_len, sizeof(source));
	cr_assert_eq(memcmp(rig.seen.source, source, sizeof(source)), 0);
	cr_assert(rig.seen.forwarded);
	RIG_UNTIL(&rig, (rig_read(&client), rig_take_http(&client)) == 101);
	cr_assert_eq(nsaid, 0);
	stop(&client);
}

Test(proxied, byte_by_byte)
{
	struct rig_client client;
	size_t i;

	start("127.0.0.0/8");
	rig_connect(&rig, &client);
	for (i = 0; i < SIZE(TCP4("\1")); i++) {
		rig_send(&client, TCP4("\1") + i, 1);
		rig_turn(&rig);
	}
	rig_send_upgrade(&client, "");
	RIG_UNTIL(&rig, rig.seen.admits == 1);
	cr_assert_eq(rig.seen.source_len, 6);
	stop(&client);
}

/* Its own connections: health checks. */
Test(proxied, the_proxy_itself)
{
	static const char ask[] = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
	struct rig_client client, other;

	start("127.0.0.1");
	rig_connect(&rig, &client);
	rig_send(&client, LOCAL, SIZE(LOCAL));
	rig_send(&client, ask, SIZE(ask));
	RIG_UNTIL(&rig, (rig_read(&client), rig_take_http(&client)) == 200);
	rig_connect(&rig, &other);
	rig_send(&other, LOCAL, SIZE(LOCAL));
	rig_send_upgrade(&other, "");
	RIG_UNTIL(&rig, rig.seen.admits == 1);
	cr_assert_eq(rig.seen.source_len, 0);
	cr_assert(rig.seen.forwarded);
	rig_client_clear(&other);
	stop(&client);
}

static void
check_refused(const char *network, const void *bytes, size_t len,
    const char *why)
{
	struct rig_client client;

	start(network);
	rig_connect(&rig, &client);
	rig_send(&client, bytes, len);
	expect_end(&client);
	cr_assert_eq(client.len, 0);
	cr_assert_eq(rig.seen.admits, 0);
	cr_assert_eq(nsaid, 1);
	cr_assert_not_null(strstr(said, why), "%s", said);
	cr_assert_not_null(strstr(said, "127.0.0.1"), "%s", said);
	/* Once in a while is enough. */
	rig_client_clear(&client);
	rig_connect(&rig, &client);
	rig_send(&client, bytes, len);
	expect_end(&client);
	cr_assert_eq(nsaid, 1);
	stop(&client);
}

Test(proxied, a_proxy_without_a_header)
{
	check_refused("127.0.0.1", "GET / HTTP/1.1\r\n\r\n", 18,
	    "is missing");
}

Test(proxied, a_header_of_version_one)
{
	check_refused("127.0.0.1", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", 32,
	    "is of version 1");
}

Test(proxied, a_header_of_somebody_else)
{
	check_refused("192.0.2.0/24", TCP4("\1"), SIZE(TCP4("\1")),
	    "comes from no trusted proxy");
}

/* Who is no proxy is served as everywhere. */
Test(proxied, somebody_else_without_a_header)
{
	struct rig_client client;

	start("192.0.2.0/24");
	rig_upgrade(&rig, &client);
	cr_assert_eq(rig.seen.source_len, 0);
	cr_assert_not(rig.seen.forwarded);
	stop(&client);
}

/* One of each address may wait, however many come through one proxy. */
Test(proxied, each_source_counts_for_itself)
{
	struct rig_client a, b, c;

	start("127.0.0.1");
	rig.deaf = true;
	rig_connect(&rig, &a);
	rig_send(&a, TCP4("\1"), SIZE(TCP4("\1")));
	rig_send_upgrade(&a, "");
	RIG_UNTIL(&rig, rig.seen.admits == 1);
	rig_connect(&rig, &b);
	rig_send(&b, TCP4("\3"), SIZE(TCP4("\3")));
	rig_send_upgrade(&b, "");
	RIG_UNTIL(&rig, rig.seen.admits == 2);
	rig_connect(&rig, &c);
	rig_send(&c, TCP4("\1"), SIZE(TCP4("\1")));
	RIG_UNTIL(&rig, (rig_read(&c), rig_take_http(&c)) == 503);
	expect_end(&c);
	cr_assert_eq(nsaid, 0);
	rig_client_clear(&a);
	rig_client_clear(&b);
	stop(&c);
}

/* Who says nothing, or half of it, has as long as for a request. */
Test(proxied, half_a_header_in_time)
{
	struct rig_client client;

	start("127.0.0.1");
	rig.gw.config.handshake_ms = 100;
	rig_connect(&rig, &client);
	rig_send(&client, TCP4("\1"), 20);
	expect_end(&client);
	cr_assert_eq(client.len, 0);
	stop(&client);
}
