/* SPDX-License-Identifier: ISC */
/* The broker as a process, between a supervisor, gateways and runners. */
#include "config.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/broker_bench.h"

TestSuite(broker, .timeout = 40);

static int32_t
runner_pid(int data)
{
	int32_t pid;

	bench_write(data, "p");
	bench_read(data, &pid, sizeof(pid));
	return pid;
}

Test(broker, a_new_session_comes_with_what_the_client_is_told)
{
	struct bench b;
	struct bench_session s;
	const struct fields_BG_ATTACHED *a = &b.msg.BG_ATTACHED;
	int gate;

	bench_start(&b, NULL);
	gate = bench_gateway(&b, 1);
	s = bench_attach(&b, gate, 7, NULL);
	cr_assert_eq(a->handle, 7);
	cr_assert_eq(s.generation, 1);
	cr_assert_eq(strlen(s.id), IDENT_TEXT_LEN);
	cr_assert_eq(a->detach_ttl_ms, 60000);
	cr_assert_eq(a->shell_path.p[0], '/');
	cr_assert_eq(a->cwd.p[0], '/');
	cr_assert_eq(a->home.p[0], '/');
	cr_assert_eq(a->temp_dir.p[0], '/');
	cr_assert_gt(a->shell_name.len, 0);
	close(s.data);
	bench_stop(&b);
}

Test(broker, the_first_byte_starts_a_runner_and_reaches_it)
{
	struct bench b;
	struct bench_session s;
	uint8_t count;
	int gate;

	bench_start(&b, NULL);
	gate = bench_gateway(&b, 1);
	s = bench_attach(&b, gate, 7, NULL);
	bench_write(s.data, "mmc");
	bench_read(s.data, &count, 1);
	cr_assert_eq(count, 2);
	bench_stop(&b);
	bench_read_end(s.data);
}

Test(broker, a_resumed_session_has_its_runner_still)
{
	struct bench b;
	struct bench_session s, again;
	int32_t pid;
	uint8_t count;
	int gate;

	bench_start(&b, NULL);
	gate = bench_gateway(&b, 1);
	s = bench_attach(&b, gate, 7, NULL);
	bench_write(s.data, "m");
	pid = runner_pid(s.data);
	close(s.data);
	bench_detach(gate, &s, 1);
	again = bench_attach(&b, gate, 8, s.id);
	cr_assert_str_eq(again.id, s.id);
	cr_assert_eq(again.generation, 2);
	cr_assert_eq(runner_pid(again.data), pid);
	bench_write(again.data, "c");
	bench_read(again.data, &count, 1);
	cr_assert_eq(count, 1);
	bench_stop(&b);
}

Test(broker, the_end_of_the_data_socket_alone_detaches)
{
	struct bench b;
	struct bench_session s;
	int gate;

	bench_start(&b, NULL);
	gate = bench_gateway(&b, 1);
	/* Before there is a runner, and with one. */
	s = bench_attach(&b, gate, 1, NULL);
	close(s.data);
	s = bench_attach(&b, gate, 2, s.id);
	cr_assert_eq(s.generation, 2);
	runner_pid(s.data);
	close(s.data);
	bench_admit(&b, gate, 3);
	bench_ask(gate, 3, s.id, NULL);
	/* Should the runner not have told yet, the gateway is asked. */
	b.fds.count = 0;
	for (;;) {
		const char *why = "";
		int type = chan_read_one(gate, ROLE_GATEWAY, ROLE_BROKER,
		    PHASE_UP, BENCH_WAIT_MS, b.buf, &b.msg, &b.fds, &why);

		if (type != MSG_BG_PROBE) {
			cr_assert_eq(type, MSG_BG_ATTACHED);
			break;
		}
		bench_probed(&b, gate, b.msg.BG_PROBE.probe, 1);
	}
	cr_assert_eq(b.msg.BG_ATTACHED.generation, 3);
	bench_stop(&b);
}

Test(broker, work_that_came_before_a_detach_is_carried_out)
{
	struct bench b;
	struct bench_session s;
	int32_t pid;
	uint8_t count;
	int gate;

	bench_start(&b, NULL);
	gate = bench_gateway(&b, 1);
	s = bench_attach(&b, gate, 1, NULL);
	/* All of it is there before the broker looks. */
	kill(b.pid, SIGSTOP);
	bench_write(s.data, "mmp");
	shutdown(s.data, SHUT_WR);
	bench_detach(gate, &s, 1);
	kill(b.pid, SIGCONT);
	bench_read(s.data, &pid, sizeof(pid));
	bench_read_end(s.data);
	s = bench_attach(&b, gate, 2, s.id);
	cr_assert_eq(s.generation, 2);
	bench_write(s.data, "c");
	bench_read(s.data, &count, 1);
	cr_assert_eq(count, 2);
	bench_stop(&b);
}

