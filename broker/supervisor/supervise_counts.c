/* SPDX-License-Identifier: ISC */
/* What the supervisor has counted, for the broker to add up. */
#include "config.h"

#include <string.h>

#include "broker/supervisor/supervise_private.h"
#include "common/chan.h"
#include "common/metrics.h"

void
supervise_tell_counts(struct supervisor *s, int all)
{
	static uint64_t told[METRICS_BLOCK];
	struct fields_COUNTS counts;
	struct writer w;

	if (ward_state(s->broker) != WARD_UP || ward_chan(s->broker) == NULL)
		return;
	if (all)
		memset(told, 0, sizeof(told));
	writer_init(&w, METRICS_BLOCK * (METRICS_ITEM + sizeof(uint32_t)));
	if (metrics_put_changes(&w, ROLE_SUPERVISOR, metrics_counted,
	    told) > 0 && !w.failed) {
		counts.counts = (struct span){ w.p, w.len };
		chan_send(ward_chan(s->broker), MSG_SB_COUNTS, &counts, NULL,
		    0);
	}
	writer_clear(&w);
}
