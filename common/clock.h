/* SPDX-License-Identifier: ISC */
/* The one place that reads time. */
#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include <stdint.h>

/* Milliseconds of CLOCK_MONOTONIC (clock_gettime(2)). */
uint64_t clock_ms(void);

/* The same in microseconds, for how long something took. */
uint64_t clock_us(void);

/* Milliseconds since the Epoch, for what people read; never for deadlines. */
uint64_t clock_wall_ms(void);

/* Add without wrapping: the largest value means never. */
uint64_t clock_add(uint64_t now_ms, uint64_t ms);

#endif
