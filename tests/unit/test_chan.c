/* SPDX-License-Identifier: ISC */
/* Control channels over real socket pairs. */
#include "config.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <criterion/criterion.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/chan.h"
#include "common/fdpass.h"
#include "common/log.h"
#include "common/unix.h"

static struct event_base *base;
static struct chan *chan;
static int peer;		/* the gateway's end, by hand */
static int lost, leaves, admits;
static char why[128];
static uint64_t last_handle;
static int kept_fd;
static bool free_in_handler;

static void
on_hello(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	(void)arg;
	(void)fds;
	chan_set_version(chan, msg->HELLO.version);
	chan_set_phase(chan, PHASE_UP);
}

static void
on_leave(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	(void)arg;
	(void)fds;
	leaves++;
	last_handle = msg->HANDLE.handle;
	if (free_in_handler) {
		chan_free(chan);
		chan = NULL;
	}
}

static void
on_admit(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	(void)arg;
	(void)msg;
	admits++;
	if (msg->GB_ADMIT.forwarded)
		kept_fd = chan_take_fd(fds, 0);
}

static const struct chan_handler handlers[] = {
	{ MSG_GB_HELLO, on_hello },
	{ MSG_GB_ADMIT, on_admit },
	{ MSG_GB_LEAVE, on_leave },
};

static void
on_lost(void *arg, const char *reason)
{
	(void)arg;
	lost++;
	snprintf(why, sizeof(why), "%s", reason == NULL ? "closed" : reason);
	event_base_loopbreak(base);
}

static const struct chan_ops ops = { handlers, 3, on_lost, NULL };

static void
setup(void)
{
	int pair[2];

	base = event_base_new();
	cr_assert_eq(unix_pair(SOCK_SEQPACKET, pair), 0);
	peer = pair[1];
	kept_fd = -1;
	chan = chan_new(base, pair[0], ROLE_BROKER, ROLE_GATEWAY, &ops, NULL);
	cr_assert_not_null(chan);
}

static void
teardown(void)
{
	chan_free(chan);
	unix_close(&peer);
	unix_close(&kept_fd);
	event_base_free(base);
}

TestSuite(chan, .timeout = 20, .init = setup, .fini = teardown);

static void
turn(void)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
}

static void
say(uint16_t type, const void *msg, const int *fds, size_t nfds)
{
	cr_assert_eq(chan_write_one(peer, type, msg, fds, nfds), 0);
}

static void
say_hello(uint32_t version)
{
	struct fields_HELLO hello = { .version = version, .oldest = 1 };

	say(MSG_GB_HELLO, &hello, NULL, 0);
	turn();
	cr_assert_eq(chan_phase(chan), PHASE_UP);
}

Test(chan, a_message_reaches_its_handler)
{
	struct fields_HANDLE leave = { .handle = 42 };

	say_hello(PROTO_VERSION);
	say(MSG_GB_LEAVE, &leave, NULL, 0);
	turn();
	cr_assert_eq(leaves, 1);
	cr_assert_eq(last_handle, 42);
	cr_assert_eq(lost, 0);
}

Test(chan, several_messages_in_one_turn_are_all_handled)
{
	struct fields_HANDLE leave = { .handle = 1 };
	int i;

	say_hello(PROTO_VERSION);
	for (i = 0; i < 50; i++)
		say(MSG_GB_LEAVE, &leave, NULL, 0);
	turn();
	cr_assert_eq(leaves, 50);
}

static void
expect_lost(const char *part)
{
	turn();
	turn();
	cr_assert_eq(lost, 1);
	cr_assert_not_null(strstr(why, part), "lost because: %s", why);
}

Test(chan, a_message_before_hello_ends_the_channel)
{
	struct fields_HANDLE leave = { .handle = 1 };

	say(MSG_GB_LEAVE, &leave, NULL, 0);
	expect_lost("GB_LEAVE: not now");
	cr_assert_eq(leaves, 0);
}

