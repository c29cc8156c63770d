/* SPDX-License-Identifier: ISC */
/* The client's WebSocket without a socket: bytes in, messages out. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <event2/buffer.h>

#include "contrib/client/url.h"
#include "contrib/client/wsconn.h"

static char seen[4096];
static struct wsconn *conn;

static void
on_opened(void *arg)
{
	(void)arg;
	strlcat(seen, "opened ", sizeof(seen));
}

static void
on_message(void *arg, const char *text, size_t len)
{
	char part[128];

	(void)arg;
	if (len > 40)
		snprintf(part, sizeof(part), "%zu bytes ", len);
	else
		snprintf(part, sizeof(part), "<%.*s> ", (int)len, text);
	strlcat(seen, part, sizeof(seen));
	if (strstr(part, "stop") != NULL)
		wsconn_abandon(conn);
}

static const struct wsconn_ops ops = {
	.opened = on_opened,
	.message = on_message,
};

static void
set_up(void)
{
	static const uint8_t nonce[] = "the sample nonce";
	struct url url;

	cr_assert_null(url_parse(&url, "ws://127.0.0.1:1"));
	seen[0] = '\0';
	conn = wsconn_new(&url, NULL, nonce, &ops, NULL);
}

static void
tear_down(void)
{
	wsconn_free(conn);
}

TestSuite(wsconn, .init = set_up, .fini = tear_down, .timeout = 20);

#define HEAD "HTTP/1.1 101 Switching Protocols\r\n" \
	"Upgrade: websocket\r\nConnection: Upgrade\r\n" \
	"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"

static int
feed(const char *data, size_t len)
{
	/* An exact copy, so that a sanitizer sees a byte too many. */
	char *copy = malloc(len > 0 ? len : 1);
	int rc;

	memcpy(copy, data, len);
	rc = wsconn_feed(conn, copy, len);
	free(copy);
	return rc;
}

#define FEED(text) feed(text, sizeof(text) - 1)

static void
opened(void)
{
	struct evbuffer *out = wsconn_output(conn);

	cr_assert_eq(FEED(HEAD), 0);
	cr_assert_str_eq(seen, "opened ");
	seen[0] = '\0';
	evbuffer_drain(out, evbuffer_get_length(out));
}

Test(wsconn, asks_first)
{
	struct evbuffer *out = wsconn_output(conn);

	cr_assert_eq(memcmp(evbuffer_pullup(out, -1), "GET / HTTP/1.1\r\n",
	    16), 0);
	cr_assert_not(wsconn_is_open(conn));
	cr_assert_eq(wsconn_send(conn, "x", 1), -1);
	cr_assert_eq(wsconn_ping(conn), -1);
}

Test(wsconn, all_at_once)
{
	cr_assert_eq(FEED(HEAD "\x81\x02hi\x81\x01!"), 0);
	cr_assert_str_eq(seen, "opened <hi> <!> ");
	cr_assert(wsconn_is_open(conn));
	cr_assert_eq(wsconn_status(conn), 101);
}

Test(wsconn, byte_by_byte)
{
	static const char text[] = HEAD "\x81\x02hi\x01\x01" "a\x89\x00\x80"
	    "\x01" "b\x82\x01" "c";
	size_t i;

	for (i = 0; i < sizeof(text) - 1; i++)
		cr_assert_eq(feed(text + i, 1), 0);
	cr_assert_str_eq(seen, "opened <hi> <ab> <c> ");
}

Test(wsconn, ping_is_answered)
{
	struct evbuffer *out = wsconn_output(conn);
	unsigned char *p;

	opened();
	cr_assert_eq(FEED("\x89\x02xy"), 0);
	cr_assert_eq(evbuffer_get_length(out), 8);
	p = evbuffer_pullup(out, -1);
	cr_assert_eq(p[0], 0x8a);
	cr_assert_eq(p[1], 0x82);
	cr_assert_eq(p[6] ^ p[2], 'x');
	cr_assert_eq(p[7] ^ p[3], 'y');
	cr_assert_str_eq(seen, "");
}

