/* SPDX-License-Identifier: ISC */
/*
 * Output that finds no room in memory while its client is away, or has not
 * caught up yet, goes to a file of its process.  What is where, outlog.h
 * knows; what is done with files, spillio.h.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "broker/runner/lend.h"
#include "broker/runner/runner.h"
#include "broker/runner/spillio.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/unix.h"

/* A disk that does nothing for this long is not waited for any more. */
#define STALL_MS 2000
/* After a file system was full it is asked again. */
#define RETRY_MS 1000
/* More than what is written at once. */
#define GROWTH_MIN (512 * 1024)

struct spill_op {
	struct spillio_op io;	/* its "arg" is this */
	struct child *child;	/* NULL: forgotten meanwhile */
	struct outlog_piece piece;
	void *orphan;		/* to be freed with it */
};

static struct timeval stall_time = { STALL_MS / 1000,
	STALL_MS % 1000 * 1000 };

static void
spill_count(struct child *child)
{
	uint64_t now = outlog_spilled(child->log);

	if (now < child->spill_used)
		child->runner->spill.refused = false;
	child->runner->spill.used += now - child->spill_used;
	child->spill_used = now;
}

static void
unblock(struct child *child)
{
	size_t i;

	for (i = 0; i < CHILD_STREAMS; i++)
		if (child->streams[i] != NULL)
			stream_unblock(child->streams[i]);
}

static struct spill_op *
op_new(struct child *child, enum spillio_kind kind)
{
	struct spill_op *op = calloc(1, sizeof(*op));

	if (op == NULL)
		return NULL;
	op->child = child;
	op->io.kind = kind;
	op->io.file = child->file;
	op->io.arg = op;
	return op;
}

static int
op_submit(struct spill *spill, struct spill_op *op)
{
	if (spillio_submit(spill->io, &op->io) == -1) {
		log_debug("session", "no thread for files: %s",
		    strerror(errno));
		return -1;
	}
	if (spill->pending++ == 0)
		event_add(spill->stall, &stall_time);
	return 0;
}

/* Space that is not needed any more; nobody minds if it stays a while. */
static void
give_back(struct child *child)
{
	uint64_t offset, len;
	struct spill_op *op;

	if (child->file == NULL ||
	    outlog_hole(child->log, &offset, &len) == -1)
		return;
	op = op_new(child, len == UINT64_MAX ? SPILLIO_TRUNCATE :
	    SPILLIO_PUNCH);
	if (op == NULL)
		return;
	op->io.offset = offset;
	op->io.len = len == UINT64_MAX ? 0 : (size_t)len;
	if (op_submit(&child->runner->spill, op) == -1)
		free(op);
}

static int
write_piece(struct child *child, const struct outlog_piece *piece)
{
	struct spill_op *op;

	if (child->file == NULL) {
		child->file = malloc(sizeof(*child->file));
		if (child->file == NULL)
			return -1;
		child->file->fd = -1;
	}
	op = op_new(child, SPILLIO_WRITE);
	if (op == NULL)
		return -1;
	op->piece = *piece;
	op->io.bytes = (void *)(uintptr_t)piece->bytes;
	op->io.len = piece->len;
	op->io.offset = piece->offset;
	if (op_submit(&child->runner->spill, op) == -1) {
		free(op);
		return -1;
	}
	child->writing = op;
	return 0;
}

/* The file system was full, but that may have changed. */
static void
try_again(struct child *child)
{
	struct spill *spill = &child->runner->spill;

	if (child->file_retry_ms == 0 || clock_ms() < child->file_retry_ms)
		return;
	child->file_retry_ms = 0;
	outlog_set_file(child->log, spill->bytes);
}

/*
 * How much more the files may hold.  False: the broker is being asked, and
 * nothing is to be lost just because it has not answered yet.
 */
static bool
lends(struct runner *runner, uint64_t *growth)
{
	struct spill *spill = &runner->spill;
	bool asked = spill->asked;

	*growth = lend_spilled(runner);
	if (spill->asked && !asked && spill->pending == 0)
		event_add(spill->stall, &stall_time);
	return !spill->asked || *growth >= GROWTH_MIN;
}

