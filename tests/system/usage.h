/* SPDX-License-Identifier: ISC */
/* What the processes of a daemon use, before and after. */
#ifndef TESTS_SYSTEM_USAGE_H
#define TESTS_SYSTEM_USAGE_H

#include <sys/types.h>

struct daemon;
struct usage;

/*
 * Descriptors and memory of holdfastd, the broker and the gateways as they
 * are now; free it with usage_free().
 */
struct usage *usage_take(const struct daemon *daemon);
void usage_free(struct usage *usage);

/*
 * One claim for descriptors and one for memory of the same processes: within
 * some seconds they have no more descriptors than "before", and at most
 * "kib" KiB more of memory.  What cannot be seen (descriptors without root)
 * or says nothing (memory under a sanitizer) is skipped.
 */
void usage_check(const struct usage *before, unsigned long kib);

/* Memory has a meaning in this build. */
int usage_has_memory(void);

#endif
