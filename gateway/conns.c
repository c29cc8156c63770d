/* SPDX-License-Identifier: ISC */
/*
 * All clients of this process: by handle (its slot in the low bits), and by
 * session.  A client dies in two steps: it leaves every list at once, and is
 * freed from the loop, where nobody is in the middle of it.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "gateway/gateway.h"

#define SLOT_BITS 20
#define SLOT_MASK (((uint64_t)1 << SLOT_BITS) - 1)
#define FIRST_SLOTS 64

static int
session_cmp(const struct conn *a, const struct conn *b)
{
	return strcmp(a->session, b->session);
}

/* RB_GENERATE_STATIC() names an attribute that no header here defines. */
RB_GENERATE_INTERNAL(conn_sessions, conn, by_session, session_cmp,
    __attribute__((__unused__)) static)

static int
slots_grow(struct gateway *gw)
{
	size_t count = gw->nslots == 0 ? FIRST_SLOTS : gw->nslots * 2;
	struct conn **slots;

	if (count > SLOT_MASK)
		return -1;
	slots = reallocarray(gw->slots, count, sizeof(*slots));
	if (slots == NULL)
		return -1;
	memset(slots + gw->nslots, 0,
	    (count - gw->nslots) * sizeof(*slots));
	gw->slots = slots;
	gw->nslots = count;
	return 0;
}

/* Slots are taken in turn, so that a free one is found soon. */
static size_t
slot_find(const struct gateway *gw)
{
	size_t i, slot;

	for (i = 0; i < gw->nslots; i++) {
		slot = (gw->serial + i) % gw->nslots;
		if (gw->slots[slot] == NULL)
			return slot;
	}
	return gw->nslots;
}

int
conns_add(struct gateway *gw, struct conn *c)
{
	size_t slot;

	if (gw->nconns >= gw->nslots && slots_grow(gw) == -1)
		return -1;
	gw->serial++;
	slot = slot_find(gw);
	c->handle = gw->serial << SLOT_BITS | slot;
	gw->slots[slot] = c;
	gw->nconns++;
	TAILQ_INSERT_TAIL(&gw->conns, c, entry);
	return 0;
}

void
conns_remove(struct conn *c)
{
	struct gateway *gw = c->gw;

	gw->slots[c->handle & SLOT_MASK] = NULL;
	gw->nconns--;
	TAILQ_REMOVE(&gw->conns, c, entry);
	TAILQ_INSERT_TAIL(&gw->dead, c, entry);
	event_active(gw->ev_bury, EV_TIMEOUT, 0);
}

struct conn *
conns_by_handle(struct gateway *gw, uint64_t handle)
{
	size_t slot = handle & SLOT_MASK;
	struct conn *c = slot < gw->nslots ? gw->slots[slot] : NULL;

	return c != NULL && c->handle == handle ? c : NULL;
}

struct conn *
conns_name(struct conn *c)
{
	return RB_INSERT(conn_sessions, &c->gw->sessions, c);
}

void
conns_unname(struct conn *c)
{
	RB_REMOVE(conn_sessions, &c->gw->sessions, c);
}

struct conn *
conns_by_session(struct gateway *gw, struct span session,
    uint64_t generation)
{
	struct conn *c, key;

	if (span_to_str(session, key.session, sizeof(key.session)) == -1)
		return NULL;
	c = RB_FIND(conn_sessions, &gw->sessions, &key);
	return c != NULL && c->generation == generation ? c : NULL;
}

void
conns_bury(struct gateway *gw)
{
	struct conn *c;

	while ((c = TAILQ_FIRST(&gw->dead)) != NULL) {
		TAILQ_REMOVE(&gw->dead, c, entry);
		conn_free(c);
	}
}
