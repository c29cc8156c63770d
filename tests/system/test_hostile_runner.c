/* SPDX-License-Identifier: ISC */
/*
 * A runner whose every byte is an attacker's, with a real control socket to
 * the broker and a real data socket to a gateway.  Whatever it does costs its
 * own session; the sessions of others go on, on the same gateway too.
 */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "common/chan.h"
#include "common/unix.h"
#include "tests/lib/call.h"
#include "tests/lib/daemon.h"
#include "tests/lib/tap.h"
#include "tests/lib/wait.h"
#include "tests/system/party.h"
#include "tests/system/stage.h"
#include "tests/system/usage.h"

#define CLOSE_MS 5000
#define END_MS 60000
#define FLOOD 20000
#define PIECE 40000
#define MEMORY_KIB 4096

static struct stage *stage;
static struct party *bystander;
static struct party_job *job;
static struct call *victim;	/* of whose session this is the runner */
static int64_t asked;		/* what the victim waits for */
static struct stage_runner evil;
static uint8_t noise[PROTO_EVENT_MAX + 4096];

struct attack {
	const char *name;
	int (*fn)(void);
	int phase;	/* 1: after HELLO; 2: also to the gateway */
};

static void
make_noise(void)
{
	static unsigned int seed = 1;
	size_t i;

	for (i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)rand_r(&seed);
}

static int
evil_begin(int phase)
{
	stage_want_runners(stage, 1);
	victim = call_attach(daemon_url(stage_daemon(stage)), NULL);
	if (victim == NULL)
		return -1;
	asked = call_send(victim, "process/list", json_object_new_object());
	if (stage_runner(stage, &evil) == -1)
		return -1;
	if (phase >= 1 && stage_runner_hello(&evil) == -1)
		return -1;
	return phase >= 2 ? stage_runner_greet(&evil) : 0;
}

static void
evil_end(void)
{
	stage_runner_close(&evil);
	call_free(victim);
	victim = NULL;
}

/* The session is over: the runner's channel and its client's connection. */
static int
ends(void)
{
	uint64_t deadline = deadline_in(END_MS);

	if (!stage_closed(evil.broker, END_MS))
		return 0;
	while (!call_ended(victim) && deadline_left(deadline) > 0)
		(void)call_receive(victim, deadline_left(deadline));
	return call_ended(victim);
}

/* The client's connection is over, whatever becomes of the session. */
static int
leaves(void)
{
	uint64_t deadline = deadline_in(END_MS);

	while (!call_ended(victim) && deadline_left(deadline) > 0)
		(void)call_receive(victim, deadline_left(deadline));
	return call_ended(victim) && stage_closed(evil.data, CLOSE_MS);
}

/* Nothing came of it: the client is answered when the runner answers. */
static int
goes_on(void)
{
	struct fields_RG_RESULT result = { .method = MSG_GR_LIST,
		.id_int = asked, .has_id_int = true,
		.has_processes = true };
	struct json_object *reply;
	int rc;

	if (stage_runner_greet(&evil) == -1 ||
	    stage_say_data(evil.data, MSG_RG_RESULT, 1, &result) == -1)
		return 0;
	reply = call_wait(victim, asked, CLOSE_MS);
	rc = reply != NULL && call_error_code(reply) == 0;
	json_object_put(reply);
	return rc;
}

static int
undisturbed(void)
{
	return party_settle(bystander) == 0;
}

static int
say(uint16_t type, const void *message)
{
	struct pollfd pfd = { .fd = evil.broker, .events = POLLOUT };
	int rc;

	while ((rc = chan_write_one(evil.broker, type, message, NULL, 0)) ==
	    -1 && errno == EAGAIN)
		if (poll(&pfd, 1, CLOSE_MS) != 1 || (pfd.revents & POLLHUP))
			break;
	return rc;
}

static int
broker_noise(void)
{
	make_noise();
	stage_send(evil.broker, MSG_RB_ENDED, noise, 9000, NULL, 0);
	return ends();
}

static int
broker_foreign_type(void)
{
	stage_send(evil.broker, MSG_SB_STOP, noise, 14, NULL, 0);
	return ends();
}

static int
broker_gateways_type(void)
{
	stage_send(evil.broker, MSG_GB_LEAVE, noise, 14, NULL, 0);
	return ends();
}

static int
broker_surplus_fd(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct fields_GENERATION detached = { .generation = 1 };
	struct writer w;

	writer_init(&w, 64);
	proto_encode(&w, MSG_RB_DETACHED, &detached);
	stage_send(evil.broker, MSG_RB_DETACHED, w.p, w.len, &fd, 1);
	writer_clear(&w);
	close(fd);
	return ends();
}

