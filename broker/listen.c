/* SPDX-License-Identifier: ISC */
/* Listening sockets from ws://, wss:// and unix: addresses. */
#include "config.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/listen.h"
#include "common/log.h"

/* A reconnect storm must not lose SYNs; the kernel caps it by somaxconn. */
#define LISTEN_BACKLOG 4096

/*
 * What the kernel keeps of a client that is not read, in bytes (socket(7)
 * doubles it): enough for 100 Mbit/s over 100 ms.  Left to itself it goes up
 * to tcp_rmem's 6 or 32 MiB for each, whatever TCP_WINDOW_CLAMP says.
 */
#define LISTEN_RCVBUF (1024 * 1024)
#define LISTEN_RMEM_MAX "/proc/sys/net/core/rmem_max"

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

/* "at" follows the scheme. */
static const char *
listen_parse_ip(const char *at, struct listen_addr *addr)
{
	char host[INET6_ADDRSTRLEN];
	const char *end;
	int bracketed, port;

	bracketed = at[0] == '[';
	at += bracketed;
	end = strchr(at, bracketed ? ']' : ':');
	if (end == NULL || (bracketed && end[1] != ':'))
		return "must look like ws://IP:PORT, or ws://[IPv6]:PORT";
	port = listen_port(end + 1 + bracketed);
	if (port == -1)
		return "must end in a port between 0 and 65535";
	if ((size_t)(end - at) < sizeof(host)) {
		memcpy(host, at, (size_t)(end - at));
		host[end - at] = '\0';
		if (listen_take_host(host, bracketed, (in_port_t)port,
		    addr) == 1)
			return NULL;
	}
	return "must name a numeric address, such as 127.0.0.1";
}

static const char *
listen_parse_unix(const char *path, struct listen_addr *addr)
{
	struct sockaddr_un *sun = (struct sockaddr_un *)&addr->ss;
	size_t len = strlen(path);

	if (path[0] != '/' || path[len - 1] == '/')
		return "must name an absolute path, such as "
		    "unix:/run/holdfast/socket";
	if (len >= sizeof(sun->sun_path))
		return "has a path longer than the 107 bytes that a socket's "
		    "can have";
	memset(addr, 0, sizeof(*addr));
	sun->sun_family = AF_UNIX;
	memcpy(sun->sun_path, path, len);
	addr->len = sizeof(*sun);
	return NULL;
}

/* What an address can begin with. */
static const struct scheme {
	const char *name;
	bool tls, metrics;
	const char *(*parse)(const char *at, struct listen_addr *addr);
} schemes[] = {
	{ "ws://", false, false, listen_parse_ip },
	{ "wss://", true, false, listen_parse_ip },
	{ "metrics://", false, true, listen_parse_ip },
	{ "unix:", false, false, listen_parse_unix },
};

const char *
listen_parse(const char *url, struct listen_addr *addr)
{
	const char *refused;
	size_t i, len;

	for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		len = strlen(schemes[i].name);
		if (strncmp(url, schemes[i].name, len) != 0)
			continue;
		refused = schemes[i].parse(url + len, addr);
		if (refused != NULL)
			return refused;
		addr->tls = schemes[i].tls;
		addr->metrics = schemes[i].metrics;
		addr->mode = LISTEN_MODE;
		addr->owner = (uid_t)-1;
		addr->group = (gid_t)-1;
		return NULL;
	}
	return "must look like ws://IP:PORT, wss://IP:PORT or unix:/PATH";
}

const char *
listen_format(const struct listen_addr *addr, char url[LISTEN_URL_SIZE])
{
	const struct sockaddr_in6 *sin6 = (const void *)&addr->ss;
	const struct sockaddr_in *sin = (const void *)&addr->ss;
	const struct sockaddr_un *sun = (const void *)&addr->ss;
	const char *scheme = addr->metrics ? "metrics" :
	    addr->tls ? "wss" : "ws";
	char host[INET6_ADDRSTRLEN];

	if (addr->ss.ss_family == AF_UNIX) {
		snprintf(url, LISTEN_URL_SIZE, "unix:%s", sun->sun_path);
	} else if (addr->ss.ss_family == AF_INET6) {
		inet_ntop(AF_INET6, &sin6->sin6_addr, host, sizeof(host));
		snprintf(url, LISTEN_URL_SIZE, "%s://[%s]:%u", scheme, host,
		    (unsigned int)ntohs(sin6->sin6_port));
	} else {
		inet_ntop(AF_INET, &sin->sin_addr, host, sizeof(host));
		snprintf(url, LISTEN_URL_SIZE, "%s://%s:%u", scheme, host,
		    (unsigned int)ntohs(sin->sin_port));
	}
	return url;
}

int
listen_is_unix(const struct listen_addr *addr)
{
	return addr->ss.ss_family == AF_UNIX;
}

