/* SPDX-License-Identifier: ISC */
/* Request heads: parsing, rules and answers. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "gateway/http.h"

TestSuite(http, .timeout = 30);

#define N(table) (sizeof(table) / sizeof((table)[0]))

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define HOSTLINE "Host: x\r\n"
#define UPGRADE "Connection: Upgrade\r\nUpgrade: websocket\r\n"
#define VERSION13 "Sec-WebSocket-Version: 13\r\n"
#define KEYLINE "Sec-WebSocket-Key: " KEY "\r\n"
#define GOOD "GET / HTTP/1.1\r\n" HOSTLINE UPGRADE VERSION13 KEYLINE "\r\n"

static const struct http_policy strict = { NULL, true };

/* Parse in memory of exactly the size, first all at once, then bytewise. */
static enum http_parsed
parse(const char *text, size_t len, char **copy, struct http_head *head)
{
	enum http_parsed first, got = HTTP_MORE;
	struct http_head other;
	size_t i;
	char *part;

	*copy = malloc(len + 1);
	memcpy(*copy, text, len);
	(*copy)[len] = '\0';
	memset(head, 0, sizeof(*head));
	first = http_parse(*copy, len, head);
	memset(&other, 0, sizeof(other));
	for (i = 0; i <= len && got == HTTP_MORE; i++) {
		part = malloc(i + (i == 0));
		memcpy(part, text, i);
		got = http_parse(part, i, &other);
		free(part);
	}
	cr_assert_eq(got, first, "%.60s", text);
	cr_assert_eq(other.length, head->length);
	cr_assert_eq(other.status, head->status);
	return first;
}

/* 101, or the status of the answer, or 0 when more is needed. */
static int
status_of(const char *text, const struct http_policy *policy)
{
	struct http_answer answer = { 101, NULL };
	struct http_head head;
	char *copy;

	switch (parse(text, strlen(text), &copy, &head)) {
	case HTTP_MORE:
		answer.status = 0;
		break;
	case HTTP_BAD:
		answer.status = head.status;
		cr_assert_not_null(head.why);
		break;
	case HTTP_COMPLETE:
		cr_assert_eq(head.length, strlen(text), "%s", text);
		if (!http_decide(&head, policy, &answer))
			cr_assert_not_null(answer.body);
		break;
	}
	free(copy);
	return answer.status;
}

