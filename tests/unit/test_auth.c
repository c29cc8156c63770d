/* SPDX-License-Identifier: ISC */
/* Tokens, signed tokens, and what failing costs. */
#include "config.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/auth/bearer.h"
#include "broker/auth/penalty.h"
#include "broker/auth/token.h"
#include "common/base64.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))
#define SECRET "a-shared-secret-that-is-long-enough-0123"
#define HS256 "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define NOW 1000000

TestSuite(token, .timeout = 20);

Test(token, the_hash_is_sha256)
{
	/* FIPS 180-4's example. */
	static const uint8_t abc[TOKEN_HASH_SIZE] = {
		0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41,
		0x40, 0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3,
		0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00,
		0x15, 0xad
	};
	uint8_t hash[TOKEN_HASH_SIZE];

	cr_assert_eq(token_prepare(), 0);
	token_hash(span_str("abc"), hash);
	cr_assert_arr_eq(hash, abc, sizeof(abc));
	token_hash((struct span){ NULL, 0 }, hash);
	cr_assert_eq(hash[0], 0xe3);
}

Test(token, the_right_one_is_found_wherever_it_is)
{
	struct token tokens[20];
	uint8_t hash[TOKEN_HASH_SIZE];
	char text[16];
	size_t i;

	for (i = 0; i < N(tokens); i++) {
		snprintf(text, sizeof(text), "token %zu", i);
		token_hash(span_str(text), tokens[i].hash);
		tokens[i].principal = i;
	}
	for (i = 0; i < N(tokens); i++) {
		snprintf(text, sizeof(text), "token %zu", i);
		token_hash(span_str(text), hash);
		cr_assert_eq(token_find(tokens, N(tokens), hash), &tokens[i]);
		cr_assert_null(token_find(tokens, i, hash));
		hash[i] ^= 1;
		cr_assert_null(token_find(tokens, N(tokens), hash));
	}
	cr_assert_null(token_find(NULL, 0, hash));
}

Test(token, the_header)
{
	static const struct {
		const char *header;
		const char *token;	/* NULL: none */
	} headers[] = {
		{ "Bearer abc", "abc" },
		{ "bEARER  \t a b \t", "a b" },
		{ "Bearer ", "" },
		{ "Bearer \t", "" },
		{ "Bearer", NULL },
		{ "", NULL },
		{ "abc", NULL },
		{ "Basic abc", NULL },
		{ "Bearerabc", NULL },
		{ "Bearer,abc", NULL },
		{ " Bearer abc", NULL },
	};
	struct span token;
	size_t i;
	int got;

	for (i = 0; i < N(headers); i++) {
		got = token_of_header(span_str(headers[i].header), &token);
		cr_expect_eq(got, headers[i].token == NULL ? -1 : 0, "%s",
		    headers[i].header);
		if (headers[i].token != NULL && got == 0)
			cr_expect(span_is(token, headers[i].token), "%s",
			    headers[i].header);
	}
}

TestSuite(bearer, .timeout = 20);

static char *
url64(char *out, const void *bytes, size_t len)
{
	size_t n = base64_encode(out, bytes, len), i;

	while (n > 0 && out[n - 1] == '=')
		n--;
	out[n] = '\0';
	for (i = 0; i < n; i++)
		out[i] = out[i] == '+' ? '-' : out[i] == '/' ? '_' : out[i];
	return out + n;
}

static void
sign(char *token, char *end, const char *secret, const EVP_MD *md)
{
	uint8_t mac[EVP_MAX_MD_SIZE];
	unsigned int len;

	cr_assert_not_null(HMAC(md, secret, (int)strlen(secret),
	    (const uint8_t *)token, (size_t)(end - token), mac, &len));
	*end++ = '.';
	url64(end, mac, len);
}

/* A token whose parts are given as they are written. */
static const char *
make_with(const char *header, const char *claims, const char *secret,
    const EVP_MD *md)
{
	static char token[4 * BEARER_MAX];
	char *end = url64(token, header, strlen(header));

	*end++ = '.';
	end = url64(end, claims, strlen(claims));
	sign(token, end, secret, md);
	return token;
}