Test(broker, what_names_no_session_is_unknown)
{
	static const char *const ids[] = {
		"", "x", "00000000-0000-4000-8000-000000000000",
		"00000000-0000-4000-8000-00000000000",
	};
	struct bench b;
	size_t i;
	int gate;

	bench_start(&b, NULL);
	gate = bench_gateway(&b, 1);
	bench_admit(&b, gate, 1);
	for (i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		bench_ask(gate, 1, ids[i], NULL);
		bench_refused(&b, gate, ATTACH_UNKNOWN_SESSION);
	}
	/* A refused attach does not count. */
	bench_ask(gate, 1, NULL, NULL);
	bench_attached(&b, gate);
	bench_stop(&b);
}

Test(broker, a_holder_that_is_there_is_not_disturbed)
{
	struct bench b;
	struct bench_session s;
	uint8_t count;
	int gate, other;

	bench_start(&b, NULL);
	gate = bench_gateway(&b, 1);
	other = bench_gateway(&b, 2);
	s = bench_attach(&b, gate, 1, NULL);
	bench_admit(&b, other, 1);
	bench_ask(other, 1, s.id, NULL);
	bench_expect(&b, gate, ROLE_GATEWAY, MSG_BG_PROBE);
	cr_assert(span_is(b.msg.BG_PROBE.session, s.id));
	cr_assert_eq(b.msg.BG_PROBE.generation, 1);
	bench_probed(&b, gate, b.msg.BG_PROBE.probe, 0);
	bench_refused(&b, other, ATTACH_ELSEWHERE);
	bench_write(s.data, "mc");
	bench_read(s.data, &count, 1);
	cr_assert_eq(count, 1);
	bench_stop(&b);
}

Test(broker, a_holder_that_proves_gone_makes_way)
{
	struct bench b;
	struct bench_session s, won;
	int gate, other;

	bench_start(&b, NULL);
	gate = bench_gateway(&b, 1);
	other = bench_gateway(&b, 2);
	s = bench_attach(&b, gate, 1, NULL);
	bench_admit(&b, other, 1);
	bench_admit(&b, other, 2);
	/* Two ask; one wins. */
	bench_ask(other, 1, s.id, NULL);
	bench_ask(other, 2, s.id, NULL);
	bench_expect(&b, gate, ROLE_GATEWAY, MSG_BG_PROBE);
	bench_probed(&b, gate, b.msg.BG_PROBE.probe, 1);
	bench_expect(&b, gate, ROLE_GATEWAY, MSG_BG_PROBE);
	bench_probed(&b, gate, b.msg.BG_PROBE.probe, 1);
	won = bench_attached(&b, other);
	cr_assert_eq(won.generation, 2);
	bench_refused(&b, other, ATTACH_ELSEWHERE);
	bench_read_end(s.data);
	bench_stop(&b);
}

Test(broker, a_gateway_that_does_not_answer_keeps_its_client)
{
	struct bench b;
	struct bench_session s;
	int gate, other;

	bench_start(&b, NULL);
	gate = bench_gateway(&b, 1);
	other = bench_gateway(&b, 2);
	s = bench_attach(&b, gate, 1, NULL);
	bench_admit(&b, other, 1);
	bench_ask(other, 1, s.id, NULL);
	bench_refused(&b, other, ATTACH_ELSEWHERE);
	/* The answer that comes too late changes nothing. */
	bench_expect(&b, gate, ROLE_GATEWAY, MSG_BG_PROBE);
	bench_probed(&b, gate, b.msg.BG_PROBE.probe, 1);
	bench_ask(other, 1, s.id, NULL);
	bench_refused(&b, other, ATTACH_ELSEWHERE);
	bench_stop(&b);
}

