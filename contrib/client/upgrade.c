/* SPDX-License-Identifier: ISC */
/* The HTTP part of opening a WebSocket (RFC 6455, section 4.1). */
#include "config.h"

#include <sys/types.h>

#include <ctype.h>
#include <sha1.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base64.h"
#include "common/log.h"
#include "common/xmalloc.h"
#include "contrib/client/upgrade.h"
#include "contrib/client/url.h"

#define UPGRADE_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define UPGRADE_ACCEPT_SIZE (BASE64_ENCODED_LEN(SHA1_DIGEST_LENGTH) + 1)
#define UPGRADE_BODY_MAX 4096

struct upgrade_headers {
	int upgrade;
	int connection;
	int extra; /* something was agreed on that was not offered */
	size_t length;
	char accept[UPGRADE_ACCEPT_SIZE];
};

char *
upgrade_request(const struct url *url, const char *token,
    const uint8_t nonce[UPGRADE_NONCE], char key[UPGRADE_KEY_SIZE])
{
	base64_encode(key, nonce, UPGRADE_NONCE);
	key[UPGRADE_KEY_SIZE - 1] = '\0';
	return xasprintf("GET %s HTTP/1.1\r\n"
	    "Host: %s%s%s:%s\r\n"
	    "Connection: Upgrade\r\n"
	    "Upgrade: websocket\r\n"
	    "Sec-WebSocket-Version: 13\r\n"
	    "Sec-WebSocket-Key: %s\r\n"
	    "%s%s%s\r\n",
	    url->target, url->literal6 ? "[" : "", url->host,
	    url->literal6 ? "]" : "", url->port, key,
	    token == NULL ? "" : "Authorization: Bearer ",
	    token == NULL ? "" : token, token == NULL ? "" : "\r\n");
}

static void
upgrade_accept(const char *key, char out[UPGRADE_ACCEPT_SIZE])
{
	uint8_t digest[SHA1_DIGEST_LENGTH];
	SHA1_CTX ctx;

	SHA1Init(&ctx);
	SHA1Update(&ctx, (const uint8_t *)key, strlen(key));
	SHA1Update(&ctx, (const uint8_t *)UPGRADE_GUID,
	    sizeof(UPGRADE_GUID) - 1);
	SHA1Final(digest, &ctx);
	base64_encode(out, digest, sizeof(digest));
	out[UPGRADE_ACCEPT_SIZE - 1] = '\0';
}

static ssize_t
upgrade_bad(struct upgrade_answer *answer, const char *why)
{
	strlcpy(answer->text, why, sizeof(answer->text));
	return -1;
}

static int
upgrade_has_token(const char *value, size_t len, const char *token)
{
	size_t n, want = strlen(token);

	while (len > 0) {
		for (n = 0; n < len && value[n] != ','; n++)
			;
		while (n > 0 && isblank((unsigned char)*value)) {
			value++;
			len--;
			n--;
		}
		if (n >= want && strncasecmp(value, token, want) == 0 &&
		    strspn(value + want, " \t") >= n - want)
			return 1;
		if (n == len)
			break;
		value += n + 1;
		len -= n + 1;
	}
	return 0;
}

static void
upgrade_header(struct upgrade_headers *headers, const char *name,
    size_t name_len, const char *value, size_t len)
{
	static const char *const unwanted[] = {
		"Sec-WebSocket-Extensions", "Sec-WebSocket-Protocol"
	};
	size_t i;

#define UPGRADE_IS(text) (name_len == sizeof(text) - 1 && \
	    strncasecmp(name, text, name_len) == 0)
	if (UPGRADE_IS("Upgrade"))
		headers->upgrade = upgrade_has_token(value, len, "websocket");
	else if (UPGRADE_IS("Connection"))
		headers->connection |= upgrade_has_token(value, len,
		    "upgrade");
	else if (UPGRADE_IS("Sec-WebSocket-Accept") &&
	    len == sizeof(headers->accept) - 1)
		memcpy(headers->accept, value, len);
	else if (UPGRADE_IS("Content-Length") && len > 0 && len < 10)
		headers->length = strtoul(value, NULL, 10);
