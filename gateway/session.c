/* SPDX-License-Identifier: ISC */
/* A client and its session: initialize, and giving it up. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/ident.h"
#include "common/log.h"
#include "gateway/answer.h"
#include "gateway/beyond.h"
#include "gateway/gateway.h"
#include "gateway/jsonw.h"
#include "gateway/params.h"
#include "gateway/rpc.h"
#include "gateway/ws.h"

#define CLIENT_NAME_MAX 1024	/* see TAG_CLIENT_NAME */
#define RESUME_MAX 1024		/* see TAG_RESUME */
#define ID_SHOWN 128

/* How a failed attach is told: by an error, or by closing. */
static const struct failure {
	uint32_t reason;
	int code;		/* of a JSON-RPC error or of a Close frame */
	bool close;
	const char *text;	/* "%.*s" is the session asked for */
} failures[] = {
	{ ATTACH_UNKNOWN_SESSION, RPC_INVALID_REQUEST, false,
	    "unknown session id %.*s" },
	{ ATTACH_ELSEWHERE, RPC_SESSION_ATTACHED, false,
	    "session %.*s is already attached to another connection" },
	{ ATTACH_LIMIT, RPC_INTERNAL_ERROR, false,
	    "there are too many sessions; end one or raise the limit" },
	{ ATTACH_STOPPING, WS_CODE_RESTART, true,
	    "the server is shutting down" },
	{ ATTACH_INTERNAL, RPC_INTERNAL_ERROR, false,
	    "the session could not be set up; see the server's log" },
};

/* Why the broker may end an attachment. */
static const struct ending {
	uint32_t reason;
	int code;
	const char *text;
	bool displaces;		/* what waits for this client is another's */
} endings[] = {
	{ GONE_RUNNER_LOST, WS_CODE_INTERNAL,
	    "the session was lost with its runner", false },
	{ GONE_RUNNER_FAILED, WS_CODE_INTERNAL,
	    "the session's runner could not be started", false },
	{ GONE_ENDED, WS_CODE_INTERNAL, "the session was ended", false },
	{ GONE_STOPPING, WS_CODE_GOING_AWAY, "the server is shutting down",
	    false },
	{ GONE_DISMISSED, WS_CODE_POLICY, "not admitted any more", true },
	{ GONE_REPLACED, WS_CODE_TAKEN_OVER,
	    "the session is attached to another connection now", true },
};

#define CLOSE_TEXT_SIZE 124

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static char *
copy(struct span span)
{
	char *to = malloc(span.len + 1);

	if (to != NULL && span.len > 0)
		memcpy(to, span.p, span.len);
	return to;
}

/* The id outlives its message; its string stands behind it. */
static struct rpc_id *
id_copy(const struct rpc_id *id)
{
	size_t len = id->type == RPC_ID_STRING ? id->len : 0;
	struct rpc_id *to = malloc(sizeof(*to) + len);

	if (to == NULL)
		return NULL;
	*to = *id;
	if (len > 0)
		memcpy(to + 1, id->string, len);
	to->string = (const char *)(to + 1);
	return to;
}

void
attach_free(struct attach *attach)
{
	if (attach == NULL)
		return;
	free(attach->id);
	free(attach->name);
	free(attach->resume);
	free(attach);
}

static struct attach *
attach_new(const struct rpc_id *id, struct span name, struct span resume)
{
	struct attach *attach = calloc(1, sizeof(*attach));

	if (attach == NULL)
		return NULL;
	if (name.len > CLIENT_NAME_MAX)
		name.len = CLIENT_NAME_MAX;
	ident_make(&attach->nonce);
	attach->id = id_copy(id);
	attach->name = copy(name);
	attach->name_len = name.len;
	if (resume.p != NULL)
		attach->resume = copy(resume);
	attach->resume_len = resume.len;
	if (attach->id == NULL || attach->name == NULL ||
	    (resume.p != NULL && attach->resume == NULL)) {
		attach_free(attach);
		return NULL;
	}
	return attach;
}

static const struct failure *
failure_of(uint32_t reason)
{
	size_t i;

	for (i = 0; i < COUNT(failures); i++)
		if (failures[i].reason == reason)
			return &failures[i];
	return &failures[COUNT(failures) - 1];
}

/* The text of a refusal: ours, with the session asked for in its place. */
static struct span
failure_text(const struct failure *failure, struct span resume,
    struct writer *w)
{
	static const char mark[] = "%.*s";
	const char *at = strstr(failure->text, mark);

	if (at == NULL)
		return span_str(failure->text);
	if (resume.len > ID_SHOWN)
		resume.len = ID_SHOWN;
	writer_put(w, failure->text, (size_t)(at - failure->text));
	writer_put(w, resume.p, resume.len);
	at += sizeof(mark) - 1;
	writer_put(w, at, strlen(at));
	return (struct span){ w->p, w->len };
}

/* Say that the attach failed; what the broker says goes before our text. */
static int
refuse(struct conn *c, const struct rpc_id *id, const struct failure *failure,
    struct span resume, const struct fields_BG_ATTACH_FAILED *m)
{
	char own[ID_SHOWN + 96];
	struct writer w = { .p = (uint8_t *)own, .cap = sizeof(own),
		.max = sizeof(own) };
	struct span text = failure_text(failure, resume, &w);

