/* SPDX-License-Identifier: ISC */
/*
 * When a process tells what it has counted: a second after something happened
 * and not again before something else does, so that nobody who is idle is
 * woken.  How late that timer is shows how long the loop was busy elsewhere.
 */
#ifndef COMMON_METER_H
#define COMMON_METER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/metrics.h"

struct event;
struct event_base;

#define METER_MS 1000

struct meter_ops {
	enum proto_role role;		/* who counts */
	enum metric_number lag;		/* the histogram of its loop */
	/* Set the gauges to what they are now; may be NULL. */
	void (*collect)(void *arg);
	/*
	 * Tell these items of COUNTS; false if that cannot be now: all is
	 * told again later.  NULL: nobody has to be told.
	 */
	bool (*tell)(void *arg, struct span counts);
};

struct meter {
	const struct meter_ops *ops;
	void *arg;
	struct event *timer;
	uint64_t due_us;
	bool armed;
	uint64_t told[METRICS_BLOCK];
};

/* 0, or -1 when memory is out; meter_clear() in any case. */
int meter_init(struct meter *meter, struct event_base *base,
    const struct meter_ops *ops, void *arg);
void meter_clear(struct meter *meter);

void meter_arm(struct meter *meter);

/* Something has happened that may have been counted. */
static inline void
meter_touch(struct meter *meter)
{
	if (!meter->armed)
		meter_arm(meter);
}

/* Tell now what has not been told: before an end. */
void meter_flush(struct meter *meter);

/* Whoever is told from now on knows nothing yet: tell all again. */
void meter_reset(struct meter *meter);

#endif
