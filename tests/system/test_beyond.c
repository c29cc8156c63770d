/* SPDX-License-Identifier: ISC */
/*
 * What this server has beyond others, for processes; and that who does not
 * know it sees nothing of it.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "common/xmalloc.h"
#include "tests/lib/call.h"
#include "tests/lib/daemon.h"
#include "tests/lib/tap.h"
#include "tests/system/ask.h"

#define BEYOND_MS 60000
#define INVALID (-32600)
#define PARAMS (-32602)
#define ROWS(list) list, sizeof(list) / sizeof(list[0])

#define START(id, script, more) \
	"{'processId':'" id "','argv':['sh','-c','" script "']," \
	"'cwd':'@','env':{'PATH':'/usr/bin:/bin'},'tty':" more "}"

/* The params of the next notification of this kind about this process. */
static struct json_object *
event_of(struct call *call, const char *method, const char *id)
{
	struct json_object *event, *params, *value;

	while ((event = call_next(call, BEYOND_MS)) != NULL) {
		if (json_object_object_get_ex(event, "method", &value) &&
		    strcmp(json_object_get_string(value), method) == 0 &&
		    json_object_object_get_ex(event, "params", &params) &&
		    json_object_object_get_ex(params, "processId", &value) &&
		    strcmp(json_object_get_string(value), id) == 0) {
			json_object_get(params);
			json_object_put(event);
			return params;
		}
		json_object_put(event);
	}
	return NULL;
}

static int
matches(struct json_object *object, const char *wanted)
{
	struct json_object *expected = ask_json(wanted), *value;
	int good = object != NULL;

	json_object_object_foreach(expected, name, member) {
		if (!json_object_object_get_ex(object, name, &value) ||
		    !json_object_equal(value, member))
			good = 0;
	}
	if (!good)
		tap_note("%s", object == NULL ? "nothing" :
		    json_object_to_json_string(object));
	json_object_put(expected);
	return good;
}

static void
ended_as(struct call *call, const char *id, const char *wanted,
    const char *what)
{
	struct json_object *params = event_of(call, "process/exited", id);

	tap_ok(matches(params, wanted), "%s", what);
	json_object_put(params);
}

/* All output of a process until it is closed; the caller's. */
static char *
output_of(struct call *call, const char *id)
{
	struct json_object *result = NULL, *params, *chunks;
	char *text = xstrdup(""), *more, *joined;
	size_t i, len;
	int closed = 0;

	while (!closed) {
		json_object_put(result);
		params = call_process_params(id);
		json_object_object_add(params, "waitMs",
		    json_object_new_int(BEYOND_MS));
		json_object_object_add(params, "afterSeq",
		    json_object_new_int(result == NULL ? 0 : 1000000));
		result = call_result(call, "process/read", params);
		if (result == NULL)
			return text;
		closed = ask_int(result, "closed") == 1;
	}
	json_object_put(result);
	result = call_result(call, "process/read", call_process_params(id));
	if (!json_object_object_get_ex(result, "chunks", &chunks))
		chunks = NULL;
	for (i = 0; chunks != NULL && i < json_object_array_length(chunks);
	    i++) {
		more = ask_bytes(json_object_array_get_idx(chunks, i),
		    "chunk", &len);
		joined = xasprintf("%s%s", text, more == NULL ? "" : more);
		free(text);
		free(more);
		text = joined;
	}
	json_object_put(result);
	return text;
}

static void
wrote(struct call *call, const char *id, const char *wanted,
    const char *what)
{
	char *text = output_of(call, id);

	if (!tap_ok(strcmp(text, wanted) == 0, "%s", what))
		tap_note("%s", text);
	free(text);
}

