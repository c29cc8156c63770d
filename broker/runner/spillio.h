/* SPDX-License-Identifier: ISC */
/*
 * Files without names, written and read by a thread, so that a slow disk holds
 * up nobody else.  A thread because what is written already lies in memory: a
 * program beside us would need it copied to it and back.  It is started with
 * the first operation, does them in order, allocates nothing and ends when
 * nothing has been asked of it for a while.
 */
#ifndef RUNNER_SPILLIO_H
#define RUNNER_SPILLIO_H

#include <sys/queue.h>

#include <stddef.h>
#include <stdint.h>

struct spillio;

/* A file: made with its first write, gone with SPILLIO_CLOSE. */
struct spillio_file {
	int fd;			/* the thread's; -1: not made yet */
};

enum spillio_kind {
	SPILLIO_WRITE,
	SPILLIO_READ,
	SPILLIO_PUNCH,		/* give that space back; best effort */
	SPILLIO_TRUNCATE,	/* give all of it back; best effort */
	SPILLIO_CLOSE
};

/* An operation; nothing of it may be touched until it comes back. */
struct spillio_op {
	STAILQ_ENTRY(spillio_op) entry;
	enum spillio_kind kind;
	struct spillio_file *file;
	void *bytes;
	size_t len;
	uint64_t offset;
	int error;		/* an errno(3), or 0 */
	void *arg;		/* the caller's */
};

/*
 * Files go to "directory", which is copied; NULL: where temporary files go,
 * rather on a disk than in memory.  NULL with errno.
 */
struct spillio *spillio_new(const char *directory);

/*
 * Have all done that was asked for and end the thread: 0.  It is not waited
 * for long: -1 if it hangs, and "io" must stay as it is until the program ends.
 */
int spillio_stop(struct spillio *io);

/* After that has gone well and all operations have come back. */
void spillio_free(struct spillio *io);

/* Readable when operations have come back. */
int spillio_fd(const struct spillio *io);

/* 0, or -1 with errno and nothing done: there is no thread. */
int spillio_submit(struct spillio *io, struct spillio_op *op);

/* One that has come back, in order, or NULL. */
struct spillio_op *spillio_done(struct spillio *io);

#endif
