/* SPDX-License-Identifier: ISC */
/* Sessions by the beginning of their identifier. */
#include "config.h"

#include <string.h>

#include "broker/match.h"

size_t
match_prefix(const struct registry *reg, struct span prefix, uint32_t *slots,
    size_t max)
{
	const struct registry_record *record;
	char text[IDENT_TEXT_SIZE];
	uint32_t slot;
	size_t count = 0;

	if (prefix.len == 0 || prefix.len > IDENT_TEXT_LEN)
		return 0;
	for (slot = 0; slot < registry_slots(reg); slot++) {
		record = registry_get(reg, slot);
		if (record == NULL || memcmp(ident_print(&record->id, text),
			prefix.p, prefix.len) != 0)
			continue;
		if (count < max)
			slots[count] = slot;
		count++;
	}
	return count;
}
