/* SPDX-License-Identifier: ISC */
/* Not filled in yet. */
#include "config.h"

#include "gateway/ws.h"

struct ws *
ws_new(const struct ws_callbacks *callbacks, void *arg)
{
	(void)callbacks;
	(void)arg;
	return 0;
}

void
ws_free(struct ws *ws)
{
	(void)ws;
}

size_t
ws_feed(struct ws *ws, void *bytes, size_t len)
{
	(void)ws;
	(void)bytes;
	(void)len;
	return 0;
}

bool
ws_receiving(const struct ws *ws)
{
	(void)ws;
	return 0;
}

size_t
ws_held(const struct ws *ws)
{
	(void)ws;
	return 0;
}

void
ws_ping(struct ws *ws, const void *payload, size_t len)
{
	(void)ws;
	(void)payload;
	(void)len;
}

void
ws_close(struct ws *ws, int code, const char *reason)
{
	(void)ws;
	(void)code;
	(void)reason;
}

bool
ws_close_sent(const struct ws *ws)
{
	(void)ws;
	return 0;
}

void
ws_flush(struct ws *ws)
{
	(void)ws;
}

size_t
ws_frame_head(bool fin, enum ws_opcode opcode, uint64_t len, uint8_t out[WS_HEAD_MAX])
{
	(void)fin;
	(void)opcode;
	(void)len;
	(void)out;
	return 0;
}
