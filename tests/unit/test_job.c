/* SPDX-License-Identifier: ISC */
/* A job over breaks: never started twice, its input and output once. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <json-c/json.h>

#include "contrib/client/job.h"
#include "contrib/client/rpc.h"

/* All that the job asked for or told, one word each. */
static char seen[8192];
static struct job *job;

static void __attribute__((format(printf, 1, 2)))
note(const char *fmt, ...)
{
	size_t len = strlen(seen);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(seen + len, sizeof(seen) - len, fmt, ap);
	va_end(ap);
}

/* "start ", "read:AFTER ", "write:ID:CHUNK ", "closeStdin " ... */
static int
on_call(void *arg, int what, uint64_t tag, const char *method,
    struct json_object *params)
{
	(void)arg;
	(void)tag;
	cr_assert_str_eq(rpc_string(params, "processId", ""), "p");
	note("%s", strchr(method, '/') + 1);
	if (what == JOB_READ)
		note(":%d", (int)rpc_uint(params, "afterSeq", 99));
	if (what == JOB_RESIZE)
		note(":%dx%d", rpc_int(params, "rows", 0),
		    rpc_int(params, "cols", 0));
	if (what == JOB_WRITE)
		note(":%s:%s", rpc_string(params, "writeId", ""),
		    rpc_string(params, "chunk", ""));
	note(" ");
	json_object_put(params);
	return 0;
}

static void
on_output(void *arg, enum seqmerge_stream stream, const void *data,
    size_t len)
{
	(void)arg;
	note("%s=%.*s ", stream == SEQMERGE_STDERR ? "err" :
	    stream == SEQMERGE_PTY ? "pty" : "out", (int)len,
	    (const char *)data);
}

static void
on_ended(void *arg, int code)
{
	(void)arg;
	note("ended:%d ", code);
}

static void
on_failed(void *arg, int status, const char *why)
{
	(void)arg;
	cr_expect_neq(*why, '\0');
	note("failed:%d ", status);
}

static void
on_input(void *arg, int wanted)
{
	(void)arg;
	note("input:%d ", wanted);
}

static char noted[256];

static void
on_note(void *arg, const char *text)
{
	(void)arg;
	snprintf(noted, sizeof(noted), "%s", text);
	note("note ");
}

static void
on_wake(void *arg, int ms)
{
	(void)arg;
	note("wake:%d ", ms);
}

static void
on_distrust(void *arg, const char *why)
{
	(void)arg;
	(void)why;
	note("distrust ");
}

static const struct job_ops ops = {
	.call = on_call,
	.output = on_output,
	.ended = on_ended,
	.failed = on_failed,
	.input = on_input,
	.note = on_note,
	.wake = on_wake,
	.distrust = on_distrust,
};

static void
set_up(void)
{
	struct json_object *params = json_object_new_object();

	json_object_object_add(params, "processId",
	    json_object_new_string("p"));
	seen[0] = '\0';
	job = job_new("p", params, 0, &ops, NULL);
}

static void
tear_down(void)
{
	job_free(job);
}

TestSuite(job, .init = set_up, .fini = tear_down, .timeout = 20);

static void
expect(const char *want)
{
	cr_expect_str_eq(seen, want, "got: %s", seen);
	seen[0] = '\0';
}

/* "{...}" as result, or as error when it has a code. */
static void
reply(enum job_call what, uint64_t tag, const char *body)
{
	struct rpc_message msg;
	char *text = NULL;

	cr_assert_gt(asprintf(&text, "{\"id\":1,\"%s\":%s}",
	    strstr(body, "\"code\"") != NULL ? "error" : "result", body), 0);
	rpc_parse(&msg, text, strlen(text));
	cr_assert_neq(msg.kind, RPC_BAD, "%s", text);
	job_reply(job, (int)what, tag, &msg);
	rpc_message_clear(&msg);
	free(text);
}

static void
event(const char *name, const char *rest)
{
	struct rpc_message msg;
	char *text = NULL;

	cr_assert_gt(asprintf(&text, "{\"method\":\"process/%s\",\"params\":"
	    "{\"processId\":\"p\",%s}}", name, rest), 0);
	rpc_parse(&msg, text, strlen(text));
	cr_assert_eq(msg.kind, RPC_NOTIFICATION, "%s", text);
	job_notification(job, &msg);
	rpc_message_clear(&msg);
	free(text);
}

