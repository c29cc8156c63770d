/* SPDX-License-Identifier: ISC */
/* Lines for the user on standard error, readable on a raw terminal too. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "contrib/client/say.h"
#include "contrib/client/tty.h"

#define SAY_SIZE 2048

static int quiet;

static void __attribute__((format(printf, 1, 0)))
say_line(const char *fmt, va_list ap)
{
	char text[SAY_SIZE], line[SAY_SIZE + 32];
	int n;

	vsnprintf(text, sizeof(text), fmt, ap);
	n = snprintf(line, sizeof(line), "holdfast: %s%s\n", text,
	    tty_is_raw() ? "\r" : "");
	/* If even this fails there is nobody left to tell. */
	(void)!write(STDERR_FILENO, line, (size_t)n);
}

void
say_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say_line(fmt, ap);
	va_end(ap);
}

void
say_note(const char *fmt, ...)
{
	va_list ap;

	if (quiet)
		return;
	va_start(ap, fmt);
	say_line(fmt, ap);
	va_end(ap);
}

void
say_quiet(void)
{
	quiet = 1;
}
