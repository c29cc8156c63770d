/* SPDX-License-Identifier: ISC */
/*
 * From a runner to a client: credit, answers before output, fragmented
 * answers, and runners that break the rules.
 */
#include "config.h"

#include <sys/socket.h>

#include <criterion/criterion.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/rig.h"

TestSuite(relay, .timeout = 60);

static struct rig rig;
static struct rig_client client;
static struct rig_frame frame;

#define TERMINATE "{\"id\":9,\"method\":\"process/terminate\"," \
	"\"params\":{\"processId\":\"p\"}}"
#define READ "{\"id\":5,\"method\":\"process/read\"," \
	"\"params\":{\"processId\":\"p\"}}"
#define STATUS "{\"id\":4,\"method\":\"environment/status\"}"

/* A session whose runner has been asked "call" and has not answered. */
static void
setup_call(const char *call)
{
	rig_init(&rig);
	rig_session(&rig, &client);
	rig_send_text(&client, call);
	RIG_UNTIL(&rig, link_peek(rig.data) == 1);
	rig_run(&rig);
	RIG_UNTIL(&rig, rig.ncalls == 1);
}

static void
teardown(void)
{
	rig_client_clear(&client);
	rig_clear(&rig);
}

/* The first byte starts a runner: none goes out before there is a call. */
Test(relay, nothing_before_the_first_call)
{
	rig_init(&rig);
	rig_session(&rig, &client);
	rig_send_text(&client, STATUS);
	rig_expect_text(&client, "ready");
	cr_assert_eq(link_peek(rig.data), 0);
	rig_send_text(&client, TERMINATE);
	RIG_UNTIL(&rig, link_peek(rig.data) == 1);
	rig_run(&rig);
	RIG_UNTIL(&rig, rig.ncalls == 1);
	cr_assert_eq(rig.hellos, 1);
	cr_assert_eq(rig.calls[0].type, MSG_GR_TERMINATE);
	cr_assert_eq(rig.calls[0].id, 9);
	cr_assert_str_eq(rig.calls[0].process, "p");
	teardown();
}

/* A runner that was there before needs no call to be heard. */
Test(relay, output_without_a_call)
{
	rig_init(&rig);
	rig_session(&rig, &client);
	rig_run(&rig);
	rig_output(&rig, 1, 3);
	rig_expect_text(&client, "\"chunk\":\"AAAA\"");
	RIG_UNTIL(&rig, rig.acked == 3 + PROTO_EVENT_COST);
	cr_assert_eq(rig.hellos, 1);
	teardown();
}

Test(relay, answers)
{
	struct fields_RG_RESULT result = {
		.has_id_int = true,
		.id_int = 9,
		.method = MSG_GR_TERMINATE,
		.has_running = true,
		.running = true,
	};

	setup_call(TERMINATE);
	link_send(rig.runner, MSG_RG_RESULT, rig.calls[0].call, &result);
	rig_expect_text(&client, "{\"id\":9,\"result\":{\"running\":true}}");
	rig_send_text(&client, TERMINATE);
	RIG_UNTIL(&rig, rig.ncalls == 2);
	link_send(rig.runner, MSG_RG_ERROR, rig.calls[1].call,
	    &(struct fields_RG_ERROR){ .has_id_int = true, .id_int = 9,
	    .method = MSG_GR_TERMINATE, .error_code = -32603,
	    .error_text = span_str("bad \"\xff\" luck") });
	rig_expect_text(&client, "\"code\":-32603,\"message\":"
	    "\"bad \\\"\xef\xbf\xbd\\\" luck\"");
	teardown();
}

/* Without exit code and failure, process/read has them all the same. */
Test(relay, absent_members_are_null)
{
	struct fields_RG_RESULT result = {
		.has_id_int = true,
		.id_int = 5,
		.method = MSG_GR_READ,
		.has_next_seq = true,
		.next_seq = 1,
		.has_exited = true,
		.has_closed = true,
	};

	setup_call(READ);
	link_send(rig.runner, MSG_RG_RESULT, rig.calls[0].call, &result);
	rig_expect_text(&client, "{\"id\":5,\"result\":{\"chunks\":[],"
	    "\"nextSeq\":1,\"exited\":false,\"exitCode\":null,"
	    "\"closed\":false,\"failure\":null,\"sandboxDenied\":false}}");
	teardown();
}

/* Fill the window; the client reads nothing. */
static uint64_t
fill_window(void)
{
	uint64_t cost = 0, seq = 1;

	while (cost < PROTO_WINDOW)
		cost += rig_output(&rig, seq++, PROTO_CHUNK_MAX);
	RIG_UNTIL(&rig, link_queued(rig.runner) == 0);
	return cost;
}

