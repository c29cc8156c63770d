/* SPDX-License-Identifier: ISC */
/*
 * One gateway takes connections of another, which may say anything: what is
 * wrong costs it the channel, what cannot be taken is declined, and the
 * sockets are looked at only when the broker has agreed.
 */
#include "config.h"

#include <sys/socket.h>

#include <criterion/criterion.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/unix.h"
#include "tests/unit/rig.h"

TestSuite(heir, .timeout = 60);

#define STATUS "{\"id\":4,\"method\":\"environment/status\"}"

static struct rig rig;
static struct chan *old;	/* as the gateway that leaves */
static struct rig_client client;
static int taken, declined;
static bool old_lost;

static void
on_hello(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	(void)arg;
	(void)msg;
	(void)fds;
	chan_set_phase(old, PHASE_UP);
}

static void
on_taken(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	(void)arg;
	(void)fds;
	cr_assert_eq(msg->HANDLE.handle, 7);
	taken++;
}

static void
on_declined(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	(void)arg;
	(void)fds;
	cr_assert_eq(msg->HANDLE.handle, 7);
	declined++;
}

static const struct chan_handler handlers[] = {
	{ MSG_GG_HELLO, on_hello },
	{ MSG_GG_TAKEN, on_taken },
	{ MSG_GG_DECLINED, on_declined },
};

static void
on_lost(void *arg, const char *why)
{
	(void)arg;
	(void)why;
	old_lost = true;
}

static const struct chan_ops ops = {
	.handlers = handlers,
	.nhandlers = sizeof(handlers) / sizeof(handlers[0]),
	.lost = on_lost,
};

static void
prepare(void)
{
	struct fields_HELLO hello = { .version = PROTO_VERSION,
		.oldest = PROTO_OLDEST };
	int pair[2];

	taken = declined = 0;
	old_lost = false;
	rig_init(&rig);
	RIG_UNTIL(&rig, upstream_ready(rig.gw.upstream));
	cr_assert_eq(unix_pair(SOCK_SEQPACKET, pair), 0);
	old = chan_new(rig.base, pair[0], ROLE_GATEWAY, ROLE_GATEWAY, &ops,
	    NULL);
	heir_new(&rig.gw, pair[1]);
	chan_send(old, MSG_GG_HELLO, &hello, NULL, 0);
	RIG_UNTIL(&rig, chan_phase(old) == PHASE_UP);
}

static void
tidy(void)
{
	chan_free(old);
	rig_client_clear(&client);
	rig_clear(&rig);
}

/* A client's socket at the server's end, and a data socket. */
static void
make_sockets(int fds[2])
{
	int pair[2];

	client = (struct rig_client){ .rig = &rig };
	client.in = malloc(4 * 1024 * 1024);
	cr_assert_eq(unix_pair(SOCK_STREAM, pair), 0);
	client.fd = pair[0];
	fds[0] = pair[1];
	cr_assert_eq(unix_pair(SOCK_STREAM, pair), 0);
	unix_close(&rig.data);
	rig.data = pair[0];
	fds[1] = pair[1];
}

static struct fields_GG_CONNECTION
sound(void)
{
	return (struct fields_GG_CONNECTION){
		.handle = 7,
		.listener = span_str(RIG_LISTENER),
		.due_ms = 1000,
		.has_session = true,
		.session = span_str(RIG_SESSION "3"),
		.has_generation = true,
		.generation = 3,
		.has_info = true,
		.info = span_str("{\"a\":1}"),
		.has_initialized = true,
		.initialized = true,
		.has_taken_cost = true,
		.taken_cost = 1000,
		.has_left_cost = true,
		.left_cost = 1000,
	};
}

static void
hand(const struct fields_GG_CONNECTION *m, size_t nfds)
{
	int fds[2];

	make_sockets(fds);
	if (nfds == 1)
		unix_close(&fds[1]);
	chan_send(old, MSG_GG_CONNECTION, m, fds, nfds);
}

Test(heir, takes_a_session)
{
	struct fields_GG_CONNECTION m = sound();

	prepare();
	hand(&m, 2);
	RIG_UNTIL(&rig, taken == 1);
	cr_assert_eq(rig.seen.admits, 1);
	cr_assert_eq(rig.seen.holds, 1);
	cr_assert_eq(TAILQ_FIRST(&rig.gw.conns)->state, CONN_READY);
	rig_send_text(&client, STATUS);
	rig_expect_text(&client, "ready");
	/* Costs go on where they were. */
	rig_run(&rig);
	rig_output(&rig, 1, 60000);
	rig_output(&rig, 2, 60000);
	rig_expect_text(&client, "process/output");
	rig_expect_text(&client, "process/output");
	RIG_UNTIL(&rig, rig.acked == 1000 + 2 * (60000 + PROTO_EVENT_COST));
	tidy();
}

Test(heir, takes_what_was_read)
{
	struct fields_GG_CONNECTION m = sound();
	char frame[128];
	size_t len = strlen(STATUS);

	memcpy(frame, "\x81\x00\0\0\0\0", 6);
	frame[1] = (char)(0x80 | len);
	memcpy(frame + 6, STATUS, len);
	prepare();
	m.has_input = true;
	m.input = (struct span){ (uint8_t *)frame, len + 6 };
	hand(&m, 2);
	rig_expect_text(&client, "ready");
	tidy();
}

