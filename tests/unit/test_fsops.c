/* SPDX-License-Identifier: ISC */
/* What holdfast-fs opens, and what it leaves alone. */
#include "config.h"

#include <sys/stat.h>

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/runner/fs/fs.h"

static char directory[] = "/tmp/test-fsops-XXXXXX";

static const char *
at(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

static void
setup(void)
{
	int fd;

	cr_assert_not_null(mkdtemp(directory));
	fd = open(at("file"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	cr_assert(fd != -1 && write(fd, "0123456789", 10) == 10);
	close(fd);
	cr_assert_eq(mkdir(at("dir"), 0700), 0);
	cr_assert_eq(mkfifo(at("fifo"), 0600), 0);
	cr_assert_eq(symlink("file", at("link")), 0);
	cr_assert_eq(symlink("fifo", at("fifolink")), 0);
	cr_assert_eq(symlink("nowhere", at("dangling")), 0);
	cr_assert_eq(symlink("loop", at("loop")), 0);
}

static void
teardown(void)
{
	static const char *const names[] = { "file", "fifo", "link",
		"fifolink", "dangling", "loop", "new", "nowhere" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(at(names[i]));
	rmdir(at("dir"));
	rmdir(directory);
}

TestSuite(fsops, .timeout = 20, .init = setup, .fini = teardown);

#define R O_RDONLY
#define W (O_WRONLY | O_CREAT | O_TRUNC)
#define OPENED 1
#define NO_FILE 2

/* What comes out: OPENED, NO_FILE or minus errno. */
static const struct {
	const char *name;
	int flags;
	bool follow;
	int result;
} rows[] = {
	{ "file", R, true, OPENED },
	{ "file", R, false, OPENED },
	{ "link", R, true, OPENED },
	{ "link", R, false, -ELOOP },
	{ "link", W, false, -ELOOP },
	{ "loop", R, true, -ELOOP },
	{ "loop", W, true, -ELOOP },
	{ "dangling", R, true, -ENOENT },
	{ "dangling", W, false, -ELOOP },
	{ "dangling", W, true, OPENED },
	{ "nothing", R, true, -ENOENT },
	{ "nothing/x", W, true, -ENOENT },
	{ "file/x", R, true, -ENOTDIR },
	{ "fifo", R, true, NO_FILE },
	{ "fifo", W, true, NO_FILE },
	{ "fifolink", R, true, NO_FILE },
	{ "fifolink", R, false, -ELOOP },
	{ "dir", R, true, NO_FILE },
	{ "dir", W, true, -EISDIR },
	{ "new", W, false, OPENED },
	{ "file", W, true, OPENED },
};

Test(fsops, opens)
{
	struct stat st;
	size_t i;
	int fd;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		errno = 0;
		fd = fs_open_regular(at(rows[i].name), rows[i].flags,
		    rows[i].follow);
		if (rows[i].result != OPENED) {
			cr_assert_eq(fd == FS_NOT_A_FILE ? NO_FILE :
			    fd == -1 ? -errno : OPENED, rows[i].result,
			    "%s: %d, %d", rows[i].name, fd, errno);
			continue;
		}
		cr_assert(fd >= 0, "%s: %d", rows[i].name, errno);
		cr_assert(fstat(fd, &st) == 0 && S_ISREG(st.st_mode));
		cr_assert_neq(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
		close(fd);
	}
}

Test(fsops, devices_stay_closed)
{
	cr_assert_eq(fs_open_regular("/dev/null", R, true), FS_NOT_A_FILE);
	cr_assert_eq(fs_open_regular("/dev/tty", W, true), FS_NOT_A_FILE);
}

Test(fsops, writing_empties)
{
	struct stat st;
	int fd = fs_open_regular(at("file"), W, true);

	cr_assert(fstat(fd, &st) == 0 && st.st_size == 0);
	cr_assert_eq(fs_write_full(fd, "xy", 2, 3), 0);
	close(fd);
	fd = fs_open_regular(at("file"), R, true);
	cr_assert_eq(fs_read_full(fd, (char[8]){ 0 }, 8, 0), 5);
	cr_assert_eq(fs_read_full(fd, (char[8]){ 0 }, 8, 5), 0);
	cr_assert_eq(fs_write_full(fd, "z", 1, 0), -1);
	close(fd);
}

Test(fsops, paths)
{
	char path[PATH_MAX];

	fs_path(span_str("/a/b"), path);
	cr_assert_str_eq(path, "/a/b");
}

Test(fsops, relative_path, .exit_code = 1)
{
	char path[PATH_MAX];

	fs_path(span_str("a/b"), path);
}

Test(fsops, empty_path, .exit_code = 1)
{
	char path[PATH_MAX];

	fs_path(span_str(""), path);
}
