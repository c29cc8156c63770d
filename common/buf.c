/* SPDX-License-Identifier: ISC */
/* Bounded writer and cursor reader. */
#include "config.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"

#define WRITER_FIRST 128

struct span
span_str(const char *string)
{
	return (struct span){ (const uint8_t *)string, strlen(string) };
}

int
span_is(struct span span, const char *string)
{
	size_t len = strlen(string);

	return span.len == len &&
	    (len == 0 || memcmp(span.p, string, len) == 0);
}

int
span_to_str(struct span span, char *out, size_t size)
{
	if (span.len >= size)
		return -1;
	if (span.len != 0 && memchr(span.p, '\0', span.len) != NULL)
		return -1;
	if (span.len != 0)
		memcpy(out, span.p, span.len);
	out[span.len] = '\0';
	return 0;
}

void
writer_init(struct writer *w, size_t max)
{
	*w = (struct writer){ .max = max };
}

void
writer_clear(struct writer *w)
{
	free(w->p);
	*w = (struct writer){ .max = w->max };
}

void
writer_reset(struct writer *w)
{
	w->len = 0;
	w->failed = 0;
}

static int
writer_grow(struct writer *w, size_t need)
{
	size_t cap = w->cap == 0 ? WRITER_FIRST : w->cap;
	uint8_t *p;

	while (cap < need)
		cap = cap > w->max / 2 ? w->max : cap * 2;
	if (cap > w->max)
		cap = w->max;
	p = realloc(w->p, cap);
	if (p == NULL)
		return -1;
	w->p = p;
	w->cap = cap;
	return 0;
}

uint8_t *
writer_extend(struct writer *w, size_t len)
{
	uint8_t *p;

	if (w->failed)
		return NULL;
	if (len > w->max - w->len ||
	    (w->len + len > w->cap && writer_grow(w, w->len + len) == -1)) {
		w->failed = 1;
		return NULL;
	}
	p = w->p + w->len;
	w->len += len;
	return p;
}

void
writer_put(struct writer *w, const void *bytes, size_t len)
{
	uint8_t *p;

	if (len == 0)
		return;
	p = writer_extend(w, len);
	if (p != NULL)
		memcpy(p, bytes, len);
}

void
writer_put_u8(struct writer *w, uint8_t value)
{
	writer_put(w, &value, sizeof(value));
}

void
writer_put_u16(struct writer *w, uint16_t value)
{
	value = htobe16(value);
	writer_put(w, &value, sizeof(value));
}

void
writer_put_u32(struct writer *w, uint32_t value)
{
	value = htobe32(value);
	writer_put(w, &value, sizeof(value));
}

void
writer_put_u64(struct writer *w, uint64_t value)
{
	value = htobe64(value);
	writer_put(w, &value, sizeof(value));
}

void
writer_patch_u32(struct writer *w, size_t at, uint32_t value)
{
	if (w->failed || w->len < sizeof(value) || at > w->len - sizeof(value))
		return;
	value = htobe32(value);
	memcpy(w->p + at, &value, sizeof(value));
}

void
cursor_init(struct cursor *c, const void *bytes, size_t len)
{
	*c = (struct cursor){ .p = bytes, .left = len };
}

struct span
cursor_span(struct cursor *c, size_t len)
{
	struct span span = { c->p, len };

	if (c->failed || len > c->left) {
		c->failed = 1;
		return (struct span){ NULL, 0 };
	}
	c->p += len;
	c->left -= len;
	return span;
}

static void
cursor_copy(struct cursor *c, void *out, size_t len)
{
	struct span span = cursor_span(c, len);

	if (span.len == len)
		memcpy(out, span.p, len);
}

uint8_t
cursor_u8(struct cursor *c)
{
	uint8_t value = 0;

	cursor_copy(c, &value, sizeof(value));
	return value;
}

uint16_t
cursor_u16(struct cursor *c)
{
	uint16_t value = 0;

	cursor_copy(c, &value, sizeof(value));
	return be16toh(value);
}

uint32_t
cursor_u32(struct cursor *c)
{
	uint32_t value = 0;

	cursor_copy(c, &value, sizeof(value));
	return be32toh(value);
}

uint64_t
cursor_u64(struct cursor *c)
{
	uint64_t value = 0;

	cursor_copy(c, &value, sizeof(value));
	return be64toh(value);
}

int
cursor_done(const struct cursor *c)
{
	return !c->failed && c->left == 0;
}
