/* SPDX-License-Identifier: ISC */
/* A real runner: processes, input, reads, signals, the end. */
#include "config.h"

#include <sys/syscall.h>
#include <sys/wait.h>

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/runnerkit.h"

static struct kit kit;

static void
setup(void)
{
	kit_start(&kit, NULL);
}

static void
teardown(void)
{
	kit_stop(&kit);
}

TestSuite(runner, .timeout = 60, .init = setup, .fini = teardown);

#define RESULT kit.msg.RG_RESULT

static void
expect_error(uint32_t call, int64_t code, const char *text)
{
	char out[1100];

	kit_until(&kit, MSG_RG_ERROR, call);
	cr_assert_eq(kit.msg.RG_ERROR.error_code, code);
	cr_assert_eq(span_to_str(kit.msg.RG_ERROR.error_text, out,
	    sizeof(out)), 0);
	cr_assert_not_null(strstr(out, text), "\"%s\" without \"%s\"", out,
	    text);
}

static void
expect_output(const char *id, const char *text)
{
	kit_until_event(&kit, MSG_RG_OUTPUT, id);
	cr_assert(span_is(kit.msg.RG_OUTPUT.data, text), "\"%.*s\"",
	    (int)kit.msg.RG_OUTPUT.data.len,
	    (const char *)kit.msg.RG_OUTPUT.data.p);
}

/* For await_gone(), while the process is there for sure. */
static int
watch(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	cr_assert_neq(fd, -1);
	return fd;
}

static void
await_gone(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	cr_assert_eq(poll(&pfd, 1, 20000), 1);
	close(fd);
}

/* The same without waiting. */
static void
expect_gone(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	cr_assert_eq(poll(&pfd, 1, 0), 1);
	close(fd);
}

Test(runner, output_exit_and_close_come_in_order)
{
	uint32_t call = kit_shell(&kit, "p", "echo hi; exit 3", 0);

	kit_until(&kit, MSG_RG_RESULT, call);
	cr_assert(span_is(RESULT.process_id, "p"));
	cr_assert_eq(RESULT.sandbox_type, SANDBOX_NONE);
	cr_assert(RESULT.has_id_int && RESULT.id_int == 7);
	cr_assert_eq(RESULT.method, MSG_GR_START);
	expect_output("p", "hi\n");
	cr_assert_eq(kit.msg.RG_OUTPUT.seq, 1);
	cr_assert_eq(kit.msg.RG_OUTPUT.stream, STREAM_STDOUT);
	kit_until_event(&kit, MSG_RG_EXITED, "p");
	cr_assert_eq(kit.msg.RG_EXITED.exit_code, 3);
	cr_assert_eq(kit.msg.RG_EXITED.seq, 2);
	kit_until_event(&kit, MSG_RG_CLOSED, "p");
	cr_assert_eq(kit.msg.RG_CLOSED.seq, 3);
	cr_assert(kit_quiet(&kit, 50));
}

static const struct {
	const char *script;
	int64_t code;
} exits[] = {
	{ "exit 0", 0 }, { "exit 1", 1 }, { "exit 255", 255 },
	{ "kill -TERM $$", 143 }, { "kill -KILL $$", 137 },
	{ "kill -INT $$", 130 }, { "kill -USR1 $$", 138 },
};

Test(runner, every_kind_of_exit_has_its_code)
{
	char id[16];
	size_t i;

	for (i = 0; i < 2 * sizeof(exits) / sizeof(exits[0]); i++) {
		snprintf(id, sizeof(id), "p%zu", i);
		kit_shell(&kit, id, exits[i / 2].script,
		    i % 2 == 0 ? 0 : KIT_TTY);
		kit_until_event(&kit, MSG_RG_EXITED, id);
		cr_assert_eq(kit.msg.RG_EXITED.exit_code, exits[i / 2].code,
		    "%s", exits[i / 2].script);
		kit_until_event(&kit, MSG_RG_CLOSED, id);
	}
}

Test(runner, the_two_streams_are_kept_apart)
{
	kit_shell(&kit, "p", "echo out; echo err >&2", 0);
	kit_until_event(&kit, MSG_RG_CLOSED, "p");
	kit_result(&kit, kit_read(&kit, "p", 0, UINT64_MAX, 0));
	cr_assert(RESULT.has_chunks);
}

Test(runner, large_output_is_complete)
{
	size_t len;
	char *out;

	kit_shell(&kit, "p", "head -c 30000000 /dev/zero | tr '\\0' x; "
	    "echo END", 0);
	out = kit_collect(&kit, "p", &len);
	cr_assert_eq(len, 30000004);
	cr_assert_eq(strspn(out, "x"), 30000000);
	cr_assert_str_eq(out + 30000000, "END\n");
	free(out);
}

