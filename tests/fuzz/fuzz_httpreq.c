/* SPDX-License-Identifier: ISC */
/*
 * Headers of an HTTP request as holdfast-http gets them, and the request's
 * check: what it lets through has no byte that could end a line.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "broker/runner/http/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
has_one_line(struct span span)
{
	size_t i;

	for (i = 0; i < span.len; i++)
		if (span.p[i] == '\r' || span.p[i] == '\n' ||
		    span.p[i] == '\0')
			abort();
}

static int
is_inside(struct span span, const uint8_t *data, size_t size)
{
	return span.len == 0 ||
	    (span.p >= data && span.p + span.len <= data + size);
}

static void
walk(const uint8_t *data, size_t size, int good)
{
	struct span list = { data, size };
	struct http_header header;

	while (http_header_next(&list, &header)) {
		if (!is_inside(header.name, data, size) ||
		    !is_inside(header.value, data, size) ||
		    !is_inside(header.variable, data, size))
			abort();
		if (good) {
			has_one_line(header.name);
			has_one_line(header.value);
		}
	}
}

/* The first byte says how long the URL is, the second the method. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fields_GR_HTTP msg = { 0 };

	if (size < 2 || size - 2 < (size_t)data[0] + data[1])
		return 0;
	msg.url = (struct span){ data + 2, data[0] };
	msg.verb = (struct span){ data + 2 + data[0], data[1] };
	msg.headers.p = msg.verb.p + msg.verb.len;
	msg.headers.len = size - 2 - data[0] - data[1];
	if (http_check(&msg) == NULL) {
		has_one_line(msg.verb);
		walk(msg.headers.p, msg.headers.len, 1);
	} else {
		walk(msg.headers.p, msg.headers.len, 0);
	}
	return 0;
}
