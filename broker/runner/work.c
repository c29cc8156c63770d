/* SPDX-License-Identifier: ISC */
/* Requests for workers, and the order between them. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "broker/runner/work.h"

/* Where a message's list of fields has the paths; 0: it has none there. */
#define AT(list, member) offsetof(struct fields_##list, member)

static const struct kind_row {
	uint16_t type;
	enum worker_kind kind;
	bool changes;
	size_t paths[WORK_PATHS];
} kinds[] = {
	{ MSG_GR_FS_READ_FILE, WORKER_FILES, false,
	    { AT(GR_FS_PATH, path) } },
	{ MSG_GR_FS_WRITE_FILE, WORKER_FILES, true,
	    { AT(GR_FS_WRITE_FILE, path) } },
	{ MSG_GR_FS_CREATE_DIRECTORY, WORKER_FILES, true,
	    { AT(GR_FS_TREE, path) } },
	{ MSG_GR_FS_GET_METADATA, WORKER_FILES, false,
	    { AT(GR_FS_PATH, path) } },
	{ MSG_GR_FS_CANONICALIZE, WORKER_FILES, false,
	    { AT(GR_FS_PATH, path) } },
	{ MSG_GR_FS_READ_DIRECTORY, WORKER_FILES, false,
	    { AT(GR_FS_PATH, path) } },
	{ MSG_GR_FS_WALK, WORKER_FILES, false, { AT(GR_FS_WALK, path) } },
	{ MSG_GR_FS_REMOVE, WORKER_FILES, true, { AT(GR_FS_TREE, path) } },
	{ MSG_GR_FS_COPY, WORKER_FILES, true,
	    { AT(GR_FS_COPY, path), AT(GR_FS_COPY, destination) } },
	{ MSG_GR_FS_OPEN, WORKER_HANDLES, true, { AT(GR_FS_OPEN, path) } },
	{ MSG_GR_FS_READ_BLOCK, WORKER_HANDLES, false, { 0 } },
	{ MSG_GR_FS_WRITE_BLOCK, WORKER_HANDLES, true, { 0 } },
	{ MSG_GR_FS_CLOSE, WORKER_HANDLES, true, { 0 } },
	{ MSG_GR_FS_WATCH_MISSING, WORKER_WATCH, false, { 0 } },
	{ MSG_GR_HTTP, WORKER_HTTP, false, { 0 } },
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
	struct span path;
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
		memcpy(&path, (const char *)msg + row->paths[i],
		    sizeof(path));
		work->paths[i] = moved(work, bytes, path);
	}
	return work;
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

/* Whether "later" must wait for "earlier". */
static bool
in_the_way(const struct work *earlier, const struct work *later)
{
	size_t i, j;

	/* Handles have one worker, which keeps the order it is given. */
	if (earlier->kind == WORKER_HANDLES &&
	    later->kind == WORKER_HANDLES && earlier->worker == NULL)
		return true;
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
		if (earlier->kind == work->kind && work->kind ==
		    WORKER_HANDLES && earlier->worker != NULL)
			continue;
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
