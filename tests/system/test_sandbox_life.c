/* SPDX-License-Identifier: ISC */
/* Processes in sandboxes are like all others: ends, keys, signals, input. */
#include "config.h"

#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "tests/lib/call.h"
#include "tests/lib/tap.h"
#include "tests/lib/tape.h"
#include "tests/lib/wait.h"
#include "tests/system/ask.h"
#include "tests/system/boxkit.h"
#include "tests/system/prison.h"

#define COUNT(list) (sizeof(list) / sizeof(list[0]))

/* Exit codes, denials, and starts that fail. */
static void
story_ends(struct call *call)
{
	static const struct {
		const char *what, *script;
		int code, denied;
	} ends[] = {
		{ "its code", "exit 7", 7, 0 },
		{ "success", "true", 0, 0 },
		{ "a signal", "kill -TERM $$", 143, 0 },
		{ "what the sandbox forbids", "echo x >/etc/holdfast-x", 2,
		    1 },
		{ "a success in spite of it", "echo x >/etc/holdfast-x; true",
		    0, 0 },
	};
	const char *argv[] = { "/bin/sh", "-c", NULL, NULL };
	const char *none[] = { "holdfast-no-such-program", NULL };
	char out[256];
	size_t i;
	int code, denied;

	for (i = 0; i < COUNT(ends); i++) {
		denied = -1;
		argv[2] = ends[i].script;
		code = box_run(call, prison.w, argv, box_policy(prison.w,
		    "restricted", ""), &denied, out);
		tap_ok(code == ends[i].code && denied == ends[i].denied,
		    "the end tells of %s (%d, %d)", ends[i].what, code,
		    denied);
	}
	denied = -1;
	argv[2] = "echo Permission denied; exit 1";
	code = box_run(call, prison.w, argv, NULL, &denied, NULL);
	tap_ok(code == 1 && denied == 0, "without a sandbox none denies");
	code = box_start(call, "none", prison.w, none, 0,
	    box_policy(prison.w, "restricted", ""), out);
	tap_ok(code == SYSTEM && strstr(out, "No such file") != NULL,
	    "a program that is not there: %s", out);
	argv[2] = "true";
	code = box_start(call, "none", "/no/such/directory", argv, 0,
	    box_policy(prison.w, "restricted", ""), out);
	tap_ok(code == SYSTEM && strstr(out, "working directory") != NULL,
	    "nor its directory: %s", out);
	code = box_start(call, "none", prison.w, argv, 0,
	    box_policy(prison.w, "restricted", ""), out);
	tap_ok(code == 0, "the id is free after that");
}

static void
follow_to(struct call *call, struct tape *tape, const char *text)
{
	if (tape_follow_to(tape, call, "pty", text, BOX_MS) == -1)
		tap_note("%s", tape_error(tape));
}

/* Keys of a terminal, and a shell that controls jobs. */
static void
story_terminal(struct call *call)
{
	static const char *const trap[] = { "/bin/sh", "-c",
		"trap 'echo caught; exit 9' INT; echo ready; "
		"while :; do sleep 0.1; done", NULL };
	static const char *const jobs[] = { "/bin/sh", "-i", NULL };
	struct tape *tape = tape_new("trap");

	box_start(call, "trap", prison.w, trap, 1, box_policy(prison.w,
	    "restricted", ""), NULL);
	follow_to(call, tape, "ready");
	box_type(call, "trap", "\003");
	tape_follow(tape, call, BOX_MS);
	tap_ok(tape_exit_code(tape) == 9 &&
	    strstr(tape_text(tape, "pty"), "caught") != NULL,
	    "an interrupt from the terminal goes to who reads it");
	tape_free(tape);
	tape = tape_new("jobs");
	box_start(call, "jobs", prison.w, jobs, 1, box_policy(prison.w,
	    "restricted", ""), NULL);
	box_type(call, "jobs", "PS1=; echo o''ne\n");
	follow_to(call, tape, "one");
	box_type(call, "jobs", "sh -c 'echo t''wo; exec sleep 300'\n");
	follow_to(call, tape, "two");
	box_type(call, "jobs", "\032");
	follow_to(call, tape, "Stopped");
	box_type(call, "jobs", "kill -KILL %1; fg; exec sh -c "
	    "'echo t''hree; exec sleep 300'\n");
	follow_to(call, tape, "three");
	box_type(call, "jobs", "\003");
	tape_follow(tape, call, BOX_MS);
	tap_ok(tape_exit_code(tape) == 130 &&
	    strstr(tape_text(tape, "pty"), "Stopped") != NULL,
	    "a shell stops its job and goes on");
	tape_free(tape);
}

