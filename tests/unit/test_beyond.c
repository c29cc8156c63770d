/* SPDX-License-Identifier: ISC */
/* What is told of sessions that have ended; none of it is believed. */
#include "config.h"

#include <criterion/criterion.h>
#include <string.h>

#include "common/proto.h"
#include "gateway/beyond.h"
#include "gateway/outq.h"
#include "gateway/rpc.h"

TestSuite(beyond, .timeout = 20);

Test(beyond, every_end_has_a_word_of_its_own)
{
	uint32_t a, b;

	for (a = END_EXPIRED; a <= END_GAVE_WAY; a++)
		for (b = END_EXPIRED; b < a; b++)
			cr_assert_str_neq(beyond_end_word(a),
			    beyond_end_word(b));
	cr_assert_str_eq(beyond_end_word(0), beyond_end_word(END_OPERATOR));
	cr_assert_str_eq(beyond_end_word(UINT32_MAX),
	    beyond_end_word(END_OPERATOR));
}

static void
expect(const struct fields_BG_ATTACH_FAILED *m, const char *data)
{
	struct rpc_id id = { .type = RPC_ID_INT, .number = 7 };
	static char bytes[8192];
	struct iovec iov[4];
	struct outq q;
	size_t len = 0;
	int i, n;

	outq_init(&q);
	cr_assert_eq(beyond_refuse_ended(&q, &id, -32600, span_str("why"), m),
	    0);
	n = outq_peek(&q, iov, 4);
	for (i = 0; i < n; i++) {
		cr_assert_lt(len + iov[i].iov_len, sizeof(bytes));
		memcpy(bytes + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	cr_assert_not_null(memmem(bytes, len, data, strlen(data)), "%.*s",
	    (int)len - 4, bytes + 4);
	outq_clear(&q);
}

Test(beyond, what_is_not_known_is_null)
{
	struct fields_BG_ATTACH_FAILED m = {
		.has_end_reason = true, .end_reason = END_RUNNER_LOST,
	};

	expect(&m, "\"data\":{\"reason\":\"runnerLost\",\"endedAtMs\":null,"
	    "\"processes\":null}}}");
	m.has_processes = true;
	m.has_ended_ms = true;
	m.ended_ms = 5;
	expect(&m, "\"endedAtMs\":5,\"processes\":[]}}}");
	/* Not what it should be: as if it were not there. */
	m.processes = (struct span){ (const uint8_t *)"\0\0\0\3abc", 7 };
	expect(&m, "\"processes\":null}}}");
}

Test(beyond, processes)
{
	struct fields_PROCESS process = { .process_id = span_str("a\"b"),
		.last_seq = 9, .has_exit_code = true, .exit_code = 137 };
	struct fields_BG_ATTACH_FAILED m = {
		.has_end_reason = true, .end_reason = END_EXPIRED,
		.has_processes = true, .has_omitted = true, .omitted = 3,
	};
	struct writer w;

	writer_init(&w, 4096);
	proto_record_add(&w, &proto_process, &process);
	process.has_exit_code = false;
	proto_record_add(&w, &proto_process, &process);
	m.processes = (struct span){ w.p, w.len };
	expect(&m, "\"processes\":[{\"processId\":\"a\\\"b\","
	    "\"exitCode\":137,\"lastSeq\":9},{\"processId\":\"a\\\"b\","
	    "\"exitCode\":null,\"lastSeq\":9}],\"omitted\":3}}}");
	writer_clear(&w);
}