int
listen_is_loopback(const struct listen_addr *addr)
{
	const struct sockaddr_in6 *sin6 = (const void *)&addr->ss;
	const struct sockaddr_in *sin = (const void *)&addr->ss;

	if (listen_is_unix(addr))
		return 1;
	if (addr->ss.ss_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&sin6->sin6_addr);
	return ntohl(sin->sin_addr.s_addr) >> IN_CLASSA_NSHIFT ==
	    IN_LOOPBACKNET;
}

static const char *
listen_path(const struct listen_addr *addr)
{
	const struct sockaddr_un *sun = (const void *)&addr->ss;

	return sun->sun_path;
}

/* Whether nobody listens on the socket that is there: 0, or -1 with errno. */
static int
listen_is_stale(const struct listen_addr *addr)
{
	int fd, result, saved;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return -1;
	result = connect(fd, (const struct sockaddr *)&addr->ss, addr->len);
	saved = errno;
	close(fd);
	if (result == -1 && saved == ECONNREFUSED)
		return 0;
	/* EAGAIN: there is a queue, and it is full. */
	errno = result == 0 || saved == EAGAIN ? EADDRINUSE : saved;
	return -1;
}

static int
listen_clear_path(const struct listen_addr *addr)
{
	struct stat st;

	if (lstat(listen_path(addr), &st) == -1)
		return errno == ENOENT ? 0 : -1;
	if (!S_ISSOCK(st.st_mode)) {
		errno = EEXIST;
		return -1;
	}
	if (listen_is_stale(addr) == -1)
		return -1;
	return unlink(listen_path(addr));
}

/*
 * The mode is the socket's own before it has a name, so that nobody comes in
 * between and no link is followed.
 */
static int
listen_bind_unix(int fd, struct listen_addr *addr)
{
	struct stat st;
	mode_t mask;
	int result, saved;

	if (listen_clear_path(addr) == -1 || fchmod(fd, addr->mode) == -1)
		return -1;
	mask = umask(0);
	result = bind(fd, (struct sockaddr *)&addr->ss, addr->len);
	saved = errno;
	umask(mask);
	errno = saved;
	if (result == -1 || lstat(listen_path(addr), &st) == -1)
		return -1;
	addr->dev = st.st_dev;
	addr->ino = st.st_ino;
	if (addr->owner == (uid_t)-1 && addr->group == (gid_t)-1)
		return 0;
	return lchown(listen_path(addr), addr->owner, addr->group);
}

static long
listen_rmem_max(void)
{
	FILE *f = fopen(LISTEN_RMEM_MAX, "re");
	long most = 0;

	if (f == NULL)
		return 0;
	if (fscanf(f, "%ld", &most) != 1)
		most = 0;
	fclose(f);
	return most;
}

/* Less than that would slow down who is far: then it stays as it is. */
static void
listen_bound_input(int fd)
{
	int size = LISTEN_RCVBUF;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size,
	    sizeof(size)) == -1 && listen_rmem_max() >= size)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

static int
listen_bind_ip(int fd, struct listen_addr *addr)
{
	int on = 1;

	/* With IPv4 mapped in, [::]:PORT would answer more than it says. */
	if (addr->ss.ss_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6,
	    IPV6_V6ONLY, &on, sizeof(on)) == -1)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ||
	    bind(fd, (struct sockaddr *)&addr->ss, addr->len) == -1)
		return -1;
	listen_bound_input(fd);
	return getsockname(fd, (struct sockaddr *)&addr->ss, &addr->len);
}

int
listen_open(struct listen_addr *addr)
{
	int fd, saved;

	fd = socket(addr->ss.ss_family,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return -1;
	if ((listen_is_unix(addr) ? listen_bind_unix(fd, addr) :
	    listen_bind_ip(fd, addr)) == 0 &&
	    listen(fd, LISTEN_BACKLOG) == 0)
		return fd;
	saved = errno;
	close(fd);
	listen_remove(addr);
	errno = saved;
	return -1;
}

int
listen_adopt(struct listen_addr *addr, int fd)
{
	struct stat st;

	if (!listen_is_unix(addr))
		return getsockname(fd, (struct sockaddr *)&addr->ss,
		    &addr->len);
	if (lstat(listen_path(addr), &st) == -1 || !S_ISSOCK(st.st_mode))
		return -1;
	addr->dev = st.st_dev;
	addr->ino = st.st_ino;
	return 0;
}

/* Another may be there by now: that one stays. */
void
listen_remove(struct listen_addr *addr)
{
	struct stat st;

	if (!listen_is_unix(addr) || addr->ino == 0)
		return;
	if (lstat(listen_path(addr), &st) == 0 && st.st_dev == addr->dev &&
	    st.st_ino == addr->ino && unlink(listen_path(addr)) == -1)
		log_warn("%s stays behind", listen_path(addr));
	addr->ino = 0;
}