/*
 * Credit comes back only for what has left for the client; in the end all of
 * it does.
 */
Test(relay, credit)
{
	uint64_t cost = 0, seq = 1, end;
	int stalled = 0;

	setup_call(TERMINATE);
	/* The kernel's buffers take some; then it stands still. */
	for (end = rig_deadline(); stalled < 50;) {
		cr_assert(rig_before(end));
		if (cost - rig.acked < PROTO_WINDOW) {
			cost += rig_output(&rig, seq++, PROTO_CHUNK_MAX);
			stalled = 0;
		}
		rig_turn(&rig);
		stalled++;
	}
	cr_assert_lt(cost, 4 * PROTO_WINDOW, "nothing held it back");
	cr_assert_lt(rig.acked, cost);
	RIG_UNTIL(&rig, (rig_take_frame(&client, &frame),
	    rig.acked == cost));
	teardown();
}

static bool
is_answer(const struct rig_frame *f)
{
	return strstr(f->text, "\"id\"") != NULL;
}

/* Let the kernel hold little, so that output waits in the gateway. */
static void
narrow(void)
{
	int size = 4096;

	setsockopt(TAILQ_FIRST(&rig.gw.conns)->fd, SOL_SOCKET, SO_SNDBUF,
	    &size, sizeof(size));
}

/* A client that drains nothing is heard, and answered before its output. */
Test(relay, answers_before_output)
{
	int before = 0, after = 0;
	bool answered = false;

	setup_call(READ);
	narrow();
	fill_window();
	rig_send_text(&client, TERMINATE);
	rig_send_text(&client, STATUS);
	RIG_UNTIL(&rig, rig.ncalls == 2);
	while (before + after < 8) {
		RIG_UNTIL(&rig, rig_take_frame(&client, &frame));
		if (is_answer(&frame))
			answered = true;
		else if (answered)
			after++;
		else
			before++;
	}
	cr_assert(answered);
	cr_assert_gt(after, 0, "all output came before the answer");
	teardown();
}

static void
bulk(uint16_t type)
{
	struct fields_RG_RESULT m = {
		.has_id_int = true,
		.id_int = 5,
		.method = MSG_GR_READ,
		.has_next_seq = true,
		.next_seq = 12,
		.has_exited = true,
		.exited = true,
		.has_exit_code = true,
		.exit_code = -3,
		.has_closed = true,
	};

	link_send(rig.runner, type, rig.calls[0].call, &m);
}

static uint64_t
bulk_part(uint64_t seq, size_t count)
{
	static uint8_t bytes[1000];
	struct proto_chunk chunk = { .stream = STREAM_STDERR,
		.data = { bytes, sizeof(bytes) } };
	struct fields_RG_BULK_PART m = { .has_chunks = true };
	struct writer w;
	size_t i;

	writer_init(&w, PROTO_EVENT_MAX);
	for (i = 0; i < count; i++) {
		chunk.seq = seq + i;
		proto_chunk_add(&w, &chunk);
	}
	m.chunks = (struct span){ w.p, w.len };
	link_send(rig.runner, MSG_RG_BULK_PART, rig.calls[0].call, &m);
	writer_clear(&w);
	return PROTO_EVENT_COST + count * sizeof(bytes);
}

/* Take frames up to the end of a fragmented message; counts its pieces. */
static int
gather(char *text, size_t size, int *pongs)
{
	size_t len = 0;
	int pieces = 0;

	do {
		RIG_UNTIL(&rig, rig_take_frame(&client, &frame));
		if (frame.opcode == WS_PONG) {
			(*pongs)++;
			continue;
		}
		cr_assert_eq(frame.opcode, pieces == 0 ? WS_TEXT :
		    WS_CONTINUATION);
		cr_assert_lt(len + frame.len, size);
		memcpy(text + len, frame.text, frame.len);
		len += frame.len;
		pieces++;
	} while (!frame.fin || frame.opcode == WS_PONG);
	text[len] = '\0';
	return pieces;
}

