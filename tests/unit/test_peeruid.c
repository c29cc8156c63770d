/* SPDX-License-Identifier: ISC */
/* The owner of the other end: real sockets, and every kind of answer. */
#include "config.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "broker/auth/peeruid.h"

#define OTHER_UID 54321
#define NOBODY_UID 65534

TestSuite(peeruid, .timeout = 20);

static int
listen_on(int family, const char *text, struct sockaddr_storage *address)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	socklen_t len = sizeof(*address);
	int off = 0, fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return -1;
	if (family == AF_INET) {
		inet_pton(family, text, &in.sin_addr);
		memcpy(address, &in, sizeof(in));
	} else {
		inet_pton(family, text, &in6.sin6_addr);
		memcpy(address, &in6, sizeof(in6));
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	}
	if (bind(fd, (struct sockaddr *)address,
		family == AF_INET ? sizeof(in) : sizeof(in6)) == -1 ||
	    listen(fd, 8) == -1 ||
	    getsockname(fd, (struct sockaddr *)address, &len) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

static uint16_t
port_of(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET ?
	    ((const struct sockaddr_in *)address)->sin_port :
	    ((const struct sockaddr_in6 *)address)->sin6_port;
}

static int
connect_to(int family, const char *text, uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = port };
	struct sockaddr_in6 in6 = {
		.sin6_family = AF_INET6,
		.sin6_port = port,
	};
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	inet_pton(family, text, family == AF_INET ? (void *)&in.sin_addr :
						    (void *)&in6.sin6_addr);
	if (connect(fd, family == AF_INET ? (struct sockaddr *)&in :
					    (struct sockaddr *)&in6,
		family == AF_INET ? sizeof(in) : sizeof(in6)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* One listener, asked by one peeruid. */
struct bench {
	struct peeruid *peeruid;
	struct sockaddr_storage address;
	struct peeruid_end end;
	int listener;
};

static void
bench_open(struct bench *b, int family, const char *text)
{
	b->peeruid = peeruid_new();
	cr_assert_not_null(b->peeruid);
	b->listener = listen_on(family, text, &b->address);
	if (b->listener == -1)
		cr_skip_test("no %s here", text);
	peeruid_end_set(&b->end, (struct sockaddr *)&b->address);
}

static void
bench_close(struct bench *b)
{
	close(b->listener);
	peeruid_free(b->peeruid);
}

static enum peeruid_verdict
ask(struct bench *b, int fd, uid_t *uid)
{
	return peeruid_ask(b->peeruid, fd, &b->end, 1, uid);
}

Test(peeruid, own_connections_in_every_family)
{
	static const struct {
		int listens;
		const char *on;
		int connects;
		const char *to;
	} rows[] = {
		{ AF_INET, "127.0.0.1", AF_INET, "127.0.0.1" },
		{ AF_INET, "0.0.0.0", AF_INET, "127.0.0.1" },
		{ AF_INET, "127.0.0.1", AF_INET6, "::ffff:127.0.0.1" },
		{ AF_INET6, "::1", AF_INET6, "::1" },
		{ AF_INET6, "::", AF_INET6, "::1" },
		{ AF_INET6, "::", AF_INET, "127.0.0.1" },
		{ AF_INET6, "::", AF_INET6, "::ffff:127.0.0.1" },
	};
	enum peeruid_verdict verdict;
	struct bench b;
	uid_t uid;
	size_t i;
	int client, server;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bench_open(&b, rows[i].listens, rows[i].on);
		client = connect_to(rows[i].connects, rows[i].to,
		    port_of(&b.address));
		cr_assert_neq(client, -1, "connect to %s", rows[i].to);
		server = accept4(b.listener, NULL, NULL, SOCK_CLOEXEC);
		uid = (uid_t)-1;
		verdict = ask(&b, server, &uid);
		cr_assert_eq(verdict, PEERUID_OK, "%s from %s: %s", rows[i].on,
		    rows[i].to, peeruid_verdict_text(verdict));
		cr_assert_eq(uid, getuid());
		close(client);
		close(server);
		bench_close(&b);
	}
}

Test(peeruid, what_is_no_connected_tcp_socket_is_refused)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_port = htons(9),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct bench b;
	uid_t uid;
	int pair[2], pipes[2], udp, fresh;

	bench_open(&b, AF_INET, "127.0.0.1");
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair),
	    0);
	cr_assert_eq(pipe(pipes), 0);
	udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	cr_assert_eq(connect(udp, (struct sockaddr *)&in, sizeof(in)), 0);
	fresh = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert_eq(ask(&b, pair[0], &uid), PEERUID_NOT_TCP);
	cr_assert_eq(ask(&b, pipes[0], &uid), PEERUID_NOT_TCP);
	cr_assert_eq(ask(&b, udp, &uid), PEERUID_NOT_TCP);
	cr_assert_eq(ask(&b, fresh, &uid), PEERUID_NOT_TCP);
	cr_assert_eq(ask(&b, b.listener, &uid), PEERUID_NOT_TCP);
	cr_assert_eq(ask(&b, -1, &uid), PEERUID_NOT_TCP);
	close(pair[0]);
	close(pair[1]);
	close(pipes[0]);
	close(pipes[1]);
	close(udp);
	close(fresh);
	bench_close(&b);
}

