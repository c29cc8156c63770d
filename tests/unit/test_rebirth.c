/* SPDX-License-Identifier: ISC */
/*
 * A broker is killed and another takes over: the test is the supervisor that
 * stores what the first one says, and the gateways that outlive it.
 */
#include "config.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fdpass.h"
#include "common/unix.h"
#include "tests/unit/broker_bench.h"

#define SHELF_MAX 48

TestSuite(rebirth, .timeout = 60);

static struct bench b;

/* What is stored, by name. */
static struct {
	int sock;
	char path[64];
	char url[64];
	struct {
		char name[16];
		int fd;
	} items[SHELF_MAX];
	size_t count;
} shelf = { .sock = -1 };

static struct bench_order order;

static void
shelf_open(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	snprintf(shelf.path, sizeof(shelf.path), "/tmp/holdfast-shelf-%d",
	    (int)getpid());
	memcpy(sun.sun_path, shelf.path, strlen(shelf.path));
	(void)unlink(shelf.path);
	shelf.sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0);
	cr_assert_eq(bind(shelf.sock, (struct sockaddr *)&sun, sizeof(sun)),
	    0);
}

static size_t
shelf_place(const char *name)
{
	size_t i;

	for (i = 0; i < shelf.count; i++)
		if (strcmp(shelf.items[i].name, name) == 0)
			break;
	return i;
}

static void
shelf_drop(const char *name)
{
	size_t i = shelf_place(name);

	if (i == shelf.count)
		return;
	close(shelf.items[i].fd);
	shelf.items[i] = shelf.items[--shelf.count];
}

static void
shelf_put(const char *name, int fd)
{
	shelf_drop(name);
	cr_assert_lt(shelf.count, SHELF_MAX);
	snprintf(shelf.items[shelf.count].name, 16, "%.15s", name);
	shelf.items[shelf.count++].fd = fd;
}

static bool
shelf_has(const char *name)
{
	return shelf_place(name) < shelf.count;
}

/* Take in what has been said so far. */
static void
shelf_read(void)
{
	char text[256], name[64];
	ssize_t n;
	size_t nfds;
	int fd;

	for (;;) {
		nfds = 1;
		fd = -1;
		n = fdpass_recv(shelf.sock, text, sizeof(text) - 1, &fd,
		    &nfds);
		if (n <= 0)
			return;
		text[n] = '\0';
		if (sscanf(text, "FDSTORE=1\nFDNAME=%63[^\n]", name) == 1) {
			cr_assert_eq(nfds, 1);
			shelf_put(name, fd);
		} else {
			cr_assert_eq(sscanf(text,
			    "FDSTOREREMOVE=1\nFDNAME=%63[^\n]", name), 1);
			cr_assert_eq(nfds, 0);
			shelf_drop(name);
		}
	}
}

/* Until something is stored, or is not any more. */
static void
shelf_wait(const char *name, bool there)
{
	struct pollfd pfd = { .fd = shelf.sock, .events = POLLIN };

	for (shelf_read(); shelf_has(name) != there; shelf_read())
		cr_assert_eq(poll(&pfd, 1, BENCH_WAIT_MS), 1, "%s", name);
}

static void
begin_as(const char *fault)
{
	static char names[1024];
	struct bench_options options = { .fault = fault, .order = &order,
		.notify = shelf.path };
	int fds[SHELF_MAX], listener = b.listener;
	size_t i;

	names[0] = '\0';
	for (i = 0; i < shelf.count; i++) {
		fds[i] = shelf.items[i].fd;
		strlcat(names, i == 0 ? "" : ":", sizeof(names));
		strlcat(names, shelf.items[i].name, sizeof(names));
	}
	options.names = names;
	options.stored = fds;
	options.nstored = shelf.count;
	bench_start(&b, &options);
	b.listener = listener;
}

static void
first(const char *fault)
{
	int listener;

	shelf_open();
	listener = bench_listen(shelf.url, sizeof(shelf.url));
	order = (struct bench_order){
		.count = 1,
		.loss_ms = 60000,
		.reconnect_ms = 2000,
		.listeners = { { .url = shelf.url, .admission = ADMIT_NONE,
			.tenants = { 1 } } },
		.tenants = { { .name = "self", .number = 1,
			.uid = getuid() } },
	};
	b.listener = listener;
	begin_as(fault);
}

