/* SPDX-License-Identifier: ISC */
/* What the broker gives up. */
#include "config.h"

#include <unistd.h>

#include "broker/broker.h"
#include "broker/powers.h"
#include "broker/tenant.h"
#include "common/role.h"

/* Its filter, and new privileges given up, come with holdfastd's. */
void
broker_confine(const struct broker *broker)
{
	unsigned int wanted = powers_wanted(broker->tenant->uid, 0);

	if (geteuid() == 0)
		role_keep_caps(powers_broker(wanted));
}
