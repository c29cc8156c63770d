/* SPDX-License-Identifier: ISC */
/* Which capabilities are kept for whom. */
#include "config.h"

#include <linux/capability.h>

#include <criterion/criterion.h>

#include "broker/powers.h"
#include "common/caps.h"
#include "common/proto.h"

TestSuite(powers, .timeout = 20);

Test(powers, tenants_ask_for_what_they_are)
{
	cr_assert_eq(powers_wanted(1000, 0), 0);
	cr_assert_eq(powers_wanted(0, 0), POWERS_ROOT_JOBS);
	cr_assert_eq(powers_wanted(1000, TENANT_PRIVILEGED_JOBS),
	    POWERS_GAINING_JOBS);
	cr_assert_eq(powers_wanted(1000, TENANT_PRIVATE_TMP), POWERS_MOUNTS);
	cr_assert_eq(powers_wanted(1000, TENANT_PRIVATE_PIDS),
	    POWERS_MOUNTS);
}

Test(powers, jobs_that_have_or_get_roots_powers_need_them_all)
{
	cr_assert_eq(powers_broker(POWERS_ROOT_JOBS), CAPS_ALL);
	cr_assert_eq(powers_supervisor(POWERS_ROOT_JOBS), CAPS_ALL);
	cr_assert_eq(powers_broker(POWERS_GAINING_JOBS), CAPS_ALL);
	cr_assert_eq(powers_supervisor(POWERS_GAINING_JOBS), CAPS_ALL);
}

/* Who starts the broker cannot give it what it has not got. */
Test(powers, the_supervisor_has_what_its_broker_keeps)
{
	unsigned int wanted;

	for (wanted = 0; wanted < 8; wanted++)
		cr_assert_eq(powers_broker(wanted) &
		    ~powers_supervisor(wanted), 0);
}

/* With any of these the rest would be had for the asking. */
static const int never[] = {
	CAP_SYS_MODULE, CAP_SYS_RAWIO, CAP_SYS_BOOT, CAP_SYS_PTRACE,
	CAP_MAC_ADMIN, CAP_MKNOD, CAP_SETFCAP, CAP_NET_ADMIN, CAP_NET_RAW,
	CAP_SYS_TIME, CAP_BPF, CAP_PERFMON, CAP_LINUX_IMMUTABLE,
	CAP_DAC_READ_SEARCH,
};

Test(powers, nobody_keeps_what_nothing_takes)
{
	size_t i;

	for (i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		cr_expect_eq(powers_supervisor(POWERS_MOUNTS) &
		    CAPS_BIT(never[i]), 0, "capability %d", never[i]);
		cr_expect_eq(powers_broker(POWERS_MOUNTS) &
		    CAPS_BIT(never[i]), 0, "capability %d", never[i]);
	}
	cr_assert_eq(powers_broker(0) & (CAPS_BIT(CAP_SYS_ADMIN) |
	    CAPS_BIT(CAP_DAC_OVERRIDE) | CAPS_BIT(CAP_SYS_CHROOT)), 0);
	cr_assert_neq(powers_broker(POWERS_MOUNTS) & CAPS_BIT(CAP_SYS_ADMIN),
	    0);
}
