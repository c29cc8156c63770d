/* SPDX-License-Identifier: ISC */
/* Puts the events of one process in order of their sequence numbers. */
#include "config.h"

#include <sys/tree.h>

#include <stdlib.h>
#include <string.h>

#include "common/xmalloc.h"
#include "contrib/client/seqmerge.h"

enum merge_kind { MERGE_OUTPUT, MERGE_EXITED, MERGE_CLOSED };

struct merge_event {
	RB_ENTRY(merge_event) entry;
	uint64_t seq;
	enum merge_kind kind;
	enum seqmerge_stream stream;
	int code;
	size_t len;
	char data[];
};
RB_HEAD(merge_tree, merge_event);

struct seqmerge {
	const struct seqmerge_ops *ops;
	void *arg;
	uint64_t last;
	struct merge_tree waiting;
	size_t nwaiting;
	size_t bytes;
	int has_exited; /* delivered or waiting */
	uint64_t closed_at; /* number of closed, delivered or waiting */
	int wants_read;
	int is_closed;
};

static int
merge_compare(const struct merge_event *a, const struct merge_event *b)
{
	return a->seq < b->seq ? -1 : a->seq > b->seq;
}

/* clang-format off */
RB_GENERATE_INTERNAL(merge_tree, merge_event, entry, merge_compare,
    __attribute__((unused)) static)
/* clang-format on */

struct seqmerge *
seqmerge_new(const struct seqmerge_ops *ops, void *arg)
{
	struct seqmerge *merge = xcalloc(1, sizeof(*merge));

	merge->ops = ops;
	merge->arg = arg;
	RB_INIT(&merge->waiting);
	return merge;
}

static void
seqmerge_remove(struct seqmerge *merge, struct merge_event *event)
{
	RB_REMOVE(merge_tree, &merge->waiting, event);
	merge->nwaiting--;
	merge->bytes -= sizeof(*event) + event->len;
}

static void
seqmerge_forget(struct seqmerge *merge)
{
	struct merge_event *event;

	while ((event = RB_MIN(merge_tree, &merge->waiting)) != NULL) {
		if (event->kind == MERGE_EXITED)
			merge->has_exited = 0;
		if (event->kind == MERGE_CLOSED)
			merge->closed_at = 0;
		seqmerge_remove(merge, event);
		free(event);
	}
}

void
seqmerge_free(struct seqmerge *merge)
{
	if (merge == NULL)
		return;
	seqmerge_forget(merge);
	free(merge);
}

static void
seqmerge_deliver(struct seqmerge *merge, enum merge_kind kind,
    enum seqmerge_stream stream, int code, const void *data, size_t len)
{
	switch (kind) {
	case MERGE_OUTPUT:
		merge->ops->output(merge->arg, stream, data, len);
		break;
	case MERGE_EXITED:
		merge->has_exited = 1;
		merge->ops->exited(merge->arg, code);
		break;
	case MERGE_CLOSED:
		merge->is_closed = 1;
		merge->closed_at = merge->last;
		merge->ops->closed(merge->arg);
		break;
	}
}

static void
seqmerge_deliver_ready(struct seqmerge *merge)
{
	struct merge_event *event;

	while ((event = RB_MIN(merge_tree, &merge->waiting)) != NULL &&
	    event->seq == merge->last + 1) {
		seqmerge_remove(merge, event);
		merge->last++;
		seqmerge_deliver(merge, event->kind, event->stream,
		    event->code, event->data, event->len);
		free(event);
	}
}

static struct merge_event *
seqmerge_find(struct seqmerge *merge, uint64_t seq)
{
	struct merge_event key = { .seq = seq };

	return RB_FIND(merge_tree, &merge->waiting, &key);
}

static int
seqmerge_hold(struct seqmerge *merge, uint64_t seq, enum merge_kind kind,
    enum seqmerge_stream stream, int code, const void *data, size_t len)
{
	struct merge_event *event = NULL;

	if (len < SEQMERGE_BYTES &&
	    sizeof(*event) + len <= SEQMERGE_BYTES - merge->bytes)
		event = malloc(sizeof(*event) + len);
	if (event == NULL) {
		seqmerge_forget(merge);
		merge->wants_read = 1;
		return 0;
	}
	event->seq = seq;
	event->kind = kind;
	event->stream = stream;
	event->code = code;
	event->len = len;
	if (len > 0)
		memcpy(event->data, data, len);
	RB_INSERT(merge_tree, &merge->waiting, event);
	merge->nwaiting++;
	merge->bytes += sizeof(*event) + len;
	if (kind == MERGE_EXITED)
		merge->has_exited = 1;
	if (kind == MERGE_CLOSED)
		merge->closed_at = seq;
	return 0;
}