static const char *
make(const char *claims)
{
	return make_with(HS256, claims, SECRET, EVP_sha256());
}

static struct bearer_rules
usual_rules(void)
{
	return (struct bearer_rules){
		.secret = span_str(SECRET),
		.skew = 30,
	};
}

static enum bearer_verdict
judge(const struct bearer_rules *rules, const char *token)
{
	char tenant[BEARER_TENANT_SIZE];

	return bearer_judge(rules, span_str(token), NOW, tenant);
}

/* RFC 4231, sections 4.2 to 4.8: what HMAC-SHA-256 is taken for. */
static const struct hmac_case {
	uint8_t key_fill;
	const char *key;	/* NULL: "key_fill", or 1, 2, 3 for 0 */
	size_t key_len;
	uint8_t data_fill;
	const char *data;	/* NULL: "data_fill" */
	size_t data_len;
	size_t mac_len;		/* shorter: it was truncated */
	const char *mac;
} hmac_cases[] = {
	{ 0x0b, NULL, 20, 0, "Hi There", 8, 32,
	    "b0344c61d8db38535ca8afceaf0bf12b"
	    "881dc200c9833da726e9376c2e32cff7" },
	{ 0, "Jefe", 4, 0, "what do ya want for nothing?", 28, 32,
	    "5bdcc146bf60754e6a042426089575c7"
	    "5a003f089d2739839dec58b964ec3843" },
	{ 0xaa, NULL, 20, 0xdd, NULL, 50, 32,
	    "773ea91e36800e46854db8ebd09181a7"
	    "2959098b3ef8c122d9635514ced565fe" },
	{ 0, NULL, 25, 0xcd, NULL, 50, 32,
	    "82558a389a443c0ea4cc819899f2083a"
	    "85f0faa3e578f8077a2e3ff46729665b" },
	{ 0x0c, NULL, 20, 0, "Test With Truncation", 20, 16,
	    "a3b6167473100ee06e0c796c2955552b" },
	{ 0xaa, NULL, 131, 0,
	    "Test Using Larger Than Block-Size Key - Hash Key First", 54, 32,
	    "60e431591ee0b67f0d8a26aacbf5b77f"
	    "8e0bc6213728c5140546040f0ee37f54" },
	{ 0xaa, NULL, 131, 0,
	    "This is a test using a larger than block-size key and a larger "
	    "than block-size data. The key needs to be hashed before being "
	    "used by the HMAC algorithm.", 152, 32,
	    "9b09ffa71b942fcb27635fbcd5b0e944"
	    "bfdc63644f0713938a7f51535c3a35e2" },
};

static void
fill_case(uint8_t *out, const char *text, uint8_t fill, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		out[i] = text != NULL ? (uint8_t)text[i] :
		    fill != 0 ? fill : (uint8_t)(i + 1);
}

Test(bearer, hmac_is_that_of_rfc_4231)
{
	const struct hmac_case *c;
	uint8_t key[131], data[152], mac[EVP_MAX_MD_SIZE];
	char hex[2 * EVP_MAX_MD_SIZE + 1];
	unsigned int len;
	size_t i, k;

	cr_assert_eq(N(hmac_cases), 7);
	for (i = 0; i < N(hmac_cases); i++) {
		c = &hmac_cases[i];
		cr_assert(c->key_len <= sizeof(key) &&
		    c->data_len <= sizeof(data));
		fill_case(key, c->key, c->key_fill, c->key_len);
		fill_case(data, c->data, c->data_fill, c->data_len);
		cr_assert_not_null(HMAC(EVP_sha256(), key, (int)c->key_len,
		    data, c->data_len, mac, &len));
		cr_assert_eq(len, 32);
		for (k = 0; k < c->mac_len; k++)
			snprintf(hex + 2 * k, 3, "%02x", mac[k]);
		cr_assert_str_eq(hex, c->mac, "case %zu", i + 1);
	}
}

