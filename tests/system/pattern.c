/* SPDX-License-Identifier: ISC */
/* The bytes that jobs of the system tests write, known to both sides. */
#include "config.h"

#include <sys/types.h>

#include <string.h>

#include "tests/system/pattern.h"

static uint64_t
pattern_word(uint64_t seed, uint64_t index)
{
	uint64_t x = index * 0x9e3779b97f4a7c15ULL + seed;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

void
pattern_fill(void *data, size_t len, uint64_t seed, uint64_t offset)
{
	unsigned char *p = data;
	uint64_t word;
	size_t skip, n;

	while (len > 0) {
		word = pattern_word(seed, offset / sizeof(word));
		skip = offset % sizeof(word);
		n = sizeof(word) - skip < len ? sizeof(word) - skip : len;
		memcpy(p, (const unsigned char *)&word + skip, n);
		p += n;
		offset += n;
		len -= n;
	}
}