static int
broker_huge(void)
{
	stage_send(evil.broker, MSG_RB_ENDED, noise, 60000, NULL, 0);
	return ends();
}

static int
broker_version(void)
{
	static const struct fields_HELLO hello = {
		.version = 4000, .oldest = 3999,
	};

	say(MSG_RB_HELLO, &hello);
	return ends();
}

static int
broker_hello_twice(void)
{
	static const struct fields_HELLO hello = {
		.version = PROTO_VERSION, .oldest = PROTO_OLDEST,
	};

	say(MSG_RB_HELLO, &hello);
	return ends();
}

/* It never says HELLO: given up, and its client told. */
static int
broker_silence(void)
{
	return ends();
}

static int
broker_ended_unasked(void)
{
	static const struct fields_RB_ENDED ended;

	say(MSG_RB_ENDED, &ended);
	return ends();
}

/* Generations that are not: nobody is detached. */
static int
broker_detached_stale(void)
{
	struct fields_GENERATION detached = { 0 };

	for (detached.generation = 2; detached.generation < 1000;
	    detached.generation++)
		say(MSG_RB_DETACHED, &detached);
	return goes_on();
}

/* It wants all there is of everything. */
static int
broker_wants_all(void)
{
	struct fields_LEASE want = { .amount = UINT64_MAX };

	for (want.budget = 1; want.budget < BUDGET_COUNT; want.budget++)
		say(MSG_RB_WANT, &want);
	return undisturbed();
}

static int
broker_wants_nothing_known(void)
{
	struct fields_LEASE want = { .budget = 4000, .amount = 1 };

	/* A newer runner may know more of them: it gets nothing. */
	say(MSG_RB_WANT, &want);
	return goes_on() && undisturbed();
}

static int
broker_flood(void)
{
	struct fields_LEASE want = { .budget = BUDGET_PROCESSES };
	int i;

	for (i = 0; i < FLOOD; i++) {
		want.amount = (uint64_t)(i % 2) * 1000;
		if (say(MSG_RB_WANT, &want) == -1)
			break;
	}
	return undisturbed();
}

/* Told to end, it does nothing of the kind. */
static int
broker_does_not_end(void)
{
	call_free(victim);
	victim = NULL;
	return stage_closed(evil.broker, END_MS);
}

static int
gateway_noise(void)
{
	make_noise();
	stage_send_data(evil.data, MSG_RG_RESULT, 1, noise, 5000);
	return leaves();
}

static int
gateway_huge(void)
{
	struct proto_head head = { .len = UINT32_MAX, .type = MSG_RG_OUTPUT };
	uint8_t raw[PROTO_HEAD_LEN];

	proto_head_put(raw, &head);
	(void)send(evil.data, raw, sizeof(raw), MSG_NOSIGNAL);
	return leaves();
}

static int
gateway_wrong_way(void)
{
	stage_send_data(evil.data, MSG_GR_LIST, 1, noise, 0);
	return leaves();
}

static int
gateway_hello_twice(void)
{
	stage_runner_greet(&evil);
	return leaves();
}

static int
gateway_bulk_without_begin(void)
{
	struct fields_RG_BULK_PART part = { .data = { noise, 300 },
		.has_data = true };

	stage_say_data(evil.data, MSG_RG_BULK_PART, 1, &part);
	return leaves();
}

static int
gateway_bulk_twice(void)
{
	struct fields_RG_RESULT begin = { .method = MSG_GR_FS_READ_FILE,
		.id_int = asked, .has_id_int = true };

	stage_say_data(evil.data, MSG_RG_BULK_BEGIN, 1, &begin);
	stage_say_data(evil.data, MSG_RG_BULK_BEGIN, 2, &begin);
	return leaves();
}

static int
gateway_result_of_nothing(void)
{
	struct fields_RG_RESULT result = { .method = 9999,
		.id_int = asked, .has_id_int = true };

	stage_say_data(evil.data, MSG_RG_RESULT, 1, &result);
	return leaves();
}

static int
gateway_stream_of_nobody(void)
{
	struct fields_RG_OUTPUT output = { .process_id = span_str("p"),
		.seq = 1, .stream = 200, .data = { noise, 10 } };

	stage_say_data(evil.data, MSG_RG_OUTPUT, 0, &output);
	return leaves();
}

/* More than the window, and no acknowledgement waited for. */
static int
gateway_flood(void)
{
	struct fields_RG_OUTPUT output = { .process_id = span_str("p"),
		.stream = STREAM_STDOUT,
		.data = { noise, PROTO_CHUNK_MAX } };
	int i;

	for (i = 0; i < 2000; i++) {
		output.seq++;
		if (stage_say_data(evil.data, MSG_RG_OUTPUT, 0, &output) ==
		    -1)
			break;
	}
	return i < 2000 && undisturbed();
}

