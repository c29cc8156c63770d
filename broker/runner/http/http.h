/* SPDX-License-Identifier: ISC */
/*
 * holdfast-http: the HTTP requests of one session, by libcurl, as the tenant.
 * Its runner starts it when the first request comes and hands it requests
 * over a data socket, as if the runner were a gateway and this the runner:
 * the same messages (PROTOCOL, section 8).  When the socket closes, every
 * transfer ends.
 */
#ifndef RUNNER_HTTP_HTTP_H
#define RUNNER_HTTP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/proto.h"

#define HTTP_TRANSFERS_MAX 64
#define HTTP_REDIRECTS_MAX 10
#define HTTP_BODY_MAX (64 * 1024 * 1024) /* bytes of a body not streamed */
#define HTTP_HEADERS_MAX PROTO_CHUNK_MAX /* bytes of an answer's headers */
#define HTTP_PIECE 65535	/* body bytes in a message; see fs.h */
#define HTTP_QUEUE_HIGH (256 * 1024) /* bytes waiting: transfers pause */
#define HTTP_QUEUE_LOW (64 * 1024)

/* JSON-RPC codes of what goes wrong here. */
#define HTTP_CODE_PARAMS (-32602)
#define HTTP_CODE_BUSY (-32600)
#define HTTP_CODE_FAILED (-32603)

struct curl_slist;

/* One request from its arrival to its last byte. */
struct transfer {
	TAILQ_ENTRY(transfer) entry;
	void *easy;		/* CURL */
	struct curl_slist *sent;	/* request headers */
	uint32_t call;
	bool id_is_int;
	int64_t id_int;
	struct writer id_str;	/* the call's id, when it is a string */
	struct writer name;	/* its requestId */
	struct writer verb;
	struct writer url;
	struct writer upload;
	struct writer headers;	/* of the answer: a list */
	struct writer body;	/* of the answer, when not streamed */
	bool streamed;
	bool follow;
	bool moved;		/* these headers name another location */
	bool answered;		/* streamed: the result has gone out */
	bool paused;
	uint64_t seq;		/* of the last piece sent */
	const char *failed;	/* why the body was given up, or NULL */
};

/* Transfers, by libcurl's multi interface. */
int transfers_init(void);

/*
 * Begin what "msg" asks for; an error is answered at once.  Nothing of
 * "msg" is needed afterwards.
 */
void transfers_begin(uint32_t call, const struct fields_GR_HTTP *msg);

/*
 * Move everything on and send what is queued, go on with transfers that
 * paused because too much was, then wait up to "timeout_ms"
 * for a transfer or for "fd", the runner's socket.
 */
void transfers_turn(int fd, int timeout_ms);

/* Whether a streamed transfer has this requestId. */
bool transfers_active(struct span name);

/*
 * The text that says what is wrong with a request, or NULL: method token
 * (RFC 9110, 9.1), absolute http or https URL, header names and values
 * (RFC 9110, 5.1 and 5.5).  Pure.
 */
const char *http_check(const struct fields_GR_HTTP *msg);

/* A header of a request: name, value and, or empty, a variable's name. */
struct http_header {
	struct span name, value, variable;
};
int http_header_next(struct span *list, struct http_header *header);

/* Answers. */
void answer_error(uint32_t call, const struct transfer *transfer,
    int64_t code, const char *text);
void answer_result(struct transfer *transfer, uint32_t status);
void answer_piece(struct transfer *transfer, const void *bytes, size_t len);
void answer_last(struct transfer *transfer, const char *failure);

/* The socket to the runner: what is queued goes out by wire_flush(). */
void wire_init(int fd);
void wire_send(uint16_t type, uint32_t call, const struct writer *payload);
size_t wire_queued(void);
void wire_flush(void);
/* Read what has come and handle whole requests; false: the runner is gone. */
bool wire_read(void);

#endif