Test(peeruid, only_the_server_end_of_one_of_the_listeners_counts)
{
	struct bench b, other;
	uid_t uid;
	int client, server;

	bench_open(&b, AF_INET, "127.0.0.1");
	bench_open(&other, AF_INET, "127.0.0.1");
	client = connect_to(AF_INET, "127.0.0.1", port_of(&other.address));
	server = accept4(other.listener, NULL, NULL, SOCK_CLOEXEC);
	cr_assert_eq(ask(&b, server, &uid), PEERUID_FOREIGN);
	cr_assert_eq(ask(&other, server, &uid), PEERUID_OK);
	cr_assert_eq(ask(&other, client, &uid), PEERUID_FOREIGN);
	cr_assert_eq(peeruid_ask(other.peeruid, server, NULL, 0, &uid),
	    PEERUID_FOREIGN);
	close(client);
	close(server);
	bench_close(&b);
	bench_close(&other);
}

Test(peeruid, a_client_that_closed_is_nobody)
{
	struct linger hard = { .l_onoff = 1 };
	struct bench b;
	uid_t uid = 77;
	int client, server, reset;

	bench_open(&b, AF_INET, "127.0.0.1");
	for (reset = 0; reset < 2; reset++) {
		client = connect_to(AF_INET, "127.0.0.1", port_of(&b.address));
		server = accept4(b.listener, NULL, NULL, SOCK_CLOEXEC);
		if (reset)
			setsockopt(client, SOL_SOCKET, SO_LINGER, &hard,
			    sizeof(hard));
		close(client);
		cr_assert_eq(ask(&b, server, &uid),
		    reset ? PEERUID_NOT_TCP : PEERUID_GONE);
		cr_assert_eq(uid, 77);
		close(server);
	}
	bench_close(&b);
}

Test(peeruid, a_client_that_only_shut_down_its_sending_is_nobody)
{
	struct bench b;
	uid_t uid;
	int client, server;

	bench_open(&b, AF_INET, "127.0.0.1");
	client = connect_to(AF_INET, "127.0.0.1", port_of(&b.address));
	server = accept4(b.listener, NULL, NULL, SOCK_CLOEXEC);
	shutdown(client, SHUT_WR);
	cr_assert_eq(ask(&b, server, &uid), PEERUID_GONE);
	close(client);
	close(server);
	bench_close(&b);
}

/* A process of another user, which closes and exits when it is told to. */
struct stranger {
	pid_t pid;
	int told;	/* write a byte: next step */
	int done;	/* read a byte: step taken */
};

static void
stranger_start(struct stranger *s, uid_t uid, uint16_t port)
{
	int to[2], from[2], fd;
	char byte = 0;

	cr_assert_eq(pipe(to), 0);
	cr_assert_eq(pipe(from), 0);
	if ((s->pid = fork()) == 0) {
		close(to[1]);
		close(from[0]);
		if (setresuid(uid, uid, uid) == -1 ||
		    (fd = connect_to(AF_INET, "127.0.0.1", port)) == -1)
			_exit(1);
		if (write(from[1], &byte, 1) == 1 && read(to[0], &byte, 1) == 1)
			close(fd);
		if (write(from[1], &byte, 1) == 1 && read(to[0], &byte, 1) == 1)
			_exit(0);
		_exit(1);
	}
	close(to[0]);
	close(from[1]);
	s->told = to[1];
	s->done = from[0];
	cr_assert_eq(read(s->done, &byte, 1), 1);
}

static void
stranger_step(struct stranger *s)
{
	char byte = 0;

	cr_assert_eq(write(s->told, &byte, 1), 1);
	cr_assert_geq(read(s->done, &byte, 1), 0);
}

