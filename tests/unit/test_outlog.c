/* SPDX-License-Identifier: ISC */
/* Retained output: numbers, eviction and its floor, what readers get. */
#include "config.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/runner/outlog.h"

TestSuite(outlog, .timeout = 30);

#define STREAM 1

static struct outlog *
filled(size_t cap, size_t count, size_t len)
{
	struct outlog *log = outlog_new(cap);
	uint8_t bytes[OUTLOG_CHUNK_MAX];

	cr_assert_not_null(log);
	while (count-- > 0) {
		memset(bytes, (int)outlog_next_seq(log), len);
		cr_assert_neq(outlog_append(log, STREAM, bytes, len), 0);
	}
	return log;
}

Test(outlog, numbers_are_shared_with_events)
{
	struct outlog *log = outlog_new(65536);

	cr_assert_eq(outlog_next_seq(log), 1);
	cr_assert_eq(outlog_append(log, 1, "a", 1), 1);
	cr_assert_eq(outlog_append(log, 2, "b", 1), 2);
	cr_assert_eq(outlog_event(log), 3);
	cr_assert_eq(outlog_append(log, 1, "c", 1), 4);
	cr_assert_eq(outlog_event(log), 5);
	cr_assert_eq(outlog_next_seq(log), 6);
	outlog_free(log);
	outlog_free(NULL);
}

Test(outlog, refuses_what_is_no_chunk)
{
	struct outlog *log = outlog_new(1 << 20);
	static uint8_t big[OUTLOG_CHUNK_MAX + 1];

	cr_assert_eq(outlog_append(log, 1, "", 0), 0);
	cr_assert_eq(outlog_append(log, 1, big, sizeof(big)), 0);
	cr_assert_eq(outlog_next_seq(log), 1);
	cr_assert_eq(outlog_append(log, 1, big, sizeof(big) - 1), 1);
	outlog_free(log);
}

Test(outlog, reserved_room_is_filled_in_place)
{
	struct outlog *log = outlog_new(1 << 20);
	struct outlog_cursor cursor = { 0 };
	struct outlog_chunk chunk;
	size_t room = 0;
	char *place;

	place = outlog_reserve(log, 100, &room);
	cr_assert_not_null(place);
	cr_assert_eq(room, 100);
	cr_assert_eq(outlog_next(log, &cursor, &chunk), -1);
	memcpy(place, "hello", 5);
	cr_assert_eq(outlog_commit(log, 7, 5), 1);
	cr_assert_eq(outlog_next(log, &cursor, &chunk), 0);
	cr_assert_eq(chunk.seq, 1);
	cr_assert_eq(chunk.stream, 7);
	cr_assert_eq(chunk.len, 5);
	cr_assert_eq((const char *)chunk.bytes, place);
	cr_assert_eq(memcmp(chunk.bytes, "hello", 5), 0);
	cr_assert_eq(outlog_next(log, &cursor, &chunk), -1);
	/* A cursor at the end goes on with what comes. */
	cr_assert_eq(outlog_append(log, 7, "x", 1), 2);
	cr_assert_eq(outlog_next(log, &cursor, &chunk), 0);
	cr_assert_eq(chunk.seq, 2);
	outlog_free(log);
}

Test(outlog, a_room_left_unused_changes_nothing)
{
	struct outlog *log = outlog_new(1 << 20);
	struct outlog_cursor cursor = { 0 };
	struct outlog_chunk chunk;
	size_t i, room;

	for (i = 1; i <= OUTLOG_CHUNK_MAX; i *= 2) {
		cr_assert_not_null(outlog_reserve(log, i, &room));
		cr_assert_eq(outlog_next(log, &cursor, &chunk), -1);
	}
	cr_assert_eq(outlog_used(log), 0);
	cr_assert_eq(outlog_append(log, 1, "x", 1), 1);
	cr_assert_eq(outlog_next(log, &cursor, &chunk), 0);
	cr_assert_eq(outlog_used(log), 1 + OUTLOG_CHUNK_COST);
	outlog_free(log);
}

