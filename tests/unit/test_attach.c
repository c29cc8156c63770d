/* SPDX-License-Identifier: ISC */
/* Attachments to a real runner: what is kept for whom, and for how long. */
#include "config.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/runnerkit.h"

#define CAP (256 * 1024)
#define RESULT kit.msg.RG_RESULT

static struct kit kit;

static void
teardown(void)
{
	kit_stop(&kit);
}

TestSuite(attach, .timeout = 60, .fini = teardown);

static void
long_hold(struct fields_BR_CONFIG *config)
{
	config->retain_bytes = CAP;
	config->hold_ms = 600000;
}

static void
short_hold(struct fields_BR_CONFIG *config)
{
	config->retain_bytes = CAP;
	config->hold_ms = 50;
}

static void
small_limits(struct fields_BR_CONFIG *config)
{
	config->max_processes = 2;
	config->retention_ms = 50;
}

/* What a read of everything brings: bytes, and the first number. */
struct answer {
	uint64_t first, last, next_seq;
	size_t bytes;
	int closed;
	int has_gap;
	struct fields_GAP gap;
};

static void
add_chunks(struct answer *answer, struct span chunks)
{
	struct proto_chunk chunk;

	while (proto_chunk_next(&chunks, &chunk)) {
		if (answer->bytes == 0)
			answer->first = chunk.seq;
		answer->last = chunk.seq;
		answer->bytes += chunk.data.len;
	}
}

static struct answer
read_all(const char *id, uint64_t after, uint64_t wait_ms)
{
	uint32_t call = kit_read(&kit, id, after, UINT64_MAX, wait_ms);
	struct answer answer = { 0 };

	for (;;) {
		cr_assert_neq(kit_receive(&kit), 0);
		if (kit.head.call != call)
			continue;
		if (kit.head.type == MSG_RG_BULK_PART)
			add_chunks(&answer, kit.msg.RG_BULK_PART.chunks);
		else if (kit.head.type == MSG_RG_RESULT)
			add_chunks(&answer, RESULT.chunks);
		if (kit.head.type == MSG_RG_RESULT ||
		    kit.head.type == MSG_RG_BULK_END)
			break;
	}
	answer.next_seq = RESULT.next_seq;
	answer.closed = RESULT.closed;
	answer.has_gap = RESULT.has_gap;
	if (RESULT.has_gap)
		cr_assert_eq(proto_decode(&proto_gap, RESULT.gap.p,
		    RESULT.gap.len, &answer.gap), PROTO_OK);
	return answer;
}

/*
 * A process that is held back writes nothing more, and what it wrote is
 * there for the next one, who then gets the rest.
 */
Test(attach, while_held_nothing_is_lost)
{
	struct answer answer;
	uint64_t last;
	size_t bytes;

	kit_start(&kit, long_hold);
	kit_shell(&kit, "p", "head -c 100000 /dev/zero; read x; "
	    "head -c 1000000 /dev/zero", KIT_STDIN);
	kit_until_event(&kit, MSG_RG_OUTPUT, "p");
	kit_result(&kit, kit_write(&kit, "p", "w", "\n", 1));
	kit_attach(&kit, 1);
	answer = read_all("p", 0, 0);
	cr_assert_eq(answer.first, 1);
	cr_assert(!answer.closed);
	bytes = answer.bytes;
	last = answer.last;
	while (kit_receive(&kit) != MSG_RG_CLOSED) {
		/* The exit may be told before the last of the output. */
		if (kit.head.type == MSG_RG_EXITED)
			last++;
		if (kit.head.type != MSG_RG_OUTPUT ||
		    kit.msg.RG_OUTPUT.seq <= last)
			continue;
		cr_assert_eq(kit.msg.RG_OUTPUT.seq, last + 1);
		last = kit.msg.RG_OUTPUT.seq;
		bytes += kit.msg.RG_OUTPUT.data.len;
	}
	cr_assert_eq(bytes, 1100000);
}

