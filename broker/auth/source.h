/* SPDX-License-Identifier: ISC */
/*
 * Where an accepted connection came from and where it was accepted: asked
 * from the descriptor, never from who passed it on.
 */
#ifndef BROKER_AUTH_SOURCE_H
#define BROKER_AUTH_SOURCE_H

#include <sys/types.h>
#include <sys/un.h>

#include <stdbool.h>

#include "broker/auth/peeruid.h"
#include "common/buf.h"

struct source {
	bool is_local;		/* a Unix socket; else TCP */
	struct peeruid_end server;	/* TCP */
	struct peeruid_end client;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];
	uid_t uid;		/* Unix socket: who connected (unix(7)) */
};

/*
 * Ask the descriptor, which stays the caller's.  0, or -1 when it is no
 * accepted and still connected stream socket of TCP or of a Unix socket with
 * a path.
 */
int source_read(struct source *source, int fd);

/* What is worth keeping of that for as long as the connection lasts. */
struct whence {
	struct peeruid_end client;	/* TCP; with has_proxy its word */
	struct peeruid_end proxy;	/* TCP; a Unix socket's has no family */
	uid_t uid;			/* who is there, if that is known */
	bool is_known;
	bool is_local;
	bool has_uid;
	bool has_proxy;
};

void source_whence(const struct source *source, struct whence *whence);

/*
 * It is for a client elsewhere that a trusted proxy has connected: the client
 * takes the proxy's place, "bytes" of it being what common/proxies.h calls a
 * CLIENT.  0, or -1 when they are none.
 */
int whence_claim(struct whence *whence, struct span bytes);

/*
 * As people write it: ADDRESS:PORT, "unix", or "unknown".  Returns "out" of
 * WHENCE_SIZE bytes.
 */
#define WHENCE_SIZE 64
const char *whence_print(const struct whence *whence, char *out);

/* Likewise the proxy; NULL: there was none. */
const char *whence_print_proxy(const struct whence *whence, char *out);

#endif
