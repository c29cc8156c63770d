/* SPDX-License-Identifier: ISC */
/*
 * Stands in for holdfast-broker and holdfast-gateway when the supervisor is
 * tested: it says HELLO, answers pings and stops when told, unless the file
 * "behave" beside it says otherwise for its name, a word a line:
 * "holdfast-gateway mute".  Each start adds a line with name, process id
 * and user to the file "starts", and each end of an order one to "told".
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/chan.h"
#include "common/log.h"
#include "common/role.h"

#define FOREVER_MS 60000

static char dir[PATH_MAX];
static const char *name;
static enum proto_role self;
static enum proto_phase phase = PHASE_START;
static unsigned int listeners, brokers;

static void
note(const char *file, const char *what)
{
	char path[PATH_MAX + 32];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (fd == -1)
		fatal("%s", path);
	dprintf(fd, "%s %d %s\n", name, (int)getpid(), what);
	close(fd);
}

static int
behaves(const char *word)
{
	char path[PATH_MAX + 32], line[128], want[128];
	FILE *in;
	int found = 0;

	snprintf(path, sizeof(path), "%s/behave", dir);
	snprintf(want, sizeof(want), "%s %s\n", name, word);
	in = fopen(path, "re");
	while (in != NULL && fgets(line, sizeof(line), in) != NULL)
		found |= strcmp(line, want) == 0;
	if (in != NULL)
		fclose(in);
	return found;
}

static void
say(uint16_t type, const void *msg)
{
	if (chan_write_one(ROLE_CONTROL_FD, type, msg, NULL, 0) == -1)
		exit(0);
}

static void
say_hello(void)
{
	struct fields_HELLO hello = { .version = PROTO_VERSION,
		.oldest = PROTO_OLDEST };

	if (behaves("newer"))
		hello.version = hello.oldest = PROTO_VERSION + 1;
	if (behaves("mute"))
		return;
	say(self == ROLE_BROKER ? MSG_BS_HELLO : MSG_GS_HELLO, &hello);
	phase = PHASE_UP;
}

static void
take(int type, const union proto_any *msg)
{
	char text[64];

	switch (type) {
	case MSG_SB_CONFIG:
		say_hello();
		break;
	case MSG_SG_LISTENER:
		listeners++;
		break;
	case MSG_SG_BROKER:
		brokers++;
		snprintf(text, sizeof(text), "listeners=%u brokers=%u",
		    listeners, brokers);
		note("told", text);
		if (brokers == 1)
			say_hello();
		break;
	case MSG_SB_PING:
	case MSG_SG_PING:
		say(self == ROLE_BROKER ? MSG_BS_PONG : MSG_GS_PONG,
		    &msg->PING);
		break;
	case MSG_SG_LEAVE:
		note("told", "leave");
		exit(0);
	case MSG_SB_STOP:
	case MSG_SG_STOP:
		note("told", "stop");
		if (!behaves("stubborn"))
			exit(0);
		phase = PHASE_STOP;
		break;
	default:
		break;
	}
}

/* A process that daemonises itself, as a job may. */
static void
leave_orphan(void)
{
	if (fork() != 0)
		return;
	setsid();
	if (fork() != 0)
		_exit(0);
	name = "orphan";
	note("starts", "");
	close(ROLE_CONTROL_FD);
	for (;;)
		pause();
}

static void
greet(void)
{
	char text[256];
	int fd, open_fds = 0;

	for (fd = 0; fd < 64; fd++)
		open_fds += fcntl(fd, F_GETFD) != -1;
	snprintf(text, sizeof(text), "uid=%u fds=%d sid=%d notify=%s",
	    (unsigned int)getuid(), open_fds, getsid(0) == getpid(),
	    getenv("NOTIFY_SOCKET") == NULL ? "no" : getenv("NOTIFY_SOCKET"));
	note("starts", text);
}

int
main(int argc, char **argv)
{
	static uint8_t buf[PROTO_CONTROL_MAX + 2];
	union proto_any msg;
	struct chan_fds fds;
	const char *why;
	int type;

	(void)argc;
	if (readlink("/proc/self/exe", dir, sizeof(dir) - 1) == -1)
		return 1;
	dirname(dir);
	name = argv[0];
	self = strcmp(name, "holdfast-broker") == 0 ? ROLE_BROKER :
	    ROLE_GATEWAY;
	greet();
	if (behaves("dies"))
		return 3;
	if (behaves("orphan"))
		leave_orphan();
	for (;;) {
		type = chan_read_one(ROLE_CONTROL_FD, self, ROLE_SUPERVISOR,
		    phase, FOREVER_MS, buf, &msg, &fds, &why);
		if (type == -1)
			break;
		take(type, &msg);
	}
	note("told", why);
	/* Told to end it goes on, until it is killed. */
	while (behaves("stubborn"))
		pause();
	return 0;
}
