/* SPDX-License-Identifier: ISC */
/* Writer and cursor: bounds, stickiness, byte order. */
#include "config.h"

#include <criterion/criterion.h>
#include <string.h>

#include "common/buf.h"

TestSuite(buf, .timeout = 20);

Test(buf, numbers_are_big_endian_and_come_back)
{
	static const uint8_t want[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
		13, 14, 15 };
	struct writer w;
	struct cursor c;

	writer_init(&w, 64);
	writer_put_u8(&w, 0x01);
	writer_put_u16(&w, 0x0203);
	writer_put_u32(&w, 0x04050607);
	writer_put_u64(&w, 0x08090a0b0c0d0e0fULL);
	cr_assert_eq(w.len, sizeof(want));
	cr_assert_arr_eq(w.p, want, sizeof(want));
	cursor_init(&c, w.p, w.len);
	cr_assert_eq(cursor_u8(&c), 0x01);
	cr_assert_eq(cursor_u16(&c), 0x0203);
	cr_assert_eq(cursor_u32(&c), 0x04050607);
	cr_assert_eq(cursor_u64(&c), 0x08090a0b0c0d0e0fULL);
	cr_assert(cursor_done(&c));
	writer_clear(&w);
}

Test(buf, writer_refuses_beyond_its_limit_and_stays_as_it_was)
{
	struct writer w;

	writer_init(&w, 5);
	writer_put(&w, "abcd", 4);
	writer_put(&w, "ef", 2);
	cr_assert(w.failed);
	cr_assert_eq(w.len, 4);
	writer_put_u8(&w, 'x');
	cr_assert_eq(w.len, 4, "a failed writer takes nothing more");
	writer_reset(&w);
	writer_put(&w, "abcde", 5);
	cr_assert_not(w.failed);
	cr_assert_null(writer_extend(&w, 1));
	writer_clear(&w);
}

Test(buf, writer_grows_over_many_sizes)
{
	struct writer w;
	size_t i;

	writer_init(&w, 100000);
	for (i = 0; i < 100000; i++)
		writer_put_u8(&w, (uint8_t)(i * 7));
	cr_assert_not(w.failed);
	for (i = 0; i < 100000; i++)
		cr_assert_eq(w.p[i], (uint8_t)(i * 7));
	writer_put_u8(&w, 0);
	cr_assert(w.failed);
	writer_clear(&w);
}

Test(buf, patch_stays_inside)
{
	struct writer w;

	writer_init(&w, 16);
	writer_put_u32(&w, 0);
	writer_patch_u32(&w, 0, 0x01020304);
	cr_assert_arr_eq(w.p, "\1\2\3\4", 4);
	writer_patch_u32(&w, 1, 0xffffffff);
	cr_assert_arr_eq(w.p, "\1\2\3\4", 4);
	writer_clear(&w);
}

Test(buf, cursor_past_the_end_fails_for_good)
{
	struct cursor c;

	cursor_init(&c, "\1\2\3", 3);
	cr_assert_eq(cursor_u32(&c), 0);
	cr_assert(c.failed);
	cr_assert_eq(cursor_u8(&c), 0, "also what would have been there");
	cr_assert_not(cursor_done(&c));
}

Test(buf, cursor_span_does_not_wrap)
{
	struct cursor c;

	cursor_init(&c, "abc", 3);
	cr_assert_null(cursor_span(&c, SIZE_MAX).p);
	cr_assert(c.failed);
}

Test(buf, span_to_str_knows_its_room)
{
	char out[4] = "zzz";

	cr_assert_eq(span_to_str(span_str("abcd"), out, sizeof(out)), -1);
	cr_assert_str_eq(out, "zzz");
	cr_assert_eq(span_to_str((struct span){ (const uint8_t *)"a\0b", 3 },
	    out, sizeof(out)), -1);
	cr_assert_eq(span_to_str(span_str("abc"), out, sizeof(out)), 0);
	cr_assert_str_eq(out, "abc");
	cr_assert(span_is(span_str("abc"), "abc"));
	cr_assert_not(span_is(span_str("abc"), "ab"));
	cr_assert(span_is((struct span){ NULL, 0 }, ""));
}
