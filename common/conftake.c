/* SPDX-License-Identifier: ISC */
/* The file side of conf.h: from JSON to values by the table. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "common/conf.h"
#include "common/confval.h"
#include "common/xmalloc.h"

#define CONF_PATH_SIZE 200

/* A value, the key it belongs to, and where both end and stand. */
struct conf_value {
	const struct conf_key *key;
	void *dest;
	struct json_object *json;
	size_t node;
	const struct conf_places *places;
	struct conf_errors *errors;
};

static void __attribute__((format(printf, 2, 3)))
conf_wrong(const struct conf_value *v, const char *fmt, ...)
{
	char path[CONF_PATH_SIZE], reason[CONF_REASON_SIZE];
	const struct confpos *pos = &v->places->pos;
	/* Under a key given twice the two do not match, and it is all lost. */
	size_t node = v->node == CONFPOS_NONE ? 0 : v->node;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	confpos_path(pos, node, path, sizeof(path));
	conf_error(v->errors, "%s:%u: %s%s%s", v->places->name,
	    pos->nodes[node].line, path, path[0] == '\0' ? "" : ": ",
	    reason);
}

static void
conf_wrong_kind(const struct conf_value *v, const char *wanted)
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

	conf_wrong(v, "must be %s, not %s", wanted,
	    kinds[json_object_get_type(v->json)]);
}

static int
conf_is(const struct conf_value *v, enum json_type type, const char *wanted)
{
	if (json_object_is_type(v->json, type))
		return 1;
	conf_wrong_kind(v, wanted);
	return 0;
}

/* The text of a string, or NULL after saying what is wrong with it. */
static const char *
conf_text_of(const struct conf_value *v, const char *wanted)
{
	const char *text;

	if (!conf_is(v, json_type_string, wanted))
		return NULL;
	text = json_object_get_string(v->json);
	if (strlen(text) == (size_t)json_object_get_string_len(v->json))
		return text;
	conf_wrong(v, "must not contain a zero byte");
	return NULL;
}

static void
conf_set(const struct conf_value *v, const char *text)
{
	char reason[CONF_REASON_SIZE];

	if (text != NULL &&
	    conf_set_text(v->key, v->dest, text, reason) == -1)
		conf_wrong(v, "%s", reason);
}

static void
conf_take_text_as(const struct conf_value *v, const char *wanted,
    const char *numeric)
{
	char digits[24];

	if ((v->key->flags & CONF_NUMERIC) == 0) {
		conf_set(v, conf_text_of(v, wanted));
	} else if (json_object_is_type(v->json, json_type_int)) {
		snprintf(digits, sizeof(digits), "%jd",
		    (intmax_t)json_object_get_int64(v->json));
		conf_set(v, digits);
	} else {
		conf_set(v, conf_text_of(v, numeric));
	}
}

static void
conf_take_string(const struct conf_value *v)
{
	conf_take_text_as(v, "a string", "a string or a whole number");
}

/* A list of one item may be written without brackets. */
static void
conf_take_list(const struct conf_value *v)
{
	struct conf_value item = *v;
	size_t i;

	conf_list_clear(conf_field(v->key, v->dest));
	if (!json_object_is_type(v->json, json_type_array)) {
		conf_take_text_as(v, "a string or a list of strings",
		    "a string, a whole number or a list of these");
		return;
	}
	for (i = 0; i < json_object_array_length(v->json); i++) {
		item.json = json_object_array_get_idx(v->json, i);
		item.node = confpos_item(&v->places->pos, v->node, i);
		conf_take_string(&item);
	}
}

static void
conf_take_map(const struct conf_value *v)
{
	struct conf_list *list = conf_field(v->key, v->dest);
	struct conf_value item = *v;
	const char *text;
	char *pair;

	if (!conf_is(v, json_type_object, "an object of strings"))
		return;
	json_object_object_foreach(v->json, name, json) {
		item.json = json;
		item.node = confpos_member(&v->places->pos, v->node, name,
		    strlen(name));
		if (item.node == CONFPOS_NONE)
			continue;
		if (name[0] == '\0' || strchr(name, '=') != NULL)
			conf_wrong(&item, "cannot be a name");
		text = conf_text_of(&item, "a string");
		if (text == NULL)
			continue;
		pair = xasprintf("%s=%s", name, text);
		conf_list_add(list, pair);
		free(pair);
	}
}

/* Returns 0, or -1 after saying what is wrong. */
static int
conf_number_of(const struct conf_value *v, uint64_t *number)
{
	if (!conf_is(v, json_type_int, "a whole number"))
		return -1;
	if (json_object_get_int64(v->json) < 0) {
		conf_wrong(v, "must not be negative");
		return -1;
	}
	*number = json_object_get_uint64(v->json);
	return 0;
}

static void
conf_take_number(const struct conf_value *v)
{
	char reason[CONF_REASON_SIZE];
	uint64_t number;

	if (conf_number_of(v, &number) == 0 &&
	    conf_set_number(v->key, v->dest, number, reason) == -1)
		conf_wrong(v, "%s", reason);
}

static void
conf_take_flag(const struct conf_value *v)
{
	if (conf_is(v, json_type_boolean, "true or false"))
		*(int *)conf_field(v->key, v->dest) =
		    json_object_get_boolean(v->json);
}

