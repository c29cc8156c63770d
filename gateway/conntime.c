/* SPDX-License-Identifier: ISC */
/* How long things may take for one client, and whether it is still there. */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <poll.h>
#include <string.h>

#include <event2/event.h>

#include "common/clock.h"
#include "common/log.h"
#include "gateway/gateway.h"
#include "gateway/ws.h"

#define NEVER UINT64_MAX

static void
timer_set(struct conn *c, uint64_t due, uint64_t now)
{
	uint64_t ms = due <= now ? 0 : due - now;
	struct timeval tv = {
		.tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000 * 1000),
	};

	if (due == NEVER)
		event_del(c->ev_timer);
	else
		event_add(c->ev_timer, &tv);
}

/* Whether bytes wait, here or in the kernel, that the client did not take. */
static bool
conn_untaken(const struct conn *c)
{
	int queued = 0;

	if (ioctl(c->fd, SIOCOUTQ, &queued) == -1)
		queued = 0;
	return queued > 0 || conn_unwritten(c) > 0;
}

/* Who was displaced while it did not read is waited for. */
static uint64_t
linger_limit(const struct conn *c)
{
	return clock_add(c->since, c->displaced && conn_untaken(c) ?
	    CONN_FAREWELL_MS : CONN_LINGER_MS);
}

static uint64_t
state_limit(const struct conn *c)
{
	const struct gateway_config *config = &c->gw->config;

	switch (conn_state_row(c->state)->limit) {
	case CONN_LIMIT_HANDSHAKE:
		return clock_add(c->since, config->handshake_ms);
	case CONN_LIMIT_BROKER:
		return clock_add(c->since, CONN_BROKER_MS);
	case CONN_LIMIT_LINGER:
		return linger_limit(c);
	case CONN_LIMIT_NONE:
		break;
	}
	return NEVER;
}

static uint64_t
ping_limit(const struct conn *c)
{
	if (!conn_state_row(c->state)->pings || c->gw->config.ping_ms == 0)
		return NEVER;
	return c->pinged ? clock_add(c->ping_at, c->gw->config.pong_ms) :
	    c->ping_at;
}

void
conn_timer(struct conn *c)
{
	uint64_t now = clock_ms(), due = state_limit(c), ping = ping_limit(c);

	if (ping < due)
		due = ping;
	if (!c->reading && now + CONN_LOOK_MS < due)
		due = now + CONN_LOOK_MS;
	/* What was waited for may have been taken by then. */
	if (c->state == CONN_CLOSING && now + CONN_LINGER_MS < due)
		due = now + CONN_LINGER_MS;
	timer_set(c, due, now);
}

bool
conn_gone(const struct conn *c)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);
	struct pollfd pfd = { .fd = c->fd };

	memset(&info, 0, sizeof(info));
	if (getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0)
		return info.tcpi_state != TCP_ESTABLISHED;
	/* A local one, then: its end shows behind what it has left. */
	return poll(&pfd, 1, 0) == 1 && (pfd.revents & (POLLHUP | POLLERR));
}

/*
 * A ping is answered late when the client does not read what stands before
 * it; as long as its TCP answers, it is slow and not gone.
 */
static bool
conn_slow(const struct conn *c)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	memset(&info, 0, sizeof(info));
	if (!conn_untaken(c))
		return false;
	if (getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &len) == -1)
		return !conn_gone(c);
	return info.tcpi_state == TCP_ESTABLISHED &&
	    info.tcpi_retransmits == 0 && info.tcpi_probes <= 1;
}

static void
conn_expire(struct conn *c)
{
	const struct conn_state_row *row = conn_state_row(c->state);

	if (row->expiry == CONN_EXPIRY_DROP)
		conn_lost(c);
	else
		conn_close(c, row->code, row->text);
}

static void
conn_ping(struct conn *c, uint64_t now)
{
	if (!c->pinged) {
		c->pinged = true;
		c->ping_at = now;
		ws_ping(c->ws, NULL, 0);
		conn_flush(c);
	} else if (conn_slow(c)) {
		c->ping_at = now;
	} else {
		log_debug("conn", "%llu: no pong in time",
		    (unsigned long long)c->handle);
		conn_lost(c);
	}
}

void
conn_timer_cb(int fd, short what, void *arg)
{
	struct conn *c = arg;
	uint64_t now = clock_ms();

	(void)fd;
	(void)what;
	if (!c->reading && conn_gone(c)) {
		conn_lost(c);
		return;
	}
	if (now >= state_limit(c))
		conn_expire(c);
	else if (now >= ping_limit(c))
		conn_ping(c, now);
	if (c->state != CONN_DEAD)
		conn_timer(c);
}
