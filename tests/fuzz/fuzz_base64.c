/* SPDX-License-Identifier: ISC */
/*
 * Base64: all implementations agree on any text and on any bytes, and what
 * is taken is exactly what would have been written.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base64.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const struct base64_impl *impl, const uint8_t *data, size_t size)
{
	size_t n = BASE64_ENCODED_LEN(size);
	char *text = malloc(n + 1), *want = malloc(n + 1);
	uint8_t *out = malloc(BASE64_DECODED_MAX(size) + 1);
	uint8_t *plain = malloc(BASE64_DECODED_MAX(size) + 1);
	ssize_t got;

	if (impl->encode(text, data, size) != n ||
	    base64_impls[0].encode(want, data, size) != n ||
	    memcmp(text, want, n) != 0)
		abort();
	got = impl->decode(out, (const char *)data, size);
	if (got != base64_impls[0].decode(plain, (const char *)data, size))
		abort();
	if (got != -1) {
		if (memcmp(out, plain, (size_t)got) != 0)
			abort();
		if (impl->encode(text, out, (size_t)got) != size ||
		    memcmp(text, data, size) != 0)
			abort();
	}
	free(text);
	free(want);
	free(out);
	free(plain);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct base64_impl *impl;

	for (impl = base64_impls; impl->name != NULL; impl++)
		if (impl->usable())
			check(impl, data, size);
	return 0;
}
