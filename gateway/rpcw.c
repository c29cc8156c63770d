/* SPDX-License-Identifier: ISC */
/* JSON-RPC answers and notifications as text. */
#include "config.h"

#include <string.h>

#include "gateway/jsonw.h"
#include "gateway/rpc.h"

void
rpc_write_id(struct jsonw *w, const struct rpc_id *id)
{
	switch (id->type) {
	case RPC_ID_INT:
		jsonw_i64(w, id->number);
		break;
	case RPC_ID_STRING:
		jsonw_string(w, id->string, id->len);
		break;
	case RPC_ID_NONE:
		jsonw_i64(w, -1);
		break;
	}
}

void
rpc_write_result_head(struct jsonw *w, const struct rpc_id *id)
{
	jsonw_lit(w, "{\"id\":");
	rpc_write_id(w, id);
	jsonw_lit(w, ",\"result\":");
}

void
rpc_write_result_tail(struct jsonw *w)
{
	jsonw_lit(w, "}");
}

static void
write_error_open(struct jsonw *w, const struct rpc_id *id, int code,
    const void *message, size_t len)
{
	jsonw_lit(w, "{\"id\":");
	rpc_write_id(w, id);
	jsonw_lit(w, ",\"error\":{\"code\":");
	jsonw_i64(w, code);
	jsonw_lit(w, ",\"message\":");
	jsonw_string(w, message, len);
}

void
rpc_write_error(struct jsonw *w, const struct rpc_id *id, int code,
    const void *message, size_t len)
{
	write_error_open(w, id, code, message, len);
	jsonw_lit(w, "}}");
}

void
rpc_write_error_data_head(struct jsonw *w, const struct rpc_id *id, int code,
    const void *message, size_t len)
{
	write_error_open(w, id, code, message, len);
	jsonw_lit(w, ",\"data\":");
}

void
rpc_write_error_data_tail(struct jsonw *w)
{
	jsonw_lit(w, "}}");
}

void
rpc_write_notification_head(struct jsonw *w, const char *method)
{
	jsonw_lit(w, "{\"method\":\"");
	jsonw_raw(w, method, strlen(method));
	jsonw_lit(w, "\",\"params\":");
}

void
rpc_write_notification_tail(struct jsonw *w)
{
	jsonw_lit(w, "}");
}
