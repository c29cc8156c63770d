/* SPDX-License-Identifier: ISC */
/* UTF-8 checking: long runs of ASCII are the common case. */
#include "config.h"

#include <stdint.h>
#include <string.h>

#include "gateway/utf8.h"

#define HIGH_BITS UINT64_C(0x8080808080808080)

/*
 * What may follow a first byte, by ranges of it: only the second byte's
 * range depends on the first (RFC 3629 section 4).
 */
static const struct {
	uint8_t first_min, first_max;
	uint8_t second_min, second_max;
	uint8_t len;
} leads[] = {
	{ 0xc2, 0xdf, 0x80, 0xbf, 2 },
	{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },
	{ 0xe1, 0xec, 0x80, 0xbf, 3 },
	{ 0xed, 0xed, 0x80, 0x9f, 3 },
	{ 0xee, 0xef, 0x80, 0xbf, 3 },
	{ 0xf0, 0xf0, 0x90, 0xbf, 4 },
	{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
	{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
};

size_t
utf8_ascii_run(const void *text, size_t len)
{
	const unsigned char *s = text;
	uint64_t word[4];
	size_t i;

	for (i = 0; i + sizeof(word) <= len; i += sizeof(word)) {
		memcpy(word, s + i, sizeof(word));
		if ((word[0] | word[1] | word[2] | word[3]) & HIGH_BITS)
			break;
	}
	while (i < len && s[i] < 0x80)
		i++;
	return i;
}

size_t
utf8_char(const void *text, size_t len, size_t *bad)
{
	const unsigned char *s = text;
	size_t i, n;

	*bad = 1;
	if (s[0] < 0x80)
		return 1;
	for (i = 0; i < sizeof(leads) / sizeof(leads[0]); i++)
		if (s[0] >= leads[i].first_min && s[0] <= leads[i].first_max)
			break;
	if (i == sizeof(leads) / sizeof(leads[0]))
		return 0;
	if (len < 2 || s[1] < leads[i].second_min ||
	    s[1] > leads[i].second_max)
		return 0;
	for (n = 2; n < leads[i].len; n++) {
		*bad = n;
		if (n >= len || (s[n] & 0xc0) != 0x80)
			return 0;
	}
	return n;
}

bool
utf8_valid(const void *text, size_t len)
{
	const unsigned char *s = text;
	size_t bad, i, n;

	for (i = 0; i < len; i += n) {
		if (s[i] < 0x80)
			n = utf8_ascii_run(s + i, len - i);
		else if ((n = utf8_char(s + i, len - i, &bad)) == 0)
			return false;
	}
	return true;
}
