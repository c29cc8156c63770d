/* SPDX-License-Identifier: ISC */
/* Where things stand in a JSON text with comments. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/confpos.h"
#include "common/xmalloc.h"

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

/* The scan: where it is, and what the next value belongs to. */
struct confpos_scan {
	struct confpos *pos;
	const char *text;
	size_t len;
	size_t at;
	size_t counted;		/* lines up to here are in "line" */
	unsigned int line;
	size_t in;		/* the list or object around; NONE: nothing */
	size_t keyed;		/* the node whose key came; NONE: none */
};

static unsigned int
confpos_line_here(struct confpos_scan *s)
{
	for (; s->counted < s->at; s->counted++)
		if (s->text[s->counted] == '\n')
			s->line++;
	return s->line;
}

static size_t
confpos_add(struct confpos_scan *s, const char *key, size_t len)
{
	struct confpos *pos = s->pos;
	struct confpos_node *node, *up;

	if (pos->count == pos->room) {
		pos->room = pos->room == 0 ? 64 : 2 * pos->room;
		pos->nodes = xreallocarray(pos->nodes, pos->room,
		    sizeof(*pos->nodes));
	}
	node = &pos->nodes[pos->count];
	*node = (struct confpos_node){
		.key = key,
		.len = len,
		.line = confpos_line_here(s),
		.up = s->in,
		.first = CONFPOS_NONE,
		.last = CONFPOS_NONE,
		.next = CONFPOS_NONE,
	};
	if (s->in != CONFPOS_NONE) {
		up = &pos->nodes[s->in];
		if (up->last == CONFPOS_NONE) {
			up->first = pos->count;
		} else {
			pos->nodes[up->last].next = pos->count;
			node->index = pos->nodes[up->last].index + 1;
		}
		up->last = pos->count;
	}
	return pos->count++;
}

/* A value begins; in an object its key has come before. */
static size_t
confpos_value(struct confpos_scan *s)
{
	size_t node = s->keyed;

	if (node == CONFPOS_NONE)
		node = confpos_add(s, NULL, 0);
	s->keyed = CONFPOS_NONE;
	return node;
}

static void
confpos_open(struct confpos_scan *s)
{
	size_t node = confpos_value(s);

	s->pos->nodes[node].kind = s->text[s->at++];
	s->in = node;
}

static void
confpos_close(struct confpos_scan *s)
{
	s->keyed = CONFPOS_NONE;
	s->in = s->pos->nodes[s->in].up;
	s->at++;
}

static void
confpos_string(struct confpos_scan *s)
{
	size_t end = confpos_string_end(s->text, s->len, s->at), next;

	next = end < s->len ?
	    confpos_skip_blank(s->text, s->len, end + 1) : s->len;
	if (s->in != CONFPOS_NONE && s->pos->nodes[s->in].kind == '{' &&
	    next < s->len && s->text[next] == ':')
		s->keyed = confpos_add(s, s->text + s->at + 1,
		    end - s->at - 1);
	else
		(void)confpos_value(s);
	s->at = end < s->len ? end + 1 : end;
}

static void
confpos_word(struct confpos_scan *s)
{
	(void)confpos_value(s);
	while (s->at < s->len && s->text[s->at] != '\0' &&
	    strchr(" \t\r\n,:]}[{\"'/", s->text[s->at]) == NULL)
		s->at++;
}

void
confpos_scan(struct confpos *pos, const char *text, size_t len)
{
	struct confpos_scan s = {
		.pos = pos,
		.text = text,
		.len = len,
		.line = 1,
		.in = CONFPOS_NONE,
		.keyed = CONFPOS_NONE,
	};
	char c;

	*pos = (struct confpos){ 0 };
	while ((s.at = confpos_skip_blank(text, len, s.at)) < len) {
		c = text[s.at];
		/* What follows the outermost value is none of ours. */
		if (s.in == CONFPOS_NONE && pos->count > 0)
			break;
		if (c == '{' || c == '[')
			confpos_open(&s);
		else if ((c == '}' || c == ']') && s.in != CONFPOS_NONE)
			confpos_close(&s);
		else if (c == '"' || c == '\'')
			confpos_string(&s);
		else if (c == '\0' || strchr(",:}]/", c) != NULL)
			s.at++;
		else
			confpos_word(&s);
	}
}

void
confpos_clear(struct confpos *pos)
{
	free(pos->nodes);
	*pos = (struct confpos){ 0 };
}

size_t
confpos_member(const struct confpos *pos, size_t node, const char *key,
    size_t len)
{
	const struct confpos_node *child;
	size_t i;

	if (node == CONFPOS_NONE)
		return CONFPOS_NONE;
	for (i = pos->nodes[node].first; i != CONFPOS_NONE; i = child->next) {
		child = &pos->nodes[i];
		if (child->key != NULL && child->len == len &&
		    memcmp(child->key, key, len) == 0)
			return i;
	}
	return CONFPOS_NONE;
}

size_t
confpos_item(const struct confpos *pos, size_t node, size_t index)
{
	size_t i;

	if (node == CONFPOS_NONE)
		return CONFPOS_NONE;
	i = pos->nodes[node].first;
	while (i != CONFPOS_NONE && pos->nodes[i].index < index)
		i = pos->nodes[i].next;
	return i;
}

const char *
confpos_path(const struct confpos *pos, size_t node, char *out, size_t size)
{
	const struct confpos_node *n = &pos->nodes[node];
	size_t used;

	out[0] = '\0';
	if (n->up == CONFPOS_NONE)
		return out;
	confpos_path(pos, n->up, out, size);
	used = strlen(out);
	if (n->key == NULL)
		snprintf(out + used, size - used, "[%zu]", n->index);
	else
		snprintf(out + used, size - used, "%s%.*s",
		    used == 0 ? "" : ".", (int)(n->len < 80 ? n->len : 80),
		    n->key);
	return out;
}

size_t
confpos_find(const struct confpos *pos, const char *path, int *whole)
{
	size_t node = pos->count > 0 ? 0 : CONFPOS_NONE, next = node, len;

	while (next != CONFPOS_NONE && *path != '\0') {
		node = next;
		if (*path == '[') {
			next = confpos_item(pos, node,
			    (size_t)strtoul(path + 1, NULL, 10));
			path += strcspn(path, "]");
			path += *path == ']';
		} else {
			path += *path == '.';
			len = strcspn(path, ".[");
			next = confpos_member(pos, node, path, len);
			path += len;
		}
	}
	*whole = next != CONFPOS_NONE;
	return *whole ? next : node;
}
