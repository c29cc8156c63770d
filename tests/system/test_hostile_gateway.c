/* SPDX-License-Identifier: ISC */
/*
 * A gateway whose every byte is an attacker's, with a real control socket and
 * real data sockets.  Whatever it does costs it its channel; a client that
 * another gateway carries sees nothing of it.
 */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "common/chan.h"
#include "common/ident.h"
#include "common/unix.h"
#include "tests/lib/call.h"
#include "tests/lib/daemon.h"
#include "tests/lib/tap.h"
#include "tests/lib/wait.h"
#include "tests/system/party.h"
#include "tests/system/stage.h"
#include "tests/system/usage.h"

#define CLOSE_MS 5000	/* less than the time to live below */
#define FLOOD 20000
#define GUESSES 2000
#define PIECE 40000	/* bytes the bystander asks for during each attack */
#define MEMORY_KIB 4096

static struct stage *stage;
static struct party *bystander;
static struct party_job *job;
static struct stage_gateway evil;
static unsigned int seed = 1;

/* An attack says whether it was met as it should be. */
struct attack {
	const char *name;
	int (*fn)(void);
	int phase;		/* 1: after HELLO; 2: with a connection, 7 */
};

static uint8_t noise[PROTO_CONTROL_MAX];

static void
make_noise(void)
{
	size_t i;

	for (i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)rand_r(&seed);
}

static int
evil_begin(int phase)
{
	if (stage_gateway(stage, &evil) == -1)
		return -1;
	if (phase >= 1 && stage_hello(&evil) == -1)
		return -1;
	if (phase >= 2 && stage_admit(&evil, 7) == -1)
		return -1;
	return 0;
}

static int
ends(void)
{
	return stage_closed(evil.broker, CLOSE_MS);
}

/* The channel is as good as ever: another connection is admitted. */
static int
goes_on(void)
{
	return stage_admit(&evil, 1000001) == 0;
}

/* Somebody else's work goes on while this does its worst. */
static int
undisturbed(void)
{
	return party_settle(bystander) == 0;
}

/* What nobody may say here, in both phases; one life of a gateway each. */
static void
story_types(void)
{
	const struct proto_row *rows, *row;
	size_t count, i, tried = 0, met = 0;
	int phase;

	rows = proto_rows(&count);
	for (row = rows, i = 0; i < count; i++, row++)
		for (phase = 0; phase < 2; phase++) {
			if (row->from == ROLE_GATEWAY &&
			    row->to == ROLE_BROKER)
				continue;
			/* Data messages are all alike here: some will do. */
			if (row->type >= 500 && (row->type + phase) % 13 != 0)
				continue;
			tried++;
			if (evil_begin(phase) == -1)
				break;
			stage_send(evil.broker, row->type, noise,
			    row->max < 512 ? row->max : 512, NULL, 0);
			met += ends() != 0;
			stage_gateway_close(&evil);
		}
	tap_ok(tried > 50 && met == tried, "of %zu messages that are not a "
	    "gateway's each ended its channel (%zu)", tried, met);
	tap_ok(undisturbed(), "and nobody else %s", party_error(bystander));
}

/* What it may say, but not so. */
static void
story_shapes(void)
{
	static const size_t lengths[] = { 0, 5, 2304, 60000 };
	const struct proto_row *rows, *row;
	size_t count, i, k, n, tried = 0, met = 0;
	int fds[4];

	rows = proto_rows(&count);
	for (k = 0; k < 4; k++)
		fds[k] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	for (row = rows, i = 0; i < count; i++, row++) {
		if (row->from != ROLE_GATEWAY || row->to != ROLE_BROKER)
			continue;
		for (k = 0; k < sizeof(lengths) / sizeof(lengths[0]); k++)
			for (n = k % 2; n < 4; n += 2) {
				if (evil_begin(row->type != MSG_GB_HELLO) ==
				    -1)
					continue;
				make_noise();
				tried++;
				stage_send(evil.broker, row->type, noise,
				    lengths[k], fds, n);
				met += ends() != 0;
				stage_gateway_close(&evil);
			}
	}
	for (k = 0; k < 4; k++)
		close(fds[k]);
	tap_ok(tried > 40 && met == tried, "of %zu malformed messages each "
	    "ended its channel (%zu)", tried, met);
	tap_ok(undisturbed(), "and nobody else %s", party_error(bystander));
}

