/* SPDX-License-Identifier: ISC */
/* A gateway on a bench. */
#include "config.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/unix.h"
#include "tests/unit/rig.h"

#define TURN_US 2000
#define CLIENT_ROOM (4 * 1024 * 1024)

uint64_t
rig_deadline(void)
{
	return clock_ms() + RIG_WAIT_MS;
}

bool
rig_before(uint64_t deadline)
{
	return clock_ms() < deadline;
}

void
rig_turn(struct rig *rig)
{
	struct timeval tv = { .tv_usec = TURN_US };

	event_base_loopexit(rig->base, &tv);
	event_base_loop(rig->base, EVLOOP_ONCE);
}

static void
on_hello(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct fields_HELLO hello = { .version = PROTO_VERSION,
		.oldest = PROTO_OLDEST };
	struct rig *rig = arg;

	(void)msg;
	(void)fds;
	rig->seen.hellos++;
	chan_set_phase(rig->broker, PHASE_UP);
	chan_send(rig->broker, MSG_BG_HELLO, &hello, NULL, 0);
}

static void
on_admit(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct rig *rig = arg;
	struct fields_HANDLE admitted = { .handle = msg->GB_ADMIT.handle };
	struct fields_BG_REFUSED refused = {
		.handle = msg->GB_ADMIT.handle,
		.status = rig->refuse,
		.text = span_str("refused by test"),
	};

	cr_assert_eq(fds->count, 1);
	rig->seen.admits++;
	rig->seen.handle = msg->GB_ADMIT.handle;
	rig->seen.forwarded = msg->GB_ADMIT.forwarded;
	rig->seen.source_len = msg->GB_ADMIT.client.len;
	memcpy(rig->seen.source, msg->GB_ADMIT.has_client ?
	    msg->GB_ADMIT.client.p : rig->seen.source,
	    rig->seen.source_len);
	span_to_str(msg->GB_ADMIT.token, rig->seen.token,
	    sizeof(rig->seen.token));
	if (rig->deaf)
		return;
	if (rig->refuse != 0)
		chan_send(rig->broker, MSG_BG_REFUSED, &refused, NULL, 0);
	else
		chan_send(rig->broker, MSG_BG_ADMITTED, &admitted, NULL, 0);
}

static void
answer_attach(struct rig *rig, uint64_t handle)
{
	char session[] = RIG_SESSION "0";
	struct fields_BG_ATTACHED attached = {
		.handle = handle,
		.session = span_str(session),
		.generation = ++rig->generation,
		.shell_name = span_str("sh"),
		.shell_path = span_str("/bin/sh"),
		.cwd = span_str("/some where"),
		.home = span_str("/home/x"),
		.temp_dir = span_str("/tmp"),
	};
	int pair[2];

	session[sizeof(session) - 2] += (char)(rig->generation % 10);
	cr_assert_eq(unix_pair(SOCK_STREAM, pair), 0);
	unix_close(&rig->data);
	rig->data = pair[0];
	chan_send(rig->broker, MSG_BG_ATTACHED, &attached, &pair[1], 1);
}

static void
on_attach(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	const struct fields_GB_ATTACH *m = &msg->GB_ATTACH;
	struct rig *rig = arg;
	struct fields_BG_ATTACH_FAILED failed = {
		.handle = m->handle,
		.reason = rig->fail,
	};

	(void)fds;
	rig->seen.attaches++;
	rig->seen.handle = m->handle;
	memcpy(rig->seen.nonce, m->nonce.p, m->nonce.len);
	span_to_str(m->resume, rig->seen.resume, sizeof(rig->seen.resume));
	if (rig->deaf)
		return;
	if (rig->fail != 0)
		chan_send(rig->broker, MSG_BG_ATTACH_FAILED, &failed, NULL,
		    0);
	else
		answer_attach(rig, m->handle);
}

static void
on_leave(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct rig *rig = arg;

	(void)msg;
	(void)fds;
	rig->seen.leaves++;
}

