/* SPDX-License-Identifier: ISC */
/* Identifiers nobody can guess: version 4 UUIDs (RFC 9562, 5.4). */
#ifndef COMMON_IDENT_H
#define COMMON_IDENT_H

#include <stddef.h>
#include <stdint.h>

#define IDENT_SIZE 16
/* Characters of the printed form, without and with its terminator. */
#define IDENT_TEXT_LEN 36
#define IDENT_TEXT_SIZE (IDENT_TEXT_LEN + 1)

struct ident {
	uint8_t bytes[IDENT_SIZE];
};

/*
 * Draw a new one from the kernel's random source (getrandom(2)).  The kernel
 * having none ends the process: there is no second-best identifier.
 */
void ident_make(struct ident *id);

/* True if all bytes are zero, which ident_make() never yields. */
int ident_is_nil(const struct ident *id);

/* Equal or not, in a time that does not tell where they differ. */
int ident_equal(const struct ident *a, const struct ident *b);

/* The same for "len" bytes of any secret. */
int ident_secret_equal(const void *a, const void *b, size_t len);

/* Print in lower case, 8-4-4-4-12, terminated.  Returns "out". */
const char *ident_print(const struct ident *id, char out[IDENT_TEXT_SIZE]);

/*
 * Read the printed form, exactly as ident_print() writes it: an identifier
 * has one spelling.  Returns 0, or -1 and leaves "id" alone.
 */
int ident_parse(struct ident *id, const char *text, size_t len);

#endif
