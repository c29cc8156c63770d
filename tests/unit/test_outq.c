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

/* Units of this test: a length of three bytes, and as many bytes with them. */
static size_t
unit(const uint8_t *bytes, size_t len)
{
	size_t own;

	cr_assert_geq(len, 3);
	own = (size_t)bytes[0] << 16 | (size_t)bytes[1] << 8 | bytes[2];
	cr_assert_leq(own, len);
	return own;
}

static void
add_unit(struct outq *q, size_t len)
{
	uint8_t *room = outq_reserve(q, len);

	cr_assert_not_null(room);
	memset(room, 'u', len);
	room[0] = (uint8_t)(len >> 16);
	room[1] = (uint8_t)(len >> 8);
	room[2] = (uint8_t)len;
	outq_commit(q, len);
}

/* What is left of units of these lengths when "drained" bytes have gone. */
static size_t
left_of(const size_t *lengths, size_t count, size_t drained)
{
	size_t i, end = 0;

	for (i = 0; i < count && end < drained; i++)
		end += lengths[i];
	return end - drained;
}

Test(outq, cut_behind_the_unit_begun)
{
	static const size_t lengths[] = { 3, 100, 5000, 7, 70000, 200000, 4,
		3000, 4000 };
	static const size_t count = sizeof(lengths) / sizeof(lengths[0]);
	size_t total = 0, drained, left, i;
	struct iovec iov[1];
	struct outq q;

	for (i = 0; i < count; i++)
		total += lengths[i];
	for (drained = 0; drained <= total; drained += drained < 6000 ||
	    drained > total - 8000 ? 1 : 997) {
		outq_init(&q);
		for (i = 0; i < count; i++)
			add_unit(&q, lengths[i]);
		outq_drain(&q, drained);
		outq_cut(&q, unit);
		left = left_of(lengths, count, drained);
		cr_assert_eq(q.len, left, "%zu: %zu", drained, q.len);
		cr_assert_eq(q.put - q.len, drained);
		cr_assert_eq(STAILQ_EMPTY(&q.blocks), left == 0);
		/* What comes now comes right behind it. */
		add_unit(&q, 10);
		outq_drain(&q, left);
		cr_assert_eq(outq_peek(&q, iov, 1), 1);
		cr_assert_eq(iov[0].iov_len, 10);
		cr_assert_eq(((uint8_t *)iov[0].iov_base)[2], 10);
		outq_clear(&q);
	}
	outq_drop_cache();
}
