/* SPDX-License-Identifier: ISC */
/*
 * Gateways are killed with SIGKILL under a load, again and again, at every
 * kind of moment; nothing may be lost, nothing come twice, and those whose
 * connection another gateway carries must not notice.
 *
 * ROUNDS=n in the environment asks for another number of rounds, SEED=n for
 * the same choices as in an earlier run.
 */
#include "config.h"

#include <sys/types.h>

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <json-c/json.h>

#include "common/clock.h"
#include "tests/lib/call.h"
#include "tests/lib/daemon.h"
#include "tests/lib/raw.h"
#include "tests/lib/tap.h"
#include "tests/lib/wait.h"
#include "tests/system/party.h"

#define ROUNDS 200
#define JITTER_US 3000

enum { WORK, FLOOD, SLOW, FIRST, SECOND, NPARTIES };

static const char *const party_names[NPARTIES] = {
	"work", "flood", "slow", "first", "second"
};

struct rounds {
	struct daemon *daemon;
	struct party *parties[NPARTIES];
	struct party_job *pipes;
	struct party_job *terminal;
	struct party_job *floods[NPARTIES];
	struct party_job *talks[NPARTIES];
	struct party_job *once; /* of this round, or NULL */
	char once_id[32];
	struct wire *waif; /* a connection that gets no answer */
	uint64_t random;
	int round;
	int resumed; /* connections that were lost and resumed */
	int spared; /* that another gateway carried and that stayed */
	int starts;
	int bad;
};

static uint64_t
rounds_random(struct rounds *r, uint64_t below)
{
	r->random ^= r->random << 13;
	r->random ^= r->random >> 7;
	r->random ^= r->random << 17;
	return (r->random >> 11) % below;
}

/* What is going on at the moment of death: returns 0 or -1. */

static int
moment_idle(struct rounds *r)
{
	return party_settle(r->parties[WORK]);
}

/* A waif: upgrade and initialize sent in one piece, nothing read. */
static int
rounds_send_waif(struct rounds *r, const char *resume)
{
	char text[RAW_BEGIN_MAX + 256], *json = raw_initialize(resume);
	size_t len = raw_begin(text, daemon_url(r->daemon));

	len += raw_frame(text + len, json);
	free(json);
	r->waif = wire_connect(daemon_url(r->daemon), PARTY_MS);
	return r->waif == NULL ? -1 :
	    wire_send_raw(r->waif, text, len, PARTY_MS);
}

/* Somebody is just getting a session from the gateway that carries work. */
static int
moment_attach(struct rounds *r)
{
	daemon_pin(r->daemon, party_gateway(r->parties[WORK]));
	return rounds_send_waif(r, NULL);
}

/* The session is just being resumed through the gateway that dies. */
static int
moment_resume(struct rounds *r)
{
	struct party *work = r->parties[WORK];

	party_leave(work, PARTY_ABANDON);
	daemon_pin(r->daemon, party_gateway(work));
	return rounds_send_waif(r, party_session(work));
}

static int
moment_start(struct rounds *r)
{
	snprintf(r->once_id, sizeof(r->once_id), "once-%d", r->round);
	r->once = party_ask_start(r->parties[WORK], PARTY_ONCE, r->once_id);
	r->starts++;
	return r->once == NULL ? -1 : 0;
}

static int
moment_half_frame(struct rounds *r)
{
	return party_say_half(r->parties[WORK], r->pipes,
	    "x a line that the first gateway sees half of\n");
}

static int
moment_output(struct rounds *r)
{
	if (party_ask_output(r->parties[WORK], r->pipes, 400000) == -1 ||
	    party_ask_output(r->parties[WORK], r->terminal, 100000) == -1)
		return -1;
	return party_take(r->parties[WORK], r->pipes,
	    rounds_random(r, 100000) + 1);
}

static int
moment_stdin(struct rounds *r)
{
	if (party_ballast(r->parties[WORK], r->pipes, 40, 3000) == -1 ||
	    party_ballast(r->parties[WORK], r->terminal, 20, 1000) == -1)
		return -1;
	return party_sip(r->parties[WORK], (int)rounds_random(r, 40));
}

/* Waiting reads are always there; here nothing else is. */
static int
moment_poll(struct rounds *r)
{
	return party_settle(r->parties[WORK]);
}

static int
moment_flood(struct rounds *r)
{
	return party_take(r->parties[FLOOD], r->floods[FLOOD],
	    rounds_random(r, 1000000) + 1);
}