#define STARTED "{\"processId\":\"p\"}"
#define UNKNOWN "{\"code\":-32600,\"message\":\"unknown process id p\"}"

static void
run(void)
{
	job_attached(job);
	reply(JOB_START, 0, STARTED);
	expect("start input:1 ");
}

Test(job, from_start_to_end)
{
	run();
	event("output", "\"seq\":1,\"stream\":\"stdout\",\"chunk\":\"YQ==\"");
	event("output", "\"seq\":2,\"stream\":\"stderr\",\"chunk\":\"Yg==\"");
	event("exited", "\"seq\":3,\"exitCode\":7,\"sandboxDenied\":false");
	event("output", "\"seq\":4,\"stream\":\"stdout\",\"chunk\":\"Yw==\"");
	event("closed", "\"seq\":5");
	expect("out=a err=b input:0 out=c ended:7 ");
	cr_assert_not(job_may_run(job));
}

Test(job, events_before_the_answer)
{
	job_attached(job);
	event("output", "\"seq\":1,\"stream\":\"pty\",\"chunk\":\"YQ==\"");
	reply(JOB_START, 0, STARTED);
	expect("start pty=a input:1 ");
}

static const struct {
	const char *error;
	const char *want;
} failures[] = {
	{ "{\"code\":-32603,\"message\":\"No such file or directory (os error "
	  "2)\"}", "start failed:127 " },
	{ "{\"code\":-32603,\"message\":\"Permission denied (os error 13)\"}",
	  "start failed:126 " },
	{ "{\"code\":-32602,\"message\":\"argv must not be empty\"}",
	  "start failed:125 " },
	{ "{\"code\":-32600,\"message\":\"process ID already exists\"}",
	  "start failed:125 " },
};

Test(job, start_fails)
{
	size_t i;

	for (i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		tear_down();
		set_up();
		job_attached(job);
		reply(JOB_START, 0, failures[i].error);
		expect(failures[i].want);
	}
}

Test(job, a_start_that_did_not_arrive_is_repeated)
{
	job_attached(job);
	job_away(job);
	job_attached(job);
	expect("start read:0 ");
	reply(JOB_READ, 0, UNKNOWN);
	expect("start ");
	reply(JOB_START, 0, STARTED);
	expect("input:1 ");
}

Test(job, a_start_that_arrived_is_not_repeated)
{
	job_attached(job);
	job_away(job);
	job_attached(job);
	reply(JOB_READ, 0, "{\"chunks\":[{\"seq\":1,\"stream\":\"stdout\","
	    "\"chunk\":\"YQ==\"}],\"nextSeq\":4,\"exited\":true,"
	    "\"exitCode\":3,\"closed\":true,\"failure\":null}");
	expect("start read:0 input:1 out=a input:0 ended:3 ");
}

Test(job, a_start_still_going_on_is_waited_for)
{
	job_attached(job);
	job_away(job);
	job_attached(job);
	reply(JOB_READ, 0, "{\"code\":-32600,\"message\":\"process id p is "
	    "starting\"}");
	expect("start read:0 wake:100 ");
	job_tick(job);
	expect("read:0 ");
}

Test(job, breaks_again_before_it_is_known)
{
	job_attached(job);
	job_away(job);
	job_attached(job);
	job_away(job);
	job_attached(job);
	expect("start read:0 read:0 ");
}

Test(job, exists_after_all)
{
	job_attached(job);
	job_away(job);
	job_attached(job);
	reply(JOB_READ, 0, UNKNOWN);
	reply(JOB_START, 0, "{\"code\":-32600,\"message\":\"process ID "
	    "already exists\"}");
	expect("start read:0 start read:0 ");
}

Test(job, not_for_ever)
{
	int i;

	job_attached(job);
	job_away(job);
	job_attached(job);
	for (i = 0; i < 3; i++) {
		reply(JOB_READ, 0, UNKNOWN);
		reply(JOB_START, 0, "{\"code\":-32600,\"message\":\"process "
		    "ID already exists\"}");
	}
	expect("start read:0 start read:0 start read:0 failed:125 ");
}

