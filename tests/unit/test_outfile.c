/* SPDX-License-Identifier: ISC */
/*
 * Retained output with its oldest part in a file: against a plain model, with
 * a file that is slow, full, broken and damaged.
 */
#include "config.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "broker/runner/outlog.h"
#include "broker/runner/spillmap.h"

TestSuite(outfile, .timeout = 60);

#define DISK (4 * 1024 * 1024)
#define ALL UINT64_MAX

static uint8_t disk[DISK];
static struct outlog *book;
static struct outlog_piece pending;
static bool writing;

/* Every chunk ever, and the oldest that is kept. */
#define MODEL_MAX 60000
static struct model {
	uint64_t seq, end;
	size_t len;
	uint8_t stream;
} model[MODEL_MAX];
static size_t first, count;

static void
begin(size_t cap, uint64_t size)
{
	book = outlog_new(cap);
	cr_assert_not_null(book);
	outlog_set_file(book, size);
	outlog_spill(book, true);
	first = count = 0;
	writing = false;
}

static void
settle_model(void)
{
	struct outlog_gap gap;
	uint64_t bytes = 0;

	outlog_gap(book, &gap);
	while (first < count && model[first].seq < gap.first_kept)
		first++;
	if (first > 0)
		bytes = model[first - 1].end;
	cr_assert_eq(gap.chunks, first);
	cr_assert_eq(gap.bytes, bytes);
}

/* Whether there was room for something. */
static int
put(size_t want)
{
	size_t room;
	uint8_t *place = outlog_reserve(book, want, &room);

	if (place == NULL)
		return 0;
	cr_assert_leq(room, want);
	cr_assert_lt(count, MODEL_MAX);
	memset(place, (int)(uint8_t)outlog_next_seq(book), room);
	model[count] = (struct model){
		.seq = outlog_next_seq(book),
		.end = (count > 0 ? model[count - 1].end : 0) + room,
		.len = room,
		.stream = (uint8_t)(count % 3),
	};
	cr_assert_eq(outlog_commit(book, model[count].stream, room),
	    model[count].seq);
	count++;
	settle_model();
	return 1;
}

static void
give_back(void)
{
	uint64_t offset, len;

	while (outlog_hole(book, &offset, &len) == 0) {
		if (len == UINT64_MAX)
			len = DISK;
		memset(disk + offset, 0xee, len);
	}
}

static enum outlog_need
next_write(uint64_t growth)
{
	enum outlog_need need = outlog_write_next(book, growth, &pending);

	if (need == OUTLOG_WRITE) {
		cr_assert_not(writing);
		cr_assert_leq(pending.offset + pending.len, DISK);
		writing = true;
	}
	settle_model();
	return need;
}

static void
end_write(void)
{
	if (!writing)
		return;
	memcpy(disk + pending.offset, pending.bytes, pending.len);
	writing = false;
	outlog_written(book);
	settle_model();
}

static void
pump(void)
{
	while (next_write(ALL) == OUTLOG_WRITE)
		end_write();
}

static bool
load(uint64_t seq)
{
	struct outlog_piece piece;
	void *bytes;

	if (!outlog_absent(book, seq, &piece))
		return false;
	bytes = outlog_load_new(&piece);
	cr_assert_not_null(bytes);
	memcpy(bytes, disk + piece.offset, piece.len);
	outlog_loaded(book, &piece, bytes);
	return true;
}

static void
check_chunk(const struct outlog_chunk *chunk, const struct model *m)
{
	cr_assert_eq(chunk->seq, m->seq);
	cr_assert_eq(chunk->len, m->len);
	cr_assert_eq(chunk->end, m->end);
	cr_assert_eq(chunk->stream, m->stream);
	cr_assert_eq(chunk->bytes[0], (uint8_t)m->seq);
	cr_assert_eq(chunk->bytes[m->len - 1], (uint8_t)m->seq);
}

static void
check_all(void)
{
	struct outlog_cursor cursor = { 0 };
	struct outlog_chunk chunk;
	size_t i = first;
	int found;

	for (;;) {
		found = outlog_next(book, &cursor, &chunk);
		if (found == OUTLOG_ABSENT) {
			cr_assert(load(cursor.seq));
			continue;
		}
		if (found == -1)
			break;
		cr_assert_lt(i, count);
		check_chunk(&chunk, &model[i++]);
	}
	cr_assert_eq(i, count);
}

