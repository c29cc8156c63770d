/* SPDX-License-Identifier: ISC */
/*
 * A control channel: typed messages and descriptors over a SOCK_SEQPACKET
 * socket, on an event loop.  Every packet is held against the table of
 * proto.h before a handler sees it.  What breaks the rules ends the channel:
 * garbage from a peer costs that peer its channel and nobody else anything.
 */
#ifndef COMMON_CHAN_H
#define COMMON_CHAN_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "common/proto.h"

struct event_base;
struct chan;

/* The descriptors of one message; those not taken are closed afterwards. */
struct chan_fds {
	int fd[PROTO_CONTROL_FDS];
	size_t count;
};

/* Take a descriptor out: the caller owns it now; -1 when it is not there. */
int chan_take_fd(struct chan_fds *fds, size_t i);

/*
 * What to do with a message: "msg" is the row's struct, valid during the
 * call.  A handler may free its own channel.
 */
struct chan_handler {
	uint16_t type;
	void (*fn)(void *arg, const union proto_any *msg,
	    struct chan_fds *fds);
};

struct chan_ops {
	const struct chan_handler *handlers;
	size_t nhandlers;
	/*
	 * Called once, from the loop, when the channel has ended: the peer
	 * closed it (NULL), broke the rules or does not read (the reason, to
	 * be logged).  Nothing is received or sent any more; the owner frees
	 * the channel now or later.
	 */
	void (*lost)(void *arg, const char *why);
	/*
	 * Called from the loop when what was queued has all been sent; may
	 * free the channel.  NULL: nobody waits for that.
	 */
	void (*drained)(void *arg);
};

/*
 * Serve "fd" (owned by the channel from now on, made non-blocking) for "self"
 * with "peer" at the other end, in PHASE_START.  "ops" must outlive it.
 * Returns NULL with the descriptor closed when memory is out.
 */
struct chan *chan_new(struct event_base *base, int fd, enum proto_role self,
    enum proto_role peer, const struct chan_ops *ops, void *arg);

/* Close and free; NULL is fine.  No callback follows. */
void chan_free(struct chan *chan);

/* A duplicate of its socket, the caller's; -1 with errno. */
int chan_dup_fd(const struct chan *chan);

/* Whether the peer has closed it, be there messages left to read or not. */
bool chan_peer_closed(const struct chan *chan);

void chan_set_phase(struct chan *chan, enum proto_phase phase);
enum proto_phase chan_phase(const struct chan *chan);

/*
 * What the peer's HELLO said it speaks: types this build does not know are
 * skipped when the peer is newer, and end the channel otherwise.
 */
void chan_set_version(struct chan *chan, uint32_t version);
uint32_t chan_version(const struct chan *chan);

/*
 * Send a message with descriptors, which the channel owns and closes from now
 * on, whatever comes back.  What the socket does not take now is queued; a
 * peer that lets more than CHAN_QUEUE_MAX messages wait is given up.  Returns
 * 0, or -1 when the channel has ended (lost follows from the loop).  A
 * message that the table does not allow is our own mistake and fatal.
 */
#define CHAN_QUEUE_MAX 4096
int chan_send(struct chan *chan, uint16_t type, const void *msg,
    const int *fds, size_t nfds);

/* Who made the socket (SO_PEERCRED, see unix(7)), or 0. */
pid_t chan_peer_pid(const struct chan *chan);

/* Bytes that this channel's peer made it hold: for tests and figures. */
size_t chan_queued(const struct chan *chan);

/*
 * Receive one message without a loop, before a role has one: waits up to
 * "timeout_ms".  "buf" of PROTO_CONTROL_MAX bytes backs the spans in "*msg";
 * the descriptors are the caller's.  Returns the type, or -1 with "*why" set.
 */
int chan_read_one(int fd, enum proto_role self, enum proto_role peer,
    enum proto_phase phase, int timeout_ms, uint8_t *buf,
    union proto_any *msg, struct chan_fds *fds, const char **why);

/* Send one message without a loop; 0, or -1 with errno. */
int chan_write_one(int fd, uint16_t type, const void *msg, const int *fds,
    size_t nfds);

#endif
