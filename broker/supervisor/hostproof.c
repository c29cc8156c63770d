/* SPDX-License-Identifier: ISC */
/* Proofs: tokens and the secret of signed ones, in the file or by --ws-auth. */
#include "config.h"

#include <ctype.h>
#include <sha2.h>
#include <stdlib.h>
#include <string.h>

#include "broker/supervisor/hostcheck.h"
#include "common/xmalloc.h"

#define TOKEN_MAX 8192

void
host_hash(uint8_t out[HOST_HASH_SIZE], const void *bytes, size_t len)
{
	SHA2_CTX ctx;

	_Static_assert(HOST_HASH_SIZE == SHA256_DIGEST_LENGTH, "SHA-256");
	SHA256Init(&ctx);
	SHA256Update(&ctx, bytes, len);
	SHA256Final(out, &ctx);
}

uint64_t
host_number(const char *name)
{
	uint8_t hash[HOST_HASH_SIZE];
	uint64_t number = 0;
	size_t i;

	host_hash(hash, name, strlen(name));
	for (i = 0; i < sizeof(number); i++)
		number = number << 8 | hash[i];
	return number;
}

static int
digit_of(char c)
{
	if (isdigit((unsigned char)c))
		return c - '0';
	return isxdigit((unsigned char)c) ?
	    tolower((unsigned char)c) - 'a' + 10 : -1;
}

int
host_hash_of_hex(uint8_t out[HOST_HASH_SIZE], const char *hex)
{
	int high, low;
	size_t i;

	if (strlen(hex) != 2 * HOST_HASH_SIZE)
		return -1;
	for (i = 0; i < HOST_HASH_SIZE; i++) {
		high = digit_of(hex[2 * i]);
		low = digit_of(hex[2 * i + 1]);
		if (high == -1 || low == -1)
			return -1;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

void
host_add_token(struct host_tenant *tenant, const uint8_t hash[HOST_HASH_SIZE])
{
	tenant->tokens = xreallocarray(tenant->tokens, tenant->ntokens + 1,
	    sizeof(*tenant->tokens));
	memcpy(tenant->tokens[tenant->ntokens++], hash, HOST_HASH_SIZE);
}

static void
take_secret(struct host_check *c, const char *path, const char *file,
    int lenient)
{
	struct host *host = c->host;
	size_t len;
	char *secret;

	secret = host_read_secret(c, path, file, HOST_SECRET_MAX, lenient,
	    &len);
	if (secret == NULL)
		return;
	if (len < HOST_SECRET_MIN)
		host_wrong(c, path, "%.200s holds %zu bytes; a secret has at "
		    "least %d", file, len, HOST_SECRET_MIN);
	host->secret = (uint8_t *)secret;
	host->secret_len = len;
}

static char *
copy(struct host_check *c, const char *path, const char *text, size_t max)
{
	if (text == NULL)
		return NULL;
	if (strlen(text) > max)
		host_wrong(c, path, "is longer than %zu bytes", max);
	return xstrdup(text);
}

void
host_take_signed(struct host_check *c)
{
	const struct host_signed_keys *keys = &c->o->signed_tokens;
	struct host *host = c->host;

	if (keys->secret_file == NULL)
		return;
	take_secret(c, "signed-tokens.secret-file", keys->secret_file, 0);
	host->issuer = copy(c, "signed-tokens.issuer",
	    keys->issuer, HOST_TEXT_MAX);
	host->audience = copy(c, "signed-tokens.audience",
	    keys->audience, HOST_TEXT_MAX);
	host->claim = copy(c, "signed-tokens.tenant-claim",
	    keys->claim, HOST_CLAIM_MAX);
	host->skew_ms = keys->skew_seconds * 1000;
}

/* An option that says something about tokens, and for which kind. */
struct word {
	const char *key;
	int auth;		/* enum options_ws_auth */
	int given;
};

static void
refuse_idle(struct host_check *c)
{
	const struct options *o = c->o;
	const struct word words[] = {
		{ "ws-token-file", OPTIONS_WS_TOKEN, o->ws_token_file != NULL },
		{ "ws-token-sha256", OPTIONS_WS_TOKEN,
		    o->ws_token_sha256 != NULL },
		{ "ws-shared-secret-file", OPTIONS_WS_SIGNED,
		    o->ws_shared_secret_file != NULL },
		{ "ws-issuer", OPTIONS_WS_SIGNED, o->ws_issuer != NULL },
		{ "ws-audience", OPTIONS_WS_SIGNED, o->ws_audience != NULL },
		{ "ws-max-clock-skew-seconds", OPTIONS_WS_SIGNED,
		    o->ws_skew_seconds != CONF_UNSET },
	};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!words[i].given || words[i].auth == o->ws_auth)
			continue;
		host_wrong(c, words[i].key, "goes with --ws-auth %s",
		    options_ws_auth_words[words[i].auth]);
	}
}

static void
take_capability(struct host_check *c, struct host_tenant *tenant)
{
	const struct options *o = c->o;
	uint8_t hash[HOST_HASH_SIZE];
	size_t len;
	char *token;

	if ((o->ws_token_file == NULL) == (o->ws_token_sha256 == NULL)) {
		host_wrong(c, "ws-auth", "capability-token takes either "
		    "--ws-token-file or --ws-token-sha256");
		return;
	}
	if (o->ws_token_sha256 != NULL) {
		if (host_hash_of_hex(hash, o->ws_token_sha256) == -1)
			host_wrong(c, "ws-token-sha256", "must be the 64 "
			    "hexadecimal digits of a SHA-256");
		else
			host_add_token(tenant, hash);
		return;
	}
	token = host_read_secret(c, "ws-token-file", o->ws_token_file,
	    TOKEN_MAX, 1, &len);
	if (token == NULL)
		return;
	host_hash(hash, token, len);
	host_add_token(tenant, hash);
	explicit_bzero(token, len);
	free(token);
}

static void
take_bearer(struct host_check *c, const struct host_tenant *tenant)
{
	const struct options *o = c->o;
	struct host *host = c->host;

	if (o->ws_shared_secret_file == NULL) {
		host_wrong(c, "ws-auth", "signed-bearer-token takes "
		    "--ws-shared-secret-file");
		return;
	}
	take_secret(c, "ws-shared-secret-file", o->ws_shared_secret_file, 1);
	host->issuer = copy(c, "ws-issuer", o->ws_issuer, HOST_TEXT_MAX);
	host->audience = copy(c, "ws-audience", o->ws_audience, HOST_TEXT_MAX);
	host->skew_ms = 1000 * (o->ws_skew_seconds == CONF_UNSET ?
	    OPTIONS_WS_SKEW_SECONDS : o->ws_skew_seconds);
	host->tenant_for_all = tenant->number;
}

void
host_take_proofs(struct host_check *c)
{
	refuse_idle(c);
	if (c->o->ws_auth == OPTIONS_WS_NONE)
		return;
	if (c->o->tenants.count > 0 || c->o->signed_tokens.secret_file != NULL)
		host_wrong(c, "ws-auth", "is for a single tenant; those of "
		    "the configuration have tokens of their own");
	else if (c->o->auth == OPTIONS_AUTH_NONE)
		host_wrong(c, "ws-auth", "asks for a proof, and auth none "
		    "for none");
	else if (c->o->ws_auth == OPTIONS_WS_TOKEN)
		take_capability(c, &c->host->tenants[0]);
	else
		take_bearer(c, &c->host->tenants[0]);
}
