/* SPDX-License-Identifier: ISC */
/* The client's side of one WebSocket without its socket. */
#include "config.h"

#include <sys/types.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <wslay/wslay.h>

#include "common/log.h"
#include "common/xmalloc.h"
#include "contrib/client/upgrade.h"
#include "contrib/client/url.h"
#include "contrib/client/wsconn.h"

struct wsconn {
	wslay_event_context_ptr ws;
	struct evbuffer *out;
	struct evbuffer *head; /* the answer to the upgrade so far */
	const struct wsconn_ops *ops;
	void *arg;
	const uint8_t *feed; /* what wslay has not taken yet */
	size_t feed_len;
	int open;
	int abandoned;
	int in_close;
	uint8_t close[125]; /* payload of a close frame so far */
	size_t close_len;
	int close_code;
	int status;
	char key[UPGRADE_KEY_SIZE];
	char text[UPGRADE_TEXT_SIZE];
};

static ssize_t
wsconn_recv_cb(wslay_event_context_ptr ws, uint8_t *buf, size_t len,
    int flags, void *arg)
{
	struct wsconn *conn = arg;

	(void)flags;
	if (conn->feed_len == 0 || conn->abandoned) {
		wslay_event_set_error(ws, WSLAY_ERR_WOULDBLOCK);
		return -1;
	}
	if (len > conn->feed_len)
		len = conn->feed_len;
	memcpy(buf, conn->feed, len);
	conn->feed += len;
	conn->feed_len -= len;
	return (ssize_t)len;
}

static ssize_t
wsconn_send_cb(wslay_event_context_ptr ws, const uint8_t *data, size_t len,
    int flags, void *arg)
{
	struct wsconn *conn = arg;

	(void)flags;
	if (evbuffer_add(conn->out, data, len) == -1) {
		wslay_event_set_error(ws, WSLAY_ERR_CALLBACK_FAILURE);
		return -1;
	}
	return (ssize_t)len;
}

static int
wsconn_genmask_cb(wslay_event_context_ptr ws, uint8_t *buf, size_t len,
    void *arg)
{
	(void)ws;
	(void)arg;
	arc4random_buf(buf, len);
	return 0;
}

/*
 * Close frames are read here because wslay takes their newer codes (1012,
 * 1013, 1014) for errors.
 */
static void
wsconn_frame_start_cb(wslay_event_context_ptr ws,
    const struct wslay_event_on_frame_recv_start_arg *frame, void *arg)
{
	struct wsconn *conn = arg;

	(void)ws;
	conn->in_close = frame->opcode == WSLAY_CONNECTION_CLOSE;
}

static void
wsconn_frame_chunk_cb(wslay_event_context_ptr ws,
    const struct wslay_event_on_frame_recv_chunk_arg *chunk, void *arg)
{
	struct wsconn *conn = arg;
	size_t room = sizeof(conn->close) - conn->close_len;
	size_t len = chunk->data_length < room ? chunk->data_length : room;

	(void)ws;
	if (!conn->in_close)
		return;
	memcpy(conn->close + conn->close_len, chunk->data, len);
	conn->close_len += len;
}

static void
wsconn_frame_end_cb(wslay_event_context_ptr ws, void *arg)
{
	struct wsconn *conn = arg;
	char clean[LOG_CLEAN_SIZE];
	int code = 1005;

	(void)ws;
	if (!conn->in_close || conn->close_len == 1)
		return;
	clean[0] = '\0';
	if (conn->close_len >= 2) {
		code = conn->close[0] << 8 | conn->close[1];
		log_clean(clean, conn->close + 2, conn->close_len - 2);
	}
	conn->close_code = code;
	snprintf(conn->text, sizeof(conn->text),
	    "the server closed the connection (%d%s%.80s)", code,
	    clean[0] == '\0' ? "" : ", ", clean);
}

static void
wsconn_message_cb(wslay_event_context_ptr ws,
    const struct wslay_event_on_msg_recv_arg *msg, void *arg)
{
	struct wsconn *conn = arg;

	(void)ws;
	if (!conn->abandoned && !wslay_is_ctrl_frame(msg->opcode))
		conn->ops->message(conn->arg, (const char *)msg->msg,
		    msg->msg_length);
}

static const struct wslay_event_callbacks wsconn_callbacks = {
	.recv_callback = wsconn_recv_cb,
	.send_callback = wsconn_send_cb,
	.genmask_callback = wsconn_genmask_cb,
	.on_frame_recv_start_callback = wsconn_frame_start_cb,
	.on_frame_recv_chunk_callback = wsconn_frame_chunk_cb,
	.on_frame_recv_end_callback = wsconn_frame_end_cb,
	.on_msg_recv_callback = wsconn_message_cb,
};