Test(heir, takes_one_without_a_session)
{
	struct fields_GG_CONNECTION m = {
		.handle = 7,
		.listener = span_str(RIG_LISTENER),
		.due_ms = 1000,
	};

	prepare();
	hand(&m, 1);
	RIG_UNTIL(&rig, taken == 1);
	cr_assert_eq(rig.seen.holds, 0);
	cr_assert_eq(TAILQ_FIRST(&rig.gw.conns)->state, CONN_OPEN);
	tidy();
}

/* Nothing is read or written before the broker has agreed. */
Test(heir, waits_for_the_broker)
{
	struct fields_GG_CONNECTION m = sound();
	int i;

	prepare();
	rig.deaf = true;
	hand(&m, 2);
	rig_send_text(&client, STATUS);
	RIG_UNTIL(&rig, rig.seen.admits == 1);
	for (i = 0; i < 20; i++)
		rig_turn(&rig);
	rig_read(&client);
	cr_assert_eq(client.len, 0);
	cr_assert_eq(taken, 0);
	rig.deaf = false;
	rig_broker(&rig);
	RIG_UNTIL(&rig, taken == 1);
	rig_expect_text(&client, "ready");
	tidy();
}

Test(heir, declines_whom_the_broker_refuses)
{
	struct fields_GG_CONNECTION m = sound();

	prepare();
	rig.refuse = 403;
	hand(&m, 2);
	RIG_UNTIL(&rig, declined == 1);
	cr_assert_eq(rig.gw.nconns, 0);
	cr_assert_not(old_lost);
	rig_read(&client);
	cr_assert_eq(client.len, 0, "not a word");
	tidy();
}

Test(heir, declines_what_it_does_not_serve)
{
	struct fields_GG_CONNECTION m = sound();

	prepare();
	m.listener = span_str("ws://127.0.0.1:1");
	hand(&m, 2);
	RIG_UNTIL(&rig, declined == 1);
	cr_assert_eq(rig.seen.admits, 0);
	tidy();
}

/* Its end is not the end of those that it has handed over. */
Test(heir, goes_on_without_the_other)
{
	struct fields_GG_CONNECTION m = sound();

	prepare();
	hand(&m, 2);
	RIG_UNTIL(&rig, rig.gw.nconns == 1);
	chan_free(old);
	old = NULL;
	rig_send_text(&client, STATUS);
	rig_expect_text(&client, "ready");
	tidy();
}

static void
no_generation(struct fields_GG_CONNECTION *m)
{
	m->has_generation = false;
}

static void
no_info(struct fields_GG_CONNECTION *m)
{
	m->has_info = false;
}

static void
info_no_json(struct fields_GG_CONNECTION *m)
{
	m->info = span_str("{\"a\":1},\"result\":{}");
}

static void
info_no_object(struct fields_GG_CONNECTION *m)
{
	m->info = span_str("[1]");
}

static void
no_session_id(struct fields_GG_CONNECTION *m)
{
	m->session = span_str("abc");
}

static void
left_beyond(struct fields_GG_CONNECTION *m)
{
	m->left_cost = 1001;
}

static void
parked_beyond(struct fields_GG_CONNECTION *m)
{
	m->has_parked = true;
	m->parked = 1;
}

static void
no_costs(struct fields_GG_CONNECTION *m)
{
	m->has_taken_cost = false;
}

static void
only_generation(struct fields_GG_CONNECTION *m)
{
	m->has_session = false;
}

static const struct {
	void (*spoil)(struct fields_GG_CONNECTION *m);
	size_t nfds;
} lies[] = {
	{ no_generation, 2 }, { no_info, 2 }, { info_no_json, 2 },
	{ info_no_object, 2 }, { no_session_id, 2 }, { left_beyond, 2 },
	{ parked_beyond, 2 }, { no_costs, 2 }, { only_generation, 2 },
	{ NULL, 1 },
};

Test(heir, lies_cost_the_channel)
{
	struct fields_GG_CONNECTION m;
	size_t i;

	for (i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		prepare();
		m = sound();
		if (lies[i].spoil != NULL)
			lies[i].spoil(&m);
		hand(&m, lies[i].nfds);
		RIG_UNTIL(&rig, old_lost);
		cr_assert_eq(rig.gw.nconns, 0, "lie %zu", i);
		cr_assert_eq(rig.seen.admits, 0);
		tidy();
	}
}

/* More in flight than there can be: declined when it is taken. */
Test(heir, more_than_a_window)
{
	struct fields_GG_CONNECTION m = sound();

	prepare();
	m.taken_cost = 1000 + 10 * PROTO_WINDOW;
	hand(&m, 2);
	RIG_UNTIL(&rig, rig.seen.admits == 1);
	RIG_UNTIL(&rig, declined == 1);
	cr_assert_eq(rig.gw.nconns, 0);
	cr_assert_eq(taken, 0);
	tidy();
}

Test(heir, sockets_of_another_kind)
{
	struct fields_GG_CONNECTION m = sound();
	int fds[2], pair[2];

	prepare();
	make_sockets(fds);
	unix_close(&fds[1]);
	cr_assert_eq(pipe2(pair, O_CLOEXEC), 0);
	fds[1] = pair[0];
	chan_send(old, MSG_GG_CONNECTION, &m, fds, 2);
	RIG_UNTIL(&rig, old_lost);
	cr_assert_eq(rig.gw.nconns, 0);
	close(pair[1]);
	tidy();
}
