/* SPDX-License-Identifier: ISC */
/* "holdfast ps": the processes of a session, or what was left running. */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>
#include <json-c/json.h>

#include "common/log.h"
#include "contrib/client/job.h"
#include "contrib/client/memory.h"
#include "contrib/client/options.h"
#include "contrib/client/ps.h"
#include "contrib/client/rpc.h"
#include "contrib/client/say.h"
#include "contrib/client/session.h"
#include "contrib/client/target.h"

struct ps {
	struct event_base *base;
	struct session *session;
	int status;
	int shown; /* the line above all others */
	const struct memory_entry *left; /* what is looked for, or NULL */
	char state[32]; /* of that */
};

int
ps_process(struct json_object *result, size_t i, struct ps_process *process)
{
	struct json_object *list, *item, *code;

	if (!json_object_is_type(result, json_type_object) ||
	    !json_object_object_get_ex(result, "processes", &list) ||
	    !json_object_is_type(list, json_type_array) ||
	    i >= json_object_array_length(list))
		return -1;
	item = json_object_array_get_idx(list, i);
	process->id = rpc_string(item, "processId", "");
	process->program = rpc_string(item, "argv0", NULL);
	process->signal = rpc_string(item, "signal", NULL);
	process->started_ms = rpc_uint(item, "startedAtMs", 0);
	process->tty = rpc_bool(item, "tty");
	process->running = rpc_bool(item, "running");
	process->closed = rpc_bool(item, "closed");
	process->exited = json_object_is_type(item, json_type_object) &&
	    json_object_object_get_ex(item, "exitCode", &code) &&
	    json_object_is_type(code, json_type_int);
	process->exit_code = rpc_int(item, "exitCode", 255);
	return 0;
}

void
ps_state(const struct ps_process *process, char *out, size_t size)
{
	if (process->running)
		snprintf(out, size, "running");
	else if (process->signal != NULL)
		snprintf(out, size, "%.16s", process->signal);
	else if (process->exited)
		snprintf(out, size, "exit %d", process->exit_code);
	else
		snprintf(out, size, "?");
}

static void
ps_show(struct ps *ps, const struct ps_process *process)
{
	char id[LOG_CLEAN_SIZE], program[LOG_CLEAN_SIZE], when[32] = "?";
	char state[32], clean[LOG_CLEAN_SIZE];
	time_t started = (time_t)(process->started_ms / 1000);
	struct tm tm;

	if (!ps->shown)
		printf("%-36s %-8s %-19s %-3s %s\n", "PROCESS", "STATE",
		    "STARTED", "TTY", "COMMAND");
	ps->shown = 1;
	if (localtime_r(&started, &tm) != NULL)
		strftime(when, sizeof(when), "%F %T", &tm);
	ps_state(process, state, sizeof(state));
	printf("%-36s %-8s %-19s %-3s %s\n",
	    log_clean(id, process->id, strlen(process->id)),
	    log_clean(clean, state, strlen(state)), when,
	    process->tty ? "yes" : "no", process->program == NULL ? "?" :
	    log_clean(program, process->program,
	    strlen(process->program)));
}

static void
ps_finish(struct ps *ps, int status)
{
	ps->status = status;
	session_stop(ps->session);
	event_base_loopexit(ps->base, NULL);
}

static void
ps_ask(struct ps *ps, uint64_t after)
{
	struct json_object *params = json_object_new_object();

	json_object_object_add(params, "after",
	    json_object_new_uint64(after));
	(void)session_call(ps->session, JOB_CALLS, 0, "process/list", params);
}

static void
ps_ready_cb(void *arg)
{
	struct ps *ps = arg;

	if (session_is_beyond(ps->session)) {
		ps_ask(ps, 0);
		return;
	}
	say_error("this server can't list processes");
	ps_finish(ps, JOB_STATUS_FAILED);
}

static void
ps_reply_cb(void *arg, int what, uint64_t tag, const struct rpc_message *msg)
{
	struct ps_process process;
	struct ps *ps = arg;
	uint64_t next;
	size_t i;

	(void)what;
	(void)tag;
	if (msg->kind == RPC_ERROR) {
		say_error("%s", msg->text);
		ps_finish(ps, JOB_STATUS_FAILED);
		return;
	}
	for (i = 0; ps_process(msg->body, i, &process) == 0; i++)
		if (ps->left == NULL)
			ps_show(ps, &process);
		else if (strcmp(ps->left->process, process.id) == 0)
			ps_state(&process, ps->state, sizeof(ps->state));
	next = rpc_uint(msg->body, "next", 0);
	if (next != 0)
		ps_ask(ps, next);
	else
		ps_finish(ps, 0);
}

