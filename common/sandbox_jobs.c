/* SPDX-License-Identifier: ISC */
/*
 * What those who start jobs, and the jobs, go without.
 *
 * A job is to work as any program of its user does: debuggers, tracers,
 * profilers and containers of one's own among them.  So ptrace, namespaces,
 * mounts in them, keyrings, io_uring, userfaultfd and perf_event_open stay:
 * whether users may have those is for the host to say, by its sysctls.  So do
 * calls that users ask with and only root changes by: adjtimex, quotactl,
 * syslog.  What is listed fails for every user anyway, or nearly; the point
 * is that the kernel's code behind it is not reached.
 */
#include "config.h"

#include "common/sandbox.h"
#include "common/sandbox_private.h"

#define NO(name) SANDBOX_REFUSE(name, EPERM)

static const struct sandbox_rule needless[] = {
	/* The kernel itself. */
	NO(kexec_load), NO(kexec_file_load), NO(init_module),
	NO(finit_module), NO(delete_module), NO(create_module),
	NO(get_kernel_syms), NO(query_module), NO(reboot), NO(bpf),

	/* The host as a whole. */
	NO(swapon), NO(swapoff), NO(acct), NO(settimeofday), NO(stime),
	NO(clock_settime), NO(clock_settime64), NO(vhangup), NO(nfsservctl),

	/* Hardware, past the kernel. */
	NO(iopl), NO(ioperm), NO(pciconfig_iobase), NO(pciconfig_read),
	NO(pciconfig_write), NO(s390_pci_mmio_read), NO(s390_pci_mmio_write),
	NO(vm86), NO(vm86old),

	/* Files past directories and their rights. */
	NO(open_by_handle_at), NO(lookup_dcookie),

	/* Nobody has called these for decades. */
	NO(uselib), NO(sysfs), NO(_sysctl), NO(afs_syscall), NO(bdflush),
};

static const struct sandbox_table needless_table = SANDBOX_TABLE(needless);

int
sandbox_jobs(bool no_new_privs)
{
	const struct sandbox_policy policy = {
		.tables = { &needless_table },
		.jobs = true,
		.keep_privs = !no_new_privs,
	};

	return sandbox_load(&policy);
}
