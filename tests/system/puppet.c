/* SPDX-License-Identifier: ISC */
/*
 * Stands where holdfast-gateway or holdfast-runner would be (see stage.h):
 * either becomes the real one, or hands its sockets to the test and does
 * nothing but what keeps its superior content.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/chan.h"
#include "common/fdpass.h"

#define CONTROL 3
#define WAIT_MS 60000
#define WANTED_MAX 64

static uint8_t buf[PROTO_CONTROL_MAX];
static union proto_any msg;
static struct chan_fds fds;
static char dir[PATH_MAX];

static void
find_dir(void)
{
	ssize_t n = readlink("/proc/self/exe", dir, sizeof(dir) - 1);

	if (n <= 0 || strrchr(dir, '/') == NULL)
		exit(90);
	*strrchr(dir, '/') = '\0';
}

static void __attribute__((noreturn))
become(const char *name, char *argv[])
{
	char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/real/holdfast-%s", dir, name);
	execv(path, argv);
	_exit(91);
}

/* A connection to the test, with two descriptors and a number. */
static int
tell_stage(const int *fd, size_t nfds, uint32_t number)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct iovec iov = { &number, sizeof(number) };
	int stage = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%.90s/stage", dir);
	if (connect(stage, (struct sockaddr *)&sun, sizeof(sun)) == -1 ||
	    fdpass_send(stage, &iov, 1, fd, nfds) == -1)
		exit(92);
	return stage;
}

static int
hear(enum proto_role self, enum proto_role peer, enum proto_phase phase,
    int ms)
{
	const char *why;

	return chan_read_one(CONTROL, self, peer, phase, ms, buf, &msg, &fds,
	    &why);
}

static void
serve_gateway(int stage)
{
	static const struct fields_HELLO hello = {
		.version = PROTO_VERSION,
		.oldest = PROTO_OLDEST,
	};
	struct pollfd pfd[2] = { { CONTROL, POLLIN, 0 },
		{ stage, POLLIN, 0 } };
	int type;

	chan_write_one(CONTROL, MSG_GS_HELLO, &hello, NULL, 0);
	while (poll(pfd, 2, -1) > 0 && pfd[1].revents == 0) {
		type = hear(ROLE_GATEWAY, ROLE_SUPERVISOR, PHASE_UP, 0);
		if (type == -1 || type == MSG_SG_STOP)
			exit(0);
		if (type == MSG_SG_PING)
			chan_write_one(CONTROL, MSG_GS_PONG, &msg.PING, NULL,
			    0);
		while (fds.count > 0)
			close(fds.fd[--fds.count]);
	}
}

/* The number of the gateway, which stays to be read. */
static uint32_t
peek_number(void)
{
	struct pollfd pfd = { CONTROL, POLLIN, 0 };
	union proto_any peeked;
	ssize_t n;

	if (poll(&pfd, 1, WAIT_MS) != 1)
		exit(93);
	n = recv(CONTROL, buf, sizeof(buf), MSG_PEEK);
	if (n < 2 || (buf[0] << 8 | buf[1]) != MSG_SG_CONFIG ||
	    proto_decode(proto_row(MSG_SG_CONFIG), buf + 2, (size_t)n - 2,
		&peeked) != PROTO_OK)
		exit(94);
	return peeked.SG_CONFIG.gateway;
}

static void
play_gateway(char *argv[])
{
	uint32_t number = peek_number();
	int listener = -1, type;
	int given[2];

	if (number == 1)
		become("gateway", argv);
	do {
		type = hear(ROLE_GATEWAY, ROLE_SUPERVISOR, PHASE_START,
		    WAIT_MS);
		if (type == -1)
			exit(95);
		if (type == MSG_SG_LISTENER && listener == -1)
			listener = chan_take_fd(&fds, 0);
	} while (type != MSG_SG_BROKER);
	given[0] = chan_take_fd(&fds, 0);
	given[1] = listener;
	type = tell_stage(given, 2, number);
	close(given[0]);
	close(given[1]);
	serve_gateway(type);
}

static bool
is_wanted(void)
{
	char path[PATH_MAX + 32];
	int i;

	for (i = 0; i < WANTED_MAX; i++) {
		snprintf(path, sizeof(path), "%s/want-%d", dir, i);
		if (unlink(path) == 0)
			return true;
	}
	return false;
}

static void
play_runner(char *argv[])
{
	struct pollfd pfd = { .events = POLLIN };
	int control = CONTROL;

	if (!is_wanted())
		become("runner", argv);
	pfd.fd = tell_stage(&control, 1, (uint32_t)getpid());
	close(CONTROL);
	(void)poll(&pfd, 1, -1);
}

int
main(int argc, char *argv[])
{
	if (argc < 1)
		return 96;
	find_dir();
	if (strstr(argv[0], "gateway") != NULL)
		play_gateway(argv);
	else
		play_runner(argv);
	return 0;
}