Test(runner, large_terminal_output_is_complete)
{
	size_t len;
	char *out;

	kit_shell(&kit, "p", "head -c 3000000 /dev/zero | tr '\\0' x",
	    KIT_TTY);
	out = kit_collect(&kit, "p", &len);
	cr_assert_eq(len, 3000000);
	cr_assert_eq(strspn(out, "x"), 3000000);
	free(out);
}

Test(runner, a_terminal_has_one_stream_and_shell)
{
	char *out;

	kit_shell(&kit, "p", "test -t 0 && test -t 1 && test -t 2 && "
	    "stty size && echo $SHELL >&2", KIT_TTY);
	out = kit_collect(&kit, "p", NULL);
	cr_assert_str_eq(out, "24 80\r\n/bin/sh\r\n");
	free(out);
}

Test(runner, failed_starts_leave_no_trace)
{
	expect_error(kit_start_process(&kit, "p", (const char *const[]){
	    "/no/such", NULL }, 0), -32603, "No such file");
	expect_error(kit_start_process(&kit, "p", (const char *const[]){
	    "/tmp", NULL }, KIT_TTY), -32603, "Permission denied");
	expect_error(kit_start_process(&kit, "p", (const char *const[]){
	    "", NULL }, 0), -32603, "No such file");
	expect_error(kit_start_process(&kit, "p", (const char *const[]){
	    NULL }, 0), -32602, "argv");
	expect_error(kit_read(&kit, "p", 0, 0, 0), -32600,
	    "unknown process id p");
	kit_result(&kit, kit_shell(&kit, "p", "exit 0", 0));
	kit_until_event(&kit, MSG_RG_CLOSED, "p");
	expect_error(kit_shell(&kit, "p", "exit 0", 0), -32600,
	    "already exists");
}

/* Output of a script that is told to go on once its start is answered. */
static char *
collect_told(const char *script, const char *id)
{
	kit_result(&kit, kit_shell(&kit, id, script, KIT_STDIN));
	kit_result(&kit, kit_write(&kit, id, "go", "\n", 1));
	return kit_collect(&kit, id, NULL);
}

Test(runner, no_descriptor_is_left_after_a_process)
{
	char path[64], before[64] = "", after[64] = "";
	char *out;
	int i;

	if (geteuid() != 0)
		cr_skip("only root sees the descriptors of what is not "
		    "dumpable");
	snprintf(path, sizeof(path), "read x; ls /proc/%d/fd | wc -l",
	    (int)kit.pid);
	out = collect_told(path, "a");
	strlcpy(before, out, sizeof(before));
	free(out);
	for (i = 0; i < 20; i++) {
		snprintf(after, sizeof(after), "b%d", i);
		kit_shell(&kit, after, "cat; exit 1", i % 2 == 0 ? KIT_TTY |
		    KIT_STDIN : KIT_STDIN);
		kit_terminate(&kit, after);
		kit_until_event(&kit, MSG_RG_CLOSED, after);
		expect_error(kit_start_process(&kit, "f",
		    (const char *const[]){ "/no/such", NULL },
		    i % 2 == 0 ? KIT_TTY : KIT_STDIN), -32603, "");
	}
	out = collect_told(path, "c");
	cr_assert_str_eq(out, before);
	free(out);
}

Test(runner, input_reaches_pipe_and_terminal)
{
	kit_shell(&kit, "p", "cat", KIT_STDIN);
	kit_result(&kit, kit_write(&kit, "p", "w1", "one\n", 4));
	cr_assert_eq(RESULT.write_status, WRITE_ACCEPTED);
	expect_output("p", "one\n");
	kit_shell(&kit, "t", "stty -echo; echo go; cat", KIT_TTY);
	expect_output("t", "go\r\n");
	kit_result(&kit, kit_write(&kit, "t", "w1", "two\n\4", 5));
	kit_until_event(&kit, MSG_RG_OUTPUT, "t");
	cr_assert(span_is(kit.msg.RG_OUTPUT.data, "two\r\n"));
	kit_until_event(&kit, MSG_RG_CLOSED, "t");
}

Test(runner, a_write_id_counts_once)
{
	kit_shell(&kit, "p", "cat", KIT_STDIN);
	kit_result(&kit, kit_write(&kit, "p", "same", "one\n", 4));
	kit_result(&kit, kit_write(&kit, "p", "same", "two\n", 4));
	cr_assert_eq(RESULT.write_status, WRITE_ACCEPTED);
	expect_output("p", "one\n");
	kit_result(&kit, kit_write(&kit, "p", "other", "end\n", 4));
	expect_output("p", "end\n");
}

