/* SPDX-License-Identifier: ISC */
/* Time, samples, and how a measurement gives up. */
#ifndef TESTS_BENCH_NUM_H
#define TESTS_BENCH_NUM_H

#include <stddef.h>
#include <stdint.h>

/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t now_ns(void);

/* Sleep; for pauses between steps, never inside what is measured. */
void pause_ms(unsigned ms);

struct samples {
	uint64_t *v;
	size_t n;
	size_t cap;
};

void samples_add(struct samples *s, uint64_t v);

/* The value that "percent" of all are not above; 0 without any. */
uint64_t samples_at(struct samples *s, double percent);

/* End this measurement with a reason; the others go on. */
void give_up(const char *fmt, ...)
    __attribute__((noreturn, format(printf, 1, 2)));

/* As malloc(3) and realloc(3), but they give up. */
void *need(void *old, size_t size);

#endif