Test(peeruid, another_user_is_told_apart_alive_closed_and_exited)
{
	struct stranger s;
	struct bench b;
	uid_t uid = 0;
	int server, status;

	if (geteuid() != 0)
		cr_skip_test("only root can be somebody else");
	bench_open(&b, AF_INET, "127.0.0.1");
	stranger_start(&s, OTHER_UID, port_of(&b.address));
	server = accept4(b.listener, NULL, NULL, SOCK_CLOEXEC);
	cr_assert_eq(ask(&b, server, &uid), PEERUID_OK);
	cr_assert_eq(uid, OTHER_UID);
	stranger_step(&s);
	uid = 77;
	cr_assert_eq(ask(&b, server, &uid), PEERUID_GONE);
	stranger_step(&s);
	cr_assert_eq(waitpid(s.pid, &status, 0), s.pid);
	cr_assert_eq(status, 0);
	cr_assert_eq(ask(&b, server, &uid), PEERUID_GONE);
	cr_assert_eq(uid, 77, "nothing was told about a closed socket");
	close(s.told);
	close(s.done);
	close(server);
	bench_close(&b);
}

Test(peeruid, the_overflow_user_is_nobody)
{
	struct stranger s;
	struct bench b;
	uid_t uid = 77;
	int server;

	if (geteuid() != 0)
		cr_skip_test("only root can be somebody else");
	bench_open(&b, AF_INET, "127.0.0.1");
	stranger_start(&s, NOBODY_UID, port_of(&b.address));
	server = accept4(b.listener, NULL, NULL, SOCK_CLOEXEC);
	cr_assert_eq(ask(&b, server, &uid), PEERUID_NOBODY);
	cr_assert_eq(uid, 77);
	stranger_step(&s);
	stranger_step(&s);
	waitpid(s.pid, NULL, 0);
	close(s.told);
	close(s.done);
	close(server);
	bench_close(&b);
}

TestSuite(peeruid_diag, .timeout = 20);

struct answer {
	struct nlmsghdr header;
	struct inet_diag_msg msg;
};

static struct peeruid_pair
pair_of(const char *client, const char *server)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct peeruid_pair pair;

	in.sin_port = htons(40000);
	inet_pton(AF_INET, client, &in.sin_addr);
	peeruid_end_set(&pair.client, (struct sockaddr *)&in);
	in.sin_port = htons(8080);
	inet_pton(AF_INET, server, &in.sin_addr);
	peeruid_end_set(&pair.server, (struct sockaddr *)&in);
	return pair;
}

static struct answer
good_answer(const struct peeruid_pair *pair)
{
	struct answer a;

	memset(&a, 0, sizeof(a));
	a.header.nlmsg_len = sizeof(a);
	a.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
	a.header.nlmsg_seq = 5;
	a.header.nlmsg_pid = 6;
	a.msg.idiag_family = AF_INET;
	a.msg.idiag_state = TCP_ESTABLISHED;
	a.msg.idiag_uid = 1000;
	a.msg.idiag_inode = 99;
	a.msg.id.idiag_sport = pair->client.port;
	a.msg.id.idiag_dport = pair->server.port;
	memcpy(a.msg.id.idiag_src, pair->client.address, 16);
	memcpy(a.msg.id.idiag_dst, pair->server.address, 16);
	return a;
}

static enum peeruid_verdict
parse(const struct answer *a, size_t len, uid_t *uid)
{
	struct peeruid_pair pair = pair_of("127.0.0.1", "127.0.0.1");

	return peeruid_parse(a, len, &pair, 5, 6, NOBODY_UID, uid);
}

Test(peeruid_diag, the_right_answer_counts)
{
	struct peeruid_pair pair = pair_of("127.0.0.1", "127.0.0.1");
	struct answer a = good_answer(&pair);
	uid_t uid = 0;

	cr_assert_eq(parse(&a, sizeof(a), &uid), PEERUID_OK);
	cr_assert_eq(uid, 1000);
}

Test(peeruid_diag, a_cut_answer_is_malformed)
{
	struct peeruid_pair pair = pair_of("127.0.0.1", "127.0.0.1");
	struct answer a = good_answer(&pair);
	uid_t uid;
	size_t len;

	for (len = 0; len < sizeof(a); len++) {
		cr_assert_eq(parse(&a, len, &uid), PEERUID_MALFORMED);
		a.header.nlmsg_len = (uint32_t)len;
		cr_assert_eq(parse(&a, sizeof(a), &uid), PEERUID_MALFORMED);
		a.header.nlmsg_len = sizeof(a);
	}
}

Test(peeruid_diag, every_state_but_established_is_gone)
{
	struct peeruid_pair pair = pair_of("127.0.0.1", "127.0.0.1");
	struct answer a = good_answer(&pair);
	uid_t uid = 77;
	unsigned int state;

	for (state = 0; state < 256; state++) {
		a.msg.idiag_state = (uint8_t)state;
		cr_assert_eq(parse(&a, sizeof(a), &uid) == PEERUID_OK,
		    state == TCP_ESTABLISHED, "state %u", state);
	}
}

