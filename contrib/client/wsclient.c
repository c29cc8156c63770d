/* SPDX-License-Identifier: ISC */
/* One WebSocket connection to the server: socket, deadlines, pings. */
#include "config.h"

#include <sys/socket.h>
#include <sys/types.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>

#include "common/log.h"
#include "common/xmalloc.h"
#include "contrib/client/upgrade.h"
#include "contrib/client/url.h"
#include "contrib/client/wsclient.h"
#include "contrib/client/wsconn.h"
#include "contrib/client/wstls.h"

#define WSCLIENT_READ_SIZE 131072
#define WSCLIENT_WATCH_MS 500

struct wsclient {
	struct wsconn *conn;
	const struct wsclient_ops *ops;
	void *arg;
	int fd;
	struct wstls *tls; /* NULL: none */
	int error; /* errno of an attempt that failed at once */
	int connected;
	int paused;
	int alive; /* something came since the last ping */
	int pinged;
	int ended;
	int busy; /* callbacks are running */
	int dead; /* free when they have returned */
	struct event *read_event;
	struct event *write_event;
	struct event *watch; /* looks after the socket while paused */
	struct event *timer; /* opening, pings, pongs */
};

static void
wsclient_destroy(struct wsclient *client)
{
	if (client->read_event != NULL)
		event_free(client->read_event);
	if (client->write_event != NULL)
		event_free(client->write_event);
	if (client->watch != NULL)
		event_free(client->watch);
	if (client->timer != NULL)
		event_free(client->timer);
	wstls_free(client->tls);
	if (client->fd != -1)
		close(client->fd);
	wsconn_free(client->conn);
	free(client);
}

static void
wsclient_quiet(struct wsclient *client)
{
	client->ended = 1;
	if (client->read_event != NULL)
		event_del(client->read_event);
	if (client->write_event != NULL)
		event_del(client->write_event);
	if (client->watch != NULL)
		event_del(client->watch);
	if (client->timer != NULL)
		event_del(client->timer);
}

void
wsclient_free(struct wsclient *client)
{
	if (client == NULL)
		return;
	if (client->busy == 0) {
		wsclient_destroy(client);
		return;
	}
	/* Somebody up the stack still uses it. */
	client->dead = 1;
	wsconn_abandon(client->conn);
	wsclient_quiet(client);
}

/* May free "client". */
static void
wsclient_leave(struct wsclient *client)
{
	if (--client->busy == 0 && client->dead)
		wsclient_destroy(client);
}

static void
wsclient_end(struct wsclient *client, enum wsclient_end how, const char *why)
{
	if (client->ended)
		return;
	wsclient_quiet(client);
	client->ops->ended(client->arg, how, why);
}

/*
 * What may be otherwise soon; 502 and 504 are a proxy's word for a server
 * that is gone at the moment (RFC 9110, section 15.6).
 */
static int
wsclient_passes(int status)
{
	return status == 429 || (status >= 502 && status <= 504);
}

static enum wsclient_end
wsclient_judge(const struct wsclient *client)
{
	int status = wsconn_status(client->conn);

	if (status == 0 || status == 101)
		return WSCLIENT_LOST;
	return wsclient_passes(status) ? WSCLIENT_BUSY : WSCLIENT_DENIED;
}

static void
wsclient_end_http(struct wsclient *client)
{
	int status = wsconn_status(client->conn);
	char *why;

	if (status == 0 || status == 101) {
		wsclient_end(client, wsconn_close_code(client->conn) ==
		    WSCLIENT_TAKEN_OVER ? WSCLIENT_REPLACED : WSCLIENT_LOST,
		    wsconn_text(client->conn));
		return;
	}
	why = xasprintf("the server answered %d%s%s", status,
	    wsconn_text(client->conn)[0] == '\0' ? "" : ": ",
	    wsconn_text(client->conn));
	wsclient_end(client, wsclient_judge(client), why);
	free(why);
}