void
spill_lent(struct runner *runner, bool refused)
{
	struct child *child;

	runner->spill.asked = false;
	runner->spill.refused = refused;
	TAILQ_FOREACH(child, &runner->children, entry)
		child_set_keep(child);
}

void
spill_pump(struct child *child)
{
	struct runner *runner = child->runner;
	struct outlog_piece piece;
	enum outlog_need need;
	uint64_t growth;

	try_again(child);
	if (!lends(runner, &growth))
		return;
	need = outlog_write_next(child->log, growth, &piece);
	if (need == OUTLOG_WRITE && write_piece(child, &piece) == -1) {
		outlog_not_written(child->log, true);
		child->file_retry_ms = clock_add(clock_ms(), RETRY_MS);
		need = OUTLOG_NO_PLACE;
	}
	spill_count(child);
	give_back(child);
	/* What is too much is evicted now, if that is allowed. */
	if (need == OUTLOG_NO_PLACE &&
	    outlog_has_room(child->log, OUTLOG_ROOM_MIN))
		unblock(child);
}

static void
write_failed(struct child *child, int error)
{
	struct spill *spill = &child->runner->spill;
	bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;

	if (!spill->warned)
		log_warnx("output is kept in memory only: a file for it "
		    "cannot be %s: %s", child->file->fd == -1 ? "made" :
		    "written", strerror(error));
	spill->warned = true;
	outlog_not_written(child->log, full);
	child->file_retry_ms = full ? clock_add(clock_ms(), RETRY_MS) : 0;
}

static void
write_done(struct spill_op *op)
{
	struct child *child = op->child;

	child->writing = NULL;
	if (op->io.error == 0)
		outlog_written(child->log);
	else
		write_failed(child, op->io.error);
	/* This goes on with the next one, and whoever waits for room. */
	child_set_keep(child);
}

/* Only one process has output in memory just to be read, if anybody reads. */
static void
keep_loaded(struct child *child)
{
	struct spill *spill = &child->runner->spill;

	if (spill->reader != NULL && spill->reader != child)
		outlog_unload(spill->reader->log);
	spill->reader = child;
	if (child->runner->attach == NULL)
		outlog_unload(child->log);
}

static void
load_done(struct spill_op *op)
{
	struct child *child = op->child;

	child->loading = NULL;
	if (op->io.error == 0) {
		outlog_loaded(child->log, &op->piece, op->io.bytes);
	} else {
		outlog_load_free(op->io.bytes);
		log_warnx("retained output cannot be read back: %s",
		    strerror(op->io.error));
		outlog_unreadable(child->log, op->piece.first);
	}
	spill_count(child);
	keep_loaded(child);
	if (child->runner->attach != NULL)
		reads_loaded(child->runner->attach, child);
}

static void
op_done(struct spill_op *op)
{
	if (op->io.kind == SPILLIO_CLOSE)
		free(op->io.file);
	if (op->child == NULL && op->io.kind == SPILLIO_READ)
		outlog_load_free(op->io.bytes);
	else if (op->child != NULL && op->io.kind == SPILLIO_WRITE)
		write_done(op);
	else if (op->child != NULL && op->io.kind == SPILLIO_READ)
		load_done(op);
	free(op->orphan);
	free(op);
}

static void
set_stuck(struct runner *runner, bool stuck)
{
	struct child *child;

	if (runner->spill.stuck == stuck)
		return;
	runner->spill.stuck = stuck;
	log_warnx("the disk that output is kept on %s",
	    stuck ? "does not answer" : "answers again");
	TAILQ_FOREACH(child, &runner->children, entry) {
		outlog_set_stuck(child->log, stuck);
		if (stuck && child->loading != NULL) {
			outlog_unreadable(child->log,
			    child->loading->piece.first);
			if (runner->attach != NULL)
				reads_loaded(runner->attach, child);
		}
		unblock(child);
	}
}

