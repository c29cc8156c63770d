/* SPDX-License-Identifier: ISC */
/*
 * Standard base64 with padding (RFC 4648 section 4), fast enough for job
 * output.  Pure.
 */
#ifndef GATEWAY_BASE64_H
#define GATEWAY_BASE64_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

/* Characters that encoding "bytes" bytes makes, padding included. */
#define BASE64_ENCODED_LEN(bytes) (((bytes) + 2) / 3 * 4)

/* The most bytes that "chars" characters decode to. */
#define BASE64_DECODED_MAX(chars) ((chars) / 4 * 3)

/*
 * Encode "len" bytes to "out", which has room for BASE64_ENCODED_LEN(len)
 * characters and does not overlap "in".  Nothing is terminated and nothing
 * is written beyond that room.  Returns the number of characters written.
 */
size_t base64_encode(char *out, const void *in, size_t len);

/*
 * Decode "len" characters to "out", which has room for
 * BASE64_DECODED_MAX(len) bytes; "out" may be equal to "in".  Returns the
 * number of bytes, at most that room, or -1 when the text is not exactly what
 * an encoder writes: a foreign character (line ends and blanks too), missing
 * or misplaced padding, or bits set that padding cuts off.  After -1 what
 * "out" holds is undefined.
 */
ssize_t base64_decode(void *out, const char *in, size_t len);

/*
 * The implementations that base64_encode() and base64_decode() choose from,
 * best last, for tests and measurements; a NULL name ends the table.  An
 * entry is to be called only when its "usable" returns true.
 */
struct base64_impl {
	const char *name;
	bool (*usable)(void);
	size_t (*encode)(char *, const void *, size_t);
	ssize_t (*decode)(void *, const char *, size_t);
};

extern const struct base64_impl base64_impls[];

#endif
