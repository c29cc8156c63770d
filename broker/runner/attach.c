/* SPDX-License-Identifier: ISC */
/*
 * The data socket of an attachment: requests in, answers and events out, and
 * the window that says how much output may be on its way.
 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "broker/runner/lend.h"
#include "broker/runner/runner.h"
#include "common/chan.h"
#include "common/link.h"
#include "common/log.h"
#include "common/signame.h"

#define UNACKED_ROOM 32
/* What the socket did not take and waits here, in bytes, is little. */
#define QUEUE_HIGH 16384
#define QUEUE_LOW 4096
/* The fields of an event beside its output: id, number, stream, heads. */
#define EVENT_HEAD (PROTO_NAME_MAX + 64)

static const struct link_ops link_ops;

uint64_t
attach_room(const struct attach *attach)
{
	uint64_t flying = attach->sent - attach->acked;

	if (attach->choked || flying >= attach->runner->window ||
	    attach->unacked_count >= PROTO_WINDOW_COUNT)
		return 0;
	return attach->runner->window - flying;
}

void
attach_throttle(struct attach *attach)
{
	bool much = attach->parked_bytes > PARKED_WRITES_SOFT;
	bool open = attach_room(attach) > 0;
	bool pause = (much && open) || attach->waits;

	if (pause && !attach->paused)
		link_pause(attach->link);
	else if (!pause && attach->paused)
		link_resume(attach->link);
	attach->paused = pause;
}

bool
attach_busy(const struct attach *attach)
{
	return attach->bulk != NULL || attach->long_worker != NULL;
}

void
attach_over(struct attach *attach)
{
	attach->yields = true;
	event_active(attach->runner->pump, EV_TIMEOUT, 0);
}

static struct unacked *
unacked_at(const struct attach *attach, size_t i)
{
	return &attach->unacked[(attach->unacked_first + i) %
	    attach->unacked_room];
}

/* Without the record nothing would ever be known as delivered. */
static void
unacked_grow(struct attach *attach)
{
	size_t room = attach->unacked_room * 2, i;
	struct unacked *larger;

	if (room == 0)
		room = UNACKED_ROOM;
	larger = reallocarray(NULL, room, sizeof(*larger));
	if (larger == NULL)
		fatal("record of what is sent");
	for (i = 0; i < attach->unacked_count; i++)
		larger[i] = *unacked_at(attach, i);
	free(attach->unacked);
	attach->unacked = larger;
	attach->unacked_room = room;
	attach->unacked_first = 0;
}

void
attach_sent(struct attach *attach, struct child *child, uint64_t seq,
    enum unacked_what what, uint64_t bytes)
{
	if (attach->unacked_count == attach->unacked_room)
		unacked_grow(attach);
	attach->sent += bytes + PROTO_EVENT_COST;
	*unacked_at(attach, attach->unacked_count++) = (struct unacked){
		.total = attach->sent,
		.seq = seq,
		.child = child,
		.what = (uint8_t)what,
	};
	if (child != NULL)
		child_ref(child);
	/* Acknowledgements come behind the requests that are not read. */
	if (attach->paused)
		attach_throttle(attach);
}

static void
unacked_settle(const struct unacked *unacked)
{
	struct child *child = unacked->child;

	if (child == NULL)
		return;
	child_unref(child);
	switch ((enum unacked_what)unacked->what) {
	case UNACKED_CLOSED:
		child->acked = unacked->seq;
		child_delivered(child);
		break;
	case UNACKED_EVENT:
		child->acked = unacked->seq;
		child_set_keep(child);
		break;
	case UNACKED_READ:
		child->held = false;
		/* FALLTHROUGH */
	case UNACKED_PART:
		child_told(child, unacked->seq);
		child_set_keep(child);
		break;
	case UNACKED_NOTHING:
		break;
	}
}

static void
unacked_pop(struct attach *attach)
{
	struct unacked first = *unacked_at(attach, 0);

	attach->unacked_first = (attach->unacked_first + 1) %
	    attach->unacked_room;
	attach->unacked_count--;
	unacked_settle(&first);
}

static void
late_add(struct attach *attach, const struct late *like,
    const struct iovec *iov, int count)
{
	struct late *late;
	size_t len = 0;
	int i;

	for (i = 0; i < count; i++)
		len += iov[i].iov_len;
	/* Without it the client would wait for it for ever. */
	if ((late = malloc(sizeof(*late) + len)) == NULL)
		fatal("an event");
	*late = *like;
	for (i = 0; i < count; i++) {
		memcpy(late->payload + late->len, iov[i].iov_base,
		    iov[i].iov_len);
		late->len += iov[i].iov_len;
	}
	child_ref(late->child);
	STAILQ_INSERT_TAIL(&attach->late, late, entry);
}

