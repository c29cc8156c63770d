/* SPDX-License-Identifier: ISC */
/*
 * Capability tokens: secrets of which only the SHA-256 is known here.  And
 * the Authorization header that brings these and signed ones.  Pure.
 */
#ifndef BROKER_AUTH_TOKEN_H
#define BROKER_AUTH_TOKEN_H

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

#define TOKEN_HASH_SIZE 32	/* bytes of a SHA-256 */

/* The hash of a token, and whose it is. */
struct token {
	uint8_t hash[TOKEN_HASH_SIZE];
	uint64_t principal;
};

/*
 * Have libcrypto ready, so that nothing is opened or looked up later; call
 * before privileges go.  0, or -1 when it cannot do what is needed.
 */
int token_prepare(void);

/* The SHA-256 of "bytes" (FIPS 180-4). */
void token_hash(struct span bytes, uint8_t hash[TOKEN_HASH_SIZE]);

/*
 * The entry with that hash, or NULL.  All of them are looked at, and every
 * byte of each, whether one has matched or not.
 */
const struct token *token_find(const struct token *tokens, size_t count,
    const uint8_t hash[TOKEN_HASH_SIZE]);

/*
 * Take the token out of the value of an Authorization header (RFC 6750
 * section 2.1): "Bearer" in any case, a blank, the token, blanks around it
 * ignored; it may be empty.  Returns 0, or -1 for another scheme or none.
 */
int token_of_header(struct span value, struct span *token);

#endif
