/* SPDX-License-Identifier: ISC */
/* Messages from and to the runner. */
#include "config.h"

#include <sys/uio.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/runner/http/http.h"
#include "common/log.h"
#include "common/xmalloc.h"

#define WIRE_PIECE 65536

static int wire_fd = -1;
static enum proto_phase wire_phase = PHASE_START;
/* Transfers stop at HTTP_QUEUE_HIGH; one buffered body may go beyond. */
static struct writer out = { .max = 2 * HTTP_BODY_MAX };
static size_t out_done;
/* The largest message but for a byte, and one more piece. */
static struct writer in = { .max = PROTO_REQUEST_MAX + PROTO_HEAD_LEN +
	WIRE_PIECE };

void
wire_init(int fd)
{
	wire_fd = fd;
}

void
wire_send(uint16_t type, uint32_t call, const struct writer *payload)
{
	struct proto_head head = {
		.len = (uint32_t)payload->len,
		.type = type,
		.call = call,
	};
	uint8_t *room;

	if (payload->failed)
		fatalx("%s does not fit", proto_name(type));
	room = writer_extend(&out, PROTO_HEAD_LEN);
	if (room != NULL)
		proto_head_put(room, &head);
	writer_put(&out, payload->p, payload->len);
	if (out.failed)
		fatalx("too much to send");
}

size_t
wire_queued(void)
{
	return out.len - out_done;
}

void
wire_flush(void)
{
	ssize_t n;

	while (out_done < out.len) {
		n = write(wire_fd, out.p + out_done, out.len - out_done);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			break;
		if (n == -1)
			exit(0);	/* the runner is gone */
		out_done += (size_t)n;
	}
	if (out_done == out.len) {
		writer_clear(&out);
		out_done = 0;
	}
}

static void
greet(void)
{
	struct fields_HELLO hello = {
		.version = PROTO_VERSION,
		.oldest = PROTO_OLDEST,
	};
	struct writer w;

	writer_init(&w, 256);
	proto_encode(&w, MSG_RG_HELLO, &hello);
	wire_send(MSG_RG_HELLO, 0, &w);
	writer_clear(&w);
	wire_phase = PHASE_UP;
}

static void
wire_message(const struct proto_head *head, const uint8_t *payload)
{
	union proto_any msg;
	enum proto_error error;

	error = proto_decode(proto_row(head->type), payload, head->len, &msg);
	if (error != PROTO_OK)
		fatalx("%s: %s", proto_name(head->type),
		    proto_strerror(error));
	if (head->type == MSG_GR_HELLO)
		greet();
	else if (head->type == MSG_GR_HTTP)
		transfers_begin(head->call, &msg.GR_HTTP);
	else
		fatalx("%s is nothing for holdfast-http",
		    proto_name(head->type));
}

/* Handle the whole messages in "in" and keep the rest. */
static void
wire_consume(void)
{
	enum proto_error error;
	struct proto_head head;
	size_t done = 0;

	while (in.len - done >= PROTO_HEAD_LEN) {
		proto_head_get(in.p + done, &head);
		error = proto_check(head.type, ROLE_GATEWAY, ROLE_RUNNER,
		    wire_phase, head.len, 0);
		if (error != PROTO_OK)
			fatalx("%s: %s", proto_name(head.type),
			    proto_strerror(error));
		if (in.len - done - PROTO_HEAD_LEN < head.len)
			break;
		wire_message(&head, in.p + done + PROTO_HEAD_LEN);
		done += PROTO_HEAD_LEN + head.len;
	}
	in.len -= done;
	if (in.len == 0)
		writer_clear(&in);
	else
		memmove(in.p, in.p + done, in.len);
}

bool
wire_read(void)
{
	static uint8_t piece[WIRE_PIECE];
	ssize_t n;

	n = read(wire_fd, piece, sizeof(piece));
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0)
		return false;
	writer_put(&in, piece, (size_t)n);
	if (in.failed)
		fatalx("out of memory");
	wire_consume();
	return true;
}
