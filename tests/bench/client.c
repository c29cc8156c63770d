/* SPDX-License-Identifier: ISC */
/* A WebSocket client that costs little. */
#include "config.h"

#include <sys/socket.h>
#include <sys/types.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/client.h"
#include "tests/bench/num.h"
#include "tests/bench/server.h"

#define IN_FIRST 4096
#define IN_READ (256 * 1024) /* grown to this once much arrives */

#define FIN 0x80
#define OP_TEXT 0x1
#define OP_CLOSE 0x8
#define OP_PING 0x9
#define OP_PONG 0xa
#define MASKED 0x80

static const char upgrade[] =
    "GET / HTTP/1.1\r\n"
    "Host: 127.0.0.1\r\n"
    "Connection: Upgrade\r\n"
    "Upgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    "\r\n";

const char *
client_upgrade(size_t *len)
{
	*len = sizeof(upgrade) - 1;
	return upgrade;
}

static void
client_init(struct client *c, int flags)
{
	int on = 1;

	memset(c, 0, sizeof(*c));
	c->cap = IN_FIRST;
	c->in = need(NULL, c->cap);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	if (c->fd == -1)
		give_up("socket: %s", strerror(errno));
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

void
client_begin(struct client *c, const struct server *server)
{
	client_init(c, SOCK_NONBLOCK);
	if (connect(c->fd, (const struct sockaddr *)&server->addr,
	    sizeof(server->addr)) == -1 && errno != EINPROGRESS)
		give_up("connect: %s", strerror(errno));
}

void
client_open(struct client *c, const struct server *server)
{
	client_init(c, 0);
	if (connect(c->fd, (const struct sockaddr *)&server->addr,
	    sizeof(server->addr)) == -1)
		give_up("connect: %s", strerror(errno));
	client_write(c, upgrade, sizeof(upgrade) - 1);
	while (!client_upgraded(c))
		client_fill(c, 0);
}

int
client_upgraded(struct client *c)
{
	char *from = c->in + c->head, *end;
	size_t len = c->tail - c->head;

	end = memmem(from, len, "\r\n\r\n", 4);
	if (end == NULL)
		return 0;
	if (len < 12 || memcmp(from + 9, "101", 3) != 0)
		give_up("upgrade refused: %.40s", from);
	c->head += (size_t)(end - from) + 4;
	return 1;
}

void
client_close(struct client *c)
{
	if (c->fd != -1)
		close(c->fd);
	c->fd = -1;
	free(c->in);
	c->in = NULL;
}

static size_t
frame_head(char *out, int opcode, size_t len)
{
	size_t n = 2, i;

	out[0] = (char)(FIN | opcode);
	if (len < 126) {
		out[1] = (char)(MASKED | len);
	} else if (len < 65536) {
		out[1] = (char)(MASKED | 126);
		out[n++] = (char)(len >> 8);
		out[n++] = (char)len;
	} else {
		out[1] = (char)(MASKED | 127);
		for (i = 0; i < 8; i++)
			out[n++] = (char)((uint64_t)len >> (56 - 8 * i));
	}
	memset(out + n, 0, 4);
	return n + 4;
}

size_t
client_frame(char *out, const char *text, size_t len)
{
	size_t n = frame_head(out, OP_TEXT, len);

	memcpy(out + n, text, len);
	return n + len;
}

void
client_write(struct client *c, const char *data, size_t len)
{
	struct pollfd p = { .fd = c->fd, .events = POLLOUT };
	ssize_t n;

	while (len > 0) {
		n = send(c->fd, data, len, MSG_NOSIGNAL);
		if (n == -1 && errno == EAGAIN)
			poll(&p, 1, -1);
		else if (n == -1)
			give_up("write: %s", strerror(errno));
		else
			data += n, len -= (size_t)n;
	}
}

void
client_sendf(struct client *c, const char *fmt, ...)
{
	char text[CLIENT_TEXT_MAX], out[CLIENT_TEXT_MAX + CLIENT_HEAD_MAX];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0 || n >= (int)sizeof(text))
		give_up("request too long");
	client_write(c, out, client_frame(out, text, (size_t)n));
}

static void
client_control(struct client *c, int opcode, const char *data, size_t len)
{
	char out[CLIENT_HEAD_MAX + 125];
	size_t n;

	if (opcode == OP_CLOSE)
		give_up("the server closed the connection: %.*s",
		    len < 2 ? 0 : (int)len - 2, data + 2);
	if (opcode != OP_PING || len > 125)
		return;
	n = frame_head(out, OP_PONG, len);
	memcpy(out + n, data, len);
	client_write(c, out, n + len);
}

/* Length of the frame's head and payload; 0 while the head is not whole. */
static size_t
frame_size(const unsigned char *p, size_t have, size_t *head)
{
	uint64_t len;
	size_t i;

	if (have < 2)
		return 0;
	len = p[1] & 0x7f;
	*head = len < 126 ? 2 : len == 126 ? 4 : 10;
	if (have < *head)
		return 0;
	if (len >= 126)
		for (len = 0, i = 2; i < *head; i++)
			len = len << 8 | p[i];
	return *head + (size_t)len;
}

/* Room behind the tail for what is missing, or for much. */
static void
client_make_room(struct client *c, size_t missing)
{
	size_t have = c->tail - c->head;

	if (c->head > 0 && (have == 0 || c->cap - c->tail < missing ||
	    c->tail == c->cap)) {
		memmove(c->in, c->in + c->head, have);
		c->head = 0;
		c->tail = have;
	}
	if (c->cap - c->tail >= missing && c->tail < c->cap)
		return;
	while (c->cap - c->tail < missing || c->tail == c->cap)
		c->cap = c->cap < IN_READ ? IN_READ : c->cap * 2;
	c->in = need(c->in, c->cap);
}

int
client_take(struct client *c, struct frame *frame)
{
	const unsigned char *p;
	size_t have, head = 0, size;
	int opcode;

	for (;;) {
		p = (const unsigned char *)c->in + c->head;
		have = c->tail - c->head;
		size = frame_size(p, have, &head);
		if (size == 0 || have < size) {
			client_make_room(c, size == 0 ? 0 : size - have);
			return 0;
		}
		c->head += size;
		opcode = p[0] & 0xf;
		frame->text = (const char *)p + head;
		frame->len = size - head;
		if (opcode < OP_CLOSE)
			return 1;
		client_control(c, opcode, frame->text, frame->len);
	}
}

int
client_fill(struct client *c, int may_end)
{
	ssize_t n;

	client_make_room(c, 0);
	do
		n = recv(c->fd, c->in + c->tail, c->cap - c->tail, 0);
	while (n == -1 && errno == EINTR);
	if (n == -1 && errno == EAGAIN)
		return 0;
	if (n <= 0) {
		if (may_end)
			return -1;
		give_up("read: %s", n == 0 ? "the server hung up" :
		    strerror(errno));
	}
	c->tail += (size_t)n;
	return 1;
}

void
client_next(struct client *c, struct frame *frame)
{
	while (!client_take(c, frame))
		client_fill(c, 0);
}