Test(broker, only_the_gateway_that_was_asked_can_answer)
{
	struct bench b;
	struct bench_session s;
	int gate, other;

	bench_start(&b, NULL);
	gate = bench_gateway(&b, 1);
	other = bench_gateway(&b, 2);
	s = bench_attach(&b, gate, 1, NULL);
	bench_admit(&b, other, 1);
	bench_ask(other, 1, s.id, NULL);
	bench_expect(&b, gate, ROLE_GATEWAY, MSG_BG_PROBE);
	bench_probed(&b, other, b.msg.BG_PROBE.probe, 1);
	bench_detach(other, &s, 1);
	bench_refused(&b, other, ATTACH_ELSEWHERE);
	bench_stop(&b);
}

Test(broker, a_gateway_that_dies_while_asked_makes_way)
{
	struct bench b;
	struct bench_session s, won;
	int gate, other;

	bench_start(&b, NULL);
	gate = bench_gateway(&b, 1);
	other = bench_gateway(&b, 2);
	s = bench_attach(&b, gate, 1, NULL);
	bench_admit(&b, other, 1);
	bench_ask(other, 1, s.id, NULL);
	bench_expect(&b, gate, ROLE_GATEWAY, MSG_BG_PROBE);
	close(gate);
	won = bench_attached(&b, other);
	cr_assert_eq(won.generation, 2);
	bench_stop(&b);
}

Test(broker, a_lost_gateway_detaches_all_that_it_held)
{
	struct bench b;
	struct bench_session s[8], again;
	uint8_t count;
	int gate, other, i;

	bench_start(&b, NULL);
	gate = bench_gateway(&b, 1);
	other = bench_gateway(&b, 2);
	for (i = 0; i < 8; i++) {
		s[i] = bench_attach(&b, gate, (uint64_t)i, NULL);
		if (i % 2 == 0)
			runner_pid(s[i].data);
	}
	close(gate);
	for (i = 0; i < 8; i++) {
		again = bench_attach(&b, other, (uint64_t)i, s[i].id);
		cr_assert_eq(again.generation, 2);
		bench_write(again.data, "mc");
		bench_read(again.data, &count, 1);
		cr_assert_eq(count, 1);
	}
	bench_stop(&b);
}

Test(broker, a_stale_detach_is_ignored)
{
	struct bench b;
	struct bench_session s, again;
	int gate, other;

	bench_start(&b, NULL);
	gate = bench_gateway(&b, 1);
	other = bench_gateway(&b, 2);
	s = bench_attach(&b, gate, 1, NULL);
	bench_detach(gate, &s, 1);
	again = bench_attach(&b, gate, 2, s.id);
	bench_detach(gate, &s, 1);
	bench_detach(gate, &s, 3);
	bench_admit(&b, other, 1);
	bench_ask(other, 1, s.id, NULL);
	bench_expect(&b, gate, ROLE_GATEWAY, MSG_BG_PROBE);
	cr_assert_eq(b.msg.BG_PROBE.generation, again.generation);
	bench_stop(&b);
}

Test(broker, a_connection_that_leaves_detaches)
{
	struct bench b;
	struct bench_session s;
	struct fields_HANDLE leave = { .handle = 1 };
	int gate;

	bench_start(&b, NULL);
	gate = bench_gateway(&b, 1);
	s = bench_attach(&b, gate, 1, NULL);
	chan_write_one(gate, MSG_GB_LEAVE, &leave, NULL, 0);
	s = bench_attach(&b, gate, 1, s.id);
	cr_assert_eq(s.generation, 2);
	bench_stop(&b);
}

Test(broker, asking_twice_with_one_nonce_is_asking_once)
{
	struct bench b;
	struct bench_session s, again;
	struct ident nonce;
	int gate, other;

	bench_start(&b, NULL);
	gate = bench_gateway(&b, 1);
	other = bench_gateway(&b, 2);
	ident_make(&nonce);
	bench_admit(&b, gate, 1);
	bench_ask(gate, 1, NULL, &nonce);
	s = bench_attached(&b, gate);
	bench_admit(&b, other, 1);
	bench_ask(other, 1, NULL, &nonce);
	again = bench_attached(&b, other);
	cr_assert_str_eq(again.id, s.id);
	cr_assert_eq(again.generation, 2);
	bench_gone(&b, gate, &s, GONE_REPLACED);
	bench_read_end(s.data);
	bench_stop(&b);
}