static const struct {
	const char *text;
	int status;
} rows[] = {
	{ GOOD, 101 },
	{ "GET /?client=a&b=c HTTP/1.1\r\n" HOSTLINE UPGRADE VERSION13 KEYLINE
	    "\r\n", 101 },
	{ "GET http://x:1/ HTTP/1.1\r\n" HOSTLINE UPGRADE VERSION13 KEYLINE "\r\n",
	    101 },
	{ "GET http://x HTTP/1.1\r\n" HOSTLINE UPGRADE VERSION13 KEYLINE "\r\n",
	    101 },
	{ "\r\n" GOOD, 101 },
	{ "GET / HTTP/1.1\r\nhost:x\r\nCONNECTION:keep-alive , upgrade\r\n"
	    "uPGRADE:h2c,\tWebSocket \r\nsec-websocket-version:13\r\n"
	    "sec-websocket-key:\t" KEY "\t\r\n\r\n", 101 },
	{ "GET / HTTP/1.1\r\n" HOSTLINE "Connection: close\r\n"
	    "Connection: Upgrade\r\nUpgrade: websocket\r\n" VERSION13 KEYLINE
	    "Content-Length: 0\r\nX-Any: \xe9\x80\r\n\r\n", 101 },
	{ "GET / HTTP/1.1\r\n" HOSTLINE UPGRADE VERSION13 KEYLINE
	    "Sec-WebSocket-Protocol: a\r\n"
	    "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", 101 },

	{ "GET /readyz HTTP/1.1\r\n" HOSTLINE "\r\n", 200 },
	{ "HEAD /readyz HTTP/1.1\r\n" HOSTLINE "\r\n", 200 },
	{ "GET /readyz?x=y HTTP/1.1\r\n" HOSTLINE "\r\n", 200 },
	{ "GET /readyz HTTP/1.0\r\n\r\n", 200 },
	{ "GET /healthz HTTP/1.1\r\n" HOSTLINE "\r\n", 200 },
	{ "HEAD /healthz HTTP/1.1\r\n" HOSTLINE "\r\n", 200 },
	{ "POST /readyz HTTP/1.1\r\n" HOSTLINE "\r\n", 405 },
	{ "GET /readyz/ HTTP/1.1\r\n" HOSTLINE "\r\n", 404 },
	{ "GET /ws HTTP/1.1\r\n" HOSTLINE UPGRADE VERSION13 KEYLINE "\r\n", 404 },
	{ "GET // HTTP/1.1\r\n" HOSTLINE UPGRADE VERSION13 KEYLINE "\r\n", 404 },
	{ "OPTIONS * HTTP/1.1\r\n" HOSTLINE "\r\n", 404 },
	{ "POST / HTTP/1.1\r\n" HOSTLINE UPGRADE VERSION13 KEYLINE "\r\n", 405 },
	{ "HEAD / HTTP/1.1\r\n" HOSTLINE "\r\n", 405 },
	{ "get / HTTP/1.1\r\n" HOSTLINE "\r\n", 405 },

	{ "GET / HTTP/1.1\r\n" HOSTLINE "\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" HOSTLINE "Connection: Upgrade\r\n" VERSION13 KEYLINE
	    "\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" HOSTLINE "Upgrade: websocket\r\n" VERSION13 KEYLINE
	    "\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" HOSTLINE "Connection: Upgrade\r\nUpgrade: h2c\r\n"
	    VERSION13 KEYLINE "\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" UPGRADE VERSION13 KEYLINE "\r\n", 400 },
	{ "GET / HTTP/1.0\r\n" HOSTLINE UPGRADE VERSION13 KEYLINE "\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" HOSTLINE UPGRADE VERSION13 "\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" HOSTLINE UPGRADE VERSION13
	    "Sec-WebSocket-Key: short\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" HOSTLINE UPGRADE VERSION13
	    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZT==\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" HOSTLINE UPGRADE VERSION13
	    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZTAx\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" HOSTLINE UPGRADE VERSION13 KEYLINE KEYLINE "\r\n",
	    400 },
	{ "GET / HTTP/1.1\r\n" HOSTLINE HOSTLINE UPGRADE VERSION13 KEYLINE "\r\n",
	    400 },
	{ "GET / HTTP/1.1\r\n" HOSTLINE UPGRADE VERSION13 VERSION13 KEYLINE "\r\n",
	    400 },
	{ "GET / HTTP/1.1\r\n" HOSTLINE UPGRADE VERSION13 KEYLINE
	    "Content-Length: 5\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" HOSTLINE UPGRADE VERSION13 KEYLINE
	    "Content-Length: -5\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" HOSTLINE UPGRADE VERSION13 KEYLINE
	    "Transfer-Encoding: chunked\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" HOSTLINE UPGRADE VERSION13 KEYLINE
	    "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n",
	    400 },
	{ "GET / HTTP/1.1\r\n" HOSTLINE UPGRADE KEYLINE "\r\n", 426 },
	{ "GET / HTTP/1.1\r\n" HOSTLINE UPGRADE KEYLINE
	    "Sec-WebSocket-Version: 8\r\n\r\n", 426 },
	{ "GET / HTTP/1.1\r\n" HOSTLINE UPGRADE KEYLINE
	    "Sec-WebSocket-Version: 13, 8\r\n\r\n", 426 },

	{ "GET / HTTP/1.1\r\n" HOSTLINE UPGRADE VERSION13 KEYLINE
	    "Origin: http://x\r\n\r\n", 403 },
	{ "GET /readyz HTTP/1.1\r\n" HOSTLINE "Origin: null\r\n\r\n", 403 },
	{ "GET /none HTTP/1.1\r\nOrigin:\r\n\r\n", 403 },
	{ "POST / HTTP/1.1\r\norigin: x\r\n\r\n", 403 },

	{ "", 0 }, { "\r", 0 }, { "\r\n", 0 }, { "G", 0 },
	{ "GET / HTTP/1.1\r\n" HOSTLINE, 0 },
	{ "GET / HTTP/1.1\r\n" HOSTLINE "\r", 0 },
	{ "\r\r\n\r\n", 400 }, { "\r\n\r\n", 0 },
	{ "GET / HTTP/1.1\n", 400 }, { "\n", 400 },
	{ "GET / HTTP/1.1\r\nHost: x\n\r\n", 400 },
	{ "\x16\x03\x01", 400 }, { " GET", 400 },
	{ "GET\r\n\r\n", 400 }, { "GET /\r\n\r\n", 400 },
	{ "GET  / HTTP/1.1\r\n\r\n", 400 },
	{ "GET / HTTP/1.1 \r\n\r\n", 400 },
	{ "GET / HTTP/11\r\n\r\n", 400 }, { "GET / http/1.1\r\n\r\n", 400 },
	{ "GET / HTTP/2.0\r\n\r\n", 505 }, { "GET / HTTP/0.9\r\n\r\n", 505 },
	{ "GET /# HTTP/1.1\r\n" HOSTLINE "\r\n", 400 },
	{ "GET /\x80 HTTP/1.1\r\n" HOSTLINE "\r\n", 400 },
	{ "GET /\t HTTP/1.1\r\n" HOSTLINE "\r\n", 400 },
	{ "G(T / HTTP/1.1\r\n" HOSTLINE "\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" HOSTLINE " folded\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" HOSTLINE "\tfolded\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\nHost\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n: x\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\nHost: x y\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\nHost: a@x\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" HOSTLINE "A: b\rc\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" HOSTLINE "A: b\x01\r\n\r\n", 400 },
};

