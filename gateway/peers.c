/* SPDX-License-Identifier: ISC */
/* Who is at the other end of an accepted socket. */
#include "config.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/proxies.h"
#include "gateway/peers.h"

/* What anybody can cause is said so often, in milliseconds. */
#define COMPLAIN_MS 60000

struct peers {
	uint64_t said;		/* when there was a complaint; 0: not yet */
	unsigned long silent;	/* that were not said since */
	size_t len;
	uint8_t proxies[];
};

struct peers *
peers_new(struct span proxies)
{
	struct peers *peers;

	if (!proxies_valid(proxies))
		return NULL;
	peers = calloc(1, sizeof(*peers) + proxies.len);
	if (peers == NULL)
		return NULL;
	peers->len = proxies.len;
	if (proxies.len > 0)
		memcpy(peers->proxies, proxies.p, proxies.len);
	return peers;
}

void
peers_free(struct peers *peers)
{
	free(peers);
}

static struct proxies_peer
peer_of(const struct sockaddr *from, int fd)
{
	struct proxies_peer peer = { .family = from->sa_family };
	struct sockaddr_in6 sin6;
	struct sockaddr_in sin;
	struct ucred who;
	socklen_t len = sizeof(who);

	if (peer.family == AF_INET) {
		memcpy(&sin, from, sizeof(sin));
		memcpy(peer.address, &sin.sin_addr, 4);
	} else if (peer.family == AF_INET6) {
		memcpy(&sin6, from, sizeof(sin6));
		memcpy(peer.address, &sin6.sin6_addr, 16);
	} else {
		peer.uid = (uid_t)-1;
		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0)
			peer.uid = who.uid;
	}
	return peer;
}

enum peers_trust
peers_trust(const struct peers *peers, const struct sockaddr *from, int fd)
{
	struct proxies_peer peer;

	if (peers->len == 0)
		return PEERS_NONE;
	peer = peer_of(from, fd);
	return proxies_trust((struct span){ peers->proxies, peers->len },
	    &peer) ? PEERS_PROXY : PEERS_CLIENT;
}

static const char *
peer_print(int fd, char out[INET6_ADDRSTRLEN])
{
	struct sockaddr_storage from = { .ss_family = AF_UNIX };
	socklen_t len = sizeof(from);
	struct proxies_peer peer;

	if (getpeername(fd, (struct sockaddr *)&from, &len) == -1)
		return "one who has left";
	peer = peer_of((struct sockaddr *)&from, fd);
	if (peer.family == AF_UNIX)
		snprintf(out, INET6_ADDRSTRLEN, "user %u",
		    (unsigned int)peer.uid);
	else
		inet_ntop(peer.family, peer.address, out, INET6_ADDRSTRLEN);
	return out;
}

void
peers_complain(struct peers *peers, const char *name, int fd, const char *why)
{
	char peer[INET6_ADDRSTRLEN];
	uint64_t now = clock_ms();

	if (peers->said != 0 && now - peers->said < COMPLAIN_MS) {
		peers->silent++;
		return;
	}
	log_warnx("%s: closed: the PROXY header of %s %s (%lu others closed "
	    "since this was last said)", name, peer_print(fd, peer), why,
	    peers->silent);
	peers->said = now;
	peers->silent = 0;
}