/* RFC 7515, appendix A.1: an example with its key. */
Test(bearer, the_example_of_rfc_7515)
{
	static const char key64[] =
	    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ+EstJQLr/T+1qS0gZH75aKtMN3"
	    "Yj0iPS4hcgUuTwjAzZr1Z9CAow==";
	static const char token[] =
	    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
	    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9"
	    "leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
	    ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
	uint8_t key[BASE64_DECODED_MAX(sizeof(key64))];
	char tenant[BEARER_TENANT_SIZE];
	ssize_t len = base64_decode(key, key64, strlen(key64));
	struct bearer_rules rules = { .issuer = "joe", .claim = "iss" };

	cr_assert_eq(len, 64);
	rules.secret = (struct span){ key, (size_t)len };
	cr_assert_eq(bearer_judge(&rules, span_str(token), 1300819380,
	    tenant), BEARER_OK);
	cr_assert_str_eq(tenant, "joe");
	cr_assert_eq(bearer_judge(&rules, span_str(token), 1300819381,
	    tenant), BEARER_EXPIRED);
}

Test(bearer, claims)
{
	static const struct {
		const char *claims;
		enum bearer_verdict want;
	} cases[] = {
		{ "{\"exp\":1000000}", BEARER_OK },
		{ "{\"exp\":999970}", BEARER_OK },
		{ "{\"exp\":999969}", BEARER_EXPIRED },
		{ "{\"exp\":-5}", BEARER_EXPIRED },
		{ "{\"exp\":9223372036854775807}", BEARER_OK },
		{ "{\"exp\":99999999999999999999999}", BEARER_OK },
		{ "{}", BEARER_INVALID },
		{ "{\"exp\":\"1000000\"}", BEARER_INVALID },
		{ "{\"exp\":1000000.5}", BEARER_INVALID },
		{ "{\"exp\":1e9}", BEARER_INVALID },
		{ "{\"exp\":null}", BEARER_INVALID },
		{ "{\"exp\":true}", BEARER_INVALID },
		{ "{\"exp\":2000000,\"nbf\":1000030}", BEARER_OK },
		{ "{\"exp\":2000000,\"nbf\":1000031}", BEARER_EARLY },
		{ "{\"exp\":2000000,\"nbf\":\"0\"}", BEARER_INVALID },
		{ "{\"exp\":2000000,\"nbf\":null}", BEARER_INVALID },
		/* Before it is seen to be early. */
		{ "{\"exp\":1,\"nbf\":2000000}", BEARER_EXPIRED },
		/* What it says twice, it does not say. */
		{ "{\"exp\":1,\"exp\":2000000}", BEARER_INVALID },
		{ "{\"exp\":2000000,\"a\":1,\"\\u0061\":1}", BEARER_INVALID },
		{ "{\"exp\":2000000,\"a\\u0000b\":1}", BEARER_INVALID },
		{ "{\"exp\":2000000,\"a:b\\\"{\":\"x:}\"}", BEARER_OK },
		{ "{\"exp\":2000000,\"a\":{\"b\":1,\"c\":[{\"d\":1}]}}",
		    BEARER_OK },
		{ " {\"exp\" : 2000000 } ", BEARER_OK },
		{ "[1000000]", BEARER_INVALID },
		{ "1000000", BEARER_INVALID },
		{ "\"x\"", BEARER_INVALID },
		{ "null", BEARER_INVALID },
		{ "", BEARER_INVALID },
		{ "{\"exp\":2000000}x", BEARER_INVALID },
		{ "{\"exp\":2000000}{}", BEARER_INVALID },
		{ "{\"exp\":2000000", BEARER_INVALID },
		{ "{\"exp\":2000000,}", BEARER_INVALID },
		{ "{'exp':2000000}", BEARER_INVALID },
		{ "{\"exp\":2000000/**/}", BEARER_INVALID },
		{ "{\"exp\":2000000,\"x\":NaN}", BEARER_INVALID },
		{ "{\"exp\":2000000,\"x\":\"\xff\"}", BEARER_INVALID },
		{ "{\"exp\":2000000,\"x\":[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]"
		    "]]]]]]}", BEARER_INVALID },
	};
	struct bearer_rules rules = usual_rules();
	size_t i;

	for (i = 0; i < N(cases); i++)
		cr_expect_eq(judge(&rules, make(cases[i].claims)),
		    cases[i].want, "%s", cases[i].claims);
}

