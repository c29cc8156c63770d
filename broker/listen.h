/* SPDX-License-Identifier: ISC */
/*
 * Listening sockets from ws://IP:PORT.  They are opened once, by the
 * supervisor, so that no port closes while a gateway is replaced.
 */
#ifndef BROKER_LISTEN_H
#define BROKER_LISTEN_H

#include <sys/socket.h>

/* The room for ws://[IPv6]:PORT with its terminator, in bytes. */
#define LISTEN_URL_SIZE 64

struct listen_addr {
	struct sockaddr_storage ss;
	socklen_t len;
};

/*
 * Take "url" apart: a numeric address only, IPv6 in brackets, port 0 to 65535
 * (0: any free one).  Returns NULL, or why it was refused (static).
 */
const char *listen_parse(const char *url, struct listen_addr *addr);

/* Write the URL of "addr" to "url" and return it. */
const char *listen_format(const struct listen_addr *addr,
    char url[LISTEN_URL_SIZE]);

/* Whether only this host can reach "addr". */
int listen_is_loopback(const struct listen_addr *addr);

/*
 * Bind and listen: close-on-exec, non-blocking, backlog 4096, IPv6 without
 * IPv4.  "addr" gets the port that was picked.  Returns the descriptor, the
 * caller's, or -1 with errno.
 */
int listen_open(struct listen_addr *addr);

#endif