Test(job, gone_after_a_break)
{
	run();
	job_away(job);
	job_attached(job);
	reply(JOB_READ, 0, UNKNOWN);
	expect("read:0 failed:125 ");
}

Test(job, catches_up)
{
	run();
	event("output", "\"seq\":1,\"stream\":\"stdout\",\"chunk\":\"YQ==\"");
	job_away(job);
	job_attached(job);
	expect("out=a read:1 ");
	/* New events overtake the answer. */
	event("output", "\"seq\":3,\"stream\":\"stdout\",\"chunk\":\"Yw==\"");
	reply(JOB_READ, 0, "{\"chunks\":[{\"seq\":2,\"stream\":\"stdout\","
	    "\"chunk\":\"Yg==\"}],\"nextSeq\":3,\"exited\":false,"
	    "\"exitCode\":null,\"closed\":false}");
	event("output", "\"seq\":2,\"stream\":\"stdout\",\"chunk\":\"Yg==\"");
	expect("out=b out=c ");
	cr_assert_not(job_has_lost_output(job));
}

Test(job, a_gap_is_told)
{
	run();
	job_away(job);
	job_attached(job);
	reply(JOB_READ, 0, "{\"chunks\":[{\"seq\":5,\"stream\":\"stdout\","
	    "\"chunk\":\"Yg==\"}],\"nextSeq\":6,\"exited\":false,"
	    "\"exitCode\":null,\"closed\":false}");
	expect("read:0 note out=b ");
	cr_assert(job_has_lost_output(job));
}

Test(job, a_hole_is_filled_while_connected)
{
	run();
	event("output", "\"seq\":2,\"stream\":\"stdout\",\"chunk\":\"Yg==\"");
	event("output", "\"seq\":3,\"stream\":\"stdout\",\"chunk\":\"Yw==\"");
	expect("wake:1000 ");
	job_tick(job);
	expect("read:0 ");
	reply(JOB_READ, 0, "{\"chunks\":[{\"seq\":1,\"stream\":\"stdout\","
	    "\"chunk\":\"YQ==\"}],\"nextSeq\":2,\"exited\":false,"
	    "\"closed\":false}");
	expect("out=a out=b out=c ");
}

Test(job, a_hole_that_closed_is_not_read)
{
	run();
	event("output", "\"seq\":2,\"stream\":\"stdout\",\"chunk\":\"Yg==\"");
	event("output", "\"seq\":1,\"stream\":\"stdout\",\"chunk\":\"YQ==\"");
	job_tick(job);
	expect("wake:1000 out=a out=b ");
}

static const struct {
	const char *name;
	const char *rest;
} nonsense[] = {
	{ "output", "\"seq\":1,\"stream\":\"stdlog\",\"chunk\":\"YQ==\"" },
	{ "output", "\"seq\":1,\"chunk\":\"YQ==\"" },
	{ "output", "\"seq\":1,\"stream\":\"stdout\",\"chunk\":\"YQ=\"" },
	{ "output", "\"seq\":1,\"stream\":\"stdout\"" },
	{ "output", "\"seq\":0,\"stream\":\"stdout\",\"chunk\":\"YQ==\"" },
	{ "output", "\"seq\":\"1\",\"stream\":\"stdout\",\"chunk\":\"\"" },
	{ "output", "\"stream\":\"stdout\",\"chunk\":\"YQ==\"" },
	{ "exited", "\"seq\":1" },
	{ "exited", "\"seq\":1,\"exitCode\":\"0\"" },
	{ "closed", "\"seq\":-1" },
};

Test(job, nonsense)
{
	size_t i;

	run();
	for (i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
		event(nonsense[i].name, nonsense[i].rest);
		expect("distrust ");
	}
	event("somethingNew", "\"seq\":1");
	expect("");
}

static const char *const bad_reads[] = {
	"{}", "null", "{\"chunks\":{},\"nextSeq\":1}", "{\"chunks\":[]}",
	"{\"chunks\":[1],\"nextSeq\":2}",
	"{\"chunks\":[{\"seq\":1,\"stream\":\"stdout\"}],\"nextSeq\":2}",
};

