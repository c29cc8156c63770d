/* SPDX-License-Identifier: ISC */
/* Base64 as JSON carries it: standard alphabet, padded (RFC 4648, 4). */
#ifndef COMMON_B64_H
#define COMMON_B64_H

#include <sys/types.h>

#include <stddef.h>

/* Characters that "bytes" bytes become, without a terminator. */
#define B64_ENCODED(bytes) (((bytes) + 2) / 3 * 4)

/* Bytes of room that decoding "chars" characters needs at most. */
#define B64_DECODED(chars) ((chars) / 4 * 3)

/*
 * Write B64_ENCODED(len) characters to "out", unterminated; "len" is at most
 * SIZE_MAX / 2.
 */
void b64_encode(char *out, const void *data, size_t len);

/*
 * Decode "len" characters into B64_DECODED(len) bytes of room.  Returns the
 * number of bytes written, or -1 for anything but the canonical form: other
 * characters, padding missing or misplaced, bits set behind the last byte.
 */
ssize_t b64_decode(void *out, const char *text, size_t len);

#endif
