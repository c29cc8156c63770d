/* SPDX-License-Identifier: ISC */
/* Every base64 implementation against one that is too simple to be wrong. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "common/base64.h"

#define SHORT_MAX 300
#define LONG_MAX 70000

static const char chars[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

TestSuite(base64, .timeout = 60);

/* Bit by bit. */
static size_t
naive_encode(char *out, const unsigned char *in, size_t len)
{
	size_t bit, i, n = 0;
	int v;

	for (bit = 0; bit < len * 8; bit += 6) {
		for (v = 0, i = bit; i < bit + 6; i++)
			v = v << 1 | (i < len * 8 ?
			    in[i / 8] >> (7 - i % 8) & 1 : 0);
		out[n++] = chars[v];
	}
	while (n % 4 != 0)
		out[n++] = '=';
	return n;
}

static void
fill_random(unsigned char *to, size_t len, unsigned int seed)
{
	size_t i;

	srand(seed);
	for (i = 0; i < len; i++)
		to[i] = (unsigned char)(rand() >> 7);
}

/* Encode and decode in exactly sized memory, so that a step outside shows. */
static void
check_both_ways(const struct base64_impl *impl, const unsigned char *in,
    size_t len)
{
	size_t n = BASE64_ENCODED_LEN(len);
	unsigned char *back = malloc(BASE64_DECODED_MAX(n) + 1);
	char *text = malloc(n + 1), *want = malloc(n + 1);

	text[n] = 'x';
	cr_assert_eq(impl->encode(text, in, len), n, "%s %zu", impl->name, len);
	cr_assert_eq(naive_encode(want, in, len), n);
	cr_assert_arr_eq(text, want, n, "%s %zu", impl->name, len);
	cr_assert_eq(text[n], 'x', "%s %zu wrote on", impl->name, len);
	back[BASE64_DECODED_MAX(n)] = 0x5a;
	cr_assert_eq(impl->decode(back, text, n), (ssize_t)len, "%s %zu",
	    impl->name, len);
	cr_assert_arr_eq(back, in, len, "%s %zu", impl->name, len);
	cr_assert_eq(back[BASE64_DECODED_MAX(n)], 0x5a, "%s %zu wrote on",
	    impl->name, len);
	cr_assert_eq(impl->decode(text, text, n), (ssize_t)len);
	cr_assert_arr_eq(text, in, len, "%s %zu in place", impl->name, len);
	free(back);
	free(text);
	free(want);
}

Test(base64, short_lengths)
{
	const struct base64_impl *impl;
	unsigned char in[SHORT_MAX];
	size_t len;

	for (impl = base64_impls; impl->name != NULL; impl++) {
		if (!impl->usable())
			continue;
		for (len = 0; len <= SHORT_MAX; len++) {
			fill_random(in, len, (unsigned int)len);
			check_both_ways(impl, in, len);
		}
	}
}

Test(base64, long_random_blocks)
{
	const struct base64_impl *impl;
	unsigned char *in = malloc(LONG_MAX);
	unsigned int round;

	for (impl = base64_impls; impl->name != NULL; impl++) {
		if (!impl->usable())
			continue;
		for (round = 0; round < 20; round++) {
			fill_random(in, LONG_MAX, round);
			check_both_ways(impl, in, LONG_MAX - round * 7);
		}
	}
	free(in);
}

/* Each byte value at each place of a text must be refused unless it is of the
 * alphabet. */
Test(base64, foreign_characters)
{
	const struct base64_impl *impl;
	char text[160];
	unsigned char out[BASE64_DECODED_MAX(sizeof(text))];
	ssize_t got;
	size_t i;
	int c;

	for (impl = base64_impls; impl->name != NULL; impl++) {
		if (!impl->usable())
			continue;
		for (i = 0; i < sizeof(text); i++) {
			for (c = 0; c < 256; c++) {
				memset(text, 'A', sizeof(text));
				text[i] = (char)c;
				got = impl->decode(out, text, sizeof(text));
				if (c != 0 && strchr(chars, c) != NULL)
					cr_assert_eq(got,
					    (ssize_t)sizeof(out));
				else if (c == '=' && i == sizeof(text) - 1)
					cr_assert_eq(got,
					    (ssize_t)sizeof(out) - 1);
				else
					cr_assert_eq(got, -1, "%s %zu %d",
					    impl->name, i, c);
			}
		}
	}
}

Test(base64, what_no_encoder_writes)
{
	static const char *const refused[] = {
		"A", "AA", "AAA", "AAAAA", "=", "==", "===", "====", "A===",
		"AA=A", "AA==AAAA", "AAA=AAAA", "AAAA====", "AB==", "AAB=",
		"AAAA\n", "AAA\n", " AAA", "AA-_", "QQ", "QQ=", "QUI",
		"QQ==\n", "Q=Q=", "=QQ=", "QR==", "QUJ=",
	};
	static const struct {
		const char *text;
		const char *bytes;
	} taken[] = {
		{ "", "" }, { "QQ==", "A" }, { "QUI=", "AB" },
		{ "QUJD", "ABC" }, { "+/+/", "\xfb\xff\xbf" },
	};
	const struct base64_impl *impl;
	unsigned char out[16];
	size_t i;

	for (impl = base64_impls; impl->name != NULL; impl++) {
		if (!impl->usable())
			continue;
		for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
			cr_assert_eq(impl->decode(out, refused[i],
			    strlen(refused[i])), -1, "%s \"%s\"", impl->name,
			    refused[i]);
		for (i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
			cr_assert_eq(impl->decode(out, taken[i].text,
			    strlen(taken[i].text)),
			    (ssize_t)strlen(taken[i].bytes));
			cr_assert_arr_eq(out, taken[i].bytes,
			    strlen(taken[i].bytes));
		}
	}
}

Test(base64, the_chosen_one_works)
{
	unsigned char in[64], back[64];
	char text[BASE64_ENCODED_LEN(sizeof(in))];

	fill_random(in, sizeof(in), 1);
	cr_assert_eq(base64_encode(text, in, sizeof(in)), sizeof(text));
	cr_assert_eq(base64_decode(back, text, sizeof(text)),
	    (ssize_t)sizeof(in));
	cr_assert_arr_eq(back, in, sizeof(in));
}