static void
on_detach(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct rig *rig = arg;

	(void)fds;
	rig->seen.detaches++;
	span_to_str(msg->ATTACHMENT.session, rig->seen.session,
	    sizeof(rig->seen.session));
}

static void
on_hold(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct rig *rig = arg;

	cr_assert_eq(fds->count, 1);
	rig->seen.holds++;
	rig->seen.handle = msg->HOLD.handle;
	if (!rig->deaf)
		chan_send(rig->broker, MSG_BG_HELD, &msg->HOLD, NULL, 0);
}

static void
on_probed(void *arg, const union proto_any *msg, struct chan_fds *fds)
{
	struct rig *rig = arg;

	(void)fds;
	rig->seen.probes++;
	rig->seen.gone = msg->GB_PROBED.gone;
}

static void
on_broker_lost(void *arg, const char *why)
{
	struct rig *rig = arg;

	cr_assert_null(why, "the gateway broke the rules: %s", why);
	rig->broker_lost = true;
}

static const struct chan_handler broker_handlers[] = {
	{ MSG_GB_HELLO, on_hello },
	{ MSG_GB_ADMIT, on_admit },
	{ MSG_GB_LEAVE, on_leave },
	{ MSG_GB_ATTACH, on_attach },
	{ MSG_GB_DETACH, on_detach },
	{ MSG_GB_PROBED, on_probed },
	{ MSG_GB_HOLD, on_hold },
};

static const struct chan_ops broker_ops = {
	.handlers = broker_handlers,
	.nhandlers = sizeof(broker_handlers) / sizeof(broker_handlers[0]),
	.lost = on_broker_lost,
};

void
rig_broker(struct rig *rig)
{
	int pair[2];

	chan_free(rig->broker);
	cr_assert_eq(unix_pair(SOCK_SEQPACKET, pair), 0);
	rig->broker = chan_new(rig->base, pair[0], ROLE_BROKER, ROLE_GATEWAY,
	    &broker_ops, rig);
	upstream_connect(rig->gw.upstream, pair[1]);
}

static void
runner_message(void *arg, const struct proto_head *head,
    const uint8_t *payload)
{
	struct rig *rig = arg;
	struct rig_call *call = &rig->calls[rig->ncalls];
	union proto_any msg;

	cr_assert_eq(proto_decode(proto_row(head->type), payload, head->len,
	    &msg), PROTO_OK);
	if (head->type == MSG_GR_HELLO) {
		rig->hellos++;
		link_set_phase(rig->runner, PHASE_UP);
		return;
	}
	if (head->type == MSG_GR_ACK) {
		rig->acked = msg.GR_ACK.total;
		return;
	}
	cr_assert_lt(rig->ncalls, sizeof(rig->calls) / sizeof(rig->calls[0]));
	call->type = head->type;
	call->call = head->call;
	call->id = msg.GR_TERMINATE.id_int;
	span_to_str(msg.GR_TERMINATE.process_id, call->process,
	    sizeof(call->process));
	call->data = head->type == MSG_GR_WRITE ? msg.GR_WRITE.data.len : 0;
	rig->ncalls++;
}

static void
runner_ended(void *arg, const char *why)
{
	struct rig *rig = arg;

	cr_assert_null(why, "the gateway broke the rules: %s", why);
	rig->runner_ended = true;
}

static const struct link_ops runner_ops = {
	.message = runner_message,
	.ended = runner_ended,
};

void
rig_run(struct rig *rig)
{
	struct fields_HELLO hello = { .version = PROTO_VERSION,
		.oldest = PROTO_OLDEST };

	link_free(rig->runner);
	rig->runner_ended = false;
	rig->ncalls = 0;
	rig->hellos = 0;
	rig->acked = 0;
	rig->runner = link_new(rig->base, rig->data, ROLE_RUNNER,
	    ROLE_GATEWAY, &runner_ops, rig);
	rig->data = -1;
	link_send(rig->runner, MSG_RG_HELLO, 0, &hello);
}

