/* SPDX-License-Identifier: ISC */
/* What a job is started with: the parameters of process/start. */
#ifndef CONTRIB_CLIENT_START_H
#define CONTRIB_CLIENT_START_H

#include <stddef.h>

struct json_object;

struct start {
	const char *process_id;
	char *const *argv; /* NULL at its end */
	const char *cwd; /* absolute path, any bytes */
	char *const *env; /* NULL at its end: "NAME=value" */
	int inherit_env; /* nothing but "env", instead of the server's too */
	int tty;
	int pipe_stdin;
	int rows, cols; /* of the terminal; 0: as the server has it */
};

/*
 * Make the parameters; the caller puts them.  NULL when something can't be
 * said in JSON, with the reason in "why".
 */
struct json_object *start_params(const struct start *start, char *why,
    size_t why_size);

/* "path" as a file URI (RFC 8089), to be freed. */
char *start_file_uri(const char *path);

/* True for well-formed UTF-8 (RFC 3629). */
int start_is_utf8(const char *text);

#endif
