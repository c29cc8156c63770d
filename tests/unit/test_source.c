/* SPDX-License-Identifier: ISC */
/* What is no client's connection is none, whatever it is bound to. */
#include "config.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <criterion/criterion.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/auth/source.h"
#include "common/unix.h"
#include "tests/unit/broker_bench.h"

#define STRANGER 61077	/* nobody's, it is hoped */

static char dir[] = "/tmp/holdfast-source-XXXXXX";
static char path[sizeof(dir) + 8], url[sizeof(path) + 8];
static pid_t clients[4];
static size_t nclients;

static void
setup(void)
{
	cr_assert_not_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
	snprintf(url, sizeof(url), "unix:%s", path);
}

static void
teardown(void)
{
	while (nclients > 0) {
		kill(clients[--nclients], SIGKILL);
		waitpid(clients[nclients], NULL, 0);
	}
	unlink(path);
	rmdir(dir);
}

TestSuite(source, .timeout = 40, .init = setup, .fini = teardown);

static struct sockaddr_un
address_of(const char *name)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", name);
	return un;
}

static int
local(int type)
{
	return socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
}

/* A listening socket there, whatever was there before. */
static int
listen_at(int type)
{
	struct sockaddr_un un = address_of(path);
	int fd = local(type);

	unlink(path);
	cr_assert_eq(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	cr_assert_eq(listen(fd, 8), 0);
	cr_assert_eq(chmod(path, 0666), 0);
	cr_assert_eq(chmod(dir, 0755), 0);
	return fd;
}

static int
connect_there(int type)
{
	struct sockaddr_un un = address_of(path);
	int fd = local(type);

	if (connect(fd, (struct sockaddr *)&un, sizeof(un)) == -1)
		return -1;
	return fd;
}

/* The connection of another process, of user "uid" if this one may. */
static int
accept_from(int listener, uid_t uid)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (uid != getuid() && (setgroups(0, NULL) == -1 ||
		    setgid((gid_t)uid) == -1 || setuid(uid) == -1))
			_exit(1);
		if (connect_there(SOCK_STREAM) == -1)
			_exit(2);
		for (;;)
			pause();
	}
	cr_assert_lt(nclients, 4);
	clients[nclients++] = pid;
	return accept4(listener, NULL, NULL, SOCK_CLOEXEC);
}

Test(source, a_client_is_whoever_connected)
{
	int listener = listen_at(SOCK_STREAM), fd;
	struct source source;

	fd = accept_from(listener, getuid());
	cr_assert_eq(source_read(&source, fd), 0);
	cr_assert(source.is_local);
	cr_assert_str_eq(source.path, path);
	cr_assert_eq(source.uid, getuid());
	if (getuid() == 0) {
		fd = accept_from(listener, STRANGER);
		cr_assert_eq(source_read(&source, fd), 0);
		cr_assert_eq(source.uid, STRANGER);
	}
}

/* Bound to a path as listeners are, and made by who made those. */
static int
bound_pair_of(int which)
{
	int listener = listen_at(SOCK_STREAM), client, server;

	client = connect_there(SOCK_STREAM);
	server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	return which == 0 ? listener : which == 1 ? client : server;
}

static int
a_listening_one(void)
{
	return bound_pair_of(0);
}

static int
the_connecting_end(void)
{
	return bound_pair_of(1);
}

static int
our_own_connection(void)
{
	return bound_pair_of(2);
}

