/* SPDX-License-Identifier: ISC */
/* The runtime directory. */
#include "config.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/supervisor/rundir.h"
#include "common/xmalloc.h"

#define RUNDIR_LOCK "holdfastd.lock"
#define RUNDIR_EMPTY "empty"
/* How many instances go beside each other. */
#define RUNDIR_MAX 1000
/* How often it may vanish under our hands before we give up. */
#define RUNDIR_TRIES 100

struct rundir {
	char *path;
	char *empty;	/* NULL: not made */
	int dirfd;
	int lockfd;
	int heir;	/* the lock was passed to us */
	int left;	/* there was a lock already */
	int made;	/* by us or one that was killed, so we remove it */
};

char *
rundir_choose(const char *wanted, const char *xdg, uid_t uid)
{
	if (wanted != NULL)
		return xstrdup(wanted);
	if (uid == 0)
		return xstrdup(RUNTIME_DIR);
	if (xdg != NULL && xdg[0] == '/')
		return xasprintf("%s/holdfast", xdg);
	return xasprintf("/tmp/holdfast-%u", (unsigned int)uid);
}

static int __attribute__((format(printf, 2, 3)))
rundir_refuse(char *reason, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(reason, RUNDIR_REASON_SIZE, fmt, ap);
	va_end(ap);
	errno = EINVAL;
	return -1;
}

static int
rundir_check(struct rundir *rd, char *reason)
{
	struct stat st;
	mode_t forbidden = geteuid() == 0 ? S_IWGRP | S_IWOTH :
	    S_IRWXG | S_IRWXO;

	if (fstat(rd->dirfd, &st) == -1)
		return rundir_refuse(reason, "%s: %s", rd->path,
		    strerror(errno));
	if (st.st_uid != geteuid())
		return rundir_refuse(reason, "%s belongs to uid %u, not to "
		    "us; give another with --runtime-dir", rd->path,
		    (unsigned int)st.st_uid);
	if (st.st_mode & forbidden)
		return rundir_refuse(reason, "%s is open to other users "
		    "(mode %03o); make it %s", rd->path,
		    (unsigned int)(st.st_mode & 07777),
		    geteuid() == 0 ? "0755" : "0700");
	return 0;
}

/*
 * This and what follows is one try at it.  Each returns 1 when all is well, 0
 * when another instance has removed what is needed, for it ends just now, and
 * -1 when refused.
 */
static int
rundir_open_dir(struct rundir *rd, char *reason)
{
	mode_t mode = geteuid() == 0 ? 0755 : 0700;

	if (mkdir(rd->path, mode) == 0)
		rd->made = 1;
	else if (errno != EEXIST)
		return rundir_refuse(reason, "%s cannot be made: %s",
		    rd->path, strerror(errno));
	/* In /tmp anybody may have put a link there before us. */
	rd->dirfd = open(rd->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC);
	if (rd->dirfd == -1 && errno == ENOENT)
		return 0;
	if (rd->dirfd == -1)
		return rundir_refuse(reason, "%s: %s", rd->path,
		    strerror(errno));
	/* The umask has cut what mkdir(2) was asked for. */
	if (rd->made && fchmod(rd->dirfd, mode) == -1)
		return rundir_refuse(reason, "%s: %s", rd->path,
		    strerror(errno));
	return rundir_check(rd, reason) == -1 ? -1 : 1;
}

static int
rundir_refuse_held(struct rundir *rd, char *reason)
{
	char holder[32] = "";
	ssize_t n;

	n = pread(rd->lockfd, holder, sizeof(holder) - 1, 0);
	holder[n > 0 ? strspn(holder, "0123456789") : 0] = '\0';
	rundir_refuse(reason, "%s is in use by another holdfastd (pid %s)",
	    rd->path, holder[0] != '\0' ? holder : "unknown");
	errno = EBUSY;
	return -1;
}