Test(broker, an_expired_session_ends_with_its_runner)
{
	struct bench_options options = { .ttl_ms = 1 };
	struct bench b;
	struct bench_session s;
	int gate, orphan;
	char byte;

	bench_start(&b, &options);
	gate = bench_gateway(&b, 1);
	s = bench_attach(&b, gate, 1, NULL);
	bench_write(s.data, "o");
	bench_read(s.data, &byte, 1);
	/* The orphan holds the data socket: its end tells that it has died. */
	orphan = s.data;
	bench_detach(gate, &s, 1);
	bench_admit(&b, gate, 2);
	bench_ask(gate, 2, s.id, NULL);
	bench_refused(&b, gate, ATTACH_UNKNOWN_SESSION);
	bench_read_end(orphan);
	bench_stop(&b);
}

Test(broker, a_lost_runner_ends_its_session_and_its_orphans)
{
	struct bench b;
	struct bench_session s, other;
	uint8_t count;
	int gate;
	char byte;

	bench_start(&b, NULL);
	gate = bench_gateway(&b, 1);
	s = bench_attach(&b, gate, 1, NULL);
	other = bench_attach(&b, gate, 2, NULL);
	runner_pid(other.data);
	bench_write(s.data, "o");
	bench_read(s.data, &byte, 1);
	kill(runner_pid(s.data), SIGKILL);
	bench_gone(&b, gate, &s, GONE_RUNNER_LOST);
	bench_read_end(s.data);
	bench_admit(&b, gate, 3);
	bench_ask(gate, 3, s.id, NULL);
	bench_refused(&b, gate, ATTACH_UNKNOWN_SESSION);
	/* Nobody else is touched. */
	bench_write(other.data, "mc");
	bench_read(other.data, &count, 1);
	cr_assert_eq(count, 1);
	bench_stop(&b);
}

Test(broker, a_runner_that_talks_garbage_is_lost)
{
	struct bench b;
	struct bench_session s;
	int gate;

	bench_start(&b, NULL);
	gate = bench_gateway(&b, 1);
	s = bench_attach(&b, gate, 1, NULL);
	bench_write(s.data, "g");
	bench_gone(&b, gate, &s, GONE_RUNNER_LOST);
	bench_read_end(s.data);
	bench_stop(&b);
}

static void
expect_start_failure(const struct bench_options *options)
{
	struct bench b;
	struct bench_session s;
	int gate;

	bench_start(&b, options);
	gate = bench_gateway(&b, 1);
	s = bench_attach(&b, gate, 1, NULL);
	bench_write(s.data, "c");
	bench_gone(&b, gate, &s, GONE_RUNNER_FAILED);
	bench_read_end(s.data);
	bench_ask(gate, 1, s.id, NULL);
	bench_refused(&b, gate, ATTACH_UNKNOWN_SESSION);
	bench_ask(gate, 1, NULL, NULL);
	bench_attached(&b, gate);
	bench_stop(&b);
}

Test(broker, a_runner_that_exits_at_once_is_told_to_its_client)
{
	struct bench_options options = { .fault = "exits" };

	expect_start_failure(&options);
}

Test(broker, a_runner_that_is_not_there_is_told_to_its_client)
{
	struct bench_options options = { .runner = "/nonexistent/runner" };

	expect_start_failure(&options);
}

Test(broker, a_runner_that_says_nothing_is_given_up)
{
	struct bench_options options = { .fault = "silent" };

	expect_start_failure(&options);
}

Test(broker, garbage_from_a_gateway_closes_that_gateway_only)
{
	static const struct {
		const char *bytes;
		size_t len;
	} garbage[] = {
		{ "\377\377", 2 },
		{ "x", 1 },
		{ "\001\057", 2 },		/* ATTACH without fields */
		{ "\000\144", 2 },		/* the supervisor's CONFIG */
		{ "\001\055\000\005\377\377\377\377", 8 },
		{ "\001\054", 2 },		/* a second HELLO */
	};
	struct bench b;
	struct bench_session s, held;
	size_t i;
	int gate, good;

	bench_start(&b, NULL);
	good = bench_gateway(&b, 1);
	held = bench_attach(&b, good, 1, NULL);
	for (i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
		gate = bench_gateway(&b, (uint32_t)(2 + i));
		s = bench_attach(&b, gate, 1, NULL);
		cr_assert_eq(send(gate, garbage[i].bytes, garbage[i].len, 0),
		    (ssize_t)garbage[i].len);
		bench_expect_end(&b, gate, ROLE_GATEWAY);
		close(gate);
		/* Its lease is over, the session is not. */
		s = bench_attach(&b, good, 100 + i, s.id);
		cr_assert_eq(s.generation, 2);
		close(s.data);
	}
	runner_pid(held.data);
	bench_stop(&b);
}

