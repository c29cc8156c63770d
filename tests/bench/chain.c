/* SPDX-License-Identifier: ISC */
/* Two hops without anything. */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/chain.h"
#include "tests/bench/num.h"
#include "tests/bench/rpc.h"
#include "tests/bench/usage.h"

#define RELAY_BUF 65536
#define ENCODED(n) (((n) + 2) / 3 * 4)

/* What a relay copies from where to where; -1: nothing. */
struct way {
	int from;
	int to;
	/* What becomes of the bytes, or NULL: nothing. */
	size_t (*turn)(char *out, const char *in, size_t len);
};

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Base64 (RFC 4648 section 4) as one writes it, without any art. */
static size_t
encode(char *out, const char *in, size_t len)
{
	const unsigned char *p = (const unsigned char *)in;
	unsigned long v;
	size_t i, n = 0;

	for (i = 0; i < len; i += 3) {
		v = (unsigned long)p[i] << 16;
		if (i + 1 < len)
			v |= (unsigned long)p[i + 1] << 8;
		if (i + 2 < len)
			v |= p[i + 2];
		out[n++] = alphabet[v >> 18];
		out[n++] = alphabet[v >> 12 & 63];
		out[n++] = i + 1 < len ? alphabet[v >> 6 & 63] : '=';
		out[n++] = i + 2 < len ? alphabet[v & 63] : '=';
	}
	return n;
}

static void
decode_four(char *out, const unsigned char *in, const unsigned char *value)
{
	unsigned long v;

	v = (unsigned long)value[in[0]] << 18 |
	    (unsigned long)value[in[1]] << 12 |
	    (unsigned long)value[in[2]] << 6 | value[in[3]];
	out[0] = (char)(v >> 16);
	out[1] = (char)(v >> 8);
	out[2] = (char)v;
}

/* The way back, of text without an end, in whatever pieces it comes. */
static size_t
decode(char *out, const char *in, size_t len)
{
	const unsigned char *p = (const unsigned char *)in, *end = p + len;
	static unsigned char value[256], kept[4];
	static size_t have;
	size_t i, n = 0;

	if (value['B'] == 0)
		for (i = 0; i < 64; i++)
			value[(unsigned char)alphabet[i]] = (unsigned char)i;
	while (have > 0 && have < 4 && p < end)
		kept[have++] = *p++;
	if (have == 4) {
		decode_four(out, kept, value);
		have = 0;
		n = 3;
	}
	for (; end - p >= 4; p += 4, n += 3)
		decode_four(out + n, p, value);
	while (p < end)
		kept[have++] = *p++;
	return n;
}

pid_t
fork_tied(void)
{
	pid_t parent = getpid(), pid = fork();

	if (pid == -1)
		give_up("fork: %s", strerror(errno));
	if (pid == 0 && (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 ||
	    getppid() != parent))
		_exit(1);
	return pid;
}

/* One read and what it takes to write it on; 0 at the end. */
static int
relay_once(const struct way *way)
{
	static char in[RELAY_BUF], turned[ENCODED(RELAY_BUF)];
	ssize_t n = read(way->from, in, sizeof(in)), m;
	const char *p = in;
	size_t left;

	if (n <= 0)
		return 0;
	left = (size_t)n;
	if (way->turn != NULL) {
		left = way->turn(turned, in, left);
		p = turned;
	}
	for (; left > 0; p += m, left -= (size_t)m)
		if ((m = write(way->to, p, left)) <= 0)
			return 0;
	return 1;
}

static void __attribute__((noreturn))
relay(const struct way *there, const struct way *back)
{
	struct pollfd p[2] = {
		{ .fd = there->from, .events = POLLIN },
		{ .fd = back->from, .events = POLLIN }
	};

	for (;;) {
		if (poll(p, 2, -1) == -1)
			_exit(1);
		if (p[0].revents != 0 && !relay_once(there))
			_exit(0);
		if (p[1].revents != 0 && !relay_once(back))
			_exit(0);
	}
}

