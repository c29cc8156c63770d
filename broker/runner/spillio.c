/* SPDX-License-Identifier: ISC */
/* The thread that writes and reads files without names. */
#include "config.h"

#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include <linux/magic.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/runner/spillio.h"
#include "common/clock.h"
#include "common/unix.h"

#define STACK_SIZE (64 * 1024)
#define IDLE_MS 5000		/* then the thread ends */
#define PATIENCE_MS 1000	/* for it, at the end */
#define PLACES 3

STAILQ_HEAD(spillio_ops, spillio_op);

struct spillio {
	pthread_mutex_t lock;
	pthread_cond_t work;	/* there is some, or the end has come */
	pthread_cond_t over;	/* the thread has ended */
	struct spillio_ops todo, done;
	bool running, quit;
	int event_fd;
	char *places[PLACES];	/* directories, the first one that will do */
};

static void
deadline(struct timespec *ts, uint64_t ms)
{
	uint64_t at = clock_add(clock_ms(), ms);

	ts->tv_sec = (time_t)(at / 1000);
	ts->tv_nsec = (long)(at % 1000 * 1000000);
}

/* One without a name from the beginning, where the file system can. */
static int
open_in(const char *directory)
{
	char name[PATH_MAX];
	int fd;

	fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd != -1 || (errno != EOPNOTSUPP && errno != EISDIR &&
	    errno != ENOENT && errno != EINVAL))
		return fd;
	if ((size_t)snprintf(name, sizeof(name), "%s/holdfast.XXXXXX",
	    directory) >= sizeof(name)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = mkostemp(name, O_CLOEXEC);
	if (fd != -1)
		unlink(name);
	return fd;
}

static bool
in_memory(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && ((unsigned long)fs.f_type ==
	    TMPFS_MAGIC || (unsigned long)fs.f_type == RAMFS_MAGIC);
}

/* What lies in memory saves none; it is taken if there is nothing else. */
static int
file_open(const struct spillio *io)
{
	int fd, reserve = -1, error = ENOENT;
	size_t i;

	for (i = 0; i < PLACES && io->places[i] != NULL; i++) {
		fd = open_in(io->places[i]);
		if (fd == -1) {
			error = errno;
		} else if (in_memory(fd)) {
			if (reserve == -1)
				reserve = fd;
			else
				close(fd);
		} else {
			unix_close(&reserve);
			return fd;
		}
	}
	errno = error;
	return reserve;
}

static int
do_write(const struct spillio *io, struct spillio_op *op)
{
	size_t done = 0;
	ssize_t n;

	if (op->file->fd == -1 && (op->file->fd = file_open(io)) == -1)
		return errno;
	while (done < op->len) {
		n = pwrite(op->file->fd, (const char *)op->bytes + done,
		    op->len - done, (off_t)(op->offset + done));
		if (n == -1 && errno != EINTR)
			return errno;
		if (n == 0)
			return ENOSPC;
		if (n > 0)
			done += (size_t)n;
	}
	return 0;
}

static int
do_read(struct spillio_op *op)
{
	size_t done = 0;
	ssize_t n;

	while (done < op->len) {
		n = pread(op->file->fd, (char *)op->bytes + done,
		    op->len - done, (off_t)(op->offset + done));
		if (n == -1 && errno != EINTR)
			return errno;
		if (n == 0)
			return EIO;
		if (n > 0)
			done += (size_t)n;
	}
	return 0;
}

static int
op_do(const struct spillio *io, struct spillio_op *op)
{
	int fd = op->file->fd;

	switch (op->kind) {
	case SPILLIO_WRITE:
		return do_write(io, op);
	case SPILLIO_READ:
		return do_read(op);
	case SPILLIO_PUNCH:
		return fallocate(fd, FALLOC_FL_PUNCH_HOLE |
		    FALLOC_FL_KEEP_SIZE, (off_t)op->offset,
		    (off_t)op->len) == -1 ? errno : 0;
	case SPILLIO_TRUNCATE:
		return ftruncate(fd, 0) == -1 ? errno : 0;
	case SPILLIO_CLOSE:
		unix_close(&op->file->fd);
		return 0;
	}
	return EINVAL;
}

