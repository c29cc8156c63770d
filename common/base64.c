/* SPDX-License-Identifier: ISC */
/*
 * Base64 in three speeds.  The vector forms take the bulk in blocks and leave
 * what remains, and every judgement about the end of a text, to the plain
 * form.  A block's 6-bit values are mapped to characters, and back, by adding
 * an offset that depends only on the range the value or character is in.
 */
#include "config.h"

#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "common/base64.h"

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Value + 1 of each character; 0 for what is none. */
static const uint8_t values[256] = {
	['A'] = 1, ['B'] = 2, ['C'] = 3, ['D'] = 4, ['E'] = 5, ['F'] = 6,
	['G'] = 7, ['H'] = 8, ['I'] = 9, ['J'] = 10, ['K'] = 11, ['L'] = 12,
	['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16, ['Q'] = 17,
	['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22,
	['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26,
	['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31,
	['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36,
	['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41,
	['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46,
	['u'] = 47, ['v'] = 48, ['w'] = 49, ['x'] = 50, ['y'] = 51,
	['z'] = 52,
	['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56, ['4'] = 57,
	['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62,
	['+'] = 63, ['/'] = 64,
};

static size_t
encode_plain(char *out, const void *in, size_t len)
{
	const uint8_t *s = in;
	char *o = out;
	uint32_t v;

	for (; len >= 3; len -= 3, s += 3) {
		v = (uint32_t)s[0] << 16 | (uint32_t)s[1] << 8 | s[2];
		*o++ = alphabet[v >> 18];
		*o++ = alphabet[v >> 12 & 63];
		*o++ = alphabet[v >> 6 & 63];
		*o++ = alphabet[v & 63];
	}
	if (len > 0) {
		v = (uint32_t)s[0] << 16 | (len > 1 ? (uint32_t)s[1] << 8 : 0);
		*o++ = alphabet[v >> 18];
		*o++ = alphabet[v >> 12 & 63];
		*o++ = len > 1 ? alphabet[v >> 6 & 63] : '=';
		*o++ = '=';
	}
	return (size_t)(o - out);
}

/* The last four characters, which may hold padding. */
static ssize_t
decode_last(uint8_t *o, const uint8_t *s)
{
	uint32_t a = values[s[0]], b = values[s[1]];
	uint32_t c = values[s[2]], d = values[s[3]];

	if (a-- == 0 || b-- == 0)
		return -1;
	if (s[2] == '=') {
		if (s[3] != '=' || (b & 15) != 0)
			return -1;
		o[0] = (uint8_t)(a << 2 | b >> 4);
		return 1;
	}
	if (c-- == 0)
		return -1;
	if (s[3] == '=') {
		if ((c & 3) != 0)
			return -1;
		o[0] = (uint8_t)(a << 2 | b >> 4);
		o[1] = (uint8_t)(b << 4 | c >> 2);
		return 2;
	}
	if (d-- == 0)
		return -1;
	o[0] = (uint8_t)(a << 2 | b >> 4);
	o[1] = (uint8_t)(b << 4 | c >> 2);
	o[2] = (uint8_t)(c << 6 | d);
	return 3;
}

static ssize_t
decode_plain(void *out, const char *in, size_t len)
{
	const uint8_t *s = (const uint8_t *)in;
	uint8_t *o = out;
	uint32_t a, b, c, d, v;
	ssize_t n;

	if (len % 4 != 0)
		return -1;
	if (len == 0)
		return 0;
	for (; len > 4; len -= 4, s += 4) {
		a = values[s[0]];
		b = values[s[1]];
		c = values[s[2]];
		d = values[s[3]];
		if (a == 0 || b == 0 || c == 0 || d == 0)
			return -1;
		v = (a - 1) << 18 | (b - 1) << 12 | (c - 1) << 6 | (d - 1);
		*o++ = (uint8_t)(v >> 16);
		*o++ = (uint8_t)(v >> 8);
		*o++ = (uint8_t)v;
	}
	if ((n = decode_last(o, s)) == -1)
		return -1;
	return (o - (uint8_t *)out) + n;
}

static bool
usable_plain(void)
{
	return true;
}

#if defined(__x86_64__)
/*
 * Characters are their values plus an offset: 'A' for 0..25, 'a' - 26 for
 * 26..51, '0' - 52 for digits, '+' - 62 and '/' - 63.  A saturating
 * subtraction folds the values to an index into this table: 13 for 0..25,
 * 0 for 26..51, 1..10 for digits, 11 and 12 for the two signs.
 */
#define ENCODE_OFFSETS \
	'a' - 26, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, \
	'0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '+' - 62, \
	'/' - 63, 'A', 0, 0

/* Puts bytes a b c where the shifts below expect them: b a c b. */
#define ENCODE_SPREAD 1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10

/*
 * Decoding classifies a character by its two nibbles: each table gives a set
 * of bits, and a character is foreign when the two sets meet.
 */
#define DECODE_LOW \
	0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, \
	0x11, 0x11, 0x13, 0x1a, 0x1b, 0x1b, 0x1b, 0x1a
#define DECODE_HIGH \
	0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08, \
	0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10
/* By high nibble; the slash, which shares one with the plus, uses the 1. */
#define DECODE_OFFSETS \
	0, 63 - '/', 62 - '+', 52 - '0', -'A', -'A', 26 - 'a', 26 - 'a', \
	0, 0, 0, 0, 0, 0, 0, 0
/* Gathers the three bytes that are left of each four, in order. */
#define DECODE_GATHER 2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1

static bool
usable_ssse3(void)
{
	return __builtin_cpu_supports("ssse3");
}

static bool
usable_avx2(void)
{
	return __builtin_cpu_supports("avx2");
}

/* 12 bytes in the low part to 16 characters. */
static inline __attribute__((target("ssse3"), always_inline)) __m128i
encode_block(__m128i in)
{
	const __m128i spread = _mm_setr_epi8(ENCODE_SPREAD);
	const __m128i offsets = _mm_setr_epi8(ENCODE_OFFSETS);
	__m128i index, v;

	in = _mm_shuffle_epi8(in, spread);
	/* Multiplications shift each 16-bit half by an amount of its own. */
	v = _mm_or_si128(
	    _mm_mulhi_epu16(_mm_and_si128(in, _mm_set1_epi32(0x0fc0fc00)),
	    _mm_set1_epi32(0x04000040)),
	    _mm_mullo_epi16(_mm_and_si128(in, _mm_set1_epi32(0x003f03f0)),
	    _mm_set1_epi32(0x01000010)));
	index = _mm_or_si128(_mm_subs_epu8(v, _mm_set1_epi8(51)),
	    _mm_and_si128(_mm_cmpgt_epi8(_mm_set1_epi8(26), v),
	    _mm_set1_epi8(13)));
	return _mm_add_epi8(v, _mm_shuffle_epi8(offsets, index));
}

static __attribute__((target("ssse3"))) size_t
encode_ssse3(char *out, const void *in, size_t len)
{
	const uint8_t *s = in;
	char *o = out;

	/* A load takes 16 bytes, 4 more than it uses. */
	for (; len >= 16; len -= 12, s += 12, o += 16)
		_mm_storeu_si128((__m128i *)(void *)o, encode_block(
		    _mm_loadu_si128((const __m128i *)(const void *)s)));
	return (size_t)(o - out) + encode_plain(o, s, len);
}

/* 16 characters to values in v; non-zero when one of them is foreign. */
static inline __attribute__((target("ssse3"), always_inline)) int
decode_block(__m128i *v)
{
	const __m128i low = _mm_setr_epi8(DECODE_LOW);
	const __m128i high = _mm_setr_epi8(DECODE_HIGH);
	const __m128i offsets = _mm_setr_epi8(DECODE_OFFSETS);
	const __m128i nibble = _mm_set1_epi8(15);
	__m128i h, meet, slash;

	h = _mm_and_si128(_mm_srli_epi32(*v, 4), nibble);
	meet = _mm_and_si128(
	    _mm_shuffle_epi8(low, _mm_and_si128(*v, nibble)),
	    _mm_shuffle_epi8(high, h));
	slash = _mm_cmpeq_epi8(*v, _mm_set1_epi8('/'));
	*v = _mm_add_epi8(*v,
	    _mm_shuffle_epi8(offsets, _mm_add_epi8(h, slash)));
	return _mm_movemask_epi8(
	    _mm_cmpeq_epi8(meet, _mm_setzero_si128())) != 0xffff;
}

static __attribute__((target("ssse3"))) ssize_t
decode_ssse3(void *out, const char *in, size_t len)
{
	const __m128i gather = _mm_setr_epi8(DECODE_GATHER);
	const char *s = in;
	uint8_t *o = out;
	__m128i v;
	ssize_t n;

	/* A store writes 16 bytes, 4 more than are used. */
	for (; len >= 24; len -= 16, s += 16, o += 12) {
		v = _mm_loadu_si128((const __m128i *)(const void *)s);
		if (decode_block(&v))
			return -1;
		v = _mm_maddubs_epi16(v, _mm_set1_epi32(0x01400140));
		v = _mm_madd_epi16(v, _mm_set1_epi32(0x00011000));
		_mm_storeu_si128((__m128i *)(void *)o,
		    _mm_shuffle_epi8(v, gather));
	}
	if ((n = decode_plain(o, s, len)) == -1)
		return -1;
	return (o - (uint8_t *)out) + n;
}

static __attribute__((target("avx2"))) size_t
encode_avx2(char *out, const void *in, size_t len)
{
	const __m256i spread = _mm256_setr_epi8(ENCODE_SPREAD, ENCODE_SPREAD);
	const __m256i offsets =
	    _mm256_setr_epi8(ENCODE_OFFSETS, ENCODE_OFFSETS);
	const uint8_t *s = in;
	char *o = out;
	__m256i index, v, w;

	/* Two loads of 16 bytes, each 4 more than it uses. */
	for (; len >= 28; len -= 24, s += 24, o += 32) {
		v = _mm256_inserti128_si256(_mm256_castsi128_si256(
		    _mm_loadu_si128((const __m128i *)(const void *)s)),
		    _mm_loadu_si128((const __m128i *)(const void *)(s + 12)),
		    1);
		v = _mm256_shuffle_epi8(v, spread);
		w = _mm256_mulhi_epu16(
		    _mm256_and_si256(v, _mm256_set1_epi32(0x0fc0fc00)),
		    _mm256_set1_epi32(0x04000040));
		v = _mm256_mullo_epi16(
		    _mm256_and_si256(v, _mm256_set1_epi32(0x003f03f0)),
		    _mm256_set1_epi32(0x01000010));
		v = _mm256_or_si256(v, w);
		index = _mm256_or_si256(
		    _mm256_subs_epu8(v, _mm256_set1_epi8(51)),
		    _mm256_and_si256(
		    _mm256_cmpgt_epi8(_mm256_set1_epi8(26), v),
		    _mm256_set1_epi8(13)));
		_mm256_storeu_si256((__m256i *)(void *)o, _mm256_add_epi8(v,
		    _mm256_shuffle_epi8(offsets, index)));
	}
	return (size_t)(o - out) + encode_plain(o, s, len);
}

static __attribute__((target("avx2"))) ssize_t
decode_avx2(void *out, const char *in, size_t len)
{
	const __m256i low = _mm256_setr_epi8(DECODE_LOW, DECODE_LOW);
	const __m256i high = _mm256_setr_epi8(DECODE_HIGH, DECODE_HIGH);
	const __m256i offsets =
	    _mm256_setr_epi8(DECODE_OFFSETS, DECODE_OFFSETS);
	const __m256i gather = _mm256_setr_epi8(DECODE_GATHER, DECODE_GATHER);
	const __m256i join = _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 3, 7);
	const __m256i nibble = _mm256_set1_epi8(15);
	const char *s = in;
	uint8_t *o = out;
	__m256i h, meet, slash, v;
	ssize_t n;

	/* A store writes 32 bytes, 8 more than are used. */
	for (; len >= 48; len -= 32, s += 32, o += 24) {
		v = _mm256_loadu_si256((const __m256i *)(const void *)s);
		h = _mm256_and_si256(_mm256_srli_epi32(v, 4), nibble);
		meet = _mm256_and_si256(
		    _mm256_shuffle_epi8(low, _mm256_and_si256(v, nibble)),
		    _mm256_shuffle_epi8(high, h));
		if (!_mm256_testz_si256(meet, meet))
			return -1;
		slash = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('/'));
		v = _mm256_add_epi8(v, _mm256_shuffle_epi8(offsets,
		    _mm256_add_epi8(h, slash)));
		v = _mm256_maddubs_epi16(v, _mm256_set1_epi32(0x01400140));
		v = _mm256_madd_epi16(v, _mm256_set1_epi32(0x00011000));
		v = _mm256_shuffle_epi8(v, gather);
		v = _mm256_permutevar8x32_epi32(v, join);
		_mm256_storeu_si256((__m256i *)(void *)o, v);
	}
	if ((n = decode_plain(o, s, len)) == -1)
		return -1;
	return (o - (uint8_t *)out) + n;
}
#endif

const struct base64_impl base64_impls[] = {
	{ "plain", usable_plain, encode_plain, decode_plain },
#if defined(__x86_64__)
	{ "ssse3", usable_ssse3, encode_ssse3, decode_ssse3 },
	{ "avx2", usable_avx2, encode_avx2, decode_avx2 },
#endif
	{ NULL, NULL, NULL, NULL }
};

static const struct base64_impl *
choose(void)
{
	static const struct base64_impl *chosen;
	const struct base64_impl *impl;

	if (chosen == NULL)
		for (impl = base64_impls; impl->name != NULL; impl++)
			if (impl->usable())
				chosen = impl;
	return chosen;
}

size_t
base64_encode(char *out, const void *in, size_t len)
{
	return choose()->encode(out, in, len);
}

ssize_t
base64_decode(void *out, const char *in, size_t len)
{
	return choose()->decode(out, in, len);
}
