/* SPDX-License-Identifier: ISC */
/* Who connects to a listener itself, and who does so for others. */
#ifndef GATEWAY_PEERS_H
#define GATEWAY_PEERS_H

#include "common/buf.h"

struct peers;
struct sockaddr;

/* What a PROXY header would mean at the beginning of a connection. */
enum peers_trust {
	PEERS_NONE,	/* nothing: nobody looks for one */
	PEERS_PROXY,	/* it must be there */
	PEERS_CLIENT	/* it must not */
};

/*
 * Of a listener whose PROXIES are these (common/proxies.h), which are copied.
 * NULL when they are no such list, or memory is out.
 */
struct peers *peers_new(struct span proxies);
void peers_free(struct peers *peers);

/* Which of these the peer "from" at the accepted socket "fd" is. */
enum peers_trust peers_trust(const struct peers *peers,
    const struct sockaddr *from, int fd);

/*
 * Log that the connection to the listener "name" was closed because the PROXY
 * header of the peer at "fd" "why"; once in a while, for all of them.
 */
void peers_complain(struct peers *peers, const char *name, int fd,
    const char *why);

#endif
