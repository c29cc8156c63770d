/* SPDX-License-Identifier: ISC */
/* The broker's admin door: who talks sense there, and who does not. */
#include "config.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/match.h"
#include "broker/notes.h"
#include "broker/operator.h"
#include "tests/unit/broker_bench.h"

TestSuite(operator, .timeout = 40);

static struct sockaddr_un sun;

/* A broker with a door; returns nothing, for the path is the test's. */
static void
begin_with(struct bench *b, const char *fault)
{
	struct bench_options options = { .fault = fault };
	struct fields_DOOR door = { .door = DOOR_ADMIN };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	bench_start(b, &options);
	sun.sun_family = AF_UNIX;
	snprintf(sun.sun_path, sizeof(sun.sun_path), "/tmp/hf-door-%d",
	    (int)getpid());
	unlink(sun.sun_path);
	cr_assert_eq(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	cr_assert_eq(listen(fd, 64), 0);
	cr_assert_eq(chan_write_one(b->sup, MSG_SB_DOOR, &door, &fd, 1), 0);
	close(fd);
}

static void
begin(struct bench *b)
{
	begin_with(b, NULL);
}

static void
finish(struct bench *b)
{
	unlink(sun.sun_path);
	bench_stop(b);
}

static int
dial(void)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	cr_assert_eq(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	return fd;
}

static void
greet(int fd)
{
	static const struct fields_HELLO hello = {
		.version = PROTO_VERSION,
		.oldest = PROTO_OLDEST,
	};

	cr_assert_eq(chan_write_one(fd, MSG_CB_HELLO, &hello, NULL, 0), 0);
}

/* The next message's type, or 0 at the end. */
static int
next(struct bench *b, int fd, enum proto_phase phase)
{
	const char *why = "";
	int type = chan_read_one(fd, ROLE_OPERATOR, ROLE_BROKER, phase,
	    BENCH_WAIT_MS, b->buf, &b->msg, &b->fds, &why);

	if (type == -1) {
		cr_assert(strcmp(why, "closed by the peer") == 0 ||
		    strstr(why, "reset") != NULL, "%s", why);
		return 0;
	}
	return type;
}

static int
operator(struct bench *b)
{
	int fd = dial();

	greet(fd);
	cr_assert_eq(next(b, fd, PHASE_START), MSG_BC_HELLO);
	return fd;
}

/* Rows until the last; how many there were, of that type, and the status. */
static size_t
rows(struct bench *b, int fd, int wanted, uint32_t *status)
{
	size_t count = 0;
	int type;

	while ((type = next(b, fd, PHASE_UP)) != MSG_BC_DONE) {
		cr_assert_neq(type, 0, "it was closed");
		count += type == wanted;
	}
	*status = b->msg.BC_DONE.status;
	return count;
}

static void
ask(int fd, uint16_t type, uint64_t request)
{
	union proto_any msg;

	memset(&msg, 0, sizeof(msg));
	msg.ASK.request = request;
	cr_assert_eq(chan_write_one(fd, type, &msg, NULL, 0), 0);
}

static void
ask_session(int fd, uint16_t type, const char *prefix)
{
	union proto_any msg;

	/* All of these begin with the same two. */
	memset(&msg, 0, sizeof(msg));
	msg.CB_SESSION.request = 1;
	msg.CB_SESSION.prefix = span_str(prefix);
	cr_assert_eq(chan_write_one(fd, type, &msg, NULL, 0), 0);
}

/* Whoever does wrong is closed, and the next one is served. */
static void
is_closed(struct bench *b, int fd)
{
	uint32_t status;

	while (next(b, fd, PHASE_UP) != 0)
		;
	close(fd);
	fd = operator(b);
	ask(fd, MSG_CB_SESSIONS, 9);
	rows(b, fd, 0, &status);
	cr_assert_eq(status, TOLD_DONE);
	close(fd);
}

Test(operator, the_status_has_a_row_for_each_thing)
{
	struct bench b;
	uint32_t status;
	int fd;

	begin(&b);
	(void)bench_gateway(&b, 1);
	fd = operator(&b);
	ask(fd, MSG_CB_STATUS, 7);
	cr_assert_eq(rows(&b, fd, MSG_BC_STATE, &status), 4);
	cr_assert_eq(b.msg.BC_DONE.request, 7);
	cr_assert_eq(status, TOLD_DONE);
	ask(fd, MSG_CB_STATUS, 8);
	cr_assert_eq(rows(&b, fd, MSG_BC_ROLE, &status), 3);
	ask(fd, MSG_CB_STATUS, 9);
	cr_assert_eq(rows(&b, fd, MSG_BC_LISTENER, &status), 1);
	close(fd);
	finish(&b);
}

Test(operator, a_session_is_found_by_what_only_it_begins_with)
{
	struct bench b;
	struct bench_session s;
	char prefix[8];
	uint32_t status;
	int fd, gate;

	begin(&b);
	gate = bench_gateway(&b, 1);
	s = bench_attach(&b, gate, 1, NULL);
	fd = operator(&b);
	snprintf(prefix, sizeof(prefix), "%.6s", s.id);
	ask_session(fd, MSG_CB_SHOW, prefix);
	cr_assert_eq(next(&b, fd, PHASE_UP), MSG_BC_SESSION);
	cr_assert(span_is(b.msg.BC_SESSION.session, s.id));
	cr_assert(span_is(b.msg.BC_SESSION.client_name, "test"));
	cr_assert(span_is(b.msg.BC_SESSION.state, "attached"));
	cr_assert_eq(next(&b, fd, PHASE_UP), MSG_BC_DONE);
	ask_session(fd, MSG_CB_WHY, s.id);
	rows(&b, fd, 0, &status);
	cr_assert_eq(status, TOLD_REFUSED, "it has not ended");
	ask_session(fd, MSG_CB_WHY, "00000000-0000-0000-0000-00000000000");
	rows(&b, fd, 0, &status);
	cr_assert_eq(status, TOLD_NOT_FOUND);
	ask_session(fd, MSG_CB_SHOW, "");
	rows(&b, fd, 0, &status);
	cr_assert_eq(status, TOLD_NOT_FOUND);
	close(fd);
	finish(&b);
}

Test(operator, an_ambiguous_beginning_lists_who_has_it)
{
	struct bench b;
	char prefix[2] = "0";
	uint32_t status;
	int fd, gate, i, several = 0;
	uint8_t seen[256] = { 0 };

	begin(&b);
	gate = bench_gateway(&b, 1);
	/* Of 17, two begin with the same digit. */
	for (i = 0; i < 17; i++)
		seen[(uint8_t)bench_attach(&b, gate, (uint64_t)i + 1,
		    NULL).id[0]]++;
	for (i = 0; i < 256; i++)
		if (seen[i] > 1) {
			prefix[0] = (char)i;
			several = seen[i];
		}
	fd = operator(&b);
	ask_session(fd, MSG_CB_EVICT, prefix);
	cr_assert_eq(rows(&b, fd, MSG_BC_SESSION, &status),
	    (size_t)(several > 8 ? 8 : several));
	cr_assert_eq(status, TOLD_AMBIGUOUS);
	ask(fd, MSG_CB_SESSIONS, 2);
	cr_assert_eq(rows(&b, fd, MSG_BC_SESSION, &status), 17,
	    "none was ended");
	close(fd);
	finish(&b);
}

Test(operator, who_is_evicted_ends_and_why_tells)
{
	struct bench b;
	struct bench_session s;
	struct fields_CB_EVICT evict = {
		.request = 3,
		.has_text = true,
		.text = span_str("in the way\033[2J"),
	};
	uint32_t status;
	int fd, gate;

	begin(&b);
	gate = bench_gateway(&b, 1);
	s = bench_attach(&b, gate, 1, NULL);
	fd = operator(&b);
	evict.prefix = span_str(s.id);
	cr_assert_eq(chan_write_one(fd, MSG_CB_EVICT, &evict, NULL, 0), 0);
	rows(&b, fd, 0, &status);
	cr_assert_eq(status, TOLD_DONE);
	bench_gone(&b, gate, &s, GONE_ENDED);
	ask_session(fd, MSG_CB_WHY, s.id);
	cr_assert_eq(next(&b, fd, PHASE_UP), MSG_BC_SESSION);
	cr_assert(span_is(b.msg.BC_SESSION.reason_name, "REQUESTED"));
	cr_assert_eq(b.msg.BC_SESSION.detail, (uint32_t)getuid());
	cr_assert(span_is(b.msg.BC_SESSION.text, "in the way\033[2J"));
	rows(&b, fd, 0, &status);
	cr_assert_eq(status, TOLD_DONE);
	cr_assert_eq(chan_write_one(fd, MSG_CB_EVICT, &evict, NULL, 0), 0);
	rows(&b, fd, 0, &status);
	cr_assert_eq(status, TOLD_REFUSED, "once is enough");
	close(fd);
	finish(&b);
}

Test(operator, drained_takes_no_new_sessions_but_old_ones)
{
	struct bench b;
	struct bench_session s;
	struct fields_CB_DRAIN drain = { .request = 1, .has_off = true };
	uint32_t status;
	int fd, gate;

	begin(&b);
	gate = bench_gateway(&b, 1);
	s = bench_attach(&b, gate, 1, NULL);
	bench_detach(gate, &s, 1);
	fd = operator(&b);
	ask(fd, MSG_CB_DRAIN, 1);
	rows(&b, fd, 0, &status);
	bench_admit(&b, gate, 2);
	bench_ask(gate, 2, NULL, NULL);
	bench_refused(&b, gate, ATTACH_LIMIT);
	(void)bench_attach(&b, gate, 3, s.id);
	drain.off = true;
	cr_assert_eq(chan_write_one(fd, MSG_CB_DRAIN, &drain, NULL, 0), 0);
	rows(&b, fd, 0, &status);
	(void)bench_attach(&b, gate, 4, NULL);
	close(fd);
	finish(&b);
}

Test(operator, what_the_supervisor_is_to_do_is_passed_on_and_its_word_back)
{
	struct bench b;
	struct fields_BS_ORDER order = {
		.request = 5,
		.order = ORDER_ROLL,
		.has_handoff = true,
		.handoff = true,
	};
	struct fields_SB_TOLD told = {
		.has_text = true,
		.text = span_str("halfway"),
	};
	int fd;

	begin(&b);
	fd = operator(&b);
	cr_assert_eq(chan_write_one(fd, MSG_CB_ORDER, &order, NULL, 0), 0);
	bench_expect(&b, b.sup, ROLE_SUPERVISOR, MSG_BS_ORDER);
	cr_assert_eq(b.msg.BS_ORDER.order, ORDER_ROLL);
	cr_assert(b.msg.BS_ORDER.handoff);
	told.request = b.msg.BS_ORDER.request;
	cr_assert_eq(chan_write_one(b.sup, MSG_SB_TOLD, &told, NULL, 0), 0);
	cr_assert_eq(next(&b, fd, PHASE_UP), MSG_BC_TOLD);
	cr_assert_eq(b.msg.BC_TOLD.request, 5);
	told.done = true;
	told.has_status = true;
	told.status = 1;
	cr_assert_eq(chan_write_one(b.sup, MSG_SB_TOLD, &told, NULL, 0), 0);
	cr_assert_eq(next(&b, fd, PHASE_UP), MSG_BC_DONE);
	cr_assert_eq(b.msg.BC_DONE.status, TOLD_FAILED);
	cr_assert_eq(b.msg.BC_DONE.request, 5);
	/* A word too many, and one to nobody. */
	cr_assert_eq(chan_write_one(b.sup, MSG_SB_TOLD, &told, NULL, 0), 0);
	order.order = 99;
	cr_assert_eq(chan_write_one(fd, MSG_CB_ORDER, &order, NULL, 0), 0);
	cr_assert_eq(next(&b, fd, PHASE_UP), MSG_BC_DONE);
	cr_assert_eq(b.msg.BC_DONE.status, TOLD_REFUSED);
	close(fd);
	finish(&b);
}

Test(operator, a_runner_that_is_silent_is_not_waited_for)
{
	struct bench b;
	struct bench_session s;
	char pid[4];
	int32_t runner;
	int fd, gate;

	begin(&b);
	gate = bench_gateway(&b, 1);
	s = bench_attach(&b, gate, 1, NULL);
	bench_write(s.data, "p");
	bench_read(s.data, pid, sizeof(pid));
	memcpy(&runner, pid, sizeof(runner));
	cr_assert_eq(kill(runner, SIGSTOP), 0);
	fd = operator(&b);
	ask(fd, MSG_CB_PROCESSES, 1);
	cr_assert_eq(next(&b, fd, PHASE_UP), MSG_BC_PROCESSES);
	cr_assert(b.msg.BC_PROCESSES.has_text);
	cr_assert_eq(next(&b, fd, PHASE_UP), MSG_BC_DONE);
	cr_assert_eq(b.msg.BC_DONE.status, TOLD_DONE);
	ask_session(fd, MSG_CB_KILL, s.id);
	cr_assert_eq(next(&b, fd, PHASE_UP), MSG_BC_DONE);
	cr_assert_eq(b.msg.BC_DONE.status, TOLD_UNAVAILABLE);
	cr_assert_eq(kill(runner, SIGKILL), 0);
	close(fd);
	finish(&b);
}

Test(operator, a_runner_that_lists_what_is_none_is_killed)
{
	struct bench b;
	struct bench_session s;
	uint32_t status;
	char pid[4];
	int fd, gate;

	begin_with(&b, "liar");
	gate = bench_gateway(&b, 1);
	s = bench_attach(&b, gate, 1, NULL);
	bench_write(s.data, "p");
	bench_read(s.data, pid, sizeof(pid));
	fd = operator(&b);
	ask(fd, MSG_CB_PROCESSES, 1);
	rows(&b, fd, 0, &status);
	bench_gone(&b, gate, &s, GONE_RUNNER_LOST);
	ask_session(fd, MSG_CB_WHY, s.id);
	cr_assert_eq(next(&b, fd, PHASE_UP), MSG_BC_SESSION);
	cr_assert(span_is(b.msg.BC_SESSION.reason_name, "RUNNER_BROKE"));
	rows(&b, fd, 0, &status);
	close(fd);
	finish(&b);
}

Test(operator, a_list_without_end_comes_to_one)
{
	struct bench b;
	struct bench_session s;
	uint32_t status;
	char pid[4];
	int fd, other, gate, i;

	begin_with(&b, "endless");
	gate = bench_gateway(&b, 1);
	s = bench_attach(&b, gate, 1, NULL);
	bench_write(s.data, "p");
	bench_read(s.data, pid, sizeof(pid));
	fd = operator(&b);
	ask_session(fd, MSG_CB_SHOW, s.id);
	/* More than its socket holds; others do not wait for it. */
	other = operator(&b);
	for (i = 0; i < 200; i++) {
		ask(other, MSG_CB_SESSIONS, 1);
		cr_assert_eq(rows(&b, other, MSG_BC_SESSION, &status), 1);
	}
	cr_assert_eq(rows(&b, fd, MSG_BC_PROCESSES, &status), 1024);
	cr_assert_eq(status, TOLD_DONE);
	close(fd);
	close(other);
	finish(&b);
}

Test(operator, a_channel_that_is_closed_or_killed_is_told_apart)
{
	static const struct {
		const char *work;
		const char *reason;
		uint32_t detail;
	} ways[] = {
		{ "x", "RUNNER_EXITED", 3 },
		{ "g", "RUNNER_BROKE", 0 },
		{ NULL, "RUNNER_KILLED", SIGUSR1 },
	};
	struct bench b;
	struct bench_session s;
	uint32_t status;
	int32_t runner;
	int fd, gate;
	size_t i;

	begin(&b);
	gate = bench_gateway(&b, 1);
	fd = operator(&b);
	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		s = bench_attach(&b, gate, i + 1, NULL);
		bench_write(s.data, "p");
		bench_read(s.data, &runner, sizeof(runner));
		if (ways[i].work != NULL)
			bench_write(s.data, ways[i].work);
		else
			cr_assert_eq(kill(runner, SIGUSR1), 0);
		bench_gone(&b, gate, &s, GONE_RUNNER_LOST);
		do {
			ask_session(fd, MSG_CB_WHY, s.id);
			cr_assert_eq(next(&b, fd, PHASE_UP), MSG_BC_SESSION);
			cr_assert(span_is(b.msg.BC_SESSION.reason_name,
			    ways[i].reason), "%zu: %.*s", i,
			    (int)b.msg.BC_SESSION.reason_name.len,
			    b.msg.BC_SESSION.reason_name.p);
			cr_assert_eq(b.msg.BC_SESSION.detail, ways[i].detail);
			rows(&b, fd, 0, &status);
		} while (status != TOLD_DONE);
	}
	close(fd);
	finish(&b);
}