Test(bearer, issuer_and_audience)
{
	static const struct {
		const char *claims;
		enum bearer_verdict want;
	} cases[] = {
		{ "{\"exp\":1000000,\"iss\":\"i\",\"aud\":\"a\"}",
		    BEARER_OK },
		{ "{\"exp\":1000000,\"iss\":\"i\",\"aud\":[\"b\",\"a\"]}",
		    BEARER_OK },
		{ "{\"exp\":1000000,\"aud\":\"a\"}", BEARER_ISSUER },
		{ "{\"exp\":1000000,\"iss\":\"I\",\"aud\":\"a\"}",
		    BEARER_ISSUER },
		{ "{\"exp\":1000000,\"iss\":[\"i\"],\"aud\":\"a\"}",
		    BEARER_ISSUER },
		{ "{\"exp\":1000000,\"iss\":null,\"aud\":\"a\"}",
		    BEARER_ISSUER },
		{ "{\"exp\":1000000,\"iss\":\"i\"}", BEARER_AUDIENCE },
		{ "{\"exp\":1000000,\"iss\":\"i\",\"aud\":\"ab\"}",
		    BEARER_AUDIENCE },
		{ "{\"exp\":1000000,\"iss\":\"i\",\"aud\":[]}",
		    BEARER_AUDIENCE },
		{ "{\"exp\":1000000,\"iss\":\"i\",\"aud\":[1,null,[\"a\"]]}",
		    BEARER_AUDIENCE },
		{ "{\"exp\":1000000,\"iss\":\"i\",\"aud\":{\"a\":\"a\"}}",
		    BEARER_AUDIENCE },
		{ "{\"exp\":1,\"iss\":\"x\",\"aud\":\"x\"}",
		    BEARER_EXPIRED },
	};
	struct bearer_rules rules = usual_rules();
	size_t i;

	rules.issuer = "i";
	rules.audience = "a";
	for (i = 0; i < N(cases); i++)
		cr_expect_eq(judge(&rules, make(cases[i].claims)),
		    cases[i].want, "%s", cases[i].claims);
}

Test(bearer, the_tenant_is_what_the_claim_says)
{
	static const struct {
		const char *claims;
		const char *tenant;	/* NULL: refused */
	} cases[] = {
		{ "{\"exp\":1000000,\"sub\":\"alice\"}", "alice" },
		{ "{\"exp\":1000000}", NULL },
		{ "{\"exp\":1000000,\"sub\":\"\"}", NULL },
		{ "{\"exp\":1000000,\"sub\":1}", NULL },
		{ "{\"exp\":1000000,\"sub\":[\"alice\"]}", NULL },
		{ "{\"exp\":1000000,\"sub\":\"0123456789012345678901234567890"
		    "123456789012345678901234567890123\"}", NULL },
	};
	struct bearer_rules rules = usual_rules();
	char tenant[BEARER_TENANT_SIZE];
	enum bearer_verdict verdict;
	size_t i;

	rules.claim = "sub";
	for (i = 0; i < N(cases); i++) {
		verdict = bearer_judge(&rules, span_str(make(
		    cases[i].claims)), NOW, tenant);
		cr_expect_eq(verdict, cases[i].tenant == NULL ?
		    BEARER_INVALID : BEARER_OK, "%s", cases[i].claims);
		if (verdict == BEARER_OK)
			cr_expect_str_eq(tenant, cases[i].tenant);
	}
}

