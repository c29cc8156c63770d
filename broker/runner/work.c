/* SPDX-License-Identifier: ISC */
/* Requests for workers, and the order between them. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "broker/runner/work.h"

/* Where a message's list of fields has the paths; 0: it has none there. */
#define AT(list, member) offsetof(struct fields_##list, member)

#define FILES(type, list, changes) \
	{ MSG_GR_FS_##type, WORKER_FILES, changes, true, \
	    { AT(list, path) }, 0, false }
#define HANDLE(type, list, changes, boxed, path, moves) \
	{ MSG_GR_FS_##type, WORKER_HANDLES, changes, boxed, { path }, \
	    AT(list, file_handle), moves }

static const struct kind_row {
	uint16_t type;
	enum worker_kind kind;
	bool changes;
	bool boxed;		/* begins as struct fields_BOXED_CALL does */
	size_t paths[WORK_PATHS];
	size_t handle;
	bool moves;
} kinds[] = {
	FILES(READ_FILE, GR_FS_PATH, false),
	FILES(WRITE_FILE, GR_FS_WRITE_FILE, true),
	FILES(CREATE_DIRECTORY, GR_FS_TREE, true),
	FILES(GET_METADATA, GR_FS_PATH, false),
	FILES(CANONICALIZE, GR_FS_PATH, false),
	FILES(READ_DIRECTORY, GR_FS_PATH, false),
	FILES(WALK, GR_FS_WALK, false),
	FILES(REMOVE, GR_FS_TREE, true),
	{ MSG_GR_FS_COPY, WORKER_FILES, true, true,
	    { AT(GR_FS_COPY, path), AT(GR_FS_COPY, destination) }, 0, false },
	HANDLE(OPEN, GR_FS_OPEN, true, true, AT(GR_FS_OPEN, path), true),
	HANDLE(READ_BLOCK, GR_FS_BLOCK, false, false, 0, false),
	HANDLE(WRITE_BLOCK, GR_FS_BLOCK, true, false, 0, false),
	HANDLE(CLOSE, GR_FS_CLOSE, true, false, 0, true),
	{ MSG_GR_FS_WATCH_MISSING, WORKER_WATCH, false, false, { 0 }, 0,
	    false },
	{ MSG_GR_HTTP, WORKER_HTTP, false, false, { 0 }, 0, false },
};

static const struct kind_row *
kind_of(uint16_t type)
{
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].type == type)
			return &kinds[i];
	return NULL;
}

bool
work_is(uint16_t type, enum worker_kind *kind)
{
	const struct kind_row *row = kind_of(type);

	if (row != NULL)
		*kind = row->kind;
	return row != NULL;
}

static struct span
span_in(const union proto_any *msg, size_t at)
{
	struct span span;

	memcpy(&span, (const char *)msg + at, sizeof(span));
	return span;
}

/* The same bytes in the work's own copy. */
static struct span
moved(struct work *work, const uint8_t *bytes, struct span span)
{
	if (span.len == 0)
		return (struct span){ work->bytes, 0 };
	return (struct span){ work->bytes + (span.p - bytes), span.len };
}

struct work *
work_new(uint16_t type, const union proto_any *msg, const uint8_t *bytes,
    size_t len)
{
	/* Every request begins with the fields of a call. */
	const struct fields_GR_FS_CLOSE *call = &msg->GR_FS_CLOSE;
	const struct kind_row *row = kind_of(type);
	struct work *work;
	size_t i;

	if (row == NULL)
		return NULL;
	work = malloc(sizeof(*work) + len);
	if (work == NULL)
		return NULL;
	*work = (struct work){
		.type = type,
		.kind = row->kind,
		.changes = row->changes,
		.boxed = row->boxed,
		.moves = row->moves,
		.has_int = call->has_id_int,
		.id_int = call->id_int,
		.has_str = call->has_id_str,
		.len = len,
	};
	memcpy(work->bytes, bytes, len);
	work->id_str = moved(work, bytes, call->id_str);
	for (i = 0; i < WORK_PATHS; i++) {
		if (row->paths[i] == 0)
			continue;
		work->paths[i] = moved(work, bytes,
		    span_in(msg, row->paths[i]));
	}
	if (row->handle != 0)
		work->handle = moved(work, bytes, span_in(msg, row->handle));
	return work;
}

void
work_free(struct work *work)
{
	free(work->policy);
	free(work);
}

bool
work_paths_meet(struct span a, struct span b)
{
	struct span shorter = a.len < b.len ? a : b;
	struct span longer = a.len < b.len ? b : a;

	if (shorter.len == 0 ||
	    memcmp(shorter.p, longer.p, shorter.len) != 0)
		return false;
	return longer.len == shorter.len || longer.p[shorter.len] == '/' ||
	    shorter.p[shorter.len - 1] == '/';
}

/*
 * A worker of handles keeps the order it is given; but who has the file is
 * known only when the answer to what opens or closes it is.
 */
static bool
handles_meet(const struct work *earlier, const struct work *later)
{
	return earlier->worker == NULL || (earlier->moves &&
	    earlier->handle.len == later->handle.len &&
	    (later->handle.len == 0 || memcmp(earlier->handle.p,
	    later->handle.p, later->handle.len) == 0));
}

/* Whether "later" must wait for "earlier". */
static bool
in_the_way(const struct work *earlier, const struct work *later)
{
	size_t i, j;

	if (earlier->kind == WORKER_HANDLES && later->kind == WORKER_HANDLES)
		return handles_meet(earlier, later);
	if (!earlier->changes && !later->changes)
		return false;
	for (i = 0; i < WORK_PATHS; i++)
		for (j = 0; j < WORK_PATHS; j++)
			if (work_paths_meet(earlier->paths[i],
			    later->paths[j]))
				return true;
	return false;
}

static bool
free_to_go(const struct works *works, const struct work *work)
{
	const struct work *earlier;

	TAILQ_FOREACH(earlier, works, entry) {
		if (earlier == work)
			return true;
		if (in_the_way(earlier, work))
			return false;
	}
	return true;
}

struct work *
work_next(const struct works *works, struct work *from)
{
	struct work *work = from == NULL ? TAILQ_FIRST(works) : from;
	size_t looked = 0;

	for (; work != NULL && looked < WORK_LOOK;
	    work = TAILQ_NEXT(work, entry)) {
		if (work->worker != NULL)
			continue;
		looked++;
		if (free_to_go(works, work))
			return work;
	}
	return NULL;
}
