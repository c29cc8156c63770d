/* SPDX-License-Identifier: ISC */
/* The client's session: connect, initialize, resume. */
#include "config.h"

#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <json-c/json.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/xmalloc.h"
#include "contrib/client/rpc.h"
#include "contrib/client/session.h"
#include "contrib/client/states.h"
#include "contrib/client/wsclient.h"

/* What calls of its own are about; the caller's are never negative. */
#define SESSION_CALL_INITIALIZE (-1)

#define SESSION_ID_MAX 256
#define SESSION_WHY_SIZE 512

struct session {
	struct event_base *base;
	const struct session_config *config;
	const struct session_ops *ops;
	void *arg;
	enum session_state state;
	enum session_event event; /* the last one */
	struct wsclient *ws;
	struct rpc_calls *calls;
	const struct addrinfo *address; /* of the current attempt */
	char *id; /* once there is one */
	uint64_t ttl_ms;
	uint64_t left_ms; /* clock at the break */
	unsigned int attempt;
	unsigned int broken;
	int attached_once;
	int beyond;
	int replaced;
	int unknown; /* the server says so */
	int elsewhere; /* the same */
	int expired;
	int paused;
	struct event *timer; /* pause, or the answer to initialize */
	struct event *deadline;
	char why[SESSION_WHY_SIZE]; /* what went wrong last */
};

static void session_do(struct session *, enum session_event);

static void __attribute__((format(printf, 2, 3)))
session_set_why(struct session *session, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(session->why, sizeof(session->why), fmt, ap);
	va_end(ap);
}

static void
session_arm(struct event *event, uint64_t ms)
{
	struct timeval tv = {
		.tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000 * 1000)
	};

	event_add(event, &tv);
}

static void
session_drop(struct session *session)
{
	wsclient_free(session->ws);
	session->ws = NULL;
	event_del(session->timer);
	rpc_calls_reset(session->calls);
}

static void
session_opened_cb(void *arg)
{
	session_do(arg, SESSION_EV_OPENED);
}

static void
session_ended_cb(void *arg, enum wsclient_end how, const char *why)
{
	static const enum session_event events[] = {
		[WSCLIENT_REFUSED] = SESSION_EV_REFUSED,
		[WSCLIENT_DENIED] = SESSION_EV_DENIED,
		[WSCLIENT_BUSY] = SESSION_EV_BUSY,
		[WSCLIENT_REPLACED] = SESSION_EV_REPLACED,
		[WSCLIENT_LOST] = SESSION_EV_LOST,
	};
	struct session *session = arg;

	session_set_why(session, "%s", why);
	/* A name may stand for several addresses: try them all. */
	if (how == WSCLIENT_REFUSED && session->address->ai_next != NULL)
		how = WSCLIENT_LOST;
	session_do(session, events[how]);
}

void
session_add_ending(char *why, size_t size, const struct rpc_message *msg)
{
	const char *reason = rpc_string(msg->data, "reason", NULL);
	struct json_object *list = NULL, *process, *code;
	char clean[LOG_CLEAN_SIZE];
	size_t i, len = strlen(why);

	if (reason == NULL)
		return;
	log_clean(clean, reason, strlen(reason));
	len += (size_t)snprintf(why + len, size - len, " (%.40s", clean);
	json_object_object_get_ex(msg->data, "processes", &list);
	for (i = 0; json_object_is_type(list, json_type_array) &&
	    i < json_object_array_length(list) && len + 128 < size; i++) {
		process = json_object_array_get_idx(list, i);
		if (!json_object_is_type(process, json_type_object) ||
		    !json_object_object_get_ex(process, "exitCode", &code) ||
		    !json_object_is_type(code, json_type_int))
			continue;
		log_clean(clean, rpc_string(process, "processId", "?"),
		    strlen(rpc_string(process, "processId", "?")));
		len += (size_t)snprintf(why + len, size - len,
		    "; %.64s exited with %d", clean,
		    rpc_int(process, "exitCode", 255));
	}
	if (len + 1 < size)
		strlcat(why, ")", size);
}

