/* SPDX-License-Identifier: ISC */
/* Where to connect and with which token, made ready before anything runs. */
#ifndef CONTRIB_CLIENT_TARGET_H
#define CONTRIB_CLIENT_TARGET_H

#include "contrib/client/url.h"

struct addrinfo;

struct target {
	struct url url;
	struct addrinfo *addresses;
	char *token; /* or NULL; wiped by target_clear() */
};

/*
 * Parse "url_text", look its host up (once: what was found holds for every
 * reconnect) and read the token.  Returns 0, or -1 after saying why.
 */
int target_init(struct target *target, const char *url_text,
    const char *token_file);
void target_clear(struct target *target);

#endif
