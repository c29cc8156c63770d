/* SPDX-License-Identifier: ISC */
/*
 * The client's side of one WebSocket without its socket: bytes that arrived
 * go in, messages come out by callback, bytes to be sent wait in a buffer.
 */
#ifndef CONTRIB_CLIENT_WSCONN_H
#define CONTRIB_CLIENT_WSCONN_H

#include <stddef.h>
#include <stdint.h>

struct evbuffer;
struct url;
struct wsconn;

/* The largest message taken, in bytes; more ends the connection. */
#define WSCONN_MESSAGE_MAX (64U << 20)

struct wsconn_ops {
	/* The server has accepted the upgrade. */
	void (*opened)(void *arg);
	/* A whole message; "text" is valid during the call. */
	void (*message)(void *arg, const char *text, size_t len);
};

/*
 * A connection to "url" (not kept), with its upgrade request in the output.
 * "token" may be NULL and is not kept.  "nonce" is 16 random bytes.  Free it
 * with wsconn_free(), not from within a callback.
 */
struct wsconn *wsconn_new(const struct url *url, const char *token,
    const uint8_t *nonce, const struct wsconn_ops *ops, void *arg);
void wsconn_free(struct wsconn *conn);

/*
 * Take "len" bytes that arrived; at most "len" bytes' worth of callbacks run
 * before it returns.  Returns 0, or -1 when the connection is over: then
 * wsconn_status() and wsconn_text() say why.  wsconn_eof() tells that nothing
 * more will come, and makes the same known.
 */
int wsconn_feed(struct wsconn *conn, const void *data, size_t len);
void wsconn_eof(struct wsconn *conn);

/* Stop handling what was fed; callbacks end.  Callable from a callback. */
void wsconn_abandon(struct wsconn *conn);

/* The HTTP status: 0 before there was one, 101 once open. */
int wsconn_status(const struct wsconn *conn);
int wsconn_is_open(const struct wsconn *conn);
const char *wsconn_text(const struct wsconn *conn);

/* The code of the server's close frame, 0 before there was one. */
int wsconn_close_code(const struct wsconn *conn);

/*
 * Queue a text message, a ping or a close frame (RFC 6455, 5.5; "code" as in
 * 7.4).  Returns 0, or -1 when the connection is not open.
 */
int wsconn_send(struct wsconn *conn, const char *text, size_t len);
int wsconn_ping(struct wsconn *conn);
int wsconn_close(struct wsconn *conn, int code);

/* What is to be sent; the caller drains it. */
struct evbuffer *wsconn_output(struct wsconn *conn);

#endif