static void
wsclient_end_errno(struct wsclient *client, int error)
{
	const char *denied = client->tls == NULL ? NULL :
	    wstls_denied(client->tls);

	if (denied != NULL)
		wsclient_end(client, WSCLIENT_DENIED, denied);
	else
		wsclient_end(client, error == ECONNREFUSED ||
		    error == ENOENT ? WSCLIENT_REFUSED : WSCLIENT_LOST,
		    strerror(error));
}

static void
wsclient_set_timer(struct wsclient *client, int seconds)
{
	struct timeval tv = { .tv_sec = seconds };

	event_add(client->timer, &tv);
}

static void
wsclient_want_write(struct wsclient *client)
{
	if (!client->ended && client->connected &&
	    (client->tls == NULL || !wstls_waits(client->tls)) &&
	    evbuffer_get_length(wsconn_output(client->conn)) > 0)
		event_add(client->write_event, NULL);
}

static int
wsclient_finish_connect(struct wsclient *client)
{
	socklen_t len = sizeof(client->error);

	if (client->error == 0 && getsockopt(client->fd, SOL_SOCKET, SO_ERROR,
	    &client->error, &len) == -1)
		client->error = errno;
	if (client->error != 0) {
		wsclient_end_errno(client, client->error);
		return -1;
	}
	client->connected = 1;
	if (!client->paused)
		event_add(client->read_event, NULL);
	return 0;
}

static int
wsclient_write(struct wsclient *client)
{
	struct evbuffer *out = wsconn_output(client->conn);

	return client->tls == NULL ? evbuffer_write(out, client->fd) :
	    wstls_write(client->tls, out);
}

static void
wsclient_write_cb(evutil_socket_t fd, short what, void *arg)
{
	struct wsclient *client = arg;

	(void)fd;
	(void)what;
	client->busy++;
	if (client->connected || wsclient_finish_connect(client) == 0) {
		if (wsclient_write(client) == -1 && errno != EAGAIN &&
		    errno != EINTR)
			wsclient_end_errno(client, errno);
		wsclient_want_write(client);
	}
	wsclient_leave(client);
}

static void
wsclient_read_cb(evutil_socket_t fd, short what, void *arg)
{
	static uint8_t buf[WSCLIENT_READ_SIZE];
	struct wsclient *client = arg;
	ssize_t n;

	(void)what;
	client->busy++;
	n = client->tls == NULL ? recv(fd, buf, sizeof(buf), 0) :
	    wstls_read(client->tls, buf, sizeof(buf));
	if (n > 0) {
		client->alive = 1;
		if (wsconn_feed(client->conn, buf, (size_t)n) == -1) {
			/* Its last words, the answer to a close frame. */
			(void)wsclient_write(client);
			wsclient_end_http(client);
		}
		wsclient_want_write(client);
	} else if (n == 0) {
		wsconn_eof(client->conn);
		wsclient_end_http(client);
	} else if (errno != EAGAIN && errno != EINTR)
		wsclient_end_errno(client, errno);
	else
		/* TLS may have waited for this. */
		wsclient_want_write(client);
	wsclient_leave(client);
}

/*
 * The server's side may go while we don't read.  What the kernel still holds
 * is not worth waiting for then: output is kept for a resume only so long.
 * (EV_CLOSED would not do: after a reset libevent reports it as readable.)
 */
static void
wsclient_watch_cb(evutil_socket_t fd, short what, void *arg)
{
	struct wsclient *client = arg;
	struct pollfd pfd = { .fd = client->fd, .events = POLLRDHUP };

	(void)fd;
	(void)what;
	if (poll(&pfd, 1, 0) <= 0)
		return;
	client->busy++;
	wsclient_end(client, WSCLIENT_LOST, "the server ended the connection");
	wsclient_leave(client);
}