static void
killed(void)
{
	cr_assert_eq(kill(b.pid, SIGKILL), 0);
	bench_wait(&b);
	close(b.sup);
	shelf_read();
}

static void
reborn(void)
{
	killed();
	begin_as(NULL);
}

static void
last(void)
{
	bench_stop(&b);
	unlink(shelf.path);
}

static int32_t
pid_of(int data)
{
	int32_t pid;

	bench_write(data, "p");
	bench_read(data, &pid, sizeof(pid));
	return pid;
}

static uint8_t
count_of(int data)
{
	uint8_t count;

	bench_write(data, "c");
	bench_read(data, &count, 1);
	return count;
}

static void
say_hold(int gate, uint64_t handle, const char *session, uint64_t generation,
    int fd)
{
	struct fields_HOLD hold = {
		.handle = handle,
		.session = span_str(session),
		.generation = generation,
	};

	cr_assert_eq(chan_write_one(gate, MSG_GB_HOLD, &hold, &fd, 1), 0);
}

static void
hold(int gate, uint64_t handle, const struct bench_session *s)
{
	bench_admit(&b, gate, handle);
	say_hold(gate, handle, s->id, s->generation, s->data);
	bench_expect(&b, gate, ROLE_GATEWAY, MSG_BG_HELD);
	cr_assert_eq(b.msg.HOLD.handle, handle);
	cr_assert_eq(b.msg.HOLD.generation, s->generation);
	cr_assert(span_is(b.msg.HOLD.session, s->id));
}

Test(rebirth, an_attached_client_works_on_and_is_claimed)
{
	struct bench_session s, again;
	int32_t pid;
	int gate;

	first(NULL);
	gate = bench_gateway(&b, 1);
	s = bench_attach(&b, gate, 1, NULL);
	pid = pid_of(s.data);
	killed();
	bench_write(s.data, "mm");
	cr_assert_eq(count_of(s.data), 2, "without a broker");
	begin_as(NULL);
	gate = bench_gateway(&b, 1);
	hold(gate, 7, &s);
	cr_assert_eq(count_of(s.data), 2);
	cr_assert_eq(pid_of(s.data), pid);
	bench_detach(gate, &s, s.generation);
	bench_read_end(s.data);
	again = bench_attach(&b, gate, 8, s.id);
	cr_assert_eq(again.generation, s.generation + 1);
	cr_assert_eq(count_of(again.data), 2);
	cr_assert_eq(pid_of(again.data), pid);
	last();
}

Test(rebirth, a_detached_session_waits_with_its_work)
{
	struct bench_session s, again;
	int gate, i;

	first(NULL);
	gate = bench_gateway(&b, 1);
	s = bench_attach(&b, gate, 1, NULL);
	bench_write(s.data, "mmm");
	cr_assert_eq(count_of(s.data), 3);
	/* Its data end was stored and is not: nobody else has it open. */
	shelf_wait("c0", true);
	shelf_wait("d0", false);
	bench_detach(gate, &s, s.generation);
	bench_read_end(s.data);
	for (i = 0; i < 3; i++) {
		reborn();
		gate = bench_gateway(&b, 1);
		again = bench_attach(&b, gate, 1, s.id);
		cr_assert_eq(count_of(again.data), 3);
		bench_detach(gate, &again, again.generation);
		bench_read_end(again.data);
	}
	last();
}

Test(rebirth, what_has_no_work_is_kept_when_it_has_been_there_a_while)
{
	struct bench_session s, young;
	int gate;

	first(NULL);
	gate = bench_gateway(&b, 1);
	s = bench_attach(&b, gate, 1, NULL);
	shelf_wait("d0", true);
	young = bench_attach(&b, gate, 2, NULL);
	reborn();
	/* That is gone with the broker, and can be had back. */
	bench_read_end(young.data);
	gate = bench_gateway(&b, 1);
	young = bench_attach(&b, gate, 2, young.id);
	hold(gate, 1, &s);
	bench_write(s.data, "m");
	cr_assert_eq(count_of(s.data), 1);
	cr_assert_eq(count_of(young.data), 0);
	shelf_wait("d0", false);
	shelf_wait("c0", true);
	shelf_wait("p0", true);
	last();
}

