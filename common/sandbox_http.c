/* SPDX-License-Identifier: ISC */
/* The jail of the worker for HTTP requests. */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <netinet/in.h>

#include <fcntl.h>
#include <sched.h>

#include "common/landlock.h"
#include "common/sandbox.h"
#include "common/sandbox_private.h"

#define WRITING (O_ACCMODE | O_CREAT | O_TRUNC)

static const struct sandbox_rule requests[] = {
	SANDBOX_ALLOW(bind), SANDBOX_ALLOW(connect),
	SANDBOX_ALLOW(epoll_create1), SANDBOX_ALLOW(epoll_ctl),
	SANDBOX_ALLOW(epoll_pwait), SANDBOX_ALLOW(epoll_wait),
	SANDBOX_ALLOW(eventfd2), SANDBOX_ALLOW(getpeername),
	SANDBOX_ALLOW(getsockname), SANDBOX_ALLOW(getsockopt),
	SANDBOX_ALLOW(pipe), SANDBOX_ALLOW(pipe2), SANDBOX_ALLOW(pselect6),
	SANDBOX_ALLOW(recvfrom), SANDBOX_ALLOW(recvmmsg),
	SANDBOX_ALLOW(recvmsg), SANDBOX_ALLOW(select),
	SANDBOX_ALLOW(sendmmsg), SANDBOX_ALLOW(sendmsg),
	SANDBOX_ALLOW(sendto), SANDBOX_ALLOW(shutdown),
	SANDBOX_ALLOW(socketpair),

	/* A local socket could be that of somebody who starts programs. */
	SANDBOX_ALLOW_IF(socket, ARG_IS(0, AF_INET)),
	SANDBOX_ALLOW_IF(socket, ARG_IS(0, AF_INET6)),
	SANDBOX_ALLOW_IF(socket, ARG_IS(0, AF_NETLINK)),
	SANDBOX_REFUSE_IF(socket, EACCES, ARG_IS(0, AF_UNIX)),

	SANDBOX_ALLOW_IF(setsockopt, ARG_IS(1, SOL_SOCKET)),
	SANDBOX_ALLOW_IF(setsockopt, ARG_IS(1, IPPROTO_IP)),
	SANDBOX_ALLOW_IF(setsockopt, ARG_IS(1, IPPROTO_IPV6)),
	SANDBOX_ALLOW_IF(setsockopt, ARG_IS(1, IPPROTO_TCP)),
	SANDBOX_ALLOW_IF(ioctl, ARG_IS(1, FIONREAD)),
	SANDBOX_ALLOW_IF(ioctl, ARG_IS(1, FIONBIO)),
};

/* Names, certificates, and the modules that look up names. */
static const struct sandbox_rule reading[] = {
	SANDBOX_ALLOW(access), SANDBOX_ALLOW(faccessat),
	SANDBOX_ALLOW(faccessat2), SANDBOX_ALLOW(fadvise64),
	SANDBOX_ALLOW(fstat), SANDBOX_ALLOW(getcwd),
	SANDBOX_ALLOW(getdents64), SANDBOX_ALLOW(getegid),
	SANDBOX_ALLOW(geteuid), SANDBOX_ALLOW(getgid), SANDBOX_ALLOW(getuid),
	SANDBOX_ALLOW(lstat), SANDBOX_ALLOW(newfstatat),
	SANDBOX_ALLOW(readlink), SANDBOX_ALLOW(readlinkat),
	SANDBOX_ALLOW(stat), SANDBOX_ALLOW(statfs), SANDBOX_ALLOW(statx),
	SANDBOX_ALLOW(uname),

	SANDBOX_ALLOW_IF(open, ARG_BITS(1, WRITING, O_RDONLY)),
	SANDBOX_ALLOW_IF(openat, ARG_BITS(2, WRITING, O_RDONLY)),
	SANDBOX_REFUSE_IF(open, EACCES, ARG_BITS(1, O_WRONLY, O_WRONLY)),
	SANDBOX_REFUSE_IF(openat, EACCES, ARG_BITS(2, O_WRONLY, O_WRONLY)),
	SANDBOX_REFUSE_IF(open, EACCES, ARG_BITS(1, O_RDWR, O_RDWR)),
	SANDBOX_REFUSE_IF(openat, EACCES, ARG_BITS(2, O_RDWR, O_RDWR)),

	/* Code comes from files, and files cannot be written. */
	SANDBOX_ALLOW_IF(mmap, ARG_BITS(2, PROT_EXEC | PROT_WRITE, PROT_EXEC),
	    ARG_BITS(3, MAP_ANONYMOUS, 0)),
	SANDBOX_END_IF(mmap, ARG_BITS(2, PROT_EXEC | PROT_WRITE,
	    PROT_EXEC | PROT_WRITE)),
	SANDBOX_END_IF(mmap, ARG_BITS(2, PROT_EXEC, PROT_EXEC),
	    ARG_BITS(3, MAP_ANONYMOUS, MAP_ANONYMOUS)),
};

static const struct sandbox_rule threads[] = {
	SANDBOX_ALLOW_IF(clone, ARG_BITS(0, CLONE_THREAD, CLONE_THREAD)),
	SANDBOX_END_IF(clone, ARG_BITS(0, CLONE_THREAD, 0)),
	/* Not clone3: its flags are in memory, where nobody checks them. */
	SANDBOX_ALLOW(rseq), SANDBOX_ALLOW(sched_getaffinity),
	SANDBOX_ALLOW(set_robust_list), SANDBOX_ALLOW(sigaltstack),
	SANDBOX_ALLOW(membarrier), SANDBOX_ALLOW(sysinfo),
	SANDBOX_ALLOW_IF(prlimit64, ARG_NULL(2)),
	SANDBOX_REFUSE_IF(prlimit64, EPERM, ARG_NOT_NULL(2)),
};

static const struct sandbox_table requests_table = SANDBOX_TABLE(requests);
static const struct sandbox_table reading_table = SANDBOX_TABLE(reading);
static const struct sandbox_table threads_table = SANDBOX_TABLE(threads);

int
sandbox_http(void)
{
	static const struct sandbox_policy policy = {
		.tables = { &sandbox_basics, &sandbox_attacks,
		    &requests_table, &reading_table, &threads_table },
	};

	sandbox_confine(LANDLOCK_READING, LANDLOCK_CONNECT);
	return sandbox_load(&policy);
}
