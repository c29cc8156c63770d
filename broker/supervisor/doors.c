/* SPDX-License-Identifier: ISC */
/* The sockets in the runtime directory by which others come. */
#include "config.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "broker/supervisor/doors.h"
#include "common/log.h"
#include "common/unix.h"

#define DOORS_BACKLOG 32

static const char *const names[] = {
	[DOOR_ADMIN] = "admin",
	[DOOR_ADOPT] = "adopt",
};

static int
doors_address(struct sockaddr_un *sun, const char *dir, size_t door)
{
	int n;

	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	n = snprintf(sun->sun_path, sizeof(sun->sun_path), "%s/%s", dir,
	    names[door]);
	if (n > 0 && (size_t)n < sizeof(sun->sun_path))
		return 0;
	errno = ENAMETOOLONG;
	return -1;
}

/* The mode is its own before it has a name. */
static int
doors_bind(int fd, const struct sockaddr_un *sun, mode_t mode, gid_t group)
{
	mode_t mask;
	int result, saved;

	if (unlink(sun->sun_path) == -1 && errno != ENOENT)
		return -1;
	if (fchmod(fd, group == (gid_t)-1 ? mode : 0600) == -1)
		return -1;
	mask = umask(0);
	result = bind(fd, (const struct sockaddr *)sun, sizeof(*sun));
	saved = errno;
	umask(mask);
	errno = saved;
	if (result == -1 || listen(fd, DOORS_BACKLOG) == -1)
		return -1;
	if (group == (gid_t)-1)
		return 0;
	/* Whose directory it is in nobody else can have changed the name. */
	if (lchown(sun->sun_path, (uid_t)-1, group) == -1)
		return -1;
	return chmod(sun->sun_path, mode);
}

static int
doors_make(const char *dir, size_t door, gid_t group)
{
	struct sockaddr_un sun;
	int fd;

	if (doors_address(&sun, dir, door) == -1)
		return -1;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0);
	if (fd == -1)
		return -1;
	if (doors_bind(fd, &sun, group == (gid_t)-1 ? 0600 : 0660,
	    group) == 0)
		return fd;
	unix_close(&fd);
	return -1;
}

void
doors_open(struct doors *doors, const char *dir, gid_t group)
{
	size_t door;

	for (door = DOOR_ADMIN; door <= DOOR_ADOPT; door++) {
		if (doors->fds[door] != -1)
			continue;
		doors->fds[door] = doors_make(dir, door,
		    door == DOOR_ADMIN ? group : (gid_t)-1);
		if (doors->fds[door] == -1)
			log_warn("%s/%s", dir, names[door]);
	}
}

void
doors_close(struct doors *doors, const char *dir, int remove)
{
	struct sockaddr_un sun;
	size_t door;

	for (door = DOOR_ADMIN; door <= DOOR_ADOPT; door++) {
		unix_close(&doors->fds[door]);
		if (remove && doors_address(&sun, dir, door) == 0)
			(void)unlink(sun.sun_path);
	}
}
