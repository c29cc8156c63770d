/* SPDX-License-Identifier: ISC */
/* Not filled in yet. */
#include "config.h"

#include "gateway/fileuri.h"

enum fileuri_error
fileuri_decode(const char *uri, size_t len, char *path, size_t cap, size_t *path_len)
{
	(void)uri;
	(void)len;
	(void)path;
	(void)cap;
	(void)path_len;
	return 0;
}

ssize_t
fileuri_encode(const char *path, size_t len, char *out, size_t cap)
{
	(void)path;
	(void)len;
	(void)out;
	(void)cap;
	return 0;
}
