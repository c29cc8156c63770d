/* SPDX-License-Identifier: ISC */
/*
 * Clients of every kind under load, while each second something is killed,
 * stopped, replaced or reloaded.  At the end every stream is what its job
 * says, no start ran twice, nothing is left, no descriptor has leaked.
 *
 * CHAOS_SECONDS=n in the environment asks for another length, SEED=n for the
 * same choices as in an earlier run, CHAOS_ONLY=text for those events alone
 * that have the text in their names.
 */
#include "config.h"

#include <sys/types.h>
#include <sys/wait.h>

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/xmalloc.h"
#include "tests/lib/call.h"
#include "tests/lib/daemon.h"
#include "tests/lib/procfs.h"
#include "tests/lib/tap.h"
#include "tests/lib/wait.h"
#include "tests/system/chaos.h"
#include "tests/system/party.h"

#define SECONDS 15
#define PERIOD_MS 1000
#define STOPPED_MS 700
#define WHOLE_MS 60000
#define CLIENTS_MAX 16
/* Beyond what each process had before there was any client. */
#define SPARE_DESCRIPTORS 8

struct chaos {
	struct daemon *daemon;
	struct chaos_client clients[CLIENTS_MAX];
	size_t nclients;
	uint64_t random;
	int descriptors[3];	/* at the start: see roles */
	int bad;
};

static const char *const roles[] = {
	"holdfastd", "holdfast-broker", "holdfast-gateway"
};

static uint64_t
chaos_random(struct chaos *c, uint64_t below)
{
	c->random ^= c->random << 13;
	c->random ^= c->random >> 7;
	c->random ^= c->random << 17;
	return (c->random >> 11) % below;
}

static int
chaos_is_named(const struct procfs_entry *entry, const char *name)
{
	return entry->state != 'Z' &&
	    strncmp(entry->comm, name, sizeof(entry->comm) - 1) == 0;
}

/*
 * Whoever their parent is by now; but one that was just forked to become
 * another program still has its parent's name.
 */
static size_t
chaos_find(const char *name, pid_t *pids, size_t max)
{
	struct procfs_entry *all = xcalloc(PROCFS_MAX, sizeof(*all));
	size_t i, n = procfs_below(getpid(), all, PROCFS_MAX), found = 0;
	struct procfs_entry parent;

	for (i = 0; i < n && found < max; i++)
		if (chaos_is_named(&all[i], name) &&
		    (procfs_get(all[i].ppid, &parent) == -1 ||
		    !chaos_is_named(&parent, name)))
			pids[found++] = all[i].pid;
	free(all);
	return found;
}

static pid_t
chaos_pick(struct chaos *c, const char *name)
{
	pid_t pids[64];
	size_t n = chaos_find(name, pids, 64);

	return n == 0 ? 0 : pids[chaos_random(c, n)];
}

static int
chaos_signal(struct chaos *c, const char *name, int signo)
{
	pid_t pid = chaos_pick(c, name);

	return pid == 0 ? 0 : kill(pid, signo);
}

static void
chaos_sleep(uint64_t ms)
{
	struct timespec ts = {
		.tv_sec = (time_t)(ms / 1000),
		.tv_nsec = (long)(ms % 1000) * 1000000L,
	};

	nanosleep(&ts, NULL);
}

/* Stopped for a while, which may be long enough for the watchdog. */
static int
chaos_stop(struct chaos *c, const char *name)
{
	pid_t pid = chaos_pick(c, name);

	if (pid == 0 || kill(pid, SIGSTOP) == -1)
		return 0;
	chaos_sleep(chaos_random(c, STOPPED_MS));
	kill(pid, SIGCONT);
	return 0;
}

static int
event_kill_gateway(struct chaos *c)
{
	return chaos_signal(c, "holdfast-gateway", SIGKILL);
}

static int
event_stop_gateway(struct chaos *c)
{
	return chaos_stop(c, "holdfast-gateway");
}

static int
event_kill_broker(struct chaos *c)
{
	return chaos_signal(c, "holdfast-broker", SIGKILL);
}

static int
event_stop_broker(struct chaos *c)
{
	return chaos_stop(c, "holdfast-broker");
}

static int
event_stop_supervisor(struct chaos *c)
{
	return chaos_stop(c, "holdfastd");
}

static int
event_kill_supervisor(struct chaos *c)
{
	daemon_kill(c->daemon);
	chaos_sleep(chaos_random(c, STOPPED_MS));
	return daemon_start_again(c->daemon);
}