Test(peeruid_diag, no_inode_no_owner)
{
	struct peeruid_pair pair = pair_of("127.0.0.1", "127.0.0.1");
	struct answer a = good_answer(&pair);
	uid_t uid = 77;

	a.msg.idiag_inode = 0;
	a.msg.idiag_uid = 0;
	cr_assert_eq(parse(&a, sizeof(a), &uid), PEERUID_GONE);
	cr_assert_eq(uid, 77);
}

Test(peeruid_diag, another_connection_is_no_answer)
{
	struct peeruid_pair pair = pair_of("127.0.0.1", "127.0.0.1");
	struct answer a;
	uid_t uid;

	a = good_answer(&pair);
	a.msg.id.idiag_sport++;
	cr_assert_eq(parse(&a, sizeof(a), &uid), PEERUID_GONE);
	a = good_answer(&pair);
	a.msg.id.idiag_dport++;
	cr_assert_eq(parse(&a, sizeof(a), &uid), PEERUID_GONE);
	a = good_answer(&pair);
	a.msg.id.idiag_src[0]++;
	cr_assert_eq(parse(&a, sizeof(a), &uid), PEERUID_GONE);
	a = good_answer(&pair);
	a.msg.id.idiag_dst[0]++;
	cr_assert_eq(parse(&a, sizeof(a), &uid), PEERUID_GONE);
	a = good_answer(&pair);
	a.msg.idiag_family = AF_UNIX;
	cr_assert_eq(parse(&a, sizeof(a), &uid), PEERUID_GONE);
	a = good_answer(&pair);
	a.msg.idiag_family = AF_INET6;
	cr_assert_eq(parse(&a, sizeof(a), &uid), PEERUID_GONE);
}

Test(peeruid_diag, the_answer_to_another_question_is_skipped)
{
	struct peeruid_pair pair = pair_of("127.0.0.1", "127.0.0.1");
	struct answer a = good_answer(&pair);
	uid_t uid;

	a.header.nlmsg_seq++;
	cr_assert_eq(parse(&a, sizeof(a), &uid), PEERUID_SKIP);
	a.header.nlmsg_seq--;
	a.header.nlmsg_pid++;
	cr_assert_eq(parse(&a, sizeof(a), &uid), PEERUID_SKIP);
}

Test(peeruid_diag, errors_and_unknown_kinds_refuse)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr body;
	} e = {
		.header = {
			.nlmsg_len = sizeof(e),
			.nlmsg_type = NLMSG_ERROR,
			.nlmsg_seq = 5,
			.nlmsg_pid = 6,
		},
		.body = { .error = -ENOENT },
	};
	struct answer a;
	uid_t uid;

	memset(&a, 0, sizeof(a));
	memcpy(&a, &e, sizeof(e));
	cr_assert_eq(parse(&a, sizeof(a), &uid), PEERUID_GONE);
	e.body.error = -EPERM;
	memcpy(&a, &e, sizeof(e));
	cr_assert_eq(parse(&a, sizeof(a), &uid), PEERUID_UNREACHABLE);
	e.body.error = 0;
	memcpy(&a, &e, sizeof(e));
	cr_assert_eq(parse(&a, sizeof(a), &uid), PEERUID_UNREACHABLE);
	a.header.nlmsg_type = NLMSG_DONE;
	cr_assert_eq(parse(&a, sizeof(a), &uid), PEERUID_MALFORMED);
}

Test(peeruid_diag, users_without_a_number_are_nobody)
{
	struct peeruid_pair pair = pair_of("127.0.0.1", "127.0.0.1");
	struct answer a = good_answer(&pair);
	uid_t uid;

	a.msg.idiag_uid = NOBODY_UID;
	cr_assert_eq(parse(&a, sizeof(a), &uid), PEERUID_NOBODY);
	a.msg.idiag_uid = UINT32_MAX;
	cr_assert_eq(parse(&a, sizeof(a), &uid), PEERUID_NOBODY);
}

Test(peeruid_diag, loopback_is_127_and_1)
{
	struct peeruid_pair pair = pair_of("127.9.8.7", "10.0.0.1");
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct peeruid_end end;

	cr_assert(peeruid_end_is_loopback(&pair.client));
	cr_assert_not(peeruid_end_is_loopback(&pair.server));
	inet_pton(AF_INET6, "::1", &in6.sin6_addr);
	peeruid_end_set(&end, (struct sockaddr *)&in6);
	cr_assert(peeruid_end_is_loopback(&end));
	inet_pton(AF_INET6, "7f00::1", &in6.sin6_addr);
	peeruid_end_set(&end, (struct sockaddr *)&in6);
	cr_assert_not(peeruid_end_is_loopback(&end));
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &in6.sin6_addr);
	peeruid_end_set(&end, (struct sockaddr *)&in6);
	cr_assert(peeruid_end_is_loopback(&end));
	cr_assert_eq(end.family, AF_INET);
}