static void
tcp_pair(int fd[2])
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)
	};
	socklen_t len = sizeof(sin);
	int on = 1, listener;

	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	fd[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listener, (struct sockaddr *)&sin, len) == -1 ||
	    listen(listener, 1) == -1 ||
	    getsockname(listener, (struct sockaddr *)&sin, &len) == -1 ||
	    connect(fd[0], (struct sockaddr *)&sin, len) == -1 ||
	    (fd[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) == -1)
		give_up("TCP pair: %s", strerror(errno));
	close(listener);
	setsockopt(fd[0], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd[1], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static void __attribute__((noreturn))
job_exec(int in, int out, const char *mode, const char *arg)
{
	if (dup2(in, STDIN_FILENO) == -1 || dup2(out, STDOUT_FILENO) == -1)
		_exit(127);
	execl(job_program(), "job", mode, arg, (char *)NULL);
	_exit(127);
}

/* The relay's ends of the job's input and output go to "out" and "in". */
static pid_t
job_spawn(int how, const char *mode, const char *arg, int *in, int *out)
{
	int master, slave, up[2], down[2];
	pid_t pid;

	if (how & JOB_TTY) {
		if (openpty(&master, &slave, NULL, NULL, NULL) == -1)
			give_up("openpty: %s", strerror(errno));
		up[0] = down[1] = master;
		up[1] = down[0] = slave;
	} else if (pipe2(up, O_CLOEXEC) == -1 || pipe2(down, O_CLOEXEC) == -1) {
		give_up("pipe: %s", strerror(errno));
	}
	pid = fork_tied();
	if (pid == 0) {
		if (how & JOB_TTY) {
			close(master);
			setsid();
			ioctl(slave, TIOCSCTTY, 0);
		}
		job_exec(down[0], up[1], mode, arg);
	}
	close(up[1]);
	if (!(how & JOB_TTY))
		close(down[0]);
	*in = up[0];
	*out = down[1];
	return pid;
}

/* The relay that stands where a runner would, and its job; takes "fd". */
static void
start_last(struct chain *chain, int fd, int how, const char *mode,
    const char *arg)
{
	struct way there = { fd, fd, NULL }, back = { -1, -1, NULL };

	if (how != CHAIN_ECHO) {
		chain->job = job_spawn(how, mode, arg, &back.from, &there.to);
		back.to = fd;
	}
	if ((chain->relay[1] = fork_tied()) == 0) {
		close(chain->fd);
		relay(&there, &back);
	}
	if (how != CHAIN_ECHO) {
		close(back.from);
		if (there.to != back.from)
			close(there.to);
	}
	close(fd);
}

/*
 * The relay that stands where a gateway would; takes "tcp" and "fd".  What
 * jobs write and read is base64 on the way to and from the client.
 */
static void
start_first(struct chain *chain, int tcp, int fd, int other, int how)
{
	struct way there = { tcp, fd, how != CHAIN_ECHO && how & JOB_STDIN ?
	    decode : NULL };
	struct way back = { fd, tcp, how == CHAIN_ECHO ? NULL : encode };

	if ((chain->relay[0] = fork_tied()) == 0) {
		close(chain->fd);
		close(other);
		relay(&there, &back);
	}
	close(tcp);
	close(fd);
}

void
chain_start(struct chain *chain, int hops, int how, const char *mode,
    const char *arg)
{
	int tcp[2], inner[2];

	memset(chain, 0, sizeof(*chain));
	tcp_pair(tcp);
	chain->fd = tcp[0];
	if (hops == 1) {
		start_last(chain, tcp[1], how, mode, arg);
		return;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, inner) == -1)
		give_up("socketpair: %s", strerror(errno));
	/* In this order, so that each end has one holder: its relay. */
	start_first(chain, tcp[1], inner[0], inner[1], how);
	start_last(chain, inner[1], how, mode, arg);
}

uint64_t
chain_cpu(const struct chain *chain)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < CHAIN_HOPS; i++)
		if (chain->relay[i] != 0)
			sum += usage_cpu_of(chain->relay[i]);
	return sum;
}

void
chain_end(struct chain *chain)
{
	pid_t pid[] = { chain->relay[0], chain->relay[1], chain->job };
	size_t i;

	close(chain->fd);
	for (i = 0; i < sizeof(pid) / sizeof(pid[0]); i++)
		if (pid[i] != 0) {
			kill(pid[i], SIGKILL);
			waitpid(pid[i], NULL, 0);
		}
}
