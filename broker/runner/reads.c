/* SPDX-License-Identifier: ISC */
/*
 * process/read.  A read with nothing to tell is parked with its process; one
 * with output to tell waits for room in the window, in order; one with more
 * output than fits a message is told in parts.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "broker/runner/runner.h"
#include "common/link.h"
#include "common/log.h"

/* Output bytes of one message, and room for the heads of its chunks. */
#define PART_BYTES PROTO_CHUNK_MAX
#define PART_SIZE (PROTO_EVENT_MAX - 64)
#define WAIT_MAX_MS 1000000000
/* What goes out from where it lies: few chunks, many bytes. */
#define DIRECT_CHUNKS ((LINK_IOV_MAX - 1) / 2)
#define DIRECT_MIN 4096

static int
has_news(const struct child *child, uint64_t after)
{
	return child->closed || (child->exited && child->exit_seq > after) ||
	    outlog_newest(child->log) > after;
}

static void
fill_result(const struct child *child, uint64_t next_seq,
    struct fields_RG_RESULT *result)
{
	*result = (struct fields_RG_RESULT){
		.has_next_seq = true,
		.next_seq = next_seq,
		.has_exited = true,
		.exited = child->exited,
		.has_exit_code = child->exited,
		.exit_code = child->exit_code,
		.has_closed = true,
		.closed = child->closed,
		.has_sandbox_denied = true,
		.sandbox_denied = child->denied,
	};
}

/* Name what the reader will miss; "bytes" holds what the result points to. */
static void
fill_gap(const struct child *child, uint64_t after,
    struct fields_RG_RESULT *result, uint8_t bytes[GAP_SIZE])
{
	struct writer w = { .p = bytes, .cap = GAP_SIZE, .max = GAP_SIZE };
	struct fields_GAP gap = { .from_seq = after + 1 };

	/* The exit's number is among them, but that is never lost. */
	if (child->exited && after == child->exit_seq)
		after--;
	else if (child->exited && gap.from_seq == child->exit_seq)
		gap.from_seq++;
	if (!outlog_lost(child->log, after, &gap.to_seq, &gap.bytes))
		return;
	gap.has_bytes = gap.bytes != UINT64_MAX;
	proto_record_put(&w, &proto_gap, &gap);
	result->has_gap = true;
	metrics_add(METRIC_GAPS, 1);
	result->gap = (struct span){ w.p, w.len };
}

static void
child_let_go(struct child *child)
{
	if (!child->held)
		return;
	child->held = false;
	child_set_keep(child);
}

static void
answer_empty(struct attach *attach, const struct call *call,
    struct child *child, uint64_t after, uint64_t next_seq)
{
	struct fields_RG_RESULT result;
	uint8_t gap[GAP_SIZE];

	fill_result(child, next_seq, &result);
	fill_gap(child, after, &result, gap);
	attach_result(attach, call, MSG_GR_READ, &result);
}

/* The last part of an answer, or all of it, leaves. */
static void
answer_sent(struct attach *attach, struct child *child, uint64_t after,
    const struct outlog_span *span)
{
	attach_sent(attach, child, child_answers(child, after, span->last),
	    UNACKED_READ, span->bytes);
	outlog_stop(child->log, span->last, span->end);
}

static void
put_chunk(struct writer *w, const struct outlog_chunk *chunk)
{
	struct proto_chunk out = {
		.seq = chunk->seq,
		.stream = chunk->stream,
		.data = { chunk->bytes, chunk->len },
	};

	proto_chunk_add(w, &out);
}

/* Whether "count" chunks with "bytes" bytes fit one message. */
static bool
fits(uint64_t count, uint64_t bytes)
{
	return bytes <= PART_BYTES &&
	    count <= (PART_SIZE - bytes) / PROTO_CHUNK_HEAD;
}

/*
 * The chunks as they go out: behind each head its bytes, where they lie.
 * Returns how many pieces that makes.
 */