Test(runner, writes_tell_what_becomes_of_them)
{
	kit_result(&kit, kit_write(&kit, "none", "w", "x", 1));
	cr_assert_eq(RESULT.write_status, WRITE_UNKNOWN);
	kit_shell(&kit, "p", "sleep 60", 0);
	kit_result(&kit, kit_write(&kit, "p", "w", "x", 1));
	cr_assert_eq(RESULT.write_status, WRITE_CLOSED);
	kit_shell(&kit, "q", "exit 0", KIT_STDIN);
	kit_until_event(&kit, MSG_RG_CLOSED, "q");
	kit_result(&kit, kit_write(&kit, "q", "w", "x", 1));
	cr_assert_eq(RESULT.write_status, WRITE_ACCEPTED);
}

/* What goes in comes out, however much waits in between. */
Test(runner, input_that_waits_keeps_its_order_and_all_of_its_bytes)
{
	static char block[65536];
	char id[16];
	size_t len;
	char *out;
	int i;

	kit_shell(&kit, "p", "sleep 0.2; head -c 6553600 | md5sum; "
	    "head -c 6553600 </dev/zero | md5sum", KIT_STDIN);
	for (i = 0; i < 100; i++) {
		snprintf(id, sizeof(id), "w%d", i);
		kit_write(&kit, "p", id, block, sizeof(block));
	}
	out = kit_collect(&kit, "p", &len);
	cr_assert_eq(len, 2 * 36);
	cr_assert_eq(memcmp(out, out + 36, 36), 0);
	free(out);
}

/*
 * A job that answers every byte and is not read from for a while must not
 * lock itself up: acknowledgements come behind the input on the same socket.
 */
Test(runner, input_and_output_do_not_lock_each_other_up)
{
	static char block[65536];
	size_t got = 0, sent = 0, want = 200 * sizeof(block);
	char id[16];

	kit_shell(&kit, "p", "exec cat", KIT_STDIN);
	while (sent < want) {
		snprintf(id, sizeof(id), "w%zu", sent);
		kit_write(&kit, "p", id, block, sizeof(block));
		sent += sizeof(block);
		while (!kit_quiet(&kit, 0))
			if (kit_receive(&kit) == MSG_RG_OUTPUT)
				got += kit.msg.RG_OUTPUT.data.len;
	}
	while (got < want)
		if (kit_receive(&kit) == MSG_RG_OUTPUT)
			got += kit.msg.RG_OUTPUT.data.len;
	cr_assert_eq(got, want);
}

Test(runner, reads_page_through_what_is_retained)
{
	struct proto_chunk chunk;
	struct span chunks;
	uint32_t call;

	kit_shell(&kit, "p", "for i in a b c; do read x; echo $i; done; "
	    "exec sleep 60", KIT_STDIN);
	kit_write(&kit, "p", "1", "\n", 1);
	expect_output("p", "a\n");
	kit_write(&kit, "p", "2", "\n", 1);
	expect_output("p", "b\n");
	kit_write(&kit, "p", "3", "\n", 1);
	expect_output("p", "c\n");
	call = kit_read(&kit, "p", 0, 3, 0);
	kit_result(&kit, call);
	cr_assert(RESULT.has_id_str && span_is(RESULT.id_str, "reader"));
	cr_assert_eq(RESULT.next_seq, 2);
	cr_assert(!RESULT.exited && !RESULT.has_exit_code && !RESULT.closed);
	chunks = RESULT.chunks;
	cr_assert_eq(proto_chunk_next(&chunks, &chunk), 1);
	cr_assert_eq(chunk.seq, 1);
	cr_assert(span_is(chunk.data, "a\n"));
	cr_assert_eq(proto_chunk_next(&chunks, &chunk), 0);
	kit_result(&kit, kit_read(&kit, "p", 1, UINT64_MAX, 0));
	cr_assert_eq(RESULT.next_seq, 4);
	kit_result(&kit, kit_read(&kit, "p", 1000, UINT64_MAX, 0));
	cr_assert_eq(RESULT.next_seq, 4);
	cr_assert(!RESULT.has_chunks);
}

