/* SPDX-License-Identifier: ISC */
/* Events in any order, twice, and with some missing. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "contrib/client/seqmerge.h"

TestSuite(seqmerge, .timeout = 30);

#define LOG_SIZE 65536

/* What came out, as text: each output's bytes, then "X3", "C", "gap1-2". */
static char out[LOG_SIZE];
static size_t out_len;

static void
log_add(const char *text, size_t len)
{
	cr_assert_lt(out_len + len, sizeof(out));
	memcpy(out + out_len, text, len);
	out_len += len;
	out[out_len] = '\0';
}

static void
on_output(void *arg, enum seqmerge_stream stream, const void *data,
    size_t len)
{
	(void)arg;
	log_add(stream == SEQMERGE_STDERR ? "!" : "", stream ==
	    SEQMERGE_STDERR);
	log_add(data, len);
}

static void
on_exited(void *arg, int code)
{
	char text[16];

	(void)arg;
	log_add(text, (size_t)snprintf(text, sizeof(text), "X%d", code));
}

static void
on_closed(void *arg)
{
	(void)arg;
	log_add("C", 1);
}

static void
on_gap(void *arg, uint64_t from, uint64_t to)
{
	char text[64];

	(void)arg;
	log_add(text, (size_t)snprintf(text, sizeof(text), "gap%d-%d",
	    (int)from, (int)to));
}

static const struct seqmerge_ops ops = {
	.output = on_output,
	.exited = on_exited,
	.closed = on_closed,
	.gap = on_gap,
};

static struct seqmerge *
merge_new(void)
{
	out_len = 0;
	out[0] = '\0';
	return seqmerge_new(&ops, NULL);
}

static int
put(struct seqmerge *merge, uint64_t seq, const char *text)
{
	return seqmerge_output(merge, seq, SEQMERGE_STDOUT, text,
	    strlen(text));
}

Test(seqmerge, in_order)
{
	struct seqmerge *merge = merge_new();

	put(merge, 1, "a");
	seqmerge_output(merge, 2, SEQMERGE_STDERR, "b", 1);
	seqmerge_exited(merge, 3, 7);
	put(merge, 4, "late");
	cr_assert_not(seqmerge_is_closed(merge));
	seqmerge_closed(merge, 5);
	cr_assert_str_eq(out, "a!bX7lateC");
	cr_assert(seqmerge_is_closed(merge));
	cr_assert_eq(seqmerge_last(merge), 5);
	seqmerge_free(merge);
}

Test(seqmerge, twice_is_once)
{
	struct seqmerge *merge = merge_new();

	put(merge, 1, "a");
	put(merge, 1, "other");
	put(merge, 3, "c");
	put(merge, 3, "other");
	put(merge, 2, "b");
	put(merge, 2, "other");
	cr_assert_str_eq(out, "abc");
	seqmerge_free(merge);
}

Test(seqmerge, neighbours_swapped)
{
	struct seqmerge *merge = merge_new();

	seqmerge_closed(merge, 4);
	seqmerge_exited(merge, 2, 0);
	cr_assert(seqmerge_has_hole(merge));
	put(merge, 3, "b");
	put(merge, 1, "a");
	cr_assert_str_eq(out, "aX0bC");
	cr_assert_not(seqmerge_has_hole(merge));
	seqmerge_free(merge);
}

Test(seqmerge, refuses_what_cannot_be)
{
	struct seqmerge *merge = merge_new();

	cr_assert_eq(put(merge, 0, "x"), -1);
	cr_assert_eq(seqmerge_snapshot(merge, 0, 0, 0, 0), -1);
	put(merge, 1, "a");
	seqmerge_closed(merge, 2);
	cr_assert_eq(put(merge, 3, "x"), -1);
	cr_assert_eq(put(merge, 1, "a"), 0);
	cr_assert_str_eq(out, "aC");
	seqmerge_free(merge);
}

/*
 * Snapshots: "seen" numbers came before, "chunks" with the answer; both as
 * digits, whose text is the digit itself.
 */
static const struct {
	const char *seen;
	const char *chunks;
	int next;
	int exited;
	int closed;
	const char *want;
	int rc;
} snapshots[] = {
	/* nothing new, nothing missing */
	{ "", "", 1, 0, 0, "", 0 },
	{ "12", "", 3, 0, 0, "12", 0 },
	{ "1", "23", 4, 0, 0, "123", 0 },
	/* the ends take numbers that have no chunk */
	{ "1", "2", 4, 1, 0, "12X9", 0 },
	{ "1", "2", 5, 1, 1, "12X9C", 0 },
	{ "", "", 3, 1, 1, "X9C", 0 },
	{ "1", "3", 5, 1, 1, "1X93C", 0 },
	{ "1", "", 3, 1, 0, "1X9", 0 },
	/* the oldest output is gone */
	{ "1", "45", 6, 0, 0, "1gap2-345", 0 },
	{ "1", "4", 6, 1, 0, "1gap2-34X9", 0 },
	{ "1", "4", 7, 1, 1, "1gap2-34X9C", 0 },
	{ "1", "456", 8, 1, 1, "1gap2-2X9456C", 0 },
	{ "", "", 5, 0, 0, "gap1-4", 0 },
	{ "", "", 5, 1, 1, "gap1-2X9C", 0 },
	/* events that overtook the answer */
	{ "145", "23", 4, 0, 0, "12345", 0 },
	{ "15", "3", 4, 0, 0, "1gap2-23", 0 },
	{ "156", "3", 7, 0, 0, "1gap2-23gap4-456", 0 },
	/* all below "next" was seen: the flags add nothing */
	{ "123", "", 4, 1, 1, "123", 0 },
	{ "13", "2", 4, 1, 0, "123", 0 },
	{ "14", "23", 5, 1, 1, "1234", 0 },
};