static int
say(uint16_t type, const void *message, const int *fds, size_t nfds)
{
	struct pollfd pfd = { .fd = evil.broker, .events = POLLOUT };
	int rc;

	while ((rc = chan_write_one(evil.broker, type, message, fds,
		    nfds)) == -1 && errno == EAGAIN)
		if (poll(&pfd, 1, CLOSE_MS) != 1 || (pfd.revents & POLLHUP))
			break;
	return rc;
}

static int
hello_twice(void)
{
	static const struct fields_HELLO hello = {
		.version = PROTO_VERSION, .oldest = PROTO_OLDEST,
	};

	say(MSG_GB_HELLO, &hello, NULL, 0);
	return ends();
}

static int
version_of_nobody(void)
{
	static const struct fields_HELLO hello = {
		.version = 4000, .oldest = 3999,
	};

	say(MSG_GB_HELLO, &hello, NULL, 0);
	return ends();
}

static int
attach_unadmitted(void)
{
	static const uint8_t nonce[IDENT_SIZE] = { 1 };
	struct fields_GB_ATTACH attach = {
		.handle = 99, .nonce = { nonce, sizeof(nonce) },
		.client_name = span_str("evil"),
	};

	say(MSG_GB_ATTACH, &attach, NULL, 0);
	return ends();
}

static int
attach_twice(void)
{
	struct stage_attachment a;
	uint32_t reason;
	int rc;

	if (stage_attach(&evil, 7, NULL, &a, &reason) == -1)
		return 0;
	rc = stage_attach(&evil, 7, NULL, &a, &reason) == -1 && ends();
	unix_close(&a.data);
	return rc;
}

static int
attach_short_nonce(void)
{
	struct fields_GB_ATTACH attach = {
		.handle = 7, .nonce = { noise, 3 },
		.client_name = span_str("evil"),
	};

	say(MSG_GB_ATTACH, &attach, NULL, 0);
	return ends();
}

static int
admit_twice(void)
{
	return stage_admit(&evil, 7) == -1 && ends();
}

/* Nothing that is no accepted connection of the listener lets anybody in. */
static int
admit_anything(void)
{
	int pair[2], tcp, fds[5], refused = 0;
	struct fields_GB_ADMIT admit = { 0 };
	size_t i;

	if (unix_pair(SOCK_STREAM, pair) == -1)
		return 0;
	tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	fds[0] = pair[0];
	fds[1] = tcp;
	fds[2] = evil.listener;
	fds[3] = evil.broker;
	fds[4] = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	for (i = 0; i < 5; i++) {
		static uint8_t buf[PROTO_CONTROL_MAX];
		union proto_any msg;
		struct chan_fds got;
		const char *why;

		admit.handle = 100 + i;
		say(MSG_GB_ADMIT, &admit, &fds[i], 1);
		refused += chan_read_one(evil.broker, ROLE_GATEWAY,
		    ROLE_BROKER, PHASE_UP, CLOSE_MS, buf, &msg, &got, &why) ==
		    MSG_BG_REFUSED;
	}
	close(pair[0]);
	close(pair[1]);
	close(tcp);
	close(fds[4]);
	return refused == 5 && goes_on();
}

/* The connection is one that would be let in; whose, is not said by us. */
static int
admit_for_another(void)
{
	static const uint8_t source[] = { 127, 0, 0, 1, 0, 80 };

	return stage_admit_for(&evil, 9, (struct span){ source,
	    sizeof(source) }) == 403 && stage_admit(&evil, 10) == 0 &&
	    goes_on();
}

/* The bystander's session is named, with every generation near its own. */
static int
detach_foreign(void)
{
	struct fields_ATTACHMENT detach = {
		.session = span_str(party_session(bystander)),
	};

	for (detach.generation = 0; detach.generation < 100;
	    detach.generation++)
		say(MSG_GB_DETACH, &detach, NULL, 0);
	return goes_on() && party_is_connected(bystander) && undisturbed();
}

static int
detach_nothing(void)
{
	struct fields_ATTACHMENT detach = {
		.session = span_str("00000000-0000-4000-8000-00000000000x"),
		.generation = 1,
	};

	say(MSG_GB_DETACH, &detach, NULL, 0);
	return ends();
}

static int
probed_unasked(void)
{
	struct fields_GB_PROBED probed = { .gone = true };

	for (probed.probe = 0; probed.probe < 1000; probed.probe++)
		say(MSG_GB_PROBED, &probed, NULL, 0);
	return goes_on() && party_is_connected(bystander);
}

