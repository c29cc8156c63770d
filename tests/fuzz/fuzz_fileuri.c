/* SPDX-License-Identifier: ISC */
/*
 * File URIs: a path that comes out is absolute, fits, and survives the way
 * to a URI and back.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/fileuri.h"

#define CAP 200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What came out of escaped slashes may be resolved differently later. */
static int
has_dots(const char *path)
{
	return strstr(path, "/.") != NULL || strncmp(path, "//", 2) == 0;
}

static void
check_way_back(const char *uri, size_t n, const char *path, size_t len)
{
	char again[CAP];
	size_t again_len;

	if (fileuri_decode(uri, n, again, sizeof(again), &again_len) !=
	    FILEURI_OK)
		abort();
	while (len > 1 && path[len - 1] == '/')
		len--;
	if (again_len != len || memcmp(path, again, len) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *path = malloc(CAP), uri[FILEURI_ENCODED_MAX(CAP)];
	size_t len;
	ssize_t n;

	if (fileuri_decode((const char *)data, size, path, CAP, &len) ==
	    FILEURI_OK) {
		if (len == 0 || len >= CAP || path[0] != '/' ||
		    strlen(path) != len)
			abort();
		n = fileuri_encode(path, len, uri, sizeof(uri));
		if (n == -1)
			abort();
		if (!has_dots(path))
			check_way_back(uri, (size_t)n, path, len);
	}
	free(path);
	return 0;
}