Test(operator, garbage_closes_its_channel_and_nothing_else)
{
	struct bench b;
	struct fields_HELLO old = { .version = 0, .oldest = 0 };
	uint8_t byte = 0;
	int fd;

	begin(&b);
	fd = operator(&b);
	cr_assert_eq(send(fd, "\3\37garbage", 9, 0), 9);
	is_closed(&b, fd);
	fd = operator(&b);
	cr_assert_eq(send(fd, &byte, 1, 0), 1);
	is_closed(&b, fd);
	/* What is somebody else's to say; before its time; twice. */
	fd = operator(&b);
	ask(fd, MSG_SB_PING, 1);
	is_closed(&b, fd);
	fd = dial();
	ask(fd, MSG_CB_STATUS, 1);
	is_closed(&b, fd);
	fd = operator(&b);
	greet(fd);
	is_closed(&b, fd);
	/* Two questions at once, however fast the first could be answered. */
	fd = operator(&b);
	kill(b.pid, SIGSTOP);
	ask(fd, MSG_CB_STATUS, 1);
	ask(fd, MSG_CB_STATUS, 2);
	kill(b.pid, SIGCONT);
	is_closed(&b, fd);
	/* Another version is told so. */
	fd = dial();
	cr_assert_eq(chan_write_one(fd, MSG_CB_HELLO, &old, NULL, 0), 0);
	cr_assert_eq(next(&b, fd, PHASE_START), MSG_BC_DONE);
	cr_assert_eq(b.msg.BC_DONE.status, TOLD_REFUSED);
	close(fd);
	finish(&b);
}