static int
event_roll(struct chaos *c)
{
	return kill(daemon_pid(c->daemon), SIGUSR1);
}

static int
event_reload(struct chaos *c)
{
	return kill(daemon_pid(c->daemon), SIGHUP);
}

/* holdfastctl with these words; 0 when it says that it is done. */
static int
chaos_ctl(struct chaos *c, const char *verb, const char *option)
{
	const char *build = getenv("top_builddir");
	char *program = xasprintf("%s/holdfastctl",
	    build == NULL ? "." : build);
	int status = -1;
	pid_t pid;

	pid = fork();
	if (pid == 0) {
		execl(program, program, "--runtime-dir",
		    daemon_runtime_dir(c->daemon), verb, option,
		    (char *)NULL);
		_exit(127);
	}
	free(program);
	if (pid == -1 || waitpid(pid, &status, 0) != pid)
		return -1;
	if (status != 0)
		tap_note("holdfastctl %s: status %d", verb,
		    WEXITSTATUS(status));
	return status == 0 ? 0 : -1;
}

static int
event_hand_off(struct chaos *c)
{
	return chaos_ctl(c, "roll", "--handoff");
}

static int
chaos_is_other_broker(void *arg)
{
	pid_t *before = arg, now;

	return chaos_find("holdfast-broker", &now, 1) == 1 && now != *before;
}

/* It is told of as done when the broker's turn comes. */
static int
event_upgrade(struct chaos *c)
{
	pid_t before = chaos_pick(c, "holdfast-broker");

	return chaos_ctl(c, "upgrade", NULL) == 0 &&
	    wait_until(chaos_is_other_broker, &before, WHOLE_MS) == 0 ? 0 :
	    -1;
}

static struct event_row {
	const char *name;
	unsigned int weight;
	int (*cause)(struct chaos *c);
	unsigned int count;
} events[] = {
	{ "gateway killed", 4, event_kill_gateway, 0 },
	{ "gateway stopped", 2, event_stop_gateway, 0 },
	{ "broker killed", 4, event_kill_broker, 0 },
	{ "broker stopped", 2, event_stop_broker, 0 },
	{ "supervisor killed", 3, event_kill_supervisor, 0 },
	{ "supervisor stopped", 1, event_stop_supervisor, 0 },
	{ "gateways rolled", 2, event_roll, 0 },
	{ "gateways rolled, handing off", 2, event_hand_off, 0 },
	{ "configuration reloaded", 1, event_reload, 0 },
	{ "all upgraded", 2, event_upgrade, 0 },
};

#define NEVENTS (sizeof(events) / sizeof(events[0]))

static void
chaos_choose_among(const char *text)
{
	size_t i;

	for (i = 0; text != NULL && i < NEVENTS; i++)
		if (strstr(events[i].name, text) == NULL)
			events[i].weight = 0;
}

static struct event_row *
chaos_choose(struct chaos *c)
{
	unsigned int total = 0;
	uint64_t n;
	size_t i;

	for (i = 0; i < NEVENTS; i++)
		total += events[i].weight;
	if (total == 0)
		return &events[0];
	n = chaos_random(c, total);
	for (i = 0; n >= events[i].weight; i++)
		n -= events[i].weight;
	return &events[i];
}

/*
 * Broker and supervisor keep each other's things, so one of them has to be
 * there: the next event waits until a new client gets a session again.
 */
static int
chaos_is_whole(void *arg)
{
	struct chaos *c = arg;
	struct call *call;
	int status;

	call = call_open_with(daemon_url(c->daemon), "", &status);
	if (call == NULL || call_try_begin(call, NULL) != 0) {
		call_free(call);
		return 0;
	}
	call_free(call);
	return 1;
}

static int
chaos_fail(struct chaos *c, const char *what, const char *why)
{
	tap_note("%s: %s", what, why);
	c->bad = 1;
	return -1;
}

static int
chaos_strike(struct chaos *c, int second)
{
	struct event_row *row = chaos_choose(c);
	uint64_t before = clock_ms();
	size_t i;

	if (row->cause(c) != 0)
		return chaos_fail(c, row->name, "could not be done");
	row->count++;
	if (wait_until(chaos_is_whole, c, WHOLE_MS) == -1)
		return chaos_fail(c, row->name, "no new session afterwards");
	tap_note("second %d: %s; new sessions after %" PRIu64 " ms", second,
	    row->name, clock_ms() - before);
	for (i = 0; i < c->nclients; i++)
		if (!chaos_runs(&c->clients[i]))
			return chaos_fail(c, c->clients[i].name,
			    "has given up");
	return 0;
}