uint64_t
rig_output(struct rig *rig, uint64_t seq, size_t len)
{
	static uint8_t bytes[PROTO_CHUNK_MAX];
	struct fields_RG_OUTPUT output = {
		.process_id = span_str("p"),
		.seq = seq,
		.stream = STREAM_STDOUT,
		.data = { bytes, len },
	};

	link_send(rig->runner, MSG_RG_OUTPUT, 0, &output);
	return len + PROTO_EVENT_COST;
}

static int
listen_somewhere(int *port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert_eq(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	cr_assert_eq(listen(fd, 64), 0);
	cr_assert_eq(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	*port = ntohs(sin.sin_port);
	return fd;
}

static void
quiet(enum log_level level, const char *text)
{
	(void)level;
	(void)text;
}

void
rig_init(struct rig *rig)
{
	struct gateway_config config = {
		.ping_ms = 60000,
		.pong_ms = 60000,
		.handshake_ms = 60000,
		.max_connections = 64,
		.held_max = GATEWAY_HELD_MAX,
	};
	struct fields_SG_LISTENER listener = { 0 };

	memset(rig, 0, sizeof(*rig));
	log_set_hook(quiet);
	signal(SIGPIPE, SIG_IGN);
	rig->data = -1;
	rig->base = event_base_new();
	cr_assert_eq(gateway_init(&rig->gw, rig->base, &config), 0);
	listener.listener = span_str(RIG_LISTENER);
	cr_assert_eq(listeners_add(rig->gw.listeners, &listener,
	    listen_somewhere(&rig->port)), 0);
	rig_broker(rig);
}

void
rig_clear(struct rig *rig)
{
	gateway_clear(&rig->gw);
	chan_free(rig->broker);
	link_free(rig->runner);
	unix_close(&rig->data);
	event_base_free(rig->base);
}

void
rig_connect(struct rig *rig, struct rig_client *client)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)rig->port) };
	int small = 65536;

	*client = (struct rig_client){ .rig = rig };
	client->in = malloc(CLIENT_ROOM);
	client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* Small, so that what a client does not read is soon in the way. */
	setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	cr_assert_eq(connect(client->fd, (struct sockaddr *)&sin,
	    sizeof(sin)), 0);
	unix_nonblock(client->fd);
}

void
rig_client_clear(struct rig_client *client)
{
	unix_close(&client->fd);
	free(client->in);
	client->in = NULL;
}

void
rig_send(struct rig_client *client, const void *bytes, size_t len)
{
	uint64_t deadline = rig_deadline();
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = send(client->fd, (const char *)bytes + done, len - done,
		    MSG_NOSIGNAL);
		if (n > 0)
			done += (size_t)n;
		else
			rig_turn(client->rig);
		cr_assert(rig_before(deadline), "the gateway does not read");
	}
}

void
rig_send_upgrade(struct rig_client *client, const char *more)
{
	char text[1024];
	int len;

	len = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: x\r\n"
	    "Connection: Upgrade\r\nUpgrade: websocket\r\n"
	    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	    "Sec-WebSocket-Version: 13\r\n%s\r\n", more);
	rig_send(client, text, (size_t)len);
}

void
rig_send_frame(struct rig_client *client, uint8_t opcode,
    const void *payload, size_t len)
{
	uint8_t head[14] = { (uint8_t)(0x80 | opcode), 0xff };
	int i;

	for (i = 0; i < 8; i++)
		head[2 + i] = (uint8_t)((uint64_t)len >> (56 - 8 * i));
	if (len < 126) {
		head[1] = (uint8_t)(0x80 | len);
		memset(head + 2, 0, 4);
		rig_send(client, head, 6);
	} else {
		rig_send(client, head, sizeof(head));
	}
	rig_send(client, payload, len);
}

void
rig_send_text(struct rig_client *client, const char *text)
{
	rig_send_frame(client, WS_TEXT, text, strlen(text));
}

