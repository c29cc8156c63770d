/* SPDX-License-Identifier: ISC */
/* From the first byte of a connection to the WebSocket. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "gateway/gateway.h"
#include "gateway/http.h"
#include "gateway/ws.h"

/* What TOKEN may be, in bytes. */
#define TOKEN_MAX 8192

static void
answer(struct conn *c, int status, const char *body, bool head_only)
{
	char text[HTTP_ANSWER_MAX];
	ssize_t len;

	len = http_format_answer(text, sizeof(text), status, body, head_only);
	if (len == -1 || outq_add(&c->out, text, (size_t)len) == -1) {
		conn_lost(c);
		return;
	}
	session_release(c);
	conn_move(c, CONN_EV_CLOSE);
	conn_flush(c);
}

void
upgrade_refuse(struct conn *c, int status, const char *text)
{
	answer(c, status, text, false);
}

static char *
copy(const void *bytes, size_t len)
{
	char *to = malloc(len + 1);

	if (to != NULL && len > 0)
		memcpy(to, bytes, len);
	return to;
}

/*
 * Whatever else the request says waits for the broker's word: what is to be
 * answered is made now, because the head does not stay.
 */
static int
remember(struct conn *c, const struct http_head *head)
{
	char text[HTTP_ANSWER_MAX];
	struct http_span proof = head->authorization;
	ssize_t len;

	len = http_format_upgrade(text, sizeof(text), head);
	if (len == -1)
		return -1;
	c->greeting = copy(text, (size_t)len);
	c->greeting_len = (size_t)len;
	c->forwarded = c->forwarded || head->forwarded;
	/* As it came: what it is worth is the broker's to say. */
	if (proof.at != NULL) {
		c->token = copy(proof.at, proof.len);
		c->token_len = proof.len;
		if (c->token == NULL)
			return -1;
	}
	return c->greeting == NULL ? -1 : 0;
}

static void
keep(struct conn *c, const uint8_t *bytes, size_t len)
{
	if (len == 0)
		return;
	c->rest = (uint8_t *)copy(bytes, len);
	c->rest_len = len;
	if (c->rest == NULL)
		conn_lost(c);
}

static void
take_head(struct conn *c, const struct http_head *head, const uint8_t *bytes,
    size_t len)
{
	struct http_policy policy = {
		.origins = listener_origins(c->listener),
		.ready = upstream_ready(c->gw->upstream) &&
		    !c->gw->stopping && c->gw->leave == NULL,
	};
	struct http_answer plain;

	if (!http_decide(head, &policy, &plain)) {
		answer(c, plain.status, plain.body,
		    head->method == HTTP_HEAD);
		return;
	}
	if (remember(c, head) == -1) {
		conn_lost(c);
		return;
	}
	if (c->token_len > TOKEN_MAX) {
		answer(c, 401, "invalid authorization header", false);
		return;
	}
	keep(c, bytes + head->length, len - head->length);
	if (c->state == CONN_DEAD)
		return;
	conn_move(c, CONN_EV_UPGRADE);
	upstream_admit(c->gw->upstream, c);
}

/* Put "bytes" behind what came before. */
static int
gather(struct conn *c, const uint8_t *bytes, size_t len)
{
	uint8_t *head = realloc(c->head, c->head_len + len);

	if (head == NULL)
		return -1;
	memcpy(head + c->head_len, bytes, len);
	c->head = head;
	c->head_len += len;
	return 0;
}

static void
take(struct conn *c, const uint8_t *bytes, size_t len)
{
	struct http_head head = { 0 };

	switch (http_parse((const char *)bytes, len, &head)) {
	case HTTP_BAD:
		answer(c, head.status, head.why, false);
		return;
	case HTTP_COMPLETE:
		take_head(c, &head, bytes, len);
		return;
	case HTTP_MORE:
		break;
	}
	if (bytes != c->head && gather(c, bytes, len) == -1)
		conn_lost(c);
}

void
upgrade_input(struct conn *c, const uint8_t *bytes, size_t len)
{
	uint8_t *head;

	if (c->head == NULL) {
		take(c, bytes, len);
		return;
	}
	if (gather(c, bytes, len) == -1) {
		conn_lost(c);
		return;
	}
	take(c, c->head, c->head_len);
	if (c->state == CONN_HEAD)
		return;
	head = c->head;
	c->head = NULL;
	c->head_len = 0;
	free(head);
}

void
upgrade_admitted(struct conn *c)
{
	if (conn_upgrade(c) == -1 ||
	    outq_add(&c->out, c->greeting, c->greeting_len) == -1) {
		conn_lost(c);
		return;
	}
	free(c->greeting);
	c->greeting = NULL;
	conn_settle(c);
	conn_move(c, CONN_EV_ADMITTED);
	conn_flush(c);
}
