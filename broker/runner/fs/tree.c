/* SPDX-License-Identifier: ISC */
/* Directories made and trees removed. */
#include "config.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "broker/runner/fs/fs.h"

/* mkdir(2), content with a directory that is there. */
static int
make_one(const char *path)
{
	struct stat st;

	if (mkdir(path, 0777) == 0)
		return 0;
	if (errno != EEXIST && errno != EISDIR)
		return errno;
	if (stat(path, &st) == -1)
		return errno;
	return S_ISDIR(st.st_mode) ? 0 : EEXIST;
}

static int
make_all(char *path)
{
	char *slash;
	int error;

	for (slash = strchr(path + 1, '/'); slash != NULL;
	    slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		error = make_one(path);
		*slash = '/';
		/* A parent that cannot be made may still be there. */
		if (error != 0 && error != EACCES && error != EROFS)
			return error;
	}
	return make_one(path);
}

/* Whether the last part of the path is a link. */
static bool
is_link(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
}

void
fs_create_directory(const struct fs_call *call)
{
	const struct fields_GR_FS_TREE *msg = &call->msg->GR_FS_TREE;
	bool recursive = !msg->has_recursive || msg->recursive;
	char path[PATH_MAX];
	int error;

	fs_path(msg->path, path);
	if (msg->has_follow_links && !msg->follow_links && is_link(path))
		error = ELOOP;
	else if (recursive)
		error = make_all(path);
	else
		error = mkdir(path, 0777) == -1 ? errno : 0;
	if (error != 0)
		fs_reply_errno(call, error);
	else
		fs_reply_done(call);
}

/*
 * Empty the directory "fd" (closed afterwards), by descriptor so that no
 * rename on the way leads elsewhere.  Depth is bounded by descriptors only up
 * to "depth"; below that a tree is refused.
 */
static int
empty(int fd, int depth)
{
	struct dirent *entry;
	DIR *dir = fdopendir(fd);
	int sub, error = 0;

	if (dir == NULL) {
		error = errno;
		close(fd);
		return error;
	}
	while (error == 0 && (errno = 0, entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		if (unlinkat(fd, entry->d_name, 0) == 0 || errno == ENOENT)
			continue;
		if (errno != EISDIR) {
			error = errno;
			break;
		}
		sub = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY |
		    O_NOFOLLOW | O_CLOEXEC);
		if (sub == -1)
			error = errno;
		else if (depth == 0)
			error = ELOOP, close(sub);
		else
			error = empty(sub, depth - 1);
		if (error == 0 &&
		    unlinkat(fd, entry->d_name, AT_REMOVEDIR) == -1)
			error = errno;
	}
	closedir(dir);
	return error;
}

#define REMOVE_DEPTH 512

static int
remove_tree(const char *path)
{
	int fd, error;

	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return errno;
	error = empty(fd, REMOVE_DEPTH);
	if (error == 0 && rmdir(path) == -1)
		error = errno;
	return error;
}

static int
remove_path(const char *path, bool recursive)
{
	struct stat st;

	if (lstat(path, &st) == -1)
		return errno;
	if (!S_ISDIR(st.st_mode))
		return unlink(path) == -1 ? errno : 0;
	if (recursive)
		return remove_tree(path);
	return rmdir(path) == -1 ? errno : 0;
}

void
fs_remove(const struct fs_call *call)
{
	const struct fields_GR_FS_TREE *msg = &call->msg->GR_FS_TREE;
	bool recursive = !msg->has_recursive || msg->recursive;
	bool force = !msg->has_force || msg->force;
	char path[PATH_MAX];
	int error;

	fs_path(msg->path, path);
	if (recursive && msg->has_follow_links && !msg->follow_links) {
		fs_reply_error(call, -32603, "removing a tree without "
		    "following links is not supported: set recursive to "
		    "false");
		return;
	}
	error = remove_path(path, recursive);
	if (error != 0 && !(force && error == ENOENT))
		fs_reply_errno(call, error);
	else
		fs_reply_done(call);
}