/* A signal asked for goes to the program, not to what is around it. */
static void
story_signal(struct call *call)
{
	static const char *const argv[] = { "/bin/sh", "-c",
		"trap 'echo caught; exit 9' USR1; echo ready; "
		"while :; do sleep 0.1; done", NULL };
	struct json_object *params = call_process_params("signal");
	struct tape *tape = tape_new("signal");

	box_start(call, "signal", prison.w, argv, 0, box_policy(prison.w,
	    "restricted", ""), NULL);
	tape_follow_to(tape, call, "stdout", "ready\n", BOX_MS);
	json_object_object_add(params, "signal",
	    json_object_new_string("usr1"));
	json_object_put(call_result(call, "process/signal", params));
	tape_follow(tape, call, BOX_MS);
	tap_ok(tape_exit_code(tape) == 9 &&
	    strstr(tape_text(tape, "stdout"), "caught") != NULL,
	    "a signal goes to who is in the sandbox");
	tape_free(tape);
}

static int
is_alone(void *arg)
{
	char *path = arg;
	struct stat st;

	/* Whoever is left touches it again and again. */
	return unlink(path) == -1 && stat(path, &st) == -1 &&
	    usleep(50000) == 0 && stat(path, &st) == -1;
}

static void
story_terminate(struct call *call)
{
	char *path = below(prison.w, "alive"), script[256];
	const char *argv[] = { "/bin/sh", "-c", script, NULL };
	struct json_object *result;
	struct tape *tape = tape_new("end");

	snprintf(script, sizeof(script), "(setsid sh -c 'trap \"\" TERM INT "
	    "HUP; while :; do touch alive; sleep 0.01; done' &) ; sleep 300");
	box_start(call, "end", prison.w, argv, 0, box_policy(prison.w,
	    "restricted", ""), NULL);
	while (!is_there(prison.w, "alive"))
		usleep(5000);
	result = call_result(call, "process/terminate",
	    call_process_params("end"));
	json_object_put(result);
	tape_follow(tape, call, BOX_MS);
	tap_ok(tape_exit_code(tape) == 137, "terminated in its sandbox");
	tap_ok(wait_until(is_alone, path, BOX_MS) == 0,
	    "and so is all that it had started, sessions of their own or not");
	tape_free(tape);
	free(path);
}

/* What is asked of a process that is not there yet. */
static void
story_pipelined(struct call *call)
{
	static const char *const argv[] = { "/bin/cat", NULL };
	struct json_object *params = call_start_params("cat", prison.w, argv);
	struct tape *tape = tape_new("cat");
	int64_t ids[3];

	json_object_object_add(params, "sandbox", box_policy(prison.w,
	    "restricted", ""));
	json_object_object_add(params, "pipeStdin",
	    json_object_new_boolean(1));
	ids[0] = call_send(call, "process/start", params);
	ids[1] = call_send(call, "process/write", call_write_params("cat",
	    "1", "hello", 5));
	ids[2] = call_send(call, "process/closeStdin",
	    call_process_params("cat"));
	tap_ok(ask_wait(call, ids[0], NULL) == 0 &&
	    ask_wait(call, ids[1], NULL) == 0 &&
	    ask_wait(call, ids[2], NULL) == 0 &&
	    tape_follow(tape, call, BOX_MS) == 0 &&
	    strcmp(tape_text(tape, "stdout"), "hello") == 0,
	    "input sent before the sandbox is ready arrives");
	tape_free(tape);
}

static void
stories(struct call *call)
{
	story_ends(call);
	story_terminal(call);
	story_signal(call);
	story_terminate(call);
	story_pipelined(call);
}

int
main(void)
{
	return prison_main(stories);
}