Test(outlog, the_oldest_chunks_give_way)
{
	struct outlog *log = filled(10 * (100 + OUTLOG_CHUNK_COST), 10, 100);
	struct outlog_gap gap;

	outlog_gap(log, &gap);
	cr_assert_eq(gap.chunks, 0);
	cr_assert_eq(gap.first_kept, 1);
	cr_assert_neq(outlog_append(log, 1, "x", 1), 0);
	outlog_gap(log, &gap);
	cr_assert_eq(gap.chunks, 1);
	cr_assert_eq(gap.bytes, 100);
	cr_assert_eq(gap.first_kept, 2);
	cr_assert_leq(outlog_used(log), 10 * (100 + OUTLOG_CHUNK_COST));
	outlog_free(log);
}

Test(outlog, the_newest_chunk_stays_however_small_the_cap)
{
	struct outlog *log = filled(10, 3, 1000);
	struct outlog_span span;

	outlog_select(log, 0, OUTLOG_ALL, &span);
	cr_assert_eq(span.count, 1);
	cr_assert_eq(span.first, 3);
	outlog_free(log);
}

Test(outlog, nothing_at_or_above_the_floor_is_evicted)
{
	size_t cap = 10 * (100 + OUTLOG_CHUNK_COST);
	struct outlog *log = filled(cap, 10, 100);
	uint8_t bytes[100] = { 0 };
	struct outlog_gap gap;

	outlog_keep(log, 3);
	cr_assert_eq(outlog_append(log, 1, bytes, 100), 11);
	cr_assert(outlog_has_room(log, 100));
	cr_assert_eq(outlog_append(log, 1, bytes, 100), 12);
	cr_assert(!outlog_has_room(log, 100));
	cr_assert_eq(outlog_append(log, 1, bytes, 100), 0);
	cr_assert_eq(errno, EAGAIN);
	outlog_gap(log, &gap);
	cr_assert_eq(gap.first_kept, 3);
	outlog_keep(log, 4);
	cr_assert(outlog_has_room(log, 100));
	cr_assert(!outlog_has_room(log, 101));
	cr_assert_eq(outlog_append(log, 1, bytes, 100), 13);
	outlog_keep(log, 0);
	cr_assert(!outlog_has_room(log, 1));
	outlog_keep(log, OUTLOG_KEEP_NOTHING);
	cr_assert(outlog_has_room(log, 100));
	outlog_free(log);
}

Test(outlog, a_full_log_offers_what_is_left)
{
	struct outlog *log = filled(100000, 1, 40000);
	size_t room;

	outlog_keep(log, 0);
	while (outlog_reserve(log, 65536, &room) != NULL) {
		cr_assert_geq(room, 16384);
		outlog_commit(log, 1, room);
	}
	cr_assert_eq(errno, EAGAIN);
	cr_assert_leq(outlog_used(log), 100000);
	cr_assert_gt(outlog_used(log), 100000 - 16384 - OUTLOG_CHUNK_COST);
	outlog_free(log);
}

static const struct {
	uint64_t after, max, first, next_seq;
	size_t count;
	int cut;
} spans[] = {
	/* Chunks 1, 2 and 4 of two bytes; 3 and 5 are events. */
	{ 0, OUTLOG_ALL, 1, 6, 3, 0 },
	{ 0, 6, 1, 6, 3, 0 },
	{ 0, 5, 1, 3, 2, 1 },
	{ 0, 4, 1, 3, 2, 1 },
	{ 0, 3, 1, 2, 1, 1 },
	{ 0, 2, 1, 2, 1, 1 },
	{ 0, 1, 1, 2, 1, 1 },
	{ 0, 0, 1, 2, 1, 1 },
	{ 1, 2, 2, 3, 1, 1 },
	{ 1, OUTLOG_ALL, 2, 6, 2, 0 },
	{ 2, 0, 4, 6, 1, 0 },
	{ 3, OUTLOG_ALL, 4, 6, 1, 0 },
	{ 4, OUTLOG_ALL, 0, 6, 0, 0 },
	{ 5, OUTLOG_ALL, 0, 6, 0, 0 },
	{ 1000, 0, 0, 6, 0, 0 },
	{ UINT64_MAX, OUTLOG_ALL, 0, 6, 0, 0 },
};

