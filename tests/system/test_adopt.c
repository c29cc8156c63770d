/* SPDX-License-Identifier: ISC */
/*
 * holdfastd is killed, or leaves, or becomes another image, and the next one
 * takes over: streams go on, and who serves them stays who it is.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/chan.h"
#include "common/fdpass.h"
#include "common/unix.h"
#include "common/xmalloc.h"
#include "tests/lib/call.h"
#include "tests/lib/daemon.h"
#include "tests/lib/procfs.h"
#include "tests/lib/tap.h"
#include "tests/lib/wait.h"
#include "tests/system/party.h"

#define ADOPT_MS 60000
#define ADOPT_ROUNDS 50
#define ADOPT_GATEWAYS 2
#define NOBODY 65534

/* Those that serve, whoever's children they are. */
struct crew {
	pid_t broker;
	pid_t gateways[ADOPT_GATEWAYS];
	size_t ngateways;
	int fds;		/* of all of them */
};

static int
is_called(const struct procfs_entry *entry, const char *name)
{
	return entry->state != 'Z' &&
	    strncmp(entry->comm, name, sizeof(entry->comm) - 1) == 0;
}

static void
crew_look(struct crew *crew)
{
	static struct procfs_entry all[PROCFS_MAX];
	size_t n = procfs_below(getpid(), all, PROCFS_MAX), i;

	memset(crew, 0, sizeof(*crew));
	for (i = 0; i < n; i++) {
		if (is_called(&all[i], "holdfast-broker"))
			crew->broker = all[i].pid;
		if (!is_called(&all[i], "holdfast-gateway"))
			continue;
		if (crew->ngateways < ADOPT_GATEWAYS)
			crew->gateways[crew->ngateways] = all[i].pid;
		crew->ngateways++;
	}
	crew->fds = procfs_descriptors(crew->broker);
	for (i = 0; i < crew->ngateways && i < ADOPT_GATEWAYS; i++)
		crew->fds += procfs_descriptors(crew->gateways[i]);
}

static void
kill_broker(const struct crew *crew, int signo)
{
	if (tap_ok(crew->broker > 0, "there is a broker"))
		kill(crew->broker, signo);
}

static int
has_gateway(const struct crew *crew, pid_t pid)
{
	size_t i;

	for (i = 0; i < ADOPT_GATEWAYS; i++)
		if (crew->gateways[i] == pid)
			return 1;
	return 0;
}

static int
same_gateways(const struct crew *a, const struct crew *b)
{
	size_t i;

	for (i = 0; i < ADOPT_GATEWAYS; i++)
		if (!has_gateway(b, a->gateways[i]))
			return 0;
	return a->ngateways == b->ngateways;
}

static int
exchange(struct party *party, struct party_job *job, int round)
{
	char line[64];

	snprintf(line, sizeof(line), "x round %d\n", round);
	return party_say(party, job, line) == 0 &&
	    party_ask_output(party, job, 20000) == 0 ? 0 : -1;
}

static int
settled(struct party *party)
{
	return party_settle(party) == 0 && party_is_connected(party);
}

static int
can_attach(void *arg)
{
	struct daemon *daemon = arg;
	struct call *call = call_attach(daemon_url(daemon), NULL);

	call_free(call);
	return call != NULL;
}

/* SIGUSR2, and its end with 0. */
static int
leave(struct daemon *daemon)
{
	int status = -1;
	pid_t pid = daemon_pid(daemon);

	if (kill(pid, SIGUSR2) == -1 || waitpid(pid, &status, 0) != pid)
		return -1;
	daemon_kill(daemon);
	return status;
}

/* What was being asked for when it went is answered while it is away. */
static void
story_rounds(struct daemon *daemon, struct party *party,
    struct party_job *job, const char *what, int orderly)
{
	struct crew before, early, now;
	int round, good = 1, fds = 0;

