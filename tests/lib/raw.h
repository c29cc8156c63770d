/* SPDX-License-Identifier: ISC */
/* Bytes of a client that does not wait for answers, for tests. */
#ifndef TESTS_LIB_RAW_H
#define TESTS_LIB_RAW_H

#include <stddef.h>

/* Most bytes that raw_begin() writes. */
#define RAW_BEGIN_MAX 512

/* Bytes around the text of raw_frame(), at most. */
#define RAW_FRAME_MAX 8

/* An upgrade request for "url" at "to"; returns its length. */
size_t raw_begin(char to[RAW_BEGIN_MAX], const char *url);

/*
 * A text frame, masked by zeros, at "to", which has strlen(text) and
 * RAW_FRAME_MAX bytes; texts of less than 64 KiB.  Returns its length.
 */
size_t raw_frame(char *to, const char *text);

/* The text of an initialize request with id 1; free(3) it. */
char *raw_initialize(const char *resume);

#endif
