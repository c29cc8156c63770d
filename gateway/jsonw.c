/* SPDX-License-Identifier: ISC */
/* Not filled in yet. */
#include "config.h"

#include "gateway/jsonw.h"

void
jsonw_init(struct jsonw *w, void *span, size_t cap, jsonw_grow_cb *grow, void *arg)
{
	(void)w;
	(void)span;
	(void)cap;
	(void)grow;
	(void)arg;
}

void
jsonw_init_heap(struct jsonw *w, size_t max)
{
	(void)w;
	(void)max;
}

void
jsonw_clear(struct jsonw *w)
{
	(void)w;
}

void
jsonw_set_span(struct jsonw *w, void *span, size_t used, size_t cap)
{
	(void)w;
	(void)span;
	(void)used;
	(void)cap;
}

const char *
jsonw_text(const struct jsonw *w)
{
	(void)w;
	return 0;
}

size_t
jsonw_used(const struct jsonw *w)
{
	(void)w;
	return 0;
}

int
jsonw_room(struct jsonw *w, size_t need)
{
	(void)w;
	(void)need;
	return 0;
}

int
jsonw_finish(const struct jsonw *w)
{
	(void)w;
	return 0;
}

void
jsonw_object(struct jsonw *w)
{
	(void)w;
}

void
jsonw_end_object(struct jsonw *w)
{
	(void)w;
}

void
jsonw_array(struct jsonw *w)
{
	(void)w;
}

void
jsonw_end_array(struct jsonw *w)
{
	(void)w;
}

void
jsonw_key(struct jsonw *w, const char *name)
{
	(void)w;
	(void)name;
}

void
jsonw_key_bytes(struct jsonw *w, const void *name, size_t len)
{
	(void)w;
	(void)name;
	(void)len;
}

void
jsonw_u64(struct jsonw *w, uint64_t value)
{
	(void)w;
	(void)value;
}

void
jsonw_i64(struct jsonw *w, int64_t value)
{
	(void)w;
	(void)value;
}

void
jsonw_bool(struct jsonw *w, bool value)
{
	(void)w;
	(void)value;
}

void
jsonw_null(struct jsonw *w)
{
	(void)w;
}

void
jsonw_string(struct jsonw *w, const void *bytes, size_t len)
{
	(void)w;
	(void)bytes;
	(void)len;
}

void
jsonw_cstring(struct jsonw *w, const char *string)
{
	(void)w;
	(void)string;
}

void
jsonw_base64(struct jsonw *w, const void *bytes, size_t len)
{
	(void)w;
	(void)bytes;
	(void)len;
}

void
jsonw_string_begin(struct jsonw *w)
{
	(void)w;
}

void
jsonw_string_piece(struct jsonw *w, const void *bytes, size_t len)
{
	(void)w;
	(void)bytes;
	(void)len;
}

void
jsonw_base64_piece(struct jsonw *w, const void *bytes, size_t len)
{
	(void)w;
	(void)bytes;
	(void)len;
}

void
jsonw_string_end(struct jsonw *w)
{
	(void)w;
}

void
jsonw_raw(struct jsonw *w, const void *text, size_t len)
{
	(void)w;
	(void)text;
	(void)len;
}

void
jsonw_raw_value(struct jsonw *w, const void *text, size_t len)
{
	(void)w;
	(void)text;
	(void)len;
}
