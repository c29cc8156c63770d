/* SPDX-License-Identifier: ISC */
/*
 * UTF-8 as RFC 3629 has it: no surrogates, nothing above U+10FFFF, nothing
 * longer than needed.  Pure.
 */
#ifndef GATEWAY_UTF8_H
#define GATEWAY_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* True when the "len" bytes at "text" are whole, valid UTF-8. */
bool utf8_valid(const void *text, size_t len);

/*
 * The length in bytes (1 to 4) of the character at the start of "text"; 0
 * when there is none, and then "*bad" is the number of bytes (1 to 3, at
 * most "len") that one replacement character stands for.  "len" is not zero.
 */
size_t utf8_char(const void *text, size_t len, size_t *bad);

/* How many of the "len" bytes at "text" precede the first that is not ASCII. */
size_t utf8_ascii_run(const void *text, size_t len);

#endif
