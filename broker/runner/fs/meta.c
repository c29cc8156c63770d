/* SPDX-License-Identifier: ISC */
/* What files are, and what is in a directory. */
#include "config.h"

#include <sys/stat.h>
#include <sys/types.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/runner/fs/fs.h"

static int64_t
stamp_ms(const struct statx_timestamp *stamp)
{
	return stamp->tv_sec * 1000 + (int64_t)stamp->tv_nsec / 1000000;
}

/* Of the link itself, then of what it leads to. */
static int
metadata(const char *path, bool follow, struct fields_RG_RESULT *result)
{
	struct statx stx;
	unsigned int mask = STATX_BASIC_STATS | STATX_BTIME;

	if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, mask, &stx) == -1)
		return errno;
	result->is_link = S_ISLNK(stx.stx_mode);
	if (result->is_link && !follow)
		return EINVAL;
	if (result->is_link && statx(AT_FDCWD, path, 0, mask, &stx) == -1)
		return errno;
	result->is_directory = S_ISDIR(stx.stx_mode);
	result->is_file = S_ISREG(stx.stx_mode);
	result->size = stx.stx_size;
	result->created_ms = (stx.stx_mask & STATX_BTIME) != 0 ?
	    stamp_ms(&stx.stx_btime) : 0;
	result->modified_ms = stamp_ms(&stx.stx_mtime);
	return 0;
}

void
fs_get_metadata(const struct fs_call *call)
{
	const struct fields_GR_FS_PATH *msg = &call->msg->GR_FS_PATH;
	struct fields_RG_RESULT result = {
		.has_is_directory = true, .has_is_file = true,
		.has_is_link = true, .has_size = true,
		.has_created_ms = true, .has_modified_ms = true,
	};
	char path[PATH_MAX];
	int error;

	fs_path(msg->path, path);
	error = metadata(path, !msg->has_follow_links || msg->follow_links,
	    &result);
	if (error != 0)
		fs_reply_errno(call, error);
	else
		fs_reply_result(call, &result);
}

void
fs_canonicalize(const struct fs_call *call)
{
	struct fields_RG_RESULT result = { .has_path = true };
	char path[PATH_MAX], real[PATH_MAX];

	fs_path(call->msg->GR_FS_PATH.path, path);
	if (realpath(path, real) == NULL) {
		fs_reply_errno(call, errno);
		return;
	}
	result.path = span_str(real);
	fs_reply_result(call, &result);
}

/* 'd', 'f' or 'o' for what the entry leads to; 0 when it leads nowhere. */
static char
entry_kind(int dirfd, const struct dirent *entry)
{
	struct stat st;

	if (entry->d_type == DT_DIR)
		return 'd';
	if (entry->d_type == DT_REG)
		return 'f';
	if (fstatat(dirfd, entry->d_name, &st, 0) == -1)
		return 0;
	return S_ISDIR(st.st_mode) ? 'd' : S_ISREG(st.st_mode) ? 'f' : 'o';
}

void
fs_read_directory(const struct fs_call *call)
{
	struct fields_RG_RESULT result = { 0 };
	struct dirent *entry;
	struct fs_list list;
	char path[PATH_MAX], kind;
	DIR *dir;

	fs_path(call->msg->GR_FS_PATH.path, path);
	dir = opendir(path);
	if (dir == NULL) {
		fs_reply_errno(call, errno);
		return;
	}
	fs_list_begin(&list, call, TAG_NAMES);
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		kind = entry_kind(dirfd(dir), entry);
		if (kind != 0)
			fs_list_add(&list, kind, entry->d_name);
	}
	fs_list_end(&list, &result);
	closedir(dir);
}