/* A list that breaks off is not worth being gone on with. */
static void
ps_away_cb(void *arg, const char *why)
{
	say_error("%s", why);
	ps_finish(arg, JOB_STATUS_FAILED);
}

static void
ps_back_cb(void *arg, uint64_t away_ms)
{
	(void)arg;
	(void)away_ms;
}

static void
ps_notification_cb(void *arg, const struct rpc_message *msg)
{
	(void)arg;
	(void)msg;
}

/* What was left may be anywhere by now; that is no failure. */
static void
ps_failed_cb(void *arg, const char *why)
{
	struct ps *ps = arg;

	if (ps->left != NULL && session_is_elsewhere(ps->session)) {
		strlcpy(ps->state, "attached", sizeof(ps->state));
		ps_finish(ps, 0);
	} else if (ps->left != NULL && session_is_expired(ps->session)) {
		ps_finish(ps, 0);
	} else {
		say_error("%s", why);
		ps_finish(ps, JOB_STATUS_FAILED);
	}
}

static const struct session_ops ps_ops = {
	.ready = ps_ready_cb,
	.back = ps_back_cb,
	.away = ps_away_cb,
	.reply = ps_reply_cb,
	.notification = ps_notification_cb,
	.failed = ps_failed_cb,
};

/* Ask about one session; the status to exit with. */
static int
ps_session(struct ps *ps, const struct session_config *config)
{
	ps->status = JOB_STATUS_FAILED;
	ps->base = event_base_new();
	if (ps->base == NULL)
		fatalx("the event loop can't be made");
	ps->session = session_new(ps->base, config, &ps_ops, ps);
	session_begin(ps->session);
	event_base_dispatch(ps->base);
	session_free(ps->session);
	event_base_free(ps->base);
	return ps->status;
}

static void
ps_show_left(const struct memory_entry *left, const char *state, int first)
{
	char session[LOG_CLEAN_SIZE], process[LOG_CLEAN_SIZE];
	char clean[LOG_CLEAN_SIZE], command[LOG_CLEAN_SIZE];

	if (first)
		printf("%-36s %-8s %-36s %s\n", "SESSION", "STATE",
		    "PROCESS", "COMMAND");
	printf("%-36s %-8s %-36s %s\n",
	    log_clean(session, left->session, strlen(left->session)),
	    log_clean(clean, state, strlen(state)),
	    log_clean(process, left->process, strlen(left->process)),
	    log_clean(command, left->command, strlen(left->command)));
}

/* All that was left at this server; what is gone is told once. */
static int
ps_all_left(struct ps *ps, struct session_config *config)
{
	struct memory memory = { 0 };
	size_t i, here = 0;
	int status = 0;

	memory_read(&memory);
	config->once = 1;
	for (i = 0; i < memory.count && status == 0; i++) {
		ps->left = &memory.entries[i];
		if (strcmp(ps->left->url, config->url_text) != 0)
			continue;
		config->resume = ps->left->session;
		strlcpy(ps->state, "gone", sizeof(ps->state));
		status = ps_session(ps, config);
		if (status != 0)
			break;
		ps_show_left(ps->left, ps->state, here++ == 0);
		if (strcmp(ps->state, "gone") == 0)
			(void)memory_forget(ps->left->url,
			    ps->left->session);
	}
	if (status == 0 && here == 0)
		say_note("nothing was left running at %s",
		    config->url_text);
	if (status == 0 && here < memory.count)
		say_note("%zu left at other servers: --url names one",
		    memory.count - here);
	memory_clear(&memory);
	return status;
}

int
ps_main(struct options *options)
{
	struct ps ps = { 0 };
	struct session_config config = {
		.url_text = options->url,
		.resume = options->session,
	};
	struct target target;
	int status;

	log_init("holdfast", LOG_LEVEL_WARN, 0);
	if (target_init(&target, options->url, options->token_file,
	    options->ca) == -1) {
		target_clear(&target);
		return JOB_STATUS_FAILED;
	}
	config.url = &target.url;
	config.addresses = target.addresses;
	config.token = target.token;
	status = options->session != NULL ? ps_session(&ps, &config) :
	    ps_all_left(&ps, &config);
	target_clear(&target);
	if (fflush(stdout) != 0)
		status = JOB_STATUS_FAILED;
	return status;
}