static void
stall_cb(evutil_socket_t fd, short what, void *arg)
{
	struct runner *runner = arg;

	(void)fd;
	(void)what;
	if (runner->spill.pending > 0)
		set_stuck(runner, true);
	/* Whoever lends does not answer either. */
	if (runner->spill.asked)
		spill_lent(runner, true);
}

static void
done_cb(evutil_socket_t fd, short what, void *arg)
{
	struct runner *runner = arg;
	struct spill *spill = &runner->spill;
	struct spillio_op *op;

	(void)fd;
	(void)what;
	while ((op = spillio_done(spill->io)) != NULL) {
		spill->pending--;
		set_stuck(runner, false);
		op_done(op->arg);
	}
	if (spill->pending > 0 || spill->asked)
		event_add(spill->stall, &stall_time);
	else
		event_del(spill->stall);
}

int
spill_load(struct child *child, uint64_t seq)
{
	struct spill *spill = &child->runner->spill;
	struct outlog_piece piece;
	struct spill_op *op;

	if (child->loading != NULL && !spill->stuck)
		return 0;
	if (!outlog_absent(child->log, seq, &piece))
		return -1;
	op = spill->stuck ? NULL : op_new(child, SPILLIO_READ);
	if (op != NULL) {
		op->piece = piece;
		op->io.bytes = outlog_load_new(&piece);
		op->io.len = piece.len;
		op->io.offset = piece.offset;
		if (op->io.bytes != NULL && op_submit(spill, op) == 0) {
			child->loading = op;
			return 0;
		}
		outlog_load_free(op->io.bytes);
		free(op);
	}
	outlog_unreadable(child->log, piece.first);
	return -1;
}

void
spill_open(struct child *child)
{
	struct runner *runner = child->runner;

	outlog_set_stuck(child->log, runner->spill.stuck);
	if (runner->spill.io != NULL)
		outlog_set_file(child->log, runner->spill.bytes);
}

void
spill_forget(struct child *child)
{
	struct spill *spill = &child->runner->spill;
	struct spill_op *op;

	spill->used -= child->spill_used;
	child->spill_used = 0;
	if (spill->reader == child)
		spill->reader = NULL;
	if (child->writing != NULL) {
		child->writing->child = NULL;
		child->writing->orphan = outlog_orphan(child->log);
	}
	if (child->loading != NULL)
		child->loading->child = NULL;
	child->writing = child->loading = NULL;
	if (child->file == NULL)
		return;
	op = op_new(child, SPILLIO_CLOSE);
	if (op == NULL)
		fatal("an operation on a file");
	op->child = NULL;
	child->file = NULL;
	if (op_submit(spill, op) == 0)
		return;
	/* Without a thread the file is nobody else's. */
	unix_close(&op->io.file->fd);
	op_done(op);
}

void
spill_init(struct runner *runner, uint64_t bytes, const char *directory)
{
	struct spill *spill = &runner->spill;

	if (bytes == 0)
		return;
	spill->bytes = bytes;
	spill->io = spillio_new(directory);
	if (spill->io == NULL)
		fatal("files for output");
	spill->event = event_new(runner->base, spillio_fd(spill->io),
	    EV_READ | EV_PERSIST, done_cb, runner);
	spill->stall = evtimer_new(runner->base, stall_cb, runner);
	if (spill->event == NULL || spill->stall == NULL ||
	    event_add(spill->event, NULL) == -1)
		fatalx("cannot set up the event loop");
	event_priority_set(spill->event, 1);
}

void
spill_clear(struct runner *runner)
{
	struct spill *spill = &runner->spill;
	struct spillio_op *op;

	if (spill->io == NULL)
		return;
	event_free(spill->event);
	event_free(spill->stall);
	if (spillio_stop(spill->io) == 0) {
		while ((op = spillio_done(spill->io)) != NULL)
			op_done(op->arg);
		spillio_free(spill->io);
	}
	*spill = (struct spill){ 0 };
}