static void
story_sizes(struct call *call)
{
	static const struct ask_row rows[] = {
		{ "a terminal of a size", "process/start", START("size",
		    "trap \\\"stty size; exit 0\\\" WINCH; stty size; "
		    "while :; do sleep 0.05; done",
		    "true,'size':{'rows':7,'cols':300}"), 0,
		    "{'processId':'size','sandboxType':'none'}", NULL },
		{ "the size of pipes", "process/start", START("none", "true",
		    "false,'size':{'rows':7,'cols':300}"), PARAMS, NULL,
		    NULL },
		{ "half a size", "process/start", START("none", "true",
		    "true,'size':{'rows':7}"), PARAMS, NULL, NULL },
		{ "no rows", "process/start", START("none", "true",
		    "true,'size':{'rows':0,'cols':1}"), PARAMS, NULL, NULL },
		{ "too many columns", "process/resize",
		    "{'processId':'size','rows':1,'cols':65536}", PARAMS,
		    NULL, NULL },
		{ "an unknown process", "process/resize",
		    "{'processId':'none','rows':1,'cols':1}", INVALID, NULL,
		    NULL },
		{ "pipes", "process/start", START("pipes", "sleep 60",
		    "false"), 0, NULL, NULL },
		{ "of which none can be resized", "process/resize",
		    "{'processId':'pipes','rows':1,'cols':1}", INVALID, NULL,
		    NULL },
	};
	static const struct ask_row resize[] = {
		{ "another size", "process/resize",
		    "{'processId':'size','rows':40,'cols':132}", 0, "{}",
		    NULL },
	};

	ask_rows(call, ROWS(rows));
	json_object_put(event_of(call, "process/output", "size"));
	ask_rows(call, ROWS(resize));
	wrote(call, "size", "7 300\r\n40 132\r\n", "both sizes are seen");
}

static void
story_input(struct call *call)
{
	static const struct ask_row rows[] = {
		{ "reads to the end", "process/start", START("in", "wc -c",
		    "false,'pipeStdin':true"), 0, NULL, NULL },
		{ "something", "process/write",
		    "{'processId':'in','chunk':'aGVsbG8=','writeId':'1'}", 0,
		    "{'status':'accepted'}", NULL },
		{ "the end", "process/closeStdin", "{'processId':'in'}", 0,
		    "{'status':'accepted'}", NULL },
		{ "the end again", "process/closeStdin",
		    "{'processId':'in'}", 0, "{'status':'accepted'}", NULL },
		{ "more", "process/write",
		    "{'processId':'in','chunk':'aGVsbG8=','writeId':'2'}", 0,
		    "{'status':'stdinClosed'}", NULL },
		{ "what was there, again", "process/write",
		    "{'processId':'in','chunk':'aGVsbG8=','writeId':'1'}", 0,
		    "{'status':'accepted'}", NULL },
		{ "of nobody", "process/closeStdin", "{'processId':'none'}",
		    0, "{'status':'unknownProcess'}", NULL },
		{ "without input", "process/closeStdin",
		    "{'processId':'pipes'}", 0, "{'status':'stdinClosed'}",
		    NULL },
		{ "a terminal", "process/start", START("tty", "cat",
		    "true"), 0, NULL, NULL },
		{ "of a terminal", "process/closeStdin",
		    "{'processId':'tty'}", INVALID, NULL, NULL },
	};

	ask_rows(call, ROWS(rows));
	wrote(call, "in", "5\n", "all of it was read, and the end");
}

static void
story_signals(struct call *call)
{
	static const struct ask_row rows[] = {
		{ "one that waits", "process/start", START("hup", "sleep 60",
		    "false"), 0, NULL, NULL },
		{ "another", "process/start", START("usr", "exec sleep 60",
		    "true"), 0, NULL, NULL },
		{ "with SIG", "process/signal",
		    "{'processId':'hup','signal':'SIGHUP'}", PARAMS, NULL,
		    NULL },
		{ "kill", "process/signal",
		    "{'processId':'hup','signal':'kill'}", PARAMS, NULL,
		    NULL },
		{ "hup", "process/signal",
		    "{'processId':'hup','signal':'hup'}", 0, "{}", NULL },
	};
	static const struct ask_row more[] = {
		{ "usr1", "process/signal",
		    "{'processId':'usr','signal':'usr1'}", 0, "{}", NULL },
	};

	ask_rows(call, ROWS(rows));
	ended_as(call, "hup", "{'exitCode':129,'signal':'hup'}",
	    "what ended it is named");
	ask_rows(call, ROWS(more));
	ended_as(call, "usr", "{'exitCode':138,'signal':'usr1'}",
	    "on a terminal, too");
}

