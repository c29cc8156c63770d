/* SPDX-License-Identifier: ISC */
/* Listening sockets from ws://IP:PORT. */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "broker/listen.h"

TestSuite(listen, .timeout = 20);

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
		{ "wss://127.0.0.1:1", 0, 0 },
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