Test(http, statuses)
{
	size_t i;

	for (i = 0; i < N(rows); i++)
		cr_assert_eq(status_of(rows[i].text, &strict), rows[i].status,
		    "%d for %s", status_of(rows[i].text, &strict),
		    rows[i].text);
}

Test(http, nul)
{
	static const char text[] = "GET / HTTP/1.1\r\nA: b\0c\r\n\r\n";
	static const char name[] = "GET / HTTP/1.1\r\nA\0: b\r\n\r\n";
	struct http_head head;
	char *copy;

	cr_assert_eq(parse(text, sizeof(text) - 1, &copy, &head), HTTP_BAD);
	free(copy);
	cr_assert_eq(parse(name, sizeof(name) - 1, &copy, &head), HTTP_BAD);
	free(copy);
}

Test(http, policy)
{
	static const char *const origins[] = { "https://a.example", NULL };
	static const struct http_policy open = { origins, true };
	static const struct http_policy starting = { NULL, false };

	cr_assert_eq(status_of("GET / HTTP/1.1\r\n" HOSTLINE UPGRADE VERSION13
	    KEYLINE "Origin: https://a.example\r\n\r\n", &open), 101);
	cr_assert_eq(status_of("GET / HTTP/1.1\r\n" HOSTLINE UPGRADE VERSION13
	    KEYLINE "Origin: https://a.example:8\r\n\r\n", &open), 403);
	cr_assert_eq(status_of("GET / HTTP/1.1\r\n" HOSTLINE UPGRADE VERSION13
	    KEYLINE "Origin: https://a.example\r\nOrigin: x\r\n\r\n", &open),
	    400);
	cr_assert_eq(status_of("GET /readyz HTTP/1.1\r\n" HOSTLINE "\r\n",
	    &starting), 503);
	cr_assert_eq(status_of("GET /healthz HTTP/1.1\r\n" HOSTLINE "\r\n",
	    &starting), 200);
}

Test(http, head_and_what_follows)
{
	static const char text[] = GOOD "\x81\x80\r\n\r\n";
	struct http_head head = { 0 };

	cr_assert_eq(http_parse(text, sizeof(text) - 1, &head),
	    HTTP_COMPLETE);
	cr_assert_eq(head.length, sizeof(GOOD) - 1);
	cr_assert_eq(head.path.len, 1);
	cr_assert_eq(head.host.len, 1);
	cr_assert_eq(head.key.len, sizeof(KEY) - 1);
	cr_assert_arr_eq(head.key.at, KEY, sizeof(KEY) - 1);
	cr_assert_not(head.forwarded);
	cr_assert_null(head.origin.at);
}

Test(http, forwarded)
{
	static const char *const names[] = {
		"Forwarded", "x-forwarded-for", "Via", "X-Real-Ip"
	};
	struct http_head head;
	char *copy, text[128];
	size_t i;

	for (i = 0; i < N(names); i++) {
		(void)snprintf(text, sizeof(text),
		    "GET / HTTP/1.1\r\n%s: y\r\n\r\n", names[i]);
		cr_assert_eq(parse(text, strlen(text), &copy, &head),
		    HTTP_COMPLETE);
		cr_assert(head.forwarded, "%s", names[i]);
		free(copy);
	}
}

