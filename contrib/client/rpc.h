/* SPDX-License-Identifier: ISC */
/*
 * JSON-RPC as the server speaks it, without the "jsonrpc" member: messages
 * are told apart, and answers find the calls they belong to.
 */
#ifndef CONTRIB_CLIENT_RPC_H
#define CONTRIB_CLIENT_RPC_H

#include <stddef.h>
#include <stdint.h>

#include "common/log.h"

struct json_object;
struct rpc_calls;

#define RPC_BUSY (-32010) /* the session is attached elsewhere */
#define RPC_UNKNOWN_METHOD (-32601)
#define RPC_INVALID (-32600)
#define RPC_FAILED (-32603)

/* Calls that may be unanswered at a time. */
#define RPC_CALLS_MAX 64

enum rpc_kind {
	RPC_BAD, /* not a message of a server */
	RPC_RESULT,
	RPC_ERROR,
	RPC_NOTIFICATION
};

struct rpc_message {
	enum rpc_kind kind;
	struct json_object *root; /* owns all below */
	int64_t id; /* of a result or an error; -1: of none */
	struct json_object *body; /* result or params; may be NULL */
	const char *method; /* of a notification */
	int code; /* of an error */
	struct json_object *data; /* of an error; may be NULL */
	char text[LOG_CLEAN_SIZE]; /* of an error, printable */
};

/* Take a message apart; rpc_message_clear() afterwards, whatever its kind. */
void rpc_parse(struct rpc_message *msg, const char *text, size_t len);
void rpc_message_clear(struct rpc_message *msg);

/*
 * Members of an object, checked: "def" when there is none or it is null or
 * of another type.  The string lives as long as "object".
 */
const char *rpc_string(struct json_object *object, const char *name,
    const char *def);
uint64_t rpc_uint(struct json_object *object, const char *name, uint64_t def);
int rpc_int(struct json_object *object, const char *name, int def);
int rpc_bool(struct json_object *object, const char *name);

/*
 * A request (or with id 0 a notification) as an object that the caller puts.
 * "params" becomes part of it.
 */
struct json_object *rpc_request(int64_t id, const char *method,
    struct json_object *params);

/* The calls that wait for an answer on one connection; ids begin at 1. */
struct rpc_calls *rpc_calls_new(void);
void rpc_calls_free(struct rpc_calls *calls);

/* Forget all of them and begin again: a new connection. */
void rpc_calls_reset(struct rpc_calls *calls);

/*
 * Remember a call with what it was about ("what" and "tag" are the caller's).
 * Returns its id, or -1 when there are RPC_CALLS_MAX.
 */
int64_t rpc_calls_add(struct rpc_calls *calls, int what, uint64_t tag);

/* Find and forget call "id": 0, or -1 when there is none. */
int rpc_calls_take(struct rpc_calls *calls, int64_t id, int *what,
    uint64_t *tag);

#endif