static int
leave_nothing(void)
{
	struct fields_HANDLE leave = { 0 };

	for (leave.handle = 0; leave.handle < 1000; leave.handle++)
		if (leave.handle != 7)
			say(MSG_GB_LEAVE, &leave, NULL, 0);
	return goes_on() && party_is_connected(bystander);
}

/* Without saying takeover it does not get what somebody holds. */
static int
resume_foreign(void)
{
	struct stage_attachment a = { .data = -1 };
	uint32_t reason;
	int rc;

	rc = stage_attach(&evil, 7, party_session(bystander), &a, &reason);
	unix_close(&a.data);
	return rc == -1 && reason == ATTACH_ELSEWHERE &&
	    party_is_connected(bystander) && undisturbed();
}

static int
guess_sessions(void)
{
	struct stage_attachment a = { .data = -1 };
	struct ident id;
	char text[IDENT_TEXT_SIZE];
	uint32_t reason;
	int i, unknown = 0;

	for (i = 0; i < GUESSES; i++) {
		ident_make(&id);
		if (stage_attach(&evil, 7, ident_print(&id, text), &a,
			&reason) == -1)
			unknown += reason == ATTACH_UNKNOWN_SESSION;
	}
	return unknown == GUESSES;
}

/* It asks and asks, and never reads what it is told. */
static int
flood(void)
{
	struct fields_GB_ATTACH attach = {
		.handle = 7, .client_name = span_str("evil"),
		.resume = span_str(party_session(bystander)),
		.has_resume = true,
	};
	struct ident nonce;
	int i;

	for (i = 0; i < FLOOD; i++) {
		ident_make(&nonce);
		attach.nonce = (struct span){ nonce.bytes, IDENT_SIZE };
		if (say(MSG_GB_ATTACH, &attach, NULL, 0) == -1)
			break;
	}
	return ends() && undisturbed();
}

static int
silence(void)
{
	return undisturbed() && !stage_closed(evil.broker, 50);
}

/* What the runner is sent on a data socket. */
static int
data_attack(const void *bytes, size_t len)
{
	struct stage_attachment a;
	uint32_t reason;
	int rc;

	if (stage_attach(&evil, 7, NULL, &a, &reason) == -1)
		return 0;
	unix_nonblock(a.data);
	rc = send(a.data, bytes, len, MSG_NOSIGNAL) != -1 &&
	    stage_closed(a.data, CLOSE_MS);
	unix_close(&a.data);
	return rc && goes_on();
}

static int
data_noise(void)
{
	make_noise();
	return data_attack(noise, 8192);
}

static int
data_huge(void)
{
	uint8_t head[PROTO_HEAD_LEN];
	struct proto_head huge = { .len = UINT32_MAX, .type = MSG_GR_START };

	proto_head_put(head, &huge);
	return data_attack(head, sizeof(head));
}

static int
data_before_hello(void)
{
	uint8_t head[PROTO_HEAD_LEN];
	struct proto_head early = { .type = MSG_GR_LIST };

	proto_head_put(head, &early);
	return data_attack(head, sizeof(head));
}

static int
data_wrong_way(void)
{
	uint8_t head[PROTO_HEAD_LEN];
	struct proto_head back = { .type = MSG_RG_CLOSED };

	proto_head_put(head, &back);
	return data_attack(head, sizeof(head));
}

/* Half a message, and then nothing: it waits, alone. */
static int
data_half(void)
{
	struct stage_attachment a;
	uint8_t head[PROTO_HEAD_LEN];
	struct proto_head half = { .len = 60000000, .type = MSG_GR_START };
	uint32_t reason;
	int rc;

	if (stage_attach(&evil, 7, NULL, &a, &reason) == -1)
		return 0;
	proto_head_put(head, &half);
	rc = send(a.data, head, sizeof(head), MSG_NOSIGNAL) != -1 &&
	    undisturbed();
	unix_close(&a.data);
	return rc && goes_on();
}

/* HELLO and a request; whether the runner, which is up then, answers. */
static int
data_speaks(int data)
{
	static const struct fields_HELLO hello = {
		.version = PROTO_VERSION, .oldest = PROTO_OLDEST,
	};
	struct writer w;
	uint8_t head[PROTO_HEAD_LEN], answer[256];
	struct proto_head greeting = { .type = MSG_GR_HELLO };
	struct proto_head list = { .type = MSG_GR_LIST, .call = 1 };
	int rc;

	writer_init(&w, sizeof(answer));
	proto_encode(&w, MSG_GR_HELLO, &hello);
	greeting.len = (uint32_t)w.len;
	proto_head_put(head, &greeting);
	rc = send(data, head, sizeof(head), MSG_NOSIGNAL) != -1 &&
	    send(data, w.p, w.len, MSG_NOSIGNAL) != -1;
	writer_clear(&w);
	proto_head_put(head, &list);
	return rc && send(data, head, sizeof(head), MSG_NOSIGNAL) != -1 &&
	    wait_fd(data, POLLIN, deadline_in(CLOSE_MS)) != -1 &&
	    recv(data, answer, sizeof(answer), 0) > 0;
}

