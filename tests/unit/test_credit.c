/* SPDX-License-Identifier: ISC */
/* Credit comes back for what has left, in order, and never twice. */
#include "config.h"

#include <criterion/criterion.h>

#include "common/proto.h"
#include "gateway/credit.h"

TestSuite(credit, .timeout = 20);

Test(credit, returned_when_gone)
{
	struct credit c;
	uint64_t total;

	credit_init(&c);
	cr_assert(credit_take(&c, 100));
	cr_assert(credit_take(&c, 200));
	cr_assert_eq(credit_mark(&c, 150, 100), 0);
	cr_assert_eq(credit_mark(&c, 400, 200), 0);
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

Test(credit, told_in_steps)
{
	struct credit c;
	uint64_t total = 0;
	int i, told = 0;

	credit_init(&c);
	for (i = 1; i <= 40; i++) {
		cr_assert(credit_take(&c, 10000));
		cr_assert_eq(credit_mark(&c, (uint64_t)i * 10, 10000), 0);
	}
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
	uint64_t taken = 0;

	credit_init(&c);
	/* A piece may be begun as long as less than the window is open. */
	while (taken < PROTO_WINDOW) {
		cr_assert(credit_take(&c, PROTO_CHUNK_MAX + 64));
		taken += PROTO_CHUNK_MAX + 64;
	}
	cr_assert_not(credit_take(&c, PROTO_WINDOW));
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
		credit_take(&c, seed % 7);
		cr_assert_eq(credit_mark(&c, end, seed % 7), 0);
		if (seed & 0x4000)
			credit_settle(&c, gone = gone + (end - gone) / 3);
	}
	credit_settle(&c, end);
	cr_assert_eq(c.returned, sum);
	credit_due(&c, &total);
	cr_assert_eq(c.told, sum);
	credit_clear(&c);
}
