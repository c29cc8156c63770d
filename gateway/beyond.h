/* SPDX-License-Identifier: ISC */
/*
 * What clients are told beyond what other servers tell them.  It stands where
 * a client that does not know it does not look.  Pure.
 */
#ifndef GATEWAY_BEYOND_H
#define GATEWAY_BEYOND_H

#include "common/proto.h"

struct jsonw;
struct outq;
struct rpc_id;

/* Of these extensions; higher when a client has to tell them apart. */
#define BEYOND_VERSION 1

/* Write the value of the member "holdfast" of initialize's result. */
void beyond_write_attached(struct jsonw *w,
    const struct fields_BG_ATTACHED *m);

/*
 * Refuse to resume a session that has ended, and tell what is known of that.
 * Returns 0, or -1 when memory is out.
 */
int beyond_refuse_ended(struct outq *q, const struct rpc_id *id, int code,
    struct span text, const struct fields_BG_ATTACH_FAILED *m);

/* The word for an enum proto_end; "ended" for one that is not known. */
const char *beyond_end_word(uint32_t reason);

#endif
