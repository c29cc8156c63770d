/* SPDX-License-Identifier: ISC */
/*
 * Calls as rows of a table: parameters and expected results as JSON text, in
 * which ' stands for " and @ for the test's own URI.
 */
#ifndef TESTS_SYSTEM_ASK_H
#define TESTS_SYSTEM_ASK_H

#include <stddef.h>
#include <stdint.h>

struct call;
struct json_object;

struct ask_row {
	const char *what;
	const char *method;
	const char *params;
	int code; /* of the error expected, 0 for a result */
	/*
	 * The result: all of it, only these members if it begins with '+',
	 * or whatever it is if NULL.
	 */
	const char *result;
	/* A last look at "directory"; NULL: none. */
	int (*holds)(const char *directory);
};

/* Where @ leads from now on: an absolute path without special characters. */
void ask_at(const char *directory);

/* What @ stands for: any URI without special characters. */
void ask_base(const char *uri);

/* The text as JSON; the caller's. */
struct json_object *ask_json(const char *text);

/* The same, put together as printf(3) does. */
struct json_object *ask_jsonf(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));

/*
 * Ask and wait.  Returns the code of the error, 0 for a result, which goes
 * to "result" (the caller's) unless that is NULL, 1 without an answer.
 */
int ask(struct call *call, const char *method, const char *params,
    struct json_object **result);

/* The same for an answer that was asked for by call_send(). */
int ask_wait(struct call *call, int64_t id, struct json_object **result);

/* One claim a row. */
void ask_rows(struct call *call, const struct ask_row *rows, size_t count);

/*
 * The member "name" of "object" as base64 text decoded: bytes, the caller's,
 * terminated, and their number; NULL when it is none.
 */
char *ask_bytes(struct json_object *object, const char *name, size_t *len);

/* {... "name": base64 of the bytes}: "object" itself, with it added. */
struct json_object *ask_add_bytes(struct json_object *object,
    const char *name, const void *bytes, size_t len);

/* Integers and booleans of a result; -1 when there is none. */
int64_t ask_int(struct json_object *object, const char *name);

#endif
