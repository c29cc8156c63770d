/* SPDX-License-Identifier: ISC */
/* The file side of conf.h: JSON with comments, and where things stand. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "common/conf.h"
#include "common/confpos.h"
#include "common/confval.h"
#include "common/xmalloc.h"

#define CONF_FILE_MAX (1024 * 1024)
#define CONF_FILE_DEPTH 8
#define CONF_PATH_SIZE 200

static struct json_object *
conf_parse_json(const struct conf_places *t, struct conf_errors *errors)
{
	struct json_tokener *tok = json_tokener_new_ex(CONF_FILE_DEPTH);
	struct json_object *root;
	enum json_tokener_error error;
	const char *what = NULL;
	size_t end, rest;

	if (tok == NULL) {
		conf_error(errors, "%s: out of memory", t->name);
		return NULL;
	}
	json_tokener_set_flags(tok, JSON_TOKENER_VALIDATE_UTF8);
	root = json_tokener_parse_ex(tok, t->text, (int)t->len);
	error = json_tokener_get_error(tok);
	end = json_tokener_get_parse_end(tok);
	rest = confpos_skip_blank(t->text, t->len, end);
	if (error == json_tokener_continue) {
		what = "ends in the middle";
	} else if (error != json_tokener_success) {
		what = json_tokener_error_desc(error);
	} else if (rest < t->len) {
		what = "something follows the object";
		end = rest;
	} else if (!json_object_is_type(root, json_type_object)) {
		what = "must be one object, { ... }";
		end = 0;
	}
	if (what != NULL) {
		conf_error(errors, "%s:%u: %s", t->name,
		    confpos_line(t->text, t->len, end), what);
		json_object_put(root);
		root = NULL;
	}
	json_tokener_free(tok);
	return root;
}

/*
 * json-c keeps the last of two equal keys, which hides a mistake.  A key with
 * an escape in it could be equal to another without looking so; no key needs
 * one.
 */
static void
conf_report_keys(const struct conf_places *t, struct conf_errors *errors)
{
	const struct confpos_node *node;
	char path[CONF_PATH_SIZE];
	size_t i, first;

	for (i = 1; i < t->pos.count; i++) {
		node = &t->pos.nodes[i];
		if (node->key == NULL)
			continue;
		confpos_path(&t->pos, i, path, sizeof(path));
		first = confpos_member(&t->pos, node->up, node->key,
		    node->len);
		if (memchr(node->key, '\\', node->len) != NULL)
			conf_error(errors, "%s:%u: %s: a key cannot have an "
			    "escape in it", t->name, node->line, path);
		else if (first != i)
			conf_error(errors, "%s:%u: %s: already given on line "
			    "%u", t->name, node->line, path,
			    t->pos.nodes[first].line);
	}
}

static struct conf_places *
conf_places_new(const char *name, const char *text, size_t len)
{
	struct conf_places *places = xcalloc(1, sizeof(*places));

	places->name = xstrdup(name);
	places->text = xmalloc(len + 1);
	memcpy(places->text, text, len);
	places->text[len] = '\0';
	places->len = len;
	return places;
}

void
conf_places_free(struct conf_places *places)
{
	if (places == NULL)
		return;
	confpos_clear(&places->pos);
	free(places->name);
	free(places->text);
	free(places);
}

int
conf_places_has(const struct conf_places *places, const char *path)
{
	int whole;

	if (places == NULL)
		return 0;
	(void)confpos_find(&places->pos, path, &whole);
	return whole;
}

void
conf_places_print(const struct conf_places *places, const char *path,
    char *text, size_t size)
{
	size_t node = places == NULL ? CONFPOS_NONE : 0;
	int whole;

	if (node != CONFPOS_NONE)
		node = confpos_find(&places->pos, path, &whole);
	if (node == CONFPOS_NONE || node == 0)
		snprintf(text, size, "%.160s: ", path);
	else
		snprintf(text, size, "%s:%u: %.160s: ", places->name,
		    places->pos.nodes[node].line, path);
}

void
conf_take_text(const struct conf_key *keys, size_t n, void *dest,
    const char *name, const char *text, size_t len,
    struct conf_places **places, struct conf_errors *errors)
{
	struct conf_places *t = conf_places_new(name, text, len);
	struct json_object *root = conf_parse_json(t, errors);

	if (root != NULL) {
		confpos_scan(&t->pos, t->text, t->len);
		conf_take_object(keys, n, dest, root, 0, t, errors);
		conf_report_keys(t, errors);
		json_object_put(root);
	}
	if (places != NULL && root != NULL) {
		*places = t;
		return;
	}
	if (places != NULL)
		*places = NULL;
	conf_places_free(t);
}

/* Read all of "fd".  Returns how many bytes, or -1 with errno. */
static ssize_t
conf_read(int fd, char *text, size_t max)
{
	size_t len = 0;
	ssize_t got;

	while ((got = read(fd, text + len, max - len)) > 0)
		len += (size_t)got;
	if (got == 0 && len == max) {
		errno = EFBIG;
		return -1;
	}
	return got == 0 ? (ssize_t)len : -1;
}

void
conf_take_file(const struct conf_key *keys, size_t n, void *dest,
    const char *path, struct conf_places **places, struct conf_errors *errors)
{
	char *text = malloc(CONF_FILE_MAX + 1);
	ssize_t len = -1;
	int fd;

	if (places != NULL)
		*places = NULL;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd != -1 && text != NULL)
		len = conf_read(fd, text, CONF_FILE_MAX + 1);
	if (len == -1)
		conf_error(errors, "%s: %s", path, strerror(errno));
	else
		conf_take_text(keys, n, dest, path, text, (size_t)len, places,
		    errors);
	if (fd != -1)
		close(fd);
	free(text);
}
