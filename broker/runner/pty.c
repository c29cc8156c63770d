/* SPDX-License-Identifier: ISC */
/* The slave is asked from the master, so no path in /dev/pts is trusted. */
#include "config.h"

#include <sys/ioctl.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "broker/runner/pty.h"
#include "common/unix.h"

int
pty_open(int *master, int *slave, unsigned short rows, unsigned short cols)
{
	struct winsize size = { .ws_row = rows, .ws_col = cols };
	int saved, unlock = 0;

	*slave = -1;
	*master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK |
	    O_CLOEXEC);
	if (*master == -1)
		return -1;
	if (ioctl(*master, TIOCSPTLCK, &unlock) == -1)
		goto fail;
	*slave = ioctl(*master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (*slave == -1 || ioctl(*slave, TIOCSWINSZ, &size) == -1)
		goto fail;
	return 0;
fail:
	saved = errno;
	unix_close(slave);
	unix_close(master);
	errno = saved;
	return -1;
}

int
pty_resize(int master, unsigned short rows, unsigned short cols)
{
	struct winsize size = { .ws_row = rows, .ws_col = cols };

	return ioctl(master, TIOCSWINSZ, &size);
}
