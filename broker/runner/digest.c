/* SPDX-License-Identifier: ISC */
/* Eight bytes at a time into two hashes that differ in their factors. */
#include "config.h"

#include <string.h>

#include "broker/runner/digest.h"
#include "common/proto.h"

static void
add_word(struct digest *digest, uint64_t word)
{
	static const uint64_t factors[2] = {
		0x9e3779b97f4a7c15, 0xff51afd7ed558ccd
	};
	int i;

	for (i = 0; i < 2; i++) {
		digest->half[i] = (digest->half[i] ^ word) * factors[i];
		digest->half[i] ^= digest->half[i] >> 32;
	}
}

static void
add_bytes(struct digest *digest, struct span bytes)
{
	uint64_t word;

	/* With the length before them, no two rows of fields look alike. */
	add_word(digest, bytes.len);
	while (bytes.len > 0) {
		size_t n = bytes.len < sizeof(word) ? bytes.len :
		    sizeof(word);

		word = 0;
		memcpy(&word, bytes.p, n);
		add_word(digest, word);
		bytes.p += n;
		bytes.len -= n;
	}
}

struct digest
digest_request(const struct proto_row *row, const void *msg)
{
	struct digest digest = { { 1, 2 } };
	const struct proto_field *field;
	struct span bytes;
	size_t i;

	for (i = 0; i < row->nfields; i++) {
		field = &row->fields[i];
		if (field->tag == TAG_ID_INT || field->tag == TAG_ID_STR ||
		    !proto_member(field, msg, &bytes))
			continue;
		add_word(&digest, field->tag);
		add_bytes(&digest, bytes);
	}
	return digest;
}

bool
digest_equal(const struct digest *a, const struct digest *b)
{
	return a->half[0] == b->half[0] && a->half[1] == b->half[1];
}