static void
story_ends(struct call *call)
{
	static const struct ask_row starts[] = {
		{ "one that obeys", "process/start", START("obeys",
		    "trap \\\"exit 3\\\" TERM; echo r; "
		    "while :; do sleep 0.05; done", "false"), 0, NULL, NULL },
		{ "one that does not", "process/start", START("stays",
		    "trap \\\"\\\" TERM; echo r; "
		    "while :; do sleep 0.05; done", "false"), 0, NULL, NULL },
	};
	static const struct ask_row ends[] = {
		{ "with a grace", "process/terminate",
		    "{'processId':'obeys','graceMs':60000}", 0,
		    "{'running':true}", NULL },
	};
	static const struct ask_row harder[] = {
		{ "with a short one", "process/terminate",
		    "{'processId':'stays','graceMs':50}", 0,
		    "{'running':true}", NULL },
		{ "with half a grace", "process/terminate",
		    "{'processId':'stays','graceMs':0.5}", PARAMS, NULL,
		    NULL },
		{ "with no time at all", "process/start", START("none",
		    "sleep 60", "false,'timeoutMs':0"), PARAMS, NULL, NULL },
	};
	static const struct ask_row limit[] = {
		{ "with a time limit", "process/start", START("limit",
		    "sleep 60", "false,'timeoutMs':50"), 0, NULL, NULL },
	};

	ask_rows(call, ROWS(starts));
	json_object_put(event_of(call, "process/output", "obeys"));
	json_object_put(event_of(call, "process/output", "stays"));
	ask_rows(call, ROWS(ends));
	ended_as(call, "obeys", "{'exitCode':3,'signal':null}",
	    "SIGTERM comes first");
	ask_rows(call, ROWS(harder));
	ended_as(call, "stays", "{'exitCode':137,'signal':'kill'}",
	    "SIGKILL at the end of the grace");
	ask_rows(call, ROWS(limit));
	ended_as(call, "limit", "{'exitCode':137,'signal':'kill'}",
	    "and at the end of the time");
}

static void
story_list(struct daemon *daemon)
{
	struct call *call = call_attach(daemon_url(daemon), NULL);
	struct json_object *result, *list, *item;
	static const struct ask_row rows[] = {
		{ "nothing", "process/list", "{}", 0,
		    "{'processes':[],'next':null}", NULL },
		{ "a negative place", "process/list", "{'after':-1}", PARAMS,
		    NULL, NULL },
		{ "one that ends", "process/start", START("ends", "exit 4",
		    "false"), 0, NULL, NULL },
		{ "one that runs", "process/start", START("runs", "sleep 60",
		    "true"), 0, NULL, NULL },
	};

	if (!tap_ok(call != NULL, "another session"))
		return;
	ask_rows(call, ROWS(rows));
	json_object_put(event_of(call, "process/closed", "ends"));
	result = call_result(call, "process/list", ask_json("{}"));
	if (!json_object_object_get_ex(result, "processes", &list))
		list = NULL;
	tap_ok(list != NULL && json_object_array_length(list) == 2,
	    "both are listed");
	item = list == NULL ? NULL : json_object_array_get_idx(list, 0);
	tap_ok(matches(item, "{'processId':'ends','argv0':'sh','tty':false,"
	    "'running':false,'closed':true,'exitCode':4,'signal':null,"
	    "'lastSeq':2}"), "the one that has ended");
	tap_ok(ask_int(item, "startedAtMs") > 0, "and when it began");
	item = list == NULL ? NULL : json_object_array_get_idx(list, 1);
	tap_ok(matches(item, "{'processId':'runs','tty':true,"
	    "'running':true,'closed':false,'exitCode':null,'signal':null}"),
	    "the one that runs");
	json_object_put(result);
	call_free(call);
}

