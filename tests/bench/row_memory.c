/* SPDX-License-Identifier: ISC */
/* Memory: of nothing, of sessions, of sessions that have work. */
#include "config.h"

#include <sys/resource.h>
#include <sys/types.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/bench.h"
#include "tests/bench/chain.h"
#include "tests/bench/client.h"
#include "tests/bench/num.h"
#include "tests/bench/rpc.h"
#include "tests/bench/server.h"
#include "tests/bench/usage.h"

#define SESSIONS 400
#define WITH_PROCESS 60
#define CROWD 10000
#define CROWD_CALLS 2000
#define CROWD_FILES 256
#define SETTLE_MS 300

void
row_empty(struct run *run)
{
	struct memory m;

	pause_ms(SETTLE_MS);
	usage_memory(run->server->pid, &m);
	report(run, 0, (double)m.pss / 1024);
	report(run, 1, (double)m.private.all / 1024);
	report(run, 2, (double)m.rss / 1024);
	note(run, "%zu processes", m.processes);
}

void
note_memory(struct run *run, const struct memory *before,
    const struct memory *after, unsigned by)
{
	struct usage u;

	usage_minus(&u, &after->private, &before->private);
	note(run, "gateway %.1f broker %.1f runner %.1f other %.1f KiB",
	    (double)u.part[PART_GATEWAY] / by, (double)u.part[PART_BROKER] / by,
	    (double)u.part[PART_RUNNER] / by, (double)u.part[PART_OTHER] / by);
}

static void
sessions(struct run *run, unsigned n, int with_process)
{
	struct client *c = need(NULL, n * sizeof(*c));
	struct memory before, after;
	unsigned i;

	/* The first of everything costs what the others don't. */
	session_open(&c[0], run->server, NULL, NULL);
	if (with_process)
		job_start(&c[0], 1, JOB_PIPES, "idle", NULL);
	pause_ms(SETTLE_MS);
	usage_memory(run->server->pid, &before);
	for (i = 1; i < n; i++) {
		session_open(&c[i], run->server, NULL, NULL);
		if (with_process)
			job_start(&c[i], 1, JOB_PIPES, "idle", NULL);
	}
	pause_ms(SETTLE_MS);
	usage_memory(run->server->pid, &after);
	report(run, 0, ((double)after.private.all -
	    (double)before.private.all) / (n - 1));
	note_memory(run, &before, &after, n - 1);
	for (i = 0; i < n; i++) {
		if (with_process)
			job_end(&c[i], 1);
		client_close(&c[i]);
	}
	free(c);
}

/* What the gateway answers by itself; the median, in us. */
static double
cheap_call(struct client *c)
{
	struct samples s = { 0 };
	struct frame frame;
	uint64_t start;
	unsigned i;

	for (i = 0; i < CROWD_CALLS; i++) {
		start = now_ns();
		client_sendf(c, "%s", RPC_STATUS);
		rpc_wait(c, 7, &frame);
		samples_add(&s, now_ns() - start);
	}
	return (double)samples_at(&s, 50) / NS_US;
}

/* At most "n", for the server has to have two descriptors for each. */
static unsigned
fit_to_files(unsigned n)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		give_up("limits: %s", strerror(errno));
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_max / 2 < n + CROWD_FILES ?
	    (unsigned)(limit.rlim_max / 2) - CROWD_FILES : n;
}

void
row_crowd(struct run *run)
{
	unsigned i, n = fit_to_files(times(run, CROWD));
	struct client *c = need(NULL, (n + 1) * sizeof(*c));
	struct memory before, after;
	uint64_t start, took;
	double first, last;

	session_open(&c[0], run->server, NULL, NULL);
	first = cheap_call(&c[0]);
	pause_ms(SETTLE_MS);
	usage_memory(run->server->pid, &before);
	start = now_ns();
	for (i = 1; i <= n; i++)
		session_open(&c[i], run->server, NULL, NULL);
	took = now_ns() - start;
	pause_ms(SETTLE_MS);
	usage_memory(run->server->pid, &after);
	last = cheap_call(&c[0]);
	report(run, 0, ((double)after.private.all -
	    (double)before.private.all) / n);
	report(run, 1, n / ((double)took / NS_S));
	report(run, 2, last / first);
	report(run, 3, last);
	note(run, "%u clients", n);
	note(run, "cheap call %.1f us before, %.1f us after", first, last);
	note_memory(run, &before, &after, n);
	for (i = 0; i <= n; i++)
		client_close(&c[i]);
	free(c);
}

void
row_idle_session(struct run *run)
{
	sessions(run, times(run, SESSIONS), 0);
}

void
row_idle_process(struct run *run)
{
	sessions(run, times(run, WITH_PROCESS), 1);
}

/* What one process that does nothing takes, linked as the job program is. */
void
limit_idle_process(struct run *run)
{
	unsigned i, n = times(run, WITH_PROCESS);
	uint64_t sum = 0;
	pid_t *pid = need(NULL, n * sizeof(*pid));

	for (i = 0; i < n; i++)
		if ((pid[i] = fork_tied()) == 0) {
			execl(job_program(), "job", "idle", (char *)NULL);
			_exit(127);
		}
	pause_ms(SETTLE_MS);
	for (i = 0; i < n; i++)
		sum += usage_private_of(pid[i]);
	report(run, 0, (double)sum / n);
	free(pid);
}