Test(bearer, only_hs256_of_the_right_secret)
{
	static const char claims[] = "{\"exp\":1000000}";
	static const char *const headers[] = {
		"{\"alg\":\"none\"}", "{\"alg\":\"HS384\"}",
		"{\"alg\":\"HS512\"}", "{\"alg\":\"RS256\"}",
		"{\"alg\":\"hs256\"}", "{\"alg\":[\"HS256\"]}", "{}",
		"{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}",
		"{\"alg\":\"HS256\",\"alg\":\"HS256\"}", "[]", "",
	};
	struct bearer_rules rules = usual_rules();
	size_t i;

	cr_assert_eq(judge(&rules, make_with("{\"alg\":\"HS256\"}", claims,
	    SECRET, EVP_sha256())), BEARER_OK);
	for (i = 0; i < N(headers); i++)
		cr_expect_eq(judge(&rules, make_with(headers[i], claims,
		    SECRET, EVP_sha256())), BEARER_INVALID, "%s", headers[i]);
	cr_expect_eq(judge(&rules, make_with(HS256, claims, SECRET "x",
	    EVP_sha256())), BEARER_INVALID);
	cr_expect_eq(judge(&rules, make_with(HS256, claims, SECRET,
	    EVP_sha384())), BEARER_INVALID);
	cr_expect_eq(judge(&rules, make_with(HS256, claims, SECRET,
	    EVP_sha512())), BEARER_INVALID);
}

/* Every single character of a good token counts, and every cut does. */
Test(bearer, what_was_changed_is_not_what_was_signed)
{
	struct bearer_rules rules = usual_rules();
	char token[512], saved;
	size_t len, i;

	strlcpy(token, make("{\"exp\":1000000}"), sizeof(token));
	len = strlen(token);
	cr_assert_eq(judge(&rules, token), BEARER_OK);
	for (i = 0; i < len; i++) {
		saved = token[i];
		token[i] = saved == 'A' ? 'B' : 'A';
		cr_expect_eq(judge(&rules, token), BEARER_INVALID, "%zu", i);
		token[i] = saved;
		cr_expect_eq(bearer_judge(&rules, (struct span){
		    (uint8_t *)token, i }, NOW, (char[64]){ 0 }),
		    BEARER_INVALID, "%zu", i);
	}
}

Test(bearer, one_spelling)
{
	static const char *const tails[] = { "=", "==", ".", "\n", " ", "A" };
	struct bearer_rules rules = usual_rules();
	char token[512];
	size_t i;

	for (i = 0; i < N(tails); i++) {
		snprintf(token, sizeof(token), "%s%s",
		    make("{\"exp\":1000000}"), tails[i]);
		cr_expect_eq(judge(&rules, token), BEARER_INVALID, "%zu", i);
	}
	cr_expect_eq(judge(&rules, ""), BEARER_INVALID);
	cr_expect_eq(judge(&rules, ".."), BEARER_INVALID);
	cr_expect_eq(judge(&rules, "..."), BEARER_INVALID);
	cr_assert(bearer_is_signed(span_str("a.b.c")));
	cr_assert_not(bearer_is_signed(span_str("a.b")));
	cr_assert_not(bearer_is_signed(span_str("a.b.c.d")));
}

Test(bearer, the_largest_is_bounded)
{
	struct bearer_rules rules = usual_rules();
	char claims[BEARER_MAX];

	memset(claims, ' ', sizeof(claims));
	memcpy(claims, "{\"exp\":1000000}", 15);
	claims[6000] = '\0';
	cr_expect_eq(judge(&rules, make(claims)), BEARER_OK);
	claims[6000] = ' ';
	claims[sizeof(claims) - 1] = '\0';
	cr_expect_eq(judge(&rules, make(claims)), BEARER_INVALID);
}

Test(bearer, every_verdict_has_its_text)
{
	static const char *const texts[] = {
		"admitted", "invalid websocket jwt", "expired websocket jwt",
		"websocket jwt is not valid yet",
		"websocket jwt issuer mismatch",
		"websocket jwt audience mismatch", "?"
	};
	int i;

	cr_assert_eq(N(texts), BEARER_VERDICT_COUNT + 1);
	for (i = 0; i <= BEARER_VERDICT_COUNT; i++)
		cr_expect_str_eq(bearer_verdict_text((enum bearer_verdict)i),
		    texts[i]);
}

