/* SPDX-License-Identifier: ISC */
/*
 * Standard input.  A write is accepted once it is queued for its process; a
 * process that does not read makes the writes behind wait, in order.  Too
 * much waiting stops the attachment from taking requests, but not while that
 * would also stop the acknowledgements which let the job's output flow: the
 * job may be waiting for its own output to go before it reads on.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>

#include "broker/runner/runner.h"
#include "common/unix.h"

static void
answer(struct attach *attach, const struct call *call, uint16_t method,
    enum proto_write status)
{
	struct fields_RG_RESULT result = {
		.has_write_status = true,
		.write_status = (uint8_t)status,
	};

	attach_result(attach, call, method, &result);
}

static size_t
queued(const struct child *child)
{
	return child->in_queue == NULL ? 0 :
	    evbuffer_get_length(child->in_queue);
}

/* Nobody reads what is written from now on; that is no error. */
static void
input_discard(struct child *child)
{
	if (child->in_queue != NULL)
		evbuffer_drain(child->in_queue, queued(child));
	if (child->in_event != NULL)
		event_del(child->in_event);
	if (!child->tty)
		unix_close(&child->in);
}

static void
input_flush(struct child *child)
{
	int n;

	while (queued(child) > 0) {
		n = evbuffer_write(child->in_queue, child->in);
		if (n > 0) {
			runner_count(child->runner, METRIC_JOB_IN,
			    (uint64_t)n);
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN)
			event_add(child->in_event, NULL);
		else
			input_discard(child);
		return;
	}
	if (child->input_ends)
		input_discard(child);
}

/* What the pipe takes at once is never copied. */
static int
input_put(struct child *child, const uint8_t *bytes, size_t len)
{
	ssize_t n = 0;

	if (child->exited || child->in == -1 || len == 0)
		return 0;
	if (queued(child) == 0) {
		n = write(child->in, bytes, len);
		if (n == -1 && errno != EAGAIN && errno != EINTR) {
			input_discard(child);
			return 0;
		}
		n = n == -1 ? 0 : n;
		runner_count(child->runner, METRIC_JOB_IN, (uint64_t)n);
		if ((size_t)n == len)
			return 0;
	}
	if (child->in_queue == NULL)
		child->in_queue = evbuffer_new();
	if (child->in_queue == NULL || evbuffer_add(child->in_queue,
	    bytes + n, len - (size_t)n) == -1)
		return -1;
	return event_add(child->in_event, NULL);
}

static void
input_accept(struct attach *attach, const struct call *call,
    struct child *child, struct span write_id, struct span data)
{
	int fresh;

	if (child->input_ends) {
		answer(attach, call, MSG_GR_WRITE, writeid_has(
		    &child->write_ids, write_id.p, write_id.len) ?
		    WRITE_ACCEPTED : WRITE_CLOSED);
		return;
	}
	fresh = writeid_add(&child->write_ids, write_id.p, write_id.len);
	if (fresh == -1 ||
	    (fresh == 1 && input_put(child, data.p, data.len) == -1))
		attach_error(attach, call, MSG_GR_WRITE, -32603,
		    "out of memory");
	else
		answer(attach, call, MSG_GR_WRITE, WRITE_ACCEPTED);
}

static void
input_finish(struct attach *attach, const struct call *call,
    struct child *child)
{
	child->input_ends = true;
	if (queued(child) == 0)
		input_discard(child);
	answer(attach, call, MSG_GR_CLOSE_STDIN, WRITE_ACCEPTED);
}

static struct span
copy_span(struct span from, uint8_t **at)
{
	struct span copy = { *at, from.len };

	if (from.len > 0)
		memcpy(*at, from.p, from.len);
	*at += from.len;
	return copy;
}

static int
input_park(struct attach *attach, const struct call *call,
    struct child *child, struct span write_id, struct span data, bool closes)
{
	struct parked_write *write;
	size_t size = sizeof(*write) + call->id_str.len + write_id.len +
	    data.len;
	uint8_t *at;

