/* SPDX-License-Identifier: ISC */
/*
 * Input on its way to the job: a few writes may be unanswered at a time, and
 * after a break those are sent again under the ids they had.
 */
#ifndef CONTRIB_CLIENT_FEED_H
#define CONTRIB_CLIENT_FEED_H

#include <stddef.h>
#include <stdint.h>

struct feed;

/* Writes that may be unanswered, and bytes that each carries at most. */
#define FEED_WINDOW 4
#define FEED_CHUNK 65536

struct feed_write {
	uint64_t id; /* from 1; one id for the same bytes for ever */
	const void *data; /* valid until it is answered */
	size_t len;
};

struct feed *feed_new(void);
void feed_free(struct feed *feed);

/* Bytes that feed_add() takes now: at most FEED_CHUNK, 0 when it is full. */
size_t feed_room(const struct feed *feed);

/*
 * Copy "len" bytes, at least 1 and at most feed_room().  They join what has
 * not been sent yet.
 */
void feed_add(struct feed *feed, const void *data, size_t len);

/*
 * The next write to send: fills "out" and returns 1, or 0 when all have been
 * sent.  feed_sent() says that it was sent.
 */
int feed_next(const struct feed *feed, struct feed_write *out);
void feed_sent(struct feed *feed);

/* Write "id" was answered; ids not known are ignored. */
void feed_answered(struct feed *feed, uint64_t id);

/* The connection broke: what is unanswered must be sent again, in order. */
void feed_rewind(struct feed *feed);

/* Forget all that is unanswered: the job takes no more input. */
void feed_clear(struct feed *feed);

/* True when nothing is unanswered. */
int feed_is_empty(const struct feed *feed);

#endif
