/* SPDX-License-Identifier: ISC */
/* System call filters from tables; see seccomp(2). */
#include "config.h"

#include <sys/mman.h>
#include <sys/types.h>

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "common/landlock.h"
#include "common/log.h"
#include "common/sandbox.h"
#include "common/sandbox_private.h"

/* What the kernel's binary tree of calls is worth; libseccomp 2.5. */
#define BINARY_TREE 2

static const struct sandbox_rule basics[] = {
	SANDBOX_ALLOW(brk), SANDBOX_ALLOW(clock_gettime),
	SANDBOX_ALLOW(clock_getres), SANDBOX_ALLOW(clock_nanosleep),
	SANDBOX_ALLOW(close), SANDBOX_ALLOW(exit), SANDBOX_ALLOW(exit_group),
	SANDBOX_ALLOW(futex), SANDBOX_ALLOW(getpid), SANDBOX_ALLOW(getrandom),
	SANDBOX_ALLOW(gettid), SANDBOX_ALLOW(gettimeofday),
	SANDBOX_ALLOW(lseek), SANDBOX_ALLOW(madvise), SANDBOX_ALLOW(mremap),
	SANDBOX_ALLOW(munmap), SANDBOX_ALLOW(nanosleep), SANDBOX_ALLOW(poll),
	SANDBOX_ALLOW(ppoll), SANDBOX_ALLOW(read), SANDBOX_ALLOW(readv),
	SANDBOX_ALLOW(pread64), SANDBOX_ALLOW(restart_syscall),
	SANDBOX_ALLOW(rt_sigaction), SANDBOX_ALLOW(rt_sigprocmask),
	SANDBOX_ALLOW(rt_sigreturn), SANDBOX_ALLOW(sched_yield),
	SANDBOX_ALLOW(time), SANDBOX_ALLOW(write), SANDBOX_ALLOW(writev),

	SANDBOX_ALLOW_IF(mmap, ARG_BITS(2, PROT_EXEC, 0)),
	SANDBOX_ALLOW_IF(mprotect, ARG_BITS(2, PROT_EXEC, 0)),

	SANDBOX_ALLOW_IF(fcntl, ARG_IS(1, F_GETFD)),
	SANDBOX_ALLOW_IF(fcntl, ARG_IS(1, F_SETFD)),
	SANDBOX_ALLOW_IF(fcntl, ARG_IS(1, F_GETFL)),
	/* Without O_ASYNC, which sends signals. */
	SANDBOX_ALLOW_IF(fcntl, ARG_IS(1, F_SETFL), ARG_BITS(2, O_ASYNC, 0)),
	SANDBOX_ALLOW_IF(fcntl, ARG_IS(1, F_DUPFD_CLOEXEC)),
};

/* Nothing of ours or of a library of ours does any of these by mistake. */
#define END(name) SANDBOX_END_AT(name)

static const struct sandbox_rule attacks[] = {
	/* Other programs. */
	END(execve), END(execveat), END(fork), END(vfork),

	/* Other processes. */
	END(kill), END(tkill), END(rt_sigqueueinfo), END(rt_tgsigqueueinfo),
	END(ptrace), END(process_vm_readv), END(process_vm_writev),
	END(process_madvise), END(process_mrelease), END(kcmp),
	END(pidfd_open), END(pidfd_getfd), END(pidfd_send_signal),

	/* Another identity, another view of the world. */
	END(setuid), END(setgid), END(setreuid), END(setregid),
	END(setresuid), END(setresgid), END(setgroups), END(setfsuid),
	END(setfsgid), END(capset), END(chroot), END(pivot_root),
	END(mount), END(umount2), END(move_mount), END(open_tree),
	END(fsopen), END(fsmount), END(fsconfig), END(fspick),
	END(mount_setattr), END(unshare), END(setns), END(personality),

	/* Code that is not in the program. */
	SANDBOX_END_IF(mprotect, ARG_BITS(2, PROT_EXEC, PROT_EXEC)),
	END(pkey_mprotect), END(remap_file_pages), END(shmat),
	END(memfd_secret), END(modify_ldt),

	/* Doors to the kernel that are used for breaking in. */
	END(bpf), END(io_uring_setup), END(io_uring_enter),
	END(io_uring_register), END(userfaultfd), END(perf_event_open),
	END(keyctl), END(add_key), END(request_key), END(seccomp),
	END(init_module), END(finit_module), END(delete_module),
	END(kexec_load), END(kexec_file_load), END(open_by_handle_at),
	END(iopl), END(ioperm), END(reboot), END(swapon), END(swapoff),
	END(acct), END(settimeofday), END(clock_settime), END(sysfs),
	END(quotactl), END(syslog), END(sethostname), END(setdomainname),
};

