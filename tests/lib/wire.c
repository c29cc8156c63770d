/* SPDX-License-Identifier: ISC */
/* A blocking WebSocket client for tests: connection and upgrade. */
#include "config.h"

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/xmalloc.h"
#include "tests/lib/wait.h"
#include "tests/lib/wire.h"
#include "tests/lib/wire_private.h"
#include "tests/lib/wiretls.h"

#define WIRE_READ_SIZE 65536

struct wire_address {
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_un un;
	} to;
	socklen_t len;
	int tls;
};

static int
wire_parse_path(struct wire *wire, const char *path,
    struct wire_address *address)
{
	memset(address, 0, sizeof(*address));
	address->to.un.sun_family = AF_UNIX;
	address->len = sizeof(address->to.un);
	snprintf(wire->host, sizeof(wire->host), "localhost");
	snprintf(wire->target, sizeof(wire->target), "/");
	return strlcpy(address->to.un.sun_path, path,
	    sizeof(address->to.un.sun_path)) <
	    sizeof(address->to.un.sun_path) ? 0 : -1;
}

static int
wire_parse_url(struct wire *wire, const char *url,
    struct wire_address *address)
{
	struct sockaddr_in *sin = &address->to.in;
	char ip[INET_ADDRSTRLEN];
	int port, used = 0;

	if (strncmp(url, "unix:", 5) == 0)
		return wire_parse_path(wire, url + 5, address);
	address->tls = strncmp(url, "wss://", 6) == 0;
	address->len = sizeof(*sin);
	if (sscanf(url, address->tls ? "wss://%15[0-9.]:%d%n" :
	    "ws://%15[0-9.]:%d%n", ip, &port, &used) != 2 ||
	    port <= 0 || port > 65535)
		return -1;
	memset(sin, 0, sizeof(*sin));
	sin->sin_family = AF_INET;
	sin->sin_port = htons((uint16_t)port);
	if (inet_pton(AF_INET, ip, &sin->sin_addr) != 1)
		return -1;
	snprintf(wire->host, sizeof(wire->host), "%s:%d", ip, port);
	snprintf(wire->target, sizeof(wire->target), "%s",
	    url[used] == '\0' ? "/" : url + used);
	return 0;
}

