/* SPDX-License-Identifier: ISC */
/* One WebSocket connection to the server: socket, deadlines, pings. */
#ifndef CONTRIB_CLIENT_WSCLIENT_H
#define CONTRIB_CLIENT_WSCLIENT_H

#include <stddef.h>

struct addrinfo;
struct event_base;
struct url;
struct wsclient;

/* Milliseconds for connecting and the upgrade together. */
#define WSCLIENT_OPEN_MS 10000

/* A ping is sent every so many seconds, and must be answered within ... */
#define WSCLIENT_PING_S 15
#define WSCLIENT_PONG_S 10

enum wsclient_end {
	WSCLIENT_REFUSED, /* nobody listens */
	WSCLIENT_DENIED, /* an HTTP answer that will not change */
	WSCLIENT_BUSY, /* HTTP 429, 502, 503, 504 */
	WSCLIENT_REPLACED, /* closed with WSCLIENT_TAKEN_OVER */
	WSCLIENT_LOST /* anything else */
};

/* The code of a close frame: another connection has the session now. */
#define WSCLIENT_TAKEN_OVER 4001

/*
 * From a callback the client may be freed.  "ended" comes at most once, and
 * nothing follows it.
 */
struct wsclient_ops {
	void (*opened)(void *arg);
	void (*message)(void *arg, const char *text, size_t len);
	void (*ended)(void *arg, enum wsclient_end how, const char *why);
};

/*
 * Begin to connect to "address" (one of it, not a list; not kept).  "token"
 * may be NULL.  Never calls back before it has returned.  Free it with
 * wsclient_free(), which closes the socket without a word.
 */
struct wsclient *wsclient_new(struct event_base *base, const struct url *url,
    const struct addrinfo *address, const char *token,
    const struct wsclient_ops *ops, void *arg);
void wsclient_free(struct wsclient *client);

/* Queue a text message.  Bytes that are queued so far: wsclient_queued(). */
void wsclient_send(struct wsclient *client, const char *text, size_t len);
size_t wsclient_queued(const struct wsclient *client);

/*
 * Stop (on) or go on reading.  While stopped the server is not expected to
 * show that it is alive; it still gets pings, which show that we are.
 */
void wsclient_pause(struct wsclient *client, int on);

/* Send a close frame, status 1000, as far as it goes without waiting. */
void wsclient_say_goodbye(struct wsclient *client);

#endif
