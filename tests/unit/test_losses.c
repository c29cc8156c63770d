/* SPDX-License-Identifier: ISC */
/* What a reader has lost: never guessed, and known where it matters. */
#include "config.h"

#include <criterion/criterion.h>

#include "broker/runner/losses.h"

TestSuite(losses, .timeout = 20);

static struct losses losses;
static uint64_t last, bytes;

static void
note(uint64_t from, uint64_t to, size_t len)
{
	for (; from <= to; from++)
		losses_note(&losses, from, len);
}

Test(losses, nothing_is_lost)
{
	cr_assert_eq(losses_after(&losses, 0, &last, &bytes), 0);
	losses_mark(&losses, 5);
	cr_assert_eq(losses_after(&losses, 0, &last, &bytes), 0);
	losses_clear(&losses);
}

Test(losses, the_whole_is_known_and_what_was_not_marked_is_not)
{
	note(1, 10, 100);
	cr_assert_eq(losses_after(&losses, 0, &last, &bytes), 1);
	cr_assert(last == 10 && bytes == 1000);
	cr_assert_eq(losses_after(&losses, 4, &last, &bytes), 1);
	cr_assert(last == 10 && bytes == UINT64_MAX);
	cr_assert_eq(losses_after(&losses, 10, &last, &bytes), 0);
	cr_assert_eq(losses_after(&losses, 11, &last, &bytes), 0);
	losses_clear(&losses);
}

/* A reader that left at any number up to the mark is told exactly. */
Test(losses, a_mark_makes_it_exact)
{
	uint64_t seq;

	note(1, 10, 100);
	losses_mark(&losses, 20);
	note(11, 17, 7);
	/* 18 was an event: it took a number and no bytes. */
	note(19, 40, 3);
	for (seq = 10; seq <= 17; seq++) {
		cr_assert_eq(losses_after(&losses, seq, &last, &bytes), 1);
		cr_assert_eq(bytes, (17 - seq) * 7 + 22 * 3);
	}
	cr_assert_eq(losses_after(&losses, 20, &last, &bytes), 1);
	cr_assert(bytes == 20 * 3 && last == 40);
	cr_assert_eq(losses_after(&losses, 9, &last, &bytes), 1);
	cr_assert_eq(bytes, UINT64_MAX);
	cr_assert_eq(losses_after(&losses, 21, &last, &bytes), 1);
	cr_assert_eq(bytes, UINT64_MAX);
	/* The next mark keeps what the one before has. */
	losses_mark(&losses, 50);
	note(41, 60, 1);
	losses_after(&losses, 20, &last, &bytes);
	cr_assert_eq(bytes, 80);
	losses_after(&losses, 45, &last, &bytes);
	cr_assert_eq(bytes, 15);
	losses_clear(&losses);
}

Test(losses, there_is_a_bound)
{
	losses_mark(&losses, UINT64_MAX);
	note(1, 5 * LOSSES_MAX, 1);
	cr_assert_leq(losses.room, LOSSES_MAX);
	losses_after(&losses, 5 * LOSSES_MAX - LOSSES_MAX / 2, &last, &bytes);
	cr_assert_eq(bytes, LOSSES_MAX / 2);
	losses_after(&losses, 1, &last, &bytes);
	cr_assert_eq(bytes, UINT64_MAX);
	losses_clear(&losses);
}

Test(losses, where_readers_stop_is_known)
{
	uint64_t seq;

	note(1, 10, 100);
	for (seq = 11; seq < 11 + LOSSES_STOPS; seq++)
		losses_stop(&losses, seq, 1000 + (seq - 10) * 7);
	losses_stop(&losses, 12, 1014);
	note(11, 40, 7);
	for (seq = 11; seq < 11 + LOSSES_STOPS; seq++) {
		losses_after(&losses, seq, &last, &bytes);
		cr_assert_eq(bytes, (40 - seq) * 7);
	}
	/* The newest take the place of the oldest. */
	losses_stop(&losses, 50, 1220);
	losses_after(&losses, 11, &last, &bytes);
	cr_assert_eq(bytes, UINT64_MAX);
	/* What goes out of sight in no order is found in its place. */
	losses_remember(&losses, 60, 1300);
	losses_remember(&losses, 55, 1250);
	note(41, 100, 10);
	losses_after(&losses, 55, &last, &bytes);
	cr_assert_eq(bytes, losses.total - 1250);
	losses_after(&losses, 60, &last, &bytes);
	cr_assert_eq(bytes, losses.total - 1300);
	losses_clear(&losses);
}