static int
rundir_lock(struct rundir *rd, char *reason)
{
	struct stat st;

	rd->left = faccessat(rd->dirfd, RUNDIR_LOCK, F_OK,
	    AT_SYMLINK_NOFOLLOW) == 0;
	if (rd->left)
		rd->made = 1;
	if (rd->heir)
		return 1;
	rd->lockfd = openat(rd->dirfd, RUNDIR_LOCK,
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (rd->lockfd == -1 && errno == ENOENT)
		return 0;
	if (rd->lockfd == -1)
		return rundir_refuse(reason, "%s/%s: %s", rd->path,
		    RUNDIR_LOCK, strerror(errno));
	if (flock(rd->lockfd, LOCK_EX | LOCK_NB) == -1)
		return rundir_refuse_held(rd, reason);
	/* Its last holder may have removed it between open and flock. */
	return fstat(rd->lockfd, &st) == 0 && st.st_nlink > 0;
}

static void
rundir_close_files(struct rundir *rd)
{
	int saved = errno;

	if (rd->lockfd != -1 && !rd->heir)
		close(rd->lockfd);
	if (rd->dirfd != -1)
		close(rd->dirfd);
	rd->dirfd = -1;
	if (!rd->heir)
		rd->lockfd = -1;
	errno = saved;
}

/* Returns 0, or -1 when it cannot be had. */
static int
rundir_take(struct rundir *rd, char *reason)
{
	int got = 0, tries;

	for (tries = 0; got == 0 && tries < RUNDIR_TRIES; tries++) {
		rundir_close_files(rd);
		got = rundir_open_dir(rd, reason);
		if (got == 1)
			got = rundir_lock(rd, reason);
	}
	if (got == 0)
		return rundir_refuse(reason, "%s keeps vanishing", rd->path);
	if (got == -1)
		return -1;
	if (ftruncate(rd->lockfd, 0) == -1 ||
	    dprintf(rd->lockfd, "%d\n", (int)getpid()) < 0)
		return rundir_refuse(reason, "%s/%s: %s", rd->path,
		    RUNDIR_LOCK, strerror(errno));
	return 0;
}

/* Free without removing: what is there is not ours to remove. */
static void
rundir_free(struct rundir *rd)
{
	rd->heir = 0;
	rundir_close_files(rd);
	free(rd->path);
	free(rd->empty);
	free(rd);
}

static struct rundir *
rundir_new(const char *path, int lock, char *reason)
{
	struct rundir *rd = xcalloc(1, sizeof(*rd));

	rd->path = xstrdup(path);
	rd->dirfd = -1;
	rd->lockfd = lock;
	rd->heir = lock != -1;
	if (rundir_take(rd, reason) == -1) {
		rundir_free(rd);
		return NULL;
	}
	return rd;
}

struct rundir *
rundir_open(const char *path, char *reason)
{
	return rundir_new(path, -1, reason);
}

struct rundir *
rundir_open_heir(const char *path, int lock, char *reason)
{
	return rundir_new(path, lock, reason);
}

int
rundir_lock_fd(const struct rundir *rd)
{
	return rd->lockfd;
}

int
rundir_was_left(const struct rundir *rd)
{
	return rd->left;
}

void
rundir_leave(struct rundir *rd)
{
	rundir_free(rd);
}

struct rundir *
rundir_open_beside(const char *path, char *reason)
{
	struct rundir *rd = rundir_open(path, reason);
	char *beside;
	int n;

	for (n = 2; rd == NULL && errno == EBUSY && n <= RUNDIR_MAX; n++) {
		beside = xasprintf("%s-%d", path, n);
		rd = rundir_open(beside, reason);
		free(beside);
	}
	return rd;
}

const char *
rundir_path(const struct rundir *rd)
{
	return rd->path;
}

const char *
rundir_empty(struct rundir *rd)
{
	struct stat st;

	if (rd->empty != NULL)
		return rd->empty;
	if (mkdirat(rd->dirfd, RUNDIR_EMPTY, 0555) == -1 && errno != EEXIST)
		return NULL;
	if (fstatat(rd->dirfd, RUNDIR_EMPTY, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return NULL;
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid()) {
		errno = EEXIST;
		return NULL;
	}
	if (fchmodat(rd->dirfd, RUNDIR_EMPTY, 0555, 0) == -1)
		return NULL;
	rd->empty = xasprintf("%s/%s", rd->path, RUNDIR_EMPTY);
	return rd->empty;
}

void
rundir_close(struct rundir *rd)
{
	if (rd == NULL)
		return;
	unlinkat(rd->dirfd, RUNDIR_EMPTY, AT_REMOVEDIR);
	unlinkat(rd->dirfd, RUNDIR_LOCK, 0);
	if (rd->made)
		rmdir(rd->path);
	rundir_free(rd);
}
