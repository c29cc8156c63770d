/* SPDX-License-Identifier: ISC */
/* Signed bearer tokens. */
#include "config.h"

#include <stdbool.h>
#include <string.h>

#include <json-c/json.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "broker/auth/bearer.h"
#include "common/base64.h"

#define HMAC_SIZE 32	/* bytes */
#define DEPTH_MAX 16	/* of claims in claims */

struct parts {
	struct span header, claims, signature;
	struct span covered;	/* by the signature */
};

const char *
bearer_verdict_text(enum bearer_verdict verdict)
{
	static const char *const texts[BEARER_VERDICT_COUNT] = {
#define X(name, text) [BEARER_##name] = text,
		BEARER_VERDICTS(X)
#undef X
	};

	return verdict < BEARER_VERDICT_COUNT ? texts[verdict] : "?";
}

/* Cut the text before the next dot off. */
static int
cut(struct span *rest, struct span *part)
{
	const uint8_t *dot = rest->len == 0 ? NULL :
	    memchr(rest->p, '.', rest->len);

	if (dot == NULL)
		return -1;
	*part = (struct span){ rest->p, (size_t)(dot - rest->p) };
	rest->p = dot + 1;
	rest->len -= part->len + 1;
	return 0;
}

static int
split(struct span token, struct parts *parts)
{
	parts->signature = token;
	if (token.len > BEARER_MAX ||
	    cut(&parts->signature, &parts->header) == -1 ||
	    cut(&parts->signature, &parts->claims) == -1 ||
	    (parts->signature.len > 0 && memchr(parts->signature.p, '.',
		parts->signature.len) != NULL))
		return -1;
	parts->covered = (struct span){
		token.p, parts->header.len + 1 + parts->claims.len
	};
	return 0;
}

int
bearer_is_signed(struct span token)
{
	struct parts parts;

	return split(token, &parts) == 0;
}

/*
 * Base64 for URLs without padding (RFC 4648 section 5), each text in its one
 * spelling only.  "out" has room for BEARER_MAX bytes.  The length, or -1.
 */
static ssize_t
decode(uint8_t *out, struct span text)
{
	char plain[BEARER_MAX + 4];
	size_t i;

	if (text.len > BEARER_MAX || text.len % 4 == 1)
		return -1;
	for (i = 0; i < text.len; i++) {
		if (strchr("+/=", text.p[i]) != NULL)
			return -1;
		plain[i] = text.p[i] == '-' ? '+' : text.p[i] == '_' ? '/' :
		    (char)text.p[i];
	}
	while (i % 4 != 0)
		plain[i++] = '=';
	return base64_decode(out, plain, i);
}

