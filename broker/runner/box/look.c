/* SPDX-License-Identifier: ISC */
/* Looks at the real file system; see plan.h for what each tells. */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/runner/box/entries.h"
#include "broker/runner/box/look.h"

/* Whoever is inside has our uid, and so may change the mode of what is ours. */
static bool
above_is_ours(const char *path)
{
	char above[PATH_MAX];
	struct stat st;

	strlcpy(above, path, sizeof(above));
	path_up(above);
	return stat(above, &st) == -1 || st.st_uid == geteuid();
}

static enum plan_kind
look_kind(void *arg, const char *path)
{
	struct stat st;

	(void)arg;
	if (lstat(path, &st) == -1) {
		if (errno == ENOENT || errno == ENOTDIR)
			return PLAN_MISSING;
		return errno == EACCES && !above_is_ours(path) ?
		    PLAN_CLOSED : PLAN_UNSEEN;
	}
	if (S_ISLNK(st.st_mode))
		return PLAN_LINK;
	return S_ISDIR(st.st_mode) ? PLAN_DIRECTORY : PLAN_OTHER;
}

static int
look_follow(void *arg, const char *path, char *out)
{
	(void)arg;
	if (realpath(path, out) != NULL)
		return 0;
	return errno == ENOENT ? 1 : -1;
}

static int
look_make(void *arg, const char *path)
{
	(void)arg;
	if (mkdir(path, 0777) == 0 || errno == EEXIST)
		return 0;
	if (errno == EROFS)
		return 1;
	return (errno == EACCES || errno == EPERM) && !above_is_ours(path) ?
	    1 : -1;
}

/* What is no regular file is not opened for long, nor waited for. */
static ssize_t
read_start(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	ssize_t n = -1;

	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		n = read(fd, text, size);
	close(fd);
	return n;
}

static int
look_pointer(void *arg, const char *path, const char *label, char *out)
{
	static const char blanks[] = " \t\r";
	char text[PATH_MAX + 64];
	ssize_t n = read_start(path, text, sizeof(text) - 1);
	size_t len = strlen(label);
	char *from, *end;

	(void)arg;
	if (n == -1)
		return -1;
	text[n] = '\0';
	if (strncmp(text, label, len) != 0)
		return 1;
	from = text + len;
	from += strspn(from, blanks);
	end = from + strcspn(from, "\n");
	while (end > from && strchr(blanks, end[-1]) != NULL)
		end--;
	if (end == from)
		return 1;
	*end = '\0';
	return strlcpy(out, from, PATH_MAX) >= PATH_MAX ? -1 : 0;
}

const struct plan_looks look_here = {
	.kind = look_kind,
	.follow = look_follow,
	.make = look_make,
	.pointer = look_pointer,
};
