/* SPDX-License-Identifier: ISC */
/* Which worker has which file of a client's open. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "broker/runner/lend.h"
#include "broker/runner/runner.h"
#include "broker/runner/worker.h"
#include "common/log.h"

struct held {
	LIST_ENTRY(held) entry;
	size_t len;
	uint8_t id[];
};

struct held *
worker_holds(const struct worker *worker, struct span id)
{
	struct held *held;

	LIST_FOREACH(held, &worker->held, entry)
		if (held->len == id.len &&
		    (id.len == 0 || memcmp(held->id, id.p, id.len) == 0))
			return held;
	return NULL;
}

void
worker_hold(struct worker *worker, struct span id)
{
	struct held *held;

	if (worker_holds(worker, id) != NULL)
		return;
	held = malloc(sizeof(*held) + id.len);
	if (held == NULL)
		fatalx("no memory for a file handle");
	held->len = id.len;
	if (id.len > 0)
		memcpy(held->id, id.p, id.len);
	LIST_INSERT_HEAD(&worker->held, held, entry);
	worker->runner->handles++;
}

void
worker_unhold(struct worker *worker, struct span id)
{
	struct held *held = worker_holds(worker, id);

	if (held == NULL)
		return;
	LIST_REMOVE(held, entry);
	free(held);
	worker->runner->handles--;
	lend_settle(worker->runner);
}

void
worker_unhold_all(struct worker *worker)
{
	struct held *held;

	while ((held = LIST_FIRST(&worker->held)) != NULL) {
		LIST_REMOVE(held, entry);
		free(held);
		worker->runner->handles--;
	}
}
