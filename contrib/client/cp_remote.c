/* SPDX-License-Identifier: ISC */
/* "holdfast cp": the server, waited for. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <json-c/json.h>

#include "common/log.h"
#include "common/xmalloc.h"
#include "contrib/client/cp_private.h"
#include "contrib/client/rpc.h"
#include "contrib/client/say.h"
#include "contrib/client/session.h"
#include "contrib/client/start.h"

/* New sessions in a row that have answered nothing. */
#define REMOTE_SESSIONS_MAX 3

/* The two kinds of call. */
enum { REMOTE_ASKED, REMOTE_SENT };

struct remote {
	struct event_base *base;
	const struct session_config *config;
	struct session *session;
	int expired; /* the next turn begins a new one */
	unsigned int sessions; /* begun since the last answer */
	unsigned int epoch;
	int attached;
	int failed;
	char away_why[256];
	/* The question that remote_ask() waits for. */
	uint64_t question;
	int answered;
	unsigned int answered_epoch;
	int code;
	char error[LOG_CLEAN_SIZE];
	struct json_object *result;
	void (*reply)(void *arg, uint64_t tag, const struct rpc_message *msg);
	void *reply_arg;
};

static void
remote_ready_cb(void *arg)
{
	struct remote *remote = arg;

	remote->attached = 1;
	remote->epoch++;
}

static void
remote_back_cb(void *arg, uint64_t away_ms)
{
	struct remote *remote = arg;

	cp_progress_end();
	say_note("connected again after %llu.%03llu s (%s)",
	    (unsigned long long)away_ms / 1000,
	    (unsigned long long)away_ms % 1000, remote->away_why);
	remote_ready_cb(remote);
}

static void
remote_away_cb(void *arg, const char *why)
{
	struct remote *remote = arg;

	remote->attached = 0;
	strlcpy(remote->away_why, why, sizeof(remote->away_why));
}

static void
remote_reply_cb(void *arg, int what, uint64_t tag,
    const struct rpc_message *msg)
{
	struct remote *remote = arg;

	session_is_sound(remote->session);
	remote->sessions = 0;
	if (what == REMOTE_SENT) {
		if (remote->reply != NULL)
			remote->reply(remote->reply_arg, tag, msg);
		return;
	}
	if (tag != remote->question)
		return;
	remote->answered = 1;
	remote->answered_epoch = remote->epoch;
	remote->code = msg->kind == RPC_ERROR ? msg->code : 0;
	if (msg->kind == RPC_ERROR)
		strlcpy(remote->error, msg->text, sizeof(remote->error));
	else
		remote->result = json_object_get(msg->body);
}

static void
remote_notification_cb(void *arg, const struct rpc_message *msg)
{
	(void)arg;
	(void)msg;
}

static void
remote_failed_cb(void *arg, const char *why)
{
	struct remote *remote = arg;

	cp_progress_end();
	remote->attached = 0;
	if (session_is_expired(remote->session) &&
	    remote->sessions++ < REMOTE_SESSIONS_MAX) {
		say_note("%s; going on in a new one", why);
		remote->expired = 1;
		return;
	}
	say_error("%s", why);
	remote->failed = 1;
}

static const struct session_ops remote_ops = {
	.ready = remote_ready_cb,
	.back = remote_back_cb,
	.away = remote_away_cb,
	.reply = remote_reply_cb,
	.notification = remote_notification_cb,
	.failed = remote_failed_cb,
};

static void
remote_begin(struct remote *remote)
{
	remote->session = session_new(remote->base, remote->config,
	    &remote_ops, remote);
	session_begin(remote->session);
}

struct remote *
remote_new(const struct session_config *config)
{
	struct remote *remote = xcalloc(1, sizeof(*remote));

	remote->base = event_base_new();
	if (remote->base == NULL)
		fatalx("the event loop can't be made");
	remote->config = config;
	remote_begin(remote);
	return remote;
}

void
remote_free(struct remote *remote)
{
	if (remote->attached)
		session_stop(remote->session);
	session_free(remote->session);
	event_base_free(remote->base);
	free(remote);
}

unsigned int
remote_epoch(const struct remote *remote)
{
	return remote->epoch;
}

unsigned int
remote_answered(const struct remote *remote)
{
	return remote->answered_epoch;
}

int
remote_turn(struct remote *remote)
{
	if (remote->failed || event_base_loop(remote->base,
	    EVLOOP_ONCE) != 0)
		return -1;
	/* Not from a callback of the old one. */
	if (remote->expired) {
		remote->expired = 0;
		session_free(remote->session);
		remote_begin(remote);
	}
	return remote->failed ? -1 : 0;
}

int
remote_attached(struct remote *remote)
{
	while (!remote->attached)
		if (remote_turn(remote) == -1)
			return -1;
	return 0;
}

/* One attempt: 0 answered, 1 to be asked again, -1 lost. */
static int
remote_try(struct remote *remote, const char *method,
    struct json_object *params)
{
	unsigned int epoch;

	if (remote_attached(remote) == -1)
		return -1;
	epoch = remote->epoch;
	remote->question++;
	remote->answered = 0;
	if (session_call(remote->session, REMOTE_ASKED, remote->question,
	    method, json_object_get(params)) == -1)
		return remote_turn(remote) == -1 ? -1 : 1;
	while (!remote->answered) {
		if (remote_turn(remote) == -1)
			return -1;
		if (!remote->answered &&
		    (!remote->attached || remote->epoch != epoch))
			return 1;
	}
	return 0;
}

int
remote_ask(struct remote *remote, const char *method,
    struct json_object *params, struct json_object **result)
{
	int rc;

	while ((rc = remote_try(remote, method, params)) == 1)
		continue;
	json_object_put(params);
	if (rc == -1)
		return REMOTE_LOST;
	if (result != NULL)
		*result = remote->result;
	else
		json_object_put(remote->result);
	remote->result = NULL;
	return remote->code;
}

const char *
remote_error(const struct remote *remote)
{
	return remote->error;
}

int
remote_send(struct remote *remote, uint64_t tag, const char *method,
    struct json_object *params)
{
	return session_call(remote->session, REMOTE_SENT, tag, method,
	    params);
}

void
remote_listen(struct remote *remote,
    void (*reply)(void *arg, uint64_t tag, const struct rpc_message *msg),
    void *arg)
{
	remote->reply = reply;
	remote->reply_arg = arg;
}

struct json_object *
remote_path(const char *path)
{
	struct json_object *params = json_object_new_object();
	char *uri = start_file_uri(path);

	json_object_object_add(params, "path", json_object_new_string(uri));
	free(uri);
	return params;
}
