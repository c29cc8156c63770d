/* SPDX-License-Identifier: ISC */
/* Whole files: read and write. */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "broker/runner/fs/fs.h"
#include "common/log.h"

void
fs_path(struct span path, char *out)
{
	if (span_to_str(path, out, PATH_MAX) == -1 || out[0] != '/')
		fatalx("a path that is none");
}

/* Reopen what O_PATH has shown to be a regular file. */
static int
reopen(int fd, int flags)
{
	char link[64];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return open(link, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

int
fs_open_regular(const char *path, int flags, bool follow)
{
	struct stat st;
	int fd, opened, error;

	fd = open(path, O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
	if (fd == -1 && errno == ENOENT && (flags & O_CREAT) != 0)
		return open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC |
		    (follow ? 0 : O_NOFOLLOW), 0666);
	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == -1)
		opened = -1;
	else if (S_ISLNK(st.st_mode))
		errno = ELOOP, opened = -1;
	else if (S_ISDIR(st.st_mode) && (flags & O_ACCMODE) != O_RDONLY)
		errno = EISDIR, opened = -1;
	else if (!S_ISREG(st.st_mode))
		errno = 0, opened = FS_NOT_A_FILE;
	else
		opened = reopen(fd, flags & ~O_CREAT);
	error = errno;
	close(fd);
	errno = error;
	return opened;
}

ssize_t
fs_read_full(int fd, void *buf, size_t len, off_t offset)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = pread(fd, (char *)buf + done, len - done,
		    offset + (off_t)done);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

int
fs_write_full(int fd, const void *buf, size_t len, off_t offset)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = pwrite(fd, (const char *)buf + done, len - done,
		    offset + (off_t)done);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		done += (size_t)n;
	}
	return 0;
}

static void
send_rest(const struct fs_call *call, int fd, uint8_t *piece)
{
	struct fields_RG_RESULT end = { 0 };
	off_t offset = FS_PIECE;
	ssize_t n;

	fs_bulk_begin(call);
	fs_bulk_data(call, piece, FS_PIECE);
	do {
		n = fs_read_full(fd, piece, FS_PIECE, offset);
		if (n == -1 || offset + n > (off_t)FS_FILE_MAX) {
			/* Half an answer is out: all that is left is to say
			 * that it will not be finished. */
			fs_reply_errno(call, n == -1 ? errno : EFBIG);
			return;
		}
		if (n > 0)
			fs_bulk_data(call, piece, (size_t)n);
		offset += n;
	} while (n == FS_PIECE);
	fs_bulk_end(call, &end);
}

static void
send_file(const struct fs_call *call, int fd)
{
	static uint8_t piece[FS_PIECE];
	struct fields_RG_RESULT result = { .has_data = true };
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) == 0 && st.st_size > (off_t)FS_FILE_MAX) {
		fs_reply_error(call, -32600, "file is too large to read: "
		    "%lld bytes, at most %u; read it by blocks with fs/open",
		    (long long)st.st_size, FS_FILE_MAX);
		return;
	}
	n = fs_read_full(fd, piece, sizeof(piece), 0);
	if (n == -1) {
		fs_reply_errno(call, errno);
	} else if (n == FS_PIECE) {
		send_rest(call, fd, piece);
	} else {
		result.data = (struct span){ piece, (size_t)n };
		fs_reply_result(call, &result);
	}
}

void
fs_read_file(const struct fs_call *call)
{
	const struct fields_GR_FS_PATH *msg = &call->msg->GR_FS_PATH;
	char path[PATH_MAX];
	int fd;

	fs_path(msg->path, path);
	fd = fs_open_regular(path, O_RDONLY,
	    !msg->has_follow_links || msg->follow_links);
	if (fd == FS_NOT_A_FILE) {
		fs_reply_not_a_file(call, path);
	} else if (fd == -1) {
		fs_reply_errno(call, errno);
	} else {
		send_file(call, fd);
		close(fd);
	}
}

void
fs_write_file(const struct fs_call *call)
{
	const struct fields_GR_FS_WRITE_FILE *msg =
	    &call->msg->GR_FS_WRITE_FILE;
	char path[PATH_MAX];
	int fd, failed;

	fs_path(msg->path, path);
	fd = fs_open_regular(path, O_WRONLY | O_CREAT | O_TRUNC,
	    !msg->has_follow_links || msg->follow_links);
	if (fd == FS_NOT_A_FILE) {
		fs_reply_not_a_file(call, path);
		return;
	}
	if (fd == -1) {
		fs_reply_errno(call, errno);
		return;
	}
	failed = fs_write_full(fd, msg->data.p, msg->data.len, 0) == -1 ?
	    errno : 0;
	/* Some file systems tell of a full disk only now. */
	if (close(fd) == -1 && failed == 0)
		failed = errno;
	if (failed != 0)
		fs_reply_errno(call, failed);
	else
		fs_reply_done(call);
}