static int
gather(const struct child *child, const struct outlog_span *span,
    uint8_t heads[][PROTO_CHUNK_HEAD], struct iovec *iov)
{
	struct outlog_cursor cursor = { .seq = span->first };
	struct outlog_chunk chunk;
	struct writer w;
	int n = 0;

	while (n < 2 * (int)span->count &&
	    outlog_next(child->log, &cursor, &chunk) == 0) {
		w = (struct writer){ .p = heads[n / 2],
			.cap = PROTO_CHUNK_HEAD, .max = PROTO_CHUNK_HEAD };
		writer_put_u64(&w, chunk.seq);
		writer_put_u8(&w, chunk.stream);
		writer_put_u32(&w, (uint32_t)chunk.len);
		iov[n++] = (struct iovec){ w.p, w.len };
		iov[n++] = (struct iovec){ (void *)(uintptr_t)chunk.bytes,
			chunk.len };
	}
	return n;
}

/* Few chunks with many bytes are not copied. */
static void
answer_direct(struct attach *attach, const struct call *call,
    struct child *child, uint64_t after, const struct outlog_span *span)
{
	uint8_t heads[DIRECT_CHUNKS][PROTO_CHUNK_HEAD], gap[GAP_SIZE];
	struct iovec iov[1 + 2 * DIRECT_CHUNKS];
	struct fields_RG_RESULT result;
	struct writer w;
	int n;

	fill_result(child, span->next_seq, &result);
	fill_gap(child, after, &result, gap);
	attach_address(call, MSG_GR_READ, &result);
	writer_init(&w, PART_SIZE);
	proto_encode(&w, MSG_RG_RESULT, &result);
	writer_put_u16(&w, TAG_CHUNKS);
	writer_put_u32(&w, (uint32_t)(span->bytes +
	    span->count * PROTO_CHUNK_HEAD));
	if (w.failed)
		fatalx("no memory for an answer");
	n = 1 + gather(child, span, heads, iov + 1);
	iov[0] = (struct iovec){ w.p, w.len };
	answer_sent(attach, child, after, span);
	link_sendv_now(attach->link, MSG_RG_RESULT, call->number, iov, n);
	writer_clear(&w);
}

static void
answer_whole(struct attach *attach, const struct call *call,
    struct child *child, uint64_t after, const struct outlog_span *span)
{
	uint8_t gap[GAP_SIZE];
	struct outlog_cursor cursor = { .seq = span->first };
	struct fields_RG_RESULT result;
	struct outlog_chunk chunk;
	struct writer w;
	size_t left = span->count;

	writer_init(&w, PART_SIZE);
	while (left-- > 0 && outlog_next(child->log, &cursor, &chunk) == 0)
		put_chunk(&w, &chunk);
	if (w.failed)
		fatalx("no memory for an answer");
	fill_result(child, span->next_seq, &result);
	fill_gap(child, after, &result, gap);
	result.has_chunks = true;
	result.chunks = (struct span){ w.p, w.len };
	answer_sent(attach, child, after, span);
	attach_result(attach, call, MSG_GR_READ, &result);
	writer_clear(&w);
}

static void
bulk_message(struct attach *attach, uint16_t type,
    struct fields_RG_RESULT *result)
{
	const struct call *call = &attach->bulk->call;

	result->method = MSG_GR_READ;
	result->has_id_int = call->has_int;
	result->id_int = call->id_int;
	result->has_id_str = call->has_str;
	result->id_str = call->id_str;
	link_send(attach->link, type, call->number, result);
}

/*
 * What is told at the end is what was so at the beginning.  How far an answer
 * from a file goes shows on the way.
 */
