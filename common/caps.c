/* SPDX-License-Identifier: ISC */
/* Capabilities by bare system calls. */
#include "config.h"

#include <sys/prctl.h>
#include <sys/syscall.h>

#include <linux/capability.h>
#include <linux/securebits.h>

#include <errno.h>
#include <unistd.h>

#include "common/caps.h"

#define CAPS_MAX 64	/* more than any kernel has */

/* What root may is not implied any more; the rest stays off for good. */
#define LOCKED (SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | \
	SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED | \
	SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)

static struct __user_cap_header_struct head = {
	.version = _LINUX_CAPABILITY_VERSION_3,
};

static uint64_t
joined(uint32_t low, uint32_t high)
{
	return (uint64_t)high << 32 | low;
}

int
caps_get(struct caps *caps)
{
	struct __user_cap_data_struct d[2];
	int cap, there;

	if (syscall(SYS_capget, &head, d) == -1)
		return -1;
	*caps = (struct caps){
		.effective = joined(d[0].effective, d[1].effective),
		.permitted = joined(d[0].permitted, d[1].permitted),
		.inheritable = joined(d[0].inheritable, d[1].inheritable),
	};
	for (cap = 0; cap < CAPS_MAX; cap++) {
		there = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);
		if (there == -1)
			break;	/* the kernel knows no more of them */
		if (there == 1)
			caps->bounding |= CAPS_BIT(cap);
	}
	return 0;
}

static int
may_set(const struct caps *caps)
{
	return (caps->effective & CAPS_BIT(CAP_SETPCAP)) != 0;
}

int
caps_bound(uint64_t keep)
{
	struct caps caps;
	int cap;

	if (caps_get(&caps) == -1)
		return -1;
	if (!may_set(&caps))
		return 0;
	for (cap = 0; cap < CAPS_MAX; cap++)
		if ((caps.bounding & ~keep & CAPS_BIT(cap)) != 0 &&
		    prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == -1)
			return -1;
	return 0;
}

static int
ambient_clear(void)
{
	/* Kernels before 4.3 have none. */
	return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) ==
	    -1 && errno != EINVAL ? -1 : 0;
}

int
caps_limit(uint64_t keep)
{
	struct __user_cap_data_struct d[2] = { { 0 } };
	struct caps caps;
	uint64_t left;

	if (caps_bound(keep) == -1 || ambient_clear() == -1 ||
	    caps_get(&caps) == -1)
		return -1;
	left = caps.permitted & keep;
	d[0].permitted = d[0].effective = (uint32_t)left;
	d[1].permitted = d[1].effective = (uint32_t)(left >> 32);
	if (syscall(SYS_capset, &head, d) == -1 || caps_get(&caps) == -1)
		return -1;
	if (((caps.permitted | caps.effective) & ~keep) == 0 &&
	    caps.inheritable == 0)
		return 0;
	errno = EPERM;
	return -1;
}

int
caps_lock(void)
{
	struct caps caps;

	if (caps_get(&caps) == -1)
		return -1;
	return may_set(&caps) ? prctl(PR_SET_SECUREBITS, LOCKED) : 0;
}
