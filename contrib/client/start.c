/* SPDX-License-Identifier: ISC */
/* What a job is started with: the parameters of process/start. */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "common/xmalloc.h"
#include "contrib/client/start.h"

char *
start_file_uri(const char *path)
{
	static const char plain[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	    "-._~/";
	static const char hex[] = "0123456789ABCDEF";
	static const char scheme[] = "file://";
	char *uri = xreallocarray(NULL, strlen(path) + sizeof(scheme), 3);
	char *out = uri + sizeof(scheme) - 1;
	const unsigned char *p;

	memcpy(uri, scheme, sizeof(scheme));
	for (p = (const unsigned char *)path; *p != '\0'; p++) {
		if (strchr(plain, *p) != NULL)
			*out++ = (char)*p;
		else {
			*out++ = '%';
			*out++ = hex[*p >> 4];
			*out++ = hex[*p & 15];
		}
	}
	*out = '\0';
	return uri;
}

/* Bytes that follow the first one, with its least and most second byte. */
static int
start_utf8_tail(unsigned char c, unsigned char *least, unsigned char *most)
{
	*least = 0x80;
	*most = 0xbf;
	if (c < 0x80)
		return 0;
	if (c >= 0xc2 && c <= 0xdf)
		return 1;
	if (c >= 0xe0 && c <= 0xef) {
		if (c == 0xe0)
			*least = 0xa0;
		if (c == 0xed)
			*most = 0x9f;
		return 2;
	}
	if (c >= 0xf0 && c <= 0xf4) {
		if (c == 0xf0)
			*least = 0x90;
		if (c == 0xf4)
			*most = 0x8f;
		return 3;
	}
	return -1;
}

int
start_is_utf8(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	unsigned char least, most;
	int n;

	while (*p != '\0') {
		if ((n = start_utf8_tail(*p++, &least, &most)) == -1)
			return 0;
		for (; n > 0; n--, p++) {
			if (*p < least || *p > most)
				return 0;
			least = 0x80;
			most = 0xbf;
		}
	}
	return 1;
}

static struct json_object *
start_argv(char *const *argv, char *why, size_t why_size)
{
	struct json_object *list = json_object_new_array();
	int i;

	for (i = 0; argv[i] != NULL; i++) {
		if (!start_is_utf8(argv[i])) {
			snprintf(why, why_size, "%s %d is not UTF-8, which is "
			    "all that the protocol can carry",
			    i == 0 ? "the command, argument" : "argument", i);
			json_object_put(list);
			return NULL;
		}
		json_object_array_add(list, json_object_new_string(argv[i]));
	}
	return list;
}

static struct json_object *
start_env(char *const *env)
{
	struct json_object *object = json_object_new_object();
	const char *equals;
	char *name;

	for (; *env != NULL; env++) {
		equals = strchr(*env, '=');
		/* What JSON can't carry stays here, as options.c says. */
		if (equals == NULL || equals == *env || !start_is_utf8(*env))
			continue;
		name = xasprintf("%.*s", (int)(equals - *env), *env);
		json_object_object_add(object, name,
		    json_object_new_string(equals + 1));
		free(name);
	}
	return object;
}

/* All that the server's user has; secrets are as safe there as here. */
static struct json_object *
start_env_policy(void)
{
	struct json_object *policy = json_object_new_object();

	json_object_object_add(policy, "inherit",
	    json_object_new_string("all"));
	json_object_object_add(policy, "ignoreDefaultExcludes",
	    json_object_new_boolean(1));
	json_object_object_add(policy, "exclude", json_object_new_array());
	json_object_object_add(policy, "set", json_object_new_object());
	json_object_object_add(policy, "includeOnly",
	    json_object_new_array());
	return policy;
}

static struct json_object *
start_size(int rows, int cols)
{
	struct json_object *size = json_object_new_object();

	json_object_object_add(size, "rows", json_object_new_int(rows));
	json_object_object_add(size, "cols", json_object_new_int(cols));
	return size;
}

struct json_object *
start_params(const struct start *start, char *why, size_t why_size)
{
	struct json_object *params, *argv;
	char *uri;

	if ((argv = start_argv(start->argv, why, why_size)) == NULL)
		return NULL;
	params = json_object_new_object();
	json_object_object_add(params, "processId",
	    json_object_new_string(start->process_id));
	json_object_object_add(params, "argv", argv);
	uri = start_file_uri(start->cwd);
	json_object_object_add(params, "cwd", json_object_new_string(uri));
	free(uri);
	json_object_object_add(params, "env", start_env(start->env));
	if (!start->inherit_env)
		json_object_object_add(params, "envPolicy",
		    start_env_policy());
	json_object_object_add(params, "tty",
	    json_object_new_boolean(start->tty));
	json_object_object_add(params, "pipeStdin",
	    json_object_new_boolean(start->pipe_stdin));
	/* Servers that don't know it ignore it. */
	if (start->tty && start->rows > 0 && start->cols > 0)
		json_object_object_add(params, "size",
		    start_size(start->rows, start->cols));
	return params;
}
