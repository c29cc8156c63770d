/* SPDX-License-Identifier: ISC */
/* System call filters, one function a role; see seccomp(2). */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/types.h>

#include <linux/sockios.h>

#include <errno.h>
#include <seccomp.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"
#include "common/sandbox.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* What serving open descriptors takes, whatever the arguments. */
static const int serving_calls[] = {
	SCMP_SYS(accept4), SCMP_SYS(brk), SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_nanosleep), SCMP_SYS(close), SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_wait),
	SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(fcntl),
	SCMP_SYS(fstat), SCMP_SYS(futex), SCMP_SYS(getpeername),
	SCMP_SYS(getpid), SCMP_SYS(getrandom), SCMP_SYS(getsockname),
	SCMP_SYS(getsockopt), SCMP_SYS(gettid), SCMP_SYS(gettimeofday),
	SCMP_SYS(lseek), SCMP_SYS(madvise), SCMP_SYS(mremap),
	SCMP_SYS(munmap), SCMP_SYS(newfstatat), SCMP_SYS(poll),
	SCMP_SYS(ppoll), SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg), SCMP_SYS(restart_syscall),
	SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn), SCMP_SYS(sched_yield), SCMP_SYS(sendmsg),
	SCMP_SYS(sendto), SCMP_SYS(setsockopt), SCMP_SYS(shutdown),
	SCMP_SYS(time), SCMP_SYS(timerfd_settime), SCMP_SYS(write),
	SCMP_SYS(writev),
};

static const unsigned int serving_ioctls[] = {
	FIONREAD, SIOCOUTQ, SIOCOUTQNSD, FIONBIO,
};

static int
allow_memory(scmp_filter_ctx ctx)
{
	struct scmp_arg_cmp no_exec = {
		.arg = 2,
		.op = SCMP_CMP_MASKED_EQ,
		.datum_a = PROT_EXEC,
	};

	if (seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
	    &no_exec) != 0)
		return -1;
	return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW,
	    SCMP_SYS(mprotect), 1, &no_exec);
}

/* abort(3) and raise(3) of this process, nobody else. */
static int
allow_own_signals(scmp_filter_ctx ctx)
{
	struct scmp_arg_cmp self = {
		.arg = 0,
		.op = SCMP_CMP_EQ,
		.datum_a = (scmp_datum_t)getpid(),
	};

	return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill),
	    1, &self);
}

static int
allow_ioctls(scmp_filter_ctx ctx)
{
	struct scmp_arg_cmp which = { .arg = 1, .op = SCMP_CMP_EQ };
	size_t i;

	for (i = 0; i < COUNT(serving_ioctls); i++) {
		which.datum_a = serving_ioctls[i];
		if (seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW,
		    SCMP_SYS(ioctl), 1, &which) != 0)
			return -1;
	}
	return 0;
}

int
sandbox_gateway(void)
{
	scmp_filter_ctx ctx;
	size_t i;
	int result = -1;

#ifdef WITH_SANITIZERS
	log_debug("sandbox", "no filter: sanitizers need more than it allows");
	return 0;
#endif
	tzset();	/* reads its file now, while files can be opened */
	ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (ctx == NULL)
		return -1;
	for (i = 0; i < COUNT(serving_calls); i++)
		if (seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW,
		    serving_calls[i], 0, NULL) != 0)
			goto done;
	if (allow_memory(ctx) != 0 || allow_own_signals(ctx) != 0 ||
	    allow_ioctls(ctx) != 0)
		goto done;
	result = seccomp_load(ctx) == 0 ? 0 : -1;
done:
	seccomp_release(ctx);
	return result;
}
