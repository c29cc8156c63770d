/* SPDX-License-Identifier: ISC */
/* Telling what was counted, at most once a second, and never when idle. */
#include "config.h"

#include <string.h>

#include <event2/event.h>

#include "common/clock.h"
#include "common/meter.h"

static void
meter_cb(evutil_socket_t fd, short what, void *arg)
{
	struct meter *meter = arg;
	uint64_t now = clock_us();

	(void)fd;
	(void)what;
	meter->armed = false;
	metrics_observe(metrics_counted, meter->ops->lag,
	    now > meter->due_us ? now - meter->due_us : 0);
	meter_flush(meter);
}

int
meter_init(struct meter *meter, struct event_base *base,
    const struct meter_ops *ops, void *arg)
{
	memset(meter, 0, sizeof(*meter));
	meter->ops = ops;
	meter->arg = arg;
	meter->timer = event_new(base, -1, 0, meter_cb, meter);
	return meter->timer == NULL ? -1 : 0;
}

void
meter_clear(struct meter *meter)
{
	if (meter->timer != NULL)
		event_free(meter->timer);
	meter->timer = NULL;
	meter->armed = true;
}

void
meter_arm(struct meter *meter)
{
	static const struct timeval wait = {
		METER_MS / 1000, METER_MS % 1000 * 1000
	};

	if (meter->timer == NULL || event_add(meter->timer, &wait) == -1)
		return;
	meter->armed = true;
	meter->due_us = clock_us() + METER_MS * 1000;
}

void
meter_flush(struct meter *meter)
{
	struct writer w;

	if (meter->ops == NULL || meter->ops->tell == NULL)
		return;
	if (meter->ops->collect != NULL)
		meter->ops->collect(meter->arg);
	writer_init(&w, METRICS_BLOCK * (METRICS_ITEM + sizeof(uint32_t)));
	if (metrics_put_changes(&w, meter->ops->role, metrics_counted,
	    meter->told) > 0 &&
	    (w.failed || !meter->ops->tell(meter->arg,
	    (struct span){ w.p, w.len })))
		memset(meter->told, 0, sizeof(meter->told));
	writer_clear(&w);
}

void
meter_reset(struct meter *meter)
{
	memset(meter->told, 0, sizeof(meter->told));
	meter_touch(meter);
}
