/* SPDX-License-Identifier: ISC */
/* What ended sessions leave: kept, found, bounded. */
#include "config.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "broker/epitaph.h"

TestSuite(epitaph, .timeout = 20);

static struct ident
id_of(unsigned int number)
{
	struct ident id = { 0 };

	memcpy(id.bytes, &number, sizeof(number));
	return id;
}

static int
keep(struct epitaphs *set, unsigned int number, size_t len)
{
	static uint8_t bytes[EPITAPH_BYTES + 1];
	struct ident id = id_of(number);

	memset(bytes, (int)number, sizeof(bytes));
	return epitaph_add(set, &id, (struct span){ bytes, len }, number);
}

static bool
is_kept(struct epitaphs *set, unsigned int number, size_t len)
{
	struct ident id = id_of(number);
	struct span processes;
	uint64_t omitted;

	if (!epitaph_find(set, &id, &processes, &omitted))
		return false;
	cr_assert_eq(processes.len, len);
	cr_assert_eq(omitted, number);
	if (len > 0)
		cr_assert_eq(processes.p[len - 1], (uint8_t)number);
	return true;
}

Test(epitaph, the_oldest_gives_way)
{
	struct epitaphs *set = epitaphs_new(3, NULL);
	unsigned int i;

	for (i = 1; i <= 5; i++)
		cr_assert_eq(keep(set, i, i - 1), 0);
	cr_assert(!is_kept(set, 1, 0) && !is_kept(set, 2, 1));
	cr_assert(is_kept(set, 3, 2) && is_kept(set, 4, 3));
	cr_assert(is_kept(set, 5, 4));
	epitaphs_free(set);
	epitaphs_free(NULL);
}

Test(epitaph, there_is_a_bound_on_each)
{
	struct epitaphs *set = epitaphs_new(4, NULL);

	cr_assert_eq(keep(set, 1, EPITAPH_BYTES + 1), -1);
	cr_assert(!is_kept(set, 1, 0));
	cr_assert_eq(keep(set, 1, EPITAPH_BYTES), 0);
	cr_assert(is_kept(set, 1, EPITAPH_BYTES));
	epitaphs_free(set);
}

Test(epitaph, another_set_adopts_what_is_whole)
{
	uint8_t *memory = calloc(1, epitaphs_size(4));
	struct epitaphs *set = epitaphs_new(4, memory);
	size_t one = epitaphs_size(1);
	unsigned int i;

	for (i = 1; i <= 6; i++)
		cr_assert_eq(keep(set, i, i * 10), 0);
	epitaphs_free(set);
	set = epitaphs_new(4, memory);
	for (i = 1; i <= 6; i++)
		cr_assert_eq(is_kept(set, i, i * 10), i >= 3);
	/* The next goes where the oldest was. */
	keep(set, 7, 1);
	cr_assert(!is_kept(set, 3, 30) && is_kept(set, 7, 1));
	epitaphs_free(set);
	/* A byte that was not written; a length out of bounds; a wrong place. */
	memory[one * (5 % 4) + 60] ^= 1;
	memset(memory + one * (6 % 4) + 32, 0xff, 4);
	memcpy(memory, memory + one * (7 % 4), one);
	set = epitaphs_new(4, memory);
	cr_assert(!is_kept(set, 4, 40) && !is_kept(set, 5, 50));
	cr_assert(!is_kept(set, 6, 60) && is_kept(set, 7, 1));
	epitaphs_free(set);
	free(memory);
}
