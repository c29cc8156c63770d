/* SPDX-License-Identifier: ISC */
/* Files that a configuration names: tokens, secrets, certificates, keys. */
#include "config.h"

#include <sys/stat.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/supervisor/hostcheck.h"
#include "common/log.h"
#include "common/xmalloc.h"

/* What anybody may do with a secret, beyond which it is none. */
#define SECRET_MODE (S_IRUSR | S_IWUSR | S_IXUSR | S_IRGRP)

const char *
host_path(char *path, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path, HOST_PATH_SIZE, fmt, ap);
	va_end(ap);
	return path;
}

/* A group that may read it is root's, or the one we are in. */
static int
is_private(const struct stat *st)
{
	if (st->st_mode & 07777 & ~(mode_t)SECRET_MODE)
		return 0;
	return (st->st_mode & S_IRGRP) == 0 || st->st_gid == 0 ||
	    st->st_gid == getegid();
}

static int
check_secret(const struct host_check *c, const char *path, const char *file,
    const struct stat *st, int lenient)
{
	if (lenient) {
		if (!is_private(st))
			log_warnx("%s can be read or written by others; "
			    "\"chmod 600 %s\" helps", file, file);
		return 0;
	}
	if (st->st_uid != 0 && st->st_uid != c->uid) {
		host_wrong(c, path, "%.200s belongs to user %u, not to root "
		    "or to who runs holdfastd; \"chown root %.200s\" helps",
		    file, (unsigned int)st->st_uid, file);
		return -1;
	}
	if (!is_private(st)) {
		host_wrong(c, path, "%.200s can be read or written by others; "
		    "\"chmod 600 %.200s\" helps", file, file);
		return -1;
	}
	return 0;
}

/* Without waiting for a FIFO somebody may have put there. */
static int
open_regular(const struct host_check *c, const char *path, const char *file,
    struct stat *st)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd == -1 || fstat(fd, st) == -1) {
		host_wrong(c, path, "%.200s: %s", file, strerror(errno));
	} else if (!S_ISREG(st->st_mode)) {
		host_wrong(c, path, "%.200s is not a regular file", file);
	} else {
		return fd;
	}
	if (fd != -1)
		close(fd);
	return -1;
}

static char *
read_whole(const struct host_check *c, const char *path, const char *file,
    int fd, size_t max, size_t *len)
{
	char *bytes = xcalloc(1, max + 2);
	ssize_t n;

	*len = 0;
	while (*len <= max &&
	    (n = read(fd, bytes + *len, max + 1 - *len)) != 0) {
		if (n == -1) {
			host_wrong(c, path, "%.200s: %s", file,
			    strerror(errno));
			free(bytes);
			return NULL;
		}
		*len += (size_t)n;
	}
	if (*len <= max)
		return bytes;
	host_wrong(c, path, "%.200s is larger than %zu bytes", file, max);
	explicit_bzero(bytes, max + 2);
	free(bytes);
	return NULL;
}

static void
trim(char *bytes, size_t *len)
{
	size_t start = 0;

	while (*len > 0 && isspace((unsigned char)bytes[*len - 1]))
		(*len)--;
	while (start < *len && isspace((unsigned char)bytes[start]))
		start++;
	*len -= start;
	memmove(bytes, bytes + start, *len);
	bytes[*len] = '\0';
}

char *
host_read_secret(const struct host_check *c, const char *path,
    const char *file, size_t max, int lenient, size_t *len)
{
	struct stat st;
	char *bytes = NULL;
	int fd = open_regular(c, path, file, &st);

	if (fd == -1)
		return NULL;
	if (check_secret(c, path, file, &st, lenient) == 0)
		bytes = read_whole(c, path, file, fd, max, len);
	close(fd);
	if (bytes != NULL)
		trim(bytes, len);
	if (bytes != NULL && *len == 0) {
		host_wrong(c, path, "%.200s is empty", file);
		free(bytes);
		return NULL;
	}
	return bytes;
}
