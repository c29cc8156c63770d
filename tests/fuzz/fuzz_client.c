/* SPDX-License-Identifier: ISC */
/*
 * What the client takes from a server: the answer to its upgrade, frames,
 * messages, events and answers.  The first byte's lowest bit leaves the
 * upgrade out (it is answered well), the rest says in which pieces the input
 * arrives.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <json-c/json.h>

#include "contrib/client/job.h"
#include "contrib/client/rpc.h"
#include "contrib/client/url.h"
#include "contrib/client/wsconn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char head[] = "HTTP/1.1 101 x\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

struct target {
	struct wsconn *conn;
	struct job *job;
	uint64_t output;
	int ended;
	int distrusted;
};

static int
on_call(void *arg, int what, uint64_t tag, const char *method,
    struct json_object *params)
{
	(void)arg;
	(void)what;
	(void)tag;
	(void)method;
	json_object_put(params);
	return 0;
}

static void
on_output(void *arg, enum seqmerge_stream stream, const void *data,
    size_t len)
{
	struct target *target = arg;

	(void)stream;
	(void)data;
	/* Nothing may follow the end. */
	if (target->ended)
		abort();
	target->output += len;
}

static void
on_ended(void *arg, int code)
{
	struct target *target = arg;

	if (target->ended++ || code < 0 || code > 255)
		abort();
}

static void
on_failed(void *arg, int status, const char *why)
{
	struct target *target = arg;

	(void)status;
	if (target->ended++ || why == NULL)
		abort();
}

static void
on_input(void *arg, int wanted)
{
	struct target *target = arg;

	if (wanted && job_input_room(target->job) > 0)
		job_input(target->job, "x", 1);
}

static void
on_text(void *arg, const char *text)
{
	(void)arg;
	if (strlen(text) > 1024)
		abort();
}

static void
on_distrust(void *arg, const char *why)
{
	struct target *target = arg;

	(void)why;
	target->distrusted = 1;
}

static void
on_wake(void *arg, int ms)
{
	(void)arg;
	if (ms <= 0)
		abort();
}

static const struct job_ops job_ops = {
	.call = on_call,
	.output = on_output,
	.ended = on_ended,
	.failed = on_failed,
	.input = on_input,
	.note = on_text,
	.wake = on_wake,
	.distrust = on_distrust,
};

static void
on_opened(void *arg)
{
	struct target *target = arg;

	job_attached(target->job);
}

/* Ids choose the call that is answered; 6 and 7 are breaks and time. */
static void
on_answer(struct target *target, const struct rpc_message *msg)
{
	switch (msg->id & 7) {
	case 6:
		job_away(target->job);
		job_attached(target->job);
		break;
	case 7:
		job_tick(target->job);
		break;
	default:
		job_reply(target->job, (int)(msg->id & 7),
		    (uint64_t)msg->id >> 3, msg);
	}
}

static void
on_message(void *arg, const char *text, size_t len)
{
	struct target *target = arg;
	struct rpc_message msg;

	rpc_parse(&msg, text, len);
	if (msg.kind == RPC_NOTIFICATION)
		job_notification(target->job, &msg);
	else if (msg.kind != RPC_BAD)
		on_answer(target, &msg);
	rpc_message_clear(&msg);
	if (target->distrusted)
		wsconn_abandon(target->conn);
}

static const struct wsconn_ops conn_ops = {
	.opened = on_opened,
	.message = on_message,
};

static void
feed(struct target *target, const uint8_t *data, size_t size, size_t piece)
{
	size_t n;

	while (size > 0) {
		n = size < piece ? size : piece;
		if (wsconn_feed(target->conn, data, n) == -1)
			return;
		data += n;
		size -= n;
	}
	wsconn_eof(target->conn);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t nonce[] = "the sample nonce";
	struct target target = { 0 };
	struct json_object *params;
	struct url url;

	if (size == 0 || url_parse(&url, "ws://127.0.0.1:1") != NULL)
		return 0;
	params = json_object_new_object();
	target.job = job_new("p", params, data[0] >> 7, &job_ops, &target);
	target.conn = wsconn_new(&url, NULL, nonce, &conn_ops, &target);
	if ((data[0] & 1) == 0 || wsconn_feed(target.conn, head,
	    sizeof(head) - 1) == 0)
		feed(&target, data + 1, size - 1,
		    (data[0] & 0x7f) < 2 ? size : (data[0] & 0x7f) >> 1);
	wsconn_free(target.conn);
	job_free(target.job);
	return 0;
}
