/* SPDX-License-Identifier: ISC */
/* Signed bearer tokens for tests. */
#include "config.h"

#include <sys/types.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sha256.h>

#include "common/base64.h"
#include "common/xmalloc.h"
#include "tests/lib/signer.h"

/* RFC 2104. */
static void
hmac(const char *secret, const char *text, uint8_t mac[SHA256_DIGEST_LENGTH])
{
	uint8_t key[SHA256_BLOCK_LENGTH] = { 0 }, pad[SHA256_BLOCK_LENGTH];
	size_t len = strlen(secret), i;
	SHA2_CTX ctx;
	int outer;

	if (len > sizeof(key)) {
		SHA256Init(&ctx);
		SHA256Update(&ctx, (const uint8_t *)secret, len);
		SHA256Final(key, &ctx);
	} else
		memcpy(key, secret, len);
	for (outer = 0; outer < 2; outer++) {
		for (i = 0; i < sizeof(pad); i++)
			pad[i] = key[i] ^ (outer ? 0x5c : 0x36);
		SHA256Init(&ctx);
		SHA256Update(&ctx, pad, sizeof(pad));
		if (outer)
			SHA256Update(&ctx, mac, SHA256_DIGEST_LENGTH);
		else
			SHA256Update(&ctx, (const uint8_t *)text,
			    strlen(text));
		SHA256Final(mac, &ctx);
	}
}

/* RFC 4648, section 5, without padding. */
static char *
url64(const void *bytes, size_t len)
{
	char *text = xmalloc(BASE64_ENCODED_LEN(len) + 1), *p;
	size_t n = base64_encode(text, bytes, len);

	while (n > 0 && text[n - 1] == '=')
		n--;
	text[n] = '\0';
	for (p = text; *p != '\0'; p++)
		*p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
	return text;
}

char *
signer_token(const char *secret, const char *claims)
{
	static const char head[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
	uint8_t mac[SHA256_DIGEST_LENGTH];
	char *first = url64(head, strlen(head));
	char *second = url64(claims, strlen(claims)), *third, *text, *token;

	text = xasprintf("%s.%s", first, second);
	hmac(secret, text, mac);
	third = url64(mac, sizeof(mac));
	token = xasprintf("%s.%s", text, third);
	free(first);
	free(second);
	free(third);
	free(text);
	return token;
}

char *
signer_bearer(const char *secret, const char *name, const char *value)
{
	char *claims = xasprintf("{\"exp\":32503680000,\"%s\":\"%s\"}", name,
	    value);
	char *token = signer_token(secret, claims);
	char *header = xasprintf("Bearer %s", token);

	free(token);
	free(claims);
	return header;
}
