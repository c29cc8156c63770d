/* SPDX-License-Identifier: ISC */
/*
 * A client's way in and out, with the broker in every mood: admission,
 * attaching, a broker that is lost and comes back, probes and endings.
 */
#include "config.h"

#include <sys/resource.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <criterion/criterion.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/rig.h"

TestSuite(upstream, .timeout = 60);

static struct rig rig;
static struct rig_client client;

#define INITIALIZE "{\"id\":1,\"method\":\"initialize\",\"params\":" \
	"{\"clientName\":\"test\"}}"
#define RESUME "{\"id\":1,\"method\":\"initialize\",\"params\":" \
	"{\"clientName\":\"test\",\"resumeSessionId\":\"abc\"}}"
#define INITIALIZED "{\"method\":\"initialized\",\"params\":{}}"
#define STATUS "{\"id\":4,\"method\":\"environment/status\"}"
#define TERMINATE "{\"id\":9,\"method\":\"process/terminate\"," \
	"\"params\":{\"processId\":\"p\"}}"

static void
teardown(void)
{
	rig_client_clear(&client);
	rig_clear(&rig);
}

static int
http_status(void)
{
	int status;

	RIG_UNTIL(&rig, (status = rig_take_http(&client)) != 0);
	return status;
}

/* The listener hands these down to what is accepted. */
Test(upstream, socket_options)
{
	int value;
	socklen_t len = sizeof(value);
	struct conn *c;

	rig_init(&rig);
	rig_upgrade(&rig, &client);
	c = TAILQ_FIRST(&rig.gw.conns);
	cr_assert_eq(getsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &value,
	    &len), 0);
	cr_assert_neq(value, 0);
	cr_assert_eq(getsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, &value, &len),
	    0);
	cr_assert_leq(value, 1024 * 1024);
	teardown();
}

Test(upstream, what_the_broker_is_told)
{
	rig_init(&rig);
	rig_connect(&rig, &client);
	rig_send_upgrade(&client, "Via: 1.1 proxy\r\n"
	    "Authorization: bearer  secret \r\n");
	cr_assert_eq(http_status(), 101);
	cr_assert(rig.seen.forwarded);
	cr_assert_str_eq(rig.seen.token, "bearer  secret");
	rig_send_text(&client, RESUME);
	rig_expect_text(&client, "sessionId");
	cr_assert_str_eq(rig.seen.resume, "abc");
	teardown();
}

Test(upstream, refused)
{
	static const struct { uint32_t said; int status; } cases[] = {
		{ 401, 401 }, { 403, 403 }, { 503, 503 }, { 200, 503 },
		{ 99999, 503 },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig_init(&rig);
		rig.refuse = cases[i].said;
		rig_connect(&rig, &client);
		rig_send_upgrade(&client, "");
		cr_assert_eq(http_status(), cases[i].status);
		RIG_UNTIL(&rig, (rig_read(&client), client.eof));
		cr_assert_not_null(memmem(client.in, client.len,
		    "refused by test", 15));
		teardown();
	}
}

Test(upstream, ready_while_there_is_a_broker)
{
	static const char get[] = "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n";

	rig_init(&rig);
	RIG_UNTIL(&rig, rig.seen.hellos == 1 &&
	    upstream_ready(rig.gw.upstream));
	rig_connect(&rig, &client);
	rig_send(&client, get, sizeof(get) - 1);
	cr_assert_eq(http_status(), 200);
	rig_client_clear(&client);
	chan_free(rig.broker);
	rig.broker = NULL;
	RIG_UNTIL(&rig, !upstream_ready(rig.gw.upstream));
	rig_connect(&rig, &client);
	rig_send(&client, get, sizeof(get) - 1);
	cr_assert_eq(http_status(), 503);
	teardown();
}

/* A head may come byte by byte, frames may come with it. */
Test(upstream, bytes_as_they_come)
{
	static const char head[] = "GET / HTTP/1.1\r\nHost: x\r\n"
	    "Connection: Upgrade\r\nUpgrade: websocket\r\n"
	    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	    "Sec-WebSocket-Version: 13\r\n\r\n";
	static const char frame[] = "\x81\x9c\0\0\0\0"
	    "{\"id\":11,\"method\":\"no/such\"}";
	char all[sizeof(head) + sizeof(frame)];
	size_t i;

	rig_init(&rig);
	rig_connect(&rig, &client);
	for (i = 0; i < sizeof(head) - 2; i++) {
		rig_send(&client, head + i, 1);
		rig_turn(&rig);
	}
	memcpy(all, head + sizeof(head) - 2, 1);
	memcpy(all + 1, frame, sizeof(frame) - 1);
	rig_send(&client, all, sizeof(frame));
	cr_assert_eq(http_status(), 101);
	rig_expect_text(&client, "\"id\":11");
	teardown();
}

