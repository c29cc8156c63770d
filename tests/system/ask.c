/* SPDX-License-Identifier: ISC */
/* Calls as rows of a table. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "common/base64.h"
#include "common/log.h"
#include "common/xmalloc.h"
#include "tests/lib/call.h"
#include "tests/lib/tap.h"
#include "tests/system/ask.h"

#define ASK_MS 60000

static char *ask_uri;
static char *ask_directory;

void
ask_at(const char *directory)
{
	char *uri = xasprintf("file://%s", directory);

	ask_base(uri);
	free(uri);
	free(ask_directory);
	ask_directory = xstrdup(directory);
}

void
ask_base(const char *uri)
{
	free(ask_uri);
	ask_uri = xstrdup(uri);
}

struct json_object *
ask_json(const char *text)
{
	size_t uri_len = ask_uri == NULL ? 0 : strlen(ask_uri);
	char *json = xcalloc(strlen(text) + 1, uri_len + 1), *out = json;
	struct json_object *object;

	for (; *text != '\0'; text++)
		if (*text == '@' && ask_uri != NULL) {
			memcpy(out, ask_uri, uri_len);
			out += uri_len;
		} else {
			*out++ = *text == '\'' ? '"' : *text;
		}
	object = json_tokener_parse(json);
	if (object == NULL)
		fatalx("not JSON: %s", json);
	free(json);
	return object;
}

struct json_object *
ask_jsonf(const char *fmt, ...)
{
	struct json_object *object;
	char *text;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) == -1)
		fatalx("out of memory");
	va_end(ap);
	object = ask_json(text);
	free(text);
	return object;
}

int
ask_wait(struct call *call, int64_t id, struct json_object **result)
{
	struct json_object *reply, *found;
	int code;

	if (result != NULL)
		*result = NULL;
	reply = id == -1 ? NULL : call_wait(call, id, ASK_MS);
	if (reply == NULL)
		return 1;
	code = call_error_code(reply);
	if (code == 0 && !json_object_object_get_ex(reply, "result", &found))
		code = 1;
	else if (code == 0 && result != NULL)
		*result = json_object_get(found);
	json_object_put(reply);
	return code;
}

int
ask(struct call *call, const char *method, const char *params,
    struct json_object **result)
{
	return ask_wait(call, call_send(call, method, ask_json(params)),
	    result);
}

static int
has_members(struct json_object *result, struct json_object *wanted)
{
	struct json_object *value;

	json_object_object_foreach(wanted, name, expected) {
		if (!json_object_object_get_ex(result, name, &value) ||
		    !json_object_equal(value, expected))
			return 0;
	}
	return 1;
}

static int
is_as_wanted(struct json_object *result, const char *text)
{
	struct json_object *wanted = ask_json(text + (*text == '+'));
	int good;

	good = *text == '+' ? has_members(result, wanted) :
	    json_object_equal(result, wanted);
	json_object_put(wanted);
	return good;
}

static void
ask_row(struct call *call, const struct ask_row *row)
{
	struct json_object *result;
	int code = ask(call, row->method, row->params, &result);
	int good = code == row->code;

	if (good && result != NULL && row->result != NULL)
		good = is_as_wanted(result, row->result);
	if (good && row->holds != NULL && !row->holds(ask_directory)) {
		tap_note("what it left behind is not as it should be");
		good = 0;
	}
	tap_ok(good, "%s: %s", row->method, row->what);
	if (!good)
		tap_note("%s: code %d, %s", row->params, code,
		    result == NULL ? "no result" :
		    json_object_to_json_string(result));
	json_object_put(result);
}

void
ask_rows(struct call *call, const struct ask_row *rows, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		ask_row(call, &rows[i]);
}

char *
ask_bytes(struct json_object *object, const char *name, size_t *len)
{
	struct json_object *value;
	size_t text_len;
	ssize_t n;
	char *bytes;

	if (!json_object_object_get_ex(object, name, &value) ||
	    !json_object_is_type(value, json_type_string))
		return NULL;
	text_len = (size_t)json_object_get_string_len(value);
	bytes = xmalloc(BASE64_DECODED_MAX(text_len) + 1);
	n = base64_decode((uint8_t *)bytes, json_object_get_string(value),
	    text_len);
	if (n < 0) {
		free(bytes);
		return NULL;
	}
	bytes[n] = '\0';
	*len = (size_t)n;
	return bytes;
}

struct json_object *
ask_add_bytes(struct json_object *object, const char *name,
    const void *bytes, size_t len)
{
	char *text = xmalloc(BASE64_ENCODED_LEN(len) + 1);

	base64_encode(text, bytes, len);
	json_object_object_add(object, name, json_object_new_string_len(text,
	    (int)BASE64_ENCODED_LEN(len)));
	free(text);
	return object;
}

int64_t
ask_int(struct json_object *object, const char *name)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, name, &value))
		return -1;
	return json_object_get_int64(value);
}