Test(job, nonsense_by_read)
{
	size_t i;

	run();
	for (i = 0; i < sizeof(bad_reads) / sizeof(bad_reads[0]); i++) {
		job_away(job);
		job_attached(job);
		reply(JOB_READ, 0, bad_reads[i]);
		expect("read:0 distrust ");
	}
}

Test(job, others_are_ignored)
{
	struct rpc_message msg;
	static const char text[] = "{\"method\":\"process/output\",\"params\":"
	    "{\"processId\":\"q\",\"seq\":1}}";

	run();
	rpc_parse(&msg, text, sizeof(text) - 1);
	job_notification(job, &msg);
	rpc_message_clear(&msg);
	expect("");
}

#define ACCEPTED "{\"status\":\"accepted\"}"

Test(job, input_is_sent_once)
{
	run();
	cr_assert_gt(job_input_room(job), 0);
	job_input(job, "a", 1);
	job_input(job, "b", 1);
	expect("write:1:YQ== write:2:Yg== ");
	reply(JOB_WRITE, 1, ACCEPTED);
	job_away(job);
	job_input(job, "c", 1);
	job_attached(job);
	/* The same bytes under the same id, and only those in doubt. */
	expect("read:0 write:2:Yg== write:3:Yw== ");
}

Test(job, input_waits_for_the_start)
{
	cr_assert_eq(job_input_room(job), 0);
	job_attached(job);
	cr_assert_eq(job_input_room(job), 0);
	reply(JOB_START, 0, STARTED);
	cr_assert_gt(job_input_room(job), 0);
	seen[0] = '\0';
}

Test(job, end_of_input)
{
	run();
	job_input(job, "a", 1);
	job_input_end(job);
	expect("write:1:YQ== ");
	cr_assert_eq(job_input_room(job), 0);
	reply(JOB_WRITE, 1, ACCEPTED);
	expect("closeStdin ");
	job_away(job);
	job_attached(job);
	expect("read:0 closeStdin ");
	reply(JOB_CLOSE_STDIN, 0, "{\"code\":-32601,\"message\":\"no\"}");
	expect("wake:2000 ");
	job_tick(job);
	expect("note ");
}

Test(job, end_of_input_on_a_terminal)
{
	job_free(job);
	job = job_new("p", json_tokener_parse(
	    "{\"processId\":\"p\"}"), 1, &ops, NULL);
	run();
	job_input(job, "a", 1);
	job_input_end(job);
	/* Ctrl-D ends the line first, then the input. */
	expect("write:1:YQ== write:2:BAQ= ");
}

static const struct {
	const char *reply;
	const char *want;
} refusals[] = {
	{ "{\"status\":\"stdinClosed\"}", "input:0 " },
	{ "{\"status\":\"unknownProcess\"}", "note input:0 " },
	{ "{\"status\":\"starting\"}", "note input:0 " },
	{ "{}", "note input:0 " },
	{ "{\"code\":-32602,\"message\":\"no\"}", "note input:0 " },
};

Test(job, input_is_refused)
{
	size_t i;

	for (i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		tear_down();
		set_up();
		run();
		job_input(job, "a", 1);
		seen[0] = '\0';
		reply(JOB_WRITE, 1, refusals[i].reply);
		expect(refusals[i].want);
		cr_assert_eq(job_input_room(job), 0);
	}
}

Test(job, its_end_is_asked_for_until_it_comes)
{
	run();
	job_away(job);
	job_interrupt(job);
	job_terminate(job);
	expect("");
	job_attached(job);
	expect("read:0 signal terminate ");
	job_terminate(job);
	expect("");
	job_away(job);
	job_attached(job);
	expect("read:0 terminate ");
}

Test(job, not_started_when_its_end_is_wanted)
{
	job_attached(job);
	job_away(job);
	job_terminate(job);
	job_attached(job);
	expect("start read:0 terminate ");
	reply(JOB_READ, 0, UNKNOWN);
	expect("failed:125 ");
}

