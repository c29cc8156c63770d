/* SPDX-License-Identifier: ISC */
/* A tree listed breadth first, within limits. */
#include "config.h"

#include <sys/queue.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/runner/fs/fs.h"
#include "common/xmalloc.h"

/* A directory to be visited. */
struct visit {
	STAILQ_ENTRY(visit) entry;
	uint64_t depth;
	char path[];
};

struct seen {
	dev_t dev;
	ino_t ino;
};

struct walk {
	const struct fields_GR_FS_WALK *options;
	struct fs_list list;
	struct writer failed;	/* what could not be read: a list */
	STAILQ_HEAD(, visit) queue;
	struct seen *seen;	/* directories entered or to be entered */
	size_t nseen;
	uint64_t entries;
	size_t bytes;
	bool truncated;
};

static void
walk_fail(struct walk *walk, const char *path, int error)
{
	char text[PATH_MAX + 128];
	int n;

	n = snprintf(text, sizeof(text), "%s%c%s (os error %d)", path, '\0',
	    strerror(error), error);
	if (n > 0 && (size_t)n < sizeof(text) &&
	    walk->failed.len + (size_t)n + 4 < PROTO_CHUNK_MAX)
		proto_list_add(&walk->failed,
		    (struct span){ (uint8_t *)text, (size_t)n });
	else
		walk->truncated = true;
}

/* A directory is entered once, however many ways lead to it. */
static bool
walk_first_time(struct walk *walk, const struct stat *st)
{
	size_t i;

	for (i = 0; i < walk->nseen; i++)
		if (walk->seen[i].dev == st->st_dev &&
		    walk->seen[i].ino == st->st_ino)
			return false;
	return true;
}

static void
walk_enqueue(struct walk *walk, const char *path, uint64_t depth,
    const struct stat *st)
{
	struct visit *visit;
	size_t len = strlen(path) + 1;

	if (walk->options->follow_directory_links &&
	    !walk_first_time(walk, st))
		return;
	if (walk->nseen >= walk->options->max_directories) {
		walk->truncated = true;
		return;
	}
	walk->seen = xreallocarray(walk->seen, walk->nseen + 1,
	    sizeof(*walk->seen));
	walk->seen[walk->nseen++] = (struct seen){ st->st_dev, st->st_ino };
	visit = xmalloc(sizeof(*visit) + len);
	visit->depth = depth;
	memcpy(visit->path, path, len);
	STAILQ_INSERT_TAIL(&walk->queue, visit, entry);
}

/* 0 when it is not to be listed. */
static char
walk_kind(const struct walk *walk, const char *path, struct stat *st)
{
	bool link;

	if (lstat(path, st) == -1)
		return 0;
	link = S_ISLNK(st->st_mode);
	if (link && (!walk->options->follow_directory_links ||
	    stat(path, st) == -1))
		return 0;
	if (S_ISDIR(st->st_mode))
		return 'd';
	return S_ISREG(st->st_mode) && !link ? 'f' : 0;
}

/* 0 when a limit has been reached. */
static int
walk_entry(struct walk *walk, const struct visit *visit, const char *name)
{
	char path[PATH_MAX];
	struct stat st;
	char kind;
	int n;

	n = snprintf(path, sizeof(path), "%s/%s",
	    strcmp(visit->path, "/") == 0 ? "" : visit->path, name);
	if (n < 0 || (size_t)n >= sizeof(path))
		return 1;
	kind = walk_kind(walk, path, &st);
	if (kind == 0)
		return 1;
	if (walk->entries >= walk->options->max_entries ||
	    walk->bytes + (size_t)n > FS_WALK_BYTES_MAX) {
		walk->truncated = true;
		return 0;
	}
	walk->entries++;
	walk->bytes += (size_t)n;
	fs_list_add(&walk->list, kind, path);
	if (kind == 'd' && visit->depth < walk->options->max_depth &&
	    !(walk->options->prune_hidden && name[0] == '.'))
		walk_enqueue(walk, path, visit->depth + 1, &st);
	return 1;
}

static int
by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int
not_dots(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") != 0 &&
	    strcmp(entry->d_name, "..") != 0;
}

static int
walk_visit(struct walk *walk, const struct visit *visit)
{
	struct dirent **names;
	int i, n, going = 1;

	n = scandir(visit->path, &names, not_dots, by_bytes);
	if (n == -1) {
		walk_fail(walk, visit->path, errno);
		return 1;
	}
	for (i = 0; i < n; i++) {
		if (going)
			going = walk_entry(walk, visit, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	return going;
}

static void
walk_run(struct walk *walk, const char *root, const struct stat *st)
{
	struct visit *visit;
	int going = 1;

	if (S_ISDIR(st->st_mode))
		walk_enqueue(walk, root, 0, st);
	while ((visit = STAILQ_FIRST(&walk->queue)) != NULL) {
		STAILQ_REMOVE_HEAD(&walk->queue, entry);
		if (going)
			going = walk_visit(walk, visit);
		free(visit);
	}
}

static void
walk_answer(struct walk *walk)
{
	struct fields_RG_RESULT result = {
		.truncated = walk->truncated,
		.has_truncated = true,
		.failed = { walk->failed.p, walk->failed.len },
		.has_failed = true,
	};

	/* Two lists that may not fit one message together. */
	if (walk->list.bulk || walk->list.w.len + walk->failed.len >
	    PROTO_CHUNK_MAX) {
		fs_list_switch(&walk->list, TAG_FAILED);
		result.has_failed = false;
		writer_put(&walk->list.w, walk->failed.p, walk->failed.len);
	}
	fs_list_end(&walk->list, &result);
}

static const char *
walk_limits(const struct fields_GR_FS_WALK *options)
{
	if (options->max_depth > FS_DEPTH_MAX)
		return "maxDepth must be at most 64";
	if (options->max_directories < 1 ||
	    options->max_directories > FS_DIRECTORIES_MAX)
		return "maxDirectories must be 1 to 10000";
	if (options->max_entries < 1 || options->max_entries > FS_ENTRIES_MAX)
		return "maxEntries must be 1 to 50000";
	return NULL;
}

void
fs_walk(const struct fs_call *call)
{
	struct walk walk = { .options = &call->msg->GR_FS_WALK };
	const char *wrong = walk_limits(walk.options);
	char root[PATH_MAX];
	struct stat st;

	fs_path(walk.options->path, root);
	if (wrong != NULL) {
		fs_reply_error(call, -32600, "%s", wrong);
		return;
	}
	if (stat(root, &st) == -1) {
		fs_reply_errno(call, errno);
		return;
	}
	STAILQ_INIT(&walk.queue);
	writer_init(&walk.failed, PROTO_CHUNK_MAX);
	fs_list_begin(&walk.list, call, TAG_FOUND);
	walk_run(&walk, root, &st);
	walk_answer(&walk);
	writer_clear(&walk.failed);
	free(walk.seen);
}
