/* SPDX-License-Identifier: ISC */
/* Data links over real socket pairs. */
#include "config.h"

#include <sys/socket.h>

#include <criterion/criterion.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/link.h"
#include "common/unix.h"

#define BIG (3 * 1024 * 1024)

static struct event_base *base;
static struct link *link_;
static int peer;
static int messages, ended, drained;
static size_t bytes_seen;
static uint32_t last_call;
static char why[128];
static bool pause_each, free_in_message;
static unsigned char checksum;

static void
on_message(void *arg, const struct proto_head *head, const uint8_t *payload)
{
	size_t i;

	(void)arg;
	messages++;
	bytes_seen += head->len;
	last_call = head->call;
	for (i = 0; i < head->len; i++)
		checksum = (unsigned char)(checksum * 31 + payload[i]);
	if (head->type == MSG_GR_HELLO)
		link_set_phase(link_, PHASE_UP);
	if (pause_each)
		link_pause(link_);
	if (free_in_message) {
		link_free(link_);
		link_ = NULL;
	}
}

static void
on_drained(void *arg)
{
	(void)arg;
	drained++;
}

static void
on_ended(void *arg, const char *reason)
{
	(void)arg;
	ended++;
	snprintf(why, sizeof(why), "%s", reason == NULL ? "closed" : reason);
}

static const struct link_ops ops = {
	.message = on_message,
	.drained = on_drained,
	.ended = on_ended,
};

static void
setup(void)
{
	int pair[2];

	base = event_base_new();
	cr_assert_eq(unix_pair(SOCK_STREAM, pair), 0);
	peer = pair[1];
	link_ = link_new(base, pair[0], ROLE_RUNNER, ROLE_GATEWAY, &ops, NULL);
	cr_assert_not_null(link_);
}

static void
teardown(void)
{
	link_free(link_);
	unix_close(&peer);
	event_base_free(base);
}

TestSuite(link, .timeout = 30, .init = setup, .fini = teardown);

static void
turn(void)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
}

/* A whole message as the gateway would write it. */
static size_t
frame(uint8_t *out, uint16_t type, uint32_t call, const uint8_t *payload,
    size_t len)
{
	struct proto_head head = { (uint32_t)len, type, 0, call };

	proto_head_put(out, &head);
	if (len > 0)
		memcpy(out + PROTO_HEAD_LEN, payload, len);
	return PROTO_HEAD_LEN + len;
}

static size_t
frame_hello(uint8_t *out)
{
	struct fields_HELLO hello = { .version = 1, .oldest = 1 };
	struct writer w;
	size_t len;

	writer_init(&w, 256);
	proto_encode(&w, MSG_GR_HELLO, &hello);
	len = frame(out, MSG_GR_HELLO, 0, w.p, w.len);
	writer_clear(&w);
	return len;
}

/* Write in pieces as the socket takes them, giving the loop its turns. */
static void
feed(const uint8_t *bytes, size_t len, size_t piece)
{
	size_t done = 0, want;
	ssize_t n;

	while (done < len) {
		want = len - done < piece ? len - done : piece;
		n = write(peer, bytes + done, want);
		if (n > 0)
			done += (size_t)n;
		turn();
		cr_assert_eq(ended, 0, "%s", why);
	}
	turn();
}

static unsigned char
sum_of(const uint8_t *p, size_t len, unsigned char sum)
{
	size_t i;

	for (i = 0; i < len; i++)
		sum = (unsigned char)(sum * 31 + p[i]);
	return sum;
}