Test(rebirth, what_a_client_wrote_meanwhile_starts_its_runner)
{
	struct bench_session s;
	int gate;

	first(NULL);
	gate = bench_gateway(&b, 1);
	s = bench_attach(&b, gate, 1, NULL);
	shelf_wait("d0", true);
	killed();
	bench_write(s.data, "mmmm");
	begin_as(NULL);
	cr_assert_eq(count_of(s.data), 4);
	gate = bench_gateway(&b, 1);
	hold(gate, 1, &s);
	last();
}

Test(rebirth, how_a_session_ended_is_remembered)
{
	struct bench_session s;
	int gate;

	first(NULL);
	gate = bench_gateway(&b, 1);
	s = bench_attach(&b, gate, 1, NULL);
	bench_write(s.data, "x");
	bench_gone(&b, gate, &s, GONE_RUNNER_LOST);
	shelf_wait("c0", false);
	shelf_wait("p0", false);
	reborn();
	gate = bench_gateway(&b, 1);
	bench_admit(&b, gate, 1);
	bench_ask(gate, 1, s.id, NULL);
	bench_refused(&b, gate, ATTACH_UNKNOWN_SESSION);
	cr_assert(b.msg.BG_ATTACH_FAILED.has_end_reason);
	cr_assert_eq(b.msg.BG_ATTACH_FAILED.end_reason, END_RUNNER_LOST);
	cr_assert(b.msg.BG_ATTACH_FAILED.has_ended_ms);
	last();
}

Test(rebirth, who_wants_what_nobody_claims_gets_it_soon)
{
	struct bench_session s, taken;
	int gate;

	first(NULL);
	gate = bench_gateway(&b, 1);
	s = bench_attach(&b, gate, 1, NULL);
	bench_write(s.data, "mm");
	cr_assert_eq(count_of(s.data), 2);
	reborn();
	gate = bench_gateway(&b, 1);
	taken = bench_attach(&b, gate, 2, s.id);
	cr_assert_eq(taken.generation, 2);
	bench_read_end(s.data);
	cr_assert_eq(count_of(taken.data), 2);
	last();
}

Test(rebirth, a_claim_comes_before_who_waits_for_it)
{
	struct bench_session s;
	int gate, other;

	first(NULL);
	gate = bench_gateway(&b, 1);
	s = bench_attach(&b, gate, 1, NULL);
	cr_assert_eq(count_of(s.data), 0);
	reborn();
	gate = bench_gateway(&b, 1);
	other = bench_gateway(&b, 2);
	bench_admit(&b, other, 2);
	bench_ask(other, 2, s.id, NULL);
	hold(gate, 1, &s);
	bench_expect(&b, gate, ROLE_GATEWAY, MSG_BG_PROBE);
	bench_probed(&b, gate, b.msg.BG_PROBE.probe, 0);
	bench_refused(&b, other, ATTACH_ELSEWHERE);
	cr_assert_eq(count_of(s.data), 0);
	last();
}

Test(rebirth, unclaimed_sessions_are_detached_after_the_window)
{
	struct bench_session s;
	int gate;

	first(NULL);
	gate = bench_gateway(&b, 1);
	s = bench_attach(&b, gate, 1, NULL);
	cr_assert_eq(count_of(s.data), 0);
	order.reconnect_ms = 50;
	reborn();
	bench_read_end(s.data);
	gate = bench_gateway(&b, 1);
	s = bench_attach(&b, gate, 2, s.id);
	cr_assert_eq(count_of(s.data), 0);
	last();
}

