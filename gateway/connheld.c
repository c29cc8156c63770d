/* SPDX-License-Identifier: ISC */
/*
 * What clients have begun to say and not finished, all together: there is a
 * bound, and who takes most of it has to go when it is exceeded.
 */
#include "config.h"

#include <sys/queue.h>

#include <stdlib.h>

#include "common/log.h"
#include "gateway/gateway.h"
#include "gateway/ws.h"

static size_t
held_by(const struct conn *c)
{
	if (c->state == CONN_DEAD)
		return 0;
	return c->head_len + c->rest_len +
	    (c->ws == NULL ? 0 : ws_held(c->ws));
}

static void
weigh(struct conn *c)
{
	size_t held = held_by(c);

	c->gw->held += held - c->held;
	c->held = held;
}

static struct conn *
biggest(const struct gateway *gw)
{
	struct conn *c, *most = TAILQ_FIRST(&gw->conns);

	TAILQ_FOREACH(c, &gw->conns, entry)
		if (c->held > most->held)
			most = c;
	return most;
}

static void
relieve(struct conn *c)
{
	log_info("connection %llu is ended: %zu MiB of incomplete messages",
	    (unsigned long long)c->handle, c->gw->held >> 20);
	free(c->rest);
	c->rest = NULL;
	c->rest_len = 0;
	if (c->ws == NULL) {
		conn_lost(c);
		return;
	}
	ws_abort(c->ws, WS_CODE_TRY_LATER,
	    "too much is on its way to the server, try again later");
	weigh(c);
	conn_flush(c);
}

void
conn_weigh(struct conn *c)
{
	struct gateway *gw = c->gw;

	weigh(c);
	while (gw->held > gw->config.held_max)
		relieve(biggest(gw));
}