/* What follows initialize waits for its answer, and comes in order. */
Test(upstream, pipelined_handshake)
{
	rig_init(&rig);
	rig.deaf = true;
	rig_connect(&rig, &client);
	rig_send_upgrade(&client, "");
	rig_send_text(&client, INITIALIZE);
	rig_send_text(&client, INITIALIZED);
	rig_send_text(&client, STATUS);
	rig_send_text(&client, TERMINATE);
	RIG_UNTIL(&rig, rig.seen.admits == 1);
	rig.deaf = false;
	rig_broker(&rig);
	cr_assert_eq(http_status(), 101);
	rig_expect_text(&client, "\"id\":1,");
	rig_expect_text(&client, "ready");
	RIG_UNTIL(&rig, link_peek(rig.data) == 1);
	rig_run(&rig);
	RIG_UNTIL(&rig, rig.ncalls == 1);
	teardown();
}

/* Asked again on a new channel: admitted first, then the same attach. */
Test(upstream, broker_lost_while_attaching)
{
	uint8_t nonce[PROTO_NONCE_LEN];

	rig_init(&rig);
	rig_upgrade(&rig, &client);
	rig.deaf = true;
	rig_send_text(&client, INITIALIZE);
	RIG_UNTIL(&rig, rig.seen.attaches == 1);
	memcpy(nonce, rig.seen.nonce, sizeof(nonce));
	rig.deaf = false;
	rig_broker(&rig);
	rig_expect_text(&client, "sessionId");
	cr_assert_eq(rig.seen.admits, 2);
	cr_assert_eq(rig.seen.attaches, 2);
	cr_assert_arr_eq(rig.seen.nonce, nonce, sizeof(nonce));
	teardown();
}

Test(upstream, broker_lost_between)
{
	rig_init(&rig);
	rig_upgrade(&rig, &client);
	chan_free(rig.broker);
	rig.broker = NULL;
	RIG_UNTIL(&rig, !upstream_ready(rig.gw.upstream));
	rig_send_text(&client, INITIALIZE);
	RIG_UNTIL(&rig, TAILQ_FIRST(&rig.gw.conns)->state == CONN_ATTACHING);
	rig_broker(&rig);
	rig_expect_text(&client, "sessionId");
	cr_assert_eq(rig.seen.admits, 2);
	cr_assert_eq(rig.seen.attaches, 1);
	teardown();
}

/* Who has a session does not notice. */
Test(upstream, broker_lost_when_attached)
{
	rig_init(&rig);
	rig_session(&rig, &client);
	rig_run(&rig);
	chan_free(rig.broker);
	rig.broker = NULL;
	RIG_UNTIL(&rig, !upstream_ready(rig.gw.upstream));
	rig_send_text(&client, STATUS);
	rig_expect_text(&client, "ready");
	rig_output(&rig, 1, 3);
	rig_expect_text(&client, "AAAA");
	rig_send_text(&client, TERMINATE);
	RIG_UNTIL(&rig, rig.ncalls == 1);
	teardown();
}

/* A new broker hears of who was there before it. */
Test(upstream, what_was_there_is_announced)
{
	rig_init(&rig);
	rig_session(&rig, &client);
	rig_run(&rig);
	rig_broker(&rig);
	RIG_UNTIL(&rig, rig.seen.holds == 1);
	cr_assert_eq(rig.seen.admits, 2);
	cr_assert_eq(rig.seen.handle, TAILQ_FIRST(&rig.gw.conns)->handle);
	rig_send_text(&client, STATUS);
	rig_expect_text(&client, "ready");
	teardown();
}

/* It does not let one in any more who was in. */
Test(upstream, what_was_there_is_refused)
{
	rig_init(&rig);
	rig_session(&rig, &client);
	rig.refuse = 403;
	rig_broker(&rig);
	rig_expect_close(&client, WS_CODE_POLICY);
	cr_assert_eq(rig.seen.holds, 0);
	teardown();
}

