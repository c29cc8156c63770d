/* SPDX-License-Identifier: ISC */
/*
 * A job that tries to get out of its sandbox: prisoner WAY [ARGUMENT...].  It
 * exits with 0 when it got out, with 1 and the error when it did not, and
 * with 2 when the question is wrong.
 */
#include "config.h"

#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <netinet/in.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void __attribute__((noreturn))
caught(const char *what)
{
	err(1, "%s", what);
}

static void
way_write(char **args)
{
	int fd = open(args[0], O_WRONLY | O_CREAT | O_APPEND, 0644);

	if (fd == -1 || write(fd, "out\n", 4) != 4)
		caught(args[0]);
}

/* Only opened: what it would do is nothing to try. */
static void
way_open(char **args)
{
	if (open(args[0], O_WRONLY) == -1)
		caught(args[0]);
}

static void
way_read(char **args)
{
	char byte;
	int fd = open(args[0], O_RDONLY);

	if (fd == -1 || read(fd, &byte, 1) == -1)
		caught(args[0]);
}

/* Through a link that it makes itself, in a place it may write. */
static void
way_link(char **args)
{
	if (symlink(args[0], args[1]) == -1 && errno != EEXIST)
		err(2, "%s", args[1]);
	way_write(args + 1);
}

static void
way_hardlink(char **args)
{
	if (link(args[0], args[1]) == -1)
		caught(args[1]);
}

static void
way_mkdir(char **args)
{
	if (mkdir(args[0], 0755) == -1)
		caught(args[0]);
}

static void
way_rename(char **args)
{
	if (rename(args[0], args[1]) == -1)
		caught(args[0]);
}

static void
way_remove(char **args)
{
	if (unlink(args[0]) == -1 && rmdir(args[0]) == -1)
		caught(args[0]);
}

static void
way_chmod(char **args)
{
	if (chmod(args[0], 0777) == -1)
		caught(args[0]);
}

/* Take off the walls with the powers of a namespace of one's own. */
static void
way_mounts(char **args)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) == -1)
		caught("unshare");
	(void)mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL);
	(void)umount2(args[0], MNT_DETACH);
	(void)mount(NULL, args[0], NULL, MS_REMOUNT | MS_BIND, NULL);
	way_write(args + 1);
}

static void
way_umount(char **args)
{
	if (umount2(args[0], MNT_DETACH) == -1)
		caught(args[0]);
}

/* Anything but the three that every process has. */
static void
way_descriptors(char **args)
{
	int fd;

	(void)args;
	for (fd = 3; fd < 4096; fd++)
		if (fcntl(fd, F_GETFD) != -1)
			return;
	errno = EBADF;
	caught("descriptors");
}

/* By what is behind the standard ones, and behind those of process 1. */
static void
way_descriptor_paths(char **args)
{
	static const char *const paths[] = { "/proc/self/fd/0/..",
		"/proc/1/fd/3", "/proc/1/fd/4", "/proc/1/fd/5",
		"/proc/1/cwd/..", "/proc/2/fd/4" };
	char path[4096];
	size_t i;
	int fd;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", paths[i], args[0]);
		fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
		if (fd != -1)
			return;
	}
	caught("descriptors");
}

static int
open_socket(int family, int type)
{
	int fd = socket(family, type | SOCK_CLOEXEC, 0);

	if (fd == -1)
		caught("socket");
	return fd;
}

static struct sockaddr_in
inet(const char *port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(port)),
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};
}

static void
way_tcp(char **args)
{
	struct sockaddr_in to = inet(args[0]);

	if (connect(open_socket(AF_INET, SOCK_STREAM), (void *)&to,
	    sizeof(to)) == -1)
		caught("connect");
}

/* A datagram that nobody hears goes out, too: then nothing comes back. */
static void
way_udp(char **args)
{
	struct sockaddr_in to = inet(args[0]);
	struct timeval tv = { .tv_sec = 1 };
	int fd = open_socket(AF_INET, SOCK_DGRAM);
	char echo[8];

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	if (connect(fd, (void *)&to, sizeof(to)) == -1 ||
	    send(fd, "out", 3, 0) == -1 || recv(fd, echo, 8, 0) == -1)
		caught("udp");
}

static socklen_t
unix_name(struct sockaddr_un *to, const char *name)
{
	*to = (struct sockaddr_un){ .sun_family = AF_UNIX };
	strncpy(to->sun_path + (name[0] == '@'), name + (name[0] == '@'),
	    sizeof(to->sun_path) - 2);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
	    strlen(name) + (name[0] != '@'));
}

/* "@name" is an abstract one. */
static void
way_unix(char **args)
{
	struct sockaddr_un to;
	socklen_t len = unix_name(&to, args[0]);

	if (connect(open_socket(AF_UNIX, SOCK_STREAM), (void *)&to, len) ==
	    -1)
		caught("connect");
}

