/* SPDX-License-Identifier: ISC */
/* Capability tokens. */
#include "config.h"

#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "broker/auth/token.h"
#include "common/log.h"

#define SCHEME "bearer"

int
token_prepare(void)
{
	uint8_t out[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	/* A configuration of OpenSSL's could name engines to load. */
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
		return -1;
	token_hash((struct span){ (const uint8_t *)"", 0 }, out);
	return HMAC(EVP_sha256(), "", 0, (const uint8_t *)"", 0, out,
	    &len) == NULL || len != TOKEN_HASH_SIZE ? -1 : 0;
}

void
token_hash(struct span bytes, uint8_t hash[TOKEN_HASH_SIZE])
{
	unsigned int len = 0;

	/* A hash that is not one must not be compared with any. */
	if (EVP_Digest(bytes.p == NULL ? (const void *)"" : bytes.p,
		bytes.len, hash, &len, EVP_sha256(), NULL) != 1 ||
	    len != TOKEN_HASH_SIZE)
		fatalx("no SHA-256");
}

const struct token *
token_find(const struct token *tokens, size_t count,
    const uint8_t hash[TOKEN_HASH_SIZE])
{
	size_t i, found = 0, matches, mask;

	for (i = 0; i < count; i++) {
		matches = CRYPTO_memcmp(tokens[i].hash, hash,
		    TOKEN_HASH_SIZE) == 0;
		mask = (size_t)0 - matches;
		found = (found & ~mask) | ((i + 1) & mask);
	}
	return found == 0 ? NULL : &tokens[found - 1];
}

static int
is_blank(uint8_t byte)
{
	return byte == ' ' || byte == '\t';
}

int
token_of_header(struct span value, struct span *token)
{
	const size_t scheme = strlen(SCHEME);

	if (value.len <= scheme || !is_blank(value.p[scheme]) ||
	    strncasecmp((const char *)value.p, SCHEME, scheme) != 0)
		return -1;
	value.p += scheme;
	value.len -= scheme;
	while (value.len > 0 && is_blank(value.p[0])) {
		value.p++;
		value.len--;
	}
	while (value.len > 0 && is_blank(value.p[value.len - 1]))
		value.len--;
	*token = value;
	return 0;
}