static const struct {
	uint32_t reason;
	const char *part;
} failures[] = {
	{ ATTACH_UNKNOWN_SESSION, "{\"code\":-32600,\"message\":"
	    "\"unknown session id abc\"}" },
	{ ATTACH_ELSEWHERE, "{\"code\":-32010,\"message\":"
	    "\"session abc is already attached to another connection\"}" },
	{ ATTACH_LIMIT, "\"code\":-32603" },
	{ ATTACH_INTERNAL, "\"code\":-32603" },
	{ 4711, "\"code\":-32603" },
};

/* A failed initialize does not count: the next may succeed. */
Test(upstream, attach_fails)
{
	size_t i;

	rig_init(&rig);
	rig_upgrade(&rig, &client);
	for (i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		rig.fail = failures[i].reason;
		rig_send_text(&client, RESUME);
		rig_expect_text(&client, failures[i].part);
	}
	rig.fail = 0;
	rig_send_text(&client, INITIALIZE);
	rig_expect_text(&client, "sessionId");
	rig_send_text(&client, INITIALIZE);
	rig_expect_text(&client, "once per connection");
	teardown();
}

Test(upstream, stopping_broker)
{
	rig_init(&rig);
	rig_upgrade(&rig, &client);
	rig.fail = ATTACH_STOPPING;
	rig_send_text(&client, INITIALIZE);
	rig_expect_close(&client, WS_CODE_RESTART);
	teardown();
}

/* The answer to one who has gone is given back. */
Test(upstream, attached_too_late)
{
	struct fields_BG_ATTACHED late = {
		.session = span_str(RIG_SESSION "7"),
		.generation = 3,
		.shell_name = span_str("sh"),
	};
	int pair[2];

	rig_init(&rig);
	rig_upgrade(&rig, &client);
	rig.deaf = true;
	rig_send_text(&client, INITIALIZE);
	RIG_UNTIL(&rig, rig.seen.attaches == 1);
	rig_client_clear(&client);
	RIG_UNTIL(&rig, rig.seen.leaves == 1);
	late.handle = rig.seen.handle;
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	chan_send(rig.broker, MSG_BG_ATTACHED, &late, &pair[1], 1);
	RIG_UNTIL(&rig, rig.seen.detaches == 1);
	cr_assert_str_eq(rig.seen.session, RIG_SESSION "7");
	cr_assert_eq(link_peek(pair[0]), -1, "the data end was kept");
	close(pair[0]);
	rig_clear(&rig);
}

static void
probe(const char *session, uint64_t generation)
{
	struct fields_BG_PROBE m = { .probe = 1,
		.session = span_str(session), .generation = generation };
	int before = rig.seen.probes;

	chan_send(rig.broker, MSG_BG_PROBE, &m, NULL, 0);
	RIG_UNTIL(&rig, rig.seen.probes == before + 1);
}

Test(upstream, probes)
{
	struct conn *c;

	rig_init(&rig);
	rig_session(&rig, &client);
	c = TAILQ_FIRST(&rig.gw.conns);
	probe(c->session, 1);
	cr_assert_not(rig.seen.gone);
	probe(c->session, 2);
	cr_assert(rig.seen.gone, "another generation is not there");
	probe(RIG_SESSION "9", 1);
	cr_assert(rig.seen.gone);
	cr_assert_eq(rig.seen.detaches, 0);
	teardown();
}

/* Gone although its socket has not been looked at: it ends first. */
Test(upstream, probe_finds_it_gone)
{
	struct conn *c;

	rig_init(&rig);
	rig_session(&rig, &client);
	c = TAILQ_FIRST(&rig.gw.conns);
	RIG_UNTIL(&rig, c->state == CONN_READY);
	event_del(c->ev_read);
	rig_client_clear(&client);
	cr_assert(conn_gone(c));
	probe(RIG_SESSION "1", 1);
	cr_assert(rig.seen.gone);
	cr_assert_eq(rig.seen.detaches, 1);
	cr_assert_eq(rig.gw.nconns, 0);
	rig_clear(&rig);
}

static const struct {
	uint32_t reason;
	int code;
} endings[] = {
	{ GONE_RUNNER_LOST, WS_CODE_INTERNAL },
	{ GONE_RUNNER_FAILED, WS_CODE_INTERNAL },
	{ GONE_ENDED, WS_CODE_INTERNAL },
	{ GONE_STOPPING, WS_CODE_GOING_AWAY },
	{ GONE_DISMISSED, WS_CODE_POLICY },
	{ GONE_REPLACED, WS_CODE_TAKEN_OVER },
};