void
rig_read(struct rig_client *client)
{
	ssize_t n;

	while (client->len < CLIENT_ROOM) {
		n = recv(client->fd, client->in + client->len,
		    CLIENT_ROOM - client->len, 0);
		if (n == 0 || (n == -1 && errno != EAGAIN))
			client->eof = true;
		if (n <= 0)
			return;
		client->len += (size_t)n;
	}
}

static void
drop(struct rig_client *client, size_t len)
{
	client->len -= len;
	memmove(client->in, client->in + len, client->len);
}

int
rig_take_http(struct rig_client *client)
{
	uint8_t *end;
	int status;

	rig_read(client);
	end = memmem(client->in, client->len, "\r\n\r\n", 4);
	if (end == NULL)
		return 0;
	status = atoi((char *)client->in + sizeof("HTTP/1.1"));
	drop(client, (size_t)(end + 4 - client->in));
	return status;
}

/* The length of the first frame's head, and its payload; 0: not here. */
static size_t
frame_head(const struct rig_client *client, uint64_t *payload)
{
	size_t n, i, bytes;

	if (client->len < 2)
		return 0;
	cr_assert_eq(client->in[1] & 0x80, 0, "a server does not mask");
	n = client->in[1];
	bytes = n == 127 ? 8 : n == 126 ? 2 : 0;
	if (client->len < 2 + bytes)
		return 0;
	*payload = bytes == 0 ? n : 0;
	for (i = 0; i < bytes; i++)
		*payload = *payload << 8 | client->in[2 + i];
	cr_assert(bytes != 2 || *payload > 125);
	cr_assert(bytes != 8 || *payload > 65535);
	return 2 + bytes;
}

static bool
whole_frame(const struct rig_client *client, size_t *head, uint64_t *payload)
{
	*head = frame_head(client, payload);
	return *head != 0 && client->len - *head >= *payload;
}

bool
rig_take_frame(struct rig_client *client, struct rig_frame *frame)
{
	uint64_t payload;
	size_t head;

	if (!whole_frame(client, &head, &payload)) {
		rig_read(client);
		if (!whole_frame(client, &head, &payload))
			return false;
	}
	cr_assert_lt(payload, sizeof(frame->text));
	frame->opcode = client->in[0] & 0x0f;
	frame->fin = client->in[0] >> 7;
	frame->len = (size_t)payload;
	memcpy(frame->text, client->in + head, frame->len);
	frame->text[frame->len] = '\0';
	drop(client, head + frame->len);
	return true;
}

static struct rig_frame frame;

void
rig_expect_text(struct rig_client *client, const char *part)
{
	RIG_UNTIL(client->rig, rig_take_frame(client, &frame));
	cr_assert_eq(frame.opcode, WS_TEXT);
	cr_assert(frame.fin);
	cr_assert_not_null(strstr(frame.text, part), "%s is not in %s", part,
	    frame.text);
}

void
rig_expect_close(struct rig_client *client, int code)
{
	do
		RIG_UNTIL(client->rig, rig_take_frame(client, &frame));
	while (frame.opcode != WS_CLOSE);
	cr_assert_geq(frame.len, 2);
	cr_assert_eq((uint8_t)frame.text[0] << 8 | (uint8_t)frame.text[1],
	    code, "closed with %s", frame.text + 2);
}

void
rig_upgrade(struct rig *rig, struct rig_client *client)
{
	int status;

	rig_connect(rig, client);
	rig_send_upgrade(client, "");
	RIG_UNTIL(rig, (status = rig_take_http(client)) != 0);
	cr_assert_eq(status, 101);
}

void
rig_session(struct rig *rig, struct rig_client *client)
{
	rig_upgrade(rig, client);
	rig_send_text(client, "{\"id\":1,\"method\":\"initialize\",\"params\":"
	    "{\"clientName\":\"test\"}}");
	rig_expect_text(client, "sessionId");
	rig_send_text(client, "{\"method\":\"initialized\"}");
}