Test(attach, after_the_hold_jobs_run_on_and_the_oldest_goes)
{
	struct answer answer = { 0 };

	kit_start(&kit, short_hold);
	kit_shell(&kit, "p", "echo first; read x; head -c 3000000 /dev/zero",
	    KIT_STDIN);
	kit_until_event(&kit, MSG_RG_OUTPUT, "p");
	kit_result(&kit, kit_write(&kit, "p", "w", "\n", 1));
	kit_drop(&kit);
	kit_attach(&kit, 0);
	while (!answer.closed)
		answer = read_all("p", answer.next_seq == 0 ? 0 :
		    answer.next_seq - 1, 60000);
	answer = read_all("p", 0, 0);
	cr_assert_gt(answer.first, 1);
	cr_assert_leq(answer.bytes, CAP);
	cr_assert_gt(answer.bytes, CAP / 2);
	/* What is missing is named, from where whoever left stood, too. */
	cr_assert(answer.has_gap && answer.gap.has_bytes);
	cr_assert_eq(answer.gap.from_seq, 1);
	cr_assert_geq(answer.gap.to_seq, answer.first - 2);
	cr_assert_lt(answer.gap.to_seq, answer.first);
	cr_assert_eq(answer.gap.bytes + answer.bytes, 3000006);
	answer = read_all("p", 1, 0);
	cr_assert(answer.has_gap && answer.gap.has_bytes);
	cr_assert_eq(answer.gap.from_seq, 2);
	cr_assert_eq(answer.gap.bytes + answer.bytes, 3000000);
	answer = read_all("p", answer.gap.to_seq, 0);
	cr_assert_not(answer.has_gap);
}

Test(attach, unacknowledged_output_is_kept_beyond_the_cap)
{
	struct answer answer;
	size_t got = 0;

	kit_start(&kit, long_hold);
	kit.hold_acks = 1;
	kit_shell(&kit, "p", "head -c 5000000 /dev/zero", 0);
	while (!kit_quiet(&kit, 200))
		if (kit_receive(&kit) == MSG_RG_OUTPUT)
			got += kit.msg.RG_OUTPUT.data.len;
	cr_assert_leq(got, CAP);
	kit.hold_acks = 0;
	kit_attach(&kit, 1);
	answer = read_all("p", 0, 0);
	cr_assert_eq(answer.first, 1);
	cr_assert_geq(answer.bytes, got);
	kit_until_event(&kit, MSG_RG_CLOSED, "p");
}

Test(attach, a_closed_process_is_forgotten_after_its_retention)
{
	uint32_t call;

	kit_start(&kit, small_limits);
	kit_shell(&kit, "p", "echo x", 0);
	kit_until_event(&kit, MSG_RG_CLOSED, "p");
	do {
		call = kit_read(&kit, "p", 0, UINT64_MAX, 0);
		do
			kit_receive(&kit);
		while (kit.head.call != call);
	} while (kit.head.type == MSG_RG_RESULT);
	cr_assert_eq(kit.head.type, MSG_RG_ERROR);
	kit_result(&kit, kit_shell(&kit, "p", "echo y", 0));
}

Test(attach, retention_begins_when_somebody_can_see)
{
	kit_start(&kit, small_limits);
	kit.hold_acks = 1;
	kit_shell(&kit, "p", "echo x", 0);
	kit_until_event(&kit, MSG_RG_CLOSED, "p");
	/* Four times the retention: not acknowledged, not forgotten. */
	cr_assert(kit_quiet(&kit, 200));
	kit_result(&kit, kit_read(&kit, "p", 0, UINT64_MAX, 0));
	cr_assert(RESULT.closed);
	kit_drop(&kit);
	(void)kit_quiet(&kit, 200);
	kit.hold_acks = 0;
	kit_attach(&kit, 0);
	kit_result(&kit, kit_read(&kit, "p", 0, UINT64_MAX, 0));
	cr_assert(RESULT.closed);
}

Test(attach, a_session_has_only_so_many_processes)
{
	kit_start(&kit, small_limits);
	kit_shell(&kit, "a", "sleep 60", 0);
	kit_result(&kit, kit_shell(&kit, "b", "read x", KIT_STDIN));
	kit_until(&kit, MSG_RG_ERROR, kit_shell(&kit, "c", "exit 0", 0));
	cr_assert_eq(kit.msg.RG_ERROR.error_code, -32603);
	kit_write(&kit, "b", "w", "\n", 1);
	kit_until_event(&kit, MSG_RG_CLOSED, "b");
	kit_result(&kit, kit_shell(&kit, "c", "exit 0", 0));
}

