/* SPDX-License-Identifier: ISC */
/*
 * Lines of the audit trail with hostile names in them: each is one JSON
 * object of printable ASCII, whatever a client calls its processes.  The
 * first byte picks the event and how the rest is shared out.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "broker/audit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const char *line, size_t len)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *object;
	size_t i;

	if (tokener == NULL || len == 0 || len >= AUDIT_LINE_SIZE ||
	    line[len - 1] != '\n')
		abort();
	for (i = 0; i + 1 < len; i++)
		if (line[i] < ' ' || line[i] >= 0x7f)
			abort();
	object = json_tokener_parse_ex(tokener, line, (int)len);
	if (!json_object_is_type(object, json_type_object) ||
	    json_tokener_get_parse_end(tokener) + 1 < len)
		abort();
	json_object_put(object);
	json_tokener_free(tokener);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct audit_record record = { .principal = "alice" };
	char line[AUDIT_LINE_SIZE];
	size_t third;

	if (size < 2)
		return 0;
	record.event = (enum audit_event)(data[0] % AUDIT_EVENT_COUNT);
	record.code = (int8_t)data[1];
	data += 2;
	size -= 2;
	third = size / 3;
	record.process = (struct span){ data, third };
	record.program = (struct span){ data + third, third };
	record.signal = (struct span){ data, size };
	record.arguments = (struct span){ data + 2 * third, size - 2 * third };
	check(line, audit_format(&record, line));
	return 0;
}
