/* SPDX-License-Identifier: ISC */
/*
 * Which requests may be done beside each other.  Work on files is done in
 * the order asked for where it touches the same path, or one below the other,
 * unless both only look; everything else need not wait.  Pure.
 */
#ifndef RUNNER_WORK_H
#define RUNNER_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/proto.h"

#define WORK_PATHS 2
#define WORK_LOOK 64	/* waiting requests looked at in one go */

/* Who does it: see worker.c. */
enum worker_kind {
	WORKER_FILES,
	WORKER_HANDLES,
	WORKER_WATCH,
	WORKER_HTTP,
	WORKER_KINDS
};

struct work {
	TAILQ_ENTRY(work) entry;
	uint32_t number;	/* between runner and worker */
	uint64_t generation;	/* of the attachment that asked */
	uint16_t type;
	enum worker_kind kind;
	bool changes;		/* what it touches is not as it was */
	struct span paths[WORK_PATHS];	/* into "bytes"; empty: none */
	bool boxed;		/* it may ask for a sandbox */
	uint8_t *policy;	/* the one it asks for, for workers; owned */
	size_t policy_len;
	struct span handle;	/* the client's name for a file, into "bytes" */
	bool moves;		/* who has that file may be another then */
	struct worker *worker;	/* who does it; NULL: it waits */
	unsigned int tries;	/* in sandboxes that were outdated */
	/* The client's call, for an error if the worker is lost. */
	uint32_t call;
	bool has_int, has_str;
	int64_t id_int;
	struct span id_str;	/* into "bytes" */
	size_t len;
	uint8_t bytes[];	/* the request as it came */
};
TAILQ_HEAD(works, work);

/*
 * Keep a request of "len" bytes that decodes to "msg".  NULL when memory is
 * out, or when the type is no work.  Free it with work_free().
 */
struct work *work_new(uint16_t type, const union proto_any *msg,
    const uint8_t *bytes, size_t len);
void work_free(struct work *work);

/* Whether this type of message is work for somebody; then "*kind" is who. */
bool work_is(uint16_t type, enum worker_kind *kind);

/* Whether one path is the other or leads to it. */
bool work_paths_meet(struct span a, struct span b);

/*
 * The first waiting work at or behind "from" that nothing before it in the
 * list stands in the way of; NULL when there is none among the first
 * WORK_LOOK that wait.  "from" NULL: the head.
 */
struct work *work_next(const struct works *works, struct work *from);

#endif
