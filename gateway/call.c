/* SPDX-License-Identifier: ISC */
/*
 * One message of a client: is it sound, is its method known, are its params
 * right, is it time for it, who answers - in this order.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "common/log.h"
#include "gateway/answer.h"
#include "gateway/gateway.h"
#include "gateway/method.h"
#include "gateway/params.h"
#include "gateway/rpc.h"
#include "gateway/ws.h"

#define KEEP_MAX (128 * 1024)	/* of the encoder's memory */
#define NAME_SHOWN 128		/* bytes of an unknown method's name */

static const struct rpc_id no_id = { .type = RPC_ID_NONE };

static void
refuse(struct conn *c, const struct rpc_id *id, int code, const char *text)
{
	if (answer_refusal(conn_replies(c), id, code, text,
	    strlen(text)) == -1)
		conn_lost(c);
}

static void
refuse_unknown(struct conn *c, const struct rpc_message *msg)
{
	char text[NAME_SHOWN + 64];
	size_t len = msg->method_len < NAME_SHOWN ? msg->method_len :
	    NAME_SHOWN;
	int n;

	/* Where a character is cut, a replacement will stand. */
	n = snprintf(text, sizeof(text), "exec-server stub does not "
	    "implement `");
	memcpy(text + n, msg->method, len);
	len += (size_t)n;
	n = snprintf(text + len, sizeof(text) - len, "` yet");
	if (answer_refusal(conn_replies(c), &msg->id, RPC_METHOD_NOT_FOUND,
	    text, len + (size_t)n) == -1)
		conn_lost(c);
}

/* Whether the method may be called now; says why when it may not. */
static bool
call_in_time(struct conn *c, const struct method *method,
    const struct rpc_id *id)
{
	const char *word = method_family_word(method->family);
	char text[96];

	if (method->by == BY_INITIALIZE) {
		if (c->state == CONN_OPEN)
			return true;
		refuse(c, id, RPC_INVALID_REQUEST,
		    "initialize may only be sent once per connection");
		return false;
	}
	if (c->state == CONN_READY)
		return true;
	snprintf(text, sizeof(text), c->state == CONN_OPEN ?
	    "client must call initialize before using %s methods" :
	    "client must send initialized before using %s methods", word);
	refuse(c, id, RPC_INVALID_REQUEST, text);
	return false;
}

static void
answer_json_or_lose(struct conn *c, const struct rpc_id *id,
    const char *json, size_t len)
{
	if (answer_json(conn_replies(c), id, json, len) == -1)
		conn_lost(c);
}

static void
call_run(struct conn *c, const struct method *method,
    const struct rpc_message *msg, const struct writer *w)
{
	static const char ready[] = "{\"status\":\"ready\"}";

	switch (method->by) {
	case BY_INITIALIZE:
		session_initialize(c, msg);
		break;
	case BY_INFO:
		answer_json_or_lose(c, &msg->id, c->info, c->info_len);
		break;
	case BY_STATUS:
		answer_json_or_lose(c, &msg->id, ready, sizeof(ready) - 1);
		break;
	case BY_RUNNER:
		if (relay_call(c->relay, method, w) == -1)
			refuse(c, &msg->id, RPC_INVALID_PARAMS,
			    "the request is too long");
		break;
	case BY_NOBODY:
		refuse_unknown(c, msg);
		break;
	}
}

static void
put_id(struct writer *w, const struct rpc_id *id)
{
	if (id->type == RPC_ID_INT)
		proto_put_u64(w, TAG_ID_INT, (uint64_t)id->number);
	else
		proto_put_bytes(w, TAG_ID_STR,
		    (struct span){ (const uint8_t *)id->string, id->len });
}

static void
call_request(struct conn *c, const struct rpc_message *msg)
{
	/* Headroom for lists, whose items are longer than in JSON. */
	static struct writer w = { .max = PROTO_REQUEST_MAX + 4096 };
	const struct method *method;
	struct params_refusal now, later;

	if (msg->id.type == RPC_ID_STRING && msg->id.len > PROTO_NAME_MAX) {
		refuse(c, &no_id, RPC_INVALID_REQUEST, "the id is too long");
		return;
	}
	method = method_find(msg->method, msg->method_len);
	if (method == NULL) {
		refuse_unknown(c, msg);
		return;
	}
	writer_reset(&w);
	put_id(&w, &msg->id);
	if (params_encode(method, msg, &w, &now, &later) == -1)
		refuse(c, &msg->id, now.code, now.text);
	else if (!call_in_time(c, method, &msg->id))
		;
	else if (later.code != 0)
		refuse(c, &msg->id, later.code, later.text);
	else
		call_run(c, method, msg, &w);
	if (w.cap > KEEP_MAX)
		writer_clear(&w);
}

static void
call_notification(struct conn *c, const struct rpc_message *msg)
{
	static const char initialized[] = "initialized";

	if (msg->method_len != sizeof(initialized) - 1 ||
	    memcmp(msg->method, initialized, msg->method_len) != 0)
		conn_close(c, WS_CODE_POLICY,
		    "this notification is not expected");
	else if (c->state == CONN_OPEN)
		conn_close(c, WS_CODE_POLICY,
		    "initialized came before initialize");
	else
		conn_move(c, CONN_EV_INITIALIZED);
}

bool
call_handle(struct conn *c, bool text, void *bytes, size_t len)
{
	struct rpc_message msg;

	metrics_add(METRIC_REQUESTS, 1);
	rpc_parse(c->gw->parser, bytes, len, text, &msg);
	switch (msg.kind) {
	case RPC_MALFORMED:
		refuse(c, &no_id, RPC_INVALID_REQUEST, msg.why);
		break;
	case RPC_REQUEST:
		call_request(c, &msg);
		break;
	case RPC_NOTIFICATION:
		call_notification(c, &msg);
		break;
	case RPC_RESPONSE:
		conn_close(c, WS_CODE_POLICY, "nothing was asked");
		break;
	}
	rpc_message_clear(&msg);
	return conn_wants(c);
}