Test(chan, a_second_hello_ends_the_channel)
{
	struct fields_HELLO hello = { .version = 1, .oldest = 1 };

	chan_set_phase(chan, PHASE_START);
	say(MSG_GB_HELLO, &hello, NULL, 0);
	turn();
	chan_set_phase(chan, PHASE_START);
	say(MSG_GB_HELLO, &hello, NULL, 0);
	expect_lost("sent twice");
}

Test(chan, somebody_elses_message_ends_the_channel)
{
	struct fields_GENERATION msg = { .generation = 1 };

	say_hello(PROTO_VERSION);
	say(MSG_RB_DETACHED, &msg, NULL, 0);
	expect_lost("not this peer's");
}

Test(chan, an_unknown_type_ends_the_channel)
{
	say_hello(PROTO_VERSION);
	cr_assert_eq(write(peer, "\xff\xf0", 2), 2);
	expect_lost("unknown type");
}

Test(chan, an_unknown_type_of_a_newer_peer_is_skipped)
{
	say_hello(PROTO_VERSION + 1);
	cr_assert_eq(write(peer, "\xff\xf0", 2), 2);
	turn();
	turn();
	cr_assert_eq(lost, 0);
}

Test(chan, garbage_ends_the_channel)
{
	say_hello(PROTO_VERSION);
	cr_assert_eq(write(peer, "\x01\x2e\x00", 3), 3);
	expect_lost("GB_LEAVE: malformed");
}

Test(chan, what_nobody_takes_ends_the_channel_and_not_the_process)
{
	struct fields_GB_PROBED probed = { .probe = 1 };

	say_hello(PROTO_VERSION);
	say(MSG_GB_PROBED, &probed, NULL, 0);
	expect_lost("GB_PROBED: nobody here takes it");
}

Test(chan, a_packet_of_one_byte_ends_the_channel)
{
	cr_assert_eq(write(peer, "x", 1), 1);
	expect_lost("without a type");
}

Test(chan, an_oversized_packet_ends_the_channel)
{
	static char big[PROTO_CONTROL_MAX + 100];

	say_hello(PROTO_VERSION);
	cr_assert_eq(write(peer, big, sizeof(big)), (ssize_t)sizeof(big));
	expect_lost("too many");
}

Test(chan, the_end_is_noticed_after_what_was_sent)
{
	struct fields_HANDLE leave = { .handle = 3 };

	say_hello(PROTO_VERSION);
	say(MSG_GB_LEAVE, &leave, NULL, 0);
	unix_close(&peer);
	expect_lost("closed");
	cr_assert_eq(leaves, 1);
}

Test(chan, descriptors_arrive_close_on_exec_and_surplus_is_refused)
{
	struct fields_GB_ADMIT admit = { .handle = 1, .forwarded = true };
	int before, devnull = open("/dev/null", O_RDWR | O_CLOEXEC);
	int two[2] = { devnull, devnull };

	say_hello(PROTO_VERSION);
	say(MSG_GB_ADMIT, &admit, &devnull, 1);
	turn();
	cr_assert_eq(admits, 1);
	cr_assert_neq(kept_fd, -1);
	cr_assert(fcntl(kept_fd, F_GETFD) & FD_CLOEXEC);
	before = unix_count_fds();
	say(MSG_GB_ADMIT, &admit, two, 2);
	expect_lost("wrong number of descriptors");
	cr_assert_eq(unix_count_fds(), before, "a descriptor leaked");
	close(devnull);
}

Test(chan, descriptors_not_taken_are_closed)
{
	struct fields_GB_ADMIT admit = { .handle = 1, .forwarded = false };
	int before, devnull = open("/dev/null", O_RDWR | O_CLOEXEC);

	say_hello(PROTO_VERSION);
	before = unix_count_fds();
	say(MSG_GB_ADMIT, &admit, &devnull, 1);
	turn();
	cr_assert_eq(admits, 1);
	cr_assert_eq(unix_count_fds(), before);
	close(devnull);
}

