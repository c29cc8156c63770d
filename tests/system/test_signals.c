/* SPDX-License-Identifier: ISC */
/* Every signal that can be asked for, and how it is told that one ended it. */
#include "config.h"

#include <sys/types.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "common/signame.h"
#include "common/xmalloc.h"
#include "tests/lib/call.h"
#include "tests/lib/daemon.h"
#include "tests/lib/procfs.h"
#include "tests/lib/tap.h"
#include "tests/lib/tape.h"
#include "tests/lib/wait.h"
#include "tests/system/ask.h"

#define SIGNALS_MS 60000

static const struct {
	const char *name;
	int number;
} names[] = {
#define S(name, number) { name, number },
	SIGNAME_SENDABLE(S)
#undef S
	{ "interrupt", SIGINT },
};

/* What does not end a process that has not asked for it (signal(7)). */
static int
spares(int number)
{
	return number == SIGCHLD || number == SIGCONT || number == SIGSTOP ||
	    number == SIGTSTP || number == SIGTTIN || number == SIGTTOU ||
	    number == SIGURG || number == SIGWINCH;
}

/* The others that stop are not for process groups without a shell's care. */
static int
stops(int number)
{
	return number == SIGSTOP;
}

/* The params of the next notification of this kind; the caller's. */
static struct json_object *
event_of(struct call *call, const char *method)
{
	struct json_object *event, *value, *params = NULL;

	while (params == NULL &&
	    (event = call_next(call, SIGNALS_MS)) != NULL) {
		if (json_object_object_get_ex(event, "method", &value) &&
		    strcmp(json_object_get_string(value), method) == 0 &&
		    json_object_object_get_ex(event, "params", &params))
			json_object_get(params);
		json_object_put(event);
	}
	return params;
}

/* A process that waits; its pid, or 0. */
static pid_t
start(struct call *call, const char *id)
{
	struct tape *tape = tape_new(id);
	pid_t pid = 0;

	json_object_put(call_result(call, "process/start", ask_jsonf(
	    "{'processId':'%s','argv':['sh','-c','echo $$; exec sleep 600'],"
	    "'cwd':'file:///','env':{'PATH':'/usr/bin:/bin'},'tty':false}",
	    id)));
	if (tape_follow_to(tape, call, "stdout", "\n", SIGNALS_MS) == 0)
		pid = (pid_t)strtol(tape_text(tape, "stdout"), NULL, 10);
	tape_free(tape);
	return pid;
}

static int
send_signal(struct call *call, const char *id, const char *name)
{
	struct json_object *result;
	int good;

	good = ask_wait(call, call_send(call, "process/signal",
	    ask_jsonf("{'processId':'%s','signal':'%s'}", id, name)),
	    &result) == 0 && json_object_object_length(result) == 0;
	json_object_put(result);
	return good;
}

static int
ended_by(struct call *call, const char *id, int number)
{
	struct json_object *params = event_of(call, "process/exited"), *value;
	char text[SIGNAME_SIZE];
	int good;

	good = json_object_object_get_ex(params, "processId", &value) &&
	    strcmp(json_object_get_string(value), id) == 0 &&
	    ask_int(params, "exitCode") == 128 + number &&
	    json_object_object_get_ex(params, "signal", &value) &&
	    json_object_is_type(value, json_type_string) &&
	    strcmp(json_object_get_string(value),
	    signame_text(number, text)) == 0;
	if (!good)
		tap_note("%s: %s", id, json_object_to_json_string(params));
	json_object_put(params);
	return good;
}

static int
is_stopped(void *pid)
{
	struct procfs_entry entry;

	return procfs_get(*(pid_t *)pid, &entry) == 0 && entry.state == 'T';
}

static int
is_awake(void *pid)
{
	struct procfs_entry entry;

	return procfs_get(*(pid_t *)pid, &entry) == 0 && entry.state != 'T';
}

static int
story_sparing(struct call *call, const char *id, const char *name, int number,
    pid_t pid)
{
	if (stops(number) && (wait_until(is_stopped, &pid, SIGNALS_MS) == -1 ||
	    !send_signal(call, id, "cont") ||
	    wait_until(is_awake, &pid, SIGNALS_MS) == -1))
		return 0;
	/* Had it been ended by the first, this would not be told. */
	return send_signal(call, id, name) && (!stops(number) ||
	    wait_until(is_stopped, &pid, SIGNALS_MS) == 0) &&
	    ask_wait(call, call_send(call, "process/terminate",
	    call_process_params(id)), NULL) == 0 &&
	    ended_by(call, id, SIGKILL);
}

static void
story_signals(struct call *call)
{
	size_t i, good = 0, count = sizeof(names) / sizeof(names[0]);
	char id[64];
	pid_t pid;

	for (i = 0; i < count; i++) {
		snprintf(id, sizeof(id), "by-%s", names[i].name);
		pid = start(call, id);
		if (pid > 0 && send_signal(call, id, names[i].name) &&
		    (spares(names[i].number) ? story_sparing(call, id,
		    names[i].name, names[i].number, pid) :
		    ended_by(call, id, names[i].number)))
			good++;
		else
			tap_note("%s does not do what it should",
			    names[i].name);
	}
	tap_ok(good == count, "%zu of %zu signals do what they do", good,
	    count);
}

int
main(void)
{
	struct daemon *daemon = daemon_start(NULL);
	struct call *call = NULL;

	if (tap_ok(daemon != NULL, "holdfastd runs"))
		call = call_attach(daemon_url(daemon), NULL);
	if (tap_ok(call != NULL, "a session")) {
		story_signals(call);
		call_free(call);
		tap_ok(daemon_stop(daemon, SIGNALS_MS) == 0,
		    "holdfastd ends with 0");
		tap_ok(daemon_check_clean(daemon, SIGNALS_MS) == 0,
		    "nothing is left behind");
	}
	daemon_free(daemon, tap_failed() > 0);
	return tap_done();
}
