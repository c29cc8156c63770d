/* SPDX-License-Identifier: ISC */
/* Which answer a request deserves, and its text. */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <sha1.h>

#include "common/base64.h"
#include "common/origin.h"
#include "gateway/http.h"

/* RFC 6455 section 1.3. */
#define ACCEPT_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

static bool
path_is(const struct http_head *head, const char *path)
{
	return head->path.len == strlen(path) &&
	    memcmp(head->path.at, path, head->path.len) == 0;
}

static bool
origin_refused(const struct http_head *head, const struct http_policy *policy)
{
	struct span text = { (const uint8_t *)head->origin.at,
		head->origin.len };
	char origin[ORIGIN_SIZE];
	const char *const *o;

	if (head->origin.at == NULL)
		return false;
	if (origin_normalise(text, origin) != NULL)
		return true;
	for (o = policy->origins; o != NULL && *o != NULL; o++)
		if (strcmp(*o, origin) == 0)
			return false;
	return true;
}

static bool
host_missing(const struct http_head *head, const struct http_policy *policy)
{
	(void)policy;
	return head->minor > 0 && head->host.at == NULL;
}

static bool
is_health(const struct http_head *head)
{
	return path_is(head, "/healthz") || path_is(head, "/readyz");
}

static bool
health_method(const struct http_head *head, const struct http_policy *policy)
{
	(void)policy;
	return is_health(head) && head->method == HTTP_OTHER;
}

static bool
not_ready(const struct http_head *head, const struct http_policy *policy)
{
	return path_is(head, "/readyz") && !policy->ready;
}

static bool
health(const struct http_head *head, const struct http_policy *policy)
{
	(void)policy;
	return is_health(head);
}

static bool
other_path(const struct http_head *head, const struct http_policy *policy)
{
	(void)policy;
	return !path_is(head, "/");
}

static bool
other_method(const struct http_head *head, const struct http_policy *policy)
{
	(void)policy;
	return head->method != HTTP_GET;
}

static bool
no_upgrade(const struct http_head *head, const struct http_policy *policy)
{
	(void)policy;
	return !head->connection_upgrade || !head->upgrade_websocket;
}

static bool
old_http(const struct http_head *head, const struct http_policy *policy)
{
	(void)policy;
	return head->minor == 0;
}

static bool
other_version(const struct http_head *head, const struct http_policy *policy)
{
	(void)policy;
	return !head->version_13;
}

static bool
bad_key(const struct http_head *head, const struct http_policy *policy)
{
	(void)policy;
	return !head->key_valid;
}

/* The bytes of a body would be taken for frames. */
static bool
has_body(const struct http_head *head, const struct http_policy *policy)
{
	(void)policy;
	return head->body;
}

/* The first row that holds decides; a request that passes all is upgraded. */
static const struct {
	bool (*when)(const struct http_head *, const struct http_policy *);
	struct http_answer answer;
} rules[] = {
	{ origin_refused, { 403, "" } },
	{ host_missing, { 400, "the Host header is missing\n" } },
	{ health_method, { 405, "" } },
	{ not_ready, { 503, "not ready\n" } },
	{ health, { 200, "" } },
	{ other_path, { 404, "" } },
	{ other_method, { 405, "" } },
	{ no_upgrade, { 400, "this is a WebSocket endpoint: "
	    "an upgrade to websocket is expected\n" } },
	{ old_http, { 400, "an upgrade takes HTTP/1.1\n" } },
	{ other_version, { 426, "the WebSocket version spoken is 13\n" } },
	{ bad_key, { 400, "Sec-WebSocket-Key does not stand for 16 bytes\n" } },
	{ has_body, { 400, "an upgrade request has no body\n" } },
};

static const struct {
	int status;
	const char *reason;
	const char *headers;
} statuses[] = {
	{ 200, "OK", "Connection: close\r\n" },
	{ 400, "Bad Request", "Connection: close\r\n" },
	{ 401, "Unauthorized",
	    "Connection: close\r\nWWW-Authenticate: Bearer\r\n" },
	{ 403, "Forbidden", "Connection: close\r\n" },
	{ 404, "Not Found", "Connection: close\r\n" },
	{ 405, "Method Not Allowed", "Connection: close\r\nAllow: GET\r\n" },
	{ 408, "Request Timeout", "Connection: close\r\n" },
	{ 414, "URI Too Long", "Connection: close\r\n" },
	{ 426, "Upgrade Required", "Connection: close, Upgrade\r\n"
	    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" },
	{ 429, "Too Many Requests", "Connection: close\r\n" },
	{ 431, "Request Header Fields Too Large", "Connection: close\r\n" },
	{ 500, "Internal Server Error", "Connection: close\r\n" },
	{ 503, "Service Unavailable",
	    "Connection: close\r\nRetry-After: 1\r\n" },
	{ 505, "HTTP Version Not Supported", "Connection: close\r\n" },
};

bool
http_decide(const struct http_head *head, const struct http_policy *policy,
    struct http_answer *answer)
{
	size_t i;

	for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (rules[i].when(head, policy)) {
			*answer = rules[i].answer;
			return false;
		}
	}
	return true;
}

static ssize_t
formatted(int n, size_t cap)
{
	return n < 0 || (size_t)n >= cap ? -1 : n;
}

ssize_t
http_format_answer(char *out, size_t cap, int status, const char *body,
    bool head_only)
{
	const char *headers = "Connection: close\r\n", *reason = "Answer";
	size_t i, len;

	for (i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		if (statuses[i].status == status) {
			headers = statuses[i].headers;
			reason = statuses[i].reason;
		}
	}
	len = strnlen(body, HTTP_BODY_MAX);
	return formatted(snprintf(out, cap, "HTTP/1.1 %d %s\r\n%s"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Length: %zu\r\n\r\n%.*s", status, reason, headers, len,
	    head_only ? 0 : (int)len, body), cap);
}

void
http_accept_key(char out[HTTP_ACCEPT_LEN], const char *key, size_t len)
{
	uint8_t digest[SHA1_DIGEST_LENGTH];
	SHA1_CTX sha;

	SHA1Init(&sha);
	SHA1Update(&sha, (const uint8_t *)key, len);
	SHA1Update(&sha, (const uint8_t *)ACCEPT_GUID,
	    sizeof(ACCEPT_GUID) - 1);
	SHA1Final(digest, &sha);
	(void)base64_encode(out, digest, sizeof(digest));
}

ssize_t
http_format_upgrade(char *out, size_t cap, const struct http_head *head)
{
	char accept[HTTP_ACCEPT_LEN];

	http_accept_key(accept, head->key.at, head->key.len);
	return formatted(snprintf(out, cap,
	    "HTTP/1.1 101 Switching Protocols\r\n"
	    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
	    "Sec-WebSocket-Accept: %.*s\r\n\r\n", HTTP_ACCEPT_LEN, accept),
	    cap);
}
