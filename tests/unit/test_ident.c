/* SPDX-License-Identifier: ISC */
/* Identifiers: version bits, one spelling, refusals. */
#include "config.h"

#include <criterion/criterion.h>
#include <string.h>

#include "common/ident.h"

TestSuite(ident, .timeout = 20);

static const char sample[] = "00112233-4455-4677-8899-aabbccddeeff";

Test(ident, made_ones_are_version_4_and_differ)
{
	struct ident a, b;
	int i;

	for (i = 0; i < 64; i++) {
		ident_make(&a);
		ident_make(&b);
		cr_assert_eq(a.bytes[6] >> 4, 4);
		cr_assert_eq(a.bytes[8] >> 6, 2);
		cr_assert_not(ident_is_nil(&a));
		cr_assert_not(ident_equal(&a, &b));
	}
}

Test(ident, print_and_parse_are_inverse)
{
	struct ident id, back;
	char text[IDENT_TEXT_SIZE];

	cr_assert_eq(ident_parse(&id, sample, strlen(sample)), 0);
	cr_assert_eq(id.bytes[0], 0x00);
	cr_assert_eq(id.bytes[5], 0x55);
	cr_assert_eq(id.bytes[15], 0xff);
	cr_assert_str_eq(ident_print(&id, text), sample);
	ident_make(&id);
	ident_print(&id, text);
	cr_assert_eq(ident_parse(&back, text, IDENT_TEXT_LEN), 0);
	cr_assert(ident_equal(&id, &back));
}

Test(ident, other_spellings_are_refused)
{
	static const char *const wrong[] = {
		"",
		"00112233-4455-4677-8899-aabbccddeef",
		"00112233-4455-4677-8899-aabbccddeefff",
		"00112233-4455-4677-8899-AABBCCDDEEFF",
		"00112233-4455-4677-8899-aabbccddeefg",
		"001122334455-4677-8899-aabbccddeeff-",
		"00112233_4455-4677-8899-aabbccddeeff",
		"{0112233-4455-4677-8899-aabbccddeef}",
		" 0112233-4455-4677-8899-aabbccddeeff",
	};
	struct ident id = { { 7 } };
	size_t i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		cr_assert_eq(ident_parse(&id, wrong[i], strlen(wrong[i])), -1,
		    "accepted: %s", wrong[i]);
	cr_assert_eq(id.bytes[0], 7, "a refused text changed the result");
}

Test(ident, every_byte_counts_in_a_comparison)
{
	struct ident a, b;
	size_t i;

	ident_make(&a);
	for (i = 0; i < IDENT_SIZE; i++) {
		b = a;
		cr_assert(ident_equal(&a, &b));
		b.bytes[i] ^= 0x10;
		cr_assert_not(ident_equal(&a, &b), "byte %zu", i);
	}
	cr_assert(ident_secret_equal("abc", "abd", 2));
	cr_assert(ident_secret_equal("a", "b", 0));
}
