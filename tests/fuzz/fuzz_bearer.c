/* SPDX-License-Identifier: ISC */
/*
 * Signed tokens.  The first byte chooses: the input is a whole token, or the
 * header and claims (a NUL between them) of one that is properly signed, so
 * that what is behind the signature is reached as well.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "broker/auth/bearer.h"
#include "broker/auth/token.h"
#include "common/base64.h"

#define SECRET "0123456789abcdef0123456789abcdef"
#define INPUT_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct bearer_rules rules = {
	.secret = { (const uint8_t *)SECRET, sizeof(SECRET) - 1 },
	.issuer = "i",
	.audience = "a",
	.claim = "sub",
	.skew = 30,
};

static size_t
encode(char *out, const uint8_t *bytes, size_t len)
{
	size_t n = base64_encode(out, bytes, len), i;

	while (n > 0 && out[n - 1] == '=')
		n--;
	for (i = 0; i < n; i++)
		out[i] = out[i] == '+' ? '-' : out[i] == '/' ? '_' : out[i];
	return n;
}

static void
judge(const void *bytes, size_t len)
{
	struct span token = { bytes, len }, shown;
	char tenant[BEARER_TENANT_SIZE];

	if (bearer_judge(&rules, token, 1000000, tenant) == BEARER_OK &&
	    (tenant[0] == '\0' || strlen(tenant) >= sizeof(tenant) ||
	    !bearer_is_signed(token)))
		abort();
	if (token_of_header(token, &shown) == 0 && shown.len >= len)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char token[4 * INPUT_MAX];
	uint8_t mac[EVP_MAX_MD_SIZE];
	const uint8_t *nul;
	unsigned int mac_len;
	size_t len;

	if (size == 0 || size > INPUT_MAX)
		return 0;
	if (data[0] & 1) {
		judge(data + 1, size - 1);
		return 0;
	}
	nul = memchr(data + 1, '\0', size - 1);
	if (nul == NULL)
		return 0;
	len = encode(token, data + 1, (size_t)(nul - data - 1));
	token[len++] = '.';
	len += encode(token + len, nul + 1, (size_t)(data + size - nul - 1));
	if (HMAC(EVP_sha256(), SECRET, sizeof(SECRET) - 1,
		(uint8_t *)token, len, mac, &mac_len) == NULL)
		abort();
	token[len++] = '.';
	len += encode(token + len, mac, mac_len);
	judge(token, len);
	return 0;
}