TestSuite(penalty, .timeout = 20);

static struct penalty_source
ip(int family, const char *text)
{
	struct peeruid_end end = { .family = (uint16_t)family };

	cr_assert_eq(inet_pton(family, text, end.address), 1);
	return penalty_of_end(&end);
}

static void
fail(struct penalty *penalty, const struct penalty_source *source, int times,
    uint64_t now)
{
	while (times-- > 0)
		penalty_add(penalty, source, now);
}

Test(penalty, it_grows_and_is_bounded)
{
	struct penalty *penalty = penalty_new(7);
	struct penalty_source source = ip(AF_INET, "192.0.2.1");
	uint64_t want = PENALTY_LEAST_MS, now = 5;
	int i;

	cr_assert_eq(penalty_wait(penalty, &source, now), 0);
	fail(penalty, &source, PENALTY_FREE, now);
	cr_assert_eq(penalty_wait(penalty, &source, now), 0);
	for (i = 0; i < 12; i++) {
		fail(penalty, &source, 1, now);
		cr_assert_eq(penalty_wait(penalty, &source, now), want);
		cr_assert_eq(penalty_wait(penalty, &source, now + want), 0);
		want = want * 2 > PENALTY_MOST_MS ? PENALTY_MOST_MS :
						    want * 2;
	}
	penalty_free(penalty);
}

Test(penalty, it_decays)
{
	struct penalty *penalty = penalty_new(7);
	struct penalty_source source = ip(AF_INET, "192.0.2.1");

	fail(penalty, &source, PENALTY_FREE, 0);
	fail(penalty, &source, 1, PENALTY_DECAY_MS);
	cr_assert_eq(penalty_wait(penalty, &source, PENALTY_DECAY_MS), 0);
	fail(penalty, &source, 1, PENALTY_DECAY_MS);
	cr_assert_gt(penalty_wait(penalty, &source, PENALTY_DECAY_MS), 0);
	/* All of it. */
	fail(penalty, &source, PENALTY_FREE, 100 * PENALTY_DECAY_MS);
	cr_assert_eq(penalty_wait(penalty, &source, 100 * PENALTY_DECAY_MS),
	    0);
	penalty_free(penalty);
}

Test(penalty, a_source_is_an_address_or_a_network_or_a_user)
{
	struct penalty *penalty = penalty_new(7);
	struct penalty_source source = ip(AF_INET6, "2001:db8:1:2::3");
	struct penalty_source same = ip(AF_INET6, "2001:db8:1:2:ffff::9");
	struct penalty_source others[] = {
		ip(AF_INET6, "2001:db8:1:3::3"), ip(AF_INET, "32.1.13.184"),
		penalty_of_uid(0xb80d0120),
	};
	size_t i;

	fail(penalty, &source, PENALTY_FREE + 1, 0);
	cr_assert_gt(penalty_wait(penalty, &same, 0), 0);
	for (i = 0; i < N(others); i++)
		cr_expect_eq(penalty_wait(penalty, &others[i], 0), 0, "%zu",
		    i);
	/* Other gateways hear nothing of it. */
	same.pool = 1;
	cr_assert_eq(penalty_wait(penalty, &same, 0), 0);
	penalty_free(penalty);
}

/* However many there are, the latest is known. */
Test(penalty, the_oldest_gives_way)
{
	struct penalty *penalty = penalty_new(7);
	struct penalty_source source, first = penalty_of_uid(0);
	uid_t uid;

	for (uid = 0; uid < 20 * PENALTY_SETS * PENALTY_WAYS; uid++) {
		source = penalty_of_uid(uid);
		fail(penalty, &source, PENALTY_FREE + 1, uid);
		cr_assert_eq(penalty_wait(penalty, &source, uid),
		    PENALTY_LEAST_MS);
	}
	cr_assert_eq(penalty_wait(penalty, &first, 0), 0);
	penalty_free(penalty);
}
