/* SPDX-License-Identifier: ISC */
/* Small things about descriptors. */
#include "config.h"

#include <sys/socket.h>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/unix.h"

int
unix_pair(int type, int pair[2])
{
	return socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
	    pair);
}

int
unix_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags == -1)
		return -1;
	return fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1 ? -1 : 0;
}

int
unix_cloexec(int fd)
{
	int flags = fcntl(fd, F_GETFD);

	if (flags == -1)
		return -1;
	return fcntl(fd, F_SETFD, flags | FD_CLOEXEC) == -1 ? -1 : 0;
}

static int
sock_int(int fd, int option)
{
	int value = -1;
	socklen_t len = sizeof(value);

	if (getsockopt(fd, SOL_SOCKET, option, &value, &len) == -1)
		return -1;
	return value;
}

int
unix_is_socket(int fd, int type)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	return sock_int(fd, SO_DOMAIN) == AF_UNIX &&
	    sock_int(fd, SO_TYPE) == type &&
	    getpeername(fd, (struct sockaddr *)&ss, &len) == 0;
}

int
unix_dup(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

void
unix_close(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

void
unix_close_passed(int *fd)
{
	static const struct linger off;

	if (*fd != -1)
		(void)setsockopt(*fd, SOL_SOCKET, SO_LINGER, &off,
		    sizeof(off));
	unix_close(fd);
}

int
unix_count_fds(void)
{
	struct dirent *entry;
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	if (dir == NULL)
		return -1;
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			count++;
	closedir(dir);
	return count - 1;	/* the directory's own */
}