/* Half a message, and nothing more. */
static int
gateway_half(void)
{
	struct proto_head head = { .len = 60000, .type = MSG_RG_OUTPUT };
	uint8_t raw[PROTO_HEAD_LEN];

	proto_head_put(raw, &head);
	return send(evil.data, raw, sizeof(raw), MSG_NOSIGNAL) != -1 &&
	    undisturbed();
}

/* What it says must not become anything but text in the client's JSON. */
static int
gateway_text(void)
{
	static const char quote[] = "\"},\"result\":{\"sessionId\":\"x\xff\xfe";
	struct fields_RG_ERROR error = { .method = MSG_GR_LIST,
		.id_int = asked, .has_id_int = true, .error_code = -32000,
		.error_text = { (const uint8_t *)quote, sizeof(quote) - 1 } };
	struct json_object *reply;
	int rc;

	stage_say_data(evil.data, MSG_RG_ERROR, 1, &error);
	reply = call_wait(victim, asked, CLOSE_MS);
	rc = (reply != NULL && call_error_code(reply) == -32000 &&
	    !json_object_object_get_ex(reply, "result", NULL)) ||
	    (reply == NULL && call_ended(victim));
	json_object_put(reply);
	return rc;
}

static const struct attack attacks[] = {
	{ "noise to the broker", broker_noise, 1 },
	{ "the supervisor's words", broker_foreign_type, 1 },
	{ "a gateway's words", broker_gateways_type, 1 },
	{ "a descriptor nobody asked for", broker_surplus_fd, 1 },
	{ "a packet too long", broker_huge, 1 },
	{ "a version of nobody", broker_version, 0 },
	{ "HELLO twice", broker_hello_twice, 1 },
	{ "no HELLO at all", broker_silence, 0 },
	{ "an end nobody ordered", broker_ended_unasked, 1 },
	{ "ends of other generations", broker_detached_stale, 1 },
	{ "all there is of every budget", broker_wants_all, 1 },
	{ "some of a budget that is none", broker_wants_nothing_known, 1 },
	{ "ask and never read", broker_flood, 1 },
	{ "not ending", broker_does_not_end, 1 },
	{ "noise to the gateway", gateway_noise, 2 },
	{ "a message of 4 GiB", gateway_huge, 2 },
	{ "a gateway's message to a gateway", gateway_wrong_way, 2 },
	{ "HELLO to the gateway twice", gateway_hello_twice, 2 },
	{ "a part of no answer", gateway_bulk_without_begin, 2 },
	{ "two long answers at once", gateway_bulk_twice, 2 },
	{ "a result of no method", gateway_result_of_nothing, 2 },
	{ "output of no stream", gateway_stream_of_nobody, 2 },
	{ "output without end", gateway_flood, 2 },
	{ "half a message", gateway_half, 2 },
	{ "text that would be more", gateway_text, 2 },
};

static void
story_attacks(void)
{
	const struct attack *a;
	size_t i;

	for (i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
		a = &attacks[i];
		party_ask_output(bystander, job, PIECE);
		if (tap_ok(evil_begin(a->phase) == 0, "a runner for: %s",
			a->name)) {
			tap_ok(a->fn(), "%s", a->name);
			tap_ok(undisturbed() &&
			    party_is_connected(bystander),
			    "and nobody else notices %s",
			    party_error(bystander));
		}
		evil_end();
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
	static const char *const args[] = { "--detach-ttl-ms", "1000",
		"--stop-grace-ms", "100", NULL };
	struct usage *before;
	pid_t broker, gateway;

	make_noise();
	stage = stage_new(args);
	if (!tap_ok(stage != NULL, "a stage"))
		return tap_done();
	bystander = party_new(stage_daemon(stage), "bystander");
	job = bystander == NULL ? NULL :
	    party_start(bystander, PARTY_PIPES, "job");
	broker = broker_pid();
	if (tap_ok(job != NULL, "a client with a real runner has work")) {
		gateway = party_gateway(bystander);
		story_attacks();
		before = usage_take(stage_daemon(stage));
		story_attacks();
		usage_check(before, MEMORY_KIB);
		usage_free(before);
		tap_ok(party_finish(bystander, job) == 0,
		    "its work ends with every byte as it was digested %s",
		    party_error(bystander));
		tap_ok(broker_pid() == broker &&
		    party_gateway(bystander) == gateway &&
		    kill(gateway, 0) == 0,
		    "it is the same broker and the same gateway still");
	}
	party_free(bystander);
	stage_free(stage, tap_failed());
	return tap_done();
}