static bool
is_signed_by(struct span secret, const struct parts *parts)
{
	uint8_t claimed[BEARER_MAX], right[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	if (decode(claimed, parts->signature) != HMAC_SIZE)
		return false;
	if (HMAC(EVP_sha256(), secret.p, (int)secret.len, parts->covered.p,
		parts->covered.len, right, &len) == NULL || len != HMAC_SIZE)
		return false;
	return CRYPTO_memcmp(claimed, right, HMAC_SIZE) == 0;
}

/* What json-c lets pass outside of strings and JSON (RFC 8259) has not. */
static bool
is_foreign(char c)
{
	return c == '\'' || (c >= 'A' && c <= 'Z' && c != 'E');
}

/*
 * How many members an object has as it is written, in text that json-c takes
 * for one: the colons that stand in no string and in no inner object.  -1
 * when it is not JSON after all.
 */
static int
members_written(const char *text, size_t len)
{
	int depth = 0, colons = 0;
	bool quoted = false;
	size_t i;

	for (i = 0; i < len; i++) {
		if (quoted && text[i] == '\\')
			i++;
		else if (text[i] == '"')
			quoted = !quoted;
		else if (!quoted && (text[i] == '{' || text[i] == '['))
			depth++;
		else if (!quoted && (text[i] == '}' || text[i] == ']'))
			depth--;
		else if (!quoted && text[i] == ':' && depth == 1)
			colons++;
		else if (!quoted && is_foreign(text[i]))
			return -1;
	}
	return colons;
}

/* One object, all of the text, no member twice.  NULL, or the caller's. */
static struct json_object *
parse(struct span part)
{
	struct json_tokener *tokener;
	struct json_object *object = NULL;
	char text[BEARER_MAX + 1];
	ssize_t len = decode((uint8_t *)text, part);

	if (len <= 0 || memchr(text, '\0', (size_t)len) != NULL)
		return NULL;
	text[len] = '\0';
	/* A name with a NUL would be cut short there. */
	if (strstr(text, "\\u0000") != NULL)
		return NULL;
	tokener = json_tokener_new_ex(DEPTH_MAX);
	if (tokener == NULL)
		return NULL;
	json_tokener_set_flags(tokener,
	    JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	/* With the terminator: a number at the end is else waited on. */
	object = json_tokener_parse_ex(tokener, text, (int)len + 1);
	if (json_tokener_get_error(tokener) != json_tokener_success ||
	    !json_object_is_type(object, json_type_object) ||
	    members_written(text, (size_t)len) !=
	    json_object_object_length(object)) {
		json_object_put(object);
		object = NULL;
	}
	json_tokener_free(tokener);
	return object;
}

static bool
is_string(struct json_object *value, const char *wanted)
{
	return json_object_is_type(value, json_type_string) &&
	    strcmp(json_object_get_string(value), wanted) == 0;
}

static bool
is_hs256(struct span part)
{
	struct json_object *header = parse(part);
	bool right = header != NULL &&
	    is_string(json_object_object_get(header, "alg"), "HS256") &&
	    /* What must be understood (RFC 7515, 4.1.11) is not. */
	    !json_object_object_get_ex(header, "crit", NULL);

	json_object_put(header);
	return right;
}

/* Equal to the audience, or a list with it. */
static bool
is_for(struct json_object *aud, const char *audience)
{
	size_t i;

	if (!json_object_is_type(aud, json_type_array))
		return is_string(aud, audience);
	for (i = 0; i < json_object_array_length(aud); i++)
		if (is_string(json_object_array_get_idx(aud, i), audience))
			return true;
	return false;
}

static int64_t
add(int64_t a, uint64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static enum bearer_verdict
judge_times(struct json_object *claims, uint64_t skew, int64_t now)
{
	struct json_object *exp, *nbf;

	if (!json_object_object_get_ex(claims, "exp", &exp) ||
	    !json_object_is_type(exp, json_type_int))
		return BEARER_INVALID;
	if (json_object_object_get_ex(claims, "nbf", &nbf) &&
	    !json_object_is_type(nbf, json_type_int))
		return BEARER_INVALID;
	if (add(json_object_get_int64(exp), skew) < now)
		return BEARER_EXPIRED;
	if (nbf != NULL && json_object_get_int64(nbf) > add(now, skew))
		return BEARER_EARLY;
	return BEARER_OK;
}

static int
take_tenant(struct json_object *claims, const char *claim,
    char tenant[BEARER_TENANT_SIZE])
{
	struct json_object *value;
	size_t len;

	tenant[0] = '\0';
	if (claim == NULL)
		return 0;
	value = json_object_object_get(claims, claim);
	if (!json_object_is_type(value, json_type_string))
		return -1;
	len = (size_t)json_object_get_string_len(value);
	if (len == 0 || len >= BEARER_TENANT_SIZE)
		return -1;
	memcpy(tenant, json_object_get_string(value), len + 1);
	return 0;
}

static enum bearer_verdict
judge_claims(const struct bearer_rules *rules, struct json_object *claims,
    int64_t now, char tenant[BEARER_TENANT_SIZE])
{
	enum bearer_verdict verdict = judge_times(claims, rules->skew, now);

	if (verdict != BEARER_OK)
		return verdict;
	if (rules->issuer != NULL && !is_string(
		json_object_object_get(claims, "iss"), rules->issuer))
		return BEARER_ISSUER;
	if (rules->audience != NULL && !is_for(
		json_object_object_get(claims, "aud"), rules->audience))
		return BEARER_AUDIENCE;
	return take_tenant(claims, rules->claim, tenant) == -1 ?
	    BEARER_INVALID : BEARER_OK;
}

enum bearer_verdict
bearer_judge(const struct bearer_rules *rules, struct span token,
    int64_t now, char tenant[BEARER_TENANT_SIZE])
{
	enum bearer_verdict verdict;
	struct json_object *claims;
	struct parts parts;

	tenant[0] = '\0';
	if (split(token, &parts) == -1 ||
	    !is_signed_by(rules->secret, &parts) || !is_hs256(parts.header))
		return BEARER_INVALID;
	claims = parse(parts.claims);
	if (claims == NULL)
		return BEARER_INVALID;
	verdict = judge_claims(rules, claims, now, tenant);
	json_object_put(claims);
	return verdict;
}
