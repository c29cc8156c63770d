/* SPDX-License-Identifier: ISC */
/* Credit comes back for what has left, in order, and never twice. */
#include "config.h"

#include <criterion/criterion.h>

#include "common/proto.h"
#include "gateway/credit.h"

TestSuite(credit, .timeout = 20);

static uint64_t
take(struct credit *c, uint64_t cost)
{
	uint64_t ticket;
	const char *why = credit_take(c, cost, &ticket);

	cr_assert_null(why, "%s", why);
	return ticket;
}

Test(credit, returned_when_gone)
{
	struct credit c;
	uint64_t total, a, b;

	credit_init(&c);
	a = take(&c, 100);
	b = take(&c, 200);
	cr_assert_not(credit_pending(&c), "nothing is on its way yet");
	credit_mark(&c, a, 150);
	credit_mark(&c, b, 400);
	credit_settle(&c, 149);
	cr_assert_not(credit_due(&c, &total));
	cr_assert(credit_pending(&c));
	credit_settle(&c, 150);
	cr_assert_eq(credit_outstanding(&c), 200);
	cr_assert_not(credit_due(&c, &total), "little, and more to come");
	credit_settle(&c, 400);
	cr_assert(credit_due(&c, &total));
	cr_assert_eq(total, 300);
	cr_assert_not(credit_due(&c, &total), "told twice");
	cr_assert_not(credit_pending(&c));
	credit_clear(&c);
}

/* What leaves early is not counted before what was sent earlier. */
Test(credit, order_of_arrival)
{
	struct credit c;
	uint64_t total, event, answer;

	credit_init(&c);
	event = take(&c, 1000);
	answer = take(&c, CREDIT_STEP);
	credit_mark(&c, answer, 50);
	credit_settle(&c, 50);
	cr_assert_not(credit_due(&c, &total));
	credit_mark(&c, event, 90);
	credit_settle(&c, 90);
	cr_assert(credit_due(&c, &total));
	cr_assert_eq(total, CREDIT_STEP + 1000);
	credit_clear(&c);
}

Test(credit, held_back)
{
	struct credit c;
	uint64_t total, part, answer;

	credit_init(&c);
	part = take(&c, 10);
	answer = take(&c, 20);
	credit_hold(&c, answer);
	credit_mark(&c, part, 10);
	credit_settle(&c, UINT64_MAX - 2);
	cr_assert_eq(credit_outstanding(&c), 20);
	credit_release(&c, 70);
	credit_settle(&c, 69);
	cr_assert_eq(credit_outstanding(&c), 20);
	credit_settle(&c, 70);
	cr_assert(credit_due(&c, &total));
	cr_assert_eq(total, 30);
	credit_clear(&c);
}

Test(credit, told_in_steps)
{
	struct credit c;
	uint64_t total = 0;
	int i, told = 0;

	credit_init(&c);
	for (i = 1; i <= 40; i++)
		credit_mark(&c, take(&c, 10000), (uint64_t)i * 10);
	for (i = 1; i <= 40; i++) {
		credit_settle(&c, (uint64_t)i * 10);
		if (credit_due(&c, &total))
			told++;
	}
	cr_assert_eq(total, 400000);
	cr_assert_eq(told, 400000 / 70000 + 1);
	credit_clear(&c);
}

Test(credit, window)
{
	struct credit c;
	uint64_t taken = 0, ticket;

	credit_init(&c);
	/* A piece may be begun as long as less than the window is open. */
	while (taken < PROTO_WINDOW) {
		take(&c, PROTO_CHUNK_MAX + PROTO_EVENT_COST);
		taken += PROTO_CHUNK_MAX + PROTO_EVENT_COST;
	}
	cr_assert_not_null(credit_take(&c, PROTO_WINDOW, &ticket));
	credit_clear(&c);
}

/* What was marked and what has been told agree after any mixture. */
Test(credit, ring)
{
	struct credit c;
	uint64_t total = 0, end = 0, gone = 0, sum = 0;
	unsigned int i, seed = 1;

	credit_init(&c);
	for (i = 0; i < 20000; i++) {
		seed = seed * 1103515245 + 12345;
		end += seed % 100 + 1;
		sum += seed % 7;
		credit_mark(&c, take(&c, seed % 7), end);
		if (seed & 0x4000)
			credit_settle(&c, gone = gone + (end - gone) / 3);
	}
	credit_settle(&c, end);
	cr_assert_eq(c.returned, sum);
	credit_due(&c, &total);
	cr_assert_eq(c.told, sum);
	credit_clear(&c);
}
