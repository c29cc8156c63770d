/* SPDX-License-Identifier: ISC */
/*
 * A data link: messages of proto.h, each behind a head of PROTO_HEAD_LEN
 * bytes, over a SOCK_STREAM Unix socket.  Idle links hold no buffers.
 */
#ifndef COMMON_LINK_H
#define COMMON_LINK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "common/proto.h"

struct event_base;
struct link;

struct link_ops {
	/*
	 * A whole message that the table allows; "payload" (head->len bytes)
	 * is valid during the call.  The link may be freed in it.
	 */
	void (*message)(void *arg, const struct proto_head *head,
	    const uint8_t *payload);
	/*
	 * What one turn of reading brought has been delivered, if anything;
	 * a place to flush what they caused.  May be NULL.
	 */
	void (*batch)(void *arg);
	/*
	 * What waits to be sent has fallen to "low" bytes or less after it
	 * had been above "high": see link_set_marks().  May be NULL.
	 */
	void (*drained)(void *arg);
	/*
	 * Called once, from the loop: the peer closed its end (NULL, after
	 * every whole message has been delivered), or broke the rules (the
	 * reason).  The link does nothing any more; the owner frees it.
	 */
	void (*ended)(void *arg, const char *why);
};

/*
 * Serve "fd" (owned by the link from now on, made non-blocking) in
 * PHASE_START.  Messages longer than the table says end the link before
 * memory is taken for them.  Returns NULL with the descriptor closed when
 * memory is out.
 */
struct link *link_new(struct event_base *base, int fd, enum proto_role self,
    enum proto_role peer, const struct link_ops *ops, void *arg);

/* Close and free, unsent bytes included; NULL is fine.  No callback follows. */
void link_free(struct link *link);

/* What may be received now. */
void link_set_phase(struct link *link, enum proto_phase phase);

/* As chan_set_version(): types that only a newer peer knows are skipped. */
void link_set_version(struct link *link, uint32_t version);

/*
 * Queue one message.  It goes out at once in link_flush(), or at the end of
 * this turn of the loop, together with all that was queued meanwhile.
 * Returns 0, or -1 when the link has ended or memory is out.
 */
int link_send(struct link *link, uint16_t type, uint32_t call,
    const void *msg);

/* The same for a payload that was encoded by hand, in pieces. */
#define LINK_IOV_MAX 33 /* pieces */
int link_sendv(struct link *link, uint16_t type, uint32_t call,
    const struct iovec *payload, int count);

/*
 * The same, written to the socket at once where it takes it: for output,
 * where one copy of the bytes matters.
 */
int link_sendv_now(struct link *link, uint16_t type, uint32_t call,
    const struct iovec *payload, int count);

/* Write what is queued, as far as the socket takes it. */
void link_flush(struct link *link);

/* Bytes queued and not yet taken by the socket. */
size_t link_queued(const struct link *link);

/* When to call drained(), in bytes; the default is 256 KiB and 64 KiB. */
void link_set_marks(struct link *link, size_t high, size_t low);

/*
 * Stop and go on reading.  A message already read is still delivered after
 * resuming, from the loop.
 */
void link_pause(struct link *link);
void link_resume(struct link *link);

/*
 * Read no further than to the end of the message that has begun to come;
 * link_resume() undoes it.  link_halted() tells when that has been delivered,
 * so that whoever has a duplicate of the descriptor can go on from there.
 */
void link_halt(struct link *link);
int link_halted(const struct link *link);

/* A duplicate of the descriptor, close-on-exec; -1 with errno. */
int link_dup(const struct link *link);

/*
 * Deliver now, from within, the whole messages that have come already: what
 * one turn of reading takes, nothing while paused.  The link may be freed in
 * it.
 */
void link_catch_up(struct link *link);

/*
 * Whether the peer has closed its end, and when not, whether bytes wait: 1
 * bytes wait, 0 nothing yet, -1 the end.  For a descriptor nobody serves yet
 * (recv(2), MSG_PEEK).
 */
int link_peek(int fd);

#endif