/* A head that has "lines" header lines and "bytes" bytes in all. */
static char *
big_head(int lines, size_t bytes)
{
	char *text = malloc(HTTP_HEAD_MAX * 2);
	int i, n;

	n = sprintf(text, "GET / HTTP/1.1\r\n");
	for (i = 0; i < lines - 1; i++)
		n += sprintf(text + n, "A:b\r\n");
	n += sprintf(text + n, "A:");
	while ((size_t)n + 4 < bytes)
		text[n++] = 'c';
	n += sprintf(text + n, "\r\n\r\n");
	return text;
}

Test(http, limits)
{
	struct http_head head;
	char *text;
	size_t n;

	text = big_head(HTTP_LINES_MAX, 0);
	memset(&head, 0, sizeof(head));
	cr_assert_eq(http_parse(text, strlen(text), &head), HTTP_COMPLETE);
	free(text);
	text = big_head(HTTP_LINES_MAX + 1, 0);
	memset(&head, 0, sizeof(head));
	cr_assert_eq(http_parse(text, strlen(text), &head), HTTP_BAD);
	cr_assert_eq(head.status, 431);
	free(text);

	text = big_head(2, HTTP_HEAD_MAX);
	n = strlen(text);
	cr_assert_eq(n, HTTP_HEAD_MAX);
	memset(&head, 0, sizeof(head));
	cr_assert_eq(http_parse(text, n, &head), HTTP_COMPLETE);
	cr_assert_eq(head.length, n);
	free(text);
	text = big_head(2, HTTP_HEAD_MAX + 1);
	n = strlen(text);
	memset(&head, 0, sizeof(head));
	cr_assert_eq(http_parse(text, n, &head), HTTP_BAD);
	cr_assert_eq(head.status, 431);
	memset(&head, 0, sizeof(head));
	cr_assert_eq(http_parse(text, HTTP_HEAD_MAX - 1, &head), HTTP_MORE);
	memset(text, 'a', n);
	memset(&head, 0, sizeof(head));
	cr_assert_eq(http_parse(text, n, &head), HTTP_BAD);
	cr_assert_eq(head.status, 414);
	free(text);
}

Test(http, answers)
{
	static const struct {
		int status;
		const char *holds;
	} wants[] = {
		{ 200, "HTTP/1.1 200 OK\r\n" },
		{ 401, "\r\nWWW-Authenticate: Bearer\r\n" },
		{ 405, "\r\nAllow: GET\r\n" },
		{ 426, "\r\nSec-WebSocket-Version: 13\r\n" },
		{ 503, "\r\nRetry-After: 1\r\n" },
		{ 599, "HTTP/1.1 599 " },
	};
	char body[2 * HTTP_BODY_MAX], out[HTTP_ANSWER_MAX + 1];
	ssize_t len, part;
	size_t i;

	memset(body, 'b', sizeof(body) - 1);
	body[sizeof(body) - 1] = '\0';
	for (i = 0; i < N(wants); i++) {
		len = http_format_answer(out, HTTP_ANSWER_MAX, wants[i].status,
		    body, false);
		cr_assert_gt(len, HTTP_BODY_MAX);
		cr_assert_not_null(strstr(out, wants[i].holds), "%s", out);
		cr_assert_not_null(strstr(out, "\r\nConnection: close"));
		cr_assert_not_null(strstr(out, "\r\nContent-Length: 512\r\n"));
		part = http_format_answer(out, HTTP_ANSWER_MAX,
		    wants[i].status, body, true);
		cr_assert_eq(part, len - HTTP_BODY_MAX);
		cr_assert_str_eq(out + part - 4, "\r\n\r\n");
		cr_assert_eq(http_format_answer(out, (size_t)part,
		    wants[i].status, body, true), -1);
	}
}

Test(http, upgrade)
{
	static const char want[] = "HTTP/1.1 101 Switching Protocols\r\n"
	    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
	    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
	struct http_head head = { 0 };
	char out[HTTP_ANSWER_MAX];

	cr_assert_eq(http_parse(GOOD, sizeof(GOOD) - 1, &head),
	    HTTP_COMPLETE);
	cr_assert(head.key_valid);
	cr_assert_eq(http_format_upgrade(out, sizeof(out), &head),
	    (ssize_t)strlen(want));
	cr_assert_str_eq(out, want);
	cr_assert_eq(http_format_upgrade(out, sizeof(want) - 1, &head), -1);
}
