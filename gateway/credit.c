/* SPDX-License-Identifier: ISC */
/* Credit for output that has left. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/proto.h"
#include "gateway/credit.h"

#define FIRST_CAP 16
#define KEEP_CAP 256	/* marks kept when there is nothing to wait for */

/* Ends of what is not in the stream yet. */
#define END_NONE UINT64_MAX
#define END_HELD (UINT64_MAX - 1)

/* A runner may start one more piece while it is below the window. */
#define OVERSHOOT (PROTO_CHUNK_MAX + PROTO_EVENT_MAX)

struct credit_mark {
	uint64_t end;
	uint64_t cost;
};

void
credit_init(struct credit *c)
{
	*c = (struct credit){ 0 };
}

void
credit_clear(struct credit *c)
{
	free(c->marks);
	credit_init(c);
}

static int
credit_grow(struct credit *c)
{
	size_t cap = c->cap == 0 ? FIRST_CAP : c->cap * 2, i;
	struct credit_mark *marks = reallocarray(NULL, cap, sizeof(*marks));

	if (marks == NULL)
		return -1;
	for (i = 0; i < c->count; i++)
		marks[i] = c->marks[(c->first + i) % c->cap];
	free(c->marks);
	c->marks = marks;
	c->cap = cap;
	c->first = 0;
	return 0;
}

static struct credit_mark *
mark_at(struct credit *c, size_t i)
{
	return &c->marks[(c->first + i) % c->cap];
}

const char *
credit_take(struct credit *c, uint64_t cost, uint64_t *ticket)
{
	if (c->count == c->cap && credit_grow(c) == -1)
		return "out of memory";
	c->taken += cost;
	if (c->taken - c->told > PROTO_WINDOW + OVERSHOOT ||
	    c->count > PROTO_WINDOW_COUNT)
		return "more than the window allows";
	*ticket = c->oldest + c->count;
	*mark_at(c, c->count++) = (struct credit_mark){ END_NONE, cost };
	return NULL;
}

const char *
credit_resume(struct credit *c, uint64_t taken, uint64_t left, uint64_t end)
{
	const char *why;
	uint64_t ticket;

	if (left > taken)
		return "more has left than came";
	c->taken = c->returned = c->told = left;
	if (taken == left)
		return NULL;
	why = credit_take(c, taken - left, &ticket);
	if (why == NULL)
		credit_mark(c, ticket, end);
	return why;
}

void
credit_mark(struct credit *c, uint64_t ticket, uint64_t end)
{
	mark_at(c, (size_t)(ticket - c->oldest))->end = end;
}

void
credit_hold(struct credit *c, uint64_t ticket)
{
	credit_mark(c, ticket, END_HELD);
}

void
credit_release(struct credit *c, uint64_t end)
{
	size_t i;

	for (i = 0; i < c->count; i++)
		if (mark_at(c, i)->end == END_HELD)
			mark_at(c, i)->end = end;
}

void
credit_settle(struct credit *c, uint64_t gone)
{
	while (c->count > 0 && c->marks[c->first].end <= gone) {
		c->returned += c->marks[c->first].cost;
		c->first = (c->first + 1) % c->cap;
		c->count--;
		c->oldest++;
	}
	if (c->count == 0 && c->cap > KEEP_CAP) {
		free(c->marks);
		c->marks = NULL;
		c->cap = 0;
		c->first = 0;
	}
}

bool
credit_pending(const struct credit *c)
{
	return c->count > 0 && c->marks[c->first].end < END_HELD;
}

uint64_t
credit_outstanding(const struct credit *c)
{
	return c->taken - c->returned;
}

bool
credit_due(struct credit *c, uint64_t *total)
{
	if (c->returned == c->told)
		return false;
	if (c->returned - c->told < CREDIT_STEP && c->returned != c->taken)
		return false;
	c->told = c->returned;
	*total = c->told;
	return true;
}