Test(outlog, readers_get_whole_chunks_and_the_true_next_number)
{
	struct outlog *log = outlog_new(65536);
	struct outlog_span span;
	size_t i;

	outlog_append(log, 1, "a\n", 2);
	outlog_append(log, 1, "b\n", 2);
	outlog_event(log);
	outlog_append(log, 1, "c\n", 2);
	outlog_event(log);
	for (i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
		outlog_select(log, spans[i].after, spans[i].max, &span);
		cr_assert_eq(span.count, spans[i].count, "row %zu", i);
		cr_assert_eq(span.first, spans[i].first, "row %zu", i);
		cr_assert_eq(span.next_seq, spans[i].next_seq, "row %zu", i);
		cr_assert_eq(span.cut, spans[i].cut, "row %zu", i);
		cr_assert_eq(span.bytes, 2 * spans[i].count);
	}
	outlog_free(log);
}

Test(outlog, an_empty_log_has_nothing_to_read)
{
	struct outlog *log = outlog_new(65536);
	struct outlog_span span;

	outlog_select(log, 0, 0, &span);
	cr_assert_eq(span.count, 0);
	cr_assert_eq(span.next_seq, 1);
	cr_assert_eq(span.cut, 0);
	outlog_free(log);
}

Test(outlog, a_cursor_survives_eviction)
{
	struct outlog *log = filled(10 * (100 + OUTLOG_CHUNK_COST), 10, 100);
	struct outlog_cursor cursor = { .seq = 2 };
	struct outlog_chunk chunk;
	uint8_t bytes[100] = { 0 };
	int i;

	cr_assert_eq(outlog_next(log, &cursor, &chunk), 0);
	cr_assert_eq(chunk.seq, 2);
	for (i = 0; i < 5; i++)
		cr_assert_neq(outlog_append(log, 1, bytes, 100), 0);
	cr_assert_eq(outlog_next(log, &cursor, &chunk), 0);
	cr_assert_eq(chunk.seq, 6);
	cr_assert_eq(chunk.bytes[0], 6);
	outlog_free(log);
}

Test(outlog, memory_follows_the_output)
{
	size_t cap = 8 << 20, room;
	struct outlog *log = outlog_new(cap);
	int i;

	cr_assert_eq(outlog_memory(log), 0);
	cr_assert_eq(outlog_append(log, 1, "x", 1), 1);
	cr_assert_leq(outlog_memory(log), 2048);
	for (i = 0; i < 1000; i++) {
		cr_assert_not_null(outlog_reserve(log, 65536, &room));
		cr_assert_geq(room, 16384);
		outlog_commit(log, 1, room);
		cr_assert_leq(outlog_memory(log), cap + (512 << 10));
	}
	cr_assert_geq(outlog_used(log), cap - 2 * 65536);
	outlog_trim();
	cr_assert_leq(outlog_memory(log), outlog_used(log) + (300 << 10));
	outlog_free(log);
}

/* The same log kept the plain way: every chunk ever, and where it starts. */
#define MODEL_MAX 20000

static struct model_chunk {
	uint64_t seq;
	size_t len;
	uint8_t stream;
} model[MODEL_MAX];
static size_t model_first, model_end;

static void
check_against_model(struct outlog *log)
{
	struct outlog_cursor cursor = { 0 };
	struct outlog_chunk chunk;
	size_t i = model_first, used = 0;

	while (outlog_next(log, &cursor, &chunk) == 0) {
		cr_assert_lt(i, model_end);
		cr_assert_eq(chunk.seq, model[i].seq);
		cr_assert_eq(chunk.len, model[i].len);
		cr_assert_eq(chunk.stream, model[i].stream);
		cr_assert_eq(chunk.bytes[0], (uint8_t)chunk.seq);
		cr_assert_eq(chunk.bytes[chunk.len - 1], (uint8_t)chunk.seq);
		used += chunk.len + OUTLOG_CHUNK_COST;
		i++;
	}
	cr_assert_eq(i, model_end);
	cr_assert_eq(used, outlog_used(log));
}

