/* SPDX-License-Identifier: ISC */
/* Setting one value: what the parts of conf.h share, and nobody else. */
#ifndef COMMON_CONFVAL_H
#define COMMON_CONFVAL_H

#include <stddef.h>
#include <stdint.h>

#include "common/confpos.h"

struct conf_errors;
struct conf_key;
struct conf_rows;
struct json_object;

/* What conf.h promises to know about a file. */
struct conf_places {
	char *name;
	char *text;
	size_t len;
	struct confpos pos;
};

/* The room for why a value was refused, in bytes. */
#define CONF_REASON_SIZE 256

/* Where "key" lands in "dest". */
void *conf_field(const struct conf_key *key, void *dest);

/*
 * Take a value as typed, or a number.  Lists grow by one.  Return 0, or -1
 * with the old value kept and the reason in "reason" (CONF_REASON_SIZE).
 */
int conf_set_text(const struct conf_key *key, void *dest, const char *text,
    char *reason);
int conf_set_number(const struct conf_key *key, void *dest, uint64_t value,
    char *reason);


/* Row number "i"; a new one, with the defaults of its table. */
void *conf_row(const struct conf_key *key, const struct conf_rows *rows,
    size_t i);
void *conf_rows_add(const struct conf_key *key, struct conf_rows *rows);

/*
 * Take the members of "object", which is number "node" in "places", by the
 * table.
 */
void conf_take_object(const struct conf_key *keys, size_t n, void *dest,
    struct json_object *object, size_t node,
    const struct conf_places *places, struct conf_errors *errors);

/* Write "FILE:LINE: PATH: ", or less where less is known. */
void conf_places_print(const struct conf_places *places, const char *path,
    char *text, size_t size);

#endif
