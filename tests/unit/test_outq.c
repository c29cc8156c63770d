/* SPDX-License-Identifier: ISC */
/* Queues of output: bytes come out as they went in, and memory goes back. */
#include "config.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/outq.h"

TestSuite(outq, .timeout = 20);

#define TOTAL (3 * 1024 * 1024)

static uint8_t
expected(size_t at)
{
	return (uint8_t)(at * 7 + at / 251);
}

static void
fill(struct outq *q, size_t *at, size_t len)
{
	uint8_t *room = outq_reserve(q, len);
	size_t i;

	cr_assert_not_null(room);
	for (i = 0; i < len; i++)
		room[i] = expected((*at)++);
	outq_commit(q, len);
}

/* Take up to "len" bytes out as a short write would. */
static void
take(struct outq *q, size_t *at, size_t len)
{
	struct iovec iov[4];
	size_t i, done = 0;
	int n, k;

	n = outq_peek(q, iov, 4);
	for (k = 0; k < n && done < len; k++)
		for (i = 0; i < iov[k].iov_len && done < len; i++, done++)
			cr_assert_eq(((uint8_t *)iov[k].iov_base)[i],
			    expected((*at)++), "byte %zu", *at - 1);
	outq_drain(q, done);
}

Test(outq, order)
{
	struct outq q;
	size_t in = 0, out = 0;

	srandom(1);
	outq_init(&q);
	while (out < TOTAL) {
		if (in < TOTAL)
			fill(&q, &in, 1 + (size_t)random() % 100000);
		take(&q, &out, (size_t)random() % 200000);
		cr_assert_eq(q.len, in - out);
		cr_assert_eq(q.put, in);
	}
	outq_clear(&q);
	outq_drop_cache();
}

Test(outq, empty_holds_nothing)
{
	struct iovec iov[1];
	struct outq q;

	outq_init(&q);
	cr_assert_eq(outq_peek(&q, iov, 1), 0);
	cr_assert_eq(outq_add(&q, "abc", 3), 0);
	outq_drain(&q, 3);
	cr_assert(STAILQ_EMPTY(&q.blocks));
	cr_assert_not_null(outq_reserve(&q, 100));
	outq_commit(&q, 0);
	cr_assert(STAILQ_EMPTY(&q.blocks));
	outq_drop_cache();
}

Test(outq, move)
{
	struct outq a, b;
	struct iovec iov[4];
	size_t in = 0, out = 0;

	outq_init(&a);
	outq_init(&b);
	fill(&a, &in, 10);
	fill(&b, &in, 5000);
	outq_move(&a, &b);
	cr_assert_eq(a.len, 5010);
	cr_assert_eq(a.put, 5010);
	cr_assert_eq(b.len, 0);
	cr_assert_eq(outq_peek(&b, iov, 4), 0);
	while (a.len > 0)
		take(&a, &out, 999);
	cr_assert_eq(out, 5010);
	outq_drop_cache();
}

Test(outq, larger_than_any_block)
{
	struct outq q;
	size_t in = 0, out = 0;

	outq_init(&q);
	fill(&q, &in, 100);
	fill(&q, &in, 1000000);
	fill(&q, &in, 100);
	while (q.len > 0)
		take(&q, &out, 77777);
	cr_assert_eq(out, in);
	outq_drop_cache();
}
