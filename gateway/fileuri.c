/* SPDX-License-Identifier: ISC */
/* File URIs to paths, in one pass over the text, and back. */
#include "config.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "gateway/fileuri.h"

/*
 * A slash that came out of %2F separates no segments.  Until the end it is
 * kept as a NUL, which cannot stand in a path for anything else.
 */
#define ESCAPED_SLASH '\0'

#define HOST_MAX 255

struct scan {
	const char *at;
	const char *end;
};

struct segment {
	size_t chars;		/* characters of the URI it consists of */
	bool dots;		/* all of them dots, escaped or not */
	bool drive;		/* its first two are a letter and : or | */
};

struct path {
	char *out;
	size_t cap;
	size_t len;
};

static bool
is_alpha(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int
hex_value(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The next character, or -1; tabs and line ends do not exist. */
static int
scan_next(struct scan *s)
{
	char c;

	while (s->at < s->end) {
		c = *s->at++;
		if (c != '\t' && c != '\n' && c != '\r')
			return (unsigned char)c;
	}
	return -1;
}

static int
scan_peek(const struct scan *s)
{
	struct scan ahead = *s;

	return scan_next(&ahead);
}

/* Browsers take a backslash for a slash in the schemes they know. */
static bool
is_slash(int c)
{
	return c == '/' || c == '\\';
}

/* A byte, percent-decoded; "*escaped" tells whether it was encoded. */
static int
scan_byte(struct scan *s, bool *escaped)
{
	struct scan ahead;
	int c, high, low;

	*escaped = false;
	if ((c = scan_next(s)) != '%')
		return c;
	ahead = *s;
	if ((high = hex_value(scan_next(&ahead))) == -1 ||
	    (low = hex_value(scan_next(&ahead))) == -1)
		return c;
	*s = ahead;
	*escaped = true;
	return high << 4 | low;
}

static void
scan_trim(struct scan *s)
{
	while (s->at < s->end && (unsigned char)*s->at <= ' ')
		s->at++;
	while (s->end > s->at && (unsigned char)s->end[-1] <= ' ')
		s->end--;
}

static bool
scan_scheme(struct scan *s)
{
	const char *want = "file:";
	int c;

	for (; *want != '\0'; want++) {
		if ((c = scan_next(s)) == -1)
			return false;
		if (is_alpha(c))
			c |= 'a' ^ 'A';
		if (c != *want)
			return false;
	}
	return true;
}

/*
 * The host, up to the slash behind it.  What no host may contain also covers
 * user information and ports.
 */
static enum fileuri_error
scan_host(struct scan *s)
{
	char host[HOST_MAX + 1];
	bool bracket, escaped;
	size_t len = 0;
	int c;

	bracket = scan_peek(s) == '[';
	while ((c = scan_peek(s)) != -1 && !is_slash(c)) {
		c = scan_byte(s, &escaped);
		if (len == HOST_MAX)
			return FILEURI_INVALID;
		host[len++] = (char)c;
	}
	host[len] = '\0';
	if (len == 0 || strcasecmp(host, "localhost") == 0)
		return FILEURI_OK;
	if (len == 2 && is_alpha(host[0]) &&
	    (host[1] == ':' || host[1] == '|'))
		return FILEURI_FOREIGN;
	for (; len > 0; len--) {
		c = (unsigned char)host[len - 1];
		if (c <= ' ' || c == 0x7f ||
		    strchr(bracket ? "@/\\%<>^|" : ":@/\\%<>^|[]", c) != NULL)
			return FILEURI_INVALID;
	}
	return FILEURI_FOREIGN;
}

static int
path_put(struct path *p, int c)
{
	/* One byte is left for the terminator. */
	if (p->len + 1 >= p->cap)
		return -1;
	p->out[p->len++] = (char)c;
	return 0;
}

/* Cut the path's last segment off. */
static void
path_pop(struct path *p)
{
	while (p->len > 0 && p->out[--p->len] != '/')
		continue;
}

/* Read one segment behind its slash and append it to the path. */
static enum fileuri_error
scan_segment(struct scan *s, struct path *p)
{
	struct segment seg = { 0, true, true };
	size_t start = p->len;
	bool escaped;
	int c;

	if (path_put(p, '/') == -1)
		return FILEURI_TOO_LONG;
	while ((c = scan_peek(s)) != -1 && !is_slash(c)) {
		c = scan_byte(s, &escaped);
		if (c == '\0')
			return FILEURI_INVALID;
		if (c != '.')
			seg.dots = false;
		if (escaped || (seg.chars == 0 && !is_alpha(c)) ||
		    (seg.chars == 1 && c != ':' && c != '|'))
			seg.drive = false;
		seg.chars++;
		if (path_put(p, c == '/' ? ESCAPED_SLASH : c) == -1)
			return FILEURI_TOO_LONG;
	}
	if (start == 0 && seg.drive && seg.chars == 2)
		return FILEURI_FOREIGN;
	if (seg.dots && (seg.chars == 1 || seg.chars == 2)) {
		p->len = start;
		if (seg.chars == 2)
			path_pop(p);
	} else if (start == 0 && seg.chars == 0)
		p->len = 0;
	return FILEURI_OK;
}

static void
path_finish(struct path *p)
{
	size_t i;

	while (p->len > 1 && p->out[p->len - 1] == '/')
		p->len--;
	for (i = 0; i < p->len; i++)
		if (p->out[i] == ESCAPED_SLASH)
			p->out[i] = '/';
	if (p->len == 0)
		p->out[p->len++] = '/';
	p->out[p->len] = '\0';
}

enum fileuri_error
fileuri_decode(const char *uri, size_t len, char *path, size_t cap,
    size_t *path_len)
{
	struct scan s = { uri, uri + len };
	struct path p = { path, cap, 0 };
	enum fileuri_error error = FILEURI_OK, seen;

	if (cap < 2)
		return FILEURI_TOO_LONG;
	scan_trim(&s);
	if (!scan_scheme(&s) ||
	    memchr(s.at, '?', (size_t)(s.end - s.at)) != NULL ||
	    memchr(s.at, '#', (size_t)(s.end - s.at)) != NULL)
		return FILEURI_INVALID;
	if (is_slash(scan_peek(&s))) {
		(void)scan_next(&s);
		if (is_slash(scan_peek(&s))) {
			(void)scan_next(&s);
			if ((error = scan_host(&s)) == FILEURI_INVALID)
				return error;
			(void)scan_next(&s);
		}
	}
	/* A foreign URI may still turn out to be none at all. */
	do {
		if ((seen = scan_segment(&s, &p)) == FILEURI_INVALID)
			return seen;
		if (error == FILEURI_OK)
			error = seen;
		if (seen != FILEURI_OK)
			p.len = 0;
	} while (scan_next(&s) != -1);
	if (error != FILEURI_OK)
		return error;
	path_finish(&p);
	*path_len = p.len;
	return FILEURI_OK;
}

static bool
must_escape(unsigned char c)
{
	return c <= ' ' || c >= 0x7f || strchr("\"#%<>?\\^`{|}", c) != NULL;
}

/*
 * Where the colon is that would have the path be read as one on a Windows
 * drive; "len" for nowhere.
 */
static size_t
drive_colon(const char *path, size_t len)
{
	size_t i = 0;

	while (i < len && path[i] == '/')
		i++;
	if (len - i < 2 || !is_alpha((unsigned char)path[i]) ||
	    path[i + 1] != ':' || (len - i > 2 && path[i + 2] != '/'))
		return len;
	return i + 1;
}

ssize_t
fileuri_encode(const char *path, size_t len, char *out, size_t cap)
{
	static const char digits[] = "0123456789ABCDEF";
	static const char head[] = "file://";
	size_t colon, i, n = sizeof(head) - 1;
	unsigned char c;

	if (len == 0 || path[0] != '/' || cap < n)
		return -1;
	while (len > 1 && path[len - 1] == '/')
		len--;
	colon = drive_colon(path, len);
	memcpy(out, head, n);
	for (i = 0; i < len; i++) {
		c = (unsigned char)path[i];
		if (!must_escape(c) && i != colon) {
			if (n == cap)
				return -1;
			out[n++] = (char)c;
			continue;
		}
		if (cap - n < 3)
			return -1;
		out[n++] = '%';
		out[n++] = digits[c >> 4];
		out[n++] = digits[c & 15];
	}
	return (ssize_t)n;
}
