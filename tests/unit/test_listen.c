/* SPDX-License-Identifier: ISC */
/* Listening sockets from ws://, wss:// and unix: addresses. */
#include "config.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "broker/listen.h"

TestSuite(listen, .timeout = 20);

#define A10 "aaaaaaaaaa"
#define A100 A10 A10 A10 A10 A10 A10 A10 A10 A10 A10

Test(listen, urls_are_taken_apart_and_put_together)
{
	static const struct {
		const char *url;
		int ok;
		int loopback;
	} rows[] = {
		{ "ws://127.0.0.1:0", 1, 1 },
		{ "ws://127.255.0.9:65535", 1, 1 },
		{ "ws://0.0.0.0:8765", 1, 0 },
		{ "ws://10.0.0.1:80", 1, 0 },
		{ "ws://[::1]:8765", 1, 1 },
		{ "ws://[::]:8765", 1, 0 },
		{ "ws://[fe80::1]:1", 1, 0 },
		{ "ws://localhost:8765", 0, 0 },
		{ "wss://127.0.0.1:1", 1, 1 },
		{ "wss://[2001:db8::1]:443", 1, 0 },
		{ "wss://", 0, 0 },
		{ "unix:/run/holdfast/socket", 1, 1 },
		{ "unix:", 0, 0 },
		{ "unix:/", 0, 0 },
		{ "unix:relative", 0, 0 },
		{ "unix:/a/directory/", 0, 0 },
		{ "unix:/" A100 "123456", 1, 1 },
		{ "unix:/" A100 "1234567", 0, 0 },
		{ "tcp://127.0.0.1:1", 0, 0 },
		{ "nonsense", 0, 0 },
		{ "", 0, 0 },
		{ "ws://", 0, 0 },
		{ "ws://127.0.0.1", 0, 0 },
		{ "ws://127.0.0.1:", 0, 0 },
		{ "ws://127.0.0.1:65536", 0, 0 },
		{ "ws://127.0.0.1:-1", 0, 0 },
		{ "ws://127.0.0.1:+1", 0, 0 },
		{ "ws://127.0.0.1: 1", 0, 0 },
		{ "ws://127.0.0.1:1/", 0, 0 },
		{ "ws://127.0.0.1:1x", 0, 0 },
		{ "ws://127.1:1", 0, 0 },
		{ "ws://127.0.0.1.:1", 0, 0 },
		{ "ws://::1:8765", 0, 0 },
		{ "ws://[::1]", 0, 0 },
		{ "ws://[::1", 0, 0 },
		{ "ws://[::1]8765", 0, 0 },
		{ "ws://[127.0.0.1]:1", 0, 0 },
		{ "ws://[::1%lo]:1", 0, 0 },
		{ "ws://[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:"
		    "0000]:1", 0, 0 },
	};
	struct listen_addr addr;
	char url[LISTEN_URL_SIZE];
	const char *refused;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		refused = listen_parse(rows[i].url, &addr);
		cr_assert_eq(refused == NULL, rows[i].ok, "%s", rows[i].url);
		if (refused != NULL)
			continue;
		cr_assert_str_eq(listen_format(&addr, url), rows[i].url);
		cr_assert_eq(listen_is_loopback(&addr), rows[i].loopback,
		    "%s", rows[i].url);
	}
}

static int
open_url(const char *url, struct listen_addr *addr)
{
	cr_assert_null(listen_parse(url, addr));
	return listen_open(addr);
}

Test(listen, port_zero_picks_one_and_the_socket_listens)
{
	struct listen_addr addr;
	char url[LISTEN_URL_SIZE];
	int fd, client;

	fd = open_url("ws://127.0.0.1:0", &addr);
	cr_assert_geq(fd, 0);
	cr_assert_str_neq(listen_format(&addr, url), "ws://127.0.0.1:0");
	cr_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	cr_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
	client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert_eq(connect(client, (struct sockaddr *)&addr.ss, addr.len),
	    0);
	close(client);
	close(fd);
}

Test(listen, a_taken_port_is_an_error)
{
	struct listen_addr addr, again;
	int fd;

	fd = open_url("ws://127.0.0.1:0", &addr);
	cr_assert_geq(fd, 0);
	again = addr;
	errno = 0;
	cr_assert_eq(listen_open(&again), -1);
	cr_assert_eq(errno, EADDRINUSE);
	close(fd);
}

/* A path of its own for each test, in a directory of its own. */
static const char *
socket_url(char url[LISTEN_URL_SIZE])
{
	char dir[] = "/tmp/holdfast-listen-XXXXXX";

	cr_assert_not_null(mkdtemp(dir));
	snprintf(url, LISTEN_URL_SIZE, "unix:%s/socket", dir);
	return url + strlen("unix:");
}

static void
forget(const char *path)
{
	char dir[LISTEN_URL_SIZE];

	strlcpy(dir, path, sizeof(dir));
	*strrchr(dir, '/') = '\0';
	(void)unlink(path);
	cr_assert_eq(rmdir(dir), 0);
}

Test(listen, a_socket_has_its_mode_and_is_removed)
{
	char url[LISTEN_URL_SIZE];
	const char *path = socket_url(url);
	struct listen_addr addr;
	struct stat st;
	int fd, client;

	cr_assert_null(listen_parse(url, &addr));
	addr.mode = 0666;
	addr.group = getgid();
	fd = listen_open(&addr);
	cr_assert_geq(fd, 0);
	cr_assert_eq(lstat(path, &st), 0);
	cr_assert_eq(st.st_mode, S_IFSOCK | 0666);
	client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert_eq(connect(client, (struct sockaddr *)&addr.ss, addr.len),
	    0);
	close(client);
	close(fd);
	listen_remove(&addr);
	cr_assert_eq(lstat(path, &st), -1);
	forget(path);
}

Test(listen, only_what_nobody_listens_on_gives_way)
{
	char url[LISTEN_URL_SIZE];
	const char *path = socket_url(url);
	struct listen_addr addr, again;
	struct stat st;
	int fd, fd2;

	fd = open_url(url, &addr);
	cr_assert_geq(fd, 0);
	errno = 0;
	cr_assert_eq(open_url(url, &again), -1);
	cr_assert_eq(errno, EADDRINUSE);
	cr_assert_eq(lstat(path, &st), 0);
	close(fd);
	fd2 = open_url(url, &again);
	cr_assert_geq(fd2, 0);
	/* The first one's is gone, and the second's is not the first one's. */
	addr.ino = again.ino + 1;
	listen_remove(&addr);
	cr_assert_eq(lstat(path, &st), 0);
	close(fd2);
	forget(path);
}

Test(listen, a_file_is_never_replaced)
{
	char url[LISTEN_URL_SIZE];
	const char *path = socket_url(url);
	struct listen_addr addr;
	struct stat st;
	int fd;

	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	cr_assert_geq(fd, 0);
	close(fd);
	errno = 0;
	cr_assert_eq(open_url(url, &addr), -1);
	cr_assert_eq(errno, EEXIST);
	cr_assert_eq(lstat(path, &st), 0);
	cr_assert(S_ISREG(st.st_mode));
	forget(path);
}