Test(operator, who_does_not_read_has_no_more_than_a_socket_holds)
{
	struct bench b;
	uint32_t status;
	int fd, other, gate, i;
	size_t count;

	begin(&b);
	gate = bench_gateway(&b, 1);
	for (i = 0; i < 60; i++)
		(void)bench_attach(&b, gate, (uint64_t)i + 1, NULL);
	fd = operator(&b);
	ask(fd, MSG_CB_SESSIONS, 1);
	/* It is not read, and others are served meanwhile. */
	other = operator(&b);
	for (i = 0; i < 50; i++) {
		ask(other, MSG_CB_SESSIONS, 2);
		cr_assert_eq(rows(&b, other, MSG_BC_SESSION, &status), 60);
	}
	count = rows(&b, fd, MSG_BC_SESSION, &status);
	cr_assert_eq(count, 60);
	close(fd);
	close(other);
	finish(&b);
}

Test(operator, so_many_and_no_more)
{
	struct bench b;
	int fds[OPERATORS_EACH], fd;
	size_t i;

	begin(&b);
	for (i = 0; i < OPERATORS_EACH; i++)
		fds[i] = operator(&b);
	fd = dial();
	cr_assert_eq(next(&b, fd, PHASE_START), MSG_BC_DONE);
	cr_assert_eq(b.msg.BC_DONE.status, TOLD_UNAVAILABLE);
	close(fd);
	close(fds[0]);
	/* Its end may be found a moment later. */
	for (;;) {
		fd = dial();
		greet(fd);
		if (next(&b, fd, PHASE_START) == MSG_BC_HELLO)
			break;
		close(fd);
	}
	finish(&b);
}

