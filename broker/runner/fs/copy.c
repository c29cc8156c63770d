/* SPDX-License-Identifier: ISC */
/* Copies of files and trees. */
#include "config.h"

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

#define COPY_DEPTH 512
#define COPY_PIECE 65536

static int copy_entry(int from, const char *name, int to, const char *as,
    int depth);

/* Bytes from one file to another, by the kernel where it can. */
static int
copy_bytes(int in, int out)
{
	static uint8_t piece[COPY_PIECE];
	off_t offset = 0;
	ssize_t n;

	while ((n = copy_file_range(in, NULL, out, NULL, 1 << 30, 0)) > 0)
		offset += n;
	if (n == 0 && offset > 0)
		return 0;
	for (;;) {
		n = fs_read_full(in, piece, sizeof(piece), offset);
		if (n == -1 ||
		    fs_write_full(out, piece, (size_t)n, offset) == -1)
			return errno;
		if (n == 0)
			return 0;
		offset += n;
	}
}

static int
copy_file(int from, const char *name, int to, const char *as, mode_t mode)
{
	int in, out, error;

	in = openat(from, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC |
	    O_NOFOLLOW);
	if (in == -1)
		return errno;
	out = openat(to, as, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK |
	    O_NOCTTY | O_CLOEXEC, mode & 0777);
	if (out == -1) {
		error = errno;
		close(in);
		return error;
	}
	error = copy_bytes(in, out);
	if (error == 0 && fchmod(out, mode & 07777) == -1)
		error = errno;
	close(in);
	if (close(out) == -1 && error == 0)
		error = errno;
	return error;
}

static int
copy_link(int from, const char *name, int to, const char *as)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(from, name, target, sizeof(target) - 1);

	if (n == -1)
		return errno;
	target[n] = '\0';
	if (symlinkat(target, to, as) == 0)
		return 0;
	if (errno != EEXIST || unlinkat(to, as, 0) == -1)
		return errno;
	return symlinkat(target, to, as) == -1 ? errno : 0;
}

static int
copy_entries(DIR *dir, int to, int depth)
{
	struct dirent *entry;
	int error = 0;

	while (error == 0 && (errno = 0, entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			error = copy_entry(dirfd(dir), entry->d_name, to,
			    entry->d_name, depth);
	return error;
}

/* Into a directory that may be there already: trees merge. */
static int
copy_directory(int from, const char *name, int to, const char *as,
    mode_t mode, int depth)
{
	int in, out, error;
	DIR *dir;

	if (depth == 0)
		return ELOOP;
	if (mkdirat(to, as, (mode & 0777) | 0700) == -1 && errno != EEXIST)
		return errno;
	out = openat(to, as, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (out == -1)
		return errno;
	in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC);
	dir = in == -1 ? NULL : fdopendir(in);
	if (dir == NULL) {
		error = errno;
		if (in != -1)
			close(in);
	} else {
		error = copy_entries(dir, out, depth - 1);
		closedir(dir);
	}
	close(out);
	return error;
}

static int
copy_entry(int from, const char *name, int to, const char *as, int depth)
{
	struct stat st;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno;
	if (S_ISREG(st.st_mode))
		return copy_file(from, name, to, as, st.st_mode);
	if (S_ISLNK(st.st_mode))
		return copy_link(from, name, to, as);
	if (S_ISDIR(st.st_mode))
		return copy_directory(from, name, to, as, st.st_mode, depth);
	return EOPNOTSUPP;
}

/* Whether "inside" is "outside" or below it, links resolved. */
static bool
is_below(const char *outside, const char *inside)
{
	char a[PATH_MAX], b[PATH_MAX], parent[PATH_MAX], *slash;
	size_t len;

	if (realpath(outside, a) == NULL)
		return false;
	snprintf(parent, sizeof(parent), "%s", inside);
	/* The nearest part of the destination that exists decides. */
	while (realpath(parent, b) == NULL) {
		slash = strrchr(parent, '/');
		if (slash == NULL || slash == parent)
			return strcmp(a, "/") == 0;
		*slash = '\0';
	}
	len = strcmp(a, "/") == 0 ? 0 : strlen(a);
	return strncmp(a, b, len) == 0 && (b[len] == '\0' || b[len] == '/');
}

static int
copy_source(const char *source, const char *target, const struct stat *st)
{
	if (S_ISDIR(st->st_mode))
		return copy_directory(AT_FDCWD, source, AT_FDCWD, target,
		    st->st_mode, COPY_DEPTH);
	if (!S_ISREG(st->st_mode))
		return EINVAL;
	return copy_file(AT_FDCWD, source, AT_FDCWD, target, st->st_mode);
}

static bool
same_file(const struct stat *a, const char *path)
{
	struct stat b;

	return stat(path, &b) == 0 && a->st_dev == b.st_dev &&
	    a->st_ino == b.st_ino;
}

void
fs_copy(const struct fs_call *call)
{
	const struct fields_GR_FS_COPY *msg = &call->msg->GR_FS_COPY;
	char source[PATH_MAX], target[PATH_MAX];
	struct stat st;
	int error = 0;

	fs_path(msg->path, source);
	fs_path(msg->destination, target);
	if (lstat(source, &st) == -1)
		error = errno;
	else if (S_ISLNK(st.st_mode))
		error = copy_link(AT_FDCWD, source, AT_FDCWD, target);
	else if (S_ISDIR(st.st_mode) && !msg->recursive) {
		fs_reply_error(call, -32600, "source is a directory: copying "
		    "it needs recursive");
		return;
	} else if (S_ISDIR(st.st_mode) && is_below(source, target)) {
		fs_reply_error(call, -32600,
		    "a directory cannot be copied into itself");
		return;
	} else if (!same_file(&st, target))
		error = copy_source(source, target, &st);
	if (error != 0)
		fs_reply_errno(call, error);
	else
		fs_reply_done(call);
}