/* A pair is made without socket(2), and can be used with an address. */
static void
send_from_pair(int type, const char *name)
{
	struct sockaddr_un to;
	socklen_t len = unix_name(&to, name);
	int pair[2];

	if (socketpair(AF_UNIX, type, 0, pair) == -1)
		caught("socketpair");
	if (sendto(pair[0], "out", 3, 0, (void *)&to, len) == -1)
		caught("sendto");
}

static void
way_pair(char **args)
{
	send_from_pair(SOCK_DGRAM, args[0]);
}

/* The kernel makes datagrams of those. */
static void
way_raw_pair(char **args)
{
	send_from_pair(SOCK_RAW | SOCK_CLOEXEC, args[0]);
}

/* In those that never were connected to anything else there is no harm. */
static void
way_stream_pair(char **args)
{
	char byte;
	int pair[2];

	(void)args;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1 ||
	    write(pair[0], "x", 1) != 1 || read(pair[1], &byte, 1) != 1)
		caught("socketpair");
}

/* What those who set up the sandbox had in their environment. */
static void
way_environ(char **args)
{
	static char bytes[65536];
	char path[64];
	ssize_t n;
	int fd, pid;

	for (pid = 1; pid < 64; pid++) {
		snprintf(path, sizeof(path), "/proc/%d/environ", pid);
		fd = open(path, O_RDONLY);
		if (fd == -1)
			continue;
		n = read(fd, bytes, sizeof(bytes));
		close(fd);
		if (n > 0 && memmem(bytes, (size_t)n, args[0],
		    strlen(args[0])) != NULL)
			return;
	}
	errno = ENOENT;
	caught(args[0]);
}

static void
way_kill(char **args)
{
	if (kill((pid_t)atoi(args[0]), SIGTERM) == -1)
		caught("kill");
}

/* Whoever can be reached at all. */
static void
way_kill_all(char **args)
{
	(void)args;
	signal(SIGTERM, SIG_IGN);
	if (kill(-1, SIGTERM) == -1)
		caught("kill");
}

static void
way_ptrace(char **args)
{
	if (ptrace(PTRACE_SEIZE, (pid_t)atoi(args[0]), 0, 0) == -1)
		caught("ptrace");
}

static void
way_pidfd(char **args)
{
	if (syscall(SYS_pidfd_open, (pid_t)atoi(args[0]), 0) == -1)
		caught("pidfd_open");
}

static void
way_keys(char **args)
{
	(void)args;
	if (syscall(SYS_keyctl, 0, -3, 0, 0, 0) == -1)
		caught("keyctl");
}

static void
way_uring(char **args)
{
	char params[120] = "";

	(void)args;
	if (syscall(SYS_io_uring_setup, 1, params) == -1)
		caught("io_uring_setup");
}

static void
way_chroot(char **args)
{
	if (chroot(args[0]) == -1)
		caught("chroot");
}

static const struct {
	const char *name;
	int args;
	void (*try)(char **args);
} ways[] = {
	{ "write", 1, way_write },
	{ "open", 1, way_open },
	{ "read", 1, way_read },
	{ "link", 2, way_link },
	{ "hardlink", 2, way_hardlink },
	{ "mkdir", 1, way_mkdir },
	{ "rename", 2, way_rename },
	{ "remove", 1, way_remove },
	{ "chmod", 1, way_chmod },
	{ "mounts", 2, way_mounts },
	{ "umount", 1, way_umount },
	{ "descriptors", 0, way_descriptors },
	{ "descriptor-paths", 1, way_descriptor_paths },
	{ "tcp", 1, way_tcp },
	{ "udp", 1, way_udp },
	{ "unix", 1, way_unix },
	{ "pair", 1, way_pair },
	{ "raw-pair", 1, way_raw_pair },
	{ "stream-pair", 0, way_stream_pair },
	{ "environ", 1, way_environ },
	{ "kill", 1, way_kill },
	{ "kill-all", 0, way_kill_all },
	{ "ptrace", 1, way_ptrace },
	{ "pidfd", 1, way_pidfd },
	{ "keys", 0, way_keys },
	{ "uring", 0, way_uring },
	{ "chroot", 1, way_chroot },
};

int
main(int argc, char **argv)
{
	size_t i;

	for (i = 0; argc > 1 && i < sizeof(ways) / sizeof(ways[0]); i++)
		if (strcmp(argv[1], ways[i].name) == 0 &&
		    argc == 2 + ways[i].args) {
			ways[i].try(argv + 2);
			return 0;
		}
	errx(2, "usage: prisoner WAY [ARGUMENT...]");
}