static void
chaos_rage(struct chaos *c, int seconds)
{
	uint64_t end = clock_ms() + (uint64_t)seconds * 1000, began;
	int second = 0;
	size_t i;

	while (!c->bad && (began = clock_ms()) < end) {
		chaos_strike(c, ++second);
		if (clock_ms() - began < PERIOD_MS)
			chaos_sleep(PERIOD_MS - (clock_ms() - began));
	}
	for (i = 0; i < NEVENTS; i++)
		tap_note("%5u x %s", events[i].count, events[i].name);
	tap_ok(!c->bad, "%d events in %d s", second, seconds);
}

static void
chaos_begin(struct chaos *c)
{
	size_t i;

	for (i = 0; i < chaos_kinds(); i++)
		if (chaos_start(&c->clients[c->nclients], i, c->daemon) == 0)
			c->nclients++;
	tap_ok(c->nclients == chaos_kinds(), "%zu clients", c->nclients);
}

static void
chaos_account(struct chaos *c)
{
	struct chaos_report report;
	int j, times = 0, starts = 0;
	char id[64];
	size_t i;

	for (i = 0; i < c->nclients; i++)
		chaos_tell(&c->clients[i]);
	for (i = 0; i < c->nclients; i++) {
		chaos_finish(&c->clients[i], &report);
		tap_ok(report.error[0] == '\0', "%s: %d rounds, %" PRIu64
		    " KiB are what the job says, %d times resumed %s",
		    c->clients[i].name, report.rounds, report.bytes / 1024,
		    report.resumed, report.error);
		starts += report.starts;
		for (j = 0; report.error[0] == '\0' && j < report.starts;
		    j++) {
			snprintf(id, sizeof(id), "%s-%d",
			    c->clients[i].name, j);
			times += !party_ran(daemon_dir(c->daemon), id, 1);
		}
	}
	tap_ok(times == 0, "each of %d starts ran once", starts);
}

static int
no_runner(void *arg)
{
	pid_t pid;

	(void)arg;
	return chaos_find("holdfast-runner", &pid, 1) == 0;
}

/* The most that any process of a role has. */
static int
chaos_descriptors(const char *role)
{
	pid_t pids[64];
	size_t i, n = chaos_find(role, pids, 64);
	int most = -1, one;

	for (i = 0; i < n; i++)
		if ((one = procfs_descriptors(pids[i])) > most)
			most = one;
	return most;
}

static void
chaos_look_for_leaks(struct chaos *c)
{
	size_t i;
	int now;

	tap_ok(wait_until(no_runner, NULL, WHOLE_MS * 2) == 0,
	    "all sessions end when nobody comes back");
	for (i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		now = chaos_descriptors(roles[i]);
		if (now == -1) {
			tap_skip("descriptors of others cannot be seen",
			    "%s leaks none", roles[i]);
			continue;
		}
		tap_ok(now <= c->descriptors[i] + SPARE_DESCRIPTORS,
		    "%s: %d descriptors, %d at the start", roles[i], now,
		    c->descriptors[i]);
	}
}

int
main(void)
{
	static const char *const args[] = { "--gateways", "4", "--ping-ms",
	    "3600000", "--detach-ttl-ms", "10000", "--gateway-loss-ttl-ms",
	    "60000", NULL };
	const char *length = getenv("CHAOS_SECONDS"), *seed = getenv("SEED");
	struct chaos c = { 0 };
	size_t i;

	c.random = seed != NULL && *seed != '\0' ? strtoull(seed, NULL, 10) :
	    clock_ms() * 2654435761 + (uint64_t)getpid();
	c.random += c.random == 0;
	tap_note("SEED=%" PRIu64, c.random);
	chaos_choose_among(getenv("CHAOS_ONLY"));
	if (!tap_ok((c.daemon = daemon_start(args)) != NULL, "holdfastd runs"))
		return tap_done();
	for (i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		c.descriptors[i] = chaos_descriptors(roles[i]);
	chaos_begin(&c);
	chaos_rage(&c, length != NULL && *length != '\0' ? atoi(length) :
	    SECONDS);
	chaos_account(&c);
	if (!c.bad)
		chaos_look_for_leaks(&c);
	tap_ok(daemon_stop(c.daemon, WHOLE_MS) == 0, "holdfastd ends with 0");
	tap_ok(daemon_check_clean(c.daemon, WHOLE_MS) == 0,
	    "nothing is left behind");
	daemon_free(c.daemon, tap_failed() > 0);
	return tap_done();
}