Test(operator, topics_are_traced_or_refused)
{
	static const struct {
		const char *topic;
		uint32_t status;
	} topics[] = {
		{ "session", TOLD_DONE },
		{ "all", TOLD_DONE },
		{ "Upper", TOLD_REFUSED },
		{ "", TOLD_REFUSED },
		{ "\033[2J", TOLD_REFUSED },
		{ "anamethatistoolongtobeoneofthetopics", TOLD_REFUSED },
	};
	struct bench b;
	uint32_t status;
	int fd, gate, told;
	size_t i;

	begin(&b);
	gate = bench_gateway(&b, 1);
	fd = operator(&b);
	for (i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
		struct fields_CB_TRACE trace = { .request = 1 };
		struct writer w;

		writer_init(&w, 1024);
		proto_list_add(&w, span_str(topics[i].topic));
		trace.topics = (struct span){ w.p, w.len };
		cr_assert_eq(chan_write_one(fd, MSG_CB_TRACE, &trace, NULL,
		    0), 0);
		writer_clear(&w);
		rows(&b, fd, 0, &status);
		cr_assert_eq(status, topics[i].status, "%s", topics[i].topic);
	}
	close(fd);
	/* Gateways are told each time, and that it is over. */
	for (told = 0; ; told++) {
		bench_expect(&b, gate, ROLE_GATEWAY, MSG_BG_TRACE);
		if (!b.msg.TRACE.has_topics)
			break;
	}
	cr_assert_eq(told, 2);
	finish(&b);
}

Test(operator, notes_are_kept_by_session_and_the_oldest_gives_way)
{
	struct notes *notes = notes_new(2);
	struct ident a, b, c;
	char longest[1024];

	ident_make(&a);
	ident_make(&b);
	ident_make(&c);
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	cr_assert_null(notes_find(notes, &a));
	notes_add(notes, &a, "first");
	notes_add(notes, &a, "second");
	cr_assert_str_eq(notes_find(notes, &a), "first");
	notes_add(notes, &b, longest);
	cr_assert_eq(strlen(notes_find(notes, &b)), NOTE_SIZE - 1);
	notes_add(notes, &c, "");
	cr_assert_null(notes_find(notes, &a));
	cr_assert_str_eq(notes_find(notes, &c), "");
	notes_free(notes);
}