Test(wsconn, sends_masked)
{
	struct evbuffer *out = wsconn_output(conn);
	unsigned char *p;

	opened();
	cr_assert_eq(wsconn_send(conn, "hello", 5), 0);
	p = evbuffer_pullup(out, -1);
	cr_assert_eq(evbuffer_get_length(out), 11);
	cr_assert_eq(p[0], 0x81);
	cr_assert_eq(p[1], 0x85);
	cr_assert_eq(p[6] ^ p[2], 'h');
}

Test(wsconn, close_without_a_word)
{
	opened();
	cr_assert_eq(FEED("\x88\x00"), -1);
	cr_assert_str_eq(wsconn_text(conn),
	    "the server closed the connection (1005)");
}

Test(wsconn, close_says_why)
{
	opened();
	cr_assert_eq(FEED("\x88\x06\x03\xf4" "bye!"), -1);
	cr_assert_str_eq(wsconn_text(conn),
	    "the server closed the connection (1012, bye!)");
	cr_assert_not(wsconn_is_open(conn));
}

/* Each is no frame that a server may send. */
static const struct {
	const char *bytes;
	size_t len;
} broken[] = {
#define BYTES(text) { text, sizeof(text) - 1 }
	BYTES("\x81\x82" "abcdhi"), /* masked */
	BYTES("\xc1\x01x"), /* reserved bit */
	BYTES("\x83\x01x"), /* reserved opcode */
	BYTES("\x80\x01x"), /* continues nothing */
	BYTES("\x01\x01x\x81\x01y"), /* begins within a message */
	BYTES("\x09\x00"), /* a control frame in pieces */
	BYTES("\x89\x7e\x00\x7e"), /* a control frame too long */
	BYTES("\x81\x02\xc3\x28"), /* not UTF-8 */
	BYTES("\x81\x7f\x00\x00\x00\x00\x04\x00\x00\x01x"), /* > 64 MiB */
	BYTES("\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff"),
	BYTES("\x81\x7e\x00\x05hello"), /* length not the shortest */
	BYTES("\x88\x01\x03"), /* half a close code */
};

Test(wsconn, broken_frames)
{
	size_t i;

	for (i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		tear_down();
		set_up();
		opened();
		cr_expect_eq(feed(broken[i].bytes, broken[i].len), -1,
		    "row %zu", i);
		cr_expect_neq(wsconn_text(conn)[0], '\0', "row %zu", i);
		cr_expect_str_eq(seen, "", "row %zu", i);
	}
}

Test(wsconn, large_message)
{
	size_t len = 9U << 20;
	char head[10] = "\x81\x7f", *body = calloc(1, len);

	opened();
	head[6] = (char)(len >> 24);
	head[7] = (char)(len >> 16);
	cr_assert_eq(feed(head, 10), 0);
	cr_assert_eq(feed(body, len), 0);
	cr_assert_str_eq(seen, "9437184 bytes ");
	free(body);
}

Test(wsconn, refused)
{
	cr_assert_eq(FEED("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n"
	    "\r\nno"), -1);
	cr_assert_eq(wsconn_status(conn), 403);
	cr_assert_str_eq(wsconn_text(conn), "no");
	cr_assert_str_eq(seen, "");
}

Test(wsconn, ends_early)
{
	cr_assert_eq(FEED("HTTP/1.1 4"), 0);
	wsconn_eof(conn);
	cr_assert_str_eq(wsconn_text(conn), "it ended the connection");
}

Test(wsconn, nothing_after_abandon)
{
	opened();
	cr_assert_eq(FEED("\x81\x04stop\x81\x04more"), 0);
	cr_assert_str_eq(seen, "<stop> ");
	cr_assert_eq(FEED("\x81\x04more"), -1);
	cr_assert_str_eq(seen, "<stop> ");
}