static int
wire_dial(const struct wire_address *address, uint64_t deadline)
{
	socklen_t len = sizeof(int);
	int fd, error = 0, one = 1;

	fd = socket(address->to.any.sa_family,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return -1;
	if (address->to.any.sa_family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one,
		    sizeof(one));
	if (connect(fd, &address->to.any, address->len) == -1 &&
	    (errno != EINPROGRESS || wait_fd(fd, POLLOUT, deadline) == -1 ||
	    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1 ||
	    error != 0)) {
		if (error != 0)
			errno = error;
		error = errno;
		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

struct wire *
wire_connect(const char *url, int timeout_ms)
{
	struct wire *wire = xcalloc(1, sizeof(*wire));
	uint64_t deadline = deadline_in(timeout_ms);
	struct wire_address address;

	wire->fd = -1;
	wire->auto_pong = 1;
	if (wire_parse_url(wire, url, &address) == -1) {
		fprintf(stderr, "wire: no URL of IPv4, no unix:/PATH: %s\n", url);
		goto fail;
	}
	if ((wire->fd = wire_dial(&address, deadline)) == -1) {
		fprintf(stderr, "wire: %s: %s\n", url, strerror(errno));
		goto fail;
	}
	if (!address.tls)
		return wire;
	if ((wire->tls = wiretls_new(wire->fd, deadline)) != NULL)
		return wire;
	fprintf(stderr, "wire: %s: no TLS\n", url);
fail:
	wire_free(wire);
	return NULL;
}

void
wire_end(struct wire *wire)
{
	wiretls_free(wire->tls);
	wire->tls = NULL;
	if (wire->fd != -1)
		close(wire->fd);
	wire->fd = -1;
}

static ssize_t
wire_get(struct wire *wire, void *bytes, size_t len)
{
	return wire->tls != NULL ? wiretls_recv(wire->tls, bytes, len) :
	    recv(wire->fd, bytes, len, 0);
}

static ssize_t
wire_put(struct wire *wire, const void *bytes, size_t len)
{
	return wire->tls != NULL ? wiretls_send(wire->tls, bytes, len) :
	    send(wire->fd, bytes, len, MSG_NOSIGNAL);
}

void
wire_free(struct wire *wire)
{
	if (wire == NULL)
		return;
	wire_end(wire);
	free(wire->in);
	free(wire->partial);
	free(wire->head);
	free(wire);
}

void
wire_reset(struct wire *wire)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	if (wire->fd != -1)
		setsockopt(wire->fd, SOL_SOCKET, SO_LINGER, &linger,
		    sizeof(linger));
	wire_end(wire);
}

int
wire_fill(struct wire *wire, uint64_t deadline)
{
	ssize_t n;

	if (wire->fd == -1)
		return 0;
	if (wire->len + WIRE_READ_SIZE > wire->size) {
		wire->size = wire->size * 2 + WIRE_READ_SIZE;
		wire->in = xreallocarray(wire->in, wire->size, 1);
	}
	for (;;) {
		n = wire_get(wire, wire->in + wire->len, WIRE_READ_SIZE);
		if (n >= 0) {
			wire->len += (size_t)n;
			return n > 0;
		}
		if (errno != EAGAIN && errno != EINTR)
			return -1;
		if (wait_fd(wire->fd, POLLIN, deadline) == -1)
			return -2;
	}
}

void
wire_drop(struct wire *wire, size_t len)
{
	wire->len -= len;
	memmove(wire->in, wire->in + len, wire->len);
}

int
wire_read_head(struct wire *wire, int timeout_ms)
{
	uint64_t deadline = deadline_in(timeout_ms);
	char *end = NULL;
	size_t len;
	int status;

	while (wire->len < 4 ||
	    (end = memmem(wire->in, wire->len, "\r\n\r\n", 4)) == NULL)
		if (wire_fill(wire, deadline) <= 0)
			return -1;
	len = (size_t)(end + 4 - wire->in);
	free(wire->head);
	wire->head = xmalloc(len + 1);
	memcpy(wire->head, wire->in, len);
	wire->head[len] = '\0';
	wire_drop(wire, len);
	if (sscanf(wire->head, "HTTP/1.1 %d", &status) != 1)
		return -1;
	return status;
}

int
wire_upgrade(struct wire *wire, const char *headers, int timeout_ms)
{
	char *request;
	int rc;

	request = xasprintf("GET %s HTTP/1.1\r\nHost: %s\r\n"
	    "Connection: Upgrade\r\nUpgrade: websocket\r\n"
	    "Sec-WebSocket-Version: 13\r\n"
	    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
	    wire->target, wire->host, headers == NULL ? "" : headers);
	rc = wire_send_raw(wire, request, strlen(request), timeout_ms);
	free(request);
	return rc == -1 ? -1 : wire_read_head(wire, timeout_ms);
}

struct wire *
wire_open(const char *url, int timeout_ms)
{
	struct wire *wire = wire_connect(url, timeout_ms);
	int status;

	if (wire == NULL)
		return NULL;
	status = wire_upgrade(wire, NULL, timeout_ms);
	if (status == 101)
		return wire;
	fprintf(stderr, "wire: upgrade at %s: %d\n%s", url, status,
	    wire_head(wire));
	wire_free(wire);
	return NULL;
}

const char *
wire_head(const struct wire *wire)
{
	return wire->head == NULL ? "" : wire->head;
}

int
wire_send_raw(struct wire *wire, const void *data, size_t len, int timeout_ms)
{
	uint64_t deadline = deadline_in(timeout_ms);
	const char *p = data;
	ssize_t n;

	while (len > 0) {
		if (wire->fd == -1)
			return -1;
		n = wire_put(wire, p, len);
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		} else if (n == 0)
			return -1;
		else if (errno != EAGAIN && errno != EINTR)
			return -1;
		else if (wait_fd(wire->fd, POLLOUT, deadline) == -1)
			return -1;
	}
	return 0;
}

void
wire_set_auto_pong(struct wire *wire, int on)
{
	wire->auto_pong = on;
}

int
wire_fd(const struct wire *wire)
{
	return wire->fd;
}

int
wire_local_port(const struct wire *wire)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);

	if (getsockname(wire->fd, (struct sockaddr *)&sin, &len) == -1)
		return 0;
	return ntohs(sin.sin_port);
}