static void
bulk_begin(struct attach *attach, struct parked_read *read,
    const struct outlog_span *span)
{
	struct child *child = read->child;

	attach->bulk = read;
	attach->bulk_cursor = (struct outlog_cursor){ .seq = span->first };
	attach->bulk_told = span->first - 1;
	attach->bulk_some = false;
	attach->bulk_to = span->absent ? outlog_newest(child->log) :
	    span->last;
	attach->bulk_left = read->max;
	fill_result(child, span->next_seq, &attach->bulk_result);
	fill_gap(child, read->after, &attach->bulk_result, attach->bulk_gap);
	child_set_keep(child);
	bulk_message(attach, MSG_RG_BULK_BEGIN, &attach->bulk_result);
}

static void
read_free(struct parked_read *read)
{
	if (read->timer != NULL)
		event_free(read->timer);
	child_unref(read->child);
	free(read);
}

/* For all parts of a long answer, of which there is one at a time. */
static struct writer part;

static void
bulk_end(struct attach *attach)
{
	struct parked_read *read = attach->bulk;

	writer_clear(&part);
	outlog_stop(read->child->log, attach->bulk_told,
	    attach->bulk_cursor.end);
	bulk_message(attach, MSG_RG_BULK_END, &attach->bulk_result);
	attach->bulk = NULL;
	attach_over(attach);
	child_set_keep(read->child);
	read_free(read);
}

/* Whether the chunk is still part of the answer. */
static bool
bulk_takes(const struct attach *attach, const struct outlog_chunk *chunk)
{
	return chunk->seq <= attach->bulk_to &&
	    (chunk->len <= attach->bulk_left || !attach->bulk_some);
}

/*
 * Fill a part, with "*bytes".  Whether the answer goes on behind it, as
 * outlog_next() says it: 0 or OUTLOG_ABSENT, or -1.
 */
static int
bulk_fill(struct attach *attach, uint64_t *bytes)
{
	struct outlog_cursor cursor = attach->bulk_cursor;
	const struct outlog *log = attach->bulk->child->log;
	struct outlog_chunk chunk;
	uint64_t count = 0, last, lost;
	int found;

	/* What was lost on the way must not be passed over. */
	if (outlog_lost(log, attach->bulk_told, &last, &lost))
		return -1;
	while ((found = outlog_next(log, &cursor, &chunk)) == 0 &&
	    bulk_takes(attach, &chunk)) {
		if (!fits(++count, *bytes + chunk.len))
			return 0;
		put_chunk(&part, &chunk);
		attach->bulk_cursor = cursor;
		attach->bulk_told = chunk.seq;
		attach->bulk_some = true;
		attach->bulk_left -= chunk.len < attach->bulk_left ?
		    chunk.len : attach->bulk_left;
		*bytes += chunk.len;
	}
	/* Nothing is read from a file only to find that it is too much. */
	if (found == OUTLOG_ABSENT && attach->bulk_left == 0)
		return -1;
	if (found != 0)
		return attach->bulk_told < attach->bulk_to ? found : -1;
	if (chunk.seq <= attach->bulk_to)
		attach->bulk_result.next_seq = attach->bulk_told + 1;
	return -1;
}

static void
bulk_send(struct attach *attach, uint64_t bytes, bool last)
{
	struct parked_read *read = attach->bulk;
	struct iovec iov = { part.p, part.len };

	attach_sent(attach, read->child, child_answers(read->child,
	    read->after, attach->bulk_told),
	    last ? UNACKED_READ : UNACKED_PART, bytes);
	attach_send_now(attach, MSG_RG_BULK_PART, read->call.number, &iov, 1);
}

/* Whether the answer waits for its output, or comes to an end without it. */
static void
bulk_absent(struct attach *attach)
{
	struct child *child = attach->bulk->child;

	if (spill_load(child, attach->bulk_told + 1) == 0) {
		attach->loading = child;
		return;
	}
	attach->bulk_result.next_seq = attach->bulk_told + 1;
	child_let_go(child);
	bulk_end(attach);
}

