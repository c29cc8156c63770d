/* SPDX-License-Identifier: ISC */
/* Landlock by bare system calls: no library has them yet. */
#include "config.h"

#include <sys/syscall.h>

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "common/landlock.h"

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_restrict_self 446
#endif

#define ASK_VERSION 1u		/* LANDLOCK_CREATE_RULESET_VERSION */

/* struct landlock_ruleset_attr as of version 6; headers may be older. */
struct rights {
	uint64_t files;
	uint64_t ports;
	uint64_t scopes;
};

static int
ruleset_create(const struct rights *rights, size_t size, unsigned int flags)
{
	return (int)syscall(SYS_landlock_create_ruleset, rights, size, flags);
}

/*
 * Rights are numbered from 0 without gaps, and a ruleset that names one which
 * the kernel does not know cannot be made: so they are found out by trying.
 */
static uint64_t
known(struct rights *rights, uint64_t *field)
{
	uint64_t all = 0, bit;
	int fd;

	for (bit = 1; bit != 0; bit <<= 1) {
		memset(rights, 0, sizeof(*rights));
		*field = bit;
		fd = ruleset_create(rights, sizeof(*rights), 0);
		if (fd == -1)
			break;
		close(fd);
		all |= bit;
	}
	return all;
}

static struct rights
all_known(void)
{
	struct rights probe, all;

	all.files = known(&probe, &probe.files);
	all.ports = known(&probe, &probe.ports);
	all.scopes = known(&probe, &probe.scopes);
	return all;
}

static int
give_up(const struct rights *rights)
{
	int fd = ruleset_create(rights, sizeof(*rights), 0), result;

	if (fd == -1)
		return -1;
	/* No rule is added: nothing of what it handles is allowed. */
	result = (int)syscall(SYS_landlock_restrict_self, fd, 0);
	close(fd);
	return result;
}

static int
version(void)
{
	int number = ruleset_create(NULL, 0, ASK_VERSION);

	if (number == -1 && (errno == ENOSYS || errno == EOPNOTSUPP))
		return 0;
	return number;
}

int
landlock_confine(uint64_t files, uint64_t ports)
{
	struct rights rights;
	int number = version();

	if (number <= 0)
		return number;
	rights = all_known();
	rights.files &= ~files;
	rights.ports &= ~ports;
	return give_up(&rights) == -1 ? -1 : number;
}
