/* SPDX-License-Identifier: ISC */
/* What the broker gives up. */
#include "config.h"

#include <unistd.h>

#include "broker/broker.h"
#include "broker/order.h"
#include "broker/powers.h"
#include "common/role.h"
#ifdef JAIL_TEST
#include "tests/jail/hook.h"
#endif

static unsigned int
wanted_by(const struct order *order)
{
	const struct tenant *tenant;
	unsigned int wanted = 0;

	TAILQ_FOREACH(tenant, &order->tenants, entry)
		wanted |= powers_wanted(tenant->uid, tenant->flags);
	return wanted;
}

/* Its filter, and new privileges given up, come with holdfastd's. */
void
broker_confine(struct broker *broker)
{
	broker->powers = wanted_by(broker->order);
	if (geteuid() == 0)
		role_keep_caps(powers_broker(broker->powers));
#ifdef JAIL_TEST
	jail_test("broker");
#endif
}

bool
broker_can_follow(const struct broker *broker, const struct order *order)
{
	return geteuid() != 0 || (powers_broker(wanted_by(order)) &
	    ~powers_broker(broker->powers)) == 0;
}