Test(rebirth, only_who_has_the_data_socket_can_claim)
{
	struct bench_session s, other;
	int gate, evil;

	first(NULL);
	gate = bench_gateway(&b, 1);
	s = bench_attach(&b, gate, 1, NULL);
	other = bench_attach(&b, gate, 2, NULL);
	cr_assert_eq(count_of(s.data), 0);
	cr_assert_eq(count_of(other.data), 0);
	reborn();
	evil = bench_gateway(&b, 1);
	bench_admit(&b, evil, 1);
	/* Another's socket, no socket of ours, another attachment, none. */
	say_hold(evil, 1, s.id, s.generation, other.data);
	bench_gone(&b, evil, &s, GONE_REPLACED);
	say_hold(evil, 1, s.id, s.generation, b.listener);
	bench_gone(&b, evil, &s, GONE_REPLACED);
	say_hold(evil, 1, s.id, s.generation, shelf.sock);
	bench_gone(&b, evil, &s, GONE_REPLACED);
	s.generation++;
	say_hold(evil, 1, s.id, s.generation, s.data);
	bench_gone(&b, evil, &s, GONE_REPLACED);
	s.generation--;
	say_hold(evil, 1, "no session", 1, s.data);
	bench_expect(&b, evil, ROLE_GATEWAY, MSG_BG_GONE);
	cr_assert_eq(b.msg.BG_GONE.reason, GONE_ENDED);
	/* The right one, and then once more. */
	say_hold(evil, 1, s.id, s.generation, s.data);
	bench_expect(&b, evil, ROLE_GATEWAY, MSG_BG_HELD);
	say_hold(evil, 1, s.id, s.generation, s.data);
	bench_expect_end(&b, evil, ROLE_GATEWAY);
	/* That was the end of the one, and of nobody else. */
	gate = bench_gateway(&b, 2);
	hold(gate, 2, &other);
	s = bench_attach(&b, gate, 3, s.id);
	cr_assert_eq(count_of(s.data), 0);
	last();
}

Test(rebirth, without_admission_there_is_no_claim)
{
	struct bench_session s;
	int gate;

	first(NULL);
	gate = bench_gateway(&b, 1);
	s = bench_attach(&b, gate, 1, NULL);
	cr_assert_eq(count_of(s.data), 0);
	reborn();
	gate = bench_gateway(&b, 1);
	say_hold(gate, 1, s.id, s.generation, s.data);
	bench_expect_end(&b, gate, ROLE_GATEWAY);
	last();
}

Test(rebirth, a_gateway_of_the_pool_takes_over_from_another)
{
	struct bench_session s;
	int one, two;

	first(NULL);
	one = bench_gateway(&b, 1);
	two = bench_gateway(&b, 2);
	s = bench_attach(&b, one, 1, NULL);
	cr_assert_eq(count_of(s.data), 0);
	hold(two, 5, &s);
	/* The former may go; a detach of its is nobody's. */
	bench_detach(one, &s, s.generation);
	close(one);
	bench_admit(&b, two, 6);
	bench_ask(two, 6, s.id, NULL);
	bench_expect(&b, two, ROLE_GATEWAY, MSG_BG_PROBE);
	bench_probed(&b, two, b.msg.BG_PROBE.probe, 0);
	bench_refused(&b, two, ATTACH_ELSEWHERE);
	cr_assert_eq(count_of(s.data), 0);
	last();
}

/* What a runner says of itself costs nobody but itself. */
static void
expect_lost_for(const char *fault)
{
	struct bench_session s;
	int gate;

	first(fault);
	gate = bench_gateway(&b, 1);
	s = bench_attach(&b, gate, 1, NULL);
	cr_assert_eq(count_of(s.data), 0);
	reborn();
	bench_read_end(s.data);
	shelf_wait("c0", false);
	gate = bench_gateway(&b, 1);
	bench_admit(&b, gate, 1);
	bench_ask(gate, 1, s.id, NULL);
	bench_refused(&b, gate, ATTACH_UNKNOWN_SESSION);
	s = bench_attach(&b, gate, 2, NULL);
	cr_assert_eq(count_of(s.data), 0);
	last();
}

Test(rebirth, a_runner_that_says_twice_what_it_has_is_lost)
{
	expect_lost_for("repeats");
}

Test(rebirth, a_runner_of_another_version_is_lost)
{
	expect_lost_for("old");
}

Test(rebirth, a_runner_that_does_not_answer_is_lost)
{
	expect_lost_for("mute");
}

Test(rebirth, a_runner_that_boasts_is_detached)
{
	struct bench_session s;
	int gate;

	first("boasts");
	gate = bench_gateway(&b, 1);
	s = bench_attach(&b, gate, 1, NULL);
	bench_write(s.data, "m");
	cr_assert_eq(count_of(s.data), 1);
	reborn();
	gate = bench_gateway(&b, 1);
	s = bench_attach(&b, gate, 1, s.id);
	cr_assert_eq(s.generation, 2);
	cr_assert_eq(count_of(s.data), 1);
	last();
}

