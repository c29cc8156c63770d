/* SPDX-License-Identifier: ISC */
/* The bytes that jobs of the system tests write, known to both sides. */
#ifndef TESTS_SYSTEM_PATTERN_H
#define TESTS_SYSTEM_PATTERN_H

#include <stddef.h>
#include <stdint.h>

/*
 * "len" bytes of the stream "seed" from "offset" on: every byte depends on
 * its offset alone, so any part can be checked by itself.
 */
void pattern_fill(void *data, size_t len, uint64_t seed, uint64_t offset);

#endif
