/* SPDX-License-Identifier: ISC */
/* Two requests are the same if all but the call's id is. */
#include "config.h"

#include <criterion/criterion.h>
#include <string.h>

#include "broker/runner/digest.h"
#include "common/proto.h"

TestSuite(digest, .timeout = 20);

static const struct fields_GR_START base = {
	.has_id_int = true, .id_int = 1,
	.has_process_id = true, .process_id = { (const uint8_t *)"p", 1 },
	.has_argv = true, .argv = { (const uint8_t *)"argv", 4 },
	.has_tty = true,
};

static int
same(const struct fields_GR_START *other)
{
	const struct proto_row *row = proto_row(MSG_GR_START);
	struct digest a = digest_request(row, &base);
	struct digest b = digest_request(row, other);

	return digest_equal(&a, &b);
}

Test(digest, the_id_does_not_count)
{
	struct fields_GR_START other = base;

	other.has_id_int = false;
	other.has_id_str = true;
	other.id_str = span_str("two");
	cr_assert(same(&other));
}

/* Every other field does: set it, or change it. */
Test(digest, all_else_does)
{
	static const uint8_t more[] = "something else";
	const struct proto_row *row = proto_row(MSG_GR_START);
	const struct proto_field *field;
	struct fields_GR_START other;
	struct span span = { more, sizeof(more) };
	size_t i;

	for (i = 0; i < row->nfields; i++) {
		field = &row->fields[i];
		if (field->tag == TAG_ID_INT || field->tag == TAG_ID_STR)
			continue;
		other = base;
		*(bool *)((char *)&other + field->has) = true;
		if (field->kind == KIND_BOOL || field->kind == KIND_U8)
			*((uint8_t *)&other + field->offset) = 1;
		else if (field->kind == KIND_U32)
			memcpy((char *)&other + field->offset, more, 4);
		else if (field->kind == KIND_U64 || field->kind == KIND_I64)
			memcpy((char *)&other + field->offset, more, 8);
		else
			memcpy((char *)&other + field->offset, &span,
			    sizeof(span));
		cr_assert_not(same(&other), "%s", field->name);
	}
}

/* What moves from one field to the next is not the same. */
Test(digest, where_it_stands_counts)
{
	struct fields_GR_START other = base;

	other.process_id = span_str("pa");
	other.argv = span_str("rgv");
	cr_assert_not(same(&other));
	other = base;
	other.has_tty = false;
	cr_assert_not(same(&other));
}
