/* SPDX-License-Identifier: ISC */
/* Version 4 UUIDs: make, compare, print, read. */
#include "config.h"

#include <sys/random.h>

#include <errno.h>
#include <string.h>

#include "common/ident.h"
#include "common/log.h"

static const char hex[] = "0123456789abcdef";

void
ident_make(struct ident *id)
{
	ssize_t n;

	/* Up to 256 bytes come whole; only the boot can make it wait. */
	do
		n = getrandom(id->bytes, IDENT_SIZE, 0);
	while (n == -1 && errno == EINTR);
	if (n != IDENT_SIZE)
		fatal("getrandom");
	id->bytes[6] = (uint8_t)((id->bytes[6] & 0x0f) | 0x40);
	id->bytes[8] = (uint8_t)((id->bytes[8] & 0x3f) | 0x80);
}

int
ident_is_nil(const struct ident *id)
{
	static const struct ident nil;

	return ident_equal(id, &nil);
}

int
ident_secret_equal(const void *a, const void *b, size_t len)
{
	const volatile uint8_t *x = a, *y = b;
	uint8_t differ = 0;
	size_t i;

	for (i = 0; i < len; i++)
		differ |= x[i] ^ y[i];
	return differ == 0;
}

int
ident_equal(const struct ident *a, const struct ident *b)
{
	return ident_secret_equal(a->bytes, b->bytes, IDENT_SIZE);
}

static int
dash_before(size_t byte)
{
	return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

const char *
ident_print(const struct ident *id, char out[IDENT_TEXT_SIZE])
{
	char *p = out;
	size_t i;

	for (i = 0; i < IDENT_SIZE; i++) {
		if (dash_before(i))
			*p++ = '-';
		*p++ = hex[id->bytes[i] >> 4];
		*p++ = hex[id->bytes[i] & 0x0f];
	}
	*p = '\0';
	return out;
}

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

int
ident_parse(struct ident *id, const char *text, size_t len)
{
	struct ident read;
	size_t i;
	int high, low;

	if (len != IDENT_TEXT_LEN)
		return -1;
	for (i = 0; i < IDENT_SIZE; i++) {
		if (dash_before(i) && *text++ != '-')
			return -1;
		high = digit(*text++);
		low = digit(*text++);
		if (high == -1 || low == -1)
			return -1;
		read.bytes[i] = (uint8_t)(high << 4 | low);
	}
	*id = read;
	return 0;
}
