/* SPDX-License-Identifier: ISC */
/*
 * What comes from a runner as frames for its client.  The runner is not
 * trusted: numbers are held against their tables, strings are escaped.
 * Functions that may find fault return NULL or, when they have appended
 * nothing, why (static text).  Pure.
 */
#ifndef GATEWAY_ANSWER_H
#define GATEWAY_ANSWER_H

#include <stddef.h>
#include <stdint.h>

#include "common/proto.h"
#include "gateway/rpc.h"

struct outq;

/* The cost of an answer's chunks, 0 when it has none; see PROTOCOL 9. */
uint64_t answer_cost(struct span chunks);

const char *answer_output(struct outq *q, const struct fields_RG_OUTPUT *m);
const char *answer_exited(struct outq *q, const struct fields_RG_EXITED *m);
const char *answer_closed(struct outq *q, const struct fields_RG_CLOSED *m);
const char *answer_result(struct outq *q, const struct fields_RG_RESULT *m);
const char *answer_error(struct outq *q, const struct fields_RG_ERROR *m);

/* An answer as one fragmented message; "first" is true for the first part. */
const char *answer_bulk_begin(struct outq *q,
    const struct fields_RG_RESULT *m);
const char *answer_bulk_part(struct outq *q,
    const struct fields_RG_BULK_PART *m, int first);
const char *answer_bulk_end(struct outq *q, const struct fields_RG_RESULT *m);

/* Answers of this process; -1 when memory is out. */
int answer_refusal(struct outq *q, const struct rpc_id *id, int code,
    const void *text, size_t len);
int answer_json(struct outq *q, const struct rpc_id *id, const void *json,
    size_t len);

#endif