/* It lets go of an attachment and keeps the socket. */
static int
data_kept(void)
{
	struct stage_attachment a;
	struct fields_ATTACHMENT detach = { 0 };
	uint32_t reason;
	int rc;

	if (stage_attach(&evil, 7, NULL, &a, &reason) == -1 ||
	    !data_speaks(a.data))
		return 0;
	detach.session = span_str(a.session);
	detach.generation = a.generation;
	say(MSG_GB_DETACH, &detach, NULL, 0);
	unix_nonblock(a.data);
	rc = stage_closed(a.data, CLOSE_MS);
	unix_close(&a.data);
	return rc && goes_on();
}

static const struct attack attacks[] = {
	{ "HELLO twice", hello_twice, 1 },
	{ "a version of nobody", version_of_nobody, 0 },
	{ "silence before HELLO", silence, 0 },
	{ "silence after HELLO", silence, 1 },
	{ "attach without being admitted", attach_unadmitted, 1 },
	{ "attach for one connection twice", attach_twice, 2 },
	{ "attach with a short nonce", attach_short_nonce, 2 },
	{ "one connection admitted twice", admit_twice, 2 },
	{ "admit what is no connection", admit_anything, 1 },
	{ "name a client where there is no proxy", admit_for_another, 1 },
	{ "detach somebody else's session", detach_foreign, 1 },
	{ "detach what is no session", detach_nothing, 1 },
	{ "answers nobody asked for", probed_unasked, 1 },
	{ "leave for others", leave_nothing, 1 },
	{ "resume what somebody holds", resume_foreign, 2 },
	{ "guess sessions", guess_sessions, 2 },
	{ "ask and never read", flood, 2 },
	{ "noise to a runner", data_noise, 2 },
	{ "a message of 4 GiB to a runner", data_huge, 2 },
	{ "a request before HELLO", data_before_hello, 2 },
	{ "a runner's message to a runner", data_wrong_way, 2 },
	{ "half a message to a runner", data_half, 2 },
	{ "a data socket kept after its detach", data_kept, 2 },
};

static void
story_attacks(void)
{
	const struct attack *a;
	size_t i;

	for (i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
		a = &attacks[i];
		party_ask_output(bystander, job, PIECE);
		if (!tap_ok(evil_begin(a->phase) == 0, "a gateway for: %s",
			a->name))
			continue;
		tap_ok(a->fn(), "%s", a->name);
		tap_ok(undisturbed(), "and nobody else notices %s",
		    party_error(bystander));
		stage_gateway_close(&evil);
	}
}

static pid_t
broker_pid(void)
{
	pid_t pid = 0;

	daemon_find(stage_daemon(stage), "holdfast-broker", &pid, 1);
	return pid;
}

int
main(void)
{
	struct usage *before = NULL;
	static const char *const args[] = { "--detach-ttl-ms", "10000", NULL };
	pid_t broker;

	make_noise();
	stage = stage_new(args);
	if (!tap_ok(stage != NULL, "a stage with %d puppets",
		STAGE_PUPPETS))
		return tap_done();
	bystander = party_new(stage_daemon(stage), "bystander");
	job = bystander == NULL ? NULL :
	    party_start(bystander, PARTY_PIPES, "job");
	broker = broker_pid();
	if (tap_ok(job != NULL, "a client of the real gateway has work")) {
		story_attacks();
		before = usage_take(stage_daemon(stage));
		story_types();
		story_shapes();
		story_attacks();
		tap_ok(party_finish(bystander, job) == 0,
		    "its work ends with every byte as it was digested %s",
		    party_error(bystander));
		party_free(bystander);
		bystander = NULL;
		daemon_wait_none(stage_daemon(stage), "holdfast-runner",
		    CLOSE_MS);
		usage_check(before, MEMORY_KIB);
		usage_free(before);
		tap_ok(broker_pid() == broker, "it is the same broker still");
	}
	party_free(bystander);
	stage_free(stage, tap_failed());
	return tap_done();
}
