/* SPDX-License-Identifier: ISC */
/* Where to connect and with which token, made ready before anything runs. */
#ifndef CONTRIB_CLIENT_TARGET_H
#define CONTRIB_CLIENT_TARGET_H

#include <sys/socket.h>
#include <sys/un.h>

#include <netdb.h>

#include "contrib/client/url.h"

struct target {
	struct url url;
	struct addrinfo *addresses;
	struct addrinfo local; /* of a socket in the file system */
	struct sockaddr_un socket;
	char *token; /* or NULL; wiped by target_clear() */
};

/*
 * Take what HOLDFAST_TOKEN says out of the environment, before anything else
 * looks at that.
 */
void target_take_environment(void);

/*
 * Parse "url_text", look its host up (once: what was found holds for every
 * reconnect) and read the token: of "token_file", or what the environment
 * had.  "ca" is a file of authorities for wss://, NULL: the system's.  Returns 0, or -1 after saying why.
 */
int target_init(struct target *target, const char *url_text,
    const char *token_file, const char *ca);
void target_clear(struct target *target);

#endif
