/* SPDX-License-Identifier: ISC */
/*
 * Bytes on a data socket, from either side, cut into pieces: the first byte
 * says which side listens, the second how long a piece is.  Every message
 * that a link delivers must decode or be refused, and a link must end or ask
 * for more, never hang.
 */
#include "config.h"

#include <sys/socket.h>

#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/event.h>

#include "common/link.h"
#include "common/log.h"
#include "common/unix.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct event_base *base;
static struct link *subject;
static int over;

static void
on_message(void *arg, const struct proto_head *head, const uint8_t *payload)
{
	const struct proto_row *row = proto_row(head->type);
	union proto_any msg;

	(void)arg;
	if (row == NULL || head->len > row->max)
		abort();
	(void)proto_decode(row, payload, head->len, &msg);
	link_set_phase(subject, PHASE_UP);
}

static void
on_ended(void *arg, const char *why)
{
	(void)arg;
	(void)why;
	over = 1;
}

static const struct link_ops ops = {
	.message = on_message,
	.ended = on_ended,
};

static void
feed(int fd, const uint8_t *data, size_t size, size_t piece)
{
	ssize_t n;

	while (size > 0 && !over) {
		n = write(fd, data, piece < size ? piece : size);
		if (n > 0) {
			data += n;
			size -= (size_t)n;
		}
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum proto_role self, peer;
	int pair[2], i;

	if (size < 2)
		return 0;
	if (base == NULL)
		base = event_base_new();
	if (base == NULL || unix_pair(SOCK_STREAM, pair) == -1)
		abort();
	self = (data[0] & 1) != 0 ? ROLE_GATEWAY : ROLE_RUNNER;
	peer = self == ROLE_GATEWAY ? ROLE_RUNNER : ROLE_GATEWAY;
	over = 0;
	subject = link_new(base, pair[0], self, peer, &ops, NULL);
	if (subject == NULL)
		abort();
	feed(pair[1], data + 2, size - 2, data[1] % 64 + 1u);
	unix_close(&pair[1]);
	for (i = 0; i < 8 && !over; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
	if (!over)
		abort();
	link_free(subject);
	return 0;
}