Test(outfile, what_finds_no_room_goes_to_the_file_and_comes_back)
{
	begin(100000, 1 << 20);
	while (outlog_spilled(book) < 900000) {
		if (!put(5000))
			pump();
		cr_assert_leq(outlog_memory(book), 500000);
	}
	cr_assert_eq(first, 0);
	check_all();
	outlog_free(book);
}

Test(outfile, a_full_file_lets_its_oldest_go)
{
	struct outlog_gap gap;
	uint64_t last, bytes;

	begin(100000, 300000);
	outlog_mark(book, 7);
	while (count < 3000)
		if (!put(1000))
			pump();
	cr_assert_leq(outlog_spilled(book), 300000);
	cr_assert_gt(count - first, 300);
	outlog_gap(book, &gap);
	cr_assert(outlog_lost(book, 0, &last, &bytes));
	cr_assert_eq(last, gap.first_kept - 1);
	cr_assert_eq(bytes, gap.bytes);
	cr_assert_eq(bytes, first * 1000);
	/* Whoever left at the mark is told exactly, in the midst of a piece. */
	cr_assert(outlog_lost(book, 7, &last, &bytes));
	cr_assert_eq(bytes, (first - 7) * 1000);
	check_all();
	outlog_free(book);
}

Test(outfile, a_reader_that_stops_in_the_file_is_told_exactly)
{
	uint64_t stop, last, bytes;

	begin(50000, 300000);
	while (count < 300)
		if (!put(1000))
			pump();
	cr_assert_eq(first, 0);
	stop = 33;
	outlog_stop(book, stop, model[stop - 1].end);
	while (count < 1000)
		if (!put(1000))
			pump();
	cr_assert(outlog_lost(book, stop, &last, &bytes));
	cr_assert_eq(last, first);
	cr_assert_eq(bytes, (first - stop) * 1000);
	outlog_free(book);
}

Test(outfile, what_must_be_kept_fills_the_file_and_then_waits)
{
	begin(50000, 100000);
	outlog_keep(book, 0);
	while (put(1000) || next_write(ALL) == OUTLOG_WRITE)
		end_write();
	cr_assert_eq(next_write(ALL), OUTLOG_KEPT);
	cr_assert_eq(first, 0);
	cr_assert_gt(outlog_spilled(book), 60000);
	check_all();
	outlog_keep(book, OUTLOG_KEEP_NOTHING);
	cr_assert_eq(next_write(ALL), OUTLOG_WRITE);
	end_write();
	cr_assert_gt(first, 0);
	cr_assert(put(1000));
	check_all();
	outlog_free(book);
}

Test(outfile, a_budget_is_a_smaller_file)
{
	uint64_t spilled;

	begin(50000, 1 << 20);
	while (outlog_spilled(book) < 100000)
		if (!put(1000))
			pump();
	spilled = outlog_spilled(book);
	while (count < 1000)
		if (!put(1000) && next_write(0) == OUTLOG_WRITE)
			end_write();
	cr_assert_leq(outlog_spilled(book), spilled);
	cr_assert_gt(outlog_spilled(book), spilled / 2);
	check_all();
	outlog_free(book);
	/* With nothing in it there is nothing to give way but memory. */
	begin(50000, 1 << 20);
	while (put(1000))
		continue;
	cr_assert_eq(next_write(0), OUTLOG_NO_PLACE);
	cr_assert(put(1000));
	cr_assert_gt(first, 0);
	check_all();
	outlog_free(book);
}

Test(outfile, a_full_disk_makes_a_ring_of_what_is_there)
{
	uint64_t spilled;

	begin(50000, 1 << 20);
	while (outlog_spilled(book) < 200000)
		if (!put(1000))
			pump();
	spilled = outlog_spilled(book);
	while (count < 2000) {
		if (put(1000))
			continue;
		cr_assert_eq(next_write(ALL), OUTLOG_WRITE);
		if (pending.offset + pending.len > spilled) {
			writing = false;
			outlog_not_written(book, true);
		} else {
			end_write();
		}
	}
	cr_assert_leq(outlog_spilled(book), spilled);
	cr_assert_gt(outlog_spilled(book), spilled / 2);
	check_all();
	outlog_free(book);
}

