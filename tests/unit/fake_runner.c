/* SPDX-License-Identifier: ISC */
/*
 * Plays holdfast-runner for the broker's tests.  FAKE_RUNNER tells how it
 * misbehaves; otherwise it serves these bytes on the data socket:
 *
 *   m   count one up, no answer
 *   c   answer the count, one byte
 *   p   answer the process id, four bytes
 *   o   leave an orphan that keeps the data socket; answer "o"
 *   g   send garbage to the broker
 *   x   exit
 *
 * and "liar" and "endless" are what it lists for operators.
 *
 * Asked by another broker what it has, it "boasts" of what it has not, is too
 * "old", "mute", or "repeats" it.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/chan.h"
#include "common/unix.h"

#define CONTROL 3

static uint8_t buf[PROTO_CONTROL_MAX];
static enum proto_phase phase = PHASE_START;
static int data = -1;
static uint64_t generation;
static uint8_t count;

static void
hello(void)
{
	static const struct fields_HELLO msg = {
		.version = PROTO_VERSION,
		.oldest = PROTO_OLDEST,
	};

	chan_write_one(CONTROL, MSG_RB_HELLO, &msg, NULL, 0);
	phase = PHASE_UP;
}

static void
ended(void)
{
	static const struct fields_RB_ENDED msg;

	chan_write_one(CONTROL, MSG_RB_ENDED, &msg, NULL, 0);
	exit(0);
}

/* As it is; or as the fault has it. */
static void
here(void)
{
	const char *fault = getenv("FAKE_RUNNER");
	struct fields_RB_HERE msg = {
		.version = PROTO_VERSION,
		.oldest = PROTO_OLDEST,
		.generation = data == -1 ? 0 : generation,
	};

	if (fault != NULL && strcmp(fault, "boasts") == 0)
		msg.generation = UINT64_MAX;
	if (fault != NULL && strcmp(fault, "old") == 0)
		msg.version = 0;
	if (fault != NULL && strcmp(fault, "mute") == 0)
		return;
	chan_write_one(CONTROL, MSG_RB_HERE, &msg, NULL, 0);
	if (fault != NULL && strcmp(fault, "repeats") == 0)
		chan_write_one(CONTROL, MSG_RB_HERE, &msg, NULL, 0);
}

static void
leave_orphan(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		close(CONTROL);
		if (setsid() == -1 || fork() != 0)
			_exit(0);
		for (;;)
			pause();
	}
	waitpid(pid, NULL, 0);
	(void)!write(data, "o", 1);
}

static void
work(uint8_t what)
{
	int32_t pid = getpid();

	switch (what) {
	case 'm':
		count++;
		break;
	case 'c':
		(void)!write(data, &count, 1);
		break;
	case 'p':
		(void)!write(data, &pid, sizeof(pid));
		break;
	case 'o':
		leave_orphan();
		break;
	case 'g':
		(void)!write(CONTROL, "\377\377garbage", 9);
		break;
	default:
		exit(3);
	}
}

/* No processes at all, or ever more of them. */
static void
list(const struct fields_BR_LIST *msg)
{
	const char *fault = getenv("FAKE_RUNNER");
	struct fields_PROCESS process = { .process_id = span_str("p") };
	struct fields_RB_LISTED listed = {
		.request = msg->request,
		.has_next = true,
		.next = msg->after + 1,
	};
	struct writer w;

	writer_init(&w, 1024);
	if (fault != NULL && strcmp(fault, "liar") == 0)
		proto_list_add(&w, span_str("garbage"));
	else
		proto_record_add(&w, &proto_process, &process);
	listed.processes = (struct span){ w.p, w.len };
	chan_write_one(CONTROL, MSG_RB_LISTED, &listed, NULL, 0);
	writer_clear(&w);
}

/* What has come is done, and nothing after it. */
static void
detach(void)
{
	uint8_t what;

	while (data != -1 && recv(data, &what, 1, MSG_DONTWAIT) == 1)
		work(what);
	unix_close(&data);
}

static void
control(void)
{
	union proto_any msg;
	struct chan_fds fds;
	const char *why;
	int type = chan_read_one(CONTROL, ROLE_RUNNER, ROLE_BROKER, phase, 0,
	    buf, &msg, &fds, &why);

	switch (type) {
	case MSG_BR_CONFIG:
		hello();
		break;
	case MSG_BR_ATTACHMENT:
		unix_close(&data);
		data = chan_take_fd(&fds, 0);
		generation = msg.GENERATION.generation;
		break;
	case MSG_BR_DETACH:
		if (msg.GENERATION.generation == generation)
			detach();
		break;
	case MSG_BR_END:
		ended();
		break;
	case MSG_BR_LIST:
		list(&msg.BR_LIST);
		break;
	case MSG_BR_RESUME:
		here();
		break;
	case MSG_BR_REPORT:
	case MSG_BR_LEASE:
		break;
	default:
		exit(1);
	}
}

static void
serve_data(void)
{
	struct fields_GENERATION msg = { .generation = generation };
	uint8_t what;
	ssize_t n = read(data, &what, 1);

	if (n == 1) {
		work(what);
		return;
	}
	unix_close(&data);
	chan_write_one(CONTROL, MSG_RB_DETACHED, &msg, NULL, 0);
}

int
main(void)
{
	const char *fault = getenv("FAKE_RUNNER");
	struct pollfd pfds[2];

	if (fault != NULL && strcmp(fault, "exits") == 0)
		return 9;
	if (fault != NULL && strcmp(fault, "silent") == 0)
		for (;;)
			pause();
	for (;;) {
		pfds[0] = (struct pollfd){ .fd = CONTROL, .events = POLLIN };
		pfds[1] = (struct pollfd){ .fd = data, .events = POLLIN };
		if (poll(pfds, 2, -1) == -1)
			return 1;
		if (pfds[0].revents != 0)
			control();
		else if (pfds[1].revents != 0)
			serve_data();
	}
}
