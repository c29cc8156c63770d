/* SPDX-License-Identifier: ISC */
/*
 * The head of one HTTP request (RFC 9112), what it deserves as an answer,
 * and the text of that answer.  A connection carries one request: it becomes
 * a WebSocket or it is closed.  Pure.
 */
#ifndef GATEWAY_HTTP_H
#define GATEWAY_HTTP_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

/* The most bytes a head may take, its empty line included. */
#define HTTP_HEAD_MAX 16384

/* How many header lines a head may have. */
#define HTTP_LINES_MAX 100

/* Where the body of an answer is cut, in bytes. */
#define HTTP_BODY_MAX 512

/* Room that an answer always fits into, in bytes. */
#define HTTP_ANSWER_MAX 1024

/* Bytes inside the head; "at" is NULL when the header is absent. */
struct http_span {
	const char *at;
	size_t len;
};

enum http_method {
	HTTP_GET,
	HTTP_HEAD,
	HTTP_OTHER
};

enum http_parsed {
	HTTP_MORE,		/* the head is not complete */
	HTTP_COMPLETE,
	HTTP_BAD		/* answer with "status" and "why", and close */
};

/*
 * A request head.  To be initialised with zeros.  Spans point into the bytes
 * given to http_parse(), without blanks around them.
 */
struct http_head {
	size_t length;		/* bytes, empty line included */
	int status;		/* HTTP_BAD: what to answer */
	const char *why;	/* HTTP_BAD: static text for the body */
	enum http_method method;
	int minor;		/* of HTTP/1.x */
	struct http_span path;	/* without query */
	struct http_span host;
	struct http_span origin;
	struct http_span authorization;
	struct http_span key;	/* Sec-WebSocket-Key */
	struct http_span version; /* Sec-WebSocket-Version */
	bool key_valid;		/* it stands for 16 bytes */
	bool connection_upgrade; /* Connection has the token upgrade */
	bool connection_close;	/* and this: the token close */
	bool upgrade;		/* there is an Upgrade header */
	bool upgrade_websocket;	/* and it has the token websocket */
	bool version_13;	/* and that is 13 */
	bool forwarded;		/* Forwarded, X-Forwarded-For, X-Real-IP, Via */
	bool body;		/* Content-Length above 0, Transfer-Encoding */

	size_t scanned;		/* private: no end of head before here */
};

/*
 * Look at the first "len" bytes of a connection.  After HTTP_MORE it is to be
 * called again with the same bytes and more, and the same "head"; the bytes
 * may have moved in between.  Bytes behind head->length are not looked at.
 */
enum http_parsed http_parse(const char *bytes, size_t len,
    struct http_head *head);

struct http_policy {
	const char *const *origins; /* see listener_origins(); NULL: none */
	bool ready;		/* whether /readyz answers 200, else 503 */
};

/* A plain answer.  "body" is static text, "" for none. */
struct http_answer {
	int status;
	const char *body;
};

/*
 * Decide about a complete head.  Returns true for a proper upgrade request,
 * which is then to be authenticated and answered by http_format_upgrade();
 * otherwise false with "*answer" filled in.
 */
bool http_decide(const struct http_head *head,
    const struct http_policy *policy, struct http_answer *answer);

/*
 * Write a plain answer to "out", which has room for "cap" bytes, a
 * terminating NUL included (HTTP_ANSWER_MAX always suffices): status,
 * Connection: close, the length, the body, and what the status asks for
 * besides (401, 405, 426, 503).  "head_only" leaves the body out, for HEAD.
 * Returns the length, or -1 when it does not fit.
 */
ssize_t http_format_answer(char *out, size_t cap, int status,
    const char *body, bool head_only);

/*
 * Write the 101 answer to "head", whose key is valid.  Returns the length,
 * or -1 when "cap" bytes are not enough (HTTP_ANSWER_MAX always are).
 */
ssize_t http_format_upgrade(char *out, size_t cap,
    const struct http_head *head);

/* Characters of an accept key. */
#define HTTP_ACCEPT_LEN 28

/*
 * Write the accept key for the "len" characters at "key" (RFC 6455 section
 * 4.2.2); nothing is terminated.
 */
void http_accept_key(char out[HTTP_ACCEPT_LEN], const char *key, size_t len);

#endif