Test(outfile, a_disk_that_was_full_from_the_start_may_be_asked_again)
{
	begin(50000, 1 << 20);
	while (put(1000))
		continue;
	cr_assert_eq(next_write(ALL), OUTLOG_WRITE);
	writing = false;
	outlog_not_written(book, true);
	cr_assert_eq(next_write(ALL), OUTLOG_NO_PLACE);
	cr_assert(put(1000));
	settle_model();
	cr_assert_gt(first, 0);
	outlog_set_file(book, 1 << 20);
	while (put(1000))
		continue;
	cr_assert_eq(next_write(ALL), OUTLOG_WRITE);
	end_write();
	check_all();
	outlog_free(book);
}

Test(outfile, a_broken_disk_is_a_gap_and_then_memory_alone)
{
	begin(50000, 1 << 20);
	while (outlog_spilled(book) < 200000)
		if (!put(1000))
			pump();
	while (put(1000))
		continue;
	cr_assert_eq(next_write(ALL), OUTLOG_WRITE);
	writing = false;
	outlog_not_written(book, false);
	settle_model();
	cr_assert_eq(outlog_spilled(book), 0);
	cr_assert_gt(first, 150);
	cr_assert_eq(next_write(ALL), OUTLOG_NO_PLACE);
	cr_assert(put(1000));
	check_all();
	outlog_free(book);
}

Test(outfile, what_was_damaged_is_not_believed)
{
	struct outlog_piece piece;
	size_t i, was;
	void *bytes;

	for (i = 0; i < 64; i++) {
		begin(50000, 1 << 20);
		while (outlog_spilled(book) < 200000)
			if (!put(1000))
				pump();
		cr_assert(outlog_absent(book, 100, &piece));
		bytes = outlog_load_new(&piece);
		memcpy(bytes, disk + piece.offset, piece.len);
		/* Numbers and lengths, of the first and of others. */
		((uint8_t *)bytes)[(i / 13) * 1016 + i % 13] ^= 0x55;
		was = first;
		outlog_loaded(book, &piece, bytes);
		settle_model();
		if (i % 13 < 12)
			cr_assert_gt(first, was, "octet %zu", i);
		outlog_free(book);
	}
}

Test(outfile, what_is_stuck_is_given_up)
{
	void *orphan;

	begin(50000, 1 << 20);
	while (outlog_spilled(book) < 100000)
		if (!put(1000))
			pump();
	while (put(1000))
		continue;
	cr_assert_eq(next_write(ALL), OUTLOG_WRITE);
	outlog_set_stuck(book, true);
	while (count < 600)
		cr_assert(put(1000));
	cr_assert_eq(outlog_spilled(book), 0);
	check_all();
	/* It ends after all. */
	outlog_set_stuck(book, false);
	end_write();
	pump();
	check_all();
	/* Or it does not before the book does. */
	while (put(1000))
		continue;
	cr_assert_eq(next_write(ALL), OUTLOG_WRITE);
	orphan = outlog_orphan(book);
	cr_assert_not_null(orphan);
	outlog_free(book);
	free(orphan);
}

Test(outfile, what_was_read_leaves_the_file)
{
	uint64_t offset, len, last;
	size_t seq;

	begin(1 << 20, 3 << 20);
	while (outlog_spilled(book) < 2 << 20)
		if (!put(10000))
			pump();
	cr_assert_eq(outlog_hole(book, &offset, &len), -1);
	last = outlog_last_in_file(book);
	for (seq = 1; seq < last; seq++)
		outlog_pass(book, seq);
	settle_model();
	cr_assert_eq(outlog_hole(book, &offset, &len), 0);
	cr_assert_eq(offset, 0);
	cr_assert_geq(len, 1 << 20);
	cr_assert_neq(len, UINT64_MAX);
	outlog_pass(book, last);
	settle_model();
	cr_assert_eq(outlog_spilled(book), 0);
	cr_assert_eq(first, last);
	cr_assert_eq(outlog_hole(book, &offset, &len), 0);
	cr_assert_eq(len, UINT64_MAX);
	cr_assert_eq(outlog_hole(book, &offset, &len), -1);
	check_all();
	outlog_free(book);
}