/* Many messages, cut at every size of piece, arrive whole and in order. */
Test(link, messages_survive_any_cut)
{
	static const size_t pieces[] = { 1, 3, 11, 12, 13, 100, 4096, 70000 };
	static uint8_t stream[60000];
	size_t p, i, len, at;
	unsigned char want;
	uint8_t payload[700];

	for (i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(i * 13);
	feed(stream, frame_hello(stream), 4096);
	for (p = 0; p < sizeof(pieces) / sizeof(pieces[0]); p++) {
		messages = 0;
		checksum = want = 0;
		for (at = 0, i = 0; i < 60; i++) {
			len = i * 11 % sizeof(payload);
			want = sum_of(payload, len, want);
			at += frame(stream + at, MSG_GR_WRITE, (uint32_t)i,
			    payload, len);
		}
		feed(stream, at, pieces[p]);
		cr_assert_eq(messages, 60, "pieces of %zu", pieces[p]);
		cr_assert_eq(checksum, want);
		cr_assert_eq(last_call, 59);
	}
}

Test(link, a_big_message_arrives_in_one_piece)
{
	uint8_t *payload = malloc(BIG), *stream = malloc(BIG + 64);
	size_t i, at;

	for (i = 0; i < BIG; i++)
		payload[i] = (uint8_t)(i ^ (i >> 9));
	at = frame_hello(stream);
	feed(stream, at, at);
	checksum = 0;
	at = frame(stream, MSG_GR_WRITE, 1, payload, BIG);
	feed(stream, at, 100001);
	cr_assert_eq(messages, 2);
	cr_assert_eq(checksum, sum_of(payload, BIG, 0));
	free(payload);
	free(stream);
}

static void
expect_end(const char *part)
{
	turn();
	turn();
	cr_assert_eq(ended, 1);
	cr_assert_not_null(strstr(why, part), "ended because: %s", why);
}

Test(link, a_request_before_hello_ends_it)
{
	uint8_t stream[64];
	size_t len = frame(stream, MSG_GR_READ, 1, NULL, 0);

	cr_assert_eq(write(peer, stream, len), (ssize_t)len);
	expect_end("GR_READ: not now");
	cr_assert_eq(messages, 0);
}

Test(link, a_length_beyond_the_table_ends_it_before_it_comes)
{
	struct proto_head head = { 16385, MSG_GR_READ, 0, 1 };
	uint8_t stream[64];
	size_t len = frame_hello(stream);

	proto_head_put(stream + len, &head);
	len += PROTO_HEAD_LEN;
	cr_assert_eq(write(peer, stream, len), (ssize_t)len);
	expect_end("GR_READ: too long");
}

Test(link, a_second_hello_ends_it)
{
	uint8_t stream[128];
	size_t len = frame_hello(stream);

	len += frame_hello(stream + len);
	cr_assert_eq(write(peer, stream, len), (ssize_t)len);
	expect_end("GR_HELLO");
	cr_assert_eq(messages, 1);
}

Test(link, whole_messages_before_the_end_are_delivered)
{
	uint8_t stream[256];
	size_t len = frame_hello(stream);

	len += frame(stream + len, MSG_GR_READ, 1, NULL, 0);
	len += frame(stream + len, MSG_GR_READ, 2, NULL, 0);
	cr_assert_eq(write(peer, stream, len - 1), (ssize_t)len - 1);
	unix_close(&peer);
	expect_end("closed");
	cr_assert_eq(messages, 2, "the cut one must not be delivered");
}

Test(link, pause_holds_back_and_resume_goes_on)
{
	uint8_t stream[1024];
	size_t len = frame_hello(stream);
	int i;

	for (i = 0; i < 5; i++)
		len += frame(stream + len, MSG_GR_READ, 1, NULL, 0);
	pause_each = true;
	cr_assert_eq(write(peer, stream, len), (ssize_t)len);
	for (i = 1; i <= 6; i++) {
		turn();
		turn();
		cr_assert_eq(messages, i);
		link_resume(link_);
	}
}

static void
send_output(size_t len, uint64_t seq)
{
	static uint8_t data[PROTO_CHUNK_MAX];
	struct fields_RG_OUTPUT out = {
		.process_id = span_str("p"),
		.seq = seq,
		.stream = STREAM_STDOUT,
		.data = { data, len },
	};

	cr_assert_eq(link_send(link_, MSG_RG_OUTPUT, 0, &out), 0);
}

/* What comes behind the message under way is left to who has a duplicate. */
Test(link, halted_between_two_messages)
{
	uint8_t stream[1024];
	size_t len = frame_hello(stream), half;
	int copy, i;

	half = len + 5;
	len += frame(stream + len, MSG_GR_READ, 1, NULL, 0);
	cr_assert_eq(write(peer, stream, half), (ssize_t)half);
	for (i = 0; i < 5; i++)
		turn();
	cr_assert_eq(messages, 1);
	link_halt(link_);
	turn();
	cr_assert_not(link_halted(link_));
	len += frame(stream + len, MSG_GR_READ, 2, NULL, 0);
	cr_assert_eq(write(peer, stream + half, len - half),
	    (ssize_t)(len - half));
	for (i = 0; i < 5; i++)
		turn();
	cr_assert_eq(messages, 2);
	cr_assert(link_halted(link_));
	copy = link_dup(link_);
	cr_assert_eq(recv(copy, stream, sizeof(stream), MSG_DONTWAIT),
	    PROTO_HEAD_LEN);
	close(copy);
}

Test(link, the_end_is_noticed_while_paused)
{
	uint8_t stream[64];
	size_t len = frame_hello(stream);

	pause_each = true;
	cr_assert_eq(write(peer, stream, len), (ssize_t)len);
	turn();
	cr_assert_eq(messages, 1);
	unix_close(&peer);
	while (ended == 0)
		event_base_loop(base, EVLOOP_ONCE);
}

/* A peer that dies with unread bytes resets the connection. */
Test(link, a_reset_is_noticed_while_paused)
{
	uint8_t stream[64];
	size_t len = frame_hello(stream);
	int turns = 0;

	pause_each = true;
	cr_assert_eq(write(peer, stream, len), (ssize_t)len);
	turn();
	cr_assert_eq(messages, 1);
	send_output(100, 1);
	turn();
	unix_close(&peer);
	for (; ended == 0; turns++)
		event_base_loop(base, EVLOOP_ONCE);
	cr_assert_lt(turns, 100, "the loop spins: %d turns", turns);
}

Test(link, it_may_be_freed_in_message)
{
	uint8_t stream[256];
	size_t len = frame_hello(stream);

	len += frame(stream + len, MSG_GR_READ, 1, NULL, 0);
	free_in_message = true;
	cr_assert_eq(write(peer, stream, len), (ssize_t)len);
	turn();
	cr_assert_eq(messages, 1);
	cr_assert_eq(ended, 0);
}

static size_t
drink(void)
{
	static uint8_t sink[1 << 20];
	size_t total = 0;
	ssize_t n;

	while ((n = read(peer, sink, sizeof(sink))) > 0)
		total += (size_t)n;
	return total;
}

Test(link, nothing_is_written_before_the_turn_ends)
{
	send_output(10, 1);
	send_output(10, 2);
	cr_assert_eq(link_peek(peer), 0);
	turn();
	cr_assert_eq(link_peek(peer), 1);
	cr_assert_eq(link_queued(link_), 0);
}

Test(link, drained_is_told_once_below_the_low_mark)
{
	size_t total = 0, sent;
	int i;

	for (i = 0; i < 20; i++)
		send_output(PROTO_CHUNK_MAX, (uint64_t)i);
	sent = link_queued(link_);
	turn();
	cr_assert_gt(link_queued(link_), 0);
	cr_assert_eq(drained, 0);
	while (total < sent) {
		total += drink();
		turn();
	}
	cr_assert_eq(total, sent);
	turn();
	cr_assert_eq(drained, 1);
}

Test(link, output_sent_now_keeps_its_place_behind_what_waits)
{
	struct iovec iov = { (void *)"", 0 };
	uint8_t bytes[256];
	struct proto_head head;
	ssize_t n;

	send_output(1, 1);
	cr_assert_eq(link_sendv_now(link_, MSG_RG_BULK_PART, 9, &iov, 1), 0);
	n = read(peer, bytes, sizeof(bytes));
	cr_assert_gt(n, 2 * PROTO_HEAD_LEN);
	proto_head_get(bytes, &head);
	cr_assert_eq(head.type, MSG_RG_OUTPUT);
	proto_head_get(bytes + PROTO_HEAD_LEN + head.len, &head);
	cr_assert_eq(head.type, MSG_RG_BULK_PART);
	cr_assert_eq(head.call, 9);
}

Test(link, sending_to_a_closed_peer_is_an_end_not_a_signal)
{
	signal(SIGPIPE, SIG_IGN);
	unix_close(&peer);
	send_output(1, 1);
	expect_end("closed");
}

Test(link, peek_tells_bytes_nothing_and_the_end)
{
	int pair[2];

	cr_assert_eq(unix_pair(SOCK_STREAM, pair), 0);
	cr_assert_eq(link_peek(pair[0]), 0);
	cr_assert_eq(write(pair[1], "x", 1), 1);
	cr_assert_eq(link_peek(pair[0]), 1);
	unix_close(&pair[1]);
	cr_assert_eq(link_peek(pair[0]), 1);
	cr_assert_eq(read(pair[0], why, 1), 1);
	cr_assert_eq(link_peek(pair[0]), -1);
	unix_close(&pair[0]);
}