/* The answer to initialize is in; "msg" is it. */
static enum session_event
session_judge(struct session *session, const struct rpc_message *msg)
{
	const char *id;

	if (msg->kind == RPC_ERROR) {
		session_set_why(session, "%.160s", msg->text);
		session_add_ending(session->why, sizeof(session->why), msg);
		session->unknown = msg->code == RPC_INVALID &&
		    session->id != NULL;
		session->elsewhere = msg->code == RPC_BUSY;
		return session->elsewhere && !session->config->once ?
		    SESSION_EV_BUSY : SESSION_EV_REJECTED;
	}
	id = rpc_string(msg->body, "sessionId", NULL);
	if (id == NULL || *id == '\0' || strlen(id) > SESSION_ID_MAX) {
		session_set_why(session, "the server names no session");
		return SESSION_EV_REJECTED;
	}
	if (session->id != NULL && strcmp(session->id, id) != 0) {
		session_set_why(session, "the server gave us another one");
		return SESSION_EV_REJECTED;
	}
	if (session->id == NULL)
		session->id = xstrdup(id);
	return SESSION_EV_ACCEPTED;
}

static void
session_initialized(struct session *session, const struct rpc_message *msg)
{
	static const char initialized[] =
	    "{\"method\":\"initialized\",\"params\":{}}";
	struct json_object *more = NULL;
	enum session_event event = session_judge(session, msg);

	if (event == SESSION_EV_ACCEPTED) {
		json_object_object_get_ex(msg->body, "holdfast", &more);
		session->beyond = rpc_uint(more, "version", 0) > 0;
		session->attached_once = 1;
		session->ttl_ms = rpc_uint(more, "detachTtlMs",
		    SESSION_TTL_MS);
		wsclient_send(session->ws, initialized,
		    sizeof(initialized) - 1);
	}
	session_do(session, event);
}

static void
session_reply(struct session *session, const struct rpc_message *msg)
{
	uint64_t tag;
	int what;

	if (rpc_calls_take(session->calls, msg->id, &what, &tag) == -1)
		return;
	if (what == SESSION_CALL_INITIALIZE)
		session_initialized(session, msg);
	else
		session->ops->reply(session->arg, what, tag, msg);
}

static void
session_message_cb(void *arg, const char *text, size_t len)
{
	struct session *session = arg;
	struct rpc_message msg;

	rpc_parse(&msg, text, len);
	switch (msg.kind) {
	case RPC_RESULT:
	case RPC_ERROR:
		session_reply(session, &msg);
		break;
	case RPC_NOTIFICATION:
		if (session->state == SESSION_ATTACHED)
			session->ops->notification(session->arg, &msg);
		break;
	case RPC_BAD:
		session_distrust(session, "a message that is not JSON-RPC");
		break;
	}
	rpc_message_clear(&msg);
}

static const struct wsclient_ops session_ws_ops = {
	.opened = session_opened_cb,
	.message = session_message_cb,
	.ended = session_ended_cb,
};

static int
session_send(struct session *session, int what, uint64_t tag,
    const char *method, struct json_object *params)
{
	struct json_object *request;
	const char *text;
	size_t len;
	int64_t id;

	if ((id = rpc_calls_add(session->calls, what, tag)) == -1) {
		json_object_put(params);
		return -1;
	}
	request = rpc_request(id, method, params);
	text = json_object_to_json_string_length(request,
	    JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);
	wsclient_send(session->ws, text, len);
	json_object_put(request);
	return 0;
}

static void
session_do_dial(struct session *session)
{
	if (session->address == NULL)
		session->address = session->config->addresses;
	session->ws = wsclient_new(session->base, session->config->url,
	    session->address, session->config->token, &session_ws_ops,
	    session);
}