Test(rebirth, a_runner_that_ended_meanwhile_ends_its_session_only)
{
	struct bench_session s, other;
	int gate;

	first(NULL);
	gate = bench_gateway(&b, 1);
	s = bench_attach(&b, gate, 1, NULL);
	other = bench_attach(&b, gate, 2, NULL);
	cr_assert_eq(count_of(s.data) + count_of(other.data), 0);
	killed();
	bench_write(s.data, "x");
	bench_read_end(s.data);
	begin_as(NULL);
	gate = bench_gateway(&b, 1);
	hold(gate, 2, &other);
	shelf_wait("c0", false);
	bench_admit(&b, gate, 1);
	bench_ask(gate, 1, s.id, NULL);
	bench_refused(&b, gate, ATTACH_UNKNOWN_SESSION);
	cr_assert_eq(b.msg.BG_ATTACH_FAILED.end_reason, END_RUNNER_LOST);
	last();
}

/* Whatever the store says: the broker comes up and serves. */
Test(rebirth, what_is_stored_is_judged)
{
	struct bench_session s, t;
	int gate, fds[2], garbage = memfd_create("x", MFD_CLOEXEC);

	first(NULL);
	gate = bench_gateway(&b, 1);
	s = bench_attach(&b, gate, 1, NULL);
	t = bench_attach(&b, gate, 2, NULL);
	cr_assert_eq(count_of(s.data) + count_of(t.data), 0);
	killed();
	cr_assert_eq(unix_pair(SOCK_SEQPACKET, fds), 0);
	/* Another channel, one of nobody, names that are none, odd things. */
	shelf_put("c1", fds[0]);
	shelf_put("c7f", fds[1]);
	shelf_put("d0", dup(garbage));
	shelf_put("d1", dup(b.listener));
	shelf_put("p99", dup(garbage));
	shelf_put("zzz", dup(garbage));
	shelf_put("c00", dup(garbage));
	begin_as(NULL);
	gate = bench_gateway(&b, 1);
	hold(gate, 1, &s);
	cr_assert_eq(count_of(s.data), 0);
	bench_read_end(t.data);
	bench_admit(&b, gate, 2);
	bench_ask(gate, 2, t.id, NULL);
	bench_refused(&b, gate, ATTACH_UNKNOWN_SESSION);
	cr_assert_eq(b.msg.BG_ATTACH_FAILED.end_reason, END_RUNNER_LOST);
	shelf_wait("c7f", false);
	shelf_wait("p99", false);
	/* And records that are none at all. */
	killed();
	cr_assert_eq(ftruncate(garbage, 4096), 0);
	shelf_put("R", garbage);
	begin_as(NULL);
	gate = bench_gateway(&b, 1);
	s = bench_attach(&b, gate, 1, NULL);
	cr_assert_eq(count_of(s.data), 0);
	last();
}

/* A kernel that says when each message is sent could not be crueller. */
Test(rebirth, killed_at_any_moment_of_a_start)
{
	struct bench_session s;
	struct ident nonce;
	int gate, i;

	for (i = 0; i < 40; i++) {
		if (i == 0)
			first(NULL);
		else
			begin_as(NULL);
		gate = bench_gateway(&b, 1);
		bench_admit(&b, gate, 1);
		ident_make(&nonce);
		bench_ask(gate, 1, NULL, &nonce);
		s = bench_attached(&b, gate);
		bench_write(s.data, "m");
		usleep((useconds_t)(i * 150));
		killed();
		begin_as(NULL);
		gate = bench_gateway(&b, 1);
		/* Whether or not that byte has come to a runner: once. */
		bench_admit(&b, gate, 1);
		bench_ask(gate, 1, s.id, NULL);
		s = bench_attached(&b, gate);
		cr_assert_leq(count_of(s.data), 1, "round %d", i);
		bench_write(s.data, "x");
		bench_gone(&b, gate, &s, GONE_RUNNER_LOST);
		killed();
	}
	begin_as(NULL);
	last();
}