static void
bulk_part(struct attach *attach)
{
	struct child *child = attach->bulk->child;
	uint64_t bytes = 0;
	size_t begun;
	int goes_on;

	part.max = PROTO_EVENT_MAX;
	writer_reset(&part);
	begun = proto_begin(&part, TAG_CHUNKS);
	goes_on = bulk_fill(attach, &bytes);
	proto_end(&part, begun);
	if (part.failed || (bytes == 0 && goes_on == 0))
		fatalx("a part of an answer cannot be made");
	if (bytes > 0) {
		bulk_send(attach, bytes, goes_on == -1);
		child_set_keep(child);
	}
	if (goes_on == OUTLOG_ABSENT) {
		bulk_absent(attach);
	} else if (goes_on == -1) {
		/* What ends it early is behind what it has. */
		if (attach->bulk_told < attach->bulk_to)
			attach->bulk_result.next_seq = attach->bulk_told + 1;
		if (bytes == 0)
			child_let_go(child);
		bulk_end(attach);
	}
}

/* Whether that is to be had from a file first; it is under way then. */
static bool
answer_loads(struct attach *attach, struct parked_read *read,
    const struct outlog_span *span)
{
	if (!span->absent || span->count > 0 ||
	    spill_load(read->child, read->after + 1) == -1)
		return false;
	attach->loading = read->child;
	TAILQ_INSERT_HEAD(&attach->due, read, entry);
	attach->ndue++;
	return true;
}

/* "read" is consumed. */
static void
answer_due(struct attach *attach, struct parked_read *read)
{
	struct child *child = read->child;
	struct outlog_span span;

	/* What cannot be read is gone, and something else is the oldest. */
	do {
		outlog_select(child->log, read->after, read->max, &span);
		if (answer_loads(attach, read, &span))
			return;
	} while (span.absent && span.count == 0);
	if (span.count == 0) {
		answer_empty(attach, &read->call, child, read->after,
		    span.next_seq);
		child_let_go(child);
	} else if (span.absent || !fits(span.count, span.bytes)) {
		bulk_begin(attach, read, &span);
		return;
	} else if (span.count <= DIRECT_CHUNKS && span.bytes >= DIRECT_MIN) {
		answer_direct(attach, &read->call, child, read->after, &span);
	} else {
		answer_whole(attach, &read->call, child, read->after, &span);
	}
	read_free(read);
}

void
reads_pump(struct attach *attach)
{
	struct parked_read *read;

	while (attach_room(attach) > 0 && attach->loading == NULL) {
		if (attach->bulk != NULL) {
			bulk_part(attach);
			continue;
		}
		read = TAILQ_FIRST(&attach->due);
		if (read == NULL || attach_busy(attach) || attach->yields)
			break;
		TAILQ_REMOVE(&attach->due, read, entry);
		attach->ndue--;
		answer_due(attach, read);
	}
}

void
reads_loaded(struct attach *attach, struct child *child)
{
	if (attach->loading != child)
		return;
	attach->loading = NULL;
	attach_pump(attach);
}

/*
 * A client that asks and asks without taking answers is told that there is
 * nothing yet, not even an end, so that what is kept for it stays bounded.
 */
static void
due_bound(struct attach *attach)
{
	struct parked_read *read = TAILQ_FIRST(&attach->due);
	struct fields_RG_RESULT result;

	if (attach->ndue <= PARKED_READS_MAX)
		return;
	TAILQ_REMOVE(&attach->due, read, entry);
	attach->ndue--;
	fill_result(read->child, read->after + 1, &result);
	result.exited = result.has_exit_code = result.closed = false;
	attach_result(attach, &read->call, MSG_GR_READ, &result);
	read_free(read);
}

static void
read_due(struct attach *attach, struct parked_read *read)
{
	TAILQ_INSERT_TAIL(&attach->due, read, entry);
	attach->ndue++;
	reads_pump(attach);
	due_bound(attach);
}

static void
read_unpark(struct attach *attach, struct parked_read *read)
{
	TAILQ_REMOVE(&attach->reads, read, entry);
	TAILQ_REMOVE(&read->child->reads, read, child_entry);
	attach->nreads--;
	event_free(read->timer);
	read->timer = NULL;
}

