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

/* Dots in a path that came out of escaped slashes are resolved on the way. */
static int
has_dots(const char *path)
{
	return strstr(path, "/.") != NULL || strncmp(path, "//", 2) == 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char again[CAP], *path = malloc(CAP), uri[FILEURI_ENCODED_MAX(CAP)];
	size_t again_len, len;
	ssize_t n;

	if (fileuri_decode((const char *)data, size, path, CAP, &len) ==
	    FILEURI_OK) {
		if (len == 0 || len >= CAP || path[0] != '/' ||
		    strlen(path) != len)
			abort();
		n = fileuri_encode(path, len, uri, sizeof(uri));
		if (n == -1)
			abort();
		if (fileuri_decode(uri, (size_t)n, again, sizeof(again),
		    &again_len) != FILEURI_OK)
			abort();
		while (len > 1 && path[len - 1] == '/')
			path[--len] = '\0';
		if (!has_dots(path) && strcmp(path, again) != 0)
			abort();
	}
	free(path);
	return 0;
}
