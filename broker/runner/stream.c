/* SPDX-License-Identifier: ISC */
/*
 * Output: from a pipe or terminal to the log, and on to whoever is attached.
 * While nobody can take it, it stays where it is, so that the job waits.
 */
#include "config.h"

#include <sys/ioctl.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "broker/runner/lend.h"
#include "broker/runner/runner.h"
#include "common/log.h"
#include "common/unix.h"

#define TURN_BYTES OUTLOG_CHUNK_MAX
/* A read this large makes the next one go straight to the log. */
#define BUSY_BYTES 16384
/* A terminal gives less than this with each read; see pty(7). */
#define TTY_PIECE 4096
/* After less than this there is hardly more: it is an echo or a line. */
#define TTY_SHORT 512
/* More than a terminal's kernel buffers hold. */
#define TTY_BOUND (1024 * 1024)
/* Turns of streams before requests get theirs. */
#define PUMP_TURNS 8
/* Turns before an exit is told. */
#define DRAIN_TURNS 4

enum turn {
	TURN_AGAIN,	/* something came, and more may be there */
	TURN_EMPTY,
	TURN_FULL,	/* the log takes no more now */
	TURN_ENDED
};

/* Quiet streams are read to here first: the log then takes what they need. */
static uint8_t scratch[TURN_BYTES];

static void
stream_set_state(struct stream *stream, enum stream_state state)
{
	struct runner *runner = stream->child->runner;

	if (stream->state == state)
		return;
	if (stream->state == STREAM_WATCHED)
		event_del(stream->event);
	if (stream->state == STREAM_READY)
		TAILQ_REMOVE(&runner->ready, stream, entry);
	stream->state = (uint8_t)state;
	if (state == STREAM_WATCHED && event_add(stream->event, NULL) == -1)
		fatalx("cannot watch a descriptor");
	if (state == STREAM_READY)
		TAILQ_INSERT_TAIL(&runner->ready, stream, entry);
}

static void
stream_end(struct stream *stream)
{
	stream_set_state(stream, STREAM_ENDED);
	/* A terminal's descriptor is the child's; input goes there too. */
	if (stream->child->tty)
		stream->fd = -1;
	else
		unix_close(&stream->fd);
}

/*
 * Whether the process's output may be read now; where nobody is attached, its
 * log alone decides.
 */
static bool
stream_allowed(const struct stream *stream)
{
	const struct attach *attach = stream->child->runner->attach;

	return attach == NULL || (attach_room(attach) > 0 &&
	    !attach_busy(attach) && STAILQ_EMPTY(&attach->late));
}

/* As read(2), but a terminal's small pieces are joined. */
static ssize_t
stream_read(struct stream *stream, uint8_t *place, size_t room)
{
	size_t used = 0;
	ssize_t n;

	if (stream->bounded && room > stream->left)
		room = stream->left;
	if (room == 0)
		return 0;
	do {
		n = read(stream->fd, place + used, room - used);
		if (n > 0)
			used += (size_t)n;
	} while (n >= TTY_SHORT && stream->child->tty &&
	    room - used >= TTY_PIECE);
	if (stream->bounded)
		stream->left -= used;
	return used > 0 ? (ssize_t)used : n;
}

static void
stream_committed(struct stream *stream, uint64_t seq, const uint8_t *bytes,
    size_t len)
{
	struct child *child = stream->child;
	struct outlog_chunk chunk = { .seq = seq, .bytes = bytes, .len = len,
		.stream = stream->kind };

	stream->busy = len >= BUSY_BYTES;
	runner_count(child->runner, METRIC_JOB_OUT, len);
	attach_output(child, &chunk);
	lend_output(child->runner);
	reads_wake(child);
	if (child->spills)
		spill_pump(child);
}

static enum turn
stream_outcome(const struct stream *stream, ssize_t n)
{
	if (n > 0)
		return TURN_AGAIN;
	if (n == -1 && (errno == EAGAIN || errno == EINTR) &&
	    !stream->bounded)
		return TURN_EMPTY;
	/* End of file; a terminal tells it by EIO. */
	return TURN_ENDED;
}

/* Read straight to the log. */
static enum turn
stream_turn_direct(struct stream *stream)
{
	struct outlog *log = stream->child->log;
	size_t room;
	uint8_t *place;
	ssize_t n;

	place = outlog_reserve(log, TURN_BYTES, &room);
	if (place == NULL && errno == EAGAIN)
		return TURN_FULL;
	if (place == NULL)
		fatal("retained output");
	n = stream_read(stream, place, room);
	if (n > 0)
		stream_committed(stream,
		    outlog_commit(log, stream->kind, (size_t)n), place,
		    (size_t)n);
	else
		outlog_trim();
	return stream_outcome(stream, n);
}

