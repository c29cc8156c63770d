/* SPDX-License-Identifier: ISC */
/*
 * Linked into a program, this makes it one of another version: it says so,
 * adds to every message a field that nobody knows yet, and says things on
 * control sockets that are in nobody's table.  The linker puts these
 * functions between those who call and those who are called (ld(1), --wrap).
 *
 * SKEW is by how many versions, SKEW_OLDEST the oldest it understands.
 */
#include "config.h"

#include <sys/socket.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/chan.h"
#include "common/proto.h"

#define SKEW_VERSION (PROTO_VERSION + SKEW)
#define SKEW_TAG 60000
#define SKEW_TYPE 798
#define SKEW_CHANS 64

void __real_proto_encode(struct writer *w, uint16_t type, const void *msg);
void __wrap_proto_encode(struct writer *w, uint16_t type, const void *msg);
uint32_t __wrap_proto_agree(uint32_t version, uint32_t oldest);
struct chan *__real_chan_new(struct event_base *base, int fd,
    enum proto_role self, enum proto_role peer, const struct chan_ops *ops,
    void *arg);
struct chan *__wrap_chan_new(struct event_base *base, int fd,
    enum proto_role self, enum proto_role peer, const struct chan_ops *ops,
    void *arg);
int __real_chan_send(struct chan *chan, uint16_t type, const void *msg,
    const int *fds, size_t nfds);
int __wrap_chan_send(struct chan *chan, uint16_t type, const void *msg,
    const int *fds, size_t nfds);

/* Which descriptor a channel has, to say there what it never would. */
static struct {
	struct chan *chan;
	int fd;
	unsigned int sent;
} chans[SKEW_CHANS];
static size_t nchans;

static void
skew_member(const struct proto_row *row, uint16_t tag, char *msg,
    uint32_t value)
{
	size_t i;

	for (i = 0; i < row->nfields; i++)
		if (row->fields[i].tag == tag)
			memcpy(msg + row->fields[i].offset, &value,
			    sizeof(value));
}

static bool
skew_says_version(const struct proto_row *row)
{
	size_t i, n = 0;

	for (i = 0; i < row->nfields; i++)
		n += row->fields[i].tag == TAG_VERSION ||
		    row->fields[i].tag == TAG_OLDEST;
	return n == 2;
}

void
__wrap_proto_encode(struct writer *w, uint16_t type, const void *msg)
{
	static const uint8_t news[] = "what nobody knows yet";
	const struct proto_row *row = proto_row(type);
	union proto_any copy;

	if (row != NULL && row->size <= sizeof(copy) &&
	    skew_says_version(row)) {
		memcpy(&copy, msg, row->size);
		skew_member(row, TAG_VERSION, (char *)&copy, SKEW_VERSION);
		skew_member(row, TAG_OLDEST, (char *)&copy, SKEW_OLDEST);
		msg = &copy;
	}
	__real_proto_encode(w, type, msg);
	/* Where there is room for it. */
	if (row != NULL && row->max >= 1024)
		proto_put_bytes(w, (enum proto_tag)SKEW_TAG,
		    (struct span){ news, sizeof(news) });
}

uint32_t
__wrap_proto_agree(uint32_t version, uint32_t oldest)
{
	uint32_t common = version < SKEW_VERSION ? version : SKEW_VERSION;

	return common >= oldest && common >= SKEW_OLDEST ? common : 0;
}

struct chan *
__wrap_chan_new(struct event_base *base, int fd, enum proto_role self,
    enum proto_role peer, const struct chan_ops *ops, void *arg)
{
	struct chan *chan = __real_chan_new(base, fd, self, peer, ops, arg);
	size_t i;

	if (chan != NULL) {
		i = nchans++ % SKEW_CHANS;
		chans[i].chan = chan;
		chans[i].fd = fd;
		chans[i].sent = 0;
	}
	return chan;
}

/* Once each, when the other end has had our HELLO and more. */
static void
skew_say_more(struct chan *chan)
{
	static const uint8_t news[] = { SKEW_TYPE >> 8, SKEW_TYPE & 0xff };
	size_t i;

	for (i = 0; i < SKEW_CHANS; i++)
		if (chans[i].chan == chan && ++chans[i].sent == 3)
			(void)send(chans[i].fd, news, sizeof(news),
			    MSG_DONTWAIT | MSG_NOSIGNAL);
}

int
__wrap_chan_send(struct chan *chan, uint16_t type, const void *msg,
    const int *fds, size_t nfds)
{
	int rc = __real_chan_send(chan, type, msg, fds, nfds);

	if (rc == 0 && chan_phase(chan) == PHASE_UP)
		skew_say_more(chan);
	return rc;
}
