/* SPDX-License-Identifier: ISC */
/*
 * Which peers of a listener are proxies whose word about their clients'
 * addresses is taken: networks, or users of this host.  Listed as the field
 * PROXIES has them, for who accepts and for who decides.  Pure.
 */
#ifndef COMMON_PROXIES_H
#define COMMON_PROXIES_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

struct sockaddr;

#define PROXIES_MAX 4096	/* bytes of a list */

/* The first byte of an item; what follows it. */
enum proxies_kind {
	PROXIES_ANYBODY,	/* nothing: every local user */
	PROXIES_USER,		/* a user's number (32 bits) */
	PROXIES_IP4 = 4,	/* bits of the prefix (8 bits), the address */
	PROXIES_IP6 = 6,	/* likewise */
	PROXIES_KINDS
};

/* A peer, as its socket tells. */
struct proxies_peer {
	int family;		/* AF_INET, AF_INET6 or AF_UNIX */
	uint8_t address[16];	/* the first 4 bytes, 16, or none */
	uid_t uid;		/* AF_UNIX */
};

/*
 * Add a network, ADDRESS or ADDRESS/BITS.  Returns NULL, or what is wrong
 * with it (static), to be read behind it.
 */
const char *proxies_add_network(struct writer *w, const char *text);

/* Add a local user, or all of them. */
void proxies_add_user(struct writer *w, uid_t uid);
void proxies_add_anybody(struct writer *w);

/* Whether every item of the list is one of those above. */
bool proxies_valid(struct span list);

/* Whether the peer is in the list.  An item that is no such is nobody. */
bool proxies_trust(struct span list, const struct proxies_peer *peer);

/*
 * Bytes of CLIENT: the address of an IPv4 or IPv6 client (mapped ones count
 * as IPv4), its port (16 bits).
 */
#define PROXIES_CLIENT_MAX 18

/*
 * Write the CLIENT for that address to "out"; returns its length, 0 for any
 * other family.
 */
size_t proxies_client_put(uint8_t out[PROXIES_CLIENT_MAX],
    const struct sockaddr *from);

/*
 * Read one into "*from" (a struct sockaddr_storage, zeroed before): 0, or -1
 * when it is none.
 */
struct sockaddr_storage;
int proxies_client_get(struct span client, struct sockaddr_storage *from);

#endif