static enum turn
stream_turn_copy(struct stream *stream)
{
	uint64_t seq;
	ssize_t n;

	n = stream_read(stream, scratch, sizeof(scratch));
	if (n > 0) {
		seq = outlog_append(stream->child->log, stream->kind, scratch,
		    (size_t)n);
		if (seq == 0)
			fatal("retained output");
		stream_committed(stream, seq, scratch, (size_t)n);
	}
	return stream_outcome(stream, n);
}

static enum turn
stream_turn(struct stream *stream)
{
	if (stream->busy ||
	    !outlog_has_room(stream->child->log, sizeof(scratch)))
		return stream_turn_direct(stream);
	return stream_turn_copy(stream);
}

/* One turn, and what follows from its outcome. */
static enum turn
stream_take_turn(struct stream *stream, enum stream_state again)
{
	enum turn turn = stream_turn(stream);

	if (turn == TURN_AGAIN)
		stream_set_state(stream, again);
	else if (turn == TURN_EMPTY)
		stream_set_state(stream, STREAM_WATCHED);
	else if (turn == TURN_FULL)
		stream_set_state(stream, STREAM_FULL);
	else
		stream_end(stream);
	if (turn == TURN_FULL && stream->child->spills)
		spill_pump(stream->child);
	return turn;
}

static void
stream_cb(evutil_socket_t fd, short what, void *arg)
{
	struct stream *stream = arg;
	struct runner *runner = stream->child->runner;

	(void)fd;
	(void)what;
	if (!stream_allowed(stream)) {
		stream_set_state(stream, STREAM_READY);
		return;
	}
	/* Those who waited longer come first. */
	if (!TAILQ_EMPTY(&runner->ready)) {
		stream_set_state(stream, STREAM_READY);
		event_active(runner->pump, EV_TIMEOUT, 0);
		return;
	}
	if (stream_take_turn(stream, STREAM_WATCHED) == TURN_ENDED)
		child_check_closed(stream->child);
}

void
stream_pump(struct runner *runner)
{
	struct stream *stream;
	int turns;

	for (turns = 0; turns < PUMP_TURNS; turns++) {
		stream = TAILQ_FIRST(&runner->ready);
		if (stream == NULL || !stream_allowed(stream))
			return;
		TAILQ_REMOVE(&runner->ready, stream, entry);
		TAILQ_INSERT_TAIL(&runner->ready, stream, entry);
		if (stream_take_turn(stream, STREAM_READY) == TURN_ENDED)
			child_check_closed(stream->child);
	}
	if (!TAILQ_EMPTY(&runner->ready))
		event_active(runner->pump, EV_TIMEOUT, 0);
}

void
stream_pump_cb(int fd, short what, void *arg)
{
	struct runner *runner = arg;

	(void)fd;
	(void)what;
	if (runner->attach != NULL && runner->attach->yields)
		attach_pump(runner->attach);
	else
		stream_pump(runner);
}

void
stream_unblock(struct stream *stream)
{
	if (stream->state != STREAM_FULL)
		return;
	stream_set_state(stream, STREAM_READY);
	event_active(stream->child->runner->pump, EV_TIMEOUT, 0);
}

void
stream_drain(struct stream *stream)
{
	int turns;

	for (turns = 0; turns < DRAIN_TURNS; turns++)
		if ((stream->state != STREAM_WATCHED &&
		    stream->state != STREAM_READY) ||
		    !stream_allowed(stream) ||
		    stream_take_turn(stream, STREAM_READY) != TURN_AGAIN)
			break;
	if (stream->state == STREAM_READY)
		event_active(stream->child->runner->pump, EV_TIMEOUT, 0);
}

void
stream_bound(struct stream *stream)
{
	int waiting = 0;

	if (stream->state == STREAM_ENDED || stream->bounded)
		return;
	/* A terminal does not count what is on its way yet. */
	if (stream->child->tty)
		waiting = TTY_BOUND;
	else if (ioctl(stream->fd, FIONREAD, &waiting) == -1 || waiting < 0)
		waiting = 0;
	stream->bounded = true;
	stream->left = (size_t)waiting;
	if (waiting == 0)
		stream_end(stream);
	else if (stream->state == STREAM_WATCHED)
		stream_set_state(stream, STREAM_READY);
	event_active(stream->child->runner->pump, EV_TIMEOUT, 0);
}

struct stream *
stream_new(struct child *child, int fd, uint8_t kind)
{
	struct stream *stream = calloc(1, sizeof(*stream));

	if (stream == NULL)
		return NULL;
	stream->child = child;
	stream->fd = fd;
	stream->kind = kind;
	stream->state = STREAM_FULL;
	stream->event = event_new(child->runner->base, fd,
	    EV_READ | EV_PERSIST, stream_cb, stream);
	if (stream->event == NULL) {
		free(stream);
		return NULL;
	}
	event_priority_set(stream->event, 1);
	stream_set_state(stream, STREAM_WATCHED);
	return stream;
}

void
stream_free(struct stream *stream)
{
	if (stream == NULL)
		return;
	stream_end(stream);
	event_free(stream->event);
	free(stream);
}