/* A long answer is on its way; nobody waits for it afterwards. */
static int
moment_long_answer(struct rounds *r)
{
	return call_send(party_call(r->parties[FLOOD]), "process/read",
	    call_process_params("flood")) == -1 ? -1 : 0;
}

/* What is sent to a gateway that hangs has been taken by the kernel only. */
static int
moment_hung(struct rounds *r)
{
	kill(party_gateway(r->parties[WORK]), SIGSTOP);
	if (party_ballast(r->parties[WORK], r->pipes, 20, 3000) == -1)
		return -1;
	return party_ask_output(r->parties[WORK], r->terminal, 3000);
}

static int
moment_slow(struct rounds *r)
{
	return party_sip(r->parties[SLOW], 1);
}

static const struct moment {
	const char *name;
	int target;
	int (*prepare)(struct rounds *);
} moments[] = {
	{ "idle", WORK, moment_idle },
	{ "attach", WORK, moment_attach },
	{ "resume", WORK, moment_resume },
	{ "start", WORK, moment_start },
	{ "mid-frame write", WORK, moment_half_frame },
	{ "mid output", WORK, moment_output },
	{ "stdin in flight", WORK, moment_stdin },
	{ "long poll", WORK, moment_poll },
	{ "full speed", FLOOD, moment_flood },
	{ "slow reader", SLOW, moment_slow },
	{ "long answer", FLOOD, moment_long_answer },
	{ "hung", WORK, moment_hung },
};

#define NMOMENTS (sizeof(moments) / sizeof(moments[0]))

/* Not to wait for anything: to meet it at another point each time. */
static void
rounds_jitter(struct rounds *r)
{
	struct timespec ts = { .tv_nsec =
	    (long)rounds_random(r, JITTER_US) * 1000 };

	if (rounds_random(r, 3) != 0)
		nanosleep(&ts, NULL);
}

static int
rounds_fail(struct rounds *r, const char *why)
{
	tap_note("round %d: %s", r->round, why);
	r->bad = 1;
	return -1;
}

static int
rounds_resume(struct rounds *r, int i)
{
	struct party *party = r->parties[i];
	enum party_leave leave = PARTY_DRAIN;

	/* The slow one stays slow: what it has not read is read again. */
	if (i == SLOW || (i == WORK && rounds_random(r, 2) == 0))
		leave = PARTY_ABANDON;
	r->resumed++;
	return party_resume(party, leave);
}

/* Everybody goes on, each in its own way. */
static int
rounds_go_on(struct rounds *r, int i)
{
	struct party *party = r->parties[i];

	switch (i) {
	case WORK:
		if (party_ask_output(party, r->pipes, 3000) == -1 ||
		    party_ask_output(party, r->terminal, 2000) == -1 ||
		    party_settle(party) == -1)
			return -1;
		return r->once == NULL ? 0 : party_finish(party, r->once);
	case FLOOD:
		return party_take(party, r->floods[i], 500000);
	case SLOW:
		return party_sip(party, 2);
	default:
		if (party_ask_output(party, r->talks[i], 500) == -1 ||
		    party_settle(party) == -1)
			return -1;
		return party_check(party);
	}
}

static int
rounds_play(struct rounds *r)
{
	const struct moment *moment =
	    &moments[(size_t)(r->round - 1) % NMOMENTS];
	pid_t victim = party_gateway(r->parties[moment->target]);
	uint64_t before;
	int i, lost[NPARTIES], nlost = 0;

	r->once = NULL;
	if (moment->prepare(r) == -1)
		return rounds_fail(r, party_error(r->parties[moment->target]));
	rounds_jitter(r);
	before = clock_ms();
	daemon_kill_gateway(r->daemon, victim);
	daemon_unpin(r->daemon);
	wire_free(r->waif);
	r->waif = NULL;
	for (i = 0; i < NPARTIES; i++)
		lost[i] = party_gateway(r->parties[i]) == victim;
	for (i = 0; i < NPARTIES; i++) {
		nlost += lost[i];
		r->spared += !lost[i];
		if (!lost[i] && !party_is_connected(r->parties[i]))
			return rounds_fail(r, "a connection ended that "
			    "another gateway carries");
		if (lost[i] && rounds_resume(r, i) == -1)
			return rounds_fail(r, party_error(r->parties[i]));
	}
	before = clock_ms() - before;
	for (i = 0; i < NPARTIES; i++)
		if (rounds_go_on(r, i) == -1)
			return rounds_fail(r, party_error(r->parties[i]));
	tap_note("round %d: %s: killed gateway %d, %d resumed in %" PRIu64
	    " ms, %" PRIu64 " KiB of flood so far", r->round, moment->name,
	    (int)victim, nlost, before, party_bytes(r->parties[FLOOD]) / 1024);
	return 0;
}

