/* SPDX-License-Identifier: ISC */
/* Input under way: order, the window, and what happens after a break. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "contrib/client/feed.h"

TestSuite(feed, .timeout = 20);

static void
add(struct feed *feed, const char *text)
{
	feed_add(feed, text, strlen(text));
}

/* Send the next write; it must be this one. */
static void
expect_next(struct feed *feed, uint64_t id, const char *text)
{
	struct feed_write write;

	cr_assert_eq(feed_next(feed, &write), 1);
	cr_assert_eq(write.id, id, "%d", (int)write.id);
	cr_assert_eq(write.len, strlen(text));
	cr_assert_arr_eq(write.data, text, write.len);
	feed_sent(feed);
}

static void
expect_none(struct feed *feed)
{
	struct feed_write write;

	cr_assert_eq(feed_next(feed, &write), 0);
}

Test(feed, in_order)
{
	struct feed *feed = feed_new();

	cr_assert(feed_is_empty(feed));
	expect_none(feed);
	add(feed, "a");
	expect_next(feed, 1, "a");
	add(feed, "b");
	expect_next(feed, 2, "b");
	expect_none(feed);
	feed_answered(feed, 2);
	cr_assert_not(feed_is_empty(feed));
	feed_answered(feed, 1);
	cr_assert(feed_is_empty(feed));
	feed_free(feed);
}

Test(feed, joins_what_was_not_sent)
{
	struct feed *feed = feed_new();

	add(feed, "a");
	add(feed, "b");
	expect_next(feed, 1, "ab");
	add(feed, "c");
	/* Its id already stands for other bytes. */
	expect_next(feed, 2, "c");
	feed_free(feed);
}

Test(feed, same_id_same_bytes_after_a_break)
{
	struct feed *feed = feed_new();

	add(feed, "a");
	expect_next(feed, 1, "a");
	add(feed, "b");
	expect_next(feed, 2, "b");
	feed_rewind(feed);
	add(feed, "c");
	expect_next(feed, 1, "a");
	expect_next(feed, 2, "b");
	expect_next(feed, 3, "c");
	expect_none(feed);
	feed_free(feed);
}

Test(feed, answered_is_not_sent_again)
{
	struct feed *feed = feed_new();

	add(feed, "a");
	expect_next(feed, 1, "a");
	add(feed, "b");
	expect_next(feed, 2, "b");
	add(feed, "c");
	expect_next(feed, 3, "c");
	feed_answered(feed, 2);
	feed_rewind(feed);
	expect_next(feed, 1, "a");
	expect_next(feed, 3, "c");
	expect_none(feed);
	feed_answered(feed, 99);
	feed_answered(feed, 1);
	feed_answered(feed, 3);
	cr_assert(feed_is_empty(feed));
	feed_free(feed);
}

Test(feed, window)
{
	struct feed *feed = feed_new();
	char *full = calloc(1, FEED_CHUNK);
	struct feed_write write;
	int i;

	for (i = 0; i < FEED_WINDOW; i++) {
		cr_assert_eq(feed_room(feed), FEED_CHUNK);
		feed_add(feed, full, FEED_CHUNK);
	}
	cr_assert_eq(feed_room(feed), 0);
	for (i = 0; feed_next(feed, &write); i++)
		feed_sent(feed);
	cr_assert_eq(i, FEED_WINDOW);
	feed_answered(feed, 1);
	cr_assert_eq(feed_room(feed), FEED_CHUNK);
	feed_clear(feed);
	cr_assert(feed_is_empty(feed));
	free(full);
	feed_free(feed);
}

/* Against a model: everything arrives once and in order, over any breaks. */
Test(feed, random)
{
	unsigned int state = 7, dice;
	struct feed *feed = feed_new();
	struct feed_write write;
	uint64_t inflight[FEED_WINDOW * 2], applied = 0;
	char got[20000], text[16];
	size_t ninflight = 0, got_len = 0, wrote = 0, i;

	while (wrote < 2000 || !feed_is_empty(feed)) {
		state = state * 1664525 + 1013904223;
		dice = state >> 16 & 7;
		if (dice < 3 && wrote < 2000 && feed_room(feed) >= 8) {
			snprintf(text, sizeof(text), "%zu.", wrote++);
			add(feed, text);
		} else if (dice < 5 && feed_next(feed, &write)) {
			/* The server applies an id once. */
			if (write.id > applied) {
				cr_assert_eq(write.id, applied + 1);
				cr_assert_lt(got_len + write.len,
				    sizeof(got));
				memcpy(got + got_len, write.data, write.len);
				got_len += write.len;
				applied = write.id;
			}
			inflight[ninflight++] = write.id;
			feed_sent(feed);
		} else if (dice < 7 && ninflight > 0) {
			feed_answered(feed, inflight[0]);
			memmove(inflight, inflight + 1,
			    --ninflight * sizeof(inflight[0]));
		} else if (dice == 7) {
			ninflight = 0;
			feed_rewind(feed);
		}
	}
	for (i = 0, wrote = 0; i < got_len; wrote++) {
		snprintf(text, sizeof(text), "%zu.", wrote);
		cr_assert_eq(memcmp(got + i, text, strlen(text)), 0);
		i += strlen(text);
	}
	cr_assert_eq(wrote, 2000);
	feed_free(feed);
}
