/* SPDX-License-Identifier: ISC */
/* Finding a process by the client's id for it, or by the kernel's. */
#include "config.h"

#include <string.h>

#include "broker/runner/runner.h"

static size_t
id_bucket(const uint8_t *id, size_t len)
{
	uint32_t hash = 2166136261u;

	while (len-- > 0)
		hash = (hash ^ *id++) * 16777619u;
	return (hash ^ (hash >> 15)) % RUNNER_BUCKETS;
}

static size_t
pid_bucket(pid_t pid)
{
	return (size_t)pid % RUNNER_BUCKETS;
}

struct child *
table_find_id(struct runner *runner, struct span id)
{
	struct child *child;

	LIST_FOREACH(child, &runner->by_id[id_bucket(id.p, id.len)], by_id)
		if (child->id_len == id.len && (id.len == 0 ||
		    memcmp(child->id, id.p, id.len) == 0))
			return child;
	return NULL;
}

struct child *
table_find_pid(struct runner *runner, pid_t pid)
{
	struct child *child;

	LIST_FOREACH(child, &runner->by_pid[pid_bucket(pid)], by_pid)
		if (child->pid == pid)
			return child;
	return NULL;
}

void
table_add(struct runner *runner, struct child *child)
{
	TAILQ_INSERT_TAIL(&runner->children, child, entry);
	LIST_INSERT_HEAD(&runner->by_id[id_bucket(child->id, child->id_len)],
	    child, by_id);
	LIST_INSERT_HEAD(&runner->by_pid[pid_bucket(child->pid)], child,
	    by_pid);
}

void
table_forget_pid(struct child *child)
{
	if (child->pid == 0)
		return;
	LIST_REMOVE(child, by_pid);
	child->pid = 0;
}

void
table_remove(struct child *child)
{
	table_forget_pid(child);
	LIST_REMOVE(child, by_id);
	TAILQ_REMOVE(&child->runner->children, child, entry);
}
