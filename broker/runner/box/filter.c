/* SPDX-License-Identifier: ISC */
/* The filter of a sandbox. */
#include "config.h"

#include <sys/mman.h>
#include <sys/socket.h>

#include <errno.h>
#include <seccomp.h>
#include <unistd.h>

#include "broker/runner/box/filter.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define REFUSE SCMP_ACT_ERRNO(EPERM)
#define TYPE_MASK 0xf	/* of socketpair(2)'s type; the rest are flags */

static const int never[] = {
	SCMP_SYS(add_key), SCMP_SYS(keyctl), SCMP_SYS(request_key),
};

static const int offline_never[] = {
	SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register),
	SCMP_SYS(io_uring_setup),
};

/* Families that mean nothing outside of a network namespace. */
static const unsigned int held[] = { AF_INET, AF_INET6, AF_NETLINK };

static int
refuse_all(scmp_filter_ctx ctx, const int *calls, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (seccomp_rule_add_array(ctx, REFUSE, calls[i], 0, NULL) !=
		    0)
			return -1;
	return 0;
}

static int
is_held(unsigned int family)
{
	size_t i;

	for (i = 0; i < COUNT(held); i++)
		if (held[i] == family)
			return 1;
	return 0;
}

static int
refuse_families(scmp_filter_ctx ctx)
{
	struct scmp_arg_cmp family = {
		.arg = 0,
		.op = SCMP_CMP_EQ,
	};

	for (family.datum_a = 0; family.datum_a < AF_MAX; family.datum_a++)
		if (!is_held((unsigned int)family.datum_a) &&
		    seccomp_rule_add_array(ctx, REFUSE, SCMP_SYS(socket), 1,
		    &family) != 0)
			return -1;
	family.op = SCMP_CMP_GE;
	family.datum_a = AF_MAX;
	return seccomp_rule_add_array(ctx, REFUSE, SCMP_SYS(socket), 1,
	    &family);
}

/*
 * Pairs of Unix sockets that stay connected for good.  One end of any other
 * could still send to an address; of Unix sockets "raw" ones are datagrams.
 */
static int
refuse_pairs(scmp_filter_ctx ctx)
{
	struct scmp_arg_cmp family = {
		.arg = 0,
		.op = SCMP_CMP_NE,
		.datum_a = AF_UNIX,
	};
	struct scmp_arg_cmp type = {
		.arg = 1,
		.op = SCMP_CMP_MASKED_EQ,
		.datum_a = TYPE_MASK,
	};

	for (; type.datum_b <= TYPE_MASK; type.datum_b++)
		if (type.datum_b != SOCK_STREAM &&
		    type.datum_b != SOCK_SEQPACKET &&
		    seccomp_rule_add_array(ctx, REFUSE, SCMP_SYS(socketpair),
		    1, &type) != 0)
			return -1;
	return seccomp_rule_add_array(ctx, REFUSE, SCMP_SYS(socketpair), 1,
	    &family);
}

static int
filter_fill(scmp_filter_ctx ctx, int network)
{
	if (refuse_all(ctx, never, COUNT(never)) != 0)
		return -1;
	if (network)
		return 0;
	return refuse_all(ctx, offline_never, COUNT(offline_never)) != 0 ||
	    refuse_families(ctx) != 0 || refuse_pairs(ctx) != 0 ?
	    -1 : 0;
}

int
filter_make(int network)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int fd;

	if (ctx == NULL)
		return -1;
	fd = memfd_create("filter", 0);
	if (fd != -1 && (filter_fill(ctx, network) == -1 ||
	    seccomp_export_bpf(ctx, fd) != 0 ||
	    lseek(fd, 0, SEEK_SET) == -1)) {
		close(fd);
		fd = -1;
	}
	seccomp_release(ctx);
	return fd;
}