struct wsconn *
wsconn_new(const struct url *url, const char *token, const uint8_t *nonce,
    const struct wsconn_ops *ops, void *arg)
{
	struct wsconn *conn = xcalloc(1, sizeof(*conn));
	char *request;

	conn->ops = ops;
	conn->arg = arg;
	conn->out = evbuffer_new();
	conn->head = evbuffer_new();
	request = upgrade_request(url, token, nonce, conn->key);
	if (conn->out == NULL || conn->head == NULL ||
	    evbuffer_add(conn->out, request, strlen(request)) == -1 ||
	    wslay_event_context_client_init(&conn->ws, &wsconn_callbacks,
	    conn) != 0)
		fatalx("out of memory");
	freezero(request, strlen(request));
	wslay_event_config_set_max_recv_msg_length(conn->ws,
	    WSCONN_MESSAGE_MAX);
	return conn;
}

void
wsconn_free(struct wsconn *conn)
{
	if (conn == NULL)
		return;
	wslay_event_context_free(conn->ws);
	evbuffer_free(conn->out);
	evbuffer_free(conn->head);
	free(conn);
}

static int
wsconn_flush(struct wsconn *conn)
{
	return wslay_event_send(conn->ws) == 0 ? 0 : -1;
}

static int
wsconn_feed_frames(struct wsconn *conn, const uint8_t *data, size_t len)
{
	int rc;

	conn->feed = data;
	conn->feed_len = len;
	rc = wslay_event_recv(conn->ws);
	conn->feed = NULL;
	conn->feed_len = 0;
	/* Pongs and the answer to a close frame are queued meanwhile. */
	if (rc != 0 || wsconn_flush(conn) == -1)
		strlcpy(conn->text, "memory ran out", sizeof(conn->text));
	else if (wslay_event_get_read_enabled(conn->ws))
		return 0;
	else if (conn->text[0] == '\0')
		strlcpy(conn->text, "the server broke the WebSocket protocol",
		    sizeof(conn->text));
	conn->open = 0;
	return -1;
}

static int
wsconn_feed_head(struct wsconn *conn, int eof)
{
	struct upgrade_answer answer;
	const char *data;
	uint8_t rest[UPGRADE_HEAD_MAX];
	size_t len = evbuffer_get_length(conn->head);
	ssize_t n;

	data = (const char *)evbuffer_pullup(conn->head, -1);
	n = upgrade_parse(data == NULL ? "" : data, len, eof, conn->key,
	    &answer);
	if (n == 0)
		return 0;
	conn->status = answer.status;
	if (n == -1 || answer.status != 101) {
		memcpy(conn->text, answer.text, sizeof(conn->text));
		return -1;
	}
	conn->open = 1;
	evbuffer_drain(conn->head, (size_t)n);
	conn->ops->opened(conn->arg);
	while (!conn->abandoned &&
	    (n = evbuffer_remove(conn->head, rest, sizeof(rest))) > 0)
		if (wsconn_feed_frames(conn, rest, (size_t)n) == -1)
			return -1;
	return 0;
}

int
wsconn_feed(struct wsconn *conn, const void *data, size_t len)
{
	if (conn->abandoned)
		return -1;
	if (conn->open)
		return wsconn_feed_frames(conn, data, len);
	if (evbuffer_add(conn->head, data, len) == -1)
		return -1;
	return wsconn_feed_head(conn, 0);
}

void
wsconn_eof(struct wsconn *conn)
{
	if (!conn->open && conn->text[0] == '\0' && !conn->abandoned)
		(void)wsconn_feed_head(conn, 1);
	if (conn->text[0] == '\0')
		strlcpy(conn->text, "the server ended the connection",
		    sizeof(conn->text));
	conn->open = 0;
}

void
wsconn_abandon(struct wsconn *conn)
{
	conn->abandoned = 1;
}

int
wsconn_status(const struct wsconn *conn)
{
	return conn->status;
}

int
wsconn_is_open(const struct wsconn *conn)
{
	return conn->open;
}

const char *
wsconn_text(const struct wsconn *conn)
{
	return conn->text;
}

static int
wsconn_queue(struct wsconn *conn, uint8_t opcode, const void *data,
    size_t len)
{
	struct wslay_event_msg msg = {
		.opcode = opcode, .msg = data, .msg_length = len
	};

	if (!conn->open || wslay_event_queue_msg(conn->ws, &msg) != 0)
		return -1;
	return wsconn_flush(conn);
}

int
wsconn_send(struct wsconn *conn, const char *text, size_t len)
{
	return wsconn_queue(conn, WSLAY_TEXT_FRAME, text, len);
}

int
wsconn_ping(struct wsconn *conn)
{
	return wsconn_queue(conn, WSLAY_PING, NULL, 0);
}

int
wsconn_close(struct wsconn *conn, int code)
{
	if (!conn->open ||
	    wslay_event_queue_close(conn->ws, (uint16_t)code, NULL, 0) != 0)
		return -1;
	return wsconn_flush(conn);
}

struct evbuffer *
wsconn_output(struct wsconn *conn)
{
	return conn->out;
}

int
wsconn_close_code(const struct wsconn *conn)
{
	return conn->close_code;
}