/* Every kind of step, chosen by chance. */
static void
step(unsigned int *seed, uint64_t size)
{
	static const size_t sizes[] = { 1, 13, 100, 1000, 9000, 65536 };
	uint64_t next = outlog_next_seq(book), seq;
	bool full;

	switch (rand_r(seed) % 24) {
	case 0:
		outlog_event(book);
		break;
	case 1:
		outlog_keep(book, rand_r(seed) % 3 == 0 ? 0 : next -
		    (uint64_t)rand_r(seed) % (next < 64 ? next : 64));
		break;
	case 2:
		outlog_keep(book, OUTLOG_KEEP_NOTHING);
		break;
	case 3:
		outlog_spill(book, rand_r(seed) % 4 != 0);
		break;
	case 4:
		seq = next * ((uint64_t)rand_r(seed) % 100) / 100;
		if (rand_r(seed) % 8 == 0)
			outlog_pass(book, seq);
		break;
	case 5:
		if (writing && rand_r(seed) % 4 == 0) {
			full = rand_r(seed) % 8 != 0;
			writing = false;
			outlog_not_written(book, full);
		}
		break;
	case 6:
		outlog_set_stuck(book, rand_r(seed) % 8 == 0);
		break;
	case 7:
		if (rand_r(seed) % 8 == 0)
			outlog_set_file(book, size);
		break;
	case 8:
		load(next * ((uint64_t)rand_r(seed) % 100) / 100);
		break;
	case 9:
		give_back();
		break;
	case 10:
		outlog_unload(book);
		break;
	case 11: case 12: case 13:
		end_write();
		break;
	case 14: case 15: case 16:
		next_write(rand_r(seed) % 4 == 0 ? 100000 : ALL);
		break;
	default:
		put(1 + (size_t)rand_r(seed) % sizes[rand_r(seed) % 6]);
		break;
	}
	settle_model();
}

Test(outfile, agrees_with_a_plain_model)
{
	static const struct { size_t cap; uint64_t size; } rows[] = {
		{ 64, 5000 }, { 5000, 100000 }, { 5000, 0 },
		{ 100000, 400000 }, { 1 << 20, DISK }, { 300000, 100000 },
	};
	uint64_t last, bytes;
	unsigned int seed;
	size_t i, s;

	for (i = 0; i < 6 * sizeof(rows) / sizeof(rows[0]); i++) {
		seed = (unsigned int)i + 1;
		begin(rows[i / 6].cap, rows[i / 6].size);
		for (s = 0; s < 9000; s++) {
			step(&seed, rows[i / 6].size);
			if (s % 100 == 0)
				check_all();
			cr_assert_leq(outlog_spilled(book), rows[i / 6].size);
			cr_assert_leq(outlog_memory(book), rows[i / 6].cap * 2 +
			    (1 << 20));
		}
		check_all();
		if (first > 0) {
			cr_assert(outlog_lost(book, 0, &last, &bytes));
			cr_assert_eq(last, model[first - 1].seq);
			cr_assert_eq(bytes, model[first - 1].end);
		}
		free(outlog_orphan(book));
		outlog_free(book);
	}
}

/* The map alone: pieces never meet, and space given back is nobody's. */
Test(outfile, pieces_never_meet)
{
	static uint8_t owner[100000];
	struct spillmap map;
	struct extent *extent;
	uint64_t offset, len, j;
	unsigned int seed = 3;
	size_t i;

	spillmap_init(&map, sizeof(owner));
	for (i = 0; i < 50000; i++) {
		len = 1 + (uint64_t)rand_r(&seed) % 9000;
		if (rand_r(&seed) % 2 == 0 &&
		    spillmap_place(&map, len, &offset) == 0) {
			extent = calloc(1, sizeof(*extent));
			cr_assert_not_null(extent);
			extent->offset = offset;
			extent->len = len;
			extent->written = true;
			cr_assert_leq(offset + len, sizeof(owner));
			for (j = offset; j < offset + len; j++)
				cr_assert_eq(owner[j], 0);
			memset(owner + offset, 1, len);
			spillmap_add(&map, extent);
		} else if (!TAILQ_EMPTY(&map.extents)) {
			extent = TAILQ_FIRST(&map.extents);
			memset(owner + extent->offset, 0, extent->len);
			spillmap_drop(&map);
			for (j = 0; j < map.hole_len; j++)
				cr_assert_eq(owner[map.hole + j], 0);
		}
	}
	spillmap_clear(&map);
}
