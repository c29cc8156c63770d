/* SPDX-License-Identifier: ISC */
/* Waiting with a deadline, for tests. */
#include "config.h"

#include <sys/types.h>

#include <errno.h>
#include <poll.h>
#include <time.h>

#include "common/clock.h"
#include "tests/lib/procfs.h"
#include "tests/lib/wait.h"

uint64_t
deadline_in(int ms)
{
	return clock_add(clock_ms(), (uint64_t)(ms > 0 ? ms : 0));
}

int
deadline_left(uint64_t deadline)
{
	uint64_t now = clock_ms();

	if (now >= deadline)
		return 0;
	return deadline - now > 86400000 ? 86400000 : (int)(deadline - now);
}

int
wait_until(int (*cond)(void *), void *arg, int ms)
{
	static const struct timespec pause = { .tv_nsec = 5000000 };
	uint64_t deadline = deadline_in(ms);
	int last;

	for (;;) {
		last = deadline_left(deadline) == 0;
		if (cond(arg))
			return 0;
		if (last) {
			errno = ETIMEDOUT;
			return -1;
		}
		nanosleep(&pause, NULL);
	}
}

int
wait_pid_gone(void *pid)
{
	struct procfs_entry entry;

	return procfs_get(*(pid_t *)pid, &entry) == -1 || entry.state == 'Z';
}

int
wait_fd(int fd, short events, uint64_t deadline)
{
	struct pollfd pfd = { .fd = fd, .events = events };
	int n;

	for (;;) {
		n = poll(&pfd, 1, deadline_left(deadline));
		if (n > 0)
			return pfd.revents;
		if (n == 0) {
			errno = ETIMEDOUT;
			return -1;
		}
		if (errno != EINTR)
			return -1;
	}
}
