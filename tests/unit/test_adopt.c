/* SPDX-License-Identifier: ISC */
/*
 * Who answers at RUNTIME/adopt when another holdfastd comes: brokers, and
 * what is none.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "broker/supervisor/adopt.h"
#include "broker/supervisor/versions.h"
#include "common/chan.h"
#include "common/unix.h"

#define WAIT_MS 20000

static char dir[64];
static int door;
static pid_t pid;
static struct adoption a;

static void
make_dir(void)
{
	strlcpy(dir, "/tmp/test_adopt.XXXXXX", sizeof(dir));
	cr_assert_not_null(mkdtemp(dir));
	door = -1;
	pid = 0;
}

static void
remove_dir(void)
{
	char path[128];

	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	snprintf(path, sizeof(path), "%s/adopt", dir);
	unlink(path);
	rmdir(dir);
	unix_close(&door);
}

TestSuite(adopt, .timeout = 40, .init = make_dir, .fini = remove_dir);
TestSuite(versions, .timeout = 20);

static void
open_door(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/adopt", dir);
	door = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	cr_assert_eq(bind(door, (struct sockaddr *)&sun, sizeof(sun)), 0);
	cr_assert_eq(listen(door, 4), 0);
}

/* A process that listens there, takes the first word and then does "play". */
static void
serve(void (*play)(int fd))
{
	static uint8_t bytes[PROTO_CONTROL_MAX];
	struct pollfd pfd;
	int ready[2];
	char byte;

	open_door();
	cr_assert_eq(pipe(ready), 0);
	pid = fork();
	cr_assert_neq(pid, -1);
	if (pid != 0) {
		close(ready[1]);
		cr_assert_eq(read(ready[0], &byte, 1), 1);
		close(ready[0]);
		return;
	}
	/* Whom the other end sees is who listens. */
	if (listen(door, 4) == -1 || write(ready[1], "", 1) != 1)
		_exit(1);
	pfd = (struct pollfd){ accept(door, NULL, NULL), POLLIN, 0 };
	if (poll(&pfd, 1, WAIT_MS) != 1 ||
	    recv(pfd.fd, bytes, sizeof(bytes), 0) <= 0)
		_exit(1);
	play(pfd.fd);
	pause();
	_exit(0);
}

static void
find(int want, int found)
{
	cr_assert_eq(adopt_find(&a, dir), want);
	cr_assert_eq(a.found, found);
	adopt_clear(&a);
}

static void
say(int fd, uint16_t type, const void *msg, const int *fds, size_t nfds)
{
	if (chan_write_one(fd, type, msg, fds, nfds) == -1)
		_exit(1);
}

static void
say_hello(int fd, uint32_t version, uint32_t oldest)
{
	struct fields_HELLO hello = { .version = version, .oldest = oldest };

	say(fd, MSG_BS_HELLO, &hello, NULL, 0);
}

Test(adopt, nobody_is_there)
{
	find(0, 0);
	open_door();
	unix_close(&door);
	find(0, 0);
}

static void
play_broker(int fd)
{
	struct fields_KEEP keep = { .listener = span_str("ws://127.0.0.1:1") };
	struct fields_SB_GATEWAY gateway = { .gateway = 3, .pool = 1,
		.has_pool = true };
	struct fields_DOOR kept = { .door = DOOR_ADOPT };
	int pair[2], fds[2];

	say(fd, MSG_BS_KEPT_LISTENER, &keep, &door, 1);
	if (unix_pair(SOCK_SEQPACKET, pair) == -1)
		_exit(1);
	fds[0] = pair[0];
	fds[1] = (int)syscall(SYS_pidfd_open, getpid(), 0);
	say(fd, MSG_BS_KEPT_GATEWAY, &gateway, fds, 2);
	/* The same number twice, then one that is no channel, nor a pidfd. */
	say(fd, MSG_BS_KEPT_GATEWAY, &gateway, fds, 2);
	gateway.gateway = 4;
	say(fd, MSG_BS_KEPT_GATEWAY, &gateway, pair, 2);
	say(fd, MSG_BS_KEPT_LISTENER, &keep, &pair[1], 1);
	say(fd, MSG_BS_KEPT_DOOR, &kept, &door, 1);
	kept.door = 77;
	say(fd, MSG_BS_KEPT_DOOR, &kept, &door, 1);
	say_hello(fd, PROTO_VERSION, PROTO_OLDEST);
}

