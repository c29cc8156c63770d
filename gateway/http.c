/* SPDX-License-Identifier: ISC */
/* Request heads: strict where leniency would let two readers disagree. */
#include "config.h"

#include <string.h>
#include <strings.h>

#include "common/base64.h"
#include "gateway/http.h"

#define KEY_BYTES 16
#define KEY_CHARS 24

static int
bad(struct http_head *head, int status, const char *why)
{
	head->status = status;
	head->why = why;
	return -1;
}

static int
bad_request(struct http_head *head, const char *why)
{
	return bad(head, 400, why);
}

static bool
span_is(struct http_span span, const char *word)
{
	return span.len == strlen(word) &&
	    strncasecmp(span.at, word, span.len) == 0;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct http_span
trim(struct http_span span)
{
	while (span.len > 0 && is_blank(span.at[0])) {
		span.at++;
		span.len--;
	}
	while (span.len > 0 && is_blank(span.at[span.len - 1]))
		span.len--;
	return span;
}

/* A character of a token (RFC 9110 section 5.6.2). */
static bool
is_token(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	    (c >= 'A' && c <= 'Z') ||
	    (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static size_t
token_run(struct http_span span)
{
	size_t i = 0;

	while (i < span.len && is_token(span.at[i]))
		i++;
	return i;
}

static bool
list_has(struct http_span list, const char *word)
{
	struct http_span item;
	const char *comma;

	for (;;) {
		comma = memchr(list.at, ',', list.len);
		item = list;
		if (comma != NULL)
			item.len = (size_t)(comma - list.at);
		if (span_is(trim(item), word))
			return true;
		if (comma == NULL)
			return false;
		list.at = comma + 1;
		list.len -= item.len + 1;
	}
}

/* Headers that may stand in a request once. */
static int
take_once(struct http_head *head, struct http_span *to, struct http_span value,
    const char *why)
{
	if (to->at != NULL)
		return bad_request(head, why);
	*to = value;
	return 0;
}

static int
take_host(struct http_head *head, struct http_span value)
{
	size_t i;

	for (i = 0; i < value.len; i++)
		if (value.at[i] <= ' ' || strchr(",/?#@", value.at[i]) != NULL)
			return bad_request(head, "Host is not well-formed\n");
	return take_once(head, &head->host, value, "more than one Host\n");
}

static int
take_origin(struct http_head *head, struct http_span value)
{
	return take_once(head, &head->origin, value, "more than one Origin\n");
}

static int
take_authorization(struct http_head *head, struct http_span value)
{
	return take_once(head, &head->authorization, value,
	    "more than one Authorization\n");
}

static int
take_key(struct http_head *head, struct http_span value)
{
	unsigned char bytes[BASE64_DECODED_MAX(KEY_CHARS)];

	if (take_once(head, &head->key, value,
	    "more than one Sec-WebSocket-Key\n") == -1)
		return -1;
	head->key_valid = value.len == KEY_CHARS &&
	    base64_decode(bytes, value.at, value.len) == KEY_BYTES;
	return 0;
}

static int
take_version(struct http_head *head, struct http_span value)
{
	if (take_once(head, &head->version, value,
	    "more than one Sec-WebSocket-Version\n") == -1)
		return -1;
	head->version_13 = span_is(value, "13");
	return 0;
}

static int
take_connection(struct http_head *head, struct http_span value)
{
	if (list_has(value, "upgrade"))
		head->connection_upgrade = true;
	if (list_has(value, "close"))
		head->connection_close = true;
	return 0;
}

static int
take_upgrade(struct http_head *head, struct http_span value)
{
	head->upgrade = true;
	if (list_has(value, "websocket"))
		head->upgrade_websocket = true;
	return 0;
}

static int
take_forwarded(struct http_head *head, struct http_span value)
{
	(void)value;
	head->forwarded = true;
	return 0;
}

static int
take_content_length(struct http_head *head, struct http_span value)
{
	size_t i;

	if (value.len == 0)
		return bad_request(head, "Content-Length is not a number\n");
	for (i = 0; i < value.len; i++) {
		if (value.at[i] < '0' || value.at[i] > '9')
			return bad_request(head,
			    "Content-Length is not a number\n");
		if (value.at[i] != '0')
			head->body = true;
	}
	return 0;
}

static int
take_transfer_encoding(struct http_head *head, struct http_span value)
{
	(void)value;
	head->body = true;
	return 0;
}

static const struct {
	const char *name;
	int (*take)(struct http_head *, struct http_span);
} fields[] = {
	{ "Authorization", take_authorization },
	{ "Connection", take_connection },
	{ "Content-Length", take_content_length },
	{ "Forwarded", take_forwarded },
	{ "Host", take_host },
	{ "Origin", take_origin },
	{ "Sec-WebSocket-Key", take_key },
	{ "Sec-WebSocket-Version", take_version },
	{ "Transfer-Encoding", take_transfer_encoding },
	{ "Upgrade", take_upgrade },
	{ "Via", take_forwarded },
	{ "X-Forwarded-For", take_forwarded },
	{ "X-Real-IP", take_forwarded },
};

static int
parse_field(struct http_head *head, struct http_span line)
{
	struct http_span name = line, value;
	size_t i;

	name.len = token_run(line);
	if (name.len == 0 || name.len == line.len || line.at[name.len] != ':')
		return bad_request(head, "a header line is not well-formed\n");
	value.at = line.at + name.len + 1;
	value.len = line.len - name.len - 1;
	value = trim(value);
	for (i = 0; i < value.len; i++)
		if (((unsigned char)value.at[i] < ' ' &&
		    value.at[i] != '\t') || value.at[i] == 0x7f)
			return bad_request(head,
			    "a header holds a control character\n");
	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (span_is(name, fields[i].name))
			return fields[i].take(head, value);
	return 0;
}

static int
parse_version(struct http_head *head, struct http_span version)
{
	if (version.len != 8 || memcmp(version.at, "HTTP/", 5) != 0 ||
	    version.at[5] < '0' || version.at[5] > '9' ||
	    version.at[6] != '.' || version.at[7] < '0' ||
	    version.at[7] > '9')
		return bad_request(head, "this is not HTTP\n");
	if (version.at[5] != '1')
		return bad(head, 505, "only HTTP/1.1 is spoken here\n");
	head->minor = version.at[7] - '0';
	return 0;
}

/* The path of a target in origin form or absolute form. */
static int
parse_target(struct http_head *head, struct http_span target)
{
	const char *p;
	size_t i;

	for (i = 0; i < target.len; i++)
		if ((unsigned char)target.at[i] <= ' ' ||
		    (unsigned char)target.at[i] >= 0x7f ||
		    target.at[i] == '#')
			return bad_request(head,
			    "the target is not well-formed\n");
	if (target.at[0] != '/' && target.len > 7 &&
	    strncasecmp(target.at, "http://", 7) == 0) {
		target.at += 7;
		target.len -= 7;
		while (target.len > 0 && target.at[0] != '/' &&
		    target.at[0] != '?') {
			target.at++;
			target.len--;
		}
		if (target.len == 0 || target.at[0] == '?') {
			target.at = "/";
			target.len = 1;
		}
	}
	if ((p = memchr(target.at, '?', target.len)) != NULL)
		target.len = (size_t)(p - target.at);
	head->path = target;
	return 0;
}

static int
parse_request_line(struct http_head *head, struct http_span line)
{
	struct http_span target, version;
	const char *end = line.at + line.len, *space;
	size_t n;

	n = token_run(line);
	if (n == 0 || n == line.len || line.at[n] != ' ')
		return bad_request(head, "this is not HTTP\n");
	target.at = line.at + n + 1;
	space = memchr(target.at, ' ', (size_t)(end - target.at));
	if (space == NULL || space == target.at)
		return bad_request(head, "this is not HTTP\n");
	target.len = (size_t)(space - target.at);
	version.at = space + 1;
	version.len = (size_t)(end - version.at);
	if (n == 3 && memcmp(line.at, "GET", 3) == 0)
		head->method = HTTP_GET;
	else if (n == 4 && memcmp(line.at, "HEAD", 4) == 0)
		head->method = HTTP_HEAD;
	else
		head->method = HTTP_OTHER;
	if (parse_version(head, version) == -1)
		return -1;
	return parse_target(head, target);
}

/* All lines up to the empty one, which are known to end with CR LF. */
static int
parse_lines(struct http_head *head, const char *at, const char *end)
{
	struct http_span line;
	const char *newline;
	size_t n;

	for (n = 0; at < end; n++, at = newline + 1) {
		newline = memchr(at, '\n', (size_t)(end - at));
		line.at = at;
		line.len = (size_t)(newline - at) - 1;
		if (n > HTTP_LINES_MAX)
			return bad(head, 431, "too many header lines\n");
		if ((n == 0 ? parse_request_line(head, line) :
		    parse_field(head, line)) == -1)
			return -1;
	}
	return 0;
}

/*
 * Find the empty line.  Returns 1 when head->length is known, 0 when more is
 * needed, -1 when no end can come.
 */
static int
find_end(struct http_head *head, const char *bytes, size_t len)
{
	const char *newline;
	size_t at;

	while ((newline = memchr(bytes + head->scanned, '\n',
	    len - head->scanned)) != NULL) {
		at = (size_t)(newline - bytes);
		if (at == head->scanned || bytes[at - 1] != '\r')
			return bad_request(head,
			    "a line does not end with CR LF\n");
		/* An empty line in front of the request is passed over. */
		if (at == head->scanned + 1 && head->scanned != 0 &&
		    !(head->scanned == 2 && bytes[0] == '\r')) {
			head->length = at + 1;
			return 1;
		}
		head->scanned = at + 1;
	}
	return 0;
}

enum http_parsed
http_parse(const char *bytes, size_t len, struct http_head *head)
{
	size_t start;

	if (len > HTTP_HEAD_MAX)
		len = HTTP_HEAD_MAX;
	/* What speaks TLS, say, is not waited for. */
	if (len > 0 && !is_token(bytes[0]) && bytes[0] != '\r') {
		(void)bad_request(head, "this is not HTTP\n");
		return HTTP_BAD;
	}
	switch (find_end(head, bytes, len)) {
	case -1:
		return HTTP_BAD;
	case 0:
		if (len < HTTP_HEAD_MAX)
			return HTTP_MORE;
		if (head->scanned <= 2)
			(void)bad(head, 414, "the request line is too long\n");
		else
			(void)bad(head, 431, "the head is too long\n");
		return HTTP_BAD;
	}
	start = bytes[0] == '\r' && bytes[1] == '\n' ? 2 : 0;
	return parse_lines(head, bytes + start, bytes + head->scanned) == -1 ?
	    HTTP_BAD : HTTP_COMPLETE;
}