static void
session_add_wishes(const struct session *session, struct json_object *params)
{
	struct json_object *wishes;
	/* Only once: later it would be one of us who has it. */
	int takeover = session->config->takeover && !session->attached_once;

	if (session->config->ttl_ms == 0 && !takeover)
		return;
	wishes = json_object_new_object();
	if (session->config->ttl_ms != 0)
		json_object_object_add(wishes, "detachTtlMs",
		    json_object_new_uint64(session->config->ttl_ms));
	if (takeover)
		json_object_object_add(wishes, "takeover",
		    json_object_new_boolean(1));
	json_object_object_add(params, "holdfast", wishes);
}

static void
session_do_initialize(struct session *session)
{
	struct json_object *params = json_object_new_object();

	json_object_object_add(params, "clientName",
	    json_object_new_string("holdfast"));
	json_object_object_add(params, "resumeSessionId",
	    session->id == NULL ? NULL : json_object_new_string(session->id));
	session_add_wishes(session, params);
	(void)session_send(session, SESSION_CALL_INITIALIZE, 0, "initialize",
	    params);
	session_arm(session->timer, SESSION_INITIALIZE_MS);
}

static void
session_do_ready(struct session *session)
{
	event_del(session->timer);
	event_del(session->deadline);
	session->attempt = 0;
	wsclient_pause(session->ws, session->paused);
	session->ops->ready(session->arg);
}

static void
session_do_leave(struct session *session)
{
	session->left_ms = clock_ms();
	session->attempt = 0;
	session_arm(session->deadline, session->ttl_ms);
	session_drop(session);
	session_do_dial(session);
	session->ops->away(session->arg, session->why);
}

static void
session_do_back(struct session *session)
{
	event_del(session->timer);
	event_del(session->deadline);
	wsclient_pause(session->ws, session->paused);
	session->ops->back(session->arg, clock_ms() - session->left_ms);
}

static void
session_do_pause(struct session *session)
{
	session_drop(session);
	if (session->address != NULL)
		session->address = session->address->ai_next;
	session_arm(session->timer,
	    (uint64_t)session_pause_ms(session->attempt++));
}

static void
session_do_end(struct session *session)
{
	event_del(session->deadline);
	session_drop(session);
}

static void
session_do_fail(struct session *session)
{
	char why[SESSION_WHY_SIZE * 2];

	session_do_end(session);
	session->replaced = session->event == SESSION_EV_REPLACED;
	session->expired = session->unknown || (session->attached_once &&
	    session->event == SESSION_EV_DEADLINE);
	if (session->replaced)
		snprintf(why, sizeof(why), "the session was taken over by "
		    "another connection");
	else if (session->id == NULL)
		snprintf(why, sizeof(why), "no session at %s: %s",
		    session->config->url_text, session->why);
	else if (session->event == SESSION_EV_REJECTED)
		snprintf(why, sizeof(why), "the session is gone: %s",
		    session->why);
	else
		snprintf(why, sizeof(why), "the session is lost: %s: %s",
		    session->config->url_text, session->why);
	session->ops->failed(session->arg, why);
}

static void (*const session_actions[SESSION_NACTIONS])(struct session *) = {
	[SESSION_DO_DIAL] = session_do_dial,
	[SESSION_DO_INITIALIZE] = session_do_initialize,
	[SESSION_DO_READY] = session_do_ready,
	[SESSION_DO_LEAVE] = session_do_leave,
	[SESSION_DO_BACK] = session_do_back,
	[SESSION_DO_PAUSE] = session_do_pause,
	[SESSION_DO_FAIL] = session_do_fail,
	[SESSION_DO_END] = session_do_end,
};

static void
session_do(struct session *session, enum session_event event)
{
	enum session_action action = session_step(&session->state, event);

	session->event = event;
	if (action != SESSION_DO_IGNORE)
		session_actions[action](session);
}