/* Half of a pair, or all of it. */
static int
conf_half_of(const struct conf_value *v, uint64_t *number)
{
	const char *text;

	if (json_object_is_type(v->json, json_type_string)) {
		text = json_object_get_string(v->json);
		if (strcmp(text, "unlimited") == 0) {
			*number = CONF_UNLIMITED;
			return 0;
		}
		conf_wrong(v, "must be a whole number or \"unlimited\", not "
		    "\"%.60s\"", text);
		return -1;
	}
	if (conf_number_of(v, number) == -1)
		return -1;
	if (*number >= v->key->min && *number <= v->key->max)
		return 0;
	conf_wrong(v, "must be between %ju and %ju, not %ju",
	    (uintmax_t)v->key->min, (uintmax_t)v->key->max,
	    (uintmax_t)*number);
	return -1;
}

static int
conf_take_halves(const struct conf_value *v, struct conf_pair *pair)
{
	struct conf_value half = *v;
	int wrong = 0, soft = 0, hard = 0;

	json_object_object_foreach(v->json, name, json) {
		half.json = json;
		half.node = confpos_member(&v->places->pos, v->node, name,
		    strlen(name));
		if (half.node == CONFPOS_NONE)
			continue;
		if (strcmp(name, "soft") == 0) {
			soft = 1;
			wrong |= conf_half_of(&half, &pair->soft);
		} else if (strcmp(name, "hard") == 0) {
			hard = 1;
			wrong |= conf_half_of(&half, &pair->hard);
		} else {
			conf_wrong(&half, "unknown key");
			wrong = -1;
		}
	}
	if (!soft || !hard) {
		conf_wrong(v, "needs both \"soft\" and \"hard\"");
		return -1;
	}
	return wrong;
}

static void
conf_take_pair(const struct conf_value *v)
{
	struct conf_pair pair = { .given = 1 };

	if (json_object_is_type(v->json, json_type_object)) {
		if (conf_take_halves(v, &pair) == -1)
			return;
	} else {
		if (conf_half_of(v, &pair.soft) == -1)
			return;
		pair.hard = pair.soft;
	}
	if (pair.soft > pair.hard)
		conf_wrong(v, "\"soft\" must not be above \"hard\"");
	else
		*(struct conf_pair *)conf_field(v->key, v->dest) = pair;
}

static void
conf_take_table(const struct conf_value *v)
{
	if (conf_is(v, json_type_object, "an object"))
		conf_take_object(v->key->keys, v->key->nkeys,
		    conf_field(v->key, v->dest), v->json, v->node, v->places,
		    v->errors);
}

static void
conf_take_rows(const struct conf_value *v)
{
	struct conf_value row = *v;
	void *dest;
	size_t i;

	if (!conf_is(v, json_type_array, "a list of objects"))
		return;
	for (i = 0; i < json_object_array_length(v->json); i++) {
		row.json = json_object_array_get_idx(v->json, i);
		row.node = confpos_item(&v->places->pos, v->node, i);
		/* A row that is none still counts: paths name its number. */
		dest = conf_rows_add(v->key, conf_field(v->key, v->dest));
		if (conf_is(&row, json_type_object, "an object"))
			conf_take_object(v->key->keys, v->key->nkeys, dest,
			    row.json, row.node, v->places, v->errors);
	}
}

static void (*const conf_takers[])(const struct conf_value *) = {
	[CONF_FLAG] = conf_take_flag,
	[CONF_NUMBER] = conf_take_number,
	[CONF_STRING] = conf_take_string,
	[CONF_LIST] = conf_take_list,
	[CONF_WORD] = conf_take_string,
	[CONF_MODE] = conf_take_string,
	[CONF_MAP] = conf_take_map,
	[CONF_PAIR] = conf_take_pair,
	[CONF_TABLE] = conf_take_table,
	[CONF_ROWS] = conf_take_rows,
};

static const struct conf_key *
conf_find_key(const struct conf_key *keys, size_t n, const char *name)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

static void
conf_report_missing(const struct conf_key *keys, size_t n,
    const struct conf_value *v)
{
	const struct conf_key *key;

	for (key = keys; key < keys + n; key++)
		if ((key->flags & CONF_REQUIRED) &&
		    !json_object_object_get_ex(v->json, key->name, NULL))
			conf_wrong(v, "needs \"%s\"", key->name);
}

void
conf_take_object(const struct conf_key *keys, size_t n, void *dest,
    struct json_object *object, size_t node,
    const struct conf_places *places, struct conf_errors *errors)
{
	struct conf_value v = {
		.dest = dest,
		.json = object,
		.node = node,
		.places = places,
		.errors = errors,
	};

	conf_report_missing(keys, n, &v);
	json_object_object_foreach(object, name, json) {
		v.key = conf_find_key(keys, n, name);
		v.json = json;
		v.node = confpos_member(&places->pos, node, name,
		    strlen(name));
		/* Written with an escape, which is complained about there. */
		if (v.node == CONFPOS_NONE)
			continue;
		if (v.key == NULL)
			conf_wrong(&v, "unknown key");
		else if (v.key->flags & CONF_ARGS_ONLY)
			conf_wrong(&v, "only an option of the command line");
		else
			conf_takers[v.key->type](&v);
	}
}
