/* SPDX-License-Identifier: ISC */
/*
 * A sandbox is made for the file system as it was: what was missing then is
 * not protected in it, and what is put into the place of something protected
 * is not either.  So the paths on which it depends are looked at again before
 * each request that names a path.
 */
#include "config.h"

#include <sys/stat.h>

#include <stdlib.h>

#include "broker/runner/fs/fs.h"
#include "common/xmalloc.h"

struct mark {
	const char *path;
	bool there;
	dev_t device;
	ino_t inode;
};

static struct mark *marks;
static size_t mark_count;

static void
mark_look(struct mark *mark)
{
	struct stat st;

	mark->there = lstat(mark->path, &st) == 0;
	mark->device = mark->there ? st.st_dev : 0;
	mark->inode = mark->there ? st.st_ino : 0;
}

void
fs_marks_set(char *const *paths)
{
	for (mark_count = 0; paths[mark_count] != NULL; mark_count++)
		continue;
	marks = xcalloc(mark_count + 1, sizeof(*marks));
	for (mark_count = 0; paths[mark_count] != NULL; mark_count++) {
		marks[mark_count].path = paths[mark_count];
		mark_look(&marks[mark_count]);
	}
}

bool
fs_marks_hold(void)
{
	struct mark now;
	size_t i;

	for (i = 0; i < mark_count; i++) {
		now.path = marks[i].path;
		mark_look(&now);
		if (now.there != marks[i].there ||
		    now.device != marks[i].device ||
		    now.inode != marks[i].inode)
			return false;
	}
	return true;
}