static void
session_timer_cb(evutil_socket_t fd, short what, void *arg)
{
	struct session *session = arg;

	(void)fd;
	(void)what;
	if (session->state == SESSION_FIRST_INIT ||
	    session->state == SESSION_AWAY_INIT) {
		session_set_why(session, "no answer to initialize within %d "
		    "seconds", SESSION_INITIALIZE_MS / 1000);
		session_do(session, SESSION_EV_LOST);
	} else
		session_do(session, SESSION_EV_TIMER);
}

static void
session_deadline_cb(evutil_socket_t fd, short what, void *arg)
{
	struct session *session = arg;
	char why[SESSION_WHY_SIZE];

	(void)fd;
	(void)what;
	strlcpy(why, session->why, sizeof(why));
	if (!session->attached_once)
		session_set_why(session, "%.300s (tried for %d seconds)",
		    *why == '\0' ? "no answer" : why,
		    SESSION_FIRST_MS / 1000);
	else
		session_set_why(session, "not reached within the %llu seconds "
		    "that the server keeps it; last: %.300s",
		    (unsigned long long)session->ttl_ms / 1000, why);
	session_do(session, SESSION_EV_DEADLINE);
}

struct session *
session_new(struct event_base *base, const struct session_config *config,
    const struct session_ops *ops, void *arg)
{
	struct session *session = xcalloc(1, sizeof(*session));

	session->base = base;
	session->config = config;
	session->ops = ops;
	session->arg = arg;
	session->state = SESSION_NEW;
	session->ttl_ms = SESSION_TTL_MS;
	if (config->resume != NULL)
		session->id = xstrdup(config->resume);
	session->calls = rpc_calls_new();
	session->timer = event_new(base, -1, 0, session_timer_cb, session);
	session->deadline = event_new(base, -1, 0, session_deadline_cb,
	    session);
	if (session->timer == NULL || session->deadline == NULL)
		fatalx("out of memory");
	return session;
}

void
session_free(struct session *session)
{
	if (session == NULL)
		return;
	wsclient_free(session->ws);
	rpc_calls_free(session->calls);
	event_free(session->timer);
	event_free(session->deadline);
	free(session->id);
	free(session);
}

void
session_begin(struct session *session)
{
	session_arm(session->deadline, SESSION_FIRST_MS);
	session_do(session, SESSION_EV_BEGIN);
}

void
session_stop(struct session *session)
{
	if (session->ws != NULL)
		wsclient_say_goodbye(session->ws);
	session_do(session, SESSION_EV_STOP);
}

int
session_call(struct session *session, int what, uint64_t tag,
    const char *method, struct json_object *params)
{
	if (session->state != SESSION_ATTACHED) {
		json_object_put(params);
		return -1;
	}
	return session_send(session, what, tag, method, params);
}

const char *
session_id(const struct session *session)
{
	return session->id;
}

uint64_t
session_ttl_ms(const struct session *session)
{
	return session->ttl_ms;
}

int
session_is_beyond(const struct session *session)
{
	return session->beyond;
}

int
session_is_replaced(const struct session *session)
{
	return session->replaced;
}

int
session_is_expired(const struct session *session)
{
	return session->expired;
}

int
session_is_elsewhere(const struct session *session)
{
	return session->elsewhere;
}

int
session_is_attached(const struct session *session)
{
	return session->state == SESSION_ATTACHED;
}

uint64_t
session_away_ms(const struct session *session)
{
	if (session->id == NULL || session->state == SESSION_ATTACHED)
		return 0;
	return clock_ms() - session->left_ms;
}

void
session_pause(struct session *session, int on)
{
	session->paused = on;
	/* Before that, the answer to initialize must get through. */
	if (session->state == SESSION_ATTACHED)
		wsclient_pause(session->ws, on);
}

void
session_distrust(struct session *session, const char *why)
{
	session_set_why(session, "the server sent %s", why);
	if (++session->broken >= SESSION_BROKEN_MAX)
		session_do(session, SESSION_EV_REJECTED);
	session_do(session, SESSION_EV_LOST);
}

void
session_is_sound(struct session *session)
{
	session->broken = 0;
}