static void
read_expire(struct attach *attach, struct parked_read *read)
{
	read_unpark(attach, read);
	answer_due(attach, read);
}

static void
read_timer_cb(evutil_socket_t fd, short what, void *arg)
{
	struct parked_read *read = arg;

	(void)fd;
	(void)what;
	read_expire(read->child->runner->attach, read);
}

static struct parked_read *
read_new(struct child *child, const struct call *call,
    const struct fields_GR_READ *msg)
{
	struct parked_read *read;

	read = calloc(1, sizeof(*read) + call->id_str.len);
	if (read == NULL)
		return NULL;
	read->child = child;
	read->after = msg->after_seq;
	read->max = msg->has_max_bytes ? msg->max_bytes : OUTLOG_ALL;
	read->call = *call;
	if (call->id_str.len > 0) {
		memcpy(read->id, call->id_str.p, call->id_str.len);
		read->call.id_str.p = read->id;
	}
	child_ref(child);
	return read;
}

static int
read_park(struct attach *attach, struct parked_read *read, uint64_t wait_ms)
{
	struct timeval tv;

	if (wait_ms > WAIT_MAX_MS)
		wait_ms = WAIT_MAX_MS;
	tv.tv_sec = (time_t)(wait_ms / 1000);
	tv.tv_usec = (suseconds_t)(wait_ms % 1000 * 1000);
	read->timer = evtimer_new(attach->runner->base, read_timer_cb, read);
	if (read->timer == NULL || event_add(read->timer, &tv) == -1)
		return -1;
	TAILQ_INSERT_TAIL(&attach->reads, read, entry);
	TAILQ_INSERT_TAIL(&read->child->reads, read, child_entry);
	if (++attach->nreads > PARKED_READS_MAX)
		read_expire(attach, TAILQ_FIRST(&attach->reads));
	return 0;
}

void
reads_ask(struct attach *attach, const struct call *call,
    struct child *child, const struct fields_GR_READ *msg)
{
	struct parked_read *read = read_new(child, call, msg);

	child_reads_on(child, msg->after_seq);
	if (read == NULL) {
		attach_error(attach, call, MSG_GR_READ, -32603,
		    "out of memory");
		return;
	}
	if (has_news(child, read->after)) {
		read_due(attach, read);
	} else if (msg->wait_ms == 0) {
		answer_due(attach, read);
	} else if (read_park(attach, read, msg->wait_ms) == -1) {
		attach_error(attach, call, MSG_GR_READ, -32603,
		    "out of memory");
		read_free(read);
	}
}

void
reads_wake(struct child *child)
{
	struct attach *attach = child->runner->attach;
	struct parked_read *next, *read;

	for (read = TAILQ_FIRST(&child->reads); read != NULL; read = next) {
		next = TAILQ_NEXT(read, child_entry);
		if (!has_news(child, read->after))
			continue;
		read_unpark(attach, read);
		read_due(attach, read);
	}
}

void
reads_refuse(struct child *child)
{
	struct attach *attach = child->runner->attach;
	struct parked_read *read;

	while ((read = TAILQ_FIRST(&child->reads)) != NULL) {
		read_unpark(attach, read);
		attach_error(attach, &read->call, MSG_GR_READ, -32600,
		    "the process could not be started");
		read_free(read);
	}
}

void
reads_drop(struct attach *attach)
{
	struct parked_read *read;

	while ((read = TAILQ_FIRST(&attach->reads)) != NULL) {
		read_unpark(attach, read);
		read_free(read);
	}
	while ((read = TAILQ_FIRST(&attach->due)) != NULL) {
		TAILQ_REMOVE(&attach->due, read, entry);
		read_free(read);
	}
	attach->ndue = 0;
	if (attach->bulk != NULL)
		read_free(attach->bulk);
	attach->bulk = NULL;
	writer_clear(&part);
}