Test(chan, more_descriptors_than_anybody_may_send_are_closed)
{
	int fds[FDPASS_MAX], i, before;
	struct iovec iov = { (void *)"\x01\x2e", 2 };

	say_hello(PROTO_VERSION);
	for (i = 0; i < FDPASS_MAX; i++)
		fds[i] = peer;
	before = unix_count_fds();
	cr_assert_eq(fdpass_send(peer, &iov, 1, fds, FDPASS_MAX), 2);
	expect_lost("too many");
	cr_assert_eq(unix_count_fds(), before);
}

Test(chan, a_handler_may_free_its_channel)
{
	struct fields_HANDLE leave = { .handle = 3 };

	say_hello(PROTO_VERSION);
	free_in_handler = true;
	say(MSG_GB_LEAVE, &leave, NULL, 0);
	say(MSG_GB_LEAVE, &leave, NULL, 0);
	turn();
	cr_assert_eq(leaves, 1);
	cr_assert_eq(lost, 0);
}

Test(chan, a_peer_that_does_not_read_is_given_up)
{
	struct fields_HANDLE msg = { .handle = 1 };
	int i, result = 0;

	for (i = 0; i < 2 * CHAN_QUEUE_MAX && result == 0; i++)
		result = chan_send(chan, MSG_BG_ADMITTED, &msg, NULL, 0);
	cr_assert_eq(result, -1);
	expect_lost("does not read");
}

Test(chan, what_waits_is_sent_in_order_once_the_peer_reads)
{
	struct fields_HANDLE msg;
	union proto_any got;
	struct chan_fds fds;
	static uint8_t buf[PROTO_CONTROL_MAX];
	const char *reason;
	uint64_t i;

	for (i = 0; i < 2000; i++) {
		msg = (struct fields_HANDLE){ .handle = i };
		cr_assert_eq(chan_send(chan, MSG_BG_ADMITTED, &msg, NULL, 0),
		    0);
	}
	cr_assert_gt(chan_queued(chan), 0);
	for (i = 0; i < 2000; i++) {
		cr_assert_eq(chan_read_one(peer, ROLE_GATEWAY, ROLE_BROKER,
		    PHASE_UP, 1000, buf, &got, &fds, &reason),
		    MSG_BG_ADMITTED);
		cr_assert_eq(got.HANDLE.handle, i);
		turn();
	}
	cr_assert_eq(chan_queued(chan), 0);
}

Test(chan, sent_descriptors_are_the_channels_even_when_it_has_ended)
{
	struct fields_BG_ATTACHED msg = { .session = span_str("x") };
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	unix_close(&peer);
	turn();
	turn();
	cr_assert_eq(lost, 1);
	cr_assert_eq(chan_send(chan, MSG_BG_ATTACHED, &msg, &fd, 1), -1);
	cr_assert_eq(fcntl(fd, F_GETFD), -1, "it should be closed");
}

Test(chan, read_one_says_why_it_failed)
{
	static uint8_t buf[PROTO_CONTROL_MAX];
	union proto_any got;
	struct chan_fds fds;
	const char *reason;

	cr_assert_eq(chan_read_one(peer, ROLE_GATEWAY, ROLE_BROKER, PHASE_UP,
	    1, buf, &got, &fds, &reason), -1);
	cr_assert_str_eq(reason, "no answer in time");
	chan_free(chan);
	chan = NULL;
	cr_assert_eq(chan_read_one(peer, ROLE_GATEWAY, ROLE_BROKER, PHASE_UP,
	    1000, buf, &got, &fds, &reason), -1);
	cr_assert_str_eq(reason, "closed by the peer");
}

/* To close one could take as long as whoever serves the file likes. */
Test(chan, from_whom_none_is_due_no_descriptor_is_taken)
{
	uint8_t bytes[64] = { 0 };
	struct iovec iov = { bytes, sizeof(bytes) };
	struct chan *runner;
	int pair[2];

	cr_assert_eq(unix_pair(SOCK_SEQPACKET, pair), 0);
	runner = chan_new(base, pair[0], ROLE_BROKER, ROLE_RUNNER, &ops,
	    NULL);
	cr_assert_not_null(runner);
	cr_assert_gt(fdpass_send(pair[1], &iov, 1, &peer, 1), 0);
	expect_lost("packet or descriptors too many");
	chan_free(runner);
	close(pair[1]);
}