static void
random_step(struct outlog *log, unsigned int *seed)
{
	static const size_t sizes[] = { 1, 13, 100, 1000, 9000, 65536 };
	size_t room, want = 1 + (size_t)rand_r(seed) %
	    sizes[rand_r(seed) % 6];
	struct outlog_gap gap;
	uint8_t stream = (uint8_t)(rand_r(seed) % 3);
	uint8_t *place;

	if (rand_r(seed) % 10 == 0)
		outlog_event(log);
	if (rand_r(seed) % 4 == 0)
		outlog_keep(log, outlog_next_seq(log) -
		    (uint64_t)(rand_r(seed) % 8));
	place = outlog_reserve(log, want, &room);
	if (place == NULL)
		return;
	cr_assert_leq(room, want);
	if (room > 1 && rand_r(seed) % 2 == 0)
		room = 1 + (size_t)rand_r(seed) % room;
	memset(place, (int)(uint8_t)outlog_next_seq(log), room);
	model[model_end].seq = outlog_commit(log, stream, room);
	model[model_end].len = room;
	model[model_end++].stream = stream;
	outlog_gap(log, &gap);
	while (model[model_first].seq < gap.first_kept)
		model_first++;
	cr_assert_eq(gap.chunks, model_first);
}

Test(outlog, agrees_with_a_plain_model)
{
	static const size_t caps[] = { 64, 5000, 100000, 1 << 20 };
	unsigned int seed = 1;
	struct outlog *log;
	size_t i, step;

	for (i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
		log = outlog_new(caps[i]);
		model_first = model_end = 0;
		for (step = 0; step < 3000; step++) {
			random_step(log, &seed);
			if (step % 50 == 0)
				check_against_model(log);
			cr_assert(outlog_used(log) <= caps[i] ||
			    model_end - model_first == 1);
		}
		check_against_model(log);
		outlog_free(log);
	}
}

/* All together may retain less than each of them. */
Test(outlog, the_pool_is_for_all_logs)
{
	struct outlog *a, *b;
	struct outlog_gap gap;
	size_t before = outlog_pool_used();

	cr_assert_eq(before, 0);
	a = filled(1 << 20, 10, 1000);
	cr_assert_eq(outlog_pool_used(), 10 * (1000 + OUTLOG_CHUNK_COST));
	outlog_pool_limit(12 * (1000 + OUTLOG_CHUNK_COST));
	b = filled(1 << 20, 5, 1000);
	/* Who writes gives way itself, beyond what there is room for. */
	outlog_gap(b, &gap);
	cr_assert_eq(gap.chunks, 3);
	cr_assert_eq(outlog_used(a), 10 * (1000 + OUTLOG_CHUNK_COST));
	cr_assert_leq(outlog_pool_used(), 12 * (1000 + OUTLOG_CHUNK_COST));
	/* A lower limit takes nothing away, but the newest is always kept. */
	outlog_pool_limit(0);
	cr_assert_eq(outlog_pool_used(), 12 * (1000 + OUTLOG_CHUNK_COST));
	cr_assert_neq(outlog_append(b, STREAM, "x", 1), 0);
	cr_assert_eq(outlog_used(b), 1 + OUTLOG_CHUNK_COST);
	/* What must be kept makes the writer wait. */
	outlog_keep(b, 0);
	cr_assert_not(outlog_has_room(b, 1));
	cr_assert_eq(outlog_append(b, STREAM, "x", 1), 0);
	cr_assert_eq(errno, EAGAIN);
	outlog_free(a);
	cr_assert_eq(outlog_pool_used(), 1 + OUTLOG_CHUNK_COST);
	outlog_pool_limit(UINT64_MAX);
	cr_assert_neq(outlog_append(b, STREAM, "x", 1), 0);
	outlog_free(b);
	cr_assert_eq(outlog_pool_used(), 0);
}
