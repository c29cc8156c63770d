/* SPDX-License-Identifier: ISC */
/* The gateway's jail. */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <time.h>

#include "common/landlock.h"
#include "common/sandbox.h"
#include "common/sandbox_private.h"

static const struct sandbox_rule serving[] = {
	SANDBOX_ALLOW(accept4), SANDBOX_ALLOW(epoll_ctl),
	SANDBOX_ALLOW(epoll_pwait), SANDBOX_ALLOW(epoll_pwait2),
	SANDBOX_ALLOW(epoll_wait), SANDBOX_ALLOW(getpeername),
	SANDBOX_ALLOW(getsockname), SANDBOX_ALLOW(recvfrom),
	SANDBOX_ALLOW(recvmsg), SANDBOX_ALLOW(sendmsg),
	SANDBOX_ALLOW(shutdown),
	/* To whom it is connected, and to nobody else. */
	SANDBOX_ALLOW_IF(sendto, ARG_NULL(4)),

	SANDBOX_ALLOW_IF(ioctl, ARG_IS(1, SIOCOUTQ)),
	SANDBOX_ALLOW_IF(ioctl, ARG_IS(1, SIOCOUTQNSD)),
	SANDBOX_ALLOW_IF(ioctl, ARG_IS(1, FIONREAD)),
	SANDBOX_ALLOW_IF(ioctl, ARG_IS(1, FIONBIO)),

	SANDBOX_ALLOW_IF(setsockopt, ARG_IS(1, IPPROTO_TCP),
	    ARG_IS(2, TCP_NODELAY)),
	SANDBOX_ALLOW_IF(setsockopt, ARG_IS(1, IPPROTO_TCP),
	    ARG_IS(2, TCP_QUICKACK)),
	SANDBOX_ALLOW_IF(setsockopt, ARG_IS(1, SOL_SOCKET),
	    ARG_IS(2, SO_SNDBUF)),
	SANDBOX_ALLOW_IF(setsockopt, ARG_IS(1, SOL_SOCKET),
	    ARG_IS(2, SO_LINGER)),
	SANDBOX_ALLOW_IF(getsockopt, ARG_IS(1, IPPROTO_TCP),
	    ARG_IS(2, TCP_INFO)),
	SANDBOX_ALLOW_IF(getsockopt, ARG_IS(1, SOL_SOCKET),
	    ARG_IS(2, SO_ERROR)),
	SANDBOX_ALLOW_IF(getsockopt, ARG_IS(1, SOL_SOCKET),
	    ARG_IS(2, SO_TYPE)),
	SANDBOX_ALLOW_IF(getsockopt, ARG_IS(1, SOL_SOCKET),
	    ARG_IS(2, SO_DOMAIN)),
	SANDBOX_ALLOW_IF(getsockopt, ARG_IS(1, SOL_SOCKET),
	    ARG_IS(2, SO_PEERCRED)),
};

/* What a library may try; the answer is one that it expects. */
static const struct sandbox_rule in_vain[] = {
	SANDBOX_REFUSE(access, EACCES), SANDBOX_REFUSE(creat, EACCES),
	SANDBOX_REFUSE(faccessat, EACCES), SANDBOX_REFUSE(faccessat2, EACCES),
	SANDBOX_REFUSE(fstat, EACCES), SANDBOX_REFUSE(getcwd, EACCES),
	SANDBOX_REFUSE(getdents64, EACCES), SANDBOX_REFUSE(lstat, EACCES),
	SANDBOX_REFUSE(newfstatat, EACCES), SANDBOX_REFUSE(open, EACCES),
	SANDBOX_REFUSE(openat, EACCES), SANDBOX_REFUSE(openat2, EACCES),
	SANDBOX_REFUSE(readlink, EACCES), SANDBOX_REFUSE(readlinkat, EACCES),
	SANDBOX_REFUSE(stat, EACCES), SANDBOX_REFUSE(statx, EACCES),
};

static const struct sandbox_table serving_table = SANDBOX_TABLE(serving);
static const struct sandbox_table in_vain_table = SANDBOX_TABLE(in_vain);

int
sandbox_gateway(void)
{
	static const struct sandbox_policy policy = {
		.tables = { &sandbox_basics, &sandbox_attacks,
		    &sandbox_alone, &serving_table, &in_vain_table },
	};

	tzset();	/* reads its file now, while files can be opened */
	sandbox_confine(0, 0);
	return sandbox_load(&policy);
}
