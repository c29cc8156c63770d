/* SPDX-License-Identifier: ISC */
/*
 * The methods clients can call, as one table: what each takes, which message
 * carries it to the runner, what comes back.  A new method is a row here and
 * a handler in the runner.  Pure.
 */
#ifndef GATEWAY_METHOD_H
#define GATEWAY_METHOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a parameter has to be, and how it travels. */
enum param_kind {
	PARAM_STRING,
	PARAM_STRING_SOME,	/* not empty */
	PARAM_STRINGS,
	PARAM_STRINGS_SOME,	/* at least one */
	PARAM_ENV,		/* object of strings; items NAME=VALUE */
	PARAM_URI,		/* file URI; travels as a path */
	PARAM_PATH,		/* the same; another host's is refused later */
	PARAM_PATHS,		/* an array of them */
	PARAM_BOOL,
	PARAM_U64,
	PARAM_U64_SOME,		/* at least 1 */
	PARAM_U16_SOME,		/* 1 to 65535; travels as 32 bits */
	PARAM_I64,
	PARAM_BASE64,
	PARAM_CONTENT,		/* base64 that is refused later if it is not */
	PARAM_WORD,		/* one of "words"; its text travels */
	PARAM_INDEX,		/* one of "words"; its index travels */
	PARAM_HEADERS,		/* of an HTTP request */
	PARAM_MEMBERS,		/* an object with members of its own */
	PARAM_OBJECT,		/* any object, which is not looked into */
	PARAM_ARRAY,		/* any array, which is not looked into */
	PARAM_SANDBOX,		/* see policy.h */
	PARAM_KINDS
};

enum param_need {
	NEED_YES,
	NEED_NO,		/* may be left out, may not be null */
	NEED_NULL		/* may be left out or null */
};

struct param_row {
	const char *name;
	enum param_kind kind;
	enum param_need need;
	uint16_t tag;		/* enum proto_tag, 0: only looked at */
	const char *const *words;	/* NULL ends */
	const struct param_row *members;	/* a NULL name ends */
};

enum result_kind {
	RESULT_STRING,
	RESULT_STRING_NULL,	/* null when it is not there */
	RESULT_U32,
	RESULT_U64,
	RESULT_U64_NULL,
	RESULT_I64,
	RESULT_I64_NULL,
	RESULT_BOOL,
	RESULT_BOOL_FALSE,	/* false when it is not there */
	RESULT_WORD,		/* its index comes */
	RESULT_URI,		/* a path; a file URI for the client */
	RESULT_HEADERS,		/* of an HTTP answer */
	RESULT_PROCESSES,
	/* Extensions, left out when there is nothing to say. */
	RESULT_REPEATED,
	RESULT_GAP,
	/* These can come in parts, and stand before the others. */
	RESULT_CHUNKS,
	RESULT_BASE64,
	RESULT_NAMES,		/* entries of a directory */
	RESULT_FOUND,		/* what a walk has found */
	RESULT_FAILED,		/* and what it could not read */
	RESULT_KINDS
};

struct result_row {
	const char *name;
	enum result_kind kind;
	size_t offset, has;	/* in struct fields_RG_RESULT */
	const char *const *words;	/* NULL ends */
};

enum method_family {
	FAMILY_NONE,
	FAMILY_EXEC,
	FAMILY_FILESYSTEM,
	FAMILY_HTTP,
	FAMILY_INFO,
	FAMILY_STATUS,
	FAMILY_COUNT
};

/* Who answers. */
enum method_by {
	BY_INITIALIZE,		/* the broker, by an attachment */
	BY_INFO,		/* this process */
	BY_STATUS,
	BY_RUNNER,
	BY_NOBODY		/* checked like the others, then refused */
};

struct method {
	const char *name;
	enum method_family family;
	enum method_by by;
	uint16_t type;		/* enum proto_type, for BY_RUNNER */
	bool bare;		/* takes nothing: absent, null or {} */
	const struct param_row *params;	/* a NULL name ends; may be NULL */
	const struct result_row *results; /* a NULL name ends; may be NULL */
};

/* The whole table, for walking; "*count" gets the number of rows. */
const struct method *method_rows(size_t *count);

/* The row of a name of "len" bytes, or of a message type; NULL if none. */
const struct method *method_find(const char *name, size_t len);
const struct method *method_of_type(uint32_t type);

/* The word for this family in lifecycle errors; "" for FAMILY_NONE. */
const char *method_family_word(enum method_family family);

#endif
