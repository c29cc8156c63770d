/* SPDX-License-Identifier: ISC */
/*
 * The header of version 2 of the PROXY protocol (HAProxy's
 * proxy-protocol.txt, section 2.2), with which a proxy says for whom it
 * connects.  Pure.
 */
#ifndef GATEWAY_PROXYHEAD_H
#define GATEWAY_PROXYHEAD_H

#include <sys/socket.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROXYHEAD_FIXED 16	/* bytes that tell the length of all */
#define PROXYHEAD_SIGNATURE 12	/* bytes by which it is known */

/* The longest that is taken, in bytes; TLVs can hold a certificate. */
#define PROXYHEAD_MAX 4096

enum proxyhead_verdict {
	PROXYHEAD_MORE,		/* good so far */
	PROXYHEAD_BAD,
	PROXYHEAD_DONE
};

struct proxyhead {
	size_t length;		/* bytes it takes; MORE: to say more */
	const char *why;	/* BAD: to be read behind "PROXY header" */
	bool is_relayed;	/* for a client, not the proxy's own */
	/* The client's; ss_family is AF_UNSPEC where none is named. */
	struct sockaddr_storage source;
};

/*
 * Look at what has come so far.  An address is IPv4 or IPv6, IPv4 also where
 * it came as a mapped one.
 */
enum proxyhead_verdict proxyhead_parse(const uint8_t *bytes, size_t len,
    struct proxyhead *head);

/* Whether it begins with the whole signature. */
bool proxyhead_is(const uint8_t *bytes, size_t len);

#endif
