/* SPDX-License-Identifier: ISC */
/*
 * What comes from a runner as frames for its client.  The runner is not
 * trusted: numbers are held against their tables, strings are escaped.
 * Functions that may find fault return NULL or, when they have appended
 * nothing, why (static text).  Pure.
 */
#ifndef GATEWAY_ANSWER_H
#define GATEWAY_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/proto.h"
#include "gateway/rpc.h"

struct method;
struct outq;
struct result_row;

/* What an answer costs of the window, 0 mostly; see PROTOCOL, section 9. */
uint64_t answer_cost(const struct fields_RG_RESULT *m);

/* The id of the client's call, from the fields of an answer. */
struct rpc_id answer_id(bool has_int, int64_t number, bool has_str,
    struct span string);

/* Events as notifications, each the message of its name. */
const char *answer_output(struct outq *q, const union proto_any *msg);
const char *answer_exited(struct outq *q, const union proto_any *msg);
const char *answer_closed(struct outq *q, const union proto_any *msg);
const char *answer_appeared(struct outq *q, const union proto_any *msg);
const char *answer_http_body(struct outq *q, const union proto_any *msg);

/* The bytes that two of them carry. */
uint64_t answer_output_bytes(const union proto_any *msg);
uint64_t answer_http_body_bytes(const union proto_any *msg);

const char *answer_result(struct outq *q, const struct fields_RG_RESULT *m);
const char *answer_error(struct outq *q, const struct fields_RG_ERROR *m);

/*
 * An answer that comes in parts, as one fragmented message: the members that
 * can come in parts one after another in the order of the method's rows, then
 * the others.
 */
struct answer_bulk {
	const struct method *method;	/* NULL: none is under way */
	const struct result_row *row;	/* the member that is open */
	uint32_t call;
	bool some;		/* something of it has been written */
	bool over;		/* its bytes ended off a base64 boundary */
};

const char *answer_bulk_begin(struct outq *q, struct answer_bulk *bulk,
    uint32_t call, const struct fields_RG_RESULT *m);
/* "*cost" is what the part costs of the window. */
const char *answer_bulk_part(struct outq *q, struct answer_bulk *bulk,
    const struct fields_RG_BULK_PART *m, uint64_t *cost);
const char *answer_bulk_end(struct outq *q, struct answer_bulk *bulk,
    const struct fields_RG_RESULT *m);

/* Answers of this process; -1 when memory is out. */
int answer_refusal(struct outq *q, const struct rpc_id *id, int code,
    const void *text, size_t len);
int answer_json(struct outq *q, const struct rpc_id *id, const void *json,
    size_t len);

#endif
