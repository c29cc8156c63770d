/* SPDX-License-Identifier: ISC */
/* The strings of a JSON text (RFC 8259 section 7).  Pure. */
#ifndef GATEWAY_JSONSTR_H
#define GATEWAY_JSONSTR_H

#include <stddef.h>

/* Where unescaped text is put.  To be initialised with zeros. */
struct jsonstr_scratch {
	char *at;
	size_t room;
};

/* Said of a text that ends within something. */
extern const char jsonstr_too_early[];

/*
 * How many of the "len" bytes at "text" come before the first quote,
 * backslash or control character.
 */
size_t jsonstr_plain_run(const char *text, size_t len);

/*
 * Read the string whose opening quote is before "*text", in UTF-8 up to
 * "end", and set "*text" behind its closing quote.  "*at" and "*len" tell
 * where its bytes are: in the text, or in "scratch", terminated, if it holds
 * escapes.  Returns NULL, or static text that says what is wrong.
 */
const char *jsonstr_read(const char **text, const char *end,
    struct jsonstr_scratch *scratch, const char **at, size_t *len);

/* Make "need" bytes of room, keeping what is there.  0, or -1. */
int jsonstr_reserve(struct jsonstr_scratch *scratch, size_t need);

/* Free a scratch of more than "keep" bytes. */
void jsonstr_trim(struct jsonstr_scratch *scratch, size_t keep);

#endif
