/* SPDX-License-Identifier: ISC */
/*
 * Sandboxes that nobody waits for any more while they are being set up, which
 * may hang: they are killed, and count until they are really gone.
 */
#include "config.h"

#include <signal.h>
#include <stdlib.h>

#include "broker/runner/runner.h"
#include "broker/runner/worker.h"
#include "common/clock.h"
#include "common/log.h"

#define SOON_MS 5000		/* to end, unless something keeps it */

struct leaving {
	LIST_ENTRY(leaving) entry;
	pid_t pid;
	uint64_t since_ms;
};

void
worker_leave(struct worker *worker)
{
	struct runner *runner = worker->runner;
	struct leaving *leaving;

	/* At the end all that is left is killed in any case. */
	if (worker->pid <= 0 || runner->phase != RUNNER_SERVING)
		return;
	/* It leads a group, unless it has not come to that yet. */
	kill(-worker->pid, SIGKILL);
	kill(worker->pid, SIGKILL);
	leaving = malloc(sizeof(*leaving));
	if (leaving == NULL)
		fatalx("no memory for what leaves");
	leaving->pid = worker->pid;
	leaving->since_ms = clock_ms();
	LIST_INSERT_HEAD(&runner->leaving, leaving, entry);
	worker->pid = 0;
}

size_t
workers_leaving(const struct runner *runner, bool *soon)
{
	const struct leaving *leaving;
	uint64_t now = clock_ms();
	size_t count = 0;

	*soon = false;
	LIST_FOREACH(leaving, &runner->leaving, entry) {
		count++;
		if (now - leaving->since_ms < SOON_MS)
			*soon = true;
	}
	return count;
}

static void
leaving_free(struct leaving *leaving)
{
	LIST_REMOVE(leaving, entry);
	free(leaving);
}

void
workers_collected(struct runner *runner, pid_t pid)
{
	struct leaving *leaving;
	struct worker *worker;

	TAILQ_FOREACH(worker, &runner->workers, entry)
		if (worker->pid == pid)
			worker->pid = 0;
	LIST_FOREACH(leaving, &runner->leaving, entry) {
		if (leaving->pid != pid)
			continue;
		leaving_free(leaving);
		workers_schedule(runner, false);
		return;
	}
}

void
workers_left(struct runner *runner)
{
	while (!LIST_EMPTY(&runner->leaving))
		leaving_free(LIST_FIRST(&runner->leaving));
}
