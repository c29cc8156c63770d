/* SPDX-License-Identifier: ISC */
/* Setting one value: what the halves of conf.h share, and nobody else. */
#ifndef COMMON_CONFVAL_H
#define COMMON_CONFVAL_H

#include <stdint.h>

struct conf_key;

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

#endif