static int
rounds_begin_party(struct rounds *r, int i)
{
	const char *name = party_names[i];

	if ((r->parties[i] = party_new(r->daemon, name)) == NULL)
		return -1;
	if (i == WORK) {
		r->pipes = party_start(r->parties[i], PARTY_PIPES, "pipes");
		r->terminal = party_start(r->parties[i], PARTY_PTY,
		    "terminal");
		return r->pipes == NULL || r->terminal == NULL ? -1 :
		    party_poll(r->parties[i], r->pipes);
	}
	if (i != FLOOD && i != SLOW) {
		r->talks[i] = party_start(r->parties[i], PARTY_PIPES, name);
		return r->talks[i] == NULL ? -1 :
		    party_poll(r->parties[i], r->talks[i]);
	}
	if (i == SLOW)
		party_small_buffer(r->parties[i]);
	r->floods[i] = party_start(r->parties[i], PARTY_FLOOD, name);
	return r->floods[i] == NULL ? -1 : 0;
}

static void
rounds_account(struct rounds *r)
{
	struct party *work = r->parties[WORK];
	const char *dir = daemon_dir(r->daemon);
	int i, twice = 0;

	tap_ok(party_finish(work, r->pipes) == 0,
	    "what went through pipes is what the job says %s",
	    party_error(work));
	tap_ok(party_finish(work, r->terminal) == 0,
	    "what went through a terminal is what the job says %s",
	    party_error(work));
	for (i = FLOOD; i < NPARTIES; i++)
		tap_ok(party_finish(r->parties[i], i <= SLOW ? r->floods[i] :
		    r->talks[i]) == 0, "%s: %" PRIu64 " bytes are what the "
		    "job says %s", party_names[i], party_bytes(r->parties[i]),
		    party_error(r->parties[i]));
	for (i = 1; i <= r->round; i++) {
		char id[32];

		snprintf(id, sizeof(id), "once-%d", i);
		twice += !party_ran(dir, id,
		    strcmp(moments[(size_t)(i - 1) % NMOMENTS].name,
		    "start") == 0);
	}
	tap_ok(twice == 0, "each of %d starts ran once", r->starts);
}

static void
rounds_run(struct rounds *r, int rounds)
{
	uint64_t began = clock_ms();
	int i;

	for (i = 0; i < NPARTIES && !r->bad; i++)
		if (rounds_begin_party(r, i) == -1)
			r->bad = 1;
	if (!tap_ok(!r->bad, "a load on %d connections", NPARTIES)) {
		for (i = 0; i < NPARTIES && r->parties[i] != NULL; i++)
			tap_note("%s", party_error(r->parties[i]));
		return;
	}
	while (r->round < rounds && !r->bad) {
		r->round++;
		rounds_play(r);
	}
	tap_ok(!r->bad, "%d rounds in %" PRIu64 " ms: %d connections resumed",
	    r->round, clock_ms() - began, r->resumed);
	tap_ok(!r->bad, "%d times a connection of another gateway stayed",
	    r->spared);
	if (!r->bad)
		rounds_account(r);
}

int
main(void)
{
	/*
	 * Floods are held however long it takes to come back: what gave way,
	 * or was kept in a file as tens of MiB, is no part of this story.
	 */
	static const char *const args[] = { "--gateways", "16", "--hold-ms",
		"3600000", "--spill-bytes", "0", NULL };
	const char *rounds = getenv("ROUNDS"), *seed = getenv("SEED");
	struct rounds r = { 0 };
	int i;

	r.random = seed != NULL ? strtoull(seed, NULL, 10) :
	    clock_ms() * 2654435761 + (uint64_t)getpid();
	r.random += r.random == 0;
	tap_note("SEED=%" PRIu64, r.random);
	if (!tap_ok((r.daemon = daemon_start(args)) != NULL, "holdfastd runs"))
		return tap_done();
	rounds_run(&r, rounds != NULL ? atoi(rounds) : ROUNDS);
	daemon_unpin(r.daemon);
	wire_free(r.waif);
	for (i = 0; i < NPARTIES; i++)
		party_free(r.parties[i]);
	tap_ok(daemon_stop(r.daemon, PARTY_MS) == 0, "holdfastd ends with 0");
	tap_ok(daemon_check_clean(r.daemon, PARTY_MS) == 0,
	    "nothing is left behind");
	daemon_free(r.daemon, tap_failed() > 0);
	return tap_done();
}