Test(upstream, endings)
{
	struct fields_BG_GONE gone = { .session = span_str(RIG_SESSION "1"),
		.generation = 1 };
	size_t i;

	for (i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		rig_init(&rig);
		rig_session(&rig, &client);
		gone.reason = endings[i].reason;
		chan_send(rig.broker, MSG_BG_GONE, &gone, NULL, 0);
		rig_expect_close(&client, endings[i].code);
		teardown();
	}
}

/* The broker attaches a session anew before we saw the end of the old one. */
Test(upstream, same_session_twice)
{
	struct rig_client second;

	rig_init(&rig);
	rig_session(&rig, &client);
	rig.generation = 10;
	rig_session(&rig, &second);
	rig_expect_close(&client, WS_CODE_TAKEN_OVER);
	rig_send_text(&second, STATUS);
	rig_expect_text(&second, "ready");
	rig_client_clear(&second);
	teardown();
}

Test(upstream, stop)
{
	struct rig_client plain;

	rig_init(&rig);
	rig_session(&rig, &client);
	rig_connect(&rig, &plain);
	RIG_UNTIL(&rig, rig.gw.nconns == 2);
	gateway_stop(&rig.gw, 5000);
	rig_expect_close(&client, WS_CODE_GOING_AWAY);
	RIG_UNTIL(&rig, (rig_read(&plain), plain.eof));
	rig_client_clear(&plain);
	rig_client_clear(&client);
	RIG_UNTIL(&rig, rig.gw.nconns == 0);
	rig_clear(&rig);
}

/* Above the cap nobody is accepted until somebody goes. */
Test(upstream, cap)
{
	struct rig_client many[4];
	int i;

	rig_init(&rig);
	rig.gw.config.max_connections = 3;
	for (i = 0; i < 3; i++)
		rig_upgrade(&rig, &many[i]);
	rig_connect(&rig, &many[3]);
	rig_send_upgrade(&many[3], "");
	for (i = 0; i < 20; i++)
		rig_turn(&rig);
	cr_assert_eq(rig_take_http(&many[3]), 0);
	cr_assert_eq(rig.gw.nconns, 3);
	rig_client_clear(&many[0]);
	RIG_UNTIL(&rig, rig_take_http(&many[3]) == 101);
	for (i = 1; i < 4; i++)
		rig_client_clear(&many[i]);
	rig_clear(&rig);
}

/* Without descriptors accepting pauses, and goes on when there are some. */
Test(upstream, out_of_descriptors)
{
	struct rlimit before, tight;
	struct rig_client late;
	int i, spare;

	rig_init(&rig);
	rig_session(&rig, &client);
	rig_connect(&rig, &late);
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	spare = dup(0);
	tight = before;
	/* The lowest free number is beyond the limit now. */
	tight.rlim_cur = (rlim_t)spare;
	close(spare);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &tight), 0);
	rig_send_upgrade(&late, "");
	for (i = 0; i < 10; i++)
		rig_turn(&rig);
	cr_assert_eq(rig_take_http(&late), 0);
	rig_send_text(&client, STATUS);
	rig_expect_text(&client, "ready");
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	rig_client_clear(&late);
	rig_upgrade(&rig, &late);
	rig_client_clear(&late);
	teardown();
}

/* Whoever does not get on in time is closed. */
Test(upstream, deadlines)
{
	struct rig_client silent, idle;

	rig_init(&rig);
	rig.gw.config.handshake_ms = 50;
	rig_connect(&rig, &silent);
	rig_send(&silent, "GET / HT", 8);
	RIG_UNTIL(&rig, (rig_read(&silent), silent.eof));
	rig_upgrade(&rig, &idle);
	rig_expect_close(&idle, WS_CODE_POLICY);
	rig_client_clear(&silent);
	rig_client_clear(&idle);
	rig_clear(&rig);
}

/* Who answers pings stays, who does not is gone. */
Test(upstream, pings)
{
	static struct rig_frame frame;
	int i;

	rig_init(&rig);
	rig.gw.config.ping_ms = 20;
	rig.gw.config.pong_ms = 2000;
	rig_session(&rig, &client);
	for (i = 0; i < 3; i++) {
		RIG_UNTIL(&rig, rig_take_frame(&client, &frame));
		cr_assert_eq(frame.opcode, WS_PING);
		rig_send_frame(&client, WS_PONG, frame.text, frame.len);
	}
	rig.gw.config.pong_ms = 20;
	RIG_UNTIL(&rig, rig.seen.detaches == 1);
	cr_assert_eq(rig.gw.nconns, 0);
	teardown();
}
