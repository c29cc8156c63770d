/* SPDX-License-Identifier: ISC */
/* Base64 as JSON carries it: standard alphabet, padded (RFC 4648, 4). */
#include "config.h"

#include <stdint.h>

#include "common/b64.h"

#define B64_BAD 0xff

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static uint8_t
b64_value(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : B64_BAD;
}

void
b64_encode(char *out, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t v;

	for (; len >= 3; len -= 3, p += 3) {
		v = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
		*out++ = alphabet[v >> 18];
		*out++ = alphabet[v >> 12 & 63];
		*out++ = alphabet[v >> 6 & 63];
		*out++ = alphabet[v & 63];
	}
	if (len == 0)
		return;
	v = (uint32_t)p[0] << 16 | (len == 2 ? (uint32_t)p[1] << 8 : 0);
	*out++ = alphabet[v >> 18];
	*out++ = alphabet[v >> 12 & 63];
	*out++ = len == 2 ? alphabet[v >> 6 & 63] : '=';
	*out = '=';
}

/* The last group: "keep" of its four characters are not padding. */
static int
b64_decode_last(uint8_t *out, const char *text, size_t keep)
{
	uint32_t v = 0;
	uint8_t bits, bad = 0;
	size_t i;

	for (i = 0; i < keep; i++) {
		bits = b64_value((unsigned char)text[i]);
		bad |= bits;
		v |= (uint32_t)(bits & 63) << (18 - 6 * i);
	}
	if (bad & 0x80 || (v & (keep == 2 ? 0xffff : 0xff)) != 0)
		return -1;
	out[0] = v >> 16 & 0xff;
	if (keep == 3)
		out[1] = v >> 8 & 0xff;
	return (int)keep - 1;
}

ssize_t
b64_decode(void *out, const char *text, size_t len)
{
	uint8_t *o = out, a, b, c, d;
	size_t keep = 4;
	int tail = 0;

	if (len % 4 != 0)
		return -1;
	if (len == 0)
		return 0;
	if (text[len - 1] == '=')
		keep = text[len - 2] == '=' ? 2 : 3;
	if (keep < 4)
		len -= 4;
	for (; len > 0; len -= 4, text += 4) {
		a = b64_value((unsigned char)text[0]);
		b = b64_value((unsigned char)text[1]);
		c = b64_value((unsigned char)text[2]);
		d = b64_value((unsigned char)text[3]);
		if ((a | b | c | d) & 0x80)
			return -1;
		*o++ = (uint8_t)(a << 2 | b >> 4);
		*o++ = (uint8_t)(b << 4 | c >> 2);
		*o++ = (uint8_t)(c << 6 | d);
	}
	if (keep < 4 && (tail = b64_decode_last(o, text, keep)) == -1)
		return -1;
	return o - (uint8_t *)out + tail;
}