static void
wsclient_timer_cb(evutil_socket_t fd, short what, void *arg)
{
	struct wsclient *client = arg;

	(void)fd;
	(void)what;
	client->busy++;
	if (client->error != 0)
		wsclient_end_errno(client, client->error);
	else if (!wsconn_is_open(client->conn))
		wsclient_end(client, WSCLIENT_LOST, client->connected ?
		    "no answer within 10 seconds" :
		    "no connection within 10 seconds");
	else if (!client->pinged) {
		client->alive = 0;
		client->pinged = 1;
		(void)wsconn_ping(client->conn);
		wsclient_want_write(client);
		wsclient_set_timer(client, WSCLIENT_PONG_S);
	} else if (client->alive || client->paused) {
		client->pinged = 0;
		wsclient_set_timer(client, WSCLIENT_PING_S - WSCLIENT_PONG_S);
	} else
		wsclient_end(client, WSCLIENT_LOST,
		    "the server has not answered for 10 seconds");
	wsclient_leave(client);
}

static void
wsclient_opened_cb(void *arg)
{
	struct wsclient *client = arg;

	wsclient_set_timer(client, WSCLIENT_PING_S);
	client->ops->opened(client->arg);
}

static void
wsclient_message_cb(void *arg, const char *text, size_t len)
{
	struct wsclient *client = arg;

	client->ops->message(client->arg, text, len);
}

static const struct wsconn_ops wsclient_conn_ops = {
	.opened = wsclient_opened_cb,
	.message = wsclient_message_cb,
};

static void
wsclient_connect(struct wsclient *client, struct event_base *base,
    const struct url *url, const struct addrinfo *address)
{
	int one = 1;

	client->fd = socket(address->ai_family,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (client->fd == -1 || (connect(client->fd, address->ai_addr,
	    address->ai_addrlen) == -1 && errno != EINPROGRESS)) {
		client->error = errno;
		/* Not before the caller knows the client: by the timer. */
		wsclient_set_timer(client, 0);
		return;
	}
	if (url->tls && (client->tls = wstls_new(url, client->fd)) == NULL)
		fatalx("out of memory");
	setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	client->read_event = event_new(base, client->fd,
	    EV_READ | EV_PERSIST, wsclient_read_cb, client);
	client->write_event = event_new(base, client->fd, EV_WRITE,
	    wsclient_write_cb, client);
	client->watch = event_new(base, -1, EV_PERSIST, wsclient_watch_cb,
	    client);
	if (client->read_event == NULL || client->write_event == NULL ||
	    client->watch == NULL)
		fatalx("out of memory");
	event_add(client->write_event, NULL);
	wsclient_set_timer(client, WSCLIENT_OPEN_MS / 1000);
}

struct wsclient *
wsclient_new(struct event_base *base, const struct url *url,
    const struct addrinfo *address, const char *token,
    const struct wsclient_ops *ops, void *arg)
{
	struct wsclient *client = xcalloc(1, sizeof(*client));
	uint8_t nonce[UPGRADE_NONCE];

	arc4random_buf(nonce, sizeof(nonce));
	client->ops = ops;
	client->arg = arg;
	client->fd = -1;
	client->conn = wsconn_new(url, token, nonce, &wsclient_conn_ops,
	    client);
	client->timer = event_new(base, -1, 0, wsclient_timer_cb, client);
	if (client->timer == NULL)
		fatalx("out of memory");
	wsclient_connect(client, base, url, address);
	return client;
}

void
wsclient_send(struct wsclient *client, const char *text, size_t len)
{
	(void)wsconn_send(client->conn, text, len);
	wsclient_want_write(client);
}

size_t
wsclient_queued(const struct wsclient *client)
{
	return evbuffer_get_length(wsconn_output(client->conn));
}

void
wsclient_pause(struct wsclient *client, int on)
{
	static const struct timeval often = {
		.tv_usec = WSCLIENT_WATCH_MS * 1000
	};

	if (client->ended || client->paused == on)
		return;
	client->paused = on;
	if (!client->connected)
		return;
	if (on) {
		event_del(client->read_event);
		event_add(client->watch, &often);
	} else {
		client->alive = 1;
		event_del(client->watch);
		event_add(client->read_event, NULL);
	}
}

void
wsclient_say_goodbye(struct wsclient *client)
{
	if (client->ended || wsconn_close(client->conn, 1000) == -1)
		return;
	(void)wsclient_write(client);
}