Test(attach, too_many_waiting_reads_are_answered_oldest_first)
{
	uint32_t first, i;

	kit_start(&kit, NULL);
	kit_result(&kit, kit_shell(&kit, "p", "sleep 60", 0));
	first = kit_read(&kit, "p", 0, UINT64_MAX, 600000);
	for (i = 1; i < 1024; i++)
		kit_read(&kit, "p", 0, UINT64_MAX, 600000);
	/* Answered, so all of them have been taken; none is early. */
	kit_result(&kit, kit_terminate(&kit, "nobody"));
	cr_assert(kit_quiet(&kit, 0));
	kit_read(&kit, "p", 0, UINT64_MAX, 600000);
	cr_assert_eq(kit_receive(&kit), MSG_RG_RESULT);
	cr_assert_eq(kit.head.call, first);
	cr_assert(!RESULT.has_chunks);
	cr_assert_eq(RESULT.next_seq, 1);
	kit_result(&kit, kit_terminate(&kit, "p"));
	for (i = 0; i < 1024; i++) {
		kit_until(&kit, MSG_RG_RESULT, 0);
		cr_assert_eq(kit.head.call, first + 1 + i +
		    (i == 1023 ? 1 : 0));
		cr_assert(RESULT.exited);
	}
}

/*
 * Answers wait for the window as output does, and are few: more are told
 * that there is nothing yet, and nothing about an end.
 */
Test(attach, reads_without_acknowledgements_stay_bounded)
{
	size_t empty = 0, full = 0, asked = 2000, i;

	kit_start(&kit, NULL);
	kit_shell(&kit, "p", "head -c 60000 /dev/zero", 0);
	kit_until_event(&kit, MSG_RG_CLOSED, "p");
	kit.hold_acks = 1;
	for (i = 0; i < asked; i++)
		kit_read(&kit, "p", 0, UINT64_MAX, 0);
	for (i = 0; empty + full + 1024 < asked; i++) {
		kit_until(&kit, MSG_RG_RESULT, 0);
		if (RESULT.has_chunks)
			full++;
		else
			empty++;
		cr_assert_eq(RESULT.has_chunks, RESULT.closed);
	}
	cr_assert(kit_quiet(&kit, 50));
	cr_assert_lt(full, 12);
	kit.hold_acks = 0;
	kit_ack(&kit, kit.cost);
	while (empty + full < asked) {
		kit_until(&kit, MSG_RG_RESULT, 0);
		cr_assert(RESULT.has_chunks);
		full++;
	}
}

/* What was not accepted is not remembered either: it can be sent again. */
Test(attach, waiting_writes_are_gone_with_their_attachment)
{
	static char block[65536];
	size_t accepted = 0, got = 0, i;
	char id[16];
	pid_t pid;

	kit_start(&kit, NULL);
	kit_shell(&kit, "p", "echo $$; exec cat", KIT_STDIN);
	kit_until_event(&kit, MSG_RG_OUTPUT, "p");
	pid = (pid_t)atoi((const char *)kit.msg.RG_OUTPUT.data.p);
	cr_assert_eq(kill(pid, SIGSTOP), 0);
	for (i = 0; i < 16; i++) {
		snprintf(id, sizeof(id), "w%zu", i);
		kit_write(&kit, "p", id, block, sizeof(block));
	}
	kit_result(&kit, kit_terminate(&kit, "nobody"));
	kit_attach(&kit, 1);
	for (i = 0; i < 16; i++) {
		snprintf(id, sizeof(id), "w%zu", i);
		kit_write(&kit, "p", id, block, sizeof(block));
	}
	cr_assert_eq(kill(pid, SIGCONT), 0);
	while (accepted < 16 || got < 16 * sizeof(block)) {
		cr_assert_neq(kit_receive(&kit), 0);
		if (kit.head.type == MSG_RG_RESULT) {
			cr_assert_eq(RESULT.write_status, WRITE_ACCEPTED);
			accepted++;
		} else if (kit.head.type == MSG_RG_OUTPUT) {
			got += kit.msg.RG_OUTPUT.data.len;
		}
	}
	cr_assert_eq(got, 16 * sizeof(block));
	kit_write(&kit, "p", "end", "END", 3);
	kit_until_event(&kit, MSG_RG_OUTPUT, "p");
	cr_assert(span_is(kit.msg.RG_OUTPUT.data, "END"));
}

