/* SPDX-License-Identifier: ISC */
/* What a client has seen of one process, for tests. */
#include "config.h"

#include <sys/types.h>

#include <sha2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "common/base64.h"
#include "common/xmalloc.h"
#include "tests/lib/call.h"
#include "tests/lib/tape.h"
#include "tests/lib/wait.h"

#define TAPE_STREAMS 3
#define TAPE_TEXT 65536
#define TAPE_WAITING 65536

enum tape_kind { TAPE_OUTPUT, TAPE_EXITED, TAPE_CLOSED };

static const char *const stream_names[TAPE_STREAMS] = {
	"stdout", "stderr", "pty"
};

struct tape_stream {
	SHA2_CTX hash;
	uint64_t bytes;
	char *text;
	size_t text_len;
};

struct tape_item {
	struct tape_item *next; /* ascending */
	uint64_t seq;
	enum tape_kind kind;
	int stream;
	int code;
	size_t len;
	char data[];
};

struct tape {
	char *process_id;
	uint64_t seen;
	uint64_t read_to; /* process/read has told of what is below */
	int exited;
	int closed;
	int code;
	struct tape_item *waiting;
	size_t nwaiting;
	struct tape_stream streams[TAPE_STREAMS];
	char error[256];
};

struct tape *
tape_new(const char *process_id)
{
	struct tape *tape = xcalloc(1, sizeof(*tape));
	int i;

	tape->process_id = xstrdup(process_id);
	for (i = 0; i < TAPE_STREAMS; i++) {
		SHA256Init(&tape->streams[i].hash);
		tape->streams[i].text = xcalloc(1, TAPE_TEXT + 1);
	}
	return tape;
}

void
tape_reattach(struct tape *tape)
{
	struct tape_item *item;

	while ((item = tape->waiting) != NULL) {
		tape->waiting = item->next;
		free(item);
	}
	tape->nwaiting = 0;
}

void
tape_free(struct tape *tape)
{
	int i;

	if (tape == NULL)
		return;
	tape_reattach(tape);
	for (i = 0; i < TAPE_STREAMS; i++)
		free(tape->streams[i].text);
	free(tape->process_id);
	free(tape);
}

static int __attribute__((format(printf, 2, 3)))
tape_fail(struct tape *tape, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(tape->error, sizeof(tape->error), fmt, ap);
	va_end(ap);
	return -1;
}

static void
tape_play(struct tape *tape, const struct tape_item *item)
{
	struct tape_stream *stream = &tape->streams[item->stream];
	size_t keep = TAPE_TEXT - stream->text_len;

	tape->seen = item->seq;
	switch (item->kind) {
	case TAPE_OUTPUT:
		SHA256Update(&stream->hash, (const uint8_t *)item->data,
		    item->len);
		stream->bytes += item->len;
		if (keep > item->len)
			keep = item->len;
		memcpy(stream->text + stream->text_len, item->data, keep);
		stream->text_len += keep;
		break;
	case TAPE_EXITED:
		tape->exited = 1;
		tape->code = item->code;
		break;
	case TAPE_CLOSED:
		tape->closed = 1;
		break;
	}
}

static void
tape_play_ready(struct tape *tape)
{
	struct tape_item *item;

	while ((item = tape->waiting) != NULL && item->seq == tape->seen + 1) {
		tape->waiting = item->next;
		tape->nwaiting--;
		tape_play(tape, item);
		free(item);
	}
}

/* Takes "item".  Returns 1, 0 for a number that is there already, or -1. */
static int
tape_insert(struct tape *tape, struct tape_item *item)
{
	struct tape_item **at = &tape->waiting;

	while (*at != NULL && (*at)->seq < item->seq)
		at = &(*at)->next;
	if (item->seq <= tape->seen ||
	    (*at != NULL && (*at)->seq == item->seq)) {
		free(item);
		return 0;
	}
	if (tape->closed || tape->nwaiting == TAPE_WAITING) {
		tape_fail(tape, tape->closed ? "event %llu after closed" :
		    "too much out of order at %llu",
		    (unsigned long long)item->seq);
		free(item);
		return -1;
	}
	item->next = *at;
	*at = item;
	tape->nwaiting++;
	tape_play_ready(tape);
	return 1;
}