Test(broker, what_a_gateway_may_not_ask_closes_it)
{
	struct fields_GB_ADMIT admit = { .handle = 1 };
	struct bench b;
	int gate, null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	bench_start(&b, NULL);
	gate = bench_gateway(&b, 1);
	bench_ask(gate, 99, NULL, NULL);
	bench_expect_end(&b, gate, ROLE_GATEWAY);
	gate = bench_gateway(&b, 2);
	bench_admit(&b, gate, 1);
	chan_write_one(gate, MSG_GB_ADMIT, &admit, &null, 1);
	bench_expect_end(&b, gate, ROLE_GATEWAY);
	gate = bench_gateway(&b, 3);
	bench_attach(&b, gate, 1, NULL);
	bench_ask(gate, 1, NULL, NULL);
	bench_expect_end(&b, gate, ROLE_GATEWAY);
	close(null);
	bench_stop(&b);
}

Test(broker, sessions_are_bounded)
{
	struct bench_options options = { .max_sessions = 2 };
	struct bench b;
	int gate;

	bench_start(&b, &options);
	gate = bench_gateway(&b, 1);
	bench_attach(&b, gate, 1, NULL);
	bench_attach(&b, gate, 2, NULL);
	bench_admit(&b, gate, 3);
	bench_ask(gate, 3, NULL, NULL);
	bench_refused(&b, gate, ATTACH_LIMIT);
	bench_stop(&b);
}

Test(broker, a_detached_session_without_work_gives_way)
{
	struct bench_options options = { .max_sessions = 3 };
	struct bench b;
	struct bench_session worked, older, newer;
	uint8_t count;
	int gate;

	bench_start(&b, &options);
	gate = bench_gateway(&b, 1);
	worked = bench_attach(&b, gate, 1, NULL);
	bench_write(worked.data, "mc");
	bench_read(worked.data, &count, 1);
	bench_detach(gate, &worked, 1);
	newer = bench_attach(&b, gate, 2, NULL);
	older = bench_attach(&b, gate, 3, NULL);
	bench_detach(gate, &older, 1);
	bench_detach(gate, &newer, 1);
	bench_attach(&b, gate, 4, NULL);
	bench_ask(gate, 1, older.id, NULL);
	bench_refused(&b, gate, ATTACH_UNKNOWN_SESSION);
	/* Attached ones and those with work do not. */
	bench_ask(gate, 2, newer.id, NULL);
	bench_attached(&b, gate);
	bench_ask(gate, 3, NULL, NULL);
	bench_refused(&b, gate, ATTACH_LIMIT);
	bench_ask(gate, 3, worked.id, NULL);
	worked = bench_attached(&b, gate);
	bench_write(worked.data, "c");
	bench_read(worked.data, &count, 1);
	cr_assert_eq(count, 1);
	bench_stop(&b);
}

Test(broker, the_watchdog_is_answered)
{
	struct fields_PING ping = { .count = 42 };
	struct bench b;

	bench_start(&b, NULL);
	chan_write_one(b.sup, MSG_SB_PING, &ping, NULL, 0);
	bench_expect(&b, b.sup, ROLE_SUPERVISOR, MSG_BS_PONG);
	cr_assert_eq(b.msg.PING.count, 42);
	bench_stop(&b);
}

Test(broker, stopping_ends_sessions_and_tells_their_clients)
{
	struct fields_STOP stop = { .grace_ms = 0 };
	struct bench b;
	struct bench_session s, idle;
	char byte;
	int gate;

	bench_start(&b, NULL);
	gate = bench_gateway(&b, 1);
	s = bench_attach(&b, gate, 1, NULL);
	idle = bench_attach(&b, gate, 2, NULL);
	bench_admit(&b, gate, 3);
	bench_write(s.data, "o");
	bench_read(s.data, &byte, 1);
	chan_write_one(b.sup, MSG_SB_STOP, &stop, NULL, 0);
	bench_gone(&b, gate, &s, GONE_STOPPING);
	bench_gone(&b, gate, &idle, GONE_STOPPING);
	bench_expect(&b, b.sup, ROLE_SUPERVISOR, MSG_BS_STOPPED);
	cr_assert_eq(bench_wait(&b), 0);
	bench_read_end(s.data);
}

