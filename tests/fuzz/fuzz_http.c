/* SPDX-License-Identifier: ISC */
/*
 * Request heads: pieces lead to the same result as the whole, spans stay
 * inside the head, and every answer can be written.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_span(const struct http_span *span, const char *bytes, size_t len)
{
	if (span->at != NULL &&
	    (span->at < bytes || span->at + span->len > bytes + len))
		abort();
}

static void
check_complete(const struct http_head *head, const char *bytes)
{
	static const struct http_policy policy = { NULL, true };
	struct http_answer answer = { 400, "" };
	char out[HTTP_ANSWER_MAX];

	check_span(&head->host, bytes, head->length);
	check_span(&head->origin, bytes, head->length);
	check_span(&head->authorization, bytes, head->length);
	check_span(&head->key, bytes, head->length);
	if (http_decide(head, &policy, &answer)) {
		if (http_format_upgrade(out, sizeof(out), head) == -1)
			abort();
	} else if (http_format_answer(out, sizeof(out), answer.status,
	    answer.body, head->method == HTTP_HEAD) == -1)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_head head = { 0 }, pieces = { 0 };
	enum http_parsed got, want;
	const char *bytes = (const char *)data;
	size_t len;

	want = http_parse(bytes, size, &head);
	got = HTTP_MORE;
	for (len = 0; got == HTTP_MORE && len < size;) {
		len += 1 + len % 7;
		if (len > size)
			len = size;
		got = http_parse(bytes, len, &pieces);
	}
	if (size > 0 && (got != want || pieces.length != head.length ||
	    pieces.status != head.status))
		abort();
	if (want == HTTP_COMPLETE)
		check_complete(&head, bytes);
	return 0;
}