/* Control frames may stand in the middle of it, everything else waits. */
Test(relay, fragmented_answer)
{
	static char text[65536];
	struct json_object *root, *result, *chunks;
	uint64_t cost = 0;
	int pongs = 0;

	setup_call(READ);
	bulk(MSG_RG_BULK_BEGIN);
	cost += bulk_part(1, 3);
	RIG_UNTIL(&rig, link_queued(rig.runner) == 0);
	rig_send_text(&client, STATUS);
	rig_send_frame(&client, WS_PING, "x", 1);
	rig_send_text(&client, TERMINATE);
	RIG_UNTIL(&rig, rig.ncalls == 2);
	cost += rig_output(&rig, 40, 5);
	cost += bulk_part(4, 7);
	bulk(MSG_RG_BULK_END);
	cr_assert_eq(gather(text, sizeof(text), &pongs), 4);
	cr_assert_eq(pongs, 1);
	root = json_tokener_parse(text);
	cr_assert_not_null(root, "%s", text);
	result = json_object_object_get(root, "result");
	chunks = json_object_object_get(result, "chunks");
	cr_assert_eq(json_object_array_length(chunks), 10);
	cr_assert_eq(json_object_get_int(json_object_object_get(
	    json_object_array_get_idx(chunks, 9), "seq")), 10);
	cr_assert_eq(json_object_get_int(json_object_object_get(result,
	    "exitCode")), -3);
	json_object_put(root);
	rig_expect_text(&client, "ready");
	rig_expect_text(&client, "\"seq\":40");
	RIG_UNTIL(&rig, rig.acked == cost);
	teardown();
}

/* What cannot be finished ends the connection: nothing else would tell. */
Test(relay, broken_answer)
{
	struct fields_RG_ERROR m = { .has_id_int = true, .id_int = 5,
		.method = MSG_GR_READ, .error_code = -32603,
		.error_text = span_str("gone") };

	setup_call(READ);
	bulk(MSG_RG_BULK_BEGIN);
	bulk_part(1, 60);
	bulk_part(61, 60);
	link_send(rig.runner, MSG_RG_ERROR, rig.calls[0].call, &m);
	rig_expect_close(&client, WS_CODE_INTERNAL);
	RIG_UNTIL(&rig, rig.runner_ended && rig.seen.detaches == 1);
	teardown();
}

/* An answer with output that had to wait is acknowledged like the others. */
Test(relay, held_answer_with_chunks)
{
	struct proto_chunk chunk = { .seq = 3, .data = span_str("abc") };
	struct fields_RG_RESULT m = {
		.has_id_int = true,
		.id_int = 6,
		.method = MSG_GR_READ,
		.has_next_seq = true,
		.has_exited = true,
		.has_closed = true,
		.has_chunks = true,
	};
	struct writer w;
	uint64_t cost = 3 + PROTO_EVENT_COST;
	static char text[65536];
	int pongs = 0;

	setup_call(READ);
	rig_send_text(&client, READ);
	RIG_UNTIL(&rig, rig.ncalls == 2);
	writer_init(&w, 1000);
	proto_chunk_add(&w, &chunk);
	m.chunks = (struct span){ w.p, w.len };
	bulk(MSG_RG_BULK_BEGIN);
	link_send(rig.runner, MSG_RG_RESULT, rig.calls[1].call, &m);
	cost += bulk_part(1, 1);
	bulk(MSG_RG_BULK_END);
	gather(text, sizeof(text), &pongs);
	rig_expect_text(&client, "{\"id\":6,");
	RIG_UNTIL(&rig, rig.acked == cost);
	writer_clear(&w);
	teardown();
}

static void
hostile_stream(void)
{
	struct fields_RG_OUTPUT m = { .process_id = span_str("p"), .seq = 1,
		.stream = PROTO_STREAM_COUNT, .data = span_str("x") };

	link_send(rig.runner, MSG_RG_OUTPUT, 0, &m);
}

static void
hostile_window(void)
{
	uint64_t seq;

	for (seq = 1; seq < 40; seq++)
		rig_output(&rig, seq, PROTO_CHUNK_MAX);
}

static void
hostile_part(void)
{
	bulk_part(1, 1);
}

static void
hostile_second_bulk(void)
{
	bulk(MSG_RG_BULK_BEGIN);
	bulk(MSG_RG_BULK_BEGIN);
}

static void
hostile_result(uint32_t method, bool id, bool running)
{
	struct fields_RG_RESULT m = { .has_id_int = id, .id_int = 5,
		.method = method, .has_running = running };

	link_send(rig.runner, MSG_RG_RESULT, 1, &m);
}

static void
hostile_method(void)
{
	hostile_result(MSG_RG_OUTPUT, true, true);
}

static void
hostile_no_id(void)
{
	hostile_result(MSG_GR_TERMINATE, false, true);
}

static void
hostile_no_members(void)
{
	hostile_result(MSG_GR_TERMINATE, true, false);
}

static void
hostile_unasked(void)
{
	hostile_result(MSG_GR_TERMINATE, true, true);
	hostile_result(MSG_GR_TERMINATE, true, true);
}

