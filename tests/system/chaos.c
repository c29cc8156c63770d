/* SPDX-License-Identifier: ISC */
/*
 * The clients of the chaos test.  Each has one way of living, which it goes
 * on with through every loss; at the end all that its jobs have written and
 * read is compared with what the jobs say themselves.
 */
#include "config.h"

#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/call.h"
#include "tests/lib/daemon.h"
#include "tests/lib/wait.h"
#include "tests/system/chaos.h"
#include "tests/system/party.h"

/* At the end a job may have to come through a restart that is going on. */
#define CHAOS_END_MS 180000

struct life {
	struct daemon *daemon;
	const char *name;
	struct party *party;
	struct party_job *job;	/* that lives as long as the client */
	struct chaos_report report;
	int stop;
};

static void
life_nap(int ms)
{
	struct timespec ts = { .tv_nsec = ms * 1000000L };

	nanosleep(&ts, NULL);
}

static int
step_settle(struct party *party, void *arg)
{
	(void)arg;
	return party_settle(party);
}

static int
step_check(struct party *party, void *arg)
{
	(void)arg;
	return party_check(party);
}

static int
step_take(struct party *party, void *arg)
{
	return party_take(party, arg, 300000);
}

static int
step_sip(struct party *party, void *arg)
{
	(void)arg;
	return party_sip(party, 2);
}

static int
step_resume(struct party *party, void *arg)
{
	int *left = arg;

	if (*left)
		return 0;
	*left = 1;
	return party_resume(party, PARTY_ABANDON);
}

/*
 * What is asked for is noted first, so that it is asked for again on the next
 * connection: whether it could be sent does not matter here.
 */
static int
round_output(struct life *life)
{
	(void)party_ask_output(life->party, life->job, 3000);
	return party_roam(life->party, step_settle, NULL);
}

static int
round_input(struct life *life)
{
	(void)party_ballast(life->party, life->job, 20, 2000);
	return party_roam(life->party, step_settle, NULL);
}

static int
round_flood(struct life *life)
{
	return party_roam(life->party, step_take, life->job);
}

static int
round_slow(struct life *life)
{
	life_nap(30);
	return party_roam(life->party, step_sip, NULL);
}

/* A session for one job, which is left when the job has ended. */
static int
round_brief(struct life *life)
{
	char id[64];
	int rc = -1;

	snprintf(id, sizeof(id), "%s-%d", life->name, life->report.starts++);
	life->party = party_new_roaming(life->daemon, life->name);
	if (life->party == NULL)
		return -1;
	life->job = party_roam_start(life->party, PARTY_ONCE, id);
	if (life->job != NULL)
		rc = party_roam_finish(life->party, life->job);
	life->report.bytes += party_bytes(life->party);
	life->report.resumed += party_resumed(life->party);
	if (rc == -1)
		return -1;
	party_free(life->party);
	life->party = NULL;
	return 0;
}

static int
round_once(struct life *life)
{
	struct party_job *once;
	char id[64];

	snprintf(id, sizeof(id), "%s-%d", life->name, life->report.starts++);
	once = party_roam_start(life->party, PARTY_ONCE, id);
	return once == NULL ? -1 : party_roam_finish(life->party, once);
}

/* Comes back all the time, whether it was cut off or not. */
static int
round_visit(struct life *life)
{
	int left = 0;

	(void)party_ask_output(life->party, life->job, 20000);
	return party_roam(life->party, step_resume, &left) == -1 ? -1 :
	    party_roam(life->party, step_check, NULL);
}

#define NO_JOB (-1)

static const struct kind {
	const char *name;
	int job;		/* enum party_kind, or NO_JOB */
	int polls;
	int small;
	int (*round)(struct life *life);
} kinds[] = {
	{ "pipes", PARTY_PIPES, 1, 0, round_output },
	{ "terminal", PARTY_PTY, 0, 0, round_output },
	{ "input", PARTY_PIPES, 0, 0, round_input },
	{ "flood", PARTY_FLOOD, 0, 0, round_flood },
	{ "slow", PARTY_FLOOD, 0, 1, round_slow },
	{ "visitor", PARTY_PIPES, 0, 0, round_visit },
	{ "starter", PARTY_PIPES, 0, 0, round_once },
	{ "brief", NO_JOB, 0, 0, round_brief },
};

