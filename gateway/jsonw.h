/* SPDX-License-Identifier: ISC */
/*
 * JSON text written straight into the buffer it leaves from.  There is no
 * tree: values are written in the order they stand in the text, and commas
 * are put between them.  Pure: where room comes from is the caller's.
 *
 *	jsonw_object(w);
 *	jsonw_key(w, "seq");
 *	jsonw_u64(w, seq);
 *	jsonw_end_object(w);
 *
 * Errors stick: after one nothing more is written and jsonw_finish() says so.
 * Nesting is not checked.
 */
#ifndef GATEWAY_JSONW_H
#define GATEWAY_JSONW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jsonw;

/*
 * Called when the span has fewer than "need" bytes left.  The callback takes
 * the jsonw_used() bytes at the start of the span over (commits them, or
 * moves them to a bigger place) and gives the next span by jsonw_set_span(),
 * with room for at least "need" (<= JSONW_NEED_MAX) bytes more; "want" (>=
 * need) is how much is known to follow.  Returns 0, or -1 when there is no
 * more room.
 */
typedef int jsonw_grow_cb(struct jsonw *w, size_t need, size_t want);

#define JSONW_NEED_MAX 512

/* All members but "arg" are private to jsonw.c. */
struct jsonw {
	char *base;
	char *at;
	char *end;
	jsonw_grow_cb *grow;
	void *arg;		/* the caller's, for "grow" */
	size_t max;		/* of a heap buffer, in bytes */
	bool comma;		/* the next value needs one before it */
	bool failed;
};

/*
 * Write into the "cap" bytes at "span", and nowhere else when "grow" is NULL:
 * then writing more is the error.  "span" may be NULL with "cap" 0, so that
 * "grow" is asked first.  The span stays the caller's.
 */
void jsonw_init(struct jsonw *w, void *span, size_t cap, jsonw_grow_cb *grow,
    void *arg);

/*
 * Write into a heap buffer that grows up to "max" bytes.  The text is at
 * jsonw_text(), jsonw_used() bytes; jsonw_clear() frees it.
 */
void jsonw_init_heap(struct jsonw *w, size_t max);
void jsonw_clear(struct jsonw *w);

/* For "grow": go on behind the "used" bytes at the start of "span". */
void jsonw_set_span(struct jsonw *w, void *span, size_t used, size_t cap);

/*
 * The current span, NULL before there is one, and how many bytes have been
 * written at its start.
 */
const char *jsonw_text(const struct jsonw *w);
size_t jsonw_used(const struct jsonw *w);

/*
 * Make sure that "need" (<= JSONW_NEED_MAX) bytes are left, so that what is
 * written next lands in one piece.  Returns 0, or -1 after an error.
 */
int jsonw_room(struct jsonw *w, size_t need);

/* 0 when everything written so far has found room, else -1. */
int jsonw_finish(const struct jsonw *w);

/* Containers and the name of a member; "name" is written without escapes. */
void jsonw_object(struct jsonw *w);
void jsonw_end_object(struct jsonw *w);
void jsonw_array(struct jsonw *w);
void jsonw_end_array(struct jsonw *w);
void jsonw_key(struct jsonw *w, const char *name);

/* As jsonw_key(), but "name" is any "len" bytes, written as a string is. */
void jsonw_key_bytes(struct jsonw *w, const void *name, size_t len);

/* Values. */
void jsonw_u64(struct jsonw *w, uint64_t value);
void jsonw_i64(struct jsonw *w, int64_t value);
void jsonw_bool(struct jsonw *w, bool value);
void jsonw_null(struct jsonw *w);

/*
 * "len" bytes as a string: escaped, and each piece that is not UTF-8
 * replaced by U+FFFD.
 */
void jsonw_string(struct jsonw *w, const void *bytes, size_t len);
void jsonw_cstring(struct jsonw *w, const char *string);

/*
 * "len" bytes as a base64 string, encoded in place.  A span that has
 * 2 + BASE64_ENCODED_LEN(len) bytes left takes it in one piece.
 */
void jsonw_base64(struct jsonw *w, const void *bytes, size_t len);

/*
 * A string written piece by piece.  Each piece is UTF-8 of its own; each
 * base64 piece but the last is a multiple of 3 bytes long.
 */
void jsonw_string_begin(struct jsonw *w);
void jsonw_string_piece(struct jsonw *w, const void *bytes, size_t len);
void jsonw_base64_piece(struct jsonw *w, const void *bytes, size_t len);
void jsonw_string_end(struct jsonw *w);

/*
 * Text as it is, any part of a JSON text.  No comma is put before it, nor
 * before the value that follows it.
 */
void jsonw_raw(struct jsonw *w, const void *text, size_t len);
#define jsonw_lit(w, literal) jsonw_raw((w), "" literal, sizeof(literal) - 1)

/* Text as it is that makes one whole value; commas as for every value. */
void jsonw_raw_value(struct jsonw *w, const void *text, size_t len);

#endif
