/* SPDX-License-Identifier: ISC */
/* Hostile text made harmless. */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include "contrib/ctl/safe.h"

static size_t
sequence_len(uint8_t lead)
{
	if (lead < 0x80)
		return 1;
	if (lead < 0xc2 || lead > 0xf4)
		return 0;
	return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

uint32_t
safe_next(struct span *bytes)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const uint8_t *p = bytes->p;
	size_t len = sequence_len(p[0]), i;
	uint32_t c = len < 2 ? p[0] : p[0] & (0x7fu >> len);
	int bad = len == 0 || len > bytes->len;

	for (i = 1; !bad && i < len; i++) {
		bad = (p[i] & 0xc0) != 0x80;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (bad || c < least[len] || c > 0x10ffff ||
	    (c >= 0xd800 && c <= 0xdfff)) {
		len = 1;
		c = SAFE_NONE;
	}
	bytes->p += len;
	bytes->len -= len;
	return c;
}

/* What is not seen, or changes how the rest is. */
static const struct {
	uint32_t first, last;
} hidden[] = {
	{ 0x0000, 0x001f },
	{ 0x007f, 0x009f },
	{ 0x00ad, 0x00ad },	/* soft hyphen */
	{ 0x061c, 0x061c },
	{ 0x180e, 0x180e },
	{ 0x200b, 0x200f },	/* of no width; directions */
	{ 0x2028, 0x202e },
	{ 0x2060, 0x206f },
	{ 0xd800, 0xf8ff },	/* surrogates, private use */
	{ 0xfe00, 0xfe0f },
	{ 0xfeff, 0xfeff },
	{ 0xfff0, 0xffff },
	{ 0xe0000, 0x10ffff },
};

int
safe_width(uint32_t c)
{
	size_t i;
	int width;

	if (c == SAFE_NONE)
		return -1;
	for (i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
		if (c >= hidden[i].first && c <= hidden[i].last)
			return -1;
	if (c < 0x80)
		return 1;
	width = wcwidth((wchar_t)c);
	/* What adds to the character before it could pile up. */
	return width > 0 ? width : -1;
}

size_t
safe_put(struct writer *w, struct span bytes, int utf8)
{
	const uint8_t *at;
	char text[8];
	size_t columns = 0;
	uint32_t c;
	int width;

	while (bytes.len > 0) {
		at = bytes.p;
		c = safe_next(&bytes);
		width = c < 0x80 || utf8 ? safe_width(c) : -1;
		if (width > 0 && c != '\\') {
			writer_put(w, at, (size_t)(bytes.p - at));
			columns += (size_t)width;
			continue;
		}
		for (; at < bytes.p; at++) {
			snprintf(text, sizeof(text), *at == '\\' ?
			    "\\\\" : "\\x%02x", *at);
			writer_put(w, text, strlen(text));
			columns += strlen(text);
		}
	}
	return columns;
}

void
safe_put_json(struct writer *w, struct span bytes)
{
	char text[16];
	uint32_t c;

	writer_put_u8(w, '"');
	while (bytes.len > 0) {
		c = safe_next(&bytes);
		if (c == SAFE_NONE)
			c = 0xfffd;
		if (c == '"' || c == '\\')
			snprintf(text, sizeof(text), "\\%c", (char)c);
		else if (c >= ' ' && c < 0x7f)
			snprintf(text, sizeof(text), "%c", (char)c);
		else if (c < 0x10000)
			snprintf(text, sizeof(text), "\\u%04x",
			    (unsigned int)c);
		else
			snprintf(text, sizeof(text), "\\u%04x\\u%04x",
			    (unsigned int)(0xd800 + ((c - 0x10000) >> 10)),
			    (unsigned int)(0xdc00 + ((c - 0x10000) & 0x3ff)));
		writer_put(w, text, strlen(text));
	}
	writer_put_u8(w, '"');
}
