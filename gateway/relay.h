/* SPDX-License-Identifier: ISC */
/*
 * What the two halves of a relay share: relay.c, which has the link, and
 * relaymsg.c, which knows the messages.
 */
#ifndef GATEWAY_RELAY_H
#define GATEWAY_RELAY_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/answer.h"
#include "gateway/credit.h"
#include "gateway/outq.h"

struct conn;
struct event;
struct link;

/* An event that waits for room, as it came. */
struct event_item {
	STAILQ_ENTRY(event_item) entry;
	uint64_t ticket;
	size_t len;
	uint16_t type;
	uint8_t payload[];
};

struct relay {
	struct conn *conn;
	struct link *link;
	struct credit credit;
	struct event *ev_ask;
	unsigned int ask_ms;
	bool greeted;		/* our HELLO is on its way */
	uint64_t pending;	/* calls without an answer */
	uint64_t parked;	/* those of them that read, or fewer */
	uint32_t version;	/* the runner's; 0: it has said nothing */
	uint32_t calls;		/* numbers given to calls */
	STAILQ_HEAD(, event_item) events;
	struct answer_bulk bulk; /* a fragmented message under way */
	struct outq held;	/* answers that come meanwhile */
};

/* End the attachment: the runner broke the rules.  "relay" is gone then. */
void relay_fault(struct relay *relay, const char *what, const char *why);

/* Say HELLO to the runner, if that has not been done. */
void relay_greet(struct relay *relay);

/* Take one message from it: NULL, or what is wrong with it. */
const char *relay_dispatch(struct relay *relay, const struct proto_head *head,
    const uint8_t *payload);

#endif