	crew_look(&before);
	early = before;
	for (round = 0; good && round < ADOPT_ROUNDS; round++) {
		good = exchange(party, job, round) == 0;
		if (orderly)
			good = good && leave(daemon) == 0;
		else
			daemon_kill(daemon);
		good = good && settled(party);
		good = good && exchange(party, job, round) == 0 &&
		    daemon_start_again(daemon) == 0 && settled(party);
		crew_look(&now);
		good = good && now.broker == before.broker &&
		    same_gateways(&before, &now);
		if (round == 1)
			early = now;
		fds = now.fds;
	}
	tap_ok(good, "%s %d times: the same broker, the same gateways, the "
	    "same address, one stream (after %d) %s", what, ADOPT_ROUNDS,
	    round, party_error(party));
	tap_ok(fds <= early.fds, "no descriptor more than in the beginning: "
	    "%d, %d", early.fds, fds);
	tap_ok(wait_until(can_attach, daemon, ADOPT_MS) == 0,
	    "others can still come");
}

static int
has_other_broker(void *arg)
{
	const pid_t *old = arg;
	struct crew crew;

	crew_look(&crew);
	return crew.broker != 0 && crew.broker != *old;
}

/* An adopted broker is replaced as any other; so is a gateway. */
static void
story_wards(struct daemon *daemon, struct party *party,
    struct party_job *job)
{
	struct crew before, now;

	crew_look(&before);
	kill_broker(&before, SIGKILL);
	tap_ok(wait_until(has_other_broker, &before.broker, ADOPT_MS) == 0 &&
	    wait_until(can_attach, daemon, ADOPT_MS) == 0,
	    "a broker that was taken over is replaced");
	crew_look(&now);
	tap_ok(same_gateways(&before, &now), "the gateways stay");
	tap_ok(exchange(party, job, 1000) == 0 && settled(party),
	    "the stream goes on %s", party_error(party));
	daemon_kill(daemon);
	tap_ok(daemon_start_again(daemon) == 0 && exchange(party, job,
	    1001) == 0 && settled(party), "so it does when holdfastd is "
	    "killed after its broker %s", party_error(party));
}