Test(runner, reads_wait_for_what_comes)
{
	uint32_t by_output, by_exit, by_time;

	kit_shell(&kit, "p", "read x; echo hi; read x; exit 4", KIT_STDIN);
	by_time = kit_read(&kit, "p", 0, UINT64_MAX, 30);
	kit_result(&kit, by_time);
	cr_assert(!RESULT.has_chunks && !RESULT.exited);
	by_output = kit_read(&kit, "p", 0, UINT64_MAX, UINT64_MAX);
	kit_result(&kit, kit_write(&kit, "p", "1", "\n", 1));
	kit_until(&kit, MSG_RG_RESULT, by_output);
	cr_assert(RESULT.has_chunks);
	by_exit = kit_read(&kit, "p", 1, UINT64_MAX, 600000);
	kit_write(&kit, "p", "2", "\n", 1);
	kit_until(&kit, MSG_RG_RESULT, by_exit);
	cr_assert(RESULT.exited);
	cr_assert_eq(RESULT.exit_code, 4);
}

Test(runner, an_open_process_that_exited_is_waited_for_until_closed)
{
	uint32_t call;

	kit_shell(&kit, "p", "(read x; exit 0) <&0 & exit 5", KIT_STDIN);
	kit_until_event(&kit, MSG_RG_EXITED, "p");
	kit_until_event(&kit, MSG_RG_CLOSED, "p");
	kit_shell(&kit, "q", "(sleep 0.1) & exit 5", 0);
	kit_until_event(&kit, MSG_RG_EXITED, "q");
	call = kit_read(&kit, "q", kit.msg.RG_EXITED.seq, UINT64_MAX, 60000);
	kit_until(&kit, MSG_RG_RESULT, call);
	cr_assert(RESULT.closed);
}

static void
check_bulk(uint32_t call, size_t want)
{
	struct proto_chunk chunk;
	struct span chunks;
	uint64_t seq = 0;
	size_t got = 0;

	kit_until(&kit, MSG_RG_BULK_BEGIN, call);
	cr_assert(RESULT.closed && RESULT.exit_code == 0);
	cr_assert(span_is(RESULT.id_str, "reader"));
	while (kit_receive(&kit) != MSG_RG_BULK_END) {
		if (kit.head.type != MSG_RG_BULK_PART)
			continue;
		cr_assert_eq(kit.head.call, call);
		chunks = kit.msg.RG_BULK_PART.chunks;
		while (proto_chunk_next(&chunks, &chunk)) {
			cr_assert_gt(chunk.seq, seq);
			seq = chunk.seq;
			got += chunk.data.len;
		}
	}
	cr_assert_eq(kit.head.call, call);
	cr_assert_eq(got, want);
	cr_assert_gt(RESULT.next_seq, seq);
}

Test(runner, long_answers_come_in_parts_one_after_the_other)
{
	uint32_t first, second;

	kit_shell(&kit, "p", "head -c 3000000 /dev/zero", 0);
	kit_until_event(&kit, MSG_RG_CLOSED, "p");
	first = kit_read(&kit, "p", 0, UINT64_MAX, 0);
	second = kit_read(&kit, "p", 0, UINT64_MAX, 0);
	check_bulk(first, 3000000);
	check_bulk(second, 3000000);
	/* Many small chunks do not fit one message either. */
	kit_shell(&kit, "q", "i=0; while [ $i -lt 6000 ]; do echo x; "
	    "i=$((i+1)); done", 0);
	kit_until_event(&kit, MSG_RG_CLOSED, "q");
	first = kit_read(&kit, "q", 0, UINT64_MAX, 0);
	while (kit_receive(&kit) != MSG_RG_RESULT &&
	    kit.head.type != MSG_RG_BULK_END)
		continue;
	cr_assert_eq(kit.head.call, first);
}

Test(runner, interrupt_and_terminate_reach_the_group)
{
	int fd;

	kit_shell(&kit, "p", "trap 'echo caught; exit 5' INT; echo ready; "
	    "while :; do sleep 0.05; done", 0);
	expect_output("p", "ready\n");
	kit_result(&kit, kit_signal(&kit, "p", "interrupt"));
	expect_output("p", "caught\n");
	kit_until_event(&kit, MSG_RG_EXITED, "p");
	cr_assert_eq(kit.msg.RG_EXITED.exit_code, 5);
	expect_error(kit_signal(&kit, "p", "kill"), -32602, "signal");
	kit_result(&kit, kit_signal(&kit, "nobody", "interrupt"));

	kit_shell(&kit, "q", "sleep 300 & echo $!; wait", 0);
	kit_until_event(&kit, MSG_RG_OUTPUT, "q");
	fd = watch((pid_t)atoi((const char *)kit.msg.RG_OUTPUT.data.p));
	kit_result(&kit, kit_terminate(&kit, "q"));
	cr_assert(RESULT.running);
	kit_until_event(&kit, MSG_RG_EXITED, "q");
	cr_assert_eq(kit.msg.RG_EXITED.exit_code, 137);
	await_gone(fd);
	kit_until_event(&kit, MSG_RG_CLOSED, "q");
	kit_result(&kit, kit_terminate(&kit, "q"));
	cr_assert(!RESULT.running);
	kit_result(&kit, kit_terminate(&kit, "nobody"));
	cr_assert(!RESULT.running);
}

