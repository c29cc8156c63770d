/* SPDX-License-Identifier: ISC */
/* Not filled in yet. */
#include "config.h"

#include "gateway/utf8.h"

bool
utf8_valid(const void *text, size_t len)
{
	(void)text;
	(void)len;
	return 0;
}

size_t
utf8_char(const void *text, size_t len, size_t *bad)
{
	(void)text;
	(void)len;
	(void)bad;
	return 0;
}

size_t
utf8_ascii_run(const void *text, size_t len)
{
	(void)text;
	(void)len;
	return 0;
}
