/* SPDX-License-Identifier: ISC */
/* How long to wait before starting something again that has died. */
#include "config.h"

#include "broker/supervisor/backoff.h"

uint64_t
backoff_died(struct backoff *backoff, uint64_t lived_ms)
{
	uint64_t delay;

	if (lived_ms >= BACKOFF_HEALTHY_MS)
		backoff->next_ms = 0;
	delay = backoff->next_ms;
	backoff->next_ms = delay == 0 ? BACKOFF_FIRST_MS : delay * 2;
	if (backoff->next_ms > BACKOFF_MAX_MS)
		backoff->next_ms = BACKOFF_MAX_MS;
	return delay;
}