#undef UPGRADE_IS
	for (i = 0; i < sizeof(unwanted) / sizeof(unwanted[0]); i++)
		if (name_len == strlen(unwanted[i]) &&
		    strncasecmp(name, unwanted[i], name_len) == 0)
			headers->extra = 1;
}

/* "line" up to "end": the lines between the status line and the empty one. */
static int
upgrade_read_headers(struct upgrade_headers *headers, const char *line,
    const char *end)
{
	const char *eol, *colon, *value, *last;

	for (; line < end; line = eol + 2) {
		eol = memmem(line, (size_t)(end - line), "\r\n", 2);
		colon = memchr(line, ':', (size_t)(eol - line));
		if (colon == NULL || colon == line)
			return -1;
		for (value = colon + 1; value < eol &&
		    isblank((unsigned char)*value); value++)
			;
		for (last = eol; last > value &&
		    isblank((unsigned char)last[-1]); last--)
			;
		upgrade_header(headers, line, (size_t)(colon - line), value,
		    (size_t)(last - value));
	}
	return 0;
}

static ssize_t
upgrade_check(const struct upgrade_headers *headers, const char *key,
    size_t head, struct upgrade_answer *answer)
{
	char accept[UPGRADE_ACCEPT_SIZE];

	upgrade_accept(key, accept);
	if (!headers->upgrade || !headers->connection ||
	    strcmp(headers->accept, accept) != 0)
		return upgrade_bad(answer,
		    "its answer is not that of a WebSocket server");
	if (headers->extra)
		return upgrade_bad(answer,
		    "it uses a WebSocket extension that was not asked for");
	return (ssize_t)head;
}

/* A refusal may say why in a short body. */
static ssize_t
upgrade_refusal(const char *body, size_t len, int eof, size_t want,
    size_t head, struct upgrade_answer *answer)
{
	if (want > UPGRADE_BODY_MAX)
		want = UPGRADE_BODY_MAX;
	if (len < want && !eof)
		return 0;
	if (len > want)
		len = want;
	while (len > 0 && isspace((unsigned char)body[len - 1]))
		len--;
	log_clean(answer->text, body, len);
	return (ssize_t)(head + len);
}

ssize_t
upgrade_parse(const char *data, size_t len, int eof, const char *key,
    struct upgrade_answer *answer)
{
	struct upgrade_headers headers = { 0 };
	const char *end, *eol;
	size_t head;

	_Static_assert(UPGRADE_TEXT_SIZE >= LOG_CLEAN_SIZE, "text fits");
	memset(answer, 0, sizeof(*answer));
	end = memmem(data, len < UPGRADE_HEAD_MAX ? len : UPGRADE_HEAD_MAX,
	    "\r\n\r\n", 4);
	if (end == NULL) {
		if (len >= UPGRADE_HEAD_MAX)
			return upgrade_bad(answer, "its answer is too long");
		if (eof)
			return upgrade_bad(answer, "it ended the connection");
		return 0;
	}
	head = (size_t)(end - data) + 4;
	/* "HTTP/1.1 101", then a blank or the end of the line. */
	if (head < 16 || memcmp(data, "HTTP/1.", 7) != 0 || data[8] != ' ' ||
	    !isdigit((unsigned char)data[9]) ||
	    !isdigit((unsigned char)data[10]) ||
	    !isdigit((unsigned char)data[11]) ||
	    (data[12] != ' ' && data[12] != '\r'))
		return upgrade_bad(answer, "it does not speak HTTP");
	answer->status = (data[9] - '0') * 100 + (data[10] - '0') * 10 +
	    data[11] - '0';
	eol = memmem(data, head, "\r\n", 2);
	if (upgrade_read_headers(&headers, eol + 2, end + 2) == -1)
		return upgrade_bad(answer, "its answer has a bad header");
	if (answer->status == 101)
		return upgrade_check(&headers, key, head, answer);
	return upgrade_refusal(data + head, len - head, eof, headers.length,
	    head, answer);
}
