/* SPDX-License-Identifier: ISC */
/*
 * Bytes with bounds: a writer that grows up to a limit, and a cursor that
 * reads what somebody else wrote.  Both are sticky: after the first failure
 * nothing more is written or read, so that callers chain calls and ask once.
 * Numbers are big-endian.
 */
#ifndef COMMON_BUF_H
#define COMMON_BUF_H

#include <stddef.h>
#include <stdint.h>

/* Borrowed bytes: whoever hands a span out says how long it stays valid. */
struct span {
	const uint8_t *p;
	size_t len;
};

/* A span over the bytes of a string, without its terminator. */
struct span span_str(const char *string);

/* Whether the span holds exactly these bytes. */
int span_is(struct span span, const char *string);

/*
 * Copy the span into "out" of "size" bytes and terminate it.  Returns 0, or
 * -1 without touching "out" when it does not fit or holds a NUL.
 */
int span_to_str(struct span span, char *out, size_t size);

struct writer {
	uint8_t *p;	/* owned */
	size_t len;	/* bytes written */
	size_t cap;	/* bytes allocated */
	size_t max;	/* limit in bytes */
	int failed;
};

/* Start an empty writer that holds at most "max" bytes; allocates nothing. */
void writer_init(struct writer *w, size_t max);

/* Free what the writer holds; it may be initialised again. */
void writer_clear(struct writer *w);

/* Forget what was written, and any failure, but keep the memory. */
void writer_reset(struct writer *w);

/*
 * Append.  When the limit would be passed or memory is out, "failed" is set
 * and the writer stays as it was.
 */
void writer_put_u8(struct writer *w, uint8_t value);
void writer_put_u16(struct writer *w, uint16_t value);
void writer_put_u32(struct writer *w, uint32_t value);
void writer_put_u64(struct writer *w, uint64_t value);
void writer_put(struct writer *w, const void *bytes, size_t len);

/*
 * Append "len" bytes for the caller to fill at once; valid until the next
 * call on this writer.  Returns NULL on failure.
 */
uint8_t *writer_extend(struct writer *w, size_t len);

/* Overwrite four bytes written before at offset "at". */
void writer_patch_u32(struct writer *w, size_t at, uint32_t value);

struct cursor {
	const uint8_t *p;
	size_t left;	/* bytes not read yet */
	int failed;
};

/* Read "len" bytes at "bytes", which must outlive the cursor. */
void cursor_init(struct cursor *c, const void *bytes, size_t len);

/*
 * Take the next number or the next "len" bytes.  Past the end "failed" is set
 * and zero or an empty span comes back.  A span points into the bytes that
 * the cursor was given.
 */
uint8_t cursor_u8(struct cursor *c);
uint16_t cursor_u16(struct cursor *c);
uint32_t cursor_u32(struct cursor *c);
uint64_t cursor_u64(struct cursor *c);
struct span cursor_span(struct cursor *c, size_t len);

/* Whether everything was read and nothing failed. */
int cursor_done(const struct cursor *c);

#endif