static uint64_t
tape_number(struct json_object *object, const char *name)
{
	struct json_object *value;

	return json_object_object_get_ex(object, name, &value) ?
	    json_object_get_uint64(value) : 0;
}

static const char *
tape_string(struct json_object *object, const char *name)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, name, &value) ||
	    !json_object_is_type(value, json_type_string))
		return "";
	return json_object_get_string(value);
}

static struct tape_item *
tape_item_output(struct tape *tape, struct json_object *object)
{
	const char *chunk = tape_string(object, "chunk");
	const char *name = tape_string(object, "stream");
	struct tape_item *item;
	size_t len = strlen(chunk);
	ssize_t n;
	int i;

	item = xmalloc(sizeof(*item) + BASE64_DECODED_MAX(len));
	memset(item, 0, sizeof(*item));
	item->seq = tape_number(object, "seq");
	for (i = 0; i < TAPE_STREAMS; i++)
		if (strcmp(name, stream_names[i]) == 0)
			break;
	n = base64_decode(item->data, chunk, len);
	if (i == TAPE_STREAMS || n == -1 || item->seq == 0) {
		tape_fail(tape, "bad output: stream %s, number %llu%s", name,
		    (unsigned long long)item->seq, n == -1 ? ", base64" : "");
		free(item);
		return NULL;
	}
	item->stream = i;
	item->len = (size_t)n;
	return item;
}

static struct tape_item *
tape_item_end(uint64_t seq, enum tape_kind kind, int code)
{
	struct tape_item *item = xcalloc(1, sizeof(*item));

	item->seq = seq;
	item->kind = kind;
	item->code = code;
	return item;
}

int
tape_event(struct tape *tape, struct json_object *notification)
{
	const char *method = tape_string(notification, "method");
	struct json_object *params;
	struct tape_item *item;
	uint64_t seq;
	int rc;

	if (!json_object_object_get_ex(notification, "params", &params) ||
	    strcmp(tape_string(params, "processId"), tape->process_id) != 0)
		return 0;
	seq = tape_number(params, "seq");
	if (strcmp(method, "process/output") == 0)
		item = tape_item_output(tape, params);
	else if (strcmp(method, "process/exited") == 0)
		item = tape_item_end(seq, TAPE_EXITED,
		    (int)tape_number(params, "exitCode"));
	else if (strcmp(method, "process/closed") == 0)
		item = tape_item_end(seq, TAPE_CLOSED, 0);
	else
		return 0;
	if (item == NULL || (rc = tape_insert(tape, item)) == -1)
		return -1;
	/* A read may overtake events that were on their way. */
	if (rc == 0 && seq >= tape->read_to)
		return tape_fail(tape, "%s %llu came twice", method,
		    (unsigned long long)seq);
	return 1;
}

/*
 * Chunks leave the numbers of exited and closed free.  Closed is the last
 * one; exited is put at the first free number that is left.
 */
static int
tape_read_ends(struct tape *tape, struct json_object *result, uint64_t next)
{
	struct json_object *value;
	int closed, code;

	closed = json_object_object_get_ex(result, "closed", &value) &&
	    json_object_get_boolean(value);
	if (closed && !tape->closed && next > 1 && tape_insert(tape,
	    tape_item_end(next - 1, TAPE_CLOSED, 0)) == -1)
		return -1;
	if (tape->seen + 1 < next && !tape->exited &&
	    json_object_object_get_ex(result, "exited", &value) &&
	    json_object_get_boolean(value)) {
		code = (int)tape_number(result, "exitCode");
		if (tape_insert(tape, tape_item_end(tape->seen + 1,
		    TAPE_EXITED, code)) == -1)
			return -1;
	}
	if (tape->seen + 1 < next)
		return tape_fail(tape, "number %llu is missing below %llu",
		    (unsigned long long)tape->seen + 1,
		    (unsigned long long)next);
	return 0;
}

