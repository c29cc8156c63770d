/* SPDX-License-Identifier: ISC */
/*
 * How the bytes of one client get in and out of its socket: as they are
 * (connio.c), or through TLS (tls.c).
 */
#ifndef GATEWAY_TRANSPORT_H
#define GATEWAY_TRANSPORT_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

struct conn;

enum transport_wrote {
	TRANSPORT_ALL,		/* nothing waits any more */
	TRANSPORT_FULL,		/* the socket takes no more for now */
	TRANSPORT_READ_FIRST,	/* something has to be read before */
	TRANSPORT_FAILED
};

struct transport {
	/*
	 * What has left says nothing to the client before this many more
	 * bytes have, at worst.
	 */
	size_t record;

	/* Like recv(2); what has to be answered is sent by write. */
	ssize_t (*read)(struct conn *c, void *bytes, size_t len);

	/* Take bytes from the conn's queue and write what is to be written. */
	enum transport_wrote (*write)(struct conn *c);

	/* Bytes taken from the queue that the socket has not got yet. */
	size_t (*unwritten)(const struct conn *c);

	/* Whether read has something, whatever poll(2) says. */
	bool (*unread)(const struct conn *c);

	/*
	 * Everything is written: say that nothing follows.  May leave
	 * something unwritten.
	 */
	void (*finish)(struct conn *c);
};

extern const struct transport transport_plain;

#endif