/* How a start that was not answered is asked for again. */
static void
story_repeated(struct daemon *daemon)
{
	static const char start[] = START("once", "echo $$; sleep 60",
	    "false");
	static const struct ask_row first[] = {
		{ "for the first time", "process/start", start, 0,
		    "{'processId':'once','sandboxType':'none'}", NULL },
		{ "again on the same connection", "process/start", start,
		    INVALID, NULL, NULL },
	};
	static const struct ask_row second[] = {
		{ "again on the next", "process/start", start, 0,
		    "{'processId':'once','sandboxType':'none',"
		    "'holdfast':{'repeated':true}}", NULL },
		{ "another one with that id", "process/start",
		    START("once", "echo $$; sleep 61", "false"), INVALID,
		    NULL, NULL },
		{ "once is enough", "process/terminate",
		    "{'processId':'once'}", 0, "{'running':true}", NULL },
	};
	struct call *call = call_attach(daemon_url(daemon), NULL);
	char *session, *text;

	if (!tap_ok(call != NULL, "a session"))
		return;
	ask_rows(call, ROWS(first));
	json_object_put(event_of(call, "process/output", "once"));
	session = xstrdup(call_session(call));
	call_free(call);
	call = call_attach(daemon_url(daemon), session);
	free(session);
	if (!tap_ok(call != NULL, "and its next connection"))
		return;
	ask_rows(call, ROWS(second));
	text = output_of(call, "once");
	tap_ok(strchr(text, '\n') != NULL &&
	    strchr(text, '\n') == strrchr(text, '\n'), "it ran once");
	free(text);
	call_free(call);
}

static struct json_object *
gap_of(struct json_object *result)
{
	struct json_object *more, *gap;

	if (!json_object_object_get_ex(result, "holdfast", &more) ||
	    !json_object_object_get_ex(more, "gap", &gap))
		return NULL;
	return gap;
}

static size_t
bytes_of(struct json_object *result)
{
	struct json_object *chunks;
	size_t i, len, all = 0;

	if (!json_object_object_get_ex(result, "chunks", &chunks))
		return 0;
	for (i = 0; i < json_object_array_length(chunks); i++) {
		free(ask_bytes(json_object_array_get_idx(chunks, i), "chunk",
		    &len));
		all += len;
	}
	return all;
}

/* More than is kept, written while nobody was there. */
static void
story_gaps(struct daemon *daemon)
{
	static const struct ask_row rows[] = {
		{ "a flood", "process/start", START("flood", "echo first; "
		    "read go; head -c 5000000 /dev/zero; echo last",
		    "false,'pipeStdin':true"), 0, NULL, NULL },
	};
	struct call *call = call_attach(daemon_url(daemon), NULL);
	struct json_object *result, *gap;
	int64_t last;
	char *session;

	if (!tap_ok(call != NULL, "a session"))
		return;
	ask_rows(call, ROWS(rows));
	json_object_put(event_of(call, "process/output", "flood"));
	session = xstrdup(call_session(call));
	call_send(call, "process/write", ask_json("{'processId':'flood',"
	    "'chunk':'Cg==','writeId':'1'}"));
	call_free(call);
	call = call_attach(daemon_url(daemon), session);
	free(session);
	if (!tap_ok(call != NULL, "and its next connection"))
		return;
	json_object_put(event_of(call, "process/closed", "flood"));
	result = call_result(call, "process/read",
	    call_process_params("flood"));
	gap = gap_of(result);
	tap_ok(gap != NULL && ask_int(gap, "fromSeq") == 1, "a gap from the "
	    "beginning");
	tap_ok(ask_int(gap, "bytes") + (int64_t)bytes_of(result) == 5000011,
	    "with as many bytes as are missing");
	json_object_put(result);
	result = call_result(call, "process/read",
	    ask_json("{'processId':'flood','afterSeq':1}"));
	gap = gap_of(result);
	tap_ok(gap != NULL && ask_int(gap, "fromSeq") == 2 &&
	    ask_int(gap, "bytes") + (int64_t)bytes_of(result) == 5000005,
	    "the same from where the client was");
	last = ask_int(gap, "toSeq");
	json_object_put(result);
	result = call_result(call, "process/read", ask_jsonf("{'processId':"
	    "'flood','afterSeq':%" PRId64 "}", last));
	tap_ok(result != NULL && gap_of(result) == NULL, "and none behind "
	    "it");
	json_object_put(result);
	call_free(call);
}