static void
late_free(struct attach *attach, struct late *late)
{
	STAILQ_REMOVE_HEAD(&attach->late, entry);
	child_unref(late->child);
	free(late);
}

static void
late_pump(struct attach *attach)
{
	struct late *late;
	struct iovec iov;

	while (!attach_busy(attach) && attach_room(attach) > 0 &&
	    (late = STAILQ_FIRST(&attach->late)) != NULL) {
		iov = (struct iovec){ late->payload, late->len };
		attach_sent(attach, late->child, late->seq, late->what,
		    late->bytes);
		attach_send_now(attach, late->type, 0, &iov, 1);
		late_free(attach, late);
	}
}

void
attach_pump(struct attach *attach)
{
	late_pump(attach);
	if (attach->yields && attach_room(attach) > 0) {
		stream_pump(attach->runner);
		attach->yields = false;
	}
	reads_pump(attach);
	workers_pump(attach);
	stream_pump(attach->runner);
	attach_throttle(attach);
}

static int
attach_on_ack(struct attach *attach, uint64_t total)
{
	if (total < attach->acked || total > attach->sent)
		return -1;
	attach->acked = total;
	meter_touch(&attach->runner->meter);
	while (attach->unacked_count > 0 &&
	    unacked_at(attach, 0)->total <= total)
		unacked_pop(attach);
	if (attach->unacked_count == 0 &&
	    attach->unacked_room > UNACKED_ROOM) {
		free(attach->unacked);
		attach->unacked = NULL;
		attach->unacked_room = attach->unacked_first = 0;
	}
	attach_pump(attach);
	return 0;
}

void
attach_send_now(struct attach *attach, uint16_t type, uint32_t call,
    const struct iovec *iov, int count)
{
	link_sendv_now(attach->link, type, call, iov, count);
	if (link_queued(attach->link) > QUEUE_HIGH)
		attach->choked = true;
	if (attach->paused)
		attach_throttle(attach);
}

static void
attach_event(struct child *child, uint16_t type, uint64_t seq,
    enum unacked_what what, struct writer *w, const struct iovec *data)
{
	struct attach *attach = child->runner->attach;
	struct iovec iov[2] = { { w->p, w->len } };

	struct late late = { .child = child, .seq = seq, .type = type,
		.what = (uint8_t)what,
		.bytes = data != NULL ? data->iov_len : 0 };

	if (data != NULL)
		iov[1] = *data;
	if (attach_busy(attach) || attach_room(attach) == 0 ||
	    !STAILQ_EMPTY(&attach->late)) {
		late_add(attach, &late, iov, data != NULL ? 2 : 1);
		return;
	}
	attach_sent(attach, child, seq, what,
	    data != NULL ? data->iov_len : 0);
	attach_send_now(attach, type, 0, iov, data != NULL ? 2 : 1);
}

/* A writer over memory that outlives the event. */
static void
event_writer(struct writer *w, const struct child *child, uint64_t seq)
{
	static uint8_t bytes[EVENT_HEAD];

	*w = (struct writer){ .p = bytes, .cap = sizeof(bytes),
		.max = sizeof(bytes) };
	proto_put_bytes(w, TAG_PROCESS_ID, (struct span){ child->id,
	    child->id_len });
	proto_put_u64(w, TAG_SEQ, seq);
}

void
attach_output(struct child *child, const struct outlog_chunk *chunk)
{
	struct iovec data = { (void *)(uintptr_t)chunk->bytes, chunk->len };
	struct writer w;

	if (child->runner->attach == NULL)
		return;
	event_writer(&w, child, chunk->seq);
	proto_put_u8(&w, TAG_STREAM, chunk->stream);
	/* The head of the field; its bytes go out from where they are. */
	writer_put_u16(&w, TAG_DATA);
	writer_put_u32(&w, (uint32_t)chunk->len);
	attach_event(child, MSG_RG_OUTPUT, chunk->seq, UNACKED_EVENT, &w,
	    &data);
}

void
attach_exited(struct child *child)
{
	char name[SIGNAME_SIZE];
	struct writer w;

	if (child->runner->attach == NULL)
		return;
	event_writer(&w, child, child->exit_seq);
	proto_put_u64(&w, TAG_EXIT_CODE, (uint64_t)child->exit_code);
	proto_put_u8(&w, TAG_SANDBOX_DENIED, child->denied);
	if (child->signal != 0)
		proto_put_bytes(&w, TAG_SIGNAL,
		    span_str(signame_text(child->signal, name)));
	attach_event(child, MSG_RG_EXITED, child->exit_seq, UNACKED_EVENT,
	    &w, NULL);
}