Test(adopt, a_broker_gives_all_it_has_kept)
{
	int before = unix_count_fds(), fd;

	serve(play_broker);
	cr_assert_eq(adopt_find(&a, dir), 0);
	cr_assert(a.found);
	cr_assert_eq(a.broker.version, PROTO_VERSION);
	cr_assert_eq(a.nlisteners, 1);
	cr_assert_eq(a.ngateways, 1);
	cr_assert_eq(a.gateways[0].number, 3);
	cr_assert_eq(a.gateways[0].pool, 1);
	cr_assert_eq(a.gateways[0].found.pid, pid);
	cr_assert_neq(a.doors[DOOR_ADOPT], -1);
	cr_assert_eq(a.doors[DOOR_ADMIN], -1);
	cr_assert(adopt_has_number(&a, 3));
	cr_assert_not(adopt_has_number(&a, 4));
	cr_assert_eq(adopt_take_listener(&a, "ws://127.0.0.1:2"), -1);
	fd = adopt_take_listener(&a, "ws://127.0.0.1:1");
	cr_assert_neq(fd, -1);
	cr_assert_eq(adopt_take_listener(&a, "ws://127.0.0.1:1"), -1);
	close(fd);
	adopt_clear(&a);
	cr_assert_eq(unix_count_fds(), before + 1, "the door stays");
}

static void
play_garbage(int fd)
{
	if (send(fd, "\377\377 what is that?", 16, MSG_NOSIGNAL) == -1)
		_exit(1);
}

static void
play_other_version(int fd)
{
	say_hello(fd, PROTO_VERSION + 9, PROTO_VERSION + 5);
}

static void
play_refusal(int fd)
{
	struct fields_BS_TAKEN taken = { .has_text = true,
		.text = span_str("\033[2Jno") };

	say(fd, MSG_BS_TAKEN, &taken, NULL, 0);
}

static void
play_wrong(int fd)
{
	struct fields_PING ping = { .count = 1 };

	say(fd, MSG_BS_PONG, &ping, NULL, 0);
}

static void
play_death(int fd)
{
	struct fields_DOOR kept = { .door = DOOR_ADOPT };

	say(fd, MSG_BS_KEPT_DOOR, &kept, &door, 1);
	_exit(0);
}

Test(adopt, what_is_no_broker_of_ours_is_left_alone)
{
	serve(play_garbage);
	find(-1, 0);
	cr_assert_eq(kill(pid, 0), 0);
}

Test(adopt, another_version)
{
	serve(play_other_version);
	find(-1, 0);
}

Test(adopt, a_refusal)
{
	serve(play_refusal);
	find(-1, 0);
}

Test(adopt, a_message_out_of_place)
{
	serve(play_wrong);
	find(-1, 0);
}

Test(adopt, one_that_dies_meanwhile_is_gone)
{
	int before = unix_count_fds();

	serve(play_death);
	find(0, 0);
	cr_assert_eq(unix_count_fds(), before + 1, "the door stays");
}

static const struct {
	const char *text;
	int rc;
	uint32_t oldest, newest;
} answers[] = {
	{ "1 1\n", 0, 1, 1 },
	{ "3 12\n", 0, 3, 12 },
	{ "", -1, 0, 0 },
	{ "1\n", -1, 0, 0 },
	{ "1 1", -1, 0, 0 },
	{ "2 1\n", -1, 0, 0 },
	{ "0 1\n", -1, 0, 0 },
	{ "1 1 1\n", -1, 0, 0 },
	{ "one two\n", -1, 0, 0 },
	{ "1 99999999999\n", -1, 0, 0 },
};

Test(versions, answers)
{
	struct versions v = { 0 };
	size_t i;

	for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		cr_assert_eq(versions_parse(answers[i].text, &v),
		    answers[i].rc, "%s", answers[i].text);
		if (answers[i].rc == 0)
			cr_assert(v.oldest == answers[i].oldest &&
			    v.newest == answers[i].newest);
	}
}

Test(versions, who_understands_whom)
{
	static const struct versions low = { 1, 2 }, mid = { 2, 3 },
		high = { 3, 4 };
	struct versions all = { 1, UINT32_MAX };

	cr_assert(versions_agree(&low, &mid));
	cr_assert(versions_agree(&high, &mid));
	cr_assert_not(versions_agree(&low, &high));
	versions_meet(&all, &low);
	versions_meet(&all, &mid);
	cr_assert(all.oldest == 2 && all.newest == 2);
	versions_meet(&all, &high);
	cr_assert_gt(all.oldest, all.newest);
}

Test(versions, a_program_is_asked)
{
	char why[VERSIONS_WHY];
	struct versions v;

	cr_assert_eq(versions_ask("/bin/true", &v, why), -1);
	cr_assert_not_null(strstr(why, "/bin/true"));
	cr_assert_eq(versions_ask("/nonexistent", &v, why), -1);
}
