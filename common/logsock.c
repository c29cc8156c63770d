/* SPDX-License-Identifier: ISC */
/* The client's side of RFC 3164, without a time: the log has its own. */
#include "config.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/logsock.h"

#define LINE_SIZE 2048

static const char *logsock_path;
static int logsock_fd = -1;

void
logsock_close(void)
{
	if (logsock_fd != -1)
		close(logsock_fd);
	logsock_fd = -1;
}

static int
logsock_connect(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int saved;

	if (strlen(logsock_path) >= sizeof(to.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(to.sun_path, logsock_path, strlen(logsock_path));
	logsock_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (logsock_fd == -1)
		return -1;
	if (connect(logsock_fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		return 0;
	saved = errno;
	logsock_close();
	errno = saved;
	return -1;
}

int
logsock_open(const char *path)
{
	logsock_close();
	logsock_path = path;
	return logsock_connect();
}

static int
logsock_try(const char *line, size_t len)
{
	if (logsock_fd == -1 && logsock_connect() == -1)
		return -1;
	return send(logsock_fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL) ==
	    -1 ? -1 : 0;
}

int
logsock_send(int priority, const char *name, const char *text)
{
	char line[LINE_SIZE];
	size_t len;
	int n;

	if (logsock_path == NULL) {
		errno = ENOTCONN;
		return -1;
	}
	n = snprintf(line, sizeof(line), "<%d>%s[%d]: %s", priority, name,
	    (int)getpid(), text);
	if (n < 0)
		return -1;
	len = (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1;
	if (logsock_try(line, len) == 0)
		return 0;
	/* Full is not gone: the next one may fit. */
	if (errno == EAGAIN || errno == ENOBUFS || logsock_fd == -1)
		return -1;
	logsock_close();
	return logsock_try(line, len);
}
