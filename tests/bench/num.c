/* SPDX-License-Identifier: ISC */
/* Time, samples, and how a measurement gives up. */
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/num.h"

uint64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void
pause_ms(unsigned ms)
{
	struct timespec ts = {
		.tv_sec = ms / 1000,
		.tv_nsec = (long)(ms % 1000) * 1000000
	};

	while (nanosleep(&ts, &ts) == -1 && errno == EINTR)
		continue;
}

void
give_up(const char *fmt, ...)
{
	va_list ap;

	fputs("  gave up: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	_exit(1);
}

void *
need(void *old, size_t size)
{
	void *p = realloc(old, size);

	if (p == NULL)
		give_up("no memory for %zu bytes", size);
	return p;
}

void
samples_add(struct samples *s, uint64_t v)
{
	if (s->n == s->cap) {
		s->cap = s->cap == 0 ? 1024 : s->cap * 2;
		s->v = need(s->v, s->cap * sizeof(*s->v));
	}
	s->v[s->n++] = v;
}

static int
samples_order(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

uint64_t
samples_at(struct samples *s, double percent)
{
	size_t i;

	if (s->n == 0)
		return 0;
	qsort(s->v, s->n, sizeof(*s->v), samples_order);
	i = (size_t)((double)s->n * percent / 100.0);
	return s->v[i < s->n ? i : s->n - 1];
}
