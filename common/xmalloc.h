/* SPDX-License-Identifier: ISC */
/*
 * Allocation that cannot fail, for small things of fixed size.  Whatever a
 * peer sizes or multiplies is allocated with malloc(3) and checked instead.
 */
#ifndef COMMON_XMALLOC_H
#define COMMON_XMALLOC_H

#include <stddef.h>

/*
 * Each returns memory the caller frees with free(3); none returns NULL: when
 * memory is out, or the size is zero or overflows, the process ends with a
 * message.
 */
void *xmalloc(size_t bytes);
void *xcalloc(size_t count, size_t bytes);
void *xreallocarray(void *old, size_t count, size_t bytes);
char *xstrdup(const char *string);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