Test(runner, terminate_closes_whoever_holds_the_pipes)
{
	kit_shell(&kit, "p", "setsid sleep 300 & echo started; wait", 0);
	expect_output("p", "started\n");
	kit_result(&kit, kit_terminate(&kit, "p"));
	kit_until_event(&kit, MSG_RG_CLOSED, "p");
	kit_shell(&kit, "q", "setsid sh -c 'while :; do echo y; done' & "
	    "sleep 300", 0);
	kit_until_event(&kit, MSG_RG_OUTPUT, "q");
	kit_result(&kit, kit_terminate(&kit, "q"));
	kit_until_event(&kit, MSG_RG_CLOSED, "q");
}

Test(runner, what_is_not_acknowledged_holds_output_back)
{
	size_t got = 0;

	kit.hold_acks = 1;
	kit_shell(&kit, "p", "yes | head -c 5000000", 0);
	while (kit.cost < PROTO_WINDOW) {
		kit_receive(&kit);
		if (kit.head.type == MSG_RG_OUTPUT)
			got += kit.msg.RG_OUTPUT.data.len;
	}
	cr_assert(kit_quiet(&kit, 100));
	cr_assert_leq(kit.cost, PROTO_WINDOW + 65536 + PROTO_EVENT_COST);
	/* Requests are answered all the same. */
	kit_result(&kit, kit_terminate(&kit, "nobody"));
	kit.hold_acks = 0;
	kit_ack(&kit, kit.cost);
	while (kit_receive(&kit) != MSG_RG_CLOSED)
		if (kit.head.type == MSG_RG_OUTPUT)
			got += kit.msg.RG_OUTPUT.data.len;
	cr_assert_eq(got, 5000000);
}

Test(runner, wrong_acknowledgements_end_the_attachment)
{
	kit_ack(&kit, 1);
	while (kit_receive(&kit) != 0)
		continue;
	kit_expect_order(&kit, MSG_RB_DETACHED);
}

Test(runner, what_lies_in_the_socket_of_the_attachment_before_is_carried_out)
{
	int before, after;

	kit_shell(&kit, "p", "cat", KIT_STDIN);
	kit_write(&kit, "p", "w1", "first\n", 6);
	expect_output("p", "first\n");
	/* Both are there before the runner looks, and the order first. */
	cr_assert_eq(kill(kit.pid, SIGSTOP), 0);
	before = dup(kit.data);
	cr_assert_neq(before, -1);
	kit_attach(&kit, 0);
	after = kit.data;
	kit.data = before;
	kit_write(&kit, "p", "w2", "second\n", 7);
	close(before);
	kit.data = after;
	cr_assert_eq(kill(kit.pid, SIGCONT), 0);
	expect_output("p", "second\n");
}

Test(runner, the_attachment_before_is_over)
{
	struct fields_GENERATION detach;
	uint32_t call;

	kit_shell(&kit, "p", "cat", KIT_STDIN);
	kit_write(&kit, "p", "w1", "first\n", 6);
	expect_output("p", "first\n");
	kit_attach(&kit, 0);
	call = kit_write(&kit, "p", "w2", "second\n", 7);
	kit_result(&kit, call);
	expect_output("p", "second\n");
	cr_assert_eq(kit.msg.RG_OUTPUT.seq, 2);
	/* A stale detach does nothing; the right one does. */
	detach.generation = kit.generation - 1;
	kit_order(&kit, MSG_BR_DETACH, &detach);
	kit_result(&kit, kit_terminate(&kit, "nobody"));
	detach.generation = kit.generation;
	kit_order(&kit, MSG_BR_DETACH, &detach);
	while (kit_receive(&kit) != 0)
		continue;
}

Test(runner, processes_outlive_their_attachments)
{
	uint32_t call;

	kit_shell(&kit, "p", "echo one; read x; echo two; exit 6",
	    KIT_STDIN);
	expect_output("p", "one\n");
	kit_write(&kit, "p", "w1", "\n", 1);
	kit_attach(&kit, 1);
	call = kit_read(&kit, "p", 1, UINT64_MAX, 60000);
	kit_until(&kit, MSG_RG_RESULT, call);
	kit_attach(&kit, 1);
	do {
		call = kit_read(&kit, "p", 2, UINT64_MAX, 60000);
		kit_until(&kit, MSG_RG_RESULT, call);
	} while (!RESULT.closed);
	cr_assert_eq(RESULT.exit_code, 6);
	expect_error(kit_shell(&kit, "p", "exit 0", 0), -32600, "exists");
}

