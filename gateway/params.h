/* SPDX-License-Identifier: ISC */
/* The params of a call, checked and turned into fields by table.  Pure. */
#ifndef GATEWAY_PARAMS_H
#define GATEWAY_PARAMS_H

#include <stdbool.h>

#include "common/buf.h"

struct method;
struct rpc_message;

/* Why a call is refused. */
struct params_refusal {
	int code;		/* JSON-RPC error code, 0: it is not */
	char text[192];
};

/*
 * Check the params of "msg" against the rows of "method" and append their
 * fields to "w", behind those of the id.  Returns 0, or -1 with "*now" filled
 * in.  "*later" (code 0 when there is none) is a refusal that comes after the
 * checks of the session's life.  The writer failing is told as -1, too.
 */
int params_encode(const struct method *method, const struct rpc_message *msg,
    struct writer *w, struct params_refusal *now,
    struct params_refusal *later);

/*
 * A string member of params that params_encode() has accepted; an empty span
 * with a NULL pointer when it is absent or null.
 */
struct span params_string(const struct rpc_message *msg, const char *name);

/*
 * In the same way a number and a truth value in the object "outer" there;
 * false when there is none.
 */
bool params_number(const struct rpc_message *msg, const char *outer,
    const char *name, uint64_t *number);
bool params_flag(const struct rpc_message *msg, const char *outer,
    const char *name);

#endif