	if (w.len == 0 && m->text.len > 0)
		text = m->text;
	if (m->has_end_reason)
		return beyond_refuse_ended(conn_replies(c), id, failure->code,
		    text, m);
	return answer_refusal(conn_replies(c), id, failure->code, text.p,
	    text.len);
}

void
session_initialize(struct conn *c, const struct rpc_message *msg)
{
	struct span name = params_string(msg, "clientName");
	struct span resume = params_string(msg, "resumeSessionId");
	static const struct fields_BG_ATTACH_FAILED nothing;

	if (resume.len > RESUME_MAX) {
		if (refuse(c, &msg->id, failure_of(ATTACH_UNKNOWN_SESSION),
		    resume, &nothing) == -1)
			conn_lost(c);
		return;
	}
	c->attach = attach_new(&msg->id, name, resume);
	if (c->attach == NULL) {
		conn_lost(c);
		return;
	}
	c->attach->asks_ttl = params_number(msg, "holdfast", "detachTtlMs",
	    &c->attach->ttl_ms);
	c->attach->takeover = params_flag(msg, "holdfast", "takeover");
	conn_move(c, CONN_EV_INITIALIZE);
	upstream_attach(c->gw->upstream, c);
}

static int
answer_initialize(struct conn *c, const struct fields_BG_ATTACHED *m)
{
	struct jsonw w;
	int result;

	jsonw_init_heap(&w, 2 * c->info_len + 2048);
	jsonw_object(&w);
	jsonw_key(&w, "sessionId");
	jsonw_cstring(&w, c->session);
	jsonw_key(&w, "environmentInfo");
	jsonw_raw_value(&w, c->info, c->info_len);
	jsonw_key(&w, "holdfast");
	beyond_write_attached(&w, m);
	jsonw_end_object(&w);
	result = jsonw_finish(&w);
	if (result == 0)
		result = answer_json(&c->out, c->attach->id, jsonw_text(&w),
		    jsonw_used(&w));
	jsonw_clear(&w);
	return result;
}

/* Everything that can fail before the client hears of its session. */
static int
take_session(struct conn *c, const struct fields_BG_ATTACHED *m, int fd)
{
	c->relay = relay_new(c, fd);
	if (c->relay == NULL)
		return -1;
	c->info = envinfo_make(m, &c->info_len);
	if (c->info == NULL)
		return -1;
	return answer_initialize(c, m);
}

/*
 * The broker has found the end of an earlier attachment of this session before
 * we did.
 */
static void
name_session(struct conn *c)
{
	struct conn *old;

	while ((old = conns_name(c)) != NULL)
		session_gone(old, GONE_REPLACED, (struct span){ NULL, 0 });
}

void
session_attached(struct conn *c, const struct fields_BG_ATTACHED *m, int fd)
{
	struct attach *attach = c->attach;
	int taken;

	/* A session's id always fits. */
	span_to_str(m->session, c->session, sizeof(c->session));
	name_session(c);
	c->generation = m->generation;
	taken = take_session(c, m, fd);
	c->attach = NULL;
	attach_free(attach);
	if (taken == -1) {
		conn_lost(c);
		return;
	}
	conn_move(c, CONN_EV_ATTACHED);
	conn_flush(c);
}

void
session_attach_failed(struct conn *c,
    const struct fields_BG_ATTACH_FAILED *m)
{
	const struct failure *failure = failure_of(m->reason);
	struct attach *attach = c->attach;
	struct span resume = { (const uint8_t *)attach->resume,
		attach->resume_len };

	if (failure->close) {
		conn_close(c, failure->code, failure->text);
		return;
	}
	c->attach = NULL;
	conn_move(c, CONN_EV_ATTACH_FAILED);
	if (refuse(c, attach->id, failure, resume, m) == -1)
		conn_lost(c);
	attach_free(attach);
	conn_flush(c);
}

/* The broker's words, as a Close frame can have them (RFC 6455 5.5.1). */
static void
close_text(struct span text, char out[CLOSE_TEXT_SIZE])
{
	size_t i;

	for (i = 0; i < text.len && i < CLOSE_TEXT_SIZE - 1; i++)
		out[i] = text.p[i] >= ' ' && text.p[i] < 127 ?
		    (char)text.p[i] : '?';
	out[i] = '\0';
}

void
session_gone(struct conn *c, uint32_t reason, struct span text)
{
	char more[CLOSE_TEXT_SIZE];
	size_t i;

	for (i = 0; i < COUNT(endings) - 1; i++)
		if (endings[i].reason == reason)
			break;
	if (endings[i].displaces) {
		conn_displace(c, endings[i].code, endings[i].text);
		return;
	}
	if (c->relay != NULL)
		relay_finish(c->relay);
	close_text(text, more);
	conn_close(c, endings[i].code, text.len > 0 ? more : endings[i].text);
}

void
session_release(struct conn *c)
{
	/* What the client asked for before it left is passed on. */
	if (c->relay != NULL)
		relay_flush(c->relay);
	relay_free(c->relay);
	c->relay = NULL;
	attach_free(c->attach);
	c->attach = NULL;
	if (c->session[0] != '\0') {
		conns_unname(c);
		upstream_detach(c->gw->upstream, c);
		c->session[0] = '\0';
	}
	upstream_leave(c->gw->upstream, c);
}