static int
one_that_listens_after_its_bind(void)
{
	struct sockaddr_un un = address_of(path);
	int fd = local(SOCK_STREAM);

	cr_assert_eq(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	return fd;
}

/* It can be bound once it is made, and then looks like an accepted one. */
static int
one_of_a_bound_pair(void)
{
	struct sockaddr_un un = address_of(path);
	int pair[2];

	cr_assert_eq(unix_pair(SOCK_STREAM, pair), 0);
	cr_assert_eq(bind(pair[0], (struct sockaddr *)&un, sizeof(un)), 0);
	return pair[0];
}

static int
the_other_of_a_bound_pair(void)
{
	struct sockaddr_un un = address_of(path);
	int pair[2];

	cr_assert_eq(unix_pair(SOCK_STREAM, pair), 0);
	cr_assert_eq(bind(pair[0], (struct sockaddr *)&un, sizeof(un)), 0);
	return pair[1];
}

static int
one_of_a_pair(void)
{
	int pair[2];

	cr_assert_eq(unix_pair(SOCK_STREAM, pair), 0);
	return pair[0];
}

static int
one_that_keeps_packets(void)
{
	int listener = listen_at(SOCK_SEQPACKET);

	connect_there(SOCK_SEQPACKET);
	return accept4(listener, NULL, NULL, SOCK_CLOEXEC);
}

static int
one_of_datagrams(void)
{
	return local(SOCK_DGRAM);
}

static int
an_unconnected_one(void)
{
	return local(SOCK_STREAM);
}

/* Bound to nothing in the file system: anybody can have any such name. */
static int
an_abstract_one(void)
{
	struct sockaddr_un un = address_of("");
	socklen_t len = sizeof(un);
	int listener = local(SOCK_STREAM), client = local(SOCK_STREAM);

	snprintf(un.sun_path + 1, sizeof(un.sun_path) - 1, "%s", path);
	cr_assert_eq(bind(listener, (struct sockaddr *)&un, len), 0);
	cr_assert_eq(listen(listener, 1), 0);
	cr_assert_eq(connect(client, (struct sockaddr *)&un, len), 0);
	return accept4(listener, NULL, NULL, SOCK_CLOEXEC);
}

static int
a_listener_of_tcp(void)
{
	char text[64];

	return bench_listen(text, sizeof(text));
}

static int
a_tcp_socket(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int
one_of_udp(void)
{
	return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

static int
no_socket(void)
{
	return open("/dev/null", O_RDWR | O_CLOEXEC);
}

static const struct {
	const char *name;
	int (*make)(void);
} fakes[] = {
	{ "a listening one", a_listening_one },
	{ "the connecting end", the_connecting_end },
	{ "our own connection", our_own_connection },
	{ "bound, not yet listening", one_that_listens_after_its_bind },
	{ "one of a bound pair", one_of_a_bound_pair },
	{ "the other of a bound pair", the_other_of_a_bound_pair },
	{ "one of a pair", one_of_a_pair },
	{ "packets", one_that_keeps_packets },
	{ "datagrams", one_of_datagrams },
	{ "unconnected", an_unconnected_one },
	{ "abstract", an_abstract_one },
	{ "a listener of TCP", a_listener_of_tcp },
	{ "a socket of TCP", a_tcp_socket },
	{ "UDP", one_of_udp },
	{ "no socket", no_socket },
};

Test(source, what_is_no_client)
{
	struct source source;
	size_t i;
	int fd;

	for (i = 0; i < sizeof(fakes) / sizeof(fakes[0]); i++) {
		fd = fakes[i].make();
		cr_assert_neq(fd, -1, "%s", fakes[i].name);
		cr_expect_eq(source_read(&source, fd), -1, "%s",
		    fakes[i].name);
		close(fd);
		unlink(path);
	}
}

static void
hand_over(struct bench *b, int gate, int fd, int type)
{
	static uint64_t handle;
	struct fields_GB_ADMIT admit = { .handle = ++handle };

	cr_assert_eq(chan_write_one(gate, MSG_GB_ADMIT, &admit, &fd, 1), 0);
	bench_expect(b, gate, ROLE_GATEWAY, type);
}

static struct bench_order
order_here(void)
{
	return (struct bench_order){
		.count = 1,
		.listeners = { {
			.url = url,
			.admission = ADMIT_PEER_UID,
			.tenants = { 1 },
		} },
		.tenants = { { .name = "self", .number = 1,
		    .uid = getuid() } },
	};
}

/* The same by way of a gateway's channel, which goes on. */
Test(source, a_gateway_that_passes_on_what_is_no_client)
{
	struct bench_order order = order_here();
	struct bench_options options = { .order = &order };
	struct bench b;
	size_t i;
	int gate, fd;

	bench_start(&b, &options);
	gate = bench_gateway(&b, 1);
	for (i = 0; i < sizeof(fakes) / sizeof(fakes[0]); i++) {
		fd = fakes[i].make();
		/* What is no socket at all is not even a message. */
		if (fakes[i].make != no_socket) {
			hand_over(&b, gate, fd, MSG_BG_REFUSED);
			cr_expect_eq(b.msg.BG_REFUSED.status, 403, "%s",
			    fakes[i].name);
		}
		close(fd);
		unlink(path);
	}
	fd = accept_from(listen_at(SOCK_STREAM), getuid());
	hand_over(&b, gate, fd, MSG_BG_ADMITTED);
	bench_stop(&b);
}

/*
 * A socket that somebody else has bound to the listener's path: who comes by
 * it is who the kernel says, so nobody becomes more than he is.
 */
Test(source, another_listener_at_the_same_path)
{
	struct bench_order order = order_here();
	struct bench_options options = { .order = &order };
	struct bench b;
	int gate, good, other, fd;

	good = listen_at(SOCK_STREAM);
	bench_start(&b, &options);
	gate = bench_gateway(&b, 1);
	fd = accept_from(good, getuid());
	hand_over(&b, gate, fd, MSG_BG_ADMITTED);
	other = listen_at(SOCK_STREAM);
	connect_there(SOCK_STREAM);
	fd = accept4(other, NULL, NULL, SOCK_CLOEXEC);
	hand_over(&b, gate, fd, MSG_BG_REFUSED);
	cr_assert_eq(b.msg.BG_REFUSED.status, 403);
	if (getuid() == 0) {
		fd = accept_from(other, STRANGER);
		hand_over(&b, gate, fd, MSG_BG_REFUSED);
		cr_assert_eq(b.msg.BG_REFUSED.status, 403);
	}
	bench_stop(&b);
}