Test(runner, the_end_leaves_nothing_behind)
{
	struct fields_BR_END end = { .reason = END_EXPIRED };
	int fds[3], i;

	kit_shell(&kit, "p", "setsid sh -c 'trap \"\" TERM HUP; echo $$; "
	    "while :; do sleep 1; done' & echo $$; "
	    "(setsid sh -c 'echo $$; exec sleep 300' &); exec sleep 300", 0);
	for (i = 0; i < 3;) {
		const char *at;

		kit_until_event(&kit, MSG_RG_OUTPUT, "p");
		at = (const char *)kit.msg.RG_OUTPUT.data.p;
		while (i < 3 && at < (const char *)kit.msg.RG_OUTPUT.data.p +
		    kit.msg.RG_OUTPUT.data.len) {
			fds[i++] = watch((pid_t)atoi(at));
			at = strchr(at, '\n') + 1;
		}
	}
	end.grace_ms = 50;
	kit_order(&kit, MSG_BR_END, &end);
	kit_expect_order(&kit, MSG_RB_ENDED);
	for (i = 0; i < 3; i++)
		expect_gone(fds[i]);
	cr_assert_eq(kit_wait_exit(&kit), 0);
}

Test(runner, a_lost_broker_ends_the_session)
{
	int fd;

	kit_shell(&kit, "p", "echo $$; exec sleep 300", 0);
	kit_until_event(&kit, MSG_RG_OUTPUT, "p");
	fd = watch((pid_t)atoi((const char *)kit.msg.RG_OUTPUT.data.p));
	close(kit.control);
	kit.control = open("/dev/null", 0);
	cr_assert_eq(kit_wait_exit(&kit), 0);
	expect_gone(fd);
}

Test(runner, every_signal_that_may_be_sent_arrives)
{
	/* Those that die beside the shell would be told by it. */
	kit_shell(&kit, "p", "exec 2>/dev/null; trap 'echo usr1' USR1; trap 'exit 7' TERM; "
	    "echo ready; while :; do sleep 0.05; done", 0);
	expect_output("p", "ready\n");
	kit_result(&kit, kit_signal(&kit, "p", "usr1"));
	expect_output("p", "usr1\n");
	kit_result(&kit, kit_signal(&kit, "p", "term"));
	kit_until_event(&kit, MSG_RG_EXITED, "p");
	cr_assert_eq(kit.msg.RG_EXITED.exit_code, 7);
	cr_assert_not(kit.msg.RG_EXITED.has_signal);
	kit_shell(&kit, "q", "sleep 60", 0);
	kit_result(&kit, kit_signal(&kit, "q", "hup"));
	kit_until_event(&kit, MSG_RG_EXITED, "q");
	cr_assert_eq(kit.msg.RG_EXITED.exit_code, 129);
	cr_assert(span_is(kit.msg.RG_EXITED.signal, "hup"));
}

static uint32_t
terminate_gently(const char *id, uint64_t grace_ms)
{
	struct fields_GR_TERMINATE terminate = {
		.process_id = span_str(id),
		.has_id_int = true,
		.has_grace_ms = true,
		.grace_ms = grace_ms,
	};

	return kit_send(&kit, MSG_GR_TERMINATE, &terminate);
}

/* SIGTERM first; whoever does not mind it is killed when time is up. */
Test(runner, terminate_can_be_gentle)
{
	int fd;

	kit_shell(&kit, "p", "exec 2>/dev/null; "
	    "trap 'echo bye; exit 3' TERM; echo ready; "
	    "while :; do sleep 0.05; done", 0);
	expect_output("p", "ready\n");
	kit_result(&kit, terminate_gently("p", 60000));
	cr_assert(RESULT.running);
	expect_output("p", "bye\n");
	kit_until_event(&kit, MSG_RG_EXITED, "p");
	cr_assert_eq(kit.msg.RG_EXITED.exit_code, 3);

	kit_shell(&kit, "q", "trap '' TERM; echo ready; "
	    "while :; do sleep 0.05; done", 0);
	expect_output("q", "ready\n");
	kit_result(&kit, terminate_gently("q", 100));
	kit_until_event(&kit, MSG_RG_EXITED, "q");
	cr_assert(span_is(kit.msg.RG_EXITED.signal, "kill"));

	/* A leader that obeys takes those who don't with it. */
	kit_shell(&kit, "r", "(trap '' TERM; exec sleep 300) & echo $!; "
	    "trap 'exit 0' TERM; wait", 0);
	kit_until_event(&kit, MSG_RG_OUTPUT, "r");
	fd = watch((pid_t)atoi((const char *)kit.msg.RG_OUTPUT.data.p));
	kit_result(&kit, terminate_gently("r", 60000));
	kit_until_event(&kit, MSG_RG_CLOSED, "r");
	await_gone(fd);

	/* Whoever has no time left to wait says so again. */
	kit_shell(&kit, "s", "trap '' TERM; echo ready; "
	    "while :; do sleep 0.05; done", 0);
	expect_output("s", "ready\n");
	kit_result(&kit, terminate_gently("s", 60000));
	kit_result(&kit, kit_terminate(&kit, "s"));
	cr_assert(RESULT.running);
	kit_until_event(&kit, MSG_RG_CLOSED, "s");
}

