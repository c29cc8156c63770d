/* SPDX-License-Identifier: ISC */
/*
 * The JSON-RPC envelope as the exec-server protocol has it: one incoming
 * message taken apart, answers put around a result.  Pure.
 */
#ifndef GATEWAY_RPC_H
#define GATEWAY_RPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_object;
struct jsonw;
struct rpc_parser;

/* How deep objects and arrays may be nested, the outermost included. */
#define RPC_DEPTH_MAX 64

/*
 * How many values a message may hold, where an object counts as 9 and an
 * array as 5; one costs some 100 bytes as a tree.
 */
#define RPC_VALUES_MAX 262144

/* Error codes of answers. */
#define RPC_INVALID_REQUEST	(-32600)
#define RPC_METHOD_NOT_FOUND	(-32601)
#define RPC_INVALID_PARAMS	(-32602)
#define RPC_INTERNAL_ERROR	(-32603)
#define RPC_NOT_FOUND		(-32004)
#define RPC_SESSION_ATTACHED	(-32010)

enum rpc_kind {
	RPC_MALFORMED,		/* answered with an error and id -1 */
	RPC_REQUEST,
	RPC_NOTIFICATION,	/* a method and no id */
	RPC_RESPONSE		/* an id with a result or an error */
};

enum rpc_id_type {
	RPC_ID_NONE,		/* written as -1 */
	RPC_ID_INT,
	RPC_ID_STRING
};

/*
 * An id.  "string" belongs to the message it came from, or to whoever filled
 * the struct in.
 */
struct rpc_id {
	enum rpc_id_type type;
	int64_t number;
	const char *string;	/* not terminated; NULs possible */
	size_t len;
};

struct rpc_message {
	enum rpc_kind kind;
	const char *why;	/* RPC_MALFORMED: static text, what was wrong */
	struct rpc_id id;	/* requests and responses */
	const char *method;	/* requests, notifications: UTF-8, not */
	size_t method_len;	/* terminated, NULs possible */
	/*
	 * The params, NULL when absent or null.  Its strings are read with
	 * rpc_string() only.  Borrowed from the message.
	 */
	struct json_object *params;

	/* private */
	struct json_object *root;
};

/*
 * A parser holds what can be used again from one message to the next; it
 * serves any number of connections.  NULL when memory
 * is out.
 */
struct rpc_parser *rpc_parser_new(void);
void rpc_parser_free(struct rpc_parser *parser);

/*
 * Take apart the "len" bytes at "text"; "utf8_checked" says that they are
 * known to be UTF-8 (a text message).  Always fills in "*msg", which is valid
 * as long as "text" is; the caller ends it with rpc_message_clear().  What
 * cannot be taken apart, also because memory is out or a limit above is
 * exceeded, is RPC_MALFORMED.
 */
void rpc_parse(struct rpc_parser *parser, const char *text, size_t len,
    bool utf8_checked, struct rpc_message *msg);

/* Free what the message holds.  Harmless when done twice. */
void rpc_message_clear(struct rpc_message *msg);

/*
 * The bytes of a string anywhere in msg->params.  Returns 0 and sets "*bytes"
 * (valid as long as the message; UTF-8, not terminated, NULs possible) and
 * "*len"; -1 when "value" is NULL or no string.
 *
 * Long strings stay where they are in the message text and the tree holds a
 * stand-in: json_object_get_string() must not be used on params.
 */
int rpc_string(const struct rpc_message *msg, struct json_object *value,
    const char **bytes, size_t *len);

/*
 * An integer anywhere in params, in the range of the type.  Returns 0, or -1
 * when "value" is NULL, no integer, or out of range.
 */
int rpc_i64(struct json_object *value, int64_t *number);
int rpc_u64(struct json_object *value, uint64_t *number);

/* Write an id as a value: a number, a string, or -1 for RPC_ID_NONE. */
void rpc_write_id(struct jsonw *w, const struct rpc_id *id);

/*
 * Write a success answer: the head, then the caller writes one value that is
 * the result, then the tail.
 */
void rpc_write_result_head(struct jsonw *w, const struct rpc_id *id);
void rpc_write_result_tail(struct jsonw *w);

/* Write a whole error answer; "message" is "len" bytes of any kind. */
void rpc_write_error(struct jsonw *w, const struct rpc_id *id, int code,
    const void *message, size_t len);

/*
 * As rpc_write_error(), but left open behind the "data" key of the error: the
 * caller writes one value, then the tail.
 */
void rpc_write_error_data_head(struct jsonw *w, const struct rpc_id *id,
    int code, const void *message, size_t len);
void rpc_write_error_data_tail(struct jsonw *w);

/*
 * Write a notification: the head, then the caller writes one value that is
 * the params, then the tail.  "method" is written without escapes.
 */
void rpc_write_notification_head(struct jsonw *w, const char *method);
void rpc_write_notification_tail(struct jsonw *w);

#endif
