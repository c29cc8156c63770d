/* SPDX-License-Identifier: ISC */
/*
 * A hung gateway and a hung broker are found and replaced, and meanwhile the
 * port stays open.
 */
#include "config.h"

#include <sys/types.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "common/clock.h"
#include "tests/lib/call.h"
#include "tests/lib/daemon.h"
#include "tests/lib/procfs.h"
#include "tests/lib/tap.h"
#include "tests/lib/wait.h"
#include "tests/system/party.h"

#define WATCHDOG_MS 60000
#define GATEWAYS 2

struct replaced {
	const struct daemon *daemon;
	const char *name;
	pid_t old;
	size_t count;
	struct party *bystander; /* must be answered all along, or NULL */
	int connects;
	int refused;
	int disturbed;
};

/* As wait_until() calls it: look, and knock at the port each time. */
static int
is_replaced(void *arg)
{
	struct replaced *r = arg;
	struct wire *wire = wire_connect(daemon_url(r->daemon), 5000);
	pid_t pids[16];
	size_t i, n;

	r->connects++;
	r->refused += wire == NULL;
	wire_free(wire);
	if (r->bystander != NULL && party_check(r->bystander) == -1)
		r->disturbed++;
	n = daemon_find(r->daemon, r->name, pids, 16);
	for (i = 0; i < n && i < 16; i++)
		if (pids[i] == r->old)
			return 0;
	return n >= r->count;
}

static void
check_replaced(struct replaced *r, const char *what)
{
	uint64_t began = clock_ms();
	int replaced;

	kill(r->old, SIGSTOP);
	replaced = wait_until(is_replaced, r, WATCHDOG_MS) == 0;
	tap_ok(replaced, "%s is replaced (%llu ms)", what,
	    (unsigned long long)(clock_ms() - began));
	tap_ok(r->refused == 0, "%d connects meanwhile, none refused",
	    r->connects);
	if (r->bystander != NULL)
		tap_ok(r->disturbed == 0, "a client of another gateway was "
		    "answered all along %s", party_error(r->bystander));
}

static int
other_gateway(const struct daemon *daemon, pid_t not, pid_t *other)
{
	pid_t pids[16];
	size_t i, n = daemon_find(daemon, "holdfast-gateway", pids, 16);

	for (i = 0; i < n && i < 16; i++)
		if (pids[i] != not) {
			*other = pids[i];
			return 0;
		}
	return -1;
}

/* A party on another gateway than "first". */
static struct party *
party_elsewhere(struct daemon *daemon, const struct party *first)
{
	struct party *party;
	pid_t other;

	if (other_gateway(daemon, party_gateway(first), &other) == -1)
		return NULL;
	daemon_pin(daemon, other);
	party = party_new(daemon, "bystander");
	daemon_unpin(daemon);
	return party;
}

static void
story_gateway(struct daemon *daemon)
{
	struct party *victim = party_new(daemon, "victim"), *bystander = NULL;
	struct party_job *job = NULL;
	struct replaced r = { .daemon = daemon, .name = "holdfast-gateway",
		.count = GATEWAYS };

	if (victim != NULL) {
		job = party_start(victim, PARTY_PIPES, "job");
		bystander = party_elsewhere(daemon, victim);
	}
	if (tap_ok(job != NULL && bystander != NULL,
	    "clients of two gateways")) {
		r.old = party_gateway(victim);
		r.bystander = bystander;
		check_replaced(&r, "a hung gateway");
		tap_ok(party_resume(victim, PARTY_DRAIN) == 0 &&
		    party_ask_output(victim, job, 5000) == 0 &&
		    party_finish(victim, job) == 0,
		    "its client resumes and has lost nothing %s",
		    party_error(victim));
	}
	party_free(victim);
	party_free(bystander);
}

/* No gateway is left that could accept, and yet nobody is refused. */
static void
story_all_gateways(struct daemon *daemon)
{
	struct party *victim = party_new(daemon, "victim");
	struct replaced r = { .daemon = daemon, .name = "holdfast-gateway",
		.count = GATEWAYS };
	struct party_job *job = NULL;
	pid_t other = 0;

	if (victim != NULL)
		job = party_start(victim, PARTY_PIPES, "all");
	if (tap_ok(job != NULL && other_gateway(daemon, party_gateway(victim),
	    &other) == 0, "a client and two gateways")) {
		r.old = party_gateway(victim);
		kill(other, SIGSTOP);
		check_replaced(&r, "every gateway, all hung,");
		tap_ok(party_resume(victim, PARTY_DRAIN) == 0 &&
		    party_finish(victim, job) == 0,
		    "the client resumes and has lost nothing %s",
		    party_error(victim));
	}
	party_free(victim);
}

static int
can_attach(void *arg)
{
	struct daemon *daemon = arg;
	struct call *call = call_attach(daemon_url(daemon), NULL);

	call_free(call);
	return call != NULL;
}

static void
story_broker(struct daemon *daemon)
{
	struct party *party = party_new(daemon, "orphan");
	struct replaced r = { .daemon = daemon, .name = "holdfast-broker",
		.count = 1 };
	struct party_job *job = NULL;

	if (party != NULL)
		job = party_start(party, PARTY_DEAF, "deaf");
	if (tap_ok(job != NULL && daemon_find(daemon, "holdfast-broker",
	    &r.old, 1) == 1, "a client and a broker")) {
		check_replaced(&r, "a hung broker");
		tap_ok(wait_until(can_attach, daemon, WATCHDOG_MS) == 0,
		    "the next broker makes sessions");
		tap_ok(party_check(party) == 0, "a client of the last one has "
		    "noticed nothing %s", party_error(party));
	}
	party_free(party);
}

int
main(void)
{
	static const char *const args[] = { "--gateways", "2",
		"--watchdog-ms", "1000", NULL };
	struct daemon *daemon = daemon_start(args);

	if (tap_ok(daemon != NULL, "holdfastd runs")) {
		story_gateway(daemon);
		story_all_gateways(daemon);
		story_broker(daemon);
		tap_ok(daemon_stop(daemon, WATCHDOG_MS) == 0,
		    "holdfastd ends with 0");
		tap_ok(daemon_check_clean(daemon, WATCHDOG_MS) == 0,
		    "nothing is left behind");
	}
	daemon_free(daemon, tap_failed() > 0);
	return tap_done();
}
