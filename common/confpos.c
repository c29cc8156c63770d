/* SPDX-License-Identifier: ISC */
/* Where things stand in a JSON text with comments. */
#include "config.h"

#include <string.h>

#include "common/confpos.h"

unsigned int
confpos_line(const char *text, size_t len, size_t offset)
{
	unsigned int line = 1;
	size_t i;

	for (i = 0; i < offset && i < len; i++)
		if (text[i] == '\n')
			line++;
	return line;
}

/* Past the comment that starts at "i", or "i" when none does. */
static size_t
confpos_skip_comment(const char *text, size_t len, size_t i)
{
	if (i + 1 >= len || text[i] != '/')
		return i;
	if (text[i + 1] == '/') {
		while (i < len && text[i] != '\n')
			i++;
	} else if (text[i + 1] == '*') {
		for (i += 2; i + 1 < len; i++)
			if (text[i] == '*' && text[i + 1] == '/')
				return i + 2;
		return len;
	}
	return i;
}

size_t
confpos_skip_blank(const char *text, size_t len, size_t i)
{
	size_t next;

	while (i < len) {
		if (text[i] != '\0' && strchr(" \t\r\n", text[i]) != NULL) {
			i++;
			continue;
		}
		next = confpos_skip_comment(text, len, i);
		if (next == i)
			break;
		i = next;
	}
	return i;
}

/* The offset of the quote that ends the string opened at "i", or "len". */
static size_t
confpos_string_end(const char *text, size_t len, size_t i)
{
	char quote = text[i];

	for (i++; i < len && text[i] != quote; i++)
		if (text[i] == '\\')
			i++;
	return i < len ? i : len;
}

size_t
confpos_keys(const char *text, size_t len, struct confpos_key *keys, size_t max)
{
	size_t depth = 0, end, i, next, found = 0;

	for (i = 0; (i = confpos_skip_blank(text, len, i)) < len; i++) {
		if (text[i] == '{' || text[i] == '[') {
			depth++;
		} else if (text[i] == '}' || text[i] == ']') {
			if (depth > 0)
				depth--;
		} else if (text[i] == '"' || text[i] == '\'') {
			end = confpos_string_end(text, len, i);
			next = end < len ?
			    confpos_skip_blank(text, len, end + 1) : len;
			if (depth == 1 && next < len && text[next] == ':' &&
			    found < max) {
				keys[found].text = text + i + 1;
				keys[found].len = end - i - 1;
				keys[found].line = confpos_line(text, len, i);
				found++;
			}
			i = end;
		}
	}
	return found;
}