static uint32_t
start_with(const char *id, const char *script, struct fields_GR_START start)
{
	uint8_t bytes[512];
	struct writer w = { .p = bytes, .cap = sizeof(bytes),
		.max = sizeof(bytes) };

	proto_list_add(&w, span_str("/bin/sh"));
	proto_list_add(&w, span_str("-c"));
	proto_list_add(&w, span_str(script));
	start.has_id_int = true;
	start.process_id = span_str(id);
	start.directory = span_str("/");
	start.argv = (struct span){ w.p, w.len };
	return kit_send(&kit, MSG_GR_START, &start);
}

Test(runner, a_process_may_have_a_time_limit)
{
	kit_result(&kit, start_with("p", "sleep 300 | sleep 300",
	    (struct fields_GR_START){ .has_run_ms = true, .run_ms = 100 }));
	kit_until_event(&kit, MSG_RG_EXITED, "p");
	cr_assert_eq(kit.msg.RG_EXITED.exit_code, 137);
	kit_until_event(&kit, MSG_RG_CLOSED, "p");
	kit_result(&kit, start_with("q", "exit 4", (struct fields_GR_START){
	    .has_run_ms = true, .run_ms = UINT64_MAX }));
	kit_until_event(&kit, MSG_RG_EXITED, "q");
	cr_assert_eq(kit.msg.RG_EXITED.exit_code, 4);
}

static uint32_t
resize(const char *id, uint32_t rows, uint32_t cols)
{
	struct fields_GR_RESIZE resize = {
		.has_id_int = true,
		.process_id = span_str(id),
		.rows = rows,
		.cols = cols,
	};

	return kit_send(&kit, MSG_GR_RESIZE, &resize);
}

Test(runner, terminals_have_the_size_that_is_asked_for)
{
	struct fields_GR_START size = { .tty = true, .has_rows = true,
		.rows = 7, .has_cols = true, .cols = 300 };

	kit_result(&kit, start_with("p", "trap 'stty size; exit 0' WINCH; "
	    "stty size; while :; do sleep 0.05; done", size));
	expect_output("p", "7 300\r\n");
	kit_result(&kit, resize("p", 65535, 1));
	expect_output("p", "65535 1\r\n");
	kit_until_event(&kit, MSG_RG_CLOSED, "p");
	kit_result(&kit, resize("p", 1, 1));
	expect_error(resize("p", 0, 1), -32602, "rows");
	expect_error(resize("p", 1, 65536), -32602, "cols");
	expect_error(resize("none", 1, 1), -32600, "unknown process");
	kit_shell(&kit, "q", "sleep 60", 0);
	expect_error(resize("q", 1, 1), -32600, "terminal");
	size.tty = false;
	expect_error(start_with("r", "true", size), -32602, "size");
	size.tty = true;
	size.rows = 0;
	expect_error(start_with("r", "true", size), -32602, "size");
}

static uint32_t
close_stdin(const char *id)
{
	struct fields_GR_CLOSE_STDIN close_it = {
		.has_id_int = true,
		.process_id = span_str(id),
	};

	return kit_send(&kit, MSG_GR_CLOSE_STDIN, &close_it);
}