int
tape_read(struct tape *tape, struct json_object *result)
{
	struct json_object *chunks = NULL;
	uint64_t next = tape_number(result, "nextSeq");
	struct tape_item *item;
	size_t i, n = 0;

	if (json_object_object_get_ex(result, "chunks", &chunks))
		n = json_object_array_length(chunks);
	for (i = 0; i < n; i++) {
		item = tape_item_output(tape,
		    json_object_array_get_idx(chunks, i));
		/* It may repeat what this connection has brought already. */
		if (item == NULL || tape_insert(tape, item) == -1)
			return -1;
	}
	if (next > tape->read_to)
		tape->read_to = next;
	return tape_read_ends(tape, result, next);
}

int
tape_catch_up(struct tape *tape, struct call *call)
{
	struct json_object *params = call_process_params(tape->process_id);
	struct json_object *result;
	int rc;

	json_object_object_add(params, "afterSeq",
	    json_object_new_uint64(tape->seen));
	if ((result = call_result(call, "process/read", params)) == NULL)
		return tape_fail(tape, "process/read was not answered");
	rc = tape_read(tape, result);
	json_object_put(result);
	return rc;
}

static int
tape_next(struct tape *tape, struct call *call, uint64_t deadline)
{
	struct json_object *event = call_next(call, deadline_left(deadline));
	int rc;

	if (event == NULL)
		return tape_fail(tape, call_ended(call) ?
		    "connection ended after number %llu" :
		    "nothing more in time after number %llu",
		    (unsigned long long)tape->seen);
	rc = tape_event(tape, event);
	json_object_put(event);
	return rc == -1 ? -1 : 0;
}

int
tape_follow(struct tape *tape, struct call *call, int timeout_ms)
{
	uint64_t deadline = deadline_in(timeout_ms);

	while (!tape->closed)
		if (tape_next(tape, call, deadline) == -1)
			return -1;
	return 0;
}

int
tape_follow_to(struct tape *tape, struct call *call, const char *stream,
    const char *text, int timeout_ms)
{
	uint64_t deadline = deadline_in(timeout_ms);

	while (strstr(tape_text(tape, stream), text) == NULL) {
		if (tape->closed)
			return tape_fail(tape, "closed before \"%s\"", text);
		if (tape_next(tape, call, deadline) == -1)
			return -1;
	}
	return 0;
}

uint64_t
tape_seen(const struct tape *tape)
{
	return tape->seen;
}

int
tape_exited(const struct tape *tape)
{
	return tape->exited;
}

int
tape_closed(const struct tape *tape)
{
	return tape->closed;
}

int
tape_exit_code(const struct tape *tape)
{
	return tape->code;
}

static const struct tape_stream *
tape_stream(const struct tape *tape, const char *name)
{
	int i;

	for (i = 0; i < TAPE_STREAMS - 1; i++)
		if (strcmp(name, stream_names[i]) == 0)
			break;
	return &tape->streams[i];
}

uint64_t
tape_bytes(const struct tape *tape, const char *stream)
{
	return tape_stream(tape, stream)->bytes;
}

const char *
tape_hash(const struct tape *tape, const char *stream,
    char sha256[TAPE_HASH_SIZE])
{
	SHA2_CTX copy = tape_stream(tape, stream)->hash;

	return SHA256End(&copy, sha256);
}

const char *
tape_text(const struct tape *tape, const char *stream)
{
	return tape_stream(tape, stream)->text;
}

const char *
tape_error(const struct tape *tape)
{
	return tape->error;
}
