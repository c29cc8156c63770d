/* SPDX-License-Identifier: ISC */
/* A table of what is kept. */
#include "config.h"

#include <linux/capability.h>

#include <stddef.h>

#include "broker/powers.h"
#include "common/caps.h"
#include "common/proto.h"

#define BROKER 0x1u
#define SUPERVISOR 0x2u

/* What the broker keeps, the supervisor must have, for it starts the broker. */
static const struct {
	unsigned int cap;
	unsigned int who;
	unsigned int when;	/* one of POWERS_*; 0: always */
} powers[] = {
	/* To become a tenant, and a gateway its user. */
	{ CAP_SETUID, BROKER | SUPERVISOR, 0 },
	{ CAP_SETGID, BROKER | SUPERVISOR, 0 },
	/* To take all of this from tenants and gateways. */
	{ CAP_SETPCAP, BROKER | SUPERVISOR, 0 },
	/* To end what runs as somebody else. */
	{ CAP_KILL, BROKER | SUPERVISOR, 0 },
	/* Limits above the invoking user's; whom the kernel kills last. */
	{ CAP_SYS_RESOURCE, BROKER | SUPERVISOR, 0 },
	/* Gateways' empty root directory. */
	{ CAP_SYS_CHROOT, SUPERVISOR, 0 },
	/* Local listeners for other users; cgroups that tenants may use. */
	{ CAP_CHOWN, BROKER | SUPERVISOR, 0 },
	/* Listeners below 1024. */
	{ CAP_NET_BIND_SERVICE, SUPERVISOR, 0 },
	/* Keys, tokens and local listeners in directories of others. */
	{ CAP_DAC_OVERRIDE, SUPERVISOR, 0 },
	/* Namespaces for a tenant's jobs. */
	{ CAP_SYS_ADMIN, BROKER | SUPERVISOR, POWERS_MOUNTS },
};

unsigned int
powers_wanted(uid_t uid, uint32_t flags)
{
	unsigned int wanted = 0;

	if (uid == 0)
		wanted |= POWERS_ROOT_JOBS;
	if ((flags & TENANT_PRIVILEGED_JOBS) != 0)
		wanted |= POWERS_GAINING_JOBS;
	if ((flags & (TENANT_PRIVATE_TMP | TENANT_PRIVATE_PIDS)) != 0)
		wanted |= POWERS_MOUNTS;
	return wanted;
}

static uint64_t
powers_of(unsigned int who, unsigned int wanted)
{
	uint64_t caps = 0;
	size_t i;

	if ((wanted & (POWERS_ROOT_JOBS | POWERS_GAINING_JOBS)) != 0)
		return CAPS_ALL;
	for (i = 0; i < sizeof(powers) / sizeof(powers[0]); i++)
		if ((powers[i].who & who) != 0 && (powers[i].when == 0 ||
		    (powers[i].when & wanted) != 0))
			caps |= CAPS_BIT(powers[i].cap);
	return caps;
}

uint64_t
powers_broker(unsigned int wanted)
{
	return powers_of(BROKER, wanted);
}

uint64_t
powers_supervisor(unsigned int wanted)
{
	return powers_of(SUPERVISOR, wanted);
}
