/* SPDX-License-Identifier: ISC */
/* The file of the audit trail. */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "broker/supervisor/auditfile.h"

#define NOT_FOR_OTHERS (S_IWGRP | S_IXGRP | S_IRWXO)

/* Whoever else could write to it could make it say anything. */
static int
check(const char *path, const struct stat *st, char why[AUDITFILE_WHY])
{
	if (!S_ISREG(st->st_mode) && !S_ISFIFO(st->st_mode))
		return 0;
	if (st->st_uid != geteuid()) {
		snprintf(why, AUDITFILE_WHY, "%.200s belongs to user %u; "
		    "\"chown %u %.200s\" helps", path,
		    (unsigned int)st->st_uid, (unsigned int)geteuid(), path);
		return -1;
	}
	if ((st->st_mode & NOT_FOR_OTHERS) != 0) {
		snprintf(why, AUDITFILE_WHY, "%.200s can be read or written "
		    "by others; \"chmod 600 %.200s\" helps", path, path);
		return -1;
	}
	return 0;
}

int
auditfile_open(const char *path, char why[AUDITFILE_WHY])
{
	struct stat st;
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW |
	    O_NONBLOCK | O_NOCTTY | O_CLOEXEC, S_IRUSR | S_IWUSR);

	if (fd == -1 || fstat(fd, &st) == -1)
		snprintf(why, AUDITFILE_WHY, "%.200s: %s%s", path,
		    strerror(errno), errno == ELOOP ?
		    " (it is a symbolic link)" : errno == ENXIO ?
		    " (nobody reads it)" : "");
	else if (check(path, &st, why) == 0)
		return fd;
	if (fd != -1)
		close(fd);
	return -1;
}