Test(job, nothing_after_the_end)
{
	run();
	event("exited", "\"seq\":1,\"exitCode\":0");
	event("closed", "\"seq\":2");
	seen[0] = '\0';
	event("output", "\"seq\":3,\"stream\":\"stdout\",\"chunk\":\"YQ==\"");
	reply(JOB_READ, 0, "{}");
	job_away(job);
	job_attached(job);
	job_input(job, "x", 1);
	job_interrupt(job);
	expect("");
}

Test(job, strange_exit_codes)
{
	run();
	event("exited", "\"seq\":1,\"exitCode\":-9");
	event("closed", "\"seq\":2");
	expect("input:0 ended:255 ");
}

/* Such a server answers a start that it had as it did before. */
Test(job, a_start_without_answer_is_sent_again)
{
	job_set_beyond(job, 1);
	job_attached(job);
	job_away(job);
	job_attached(job);
	reply(JOB_START, 0, "{\"processId\":\"p\","
	    "\"holdfast\":{\"repeated\":true}}");
	expect("start start input:1 read:0 ");
	reply(JOB_READ, 0, "{\"chunks\":[{\"seq\":1,\"stream\":\"stdout\","
	    "\"chunk\":\"YQ==\"}],\"nextSeq\":2,\"exited\":false,"
	    "\"closed\":false}");
	expect("out=a ");
}

/* Who is to be ended is not started for it. */
Test(job, a_start_is_not_sent_again_to_be_ended)
{
	job_set_beyond(job, 1);
	job_attached(job);
	job_away(job);
	job_terminate(job);
	job_attached(job);
	expect("start read:0 terminate ");
	reply(JOB_READ, 0, UNKNOWN);
	expect("failed:125 ");
}

Test(job, sizes_follow)
{
	job_free(job);
	job = job_new("p", json_object_new_object(), 1, &ops, NULL);
	job_set_beyond(job, 1);
	job_resize(job, 0, 5);
	job_resize(job, 10, 20);
	job_resize(job, 11, 21);
	expect("");
	job_free(job);
	job = job_new_adopted(&ops, NULL);
	job_set_beyond(job, 1);
	job_adopt(job, "p", 1);
	job_resize(job, 11, 21);
	job_attached(job);
	expect("read:0 ");
	reply(JOB_READ, 0, "{\"chunks\":[],\"nextSeq\":1,\"exited\":false,"
	    "\"closed\":false}");
	expect("resize:11x21 input:1 ");
	job_resize(job, 12, 22);
	expect("resize:12x22 ");
	job_away(job);
	job_resize(job, 13, 23);
	job_attached(job);
	expect("read:0 resize:13x23 ");
}

Test(job, an_adopted_one_is_never_started)
{
	job_free(job);
	job = job_new_adopted(&ops, NULL);
	job_attached(job);
	expect("");
	cr_assert_not(job_may_run(job));
	job_adopt(job, "p", 0);
	expect("read:0 ");
	cr_assert(job_may_run(job));
	reply(JOB_READ, 0, UNKNOWN);
	expect("failed:125 ");
}

/* What was gone before somebody came is told, and is not his loss. */
Test(job, gaps_have_bounds)
{
	static const char gap[] = "{\"chunks\":[{\"seq\":5,\"stream\":"
	    "\"stdout\",\"chunk\":\"YQ==\"}],\"nextSeq\":6,"
	    "\"exited\":false,\"closed\":false,\"holdfast\":{\"gap\":"
	    "{\"fromSeq\":1,\"toSeq\":4,\"bytes\":1234}}}";

	run();
	job_away(job);
	job_attached(job);
	reply(JOB_READ, 0, gap);
	expect("read:0 note out=a ");
	cr_assert_not_null(strstr(noted, "1 to 4"));
	cr_assert_not_null(strstr(noted, "1234 bytes"));
	cr_assert(job_has_lost_output(job));
	job_free(job);
	job = job_new_adopted(&ops, NULL);
	job_adopt(job, "p", 0);
	job_attached(job);
	reply(JOB_READ, 0, gap);
	expect("read:0 input:1 note out=a ");
	cr_assert_not(job_has_lost_output(job));
}