Test(broker, a_lost_supervisor_ends_everything)
{
	struct bench b;
	struct bench_session s;
	char byte;
	int gate;

	bench_start(&b, NULL);
	gate = bench_gateway(&b, 1);
	s = bench_attach(&b, gate, 1, NULL);
	bench_write(s.data, "o");
	bench_read(s.data, &byte, 1);
	close(b.sup);
	cr_assert_eq(bench_wait(&b), 0);
	bench_read_end(s.data);
}

Test(broker, a_killed_broker_leaves_its_runners_to_notice)
{
	struct bench b;
	struct bench_session s;
	int gate;

	bench_start(&b, NULL);
	gate = bench_gateway(&b, 1);
	s = bench_attach(&b, gate, 1, NULL);
	runner_pid(s.data);
	kill(b.pid, SIGKILL);
	cr_assert(WIFSIGNALED(bench_wait(&b)));
	bench_read_end(s.data);
}

TestSuite(broker_admission, .timeout = 40);

/* A client of another user, who stays. */
static pid_t
tcp_stranger(int listener)
{
	pid_t child = fork();

	if (child != 0)
		return child;
	if (setresuid(54321, 54321, 54321) == -1 || bench_connect(listener) == -1)
		_exit(1);
	for (;;)
		pause();
}

static void
offer(int gate, uint64_t handle, int fd, int forwarded)
{
	struct fields_GB_ADMIT admit = {
		.handle = handle,
		.forwarded = forwarded,
	};

	cr_assert_eq(chan_write_one(gate, MSG_GB_ADMIT, &admit, &fd, 1), 0);
}

static void
expect_refusal(struct bench *b, int gate, uint32_t status)
{
	bench_expect(b, gate, ROLE_GATEWAY, MSG_BG_REFUSED);
	cr_assert_eq(b->msg.BG_REFUSED.status, status);
	cr_assert_gt(b->msg.BG_REFUSED.text.len, 0);
}

Test(broker_admission, the_user_of_the_server_and_nobody_else)
{
	char url[64];
	struct bench_options options = {
		.admission = ADMIT_PEER_UID,
		.listener = url,
	};
	struct bench b;
	pid_t child;
	int listener = bench_listen(url, sizeof(url)), gate, client, server;

	bench_start(&b, &options);
	gate = bench_gateway(&b, 1);
	client = bench_connect(listener);
	server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	offer(gate, 1, server, 0);
	bench_expect(&b, gate, ROLE_GATEWAY, MSG_BG_ADMITTED);
	offer(gate, 2, server, 1);
	expect_refusal(&b, gate, 403);
	offer(gate, 3, client, 0);
	expect_refusal(&b, gate, 403);
	offer(gate, 4, gate, 0);
	expect_refusal(&b, gate, 403);
	close(client);
	offer(gate, 5, server, 0);
	expect_refusal(&b, gate, 403);
	close(server);
	if (geteuid() == 0) {
		child = tcp_stranger(listener);
		server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		offer(gate, 6, server, 0);
		expect_refusal(&b, gate, 403);
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		close(server);
	}
	close(listener);
	bench_stop(&b);
}

Test(broker_admission, a_passed_socket_cannot_hold_the_broker)
{
	struct linger forever = { .l_onoff = 1, .l_linger = 600 };
	char url[64], filler[65536] = "";
	struct bench_options options = { .listener = url };
	struct fields_PING ping = { .count = 1 };
	struct bench b;
	int listener = bench_listen(url, sizeof(url)), gate, client, server;

	bench_start(&b, &options);
	gate = bench_gateway(&b, 1);
	client = bench_connect(listener);
	server = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	setsockopt(server, SOL_SOCKET, SO_LINGER, &forever, sizeof(forever));
	while (write(server, filler, sizeof(filler)) > 0)
		continue;
	/* The broker's is the last one, and its end would be waited for. */
	kill(b.pid, SIGSTOP);
	offer(gate, 1, server, 0);
	close(server);
	kill(b.pid, SIGCONT);
	bench_expect(&b, gate, ROLE_GATEWAY, MSG_BG_ADMITTED);
	chan_write_one(b.sup, MSG_SB_PING, &ping, NULL, 0);
	bench_expect(&b, b.sup, ROLE_SUPERVISOR, MSG_BS_PONG);
	close(client);
	close(listener);
	bench_stop(&b);
}
