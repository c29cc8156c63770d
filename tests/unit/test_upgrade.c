/* SPDX-License-Identifier: ISC */
/* Opening a WebSocket: what is asked, and which answers count. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "contrib/client/upgrade.h"
#include "contrib/client/url.h"

TestSuite(upgrade, .timeout = 20);

/* The key and its answer from RFC 6455, section 1.3. */
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define GOOD "HTTP/1.1 101 Switching Protocols\r\n" \
	"Upgrade: websocket\r\nConnection: Upgrade\r\n" \
	"Sec-WebSocket-Accept: " ACCEPT "\r\n"

static const struct {
	const char *text;
	int rc; /* 0: more is needed, 1: taken whole, -1 */
	int status;
} answers[] = {
	{ GOOD "\r\n", 1, 101 },
	{ "HTTP/1.1 101\r\nupgrade: WebSocket\r\nCONNECTION: keep-alive ,"
	  " UPGRADE\r\nsec-websocket-accept:\t" ACCEPT " \r\n\r\n", 1, 101 },
	{ "HTTP/1.0 101 x\r\nUpgrade: a, websocket\r\nConnection: Upgrade\r\n"
	  "Sec-WebSocket-Accept: " ACCEPT "\r\n\r\n", 1, 101 },
	/* not yet */
	{ "", 0, 0 },
	{ "HTTP/1.1 101 Switching Protocols\r\n", 0, 0 },
	{ GOOD "\r", 0, 0 },
	{ "HTTP/1.1 401 x\r\nContent-Length: 5\r\n\r\nabcd", 0, 401 },
	/* refusals */
	{ "HTTP/1.1 401 Unauthorized\r\nContent-Length: 5\r\n\r\nabcde", 1,
	  401 },
	{ "HTTP/1.1 403 Forbidden\r\n\r\n", 1, 403 },
	{ "HTTP/1.1 503\r\n\r\n", 1, 503 },
	/* no answers of a WebSocket server */
	{ "HTTP/1.1 101 x\r\n\r\n", -1, 101 },
	{ "HTTP/1.1 101 x\r\nUpgrade: websocket\r\n"
	  "Connection: Upgrade\r\n\r\n", -1, 101 },
	{ "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: "
	  ACCEPT "\r\n\r\n", -1, 101 },
	{ "HTTP/1.1 101 x\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
	  ACCEPT "\r\n\r\n", -1, 101 },
	{ "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
	  "Sec-WebSocket-Accept: t3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n", -1,
	  101 },
	{ "HTTP/1.1 101 x\r\nUpgrade: websocketx\r\nConnection: Upgrade\r\n"
	  "Sec-WebSocket-Accept: " ACCEPT "\r\n\r\n", -1, 101 },
	{ GOOD "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", -1,
	  101 },
	{ GOOD "Sec-WebSocket-Protocol: x\r\n\r\n", -1, 101 },
	{ GOOD "no colon\r\n\r\n", -1, 101 },
	{ GOOD ": no name\r\n\r\n", -1, 101 },
	{ "SSH-2.0-OpenSSH_9.2\r\n\r\n", -1, 0 },
	{ "HTTP/1.1 1\r\n\r\n", -1, 0 },
	{ "HTTP/1.1 1x1 a b\r\n\r\n", -1, 0 },
	{ "HTTP/2 200 aaaaaaaaa\r\n\r\n", -1, 0 },
	{ "\r\n\r\n", -1, 0 },
};

Test(upgrade, answers)
{
	struct upgrade_answer answer;
	size_t i, len;
	ssize_t n, want;
	char *copy;

	for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		len = strlen(answers[i].text);
		copy = malloc(len > 0 ? len : 1);
		memcpy(copy, answers[i].text, len);
		n = upgrade_parse(copy, len, 0, KEY, &answer);
		want = answers[i].rc == 1 ? (ssize_t)len : answers[i].rc;
		cr_expect_eq(n, want, "row %zu: %zd (%s)", i, n, answer.text);
		cr_expect_eq(answer.status, answers[i].status, "row %zu", i);
		if (n == -1)
			cr_expect_neq(answer.text[0], '\0', "row %zu", i);
		free(copy);
	}
}

Test(upgrade, every_prefix_needs_more)
{
	struct upgrade_answer answer;
	size_t i;
	char *copy;

	for (i = 0; i < strlen(GOOD "\r\n"); i++) {
		copy = malloc(i + 1);
		memcpy(copy, GOOD "\r\n", i);
		cr_assert_eq(upgrade_parse(copy, i, 0, KEY, &answer), 0);
		cr_assert_eq(upgrade_parse(copy, i, 1, KEY, &answer), -1);
		free(copy);
	}
}

Test(upgrade, a_head_without_end)
{
	struct upgrade_answer answer;
	char *big = malloc(UPGRADE_HEAD_MAX + 10);

	memset(big, 'a', UPGRADE_HEAD_MAX + 10);
	cr_assert_eq(upgrade_parse(big, UPGRADE_HEAD_MAX - 1, 0, KEY,
	    &answer), 0);
	cr_assert_eq(upgrade_parse(big, UPGRADE_HEAD_MAX, 0, KEY, &answer),
	    -1);
	free(big);
}

Test(upgrade, why_it_was_refused)
{
	static const char text[] = "HTTP/1.1 401 x\r\nContent-Length: 30\r\n"
	    "\r\nmissing websocket bearer tok\x1b\n";
	struct upgrade_answer answer;

	/* What the server says reaches the terminal only as plain text. */
	cr_assert_gt(upgrade_parse(text, sizeof(text) - 1, 0, KEY, &answer),
	    0);
	cr_assert_str_eq(answer.text, "missing websocket bearer tok?");
	/* A body that stops early is shown as far as it came. */
	cr_assert_gt(upgrade_parse(text, sizeof(text) - 10, 1, KEY, &answer),
	    0);
	cr_assert_str_eq(answer.text, "missing websocket bea");
}

Test(upgrade, request)
{
	struct url url;
	char key[UPGRADE_KEY_SIZE], *request;
	static const uint8_t nonce[] = "the sample nonce";

	cr_assert_null(url_parse(&url, "ws://[::1]:99/x?y"));
	request = upgrade_request(&url, "secret", nonce, key);
	cr_assert_str_eq(key, KEY);
	cr_assert_str_eq(request, "GET /x?y HTTP/1.1\r\nHost: [::1]:99\r\n"
	    "Connection: Upgrade\r\nUpgrade: websocket\r\n"
	    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " KEY "\r\n"
	    "Authorization: Bearer secret\r\n\r\n");
	free(request);
	cr_assert_null(url_parse(&url, "ws://h"));
	request = upgrade_request(&url, NULL, nonce, key);
	cr_assert_null(strstr(request, "Authorization"));
	cr_assert_not_null(strstr(request, "\r\nHost: h:80\r\n"));
	free(request);
}