/* The next operation, or NULL when there is no more; the lock is held. */
static struct spillio_op *
op_wait(struct spillio *io)
{
	struct timespec ts;
	int error = 0;

	deadline(&ts, IDLE_MS);
	while (STAILQ_EMPTY(&io->todo) && !io->quit && error == 0)
		error = pthread_cond_timedwait(&io->work, &io->lock, &ts);
	return STAILQ_FIRST(&io->todo);
}

static void *
thread_main(void *arg)
{
	struct spillio *io = arg;
	struct spillio_op *op;
	uint64_t one = 1;

	pthread_mutex_lock(&io->lock);
	while ((op = op_wait(io)) != NULL) {
		STAILQ_REMOVE_HEAD(&io->todo, entry);
		pthread_mutex_unlock(&io->lock);
		op->error = op_do(io, op);
		pthread_mutex_lock(&io->lock);
		STAILQ_INSERT_TAIL(&io->done, op, entry);
		/* It cannot fail: nobody counts that far. */
		(void)!write(io->event_fd, &one, sizeof(one));
	}
	io->running = false;
	pthread_cond_signal(&io->over);
	pthread_mutex_unlock(&io->lock);
	return NULL;
}

/* No signal is for it: a limit on files is told by errno then, too. */
static int
thread_start(struct spillio *io)
{
	sigset_t all, before;
	pthread_attr_t attr;
	pthread_t thread;
	int error;

	if ((error = pthread_attr_init(&attr)) != 0)
		return error;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&thread, &attr, thread_main, io);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return error;
}

static void
cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

static void
release(struct spillio *io)
{
	size_t i;

	for (i = 0; i < PLACES; i++)
		free(io->places[i]);
	unix_close(&io->event_fd);
	free(io);
}

static int
places_init(struct spillio *io, const char *directory)
{
	const char *temporary = getenv("TMPDIR");
	const char *const names[PLACES] = {
		temporary != NULL && temporary[0] == '/' ? temporary : "/tmp",
		"/var/tmp", "/tmp"
	};
	size_t i;

	if (directory != NULL)
		return (io->places[0] = strdup(directory)) == NULL ? -1 : 0;
	for (i = 0; i < PLACES; i++)
		if ((io->places[i] = strdup(names[i])) == NULL)
			return -1;
	return 0;
}

struct spillio *
spillio_new(const char *directory)
{
	struct spillio *io = calloc(1, sizeof(*io));

	if (io == NULL)
		return NULL;
	io->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (io->event_fd == -1 || places_init(io, directory) == -1) {
		release(io);
		return NULL;
	}
	pthread_mutex_init(&io->lock, NULL);
	cond_init(&io->work);
	cond_init(&io->over);
	STAILQ_INIT(&io->todo);
	STAILQ_INIT(&io->done);
	return io;
}

int
spillio_stop(struct spillio *io)
{
	struct timespec ts;
	int error = 0;

	deadline(&ts, PATIENCE_MS);
	pthread_mutex_lock(&io->lock);
	io->quit = true;
	pthread_cond_signal(&io->work);
	while (io->running && error == 0)
		error = pthread_cond_timedwait(&io->over, &io->lock, &ts);
	pthread_mutex_unlock(&io->lock);
	errno = error;
	return error == 0 ? 0 : -1;
}

void
spillio_free(struct spillio *io)
{
	pthread_mutex_destroy(&io->lock);
	pthread_cond_destroy(&io->work);
	pthread_cond_destroy(&io->over);
	release(io);
}

int
spillio_fd(const struct spillio *io)
{
	return io->event_fd;
}

int
spillio_submit(struct spillio *io, struct spillio_op *op)
{
	int error = 0;

	pthread_mutex_lock(&io->lock);
	if (!io->running)
		error = thread_start(io);
	if (error == 0) {
		io->running = true;
		STAILQ_INSERT_TAIL(&io->todo, op, entry);
		pthread_cond_signal(&io->work);
	}
	pthread_mutex_unlock(&io->lock);
	errno = error;
	return error == 0 ? 0 : -1;
}

struct spillio_op *
spillio_done(struct spillio *io)
{
	struct spillio_op *op;
	uint64_t count;

	pthread_mutex_lock(&io->lock);
	op = STAILQ_FIRST(&io->done);
	if (op != NULL)
		STAILQ_REMOVE_HEAD(&io->done, entry);
	else
		(void)!read(io->event_fd, &count, sizeof(count));
	pthread_mutex_unlock(&io->lock);
	return op;
}