void
attach_closed(struct child *child, uint64_t seq)
{
	struct writer w;

	if (child->runner->attach == NULL)
		return;
	event_writer(&w, child, seq);
	attach_event(child, MSG_RG_CLOSED, seq, UNACKED_CLOSED, &w, NULL);
}

void
attach_address(const struct call *call, uint16_t method,
    struct fields_RG_RESULT *result)
{
	result->method = method;
	result->has_id_int = call->has_int;
	result->id_int = call->id_int;
	result->has_id_str = call->has_str;
	result->id_str = call->id_str;
}

void
attach_result(struct attach *attach, const struct call *call,
    uint16_t method, struct fields_RG_RESULT *result)
{
	attach_address(call, method, result);
	link_send(attach->link, MSG_RG_RESULT, call->number, result);
}

void
attach_error(struct attach *attach, const struct call *call,
    uint16_t method, int64_t code, const char *fmt, ...)
{
	struct fields_RG_ERROR error = {
		.has_id_int = call->has_int,
		.id_int = call->id_int,
		.has_id_str = call->has_str,
		.id_str = call->id_str,
		.method = method,
		.error_code = code,
	};
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	error.error_text = span_str(text);
	link_send(attach->link, MSG_RG_ERROR, call->number, &error);
}

static void
attach_abandon(struct attach *attach, const char *why)
{
	struct runner *runner = attach->runner;
	uint64_t generation = attach->generation;

	if (why != NULL)
		log_warnx("attachment %llu: %s",
		    (unsigned long long)generation, why);
	runner_detach(runner);
	runner_tell_detached(runner, generation);
}

static void
attach_on_hello(struct attach *attach, const struct fields_HELLO *hello)
{
	if (proto_agree(hello->version, hello->oldest) == 0) {
		attach_abandon(attach, "the gateway speaks another version");
		return;
	}
	link_set_version(attach->link, hello->version);
	link_set_phase(attach->link, PHASE_UP);
}

static void
attach_message_cb(void *arg, const struct proto_head *head,
    const uint8_t *payload)
{
	struct attach *attach = arg;
	enum proto_error error;
	union proto_any msg;

	error = proto_decode(proto_row(head->type), payload, head->len, &msg);
	if (error != PROTO_OK)
		attach_abandon(attach, proto_strerror(error));
	else if (head->type == MSG_GR_HELLO)
		attach_on_hello(attach, &msg.HELLO);
	else if (head->type != MSG_GR_ACK)
		serve_request(attach, head, &msg, payload);
	else if (attach_on_ack(attach, msg.GR_ACK.total) == -1)
		attach_abandon(attach, "wrong acknowledgement");
}

static void
attach_drained_cb(void *arg)
{
	struct attach *attach = arg;

	attach->choked = false;
	attach_pump(attach);
}

static void
attach_ended_cb(void *arg, const char *why)
{
	attach_abandon(arg, why);
}

static const struct link_ops link_ops = {
	.message = attach_message_cb,
	.drained = attach_drained_cb,
	.ended = attach_ended_cb,
};

struct attach *
attach_new(struct runner *runner, int fd, uint64_t generation)
{
	struct fields_HELLO hello = {
		.version = PROTO_VERSION,
		.oldest = PROTO_OLDEST,
	};
	struct attach *attach = calloc(1, sizeof(*attach));

	if (attach == NULL)
		fatal("attachment");
	attach->runner = runner;
	attach->generation = generation;
	TAILQ_INIT(&attach->reads);
	TAILQ_INIT(&attach->due);
	STAILQ_INIT(&attach->late);
	attach->link = link_new(runner->base, fd, ROLE_RUNNER, ROLE_GATEWAY,
	    &link_ops, attach);
	if (attach->link == NULL)
		fatal("attachment");
	link_set_marks(attach->link, QUEUE_HIGH, QUEUE_LOW);
	link_send(attach->link, MSG_RG_HELLO, 0, &hello);
	link_flush(attach->link);
	return attach;
}

void
attach_free(struct attach *attach)
{
	if (attach == NULL)
		return;
	if (attach->waits)
		lend_forget(attach->runner);
	reads_drop(attach);
	while (!STAILQ_EMPTY(&attach->late))
		late_free(attach, STAILQ_FIRST(&attach->late));
	input_drop_parked(attach->runner);
	while (attach->unacked_count > 0) {
		if (unacked_at(attach, 0)->child != NULL)
			child_unref(unacked_at(attach, 0)->child);
		attach->unacked_first = (attach->unacked_first + 1) %
		    attach->unacked_room;
		attach->unacked_count--;
	}
	free(attach->unacked);
	link_free(attach->link);
	free(attach);
}
