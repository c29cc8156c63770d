/* SPDX-License-Identifier: ISC */
/*
 * One message of a client, up to what its runner would get: whatever passes
 * the table decodes by the runner's.
 */
#include "config.h"

#include <stdlib.h>

#include "common/proto.h"
#include "gateway/method.h"
#include "gateway/params.h"
#include "gateway/rpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
encode(const struct rpc_message *msg)
{
	const struct method *method;
	struct params_refusal now, later;
	union proto_any decoded;
	struct writer w;

	method = method_find(msg->method, msg->method_len);
	if (method == NULL)
		return;
	writer_init(&w, PROTO_REQUEST_MAX);
	proto_put_u64(&w, TAG_ID_INT, 1);
	if (params_encode(method, msg, &w, &now, &later) == -1) {
		if (now.code == 0 || now.text[0] == '\0')
			abort();
	} else if (later.code == 0 && method->by == BY_RUNNER) {
		if (proto_decode(proto_row(method->type), w.p, w.len,
		    &decoded) != PROTO_OK)
			abort();
	}
	writer_clear(&w);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rpc_parser *parser;
	struct rpc_message msg;

	if (parser == NULL && (parser = rpc_parser_new()) == NULL)
		abort();
	rpc_parse(parser, (const char *)data, size, false, &msg);
	if (msg.kind == RPC_REQUEST)
		encode(&msg);
	rpc_message_clear(&msg);
	return 0;
}
