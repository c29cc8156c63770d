/* SPDX-License-Identifier: ISC */
/* The file side of conf.h: JSON with comments to values by the table. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "common/conf.h"
#include "common/confpos.h"
#include "common/confval.h"

#define CONF_FILE_MAX (256 * 1024)
#define CONF_FILE_KEYS 256
#define CONF_FILE_DEPTH 8

/* One text being taken. */
struct conf_text {
	const struct conf_key *keys;
	size_t nkeys;
	void *dest;
	const char *name;
	const char *text;
	size_t len;
	struct confpos_key places[CONF_FILE_KEYS];
	size_t nplaces;
	struct conf_errors *errors;
};

static unsigned int
conf_line_of(const struct conf_text *t, const char *key)
{
	size_t i, len = strlen(key);

	for (i = 0; i < t->nplaces; i++)
		if (t->places[i].len == len &&
		    memcmp(t->places[i].text, key, len) == 0)
			return t->places[i].line;
	return 1;
}

static int
conf_wrong_kind(const char *wanted, struct json_object *value, char *reason)
{
	static const char *const kinds[] = {
		[json_type_null] = "null",
		[json_type_boolean] = "a boolean",
		[json_type_double] = "a fraction",
		[json_type_int] = "a number",
		[json_type_object] = "an object",
		[json_type_array] = "a list",
		[json_type_string] = "a string",
	};

	snprintf(reason, CONF_REASON_SIZE, "must be %s, not %s", wanted,
	    kinds[json_object_get_type(value)]);
	return -1;
}

static int
conf_take_string(const struct conf_key *key, void *dest,
    struct json_object *value, const char *wanted, char *reason)
{
	const char *text;

	if (!json_object_is_type(value, json_type_string))
		return conf_wrong_kind(wanted, value, reason);
	text = json_object_get_string(value);
	if (strlen(text) != (size_t)json_object_get_string_len(value)) {
		strlcpy(reason, "must not contain a zero byte",
		    CONF_REASON_SIZE);
		return -1;
	}
	return conf_set_text(key, dest, text, reason);
}

static int
conf_take_list(const struct conf_key *key, void *dest,
    struct json_object *value, char *reason)
{
	static const char wanted[] = "a string or a list of strings";
	size_t i;

	conf_list_clear(conf_field(key, dest));
	if (!json_object_is_type(value, json_type_array))
		return conf_take_string(key, dest, value, wanted, reason);
	for (i = 0; i < json_object_array_length(value); i++)
		if (conf_take_string(key, dest,
		    json_object_array_get_idx(value, i), wanted, reason) == -1)
			return -1;
	return 0;
}

static int
conf_take_number(const struct conf_key *key, void *dest,
    struct json_object *value, char *reason)
{
	if (!json_object_is_type(value, json_type_int))
		return conf_wrong_kind("a whole number", value, reason);
	if (json_object_get_int64(value) < 0) {
		strlcpy(reason, "must not be negative", CONF_REASON_SIZE);
		return -1;
	}
	return conf_set_number(key, dest, json_object_get_uint64(value),
	    reason);
}

static int
conf_take_flag(const struct conf_key *key, void *dest,
    struct json_object *value, char *reason)
{
	if (!json_object_is_type(value, json_type_boolean))
		return conf_wrong_kind("true or false", value, reason);
	*(int *)conf_field(key, dest) = json_object_get_boolean(value);
	return 0;
}

static int
conf_take_value(const struct conf_key *key, void *dest,
    struct json_object *value, char *reason)
{
	switch (key->type) {
	case CONF_FLAG:
		return conf_take_flag(key, dest, value, reason);
	case CONF_NUMBER:
		return conf_take_number(key, dest, value, reason);
	case CONF_LIST:
		return conf_take_list(key, dest, value, reason);
	case CONF_STRING:
	case CONF_WORD:
		break;
	}
	return conf_take_string(key, dest, value, "a string", reason);
}

static const struct conf_key *
conf_find_key(const struct conf_text *t, const char *name)
{
	size_t i;

	for (i = 0; i < t->nkeys; i++)
		if (strcmp(t->keys[i].name, name) == 0)
			return &t->keys[i];
	return NULL;
}

static void
conf_take_member(struct conf_text *t, const char *name,
    struct json_object *value)
{
	const struct conf_key *key = conf_find_key(t, name);
	unsigned int line = conf_line_of(t, name);
	char reason[CONF_REASON_SIZE];

	if (key == NULL)
		conf_error(t->errors, "%s:%u: %.80s: unknown key", t->name,
		    line, name);
	else if (key->flags & CONF_ARGS_ONLY)
		conf_error(t->errors, "%s:%u: %s: only an option of the "
		    "command line", t->name, line, name);
	else if (conf_take_value(key, t->dest, value, reason) == -1)
		conf_error(t->errors, "%s:%u: %s: %s", t->name, line, name,
		    reason);
}

/* json-c keeps the last of two equal keys, which hides a mistake. */
static void
conf_report_twice(struct conf_text *t)
{
	const struct confpos_key *a, *b;
	size_t i, j;

	for (i = 1; i < t->nplaces; i++)
		for (j = 0; j < i; j++) {
			a = &t->places[j];
			b = &t->places[i];
			if (a->len != b->len ||
			    memcmp(a->text, b->text, a->len) != 0)
				continue;
			conf_error(t->errors, "%s:%u: %.*s: already given on "
			    "line %u", t->name, b->line,
			    (int)(b->len < 80 ? b->len : 80), b->text,
			    a->line);
			break;
		}
}

static struct json_object *
conf_parse_json(struct conf_text *t)
{
	struct json_tokener *tok = json_tokener_new_ex(CONF_FILE_DEPTH);
	struct json_object *root;
	enum json_tokener_error error;
	const char *what = NULL;
	size_t end, rest;

	if (tok == NULL) {
		conf_error(t->errors, "%s: out of memory", t->name);
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
		conf_error(t->errors, "%s:%u: %s", t->name,
		    confpos_line(t->text, t->len, end), what);
		json_object_put(root);
		root = NULL;
	}
	json_tokener_free(tok);
	return root;
}

void
conf_take_text(const struct conf_key *keys, size_t n, void *dest,
    const char *name, const char *text, size_t len,
    struct conf_errors *errors)
{
	struct conf_text t = {
		.keys = keys,
		.nkeys = n,
		.dest = dest,
		.name = name,
		.text = text,
		.len = len,
		.errors = errors,
	};
	struct json_object *root;

	root = conf_parse_json(&t);
	if (root == NULL)
		return;
	t.nplaces = confpos_keys(text, len, t.places, CONF_FILE_KEYS);
	json_object_object_foreach(root, key, value)
		conf_take_member(&t, key, value);
	conf_report_twice(&t);
	json_object_put(root);
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
    const char *path, struct conf_errors *errors)
{
	char *text = malloc(CONF_FILE_MAX + 1);
	ssize_t len = -1;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd != -1 && text != NULL)
		len = conf_read(fd, text, CONF_FILE_MAX + 1);
	if (len == -1)
		conf_error(errors, "%s: %s", path, strerror(errno));
	else
		conf_take_text(keys, n, dest, path, text, (size_t)len, errors);
	if (fd != -1)
		close(fd);
	free(text);
}
