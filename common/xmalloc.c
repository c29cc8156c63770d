/* SPDX-License-Identifier: ISC */
/* Allocation that ends the process instead of failing. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/xmalloc.h"

void *
xmalloc(size_t bytes)
{
	return xcalloc(1, bytes);
}

void *
xcalloc(size_t count, size_t bytes)
{
	void *p;

	if (count == 0 || bytes == 0)
		fatalx("allocation of zero bytes");
	p = calloc(count, bytes);
	if (p == NULL)
		fatal("calloc %zu x %zu", count, bytes);
	return p;
}

void *
xreallocarray(void *old, size_t count, size_t bytes)
{
	void *p;

	if (count == 0 || bytes == 0)
		fatalx("allocation of zero bytes");
	p = reallocarray(old, count, bytes);
	if (p == NULL)
		fatal("reallocarray %zu x %zu", count, bytes);
	return p;
}

char *
xstrdup(const char *string)
{
	char *p;

	p = strdup(string);
	if (p == NULL)
		fatal("strdup");
	return p;
}

char *
xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&p, fmt, ap);
	va_end(ap);
	if (n == -1)
		fatal("vasprintf");
	return p;
}
