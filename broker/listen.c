/* SPDX-License-Identifier: ISC */
/* Listening sockets from ws://IP:PORT. */
#include "config.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/listen.h"

#define LISTEN_SCHEME "ws://"
/* A reconnect storm must not lose SYNs; the kernel caps it by somaxconn. */
#define LISTEN_BACKLOG 4096

/* Returns the port, or -1 when "text" is anything but one. */
static int
listen_port(const char *text)
{
	long port;
	char *end;

	if (!isdigit((unsigned char)text[0]) || strlen(text) > 5)
		return -1;
	port = strtol(text, &end, 10);
	return *end == '\0' && port <= 65535 ? (int)port : -1;
}

static int
listen_take_host(const char *host, int bracketed, in_port_t port,
    struct listen_addr *addr)
{
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&addr->ss;
	struct sockaddr_in *sin = (struct sockaddr_in *)&addr->ss;

	memset(addr, 0, sizeof(*addr));
	if (bracketed) {
		addr->len = sizeof(*sin6);
		sin6->sin6_family = AF_INET6;
		sin6->sin6_port = htons(port);
		return inet_pton(AF_INET6, host, &sin6->sin6_addr);
	}
	addr->len = sizeof(*sin);
	sin->sin_family = AF_INET;
	sin->sin_port = htons(port);
	return inet_pton(AF_INET, host, &sin->sin_addr);
}

const char *
listen_parse(const char *url, struct listen_addr *addr)
{
	char host[INET6_ADDRSTRLEN];
	const char *start, *end;
	int bracketed, port;

	if (strncmp(url, LISTEN_SCHEME, strlen(LISTEN_SCHEME)) != 0)
		return "must look like ws://IP:PORT";
	start = url + strlen(LISTEN_SCHEME);
	bracketed = start[0] == '[';
	start += bracketed;
	end = strchr(start, bracketed ? ']' : ':');
	if (end == NULL || (bracketed && end[1] != ':'))
		return "must look like ws://IP:PORT, or ws://[IPv6]:PORT";
	port = listen_port(end + 1 + bracketed);
	if (port == -1)
		return "must end in a port between 0 and 65535";
	if ((size_t)(end - start) < sizeof(host)) {
		memcpy(host, start, (size_t)(end - start));
		host[end - start] = '\0';
		if (listen_take_host(host, bracketed, (in_port_t)port,
		    addr) == 1)
			return NULL;
	}
	return "must name a numeric address, such as 127.0.0.1";
}

const char *
listen_format(const struct listen_addr *addr, char url[LISTEN_URL_SIZE])
{
	const struct sockaddr_in6 *sin6 = (const void *)&addr->ss;
	const struct sockaddr_in *sin = (const void *)&addr->ss;
	char host[INET6_ADDRSTRLEN];

	if (addr->ss.ss_family == AF_INET6) {
		inet_ntop(AF_INET6, &sin6->sin6_addr, host, sizeof(host));
		snprintf(url, LISTEN_URL_SIZE, LISTEN_SCHEME "[%s]:%u", host,
		    (unsigned int)ntohs(sin6->sin6_port));
	} else {
		inet_ntop(AF_INET, &sin->sin_addr, host, sizeof(host));
		snprintf(url, LISTEN_URL_SIZE, LISTEN_SCHEME "%s:%u", host,
		    (unsigned int)ntohs(sin->sin_port));
	}
	return url;
}

int
listen_is_loopback(const struct listen_addr *addr)
{
	const struct sockaddr_in6 *sin6 = (const void *)&addr->ss;
	const struct sockaddr_in *sin = (const void *)&addr->ss;

	if (addr->ss.ss_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&sin6->sin6_addr);
	return ntohl(sin->sin_addr.s_addr) >> IN_CLASSA_NSHIFT ==
	    IN_LOOPBACKNET;
}

int
listen_open(struct listen_addr *addr)
{
	int fd, on = 1, saved;

	fd = socket(addr->ss.ss_family,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return -1;
	/* With IPv4 mapped in, [::]:PORT would answer more than it says. */
	if (addr->ss.ss_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6,
	    IPV6_V6ONLY, &on, sizeof(on)) == -1)
		goto fail;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ||
	    bind(fd, (struct sockaddr *)&addr->ss, addr->len) == -1 ||
	    listen(fd, LISTEN_BACKLOG) == -1 ||
	    getsockname(fd, (struct sockaddr *)&addr->ss, &addr->len) == -1)
		goto fail;
	return fd;
fail:
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}
