/* SPDX-License-Identifier: ISC */
/* Ask the kernel who holds the other end of a loopback connection. */
#include "config.h"

#include <sys/socket.h>
#include <sys/types.h>

#include <linux/netlink.h>

#include <netinet/in.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/auth/peeruid.h"
#include "common/clock.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

/* What the kernel may take, in milliseconds. */
#define PEERUID_DEADLINE 100

#define OVERFLOW_UID_FILE "/proc/sys/kernel/overflowuid"
#define OVERFLOW_UID_DEFAULT 65534

struct peeruid {
	int fd;
	uint32_t sequence;
	uint32_t port;
	uid_t nobody;
	uint64_t netns;		/* 0: the kernel does not tell */
};

static uid_t
overflow_uid(void)
{
	unsigned long uid = OVERFLOW_UID_DEFAULT;
	FILE *file = fopen(OVERFLOW_UID_FILE, "re");

	if (file == NULL)
		return OVERFLOW_UID_DEFAULT;
	if (fscanf(file, "%lu", &uid) != 1)
		uid = OVERFLOW_UID_DEFAULT;
	fclose(file);
	return (uid_t)uid;
}

static uint64_t
netns_of(int fd)
{
	uint64_t cookie;
	socklen_t len = sizeof(cookie);

	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len) == -1)
		return 0;
	return cookie;
}

struct peeruid *
peeruid_new(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	socklen_t len = sizeof(address);
	struct peeruid *peeruid;

	if ((peeruid = calloc(1, sizeof(*peeruid))) == NULL)
		return NULL;
	peeruid->fd = socket(AF_NETLINK,
	    SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
	if (peeruid->fd == -1 ||
	    bind(peeruid->fd, (struct sockaddr *)&address,
		sizeof(address)) == -1 ||
	    getsockname(peeruid->fd, (struct sockaddr *)&address, &len) == -1) {
		peeruid_free(peeruid);
		return NULL;
	}
	peeruid->port = address.nl_pid;
	peeruid->nobody = overflow_uid();
	peeruid->netns = netns_of(peeruid->fd);
	return peeruid;
}

void
peeruid_free(struct peeruid *peeruid)
{
	int saved = errno;

	if (peeruid == NULL)
		return;
	if (peeruid->fd != -1)
		close(peeruid->fd);
	free(peeruid);
	errno = saved;
}

static int
option_is(int fd, int option, int wanted)
{
	socklen_t len = sizeof(int);
	int value;

	return getsockopt(fd, SOL_SOCKET, option, &value, &len) == 0 &&
	    value == wanted;
}

static int
end_from(int fd, struct peeruid_end *end,
    int (*ask)(int, struct sockaddr *, socklen_t *))
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);

	memset(&address, 0, sizeof(address));
	if (ask(fd, (struct sockaddr *)&address, &len) == -1)
		return -1;
	return peeruid_end_set(end, (struct sockaddr *)&address);
}

static int
get_local(int fd, struct sockaddr *address, socklen_t *len)
{
	return getsockname(fd, address, len);
}

static int
get_peer(int fd, struct sockaddr *address, socklen_t *len)
{
	return getpeername(fd, address, len);
}

static int
is_listener(const struct peeruid_end *listeners, size_t count,
    const struct peeruid_end *local)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (peeruid_end_listens(&listeners[i], local))
			return 1;
	return 0;
}

/* Nothing is believed of a passed descriptor but what the kernel says. */
static enum peeruid_verdict
inspect(const struct peeruid *peeruid, int fd,
    const struct peeruid_end *listeners, size_t count,
    struct peeruid_pair *pair)
{
	if (!option_is(fd, SO_TYPE, SOCK_STREAM) ||
	    !option_is(fd, SO_PROTOCOL, IPPROTO_TCP) ||
	    end_from(fd, &pair->server, get_local) == -1 ||
	    end_from(fd, &pair->client, get_peer) == -1)
		return PEERUID_NOT_TCP;
	/* Another namespace has a loopback of its own. */
	if (netns_of(fd) != peeruid->netns ||
	    !is_listener(listeners, count, &pair->server))
		return PEERUID_FOREIGN;
	if (!peeruid_end_is_loopback(&pair->server) ||
	    !peeruid_end_is_loopback(&pair->client))
		return PEERUID_NOT_LOOPBACK;
	return PEERUID_OK;
}

/* Returns the length of one datagram of the kernel's, 0 for none, or -1. */
static ssize_t
receive(int fd, void *answer, size_t size)
{
	struct sockaddr_nl from = { 0 };
	socklen_t len = sizeof(from);
	ssize_t n;

	do
		n = recvfrom(fd, answer, size, MSG_TRUNC,
		    (struct sockaddr *)&from, &len);
	while (n == -1 && errno == EINTR);
	if (n == -1)
		return errno == EAGAIN ? 0 : -1;
	if (len < sizeof(from) || from.nl_pid != 0 || (size_t)n > size)
		return 0;
	return n;
}

static enum peeruid_verdict
await(struct peeruid *peeruid, const struct peeruid_pair *pair, uid_t *uid)
{
	_Alignas(struct nlmsghdr) uint8_t answer[PEERUID_ANSWER_SIZE];
	struct pollfd pfd = { .fd = peeruid->fd, .events = POLLIN };
	enum peeruid_verdict verdict = PEERUID_SKIP;
	uint64_t now = 0, deadline = 0;
	ssize_t n;

	for (;;) {
		n = receive(peeruid->fd, answer, sizeof(answer));
		if (n == -1)
			return PEERUID_UNREACHABLE;
		if (n > 0)
			verdict = peeruid_parse(answer, (size_t)n, pair,
			    peeruid->sequence, peeruid->port, peeruid->nobody,
			    uid);
		if (verdict != PEERUID_SKIP)
			return verdict;
		/* The clock is read only if the answer was not there. */
		now = clock_ms();
		if (deadline == 0)
			deadline = now + PEERUID_DEADLINE;
		if (now >= deadline)
			return PEERUID_LATE;
		(void)poll(&pfd, 1, (int)(deadline - now));
	}
}

enum peeruid_verdict
peeruid_ask(struct peeruid *peeruid, int fd,
    const struct peeruid_end *listeners, size_t count, uid_t *uid)
{
	static const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	uint8_t request[PEERUID_REQUEST_SIZE];
	struct peeruid_pair pair;
	enum peeruid_verdict verdict;

	verdict = inspect(peeruid, fd, listeners, count, &pair);
	if (verdict != PEERUID_OK)
		return verdict;
	peeruid_build(request, &pair, ++peeruid->sequence);
	if (sendto(peeruid->fd, request, sizeof(request), 0,
		(const struct sockaddr *)&kernel, sizeof(kernel)) !=
	    (ssize_t)sizeof(request))
		return PEERUID_UNREACHABLE;
	return await(peeruid, &pair, uid);
}
