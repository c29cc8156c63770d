/* SPDX-License-Identifier: ISC */
/*
 * Signed bearer tokens: JSON Web Tokens (RFC 7519) in compact form, signed
 * by HS256 (RFC 7518 section 3.2) and nothing else.  Not a byte is
 * interpreted before the signature over all of them has matched.  Pure.
 */
#ifndef BROKER_AUTH_BEARER_H
#define BROKER_AUTH_BEARER_H

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

#define BEARER_MAX 8192		/* bytes of a token */
#define BEARER_TENANT_SIZE 64	/* of a tenant's name and its terminator */

/* What came out, with the text for the client. */
#define BEARER_VERDICTS(X) \
	X(OK, "admitted") \
	X(INVALID, "invalid websocket jwt") \
	X(EXPIRED, "expired websocket jwt") \
	X(EARLY, "websocket jwt is not valid yet") \
	X(ISSUER, "websocket jwt issuer mismatch") \
	X(AUDIENCE, "websocket jwt audience mismatch")

#define X(name, text) BEARER_##name,
enum bearer_verdict { BEARER_VERDICTS(X) BEARER_VERDICT_COUNT };
#undef X

struct bearer_rules {
	struct span secret;
	const char *issuer;	/* that "iss" must equal; NULL: any */
	const char *audience;	/* that must be in "aud"; NULL: any */
	const char *claim;	/* that names the tenant; NULL: none does */
	uint64_t skew;		/* of the issuer's clock, in seconds */
};

/*
 * Judge a token at "now", in seconds since the Epoch.  BEARER_OK writes the
 * tenant's name as the claim has it, or an empty one without a claim.
 */
enum bearer_verdict bearer_judge(const struct bearer_rules *rules,
    struct span token, int64_t now, char tenant[BEARER_TENANT_SIZE]);

/* Constant text. */
const char *bearer_verdict_text(enum bearer_verdict verdict);

/* Whether it looks like one: three parts. */
int bearer_is_signed(struct span token);

#endif
