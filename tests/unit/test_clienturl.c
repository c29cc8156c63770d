/* SPDX-License-Identifier: ISC */
/* Addresses that the client takes, and those it must not. */
#include "config.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <string.h>

#include <criterion/criterion.h>

#include "contrib/client/url.h"

TestSuite(clienturl, .timeout = 20);

static const struct {
	const char *text;
	const char *host;
	const char *port;
	const char *target;
} good[] = {
	{ "ws://127.0.0.1:8765", "127.0.0.1", "8765", "/" },
	{ "WS://Host.example", "Host.example", "80", "/" },
	{ "ws://h:1/", "h", "1", "/" },
	{ "ws://h:65535/a/b?c=d", "h", "65535", "/a/b?c=d" },
	{ "ws://h?c=d", "h", "80", "/?c=d" },
	{ "ws://[::1]:99/x", "::1", "99", "/x" },
	{ "ws://[fe80::1]", "fe80::1", "80", "/" },
	{ "wss://host.example", "host.example", "443", "/" },
	{ "WSS://[::1]:8443/x", "::1", "8443", "/x" },
	{ "unix:/run/a socket", "localhost", "80", "/" },
};

static const char *const bad[] = {
	"", "ws:", "ws://", "ws:///x", "http://h", "wss://", "h:80",
	"wss://h:0", "wss:/h", "unix:", "unix:a",
	"ws://h:", "ws://h:0", "ws://h:65536", "ws://h:999999", "ws://h:8x",
	"ws://h:-1", "ws://u@h", "ws://u:p@h/", "ws://h#f", "ws://h/#f",
	"ws://h/a b", "ws://h/a\r\nX: y", "ws://h/a\tb", "ws://h/\x7f",
	"ws://h/\xc3\xa9", "ws://h\r\n", "ws://[::1", "ws://[]", "ws://[g]",
	"ws://h\\x", "ws://h%41",
};

Test(clienturl, good)
{
	struct url url;
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		cr_assert_null(url_parse(&url, good[i].text), "%s",
		    good[i].text);
		cr_expect_str_eq(url.host, good[i].host);
		cr_expect_str_eq(url.port, good[i].port);
		cr_expect_str_eq(url.target, good[i].target);
		cr_expect_eq(url.literal6, strchr(good[i].text, '[') != NULL);
	}
}

Test(clienturl, bad)
{
	struct url url;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_not_null(url_parse(&url, bad[i]), "%s", bad[i]);
}

Test(clienturl, too_long)
{
	static char text[4096];
	struct url url;

	memset(text, 'a', sizeof(text) - 1);
	memcpy(text, "ws://", 5);
	cr_expect_not_null(url_parse(&url, text));
	memcpy(text, "ws://h/", 7);
	cr_expect_not_null(url_parse(&url, text));
	/* The longest path that fits, with its terminator. */
	text[6 + URL_TARGET_SIZE - 1] = '\0';
	cr_expect_null(url_parse(&url, text));
	cr_expect_eq(strlen(url.target), URL_TARGET_SIZE - 1);
}

static const struct {
	int family;
	const char *text;
	int loopback;
} addresses[] = {
	{ AF_INET, "127.0.0.1", 1 },
	{ AF_INET, "127.255.0.9", 1 },
	{ AF_INET, "128.0.0.1", 0 },
	{ AF_INET, "0.0.0.0", 0 },
	{ AF_INET6, "::1", 1 },
	{ AF_INET6, "::", 0 },
	{ AF_INET6, "::2", 0 },
	{ AF_INET6, "::ffff:127.0.0.1", 1 },
	{ AF_INET6, "::ffff:10.0.0.1", 0 },
};

Test(clienturl, loopback)
{
	union {
		struct sockaddr sa;
		struct sockaddr_in sin;
		struct sockaddr_in6 sin6;
	} u;
	size_t i;

	for (i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		memset(&u, 0, sizeof(u));
		u.sa.sa_family = (sa_family_t)addresses[i].family;
		cr_assert_eq(inet_pton(addresses[i].family, addresses[i].text,
		    addresses[i].family == AF_INET ?
		    (void *)&u.sin.sin_addr : (void *)&u.sin6.sin6_addr), 1);
		cr_expect_eq(url_is_loopback(&u.sa), addresses[i].loopback,
		    "%s", addresses[i].text);
	}
	memset(&u, 0, sizeof(u));
	u.sa.sa_family = AF_UNIX;
	cr_expect_not(url_is_loopback(&u.sa));
}