/* Byte for byte what others send, where nothing beyond it was asked for. */
static void
story_nothing_to_see(struct daemon *daemon)
{
	static const struct ask_row rows[] = {
		{ "a process", "process/start", START("p", "echo hi; exit 5",
		    "false"), 0, "{'processId':'p','sandboxType':'none'}",
		    NULL },
		{ "its end", "process/read",
		    "{'processId':'p','afterSeq':2,'waitMs':30000}", 0, NULL,
		    NULL },
		{ "its output", "process/read",
		    "{'processId':'p','maxBytes':1}", 0,
		    "+{'chunks':[{'seq':1,'stream':'stdout',"
		    "'chunk':'aGkK'}],'failure':null,'sandboxDenied':false}",
		    NULL },
		{ "input", "process/write",
		    "{'processId':'p','chunk':'','writeId':'1'}", 0,
		    "{'status':'stdinClosed'}", NULL },
		{ "a signal", "process/signal",
		    "{'processId':'p','signal':'interrupt'}", 0, "{}", NULL },
		{ "no signal", "process/signal",
		    "{'processId':'p','signal':'Interrupt'}", PARAMS, NULL,
		    NULL },
		{ "an end", "process/terminate", "{'processId':'p'}", 0,
		    "{'running':false}", NULL },
		{ "an id that is taken", "process/start", START("p", "true",
		    "false"), INVALID, NULL, NULL },
		{ "unknown members", "process/terminate",
		    "{'processId':'q','holdfast':5,'size':{}}", 0,
		    "{'running':false}", NULL },
	};
	struct call *call = call_attach(daemon_url(daemon), NULL);
	struct json_object *result, *reply, *error;

	if (!tap_ok(call != NULL, "a client that knows nothing"))
		return;
	ask_rows(call, ROWS(rows));
	result = call_result(call, "process/read", call_process_params("p"));
	tap_ok(result != NULL && json_object_object_length(result) == 7 &&
	    gap_of(result) == NULL, "an answer of seven members");
	json_object_put(result);
	reply = call_request(call, "process/read",
	    call_process_params("none"));
	tap_ok(reply != NULL && json_object_object_get_ex(reply, "error",
	    &error) && json_object_object_length(error) == 2, "an error of "
	    "two");
	json_object_put(reply);
	call_free(call);
}

int
main(void)
{
	static const char *const args[] = { "--retain-bytes", "1048576",
		"--spill-bytes", "0", "--hold-ms", "20", NULL };
	struct daemon *daemon = daemon_start(args);
	struct call *call = NULL;

	if (tap_ok(daemon != NULL, "holdfastd runs")) {
		ask_at(daemon_dir(daemon));
		call = call_attach(daemon_url(daemon), NULL);
	}
	if (call != NULL) {
		story_sizes(call);
		story_input(call);
		story_signals(call);
		story_ends(call);
		call_free(call);
		story_list(daemon);
		story_repeated(daemon);
		story_gaps(daemon);
		story_nothing_to_see(daemon);
		tap_ok(daemon_stop(daemon, BEYOND_MS) == 0,
		    "holdfastd ends with 0");
		tap_ok(daemon_check_clean(daemon, BEYOND_MS) == 0,
		    "nothing is left behind");
	}
	daemon_free(daemon, tap_failed() > 0);
	return tap_done();
}
