/* SPDX-License-Identifier: ISC */
/*
 * How much output has been evicted behind a number.  The total is simple;
 * what a reader who has seen the beginning has lost is known for numbers it
 * may have stopped at, which are remembered one by one.  Pure.
 */
#ifndef RUNNER_LOSSES_H
#define RUNNER_LOSSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Numbers remembered; more than fit a window with a byte each. */
#define LOSSES_MAX 8192

/* Numbers that readers have stopped at lately. */
#define LOSSES_STOPS 8

struct losses_entry {
	uint64_t seq;
	uint64_t total;		/* bytes of output up to and with it */
};

/* Embedded; all zero is one where nothing is lost. */
struct losses {
	struct losses_entry *entries;	/* by number */
	size_t count, room;
	uint64_t first, last;	/* lowest and highest evicted; 0: none */
	uint64_t total;		/* bytes */
	uint64_t mark;
	struct losses_entry stops[LOSSES_STOPS];	/* a ring */
	size_t stop;		/* the oldest */
};

void losses_clear(struct losses *losses);

/*
 * A reader has gone who has seen "seq" at most: numbers up to it are
 * remembered from now on.
 */
void losses_mark(struct losses *losses, uint64_t seq);

/* The chunk "seq" of "len" bytes, the oldest there is, has been evicted. */
void losses_note(struct losses *losses, uint64_t seq, size_t len);

/* The same for several in a row, "first" to "last", of "bytes" in all. */
void losses_note_run(struct losses *losses, uint64_t first, uint64_t last,
    uint64_t bytes);

/*
 * The chunk "seq", up to and with which there are "total" bytes of output in
 * all, goes out of sight, but is still there; whoever left may be behind it.
 */
void losses_remember(struct losses *losses, uint64_t seq, uint64_t total);

/* The same of one that a reader has got as the last for now. */
void losses_stop(struct losses *losses, uint64_t seq, uint64_t total);

/* Whether whoever left at the mark may have stopped at this number. */
bool losses_marked(const struct losses *losses, uint64_t seq);

/*
 * What a reader who has seen everything up to "after" has lost: "*last" gets
 * the highest number and "*bytes" how much, or UINT64_MAX where that is not
 * known.  Returns whether anything is lost.
 */
int losses_after(const struct losses *losses, uint64_t after, uint64_t *last,
    uint64_t *bytes);

#endif