static void
put_digits(struct seqmerge *merge, const char *digits)
{
	char text[2] = "";

	for (; *digits != '\0'; digits++) {
		text[0] = *digits;
		put(merge, (uint64_t)(*digits - '0'), text);
	}
}

Test(seqmerge, snapshots)
{
	struct seqmerge *merge;
	size_t i;
	int rc;

	for (i = 0; i < sizeof(snapshots) / sizeof(snapshots[0]); i++) {
		merge = merge_new();
		put_digits(merge, snapshots[i].seen);
		put_digits(merge, snapshots[i].chunks);
		rc = seqmerge_snapshot(merge, (uint64_t)snapshots[i].next,
		    snapshots[i].exited, 9, snapshots[i].closed);
		cr_expect_eq(rc, snapshots[i].rc, "row %zu: %d", i, rc);
		cr_expect_str_eq(out, snapshots[i].want, "row %zu: %s", i,
		    out);
		seqmerge_free(merge);
	}
}

Test(seqmerge, closed_below_waiting_output_is_refused)
{
	struct seqmerge *merge = merge_new();

	/* 4 waits as output, but is said to be the closed event. */
	put(merge, 4, "d");
	cr_assert_eq(seqmerge_snapshot(merge, 5, 1, 0, 1), -1);
	cr_assert_str_eq(out, "");
	seqmerge_free(merge);
}

Test(seqmerge, nothing_behind_closed)
{
	struct seqmerge *merge = merge_new();

	put(merge, 3, "c");
	cr_assert_eq(seqmerge_closed(merge, 2), -1);
	cr_assert_eq(seqmerge_closed(merge, 4), 0);
	cr_assert_eq(seqmerge_closed(merge, 5), -1);
	cr_assert_eq(put(merge, 5, "e"), -1);
	put(merge, 2, "b");
	put(merge, 1, "a");
	cr_assert_str_eq(out, "abcC");
	seqmerge_free(merge);
}

Test(seqmerge, too_much_waiting_is_read_again)
{
	struct seqmerge *merge = merge_new();
	size_t len = 20U << 20, i;
	char *big = calloc(1, len);

	for (i = 0; i < 20 && !seqmerge_wants_read(merge); i++)
		cr_assert_eq(seqmerge_output(merge, 2 + i, SEQMERGE_STDOUT,
		    big, len), 0);
	cr_assert(seqmerge_wants_read(merge));
	cr_assert_leq(i * len, SEQMERGE_BYTES + len);
	cr_assert_not(seqmerge_has_hole(merge));
	/* What comes in order is still taken. */
	put(merge, 1, "a");
	cr_assert_str_eq(out, "a");
	/* An answer that shows no gap for certain is not believed. */
	cr_assert_eq(seqmerge_snapshot(merge, 9, 0, 0, 0), -1);
	cr_assert_not(seqmerge_wants_read(merge));
	free(big);
	seqmerge_free(merge);
}

/* A generator of its own: the same numbers in every run. */
static unsigned int
next_random(unsigned int *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

#define EVENTS 40

static void
deliver(struct seqmerge *merge, uint64_t seq, uint64_t exit_at)
{
	char text[24];

	if (seq == EVENTS)
		seqmerge_closed(merge, seq);
	else if (seq == exit_at)
		seqmerge_exited(merge, seq, 5);
	else {
		snprintf(text, sizeof(text), "<%d>", (int)seq);
		put(merge, seq, text);
	}
}

/*
 * Any order, with repetitions, breaks after which only what a read answers
 * is certain: the result is always the whole sequence once.
 */
Test(seqmerge, random_orders)
{
	unsigned int state = 1;
	char want[LOG_SIZE];
	struct seqmerge *merge;
	uint64_t exit_at, next, seq, known;
	int round, i;

	for (round = 0; round < 3000; round++) {
		merge = merge_new();
		exit_at = 1 + next_random(&state) % (EVENTS - 1);
		for (i = 0; i < 60; i++)
			deliver(merge, 1 + next_random(&state) % EVENTS,
			    exit_at);
		/* The break: everything below "next" is read. */
		while (!seqmerge_is_closed(merge)) {
			known = seqmerge_last(merge);
			next = known + 2 + next_random(&state) %
			    (EVENTS - known);
			if (next > EVENTS + 1)
				next = EVENTS + 1;
			for (seq = known + 1; seq < next; seq++)
				if (seq != exit_at && seq != EVENTS)
					deliver(merge, seq, exit_at);
			cr_assert_eq(seqmerge_snapshot(merge, next,
			    exit_at < next, 5, next == EVENTS + 1), 0);
			cr_assert_geq(seqmerge_last(merge), next - 1);
		}
		memcpy(want, out, out_len + 1);
		out_len = 0;
		for (seq = 1; seq <= EVENTS; seq++)
			if (seq == EVENTS)
				on_closed(NULL);
			else if (seq == exit_at)
				on_exited(NULL, 5);
			else {
				char text[24];

				log_add(text, (size_t)snprintf(text,
				    sizeof(text), "<%d>", (int)seq));
			}
		cr_assert_str_eq(want, out, "round %d", round);
		seqmerge_free(merge);
	}
}
