/* SPDX-License-Identifier: ISC */
/* A blocking WebSocket client for tests: connection and upgrade. */
#include "config.h"

#include <sys/socket.h>
#include <sys/types.h>

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

#define WIRE_READ_SIZE 65536

static int
wire_parse_url(struct wire *wire, const char *url, struct sockaddr_in *sin)
{
	char ip[INET_ADDRSTRLEN];
	int port, used = 0;

	if (sscanf(url, "ws://%15[0-9.]:%d%n", ip, &port, &used) != 2 ||
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
wire_dial(const struct sockaddr_in *sin, uint64_t deadline)
{
	socklen_t len = sizeof(int);
	int fd, error = 0, one = 1;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, (const struct sockaddr *)sin, sizeof(*sin)) == -1 &&
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
	struct sockaddr_in sin;

	wire->fd = -1;
	wire->auto_pong = 1;
	if (wire_parse_url(wire, url, &sin) == -1) {
		fprintf(stderr, "wire: not a URL of IPv4: %s\n", url);
		goto fail;
	}
	if ((wire->fd = wire_dial(&sin, deadline_in(timeout_ms))) == -1) {
		fprintf(stderr, "wire: %s: %s\n", url, strerror(errno));
		goto fail;
	}
	return wire;
fail:
	wire_free(wire);
	return NULL;
}

void
wire_end(struct wire *wire)
{
	if (wire->fd != -1)
		close(wire->fd);
	wire->fd = -1;
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
		n = recv(wire->fd, wire->in + wire->len, WIRE_READ_SIZE, 0);
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
		n = send(wire->fd, p, len, MSG_NOSIGNAL);
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		} else if (errno != EAGAIN && errno != EINTR)
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