static const struct sandbox_rule alone[] = {
	END(clone),
	SANDBOX_END_IF(mmap, ARG_BITS(2, PROT_EXEC, PROT_EXEC)),
	SANDBOX_REFUSE(bind, EACCES), SANDBOX_REFUSE(connect, EACCES),
	SANDBOX_REFUSE(listen, EACCES), SANDBOX_REFUSE(socket, EACCES),
	SANDBOX_REFUSE(socketpair, EACCES),
};

const struct sandbox_table sandbox_basics = SANDBOX_TABLE(basics);
const struct sandbox_table sandbox_attacks = SANDBOX_TABLE(attacks);
const struct sandbox_table sandbox_alone = SANDBOX_TABLE(alone);

static unsigned int
rule_args(const struct sandbox_rule *rule)
{
	unsigned int n = 0;

	while (n < SANDBOX_ARGS && rule->args[n].op != 0)
		n++;
	return n;
}

static int
add_table(scmp_filter_ctx ctx, const struct sandbox_table *table)
{
	const struct sandbox_rule *rule;
	size_t i;
	int error;

	for (i = 0; i < table->count; i++) {
		rule = &table->rules[i];
		error = seccomp_rule_add_array(ctx, rule->action, rule->call,
		    rule_args(rule), rule->args);
		if (error != 0) {
			errno = -error;
			return -1;
		}
	}
	return 0;
}

/* abort(3) of this process; its number is known only now. */
static int
add_abort(scmp_filter_ctx ctx)
{
	const scmp_datum_t self = (scmp_datum_t)getpid();
	const struct sandbox_rule rules[] = {
		SANDBOX_ALLOW_IF(tgkill, ARG_IS(0, self), ARG_IS(2, SIGABRT)),
		SANDBOX_END_IF(tgkill, ARG_NOT(0, self)),
		SANDBOX_END_IF(tgkill, ARG_NOT(2, SIGABRT)),
	};
	const struct sandbox_table table = SANDBOX_TABLE(rules);

	return add_table(ctx, &table);
}

/*
 * Programs for the other instruction sets of this machine are jobs as good as
 * any.  What neither the library nor we know of is not for us to judge.
 */
static int
add_kinds(scmp_filter_ctx ctx)
{
	static const struct {
		uint32_t native, other;
	} kinds[] = {
		{ SCMP_ARCH_X86_64, SCMP_ARCH_X86 },
		{ SCMP_ARCH_X86_64, SCMP_ARCH_X32 },
		{ SCMP_ARCH_AARCH64, SCMP_ARCH_ARM },
		{ SCMP_ARCH_PPC64, SCMP_ARCH_PPC },
		{ SCMP_ARCH_S390X, SCMP_ARCH_S390 },
	};
	size_t i;
	int error;

	error = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH,
	    SCMP_ACT_ALLOW);
	for (i = 0; error == 0 && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (seccomp_arch_native() == kinds[i].native)
			error = seccomp_arch_add(ctx, kinds[i].other);
	errno = -error;
	return error == 0 ? 0 : -1;
}

static int
fill(scmp_filter_ctx ctx, const struct sandbox_policy *policy)
{
	size_t i;

	/* Older libraries know no tree and are merely slower. */
	(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, BINARY_TREE);
	if (policy->keep_privs &&
	    seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0) != 0)
		return -1;
	if (policy->jobs) {
		/* On older kernels a filter would slow jobs down for good. */
		(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_SSB, 1);
		if (add_kinds(ctx) == -1)
			return -1;
	}
	for (i = 0; i < SANDBOX_TABLES && policy->tables[i] != NULL; i++)
		if (add_table(ctx, policy->tables[i]) == -1)
			return -1;
	return policy->jobs ? 0 : add_abort(ctx);
}

int
sandbox_load(const struct sandbox_policy *policy)
{
	scmp_filter_ctx ctx;
	int result = -1, error;

#ifdef WITH_SANITIZERS
	log_debug("sandbox", "no filter: sanitizers need more than it allows");
	if (!policy->jobs)
		return 0;
#endif
	ctx = seccomp_init(policy->jobs ? SCMP_ACT_ALLOW :
	    SCMP_ACT_ERRNO(ENOSYS));
	if (ctx == NULL) {
		errno = ENOMEM;
		return -1;
	}
	if (fill(ctx, policy) == 0) {
		error = seccomp_load(ctx);
		errno = -error;
		result = error == 0 ? 0 : -1;
	}
	error = errno;
	seccomp_release(ctx);
	errno = error;
	return result;
}

void
sandbox_confine(uint64_t files, uint64_t ports)
{
	int result;

#ifdef WITH_SANITIZERS
	return;		/* they read /proc in the end */
#endif
	result = landlock_confine(files, ports);
	if (result > 0)
		log_debug("sandbox", "confined by Landlock %d", result);
	else if (result == 0)
		log_info("this kernel has no Landlock, or it is switched "
			 "off; the other walls stand");
	else
		log_warn("not confined by Landlock");
}
