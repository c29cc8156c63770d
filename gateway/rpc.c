/* SPDX-License-Identifier: ISC */
/* Not filled in yet. */
#include "config.h"

#include "gateway/rpc.h"

struct rpc_parser *
rpc_parser_new(void)
{
	return 0;
}

void
rpc_parser_free(struct rpc_parser *parser)
{
	(void)parser;
}

void
rpc_parse(struct rpc_parser *parser, const char *text, size_t len, bool utf8_checked, struct rpc_message *msg)
{
	(void)parser;
	(void)text;
	(void)len;
	(void)utf8_checked;
	(void)msg;
}

void
rpc_message_clear(struct rpc_message *msg)
{
	(void)msg;
}

int
rpc_string(const struct rpc_message *msg, struct json_object *value, const char **bytes, size_t *len)
{
	(void)msg;
	(void)value;
	(void)bytes;
	(void)len;
	return 0;
}

int
rpc_i64(struct json_object *value, int64_t *number)
{
	(void)value;
	(void)number;
	return 0;
}

int
rpc_u64(struct json_object *value, uint64_t *number)
{
	(void)value;
	(void)number;
	return 0;
}

void
rpc_write_id(struct jsonw *w, const struct rpc_id *id)
{
	(void)w;
	(void)id;
}

void
rpc_write_result_head(struct jsonw *w, const struct rpc_id *id)
{
	(void)w;
	(void)id;
}

void
rpc_write_result_tail(struct jsonw *w)
{
	(void)w;
}

void
rpc_write_error(struct jsonw *w, const struct rpc_id *id, int code, const void *message, size_t len)
{
	(void)w;
	(void)id;
	(void)code;
	(void)message;
	(void)len;
}

void
rpc_write_error_data_head(struct jsonw *w, const struct rpc_id *id, int code, const void *message, size_t len)
{
	(void)w;
	(void)id;
	(void)code;
	(void)message;
	(void)len;
}

void
rpc_write_error_data_tail(struct jsonw *w)
{
	(void)w;
}

void
rpc_write_notification_head(struct jsonw *w, const char *method)
{
	(void)w;
	(void)method;
}

void
rpc_write_notification_tail(struct jsonw *w)
{
	(void)w;
}