	if (attach->parked_bytes + size > PARKED_WRITES_HARD)
		return -1;
	write = malloc(size);
	if (write == NULL)
		return -1;
	at = write->bytes;
	write->size = size;
	write->call = *call;
	write->call.id_str = copy_span(call->id_str, &at);
	write->write_id = copy_span(write_id, &at);
	write->data = copy_span(data, &at);
	write->closes = closes;
	TAILQ_INSERT_TAIL(&child->writes, write, entry);
	attach->parked_bytes += size;
	attach_throttle(attach);
	return 0;
}

void
input_write(struct attach *attach, const struct call *call,
    struct child *child, const struct fields_GR_WRITE *msg)
{
	if (!child->takes_input)
		answer(attach, call, MSG_GR_WRITE, WRITE_CLOSED);
	else if (child->starting == NULL && TAILQ_EMPTY(&child->writes) &&
	    queued(child) < STDIN_QUEUE_MAX)
		input_accept(attach, call, child, msg->write_id, msg->data);
	else if (input_park(attach, call, child, msg->write_id, msg->data,
	    false) == -1)
		attach_error(attach, call, MSG_GR_WRITE, -32603,
		    "too much input is waiting to be read by processes");
}

/*
 * Behind writes that wait it waits with them: were it done at once, those
 * that a lost attachment takes along could not be sent again.
 */
void
input_end(struct attach *attach, const struct call *call,
    struct child *child)
{
	static const struct span none;

	if (!child->takes_input)
		answer(attach, call, MSG_GR_CLOSE_STDIN, WRITE_CLOSED);
	else if (child->starting == NULL && TAILQ_EMPTY(&child->writes))
		input_finish(attach, call, child);
	else if (input_park(attach, call, child, none, none, true) == -1)
		attach_error(attach, call, MSG_GR_CLOSE_STDIN, -32603,
		    "too much input is waiting to be read by processes");
}

static void
input_unpark(struct attach *attach, struct child *child,
    struct parked_write *write)
{
	TAILQ_REMOVE(&child->writes, write, entry);
	attach->parked_bytes -= write->size;
	if (write->closes)
		input_finish(attach, &write->call, child);
	else
		input_accept(attach, &write->call, child, write->write_id,
		    write->data);
	free(write);
}

/* Those who wait are of this attachment: others were dropped with theirs. */
static void
input_admit(struct child *child)
{
	struct attach *attach = child->runner->attach;
	struct parked_write *write;

	while (queued(child) < STDIN_QUEUE_MAX &&
	    (write = TAILQ_FIRST(&child->writes)) != NULL)
		input_unpark(attach, child, write);
	if (attach != NULL)
		attach_throttle(attach);
}

void
input_cb(int fd, short what, void *arg)
{
	struct child *child = arg;

	(void)fd;
	(void)what;
	input_flush(child);
	input_admit(child);
}

void
input_started(struct child *child)
{
	input_admit(child);
}

void
input_refuse(struct child *child)
{
	struct attach *attach = child->runner->attach;
	struct parked_write *write;

	while ((write = TAILQ_FIRST(&child->writes)) != NULL) {
		TAILQ_REMOVE(&child->writes, write, entry);
		attach->parked_bytes -= write->size;
		answer(attach, &write->call, write->closes ?
		    MSG_GR_CLOSE_STDIN : MSG_GR_WRITE, WRITE_UNKNOWN);
		free(write);
	}
	if (attach != NULL)
		attach_throttle(attach);
}

void
input_close(struct child *child)
{
	input_discard(child);
	input_admit(child);
}

void
input_drop_parked(struct runner *runner)
{
	struct parked_write *write;
	struct child *child;

	TAILQ_FOREACH(child, &runner->children, entry)
		while ((write = TAILQ_FIRST(&child->writes)) != NULL) {
			TAILQ_REMOVE(&child->writes, write, entry);
			free(write);
		}
}