/* None of several floods is starved, and requests go between them. */
Test(attach, floods_share_and_do_not_hold_up_requests)
{
	size_t got[4] = { 0 }, enough = 0, i;
	char id[2] = "0";

	kit_start(&kit, NULL);
	for (i = 0; i < 4; i++) {
		id[0] = (char)('0' + i);
		kit_shell(&kit, id, "exec cat /dev/zero", 0);
	}
	while (enough < 4) {
		if (kit_receive(&kit) != MSG_RG_OUTPUT)
			continue;
		i = (size_t)(kit.msg.RG_OUTPUT.process_id.p[0] - '0');
		cr_assert_lt(i, 4);
		enough += got[i] < 4 << 20 &&
		    got[i] + kit.msg.RG_OUTPUT.data.len >= 4 << 20;
		got[i] += kit.msg.RG_OUTPUT.data.len;
	}
	kit_result(&kit, kit_terminate(&kit, "0"));
	cr_assert(RESULT.running);
	kit_until_event(&kit, MSG_RG_CLOSED, "0");
}

static void
expect_refused(void)
{
	while (kit_receive(&kit) != 0)
		continue;
	kit_expect_order(&kit, MSG_RB_DETACHED);
}

Test(attach, a_newer_gateway_is_understood_and_a_strange_one_refused)
{
	kit_start(&kit, NULL);
	kit.hello.version = PROTO_VERSION + 7;
	kit_attach(&kit, 1);
	kit_result(&kit, kit_terminate(&kit, "nobody"));
	kit.hello.oldest = PROTO_VERSION + 1;
	kit_attach(&kit, 1);
	expect_refused();
	kit.hello.oldest = PROTO_OLDEST;
	kit_attach(&kit, 0);
	kit_result(&kit, kit_terminate(&kit, "nobody"));
	kit_send(&kit, MSG_GR_HELLO, &kit.hello);
	expect_refused();
}

static uint32_t
start_again(const char *id, const char *script, int64_t call)
{
	uint8_t bytes[256];
	struct writer w = { .p = bytes, .cap = sizeof(bytes),
		.max = sizeof(bytes) };
	struct fields_GR_START start = {
		.has_id_int = true,
		.id_int = call,
		.process_id = span_str(id),
		.directory = span_str("/"),
	};

	proto_list_add(&w, span_str("/bin/sh"));
	proto_list_add(&w, span_str("-c"));
	proto_list_add(&w, span_str(script));
	start.argv = (struct span){ w.p, w.len };
	return kit_send(&kit, MSG_GR_START, &start);
}

/*
 * Who asks again after its connection was lost is told what was, and nothing
 * runs twice; within one connection an id is taken.
 */
Test(attach, a_repeated_start_runs_once)
{
	kit_start(&kit, long_hold);
	kit_result(&kit, start_again("p", "sleep 60", 1));
	cr_assert_not(kit.msg.RG_RESULT.has_repeated);
	kit_until(&kit, MSG_RG_ERROR, start_again("p", "sleep 60", 2));
	cr_assert_eq(kit.msg.RG_ERROR.error_code, -32600);
	kit_attach(&kit, 1);
	kit_until(&kit, MSG_RG_ERROR, start_again("p", "sleep 61", 3));
	cr_assert_eq(kit.msg.RG_ERROR.error_code, -32600);
	kit_result(&kit, start_again("p", "sleep 60", 4));
	cr_assert(kit.msg.RG_RESULT.has_repeated);
	cr_assert(span_is(kit.msg.RG_RESULT.process_id, "p"));
	cr_assert(kit.msg.RG_RESULT.has_sandbox_type);
	kit_attach(&kit, 1);
	kit_result(&kit, start_again("p", "sleep 60", 5));
	cr_assert(kit.msg.RG_RESULT.repeated);
	kit_result(&kit, kit_terminate(&kit, "p"));
	kit_until_event(&kit, MSG_RG_CLOSED, "p");
	/* One that has ended can still be read: it is not run again. */
	kit_result(&kit, start_again("p", "sleep 60", 6));
	cr_assert(kit.msg.RG_RESULT.repeated);
}