/* Others speak at RUNTIME/notify, and at the door. */
static int
path_socket(const struct daemon *daemon, int type, const char *name,
    struct sockaddr_un *sun)
{
	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	snprintf(sun->sun_path, sizeof(sun->sun_path), "%s/%s",
	    daemon_runtime_dir(daemon), name);
	return socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static void
story_notify(struct daemon *daemon)
{
	static const char *const texts[] = {
		"FDSTORE=1\nFDNAME=R\nFDPOLL=0", "FDSTOREREMOVE=1\nFDNAME=R",
		"FDSTORE=1", "FDSTORE=1\nFDNAME=../../etc", "READY=1", "\n",
	};
	struct sockaddr_un sun;
	int fd = path_socket(daemon, SOCK_DGRAM, "notify", &sun), i;
	int before = procfs_descriptors(daemon_pid(daemon)), sent = 0;
	int given = dup(STDERR_FILENO);
	struct iovec iov;

	if (!tap_ok(fd != -1 && connect(fd, (struct sockaddr *)&sun,
	    sizeof(sun)) == 0, "a stranger at RUNTIME/notify")) {
		unix_close(&fd);
		return;
	}
	for (i = 0; i < 20000; i++) {
		iov.iov_base = (void *)(uintptr_t)
		    texts[(size_t)i % (sizeof(texts) / sizeof(texts[0]))];
		iov.iov_len = strlen(iov.iov_base);
		sent += fdpass_send(fd, &iov, 1, &given, i % 2 == 0) != -1;
	}
	close(given);
	close(fd);
	tap_ok(sent > 0 && wait_until(can_attach, daemon, ADOPT_MS) == 0 &&
	    procfs_descriptors(daemon_pid(daemon)) <= before,
	    "%d messages of his change nothing", sent);
}

/* What holdfastd's successor would say, and what nobody would. */
static void
story_door(struct daemon *daemon)
{
	static const struct fields_HELLO hello = {
		.version = PROTO_VERSION,
		.oldest = PROTO_OLDEST,
	};
	static uint8_t bytes[PROTO_CONTROL_MAX];
	struct sockaddr_un sun;
	union proto_any msg;
	struct chan_fds fds;
	const char *why = "";
	struct crew before, now;
	int fd, type;

	crew_look(&before);
	fd = path_socket(daemon, SOCK_SEQPACKET, "adopt", &sun);
	tap_ok(connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0 &&
	    chan_write_one(fd, MSG_SB_ADOPT, &hello, NULL, 0) == 0,
	    "a second holdfastd comes");
	type = chan_read_one(fd, ROLE_SUPERVISOR, ROLE_BROKER, PHASE_START,
	    ADOPT_MS, bytes, &msg, &fds, &why);
	tap_ok(type == MSG_BS_TAKEN && msg.BS_TAKEN.has_text,
	    "it is told that there is one (%s)", why);
	close(fd);
	fd = path_socket(daemon, SOCK_SEQPACKET, "adopt", &sun);
	tap_ok(connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0 &&
	    send(fd, "no such thing", 13, MSG_NOSIGNAL) == 13 &&
	    wait_fd(fd, POLLIN, deadline_in(ADOPT_MS)) != -1 &&
	    recv(fd, bytes, sizeof(bytes), 0) == 0, "garbage is shown out");
	close(fd);
	crew_look(&now);
	tap_ok(before.broker == now.broker && same_gateways(&before, &now),
	    "nobody minds");
}

static int
try_as_nobody(struct daemon *daemon, const char *name, int type)
{
	struct sockaddr_un sun;
	int fd, status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		if (setgid(NOBODY) == -1 || setuid(NOBODY) == -1)
			_exit(2);
		fd = path_socket(daemon, type, name, &sun);
		_exit(connect(fd, (struct sockaddr *)&sun,
		    sizeof(sun)) == -1 && errno == EACCES ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	return status;
}

static void
story_others(struct daemon *daemon)
{
	if (geteuid() != 0) {
		tap_skip("not root", "other users at the sockets");
		return;
	}
	tap_ok(try_as_nobody(daemon, "notify", SOCK_DGRAM) == 0 &&
	    try_as_nobody(daemon, "adopt", SOCK_SEQPACKET) == 0 &&
	    try_as_nobody(daemon, "admin", SOCK_SEQPACKET) == 0,
	    "other users are kept out by the sockets' modes");
}

/* A broker that hangs is of no use to the next holdfastd. */
static void
story_hung(struct daemon *daemon)
{
	struct crew before;

	crew_look(&before);
	kill_broker(&before, SIGSTOP);
	daemon_kill(daemon);
	tap_ok(daemon_start_again(daemon) == 0 && has_other_broker(
	    &before.broker) && wait_until(can_attach, daemon, ADOPT_MS) == 0,
	    "with a hung broker the next holdfastd begins anew");
	daemon_kill(daemon);
	crew_look(&before);
	kill_broker(&before, SIGKILL);
	tap_ok(daemon_start_again(daemon) == 0 && wait_until(can_attach,
	    daemon, ADOPT_MS) == 0, "so it does when both were killed");
}

int
main(void)
{
	static const char *const args[] = { "--gateways", "2", NULL };
	struct daemon *daemon = daemon_start(args);
	struct party *party = NULL;
	struct party_job *job = NULL;

	if (tap_ok(daemon != NULL, "holdfastd runs"))
		party = party_new(daemon, "stayer");
	if (party != NULL)
		job = party_start(party, PARTY_PIPES, "talk");
	if (tap_ok(job != NULL, "a client and its job")) {
		story_rounds(daemon, party, job, "holdfastd is killed", 0);
		story_rounds(daemon, party, job, "holdfastd leaves", 1);
		story_notify(daemon);
		story_door(daemon);
		story_others(daemon);
		story_wards(daemon, party, job);
		tap_ok(party_finish(party, job) == 0, "what went through is "
		    "what the job says %s", party_error(party));
		party_free(party);
		story_hung(daemon);
		tap_ok(daemon_stop(daemon, ADOPT_MS) == 0,
		    "holdfastd ends with 0");
		tap_ok(daemon_check_clean(daemon, ADOPT_MS) == 0,
		    "nothing is left behind");
	}
	daemon_free(daemon, tap_failed() > 0);
	return tap_done();
}
