/* SPDX-License-Identifier: ISC */
/*
 * The values that a runner's results are made of, as JSON: one row a kind.
 * Some kinds can come in parts, for answers that do not fit one message.
 * Nothing of what comes is believed.  Pure.
 */
#ifndef GATEWAY_VALUE_H
#define GATEWAY_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/proto.h"
#include "gateway/method.h"

struct jsonw;

/* Where the member of a row is in a result, and whether it came. */
const void *value_at(const struct fields_RG_RESULT *m,
    const struct result_row *row);
bool value_given(const struct fields_RG_RESULT *m,
    const struct result_row *row);

/*
 * Whether what came can be written for this row; with "given" false, whether
 * it may be missing.
 */
bool value_sound(const struct result_row *row, const void *at, bool given);

/* Whether it is written at all: extensions without a value are not. */
bool value_shown(const struct result_row *row, bool given);

/* The most bytes of text that it takes. */
size_t value_most(const struct result_row *row, const void *at);

/* Write it; it is sound. */
void value_write(struct jsonw *w, const struct result_row *row,
    const void *at, bool given);

/* Whether the kind can come in parts. */
bool value_streams(const struct result_row *row);

/* The part that a message carries for this kind; NULL when it has none. */
const struct span *value_part(const struct result_row *row,
    const struct fields_RG_BULK_PART *m);

/* Its text in three steps; a part is sound; "some" says one came before. */
void value_open(struct jsonw *w, const struct result_row *row);
void value_add(struct jsonw *w, const struct result_row *row,
    struct span part, bool some);
void value_close(struct jsonw *w, const struct result_row *row);

/* What it costs of the window: PROTOCOL, section 9. */
uint64_t value_cost(const struct result_row *row, struct span part);

#endif