/* Closed is the highest number, and there is one of it. */
static int
seqmerge_is_possible(struct seqmerge *merge, uint64_t seq,
    enum merge_kind kind)
{
	const struct merge_event *highest;

	if (merge->closed_at != 0)
		return seq < merge->closed_at && kind != MERGE_CLOSED;
	highest = RB_MAX(merge_tree, &merge->waiting);
	return kind != MERGE_CLOSED || highest == NULL || highest->seq < seq;
}

static int
seqmerge_take(struct seqmerge *merge, uint64_t seq, enum merge_kind kind,
    enum seqmerge_stream stream, int code, const void *data, size_t len)
{
	if (seq == 0)
		return -1;
	if (seq <= merge->last || seqmerge_find(merge, seq) != NULL)
		return 0;
	if (!seqmerge_is_possible(merge, seq, kind))
		return -1;
	if (seq != merge->last + 1)
		return seqmerge_hold(merge, seq, kind, stream, code, data,
		    len);
	merge->last++;
	seqmerge_deliver(merge, kind, stream, code, data, len);
	seqmerge_deliver_ready(merge);
	return 0;
}

int
seqmerge_output(struct seqmerge *merge, uint64_t seq,
    enum seqmerge_stream stream, const void *data, size_t len)
{
	return seqmerge_take(merge, seq, MERGE_OUTPUT, stream, 0, data, len);
}

int
seqmerge_exited(struct seqmerge *merge, uint64_t seq, int code)
{
	return seqmerge_take(merge, seq, MERGE_EXITED, SEQMERGE_STDOUT, code,
	    NULL, 0);
}

int
seqmerge_closed(struct seqmerge *merge, uint64_t seq)
{
	return seqmerge_take(merge, seq, MERGE_CLOSED, SEQMERGE_STDOUT, 0,
	    NULL, 0);
}

/* The highest number below "next" that nobody has seen, or 0. */
static uint64_t
seqmerge_highest_missing(struct seqmerge *merge, uint64_t next)
{
	uint64_t seq = next - 1;

	while (seq > merge->last && seqmerge_find(merge, seq) != NULL)
		seq--;
	return seq > merge->last ? seq : 0;
}

static void
seqmerge_tell_gaps(struct seqmerge *merge, uint64_t next)
{
	struct merge_event *event;
	uint64_t from, to;

	while (merge->last + 1 < next) {
		from = merge->last + 1;
		event = RB_MIN(merge_tree, &merge->waiting);
		to = event != NULL && event->seq < next ? event->seq - 1 :
		    next - 1;
		merge->last = to;
		merge->ops->gap(merge->arg, from, to);
		seqmerge_deliver_ready(merge);
	}
}

int
seqmerge_snapshot(struct seqmerge *merge, uint64_t next, int exited,
    int code, int closed)
{
	struct merge_event *at_end;
	uint64_t seq;
	int forgot = merge->wants_read;

	merge->wants_read = 0;
	if (next == 0)
		return -1;
	if (next <= merge->last + 1)
		return 0;
	if (closed) {
		at_end = seqmerge_find(merge, next - 1);
		if (at_end != NULL && at_end->kind != MERGE_CLOSED)
			return -1;
		if (seqmerge_closed(merge, next - 1) == -1)
			return -1;
	}
	/*
	 * The oldest output gives way first, so of the numbers without a
	 * chunk the highest is the exited event's.
	 */
	if (exited && !merge->has_exited) {
		seq = seqmerge_highest_missing(merge, next);
		if (seq == 0 || seqmerge_exited(merge, seq, code) == -1)
			return -1;
	}
	/* What was forgotten meanwhile is not lost at the server. */
	if (forgot || merge->wants_read)
		return -1;
	seqmerge_tell_gaps(merge, next);
	return 0;
}

uint64_t
seqmerge_last(const struct seqmerge *merge)
{
	return merge->last;
}

int
seqmerge_has_hole(const struct seqmerge *merge)
{
	return merge->nwaiting > 0;
}

int
seqmerge_wants_read(const struct seqmerge *merge)
{
	return merge->wants_read;
}

int
seqmerge_is_closed(const struct seqmerge *merge)
{
	return merge->is_closed;
}
