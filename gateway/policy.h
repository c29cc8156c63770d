/* SPDX-License-Identifier: ISC */
/*
 * The sandbox object of a call: what is asked for must be understood whole,
 * for what is not understood would not be enforced.  Pure.
 */
#ifndef GATEWAY_POLICY_H
#define GATEWAY_POLICY_H

#include <stddef.h>

struct json_object;
struct rpc_message;
struct writer;

/* Why it is refused. */
struct policy_refusal {
	int code;		/* JSON-RPC error code */
	char text[192];		/* names the member */
};

/*
 * Check "value", a non-null sandbox of a call, and append its fields (PROTOCOL,
 * section 8) to "w": nothing when it asks for no restriction.  The same
 * policy gives the same bytes, in whatever order its members come.  Returns
 * 0, or -1 with "*refusal" filled in and nothing appended.
 */
int policy_encode(const struct rpc_message *msg, struct json_object *value,
    struct writer *w, struct policy_refusal *refusal);

#endif