size_t
chaos_kinds(void)
{
	return sizeof(kinds) / sizeof(kinds[0]);
}

const char *
chaos_kind_name(size_t kind)
{
	return kinds[kind].name;
}

static int
life_is_over(const struct life *life)
{
	struct pollfd pfd = { .fd = life->stop, .events = POLLIN };

	return poll(&pfd, 1, 0) != 0;
}

static int
life_begin(struct life *life, const struct kind *kind)
{
	if (kind->job == NO_JOB)
		return 0;
	life->party = party_new_roaming(life->daemon, kind->name);
	if (life->party == NULL)
		return -1;
	if (kind->small)
		party_small_buffer(life->party);
	life->job = party_roam_start(life->party, (enum party_kind)kind->job,
	    kind->name);
	if (life->job == NULL)
		return -1;
	if (kind->polls)
		(void)party_poll(life->party, life->job);
	return 0;
}

static int
life_end(struct life *life, const struct kind *kind)
{
	return kind->job == NO_JOB ? 0 :
	    party_roam_finish(life->party, life->job);
}

static void
life_live(struct life *life, const struct kind *kind)
{
	struct chaos_report *report = &life->report;
	int rc = life_begin(life, kind);

	while (rc == 0 && !life_is_over(life)) {
		rc = kind->round(life);
		report->rounds++;
	}
	if (rc == 0)
		rc = life_end(life, kind);
	if (rc == -1)
		snprintf(report->error, sizeof(report->error), "%s",
		    life->party == NULL ? "no session" :
		    party_error(life->party));
	if (life->party != NULL) {
		report->bytes += party_bytes(life->party);
		report->resumed += party_resumed(life->party);
	}
}

static void __attribute__((noreturn))
life_run(size_t kind, struct daemon *daemon, int stop, int out)
{
	struct life life = {
		.daemon = daemon,
		.name = kinds[kind].name,
		.stop = stop,
	};
	ssize_t n;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	life_live(&life, &kinds[kind]);
	n = write(out, &life.report, sizeof(life.report));
	party_free(life.party);
	_exit(n == (ssize_t)sizeof(life.report) ? 0 : 1);
}

int
chaos_start(struct chaos_client *client, size_t kind, struct daemon *daemon)
{
	int stop[2], report[2];

	if (pipe2(stop, O_CLOEXEC) == -1 || pipe2(report, O_CLOEXEC) == -1)
		return -1;
	client->name = kinds[kind].name;
	fflush(stdout);
	client->pid = fork();
	if (client->pid == 0) {
		close(stop[1]);
		close(report[0]);
		life_run(kind, daemon, stop[0], report[1]);
	}
	close(stop[0]);
	close(report[1]);
	client->stop = stop[1];
	client->report = report[0];
	return client->pid == -1 ? -1 : 0;
}

int
chaos_runs(const struct chaos_client *client)
{
	struct pollfd pfd = { .fd = client->report, .events = POLLIN };

	return poll(&pfd, 1, 0) == 0;
}

void
chaos_tell(struct chaos_client *client)
{
	close(client->stop);
	client->stop = -1;
}

void
chaos_finish(struct chaos_client *client, struct chaos_report *report)
{
	uint64_t deadline = deadline_in(CHAOS_END_MS);

	memset(report, 0, sizeof(*report));
	if (wait_fd(client->report, POLLIN, deadline) == -1)
		snprintf(report->error, sizeof(report->error),
		    "does not finish");
	else if (read(client->report, report, sizeof(*report)) !=
	    (ssize_t)sizeof(*report))
		snprintf(report->error, sizeof(report->error),
		    "ended without a report");
	kill(client->pid, SIGKILL);
	waitpid(client->pid, NULL, 0);
	close(client->report);
}