static void
hostile_word(void)
{
	struct fields_RG_RESULT m = { .has_id_int = true, .id_int = 5,
		.method = MSG_GR_WRITE, .has_write_status = true,
		.write_status = 99 };

	link_send(rig.runner, MSG_RG_RESULT, 1, &m);
}

static void
hostile_code(void)
{
	struct fields_RG_ERROR m = { .has_id_int = true, .id_int = 5,
		.method = MSG_GR_READ, .error_code = 1,
		.error_text = span_str("x") };

	link_send(rig.runner, MSG_RG_ERROR, 1, &m);
}

static void
hostile_bytes(void)
{
	static uint8_t bytes[] = { 0, TAG_SEQ, 0, 0, 0 };
	struct iovec iov = { bytes, sizeof(bytes) };

	link_sendv(rig.runner, MSG_RG_CLOSED, 0, &iov, 1);
}

static void
hostile_hello(void)
{
	struct fields_HELLO hello = { .version = 1, .oldest = 1 };

	link_send(rig.runner, MSG_RG_HELLO, 0, &hello);
}

static void (*const hostile[])(void) = {
	hostile_stream, hostile_window, hostile_part, hostile_second_bulk,
	hostile_method, hostile_no_id, hostile_no_members, hostile_unasked,
	hostile_word, hostile_code, hostile_bytes, hostile_hello,
};

/* Each ends that one attachment, and the client next to it goes on. */
Test(relay, hostile_runner)
{
	struct rig_client other;
	size_t i;
	int kept;

	for (i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		rig_init(&rig);
		rig_session(&rig, &other);
		kept = rig.data;
		rig.data = -1;
		rig_session(&rig, &client);
		rig_send_text(&client, READ);
		rig_run(&rig);
		RIG_UNTIL(&rig, rig.ncalls == 1);
		hostile[i]();
		RIG_UNTIL(&rig, rig.runner_ended && rig.seen.detaches == 1 &&
		    rig.seen.leaves == 1);
		rig_expect_close(&client, WS_CODE_INTERNAL);
		rig_send_text(&other, STATUS);
		rig_expect_text(&other, "ready");
		rig_client_clear(&other);
		close(kept);
		teardown();
	}
}

/* What had come when the runner went is still delivered. */
Test(relay, runner_ends)
{
	int i, seen = 0;

	setup_call(READ);
	for (i = 1; i <= 8; i++)
		rig_output(&rig, (uint64_t)i, 60000);
	RIG_UNTIL(&rig, link_queued(rig.runner) == 0);
	link_free(rig.runner);
	rig.runner = NULL;
	do {
		RIG_UNTIL(&rig, rig_take_frame(&client, &frame));
		seen += frame.opcode == WS_TEXT;
	} while (frame.opcode != WS_CLOSE);
	cr_assert_eq(seen, 8);
	teardown();
}

Test(relay, client_goes)
{
	setup_call(READ);
	rig_client_clear(&client);
	RIG_UNTIL(&rig, rig.runner_ended);
	RIG_UNTIL(&rig, rig.seen.detaches == 1 && rig.seen.leaves == 1);
	cr_assert_eq(rig.gw.nconns, 0);
	rig_clear(&rig);
}

static void
send_write(size_t bytes)
{
	static const char head[] = "{\"id\":3,\"method\":\"process/write\","
	    "\"params\":{\"processId\":\"p\",\"writeId\":\"w\",\"chunk\":\"";
	static const char tail[] = "\"}}";
	static char text[1024 * 1024];
	size_t len = sizeof(head) - 1, chars = bytes / 3 * 4;

	memcpy(text, head, len);
	memset(text + len, 'A', chars);
	memcpy(text + len + chars, tail, sizeof(tail) - 1);
	rig_send_frame(&client, WS_TEXT, text,
	    len + chars + sizeof(tail) - 1);
}

/*
 * Calls that the runner does not read are bounded, by not reading the client;
 * when it reads again, all arrive.
 */
Test(relay, runner_does_not_read)
{
	struct conn *c;
	size_t most = 0, i;

	rig_init(&rig);
	rig_session(&rig, &client);
	c = TAILQ_FIRST(&rig.gw.conns);
	for (i = 0; i < 4; i++)
		send_write(300000);
	RIG_UNTIL(&rig, !c->reading);
	cr_assert(relay_clogged(c->relay));
	rig_run(&rig);
	RIG_UNTIL(&rig, rig.ncalls == 4 && c->reading);
	for (i = 0; i < 4; i++)
		most += rig.calls[i].data;
	cr_assert_eq(most, 4 * 300000);
	teardown();
}