Test(runner, standard_input_ends_behind_what_was_written)
{
	static char block[65536];
	uint32_t last, end;
	char id[16];
	int i;

	kit_shell(&kit, "p", "sleep 0.2; wc -c", KIT_STDIN);
	for (i = 0; i < 20; i++) {
		snprintf(id, sizeof(id), "w%d", i);
		last = kit_write(&kit, "p", id, block, sizeof(block));
	}
	end = close_stdin("p");
	/* Answered behind the writes that wait, so in this order. */
	kit_result(&kit, last);
	cr_assert_eq(RESULT.write_status, WRITE_ACCEPTED);
	kit_result(&kit, end);
	cr_assert_eq(RESULT.write_status, WRITE_ACCEPTED);
	expect_output("p", "1310720\n");
	kit_result(&kit, kit_write(&kit, "p", "w19", block, 1));
	cr_assert_eq(RESULT.write_status, WRITE_ACCEPTED);
	kit_result(&kit, kit_write(&kit, "p", "new", block, 1));
	cr_assert_eq(RESULT.write_status, WRITE_CLOSED);
	kit_result(&kit, close_stdin("p"));
	cr_assert_eq(RESULT.write_status, WRITE_ACCEPTED);
	kit_result(&kit, close_stdin("none"));
	cr_assert_eq(RESULT.write_status, WRITE_UNKNOWN);
	kit_shell(&kit, "q", "sleep 60", 0);
	kit_result(&kit, close_stdin("q"));
	cr_assert_eq(RESULT.write_status, WRITE_CLOSED);
	kit_shell(&kit, "r", "sleep 60", KIT_TTY);
	expect_error(close_stdin("r"), -32600, "terminal");
}

/* A close that waits goes with the attachment, as the writes before it do. */
Test(runner, an_end_of_input_that_was_not_reached_can_be_asked_for_again)
{
	static char block[65536];
	char id[16];
	int i;

	kit_shell(&kit, "p", "read go < /dev/tty 2>/dev/null; sleep 0.5; "
	    "wc -c", KIT_STDIN);
	for (i = 0; i < 20; i++) {
		snprintf(id, sizeof(id), "w%d", i);
		kit_write(&kit, "p", id, block, sizeof(block));
	}
	close_stdin("p");
	kit_attach(&kit, 1);
	for (i = 0; i < 20; i++) {
		snprintf(id, sizeof(id), "w%d", i);
		kit_write(&kit, "p", id, block, sizeof(block));
	}
	kit_result(&kit, close_stdin("p"));
	expect_output("p", "1310720\n");
}

static uint32_t
list(uint64_t after)
{
	struct fields_GR_LIST list = { .has_id_int = true,
		.has_after = true, .after = after };

	return kit_send(&kit, MSG_GR_LIST, &list);
}

Test(runner, processes_are_listed)
{
	struct fields_PROCESS process;
	struct span processes;

	kit_result(&kit, list(0));
	cr_assert(RESULT.has_processes && RESULT.processes.len == 0);
	kit_shell(&kit, "one", "echo hi; kill -QUIT $$", 0);
	kit_until_event(&kit, MSG_RG_CLOSED, "one");
	kit_shell(&kit, "two", "sleep 60", KIT_TTY);
	kit_result(&kit, list(0));
	cr_assert_not(RESULT.has_next);
	processes = RESULT.processes;
	cr_assert_eq(proto_record_next(&processes, &proto_process, &process),
	    1);
	cr_assert(span_is(process.process_id, "one"));
	cr_assert(span_is(process.program, "sh"));
	cr_assert(process.closed && !process.running && !process.tty);
	cr_assert(process.exit_code == 131 && process.last_seq == 3);
	cr_assert(span_is(process.signal, "quit"));
	cr_assert_eq(proto_record_next(&processes, &proto_process, &process),
	    1);
	cr_assert(span_is(process.process_id, "two"));
	cr_assert(!process.closed && process.running && process.tty);
	cr_assert(!process.has_exit_code && !process.has_signal);
	cr_assert_gt(process.started_ms, 0);
	cr_assert_eq(proto_record_next(&processes, &proto_process, &process),
	    0);
}

/* Ids may be long: then it takes more than one page. */
Test(runner, long_lists_come_in_pages)
{
	struct fields_PROCESS process;
	char id[PROTO_NAME_MAX + 1];
	struct span processes;
	int i, seen = 0, pages = 0;
	uint64_t after = 0;

	for (i = 0; i < 30; i++) {
		snprintf(id, sizeof(id), "%0*d", PROTO_NAME_MAX, i);
		kit_shell(&kit, id, "exit 0", 0);
		kit_until_event(&kit, MSG_RG_CLOSED, id);
	}
	do {
		kit_result(&kit, list(after));
		processes = RESULT.processes;
		while (proto_record_next(&processes, &proto_process,
			   &process) == 1)
			cr_assert_eq(atoi((const char *)process.process_id.p +
			    PROTO_NAME_MAX - 2) % 100, seen++);
		after = RESULT.next;
		pages++;
	} while (RESULT.has_next);
	cr_assert_eq(seen, 30);
	cr_assert_eq(pages, 3);
}
