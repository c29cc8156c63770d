/* SPDX-License-Identifier: ISC */
/*
 * Taking over what an earlier holdfastd has left.  The directory is ours and
 * locked, so who answers there is most likely its broker; all the same what
 * it says is checked as if it were not.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/supervisor/adopt.h"
#include "common/chan.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/unix.h"
#include "common/xmalloc.h"

/* How long the broker may take for all of it, and to die. */
#define ADOPT_MS 5000
#define ADOPT_MAX 8192	/* of what it keeps of each kind */

enum answer {
	ANSWER_MORE,
	ANSWER_DONE,
	ANSWER_NONE,	/* it is not there, or hangs and is ended */
	ANSWER_REFUSED
};

void
adopt_clear(struct adoption *a)
{
	size_t i;

	for (i = 0; i < a->nlisteners; i++)
		unix_close(&a->listeners[i].fd);
	for (i = 0; i < a->ngateways; i++) {
		unix_close(&a->gateways[i].found.channel);
		unix_close(&a->gateways[i].found.pidfd);
	}
	for (i = 0; i <= DOOR_ADOPT; i++)
		unix_close(&a->doors[i]);
	unix_close(&a->broker.channel);
	unix_close(&a->broker.pidfd);
	free(a->listeners);
	free(a->gateways);
	a->listeners = NULL;
	a->gateways = NULL;
	a->nlisteners = a->ngateways = 0;
	a->found = 0;
}

static void
adopt_init(struct adoption *a)
{
	size_t i;

	memset(a, 0, sizeof(*a));
	a->broker.channel = a->broker.pidfd = -1;
	for (i = 0; i <= DOOR_ADOPT; i++)
		a->doors[i] = -1;
}

int
adopt_take_listener(struct adoption *a, const char *url)
{
	size_t i;
	int fd;

	for (i = 0; i < a->nlisteners; i++) {
		if (a->listeners[i].fd == -1 ||
		    strcmp(a->listeners[i].url, url) != 0)
			continue;
		fd = a->listeners[i].fd;
		a->listeners[i].fd = -1;
		return fd;
	}
	return -1;
}

struct adopt_gateway *
adopt_take_gateway(struct adoption *a, uint32_t pool)
{
	size_t i;

	for (i = 0; i < a->ngateways; i++)
		if (a->gateways[i].found.pidfd != -1 &&
		    a->gateways[i].pool == pool)
			return &a->gateways[i];
	return NULL;
}

int
adopt_has_number(const struct adoption *a, uint32_t number)
{
	size_t i;

	for (i = 0; i < a->ngateways; i++)
		if (a->gateways[i].number == number)
			return 1;
	return 0;
}

/* The connection, or -1 with errno: nobody listens there. */
static int
adopt_connect(const char *dir)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd, n, saved;

	n = snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/adopt", dir);
	if (n < 0 || (size_t)n >= sizeof(sun.sun_path)) {
		errno = ENOENT;
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0);
	if (fd == -1 || connect(fd, (struct sockaddr *)&sun,
	    sizeof(sun)) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* Who listens there, by the kernel: 0, or -1 after saying why not. */
static int
adopt_check_peer(struct adoption *a, const char *dir)
{
	struct ucred from = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(from);

	if (getsockopt(a->broker.channel, SOL_SOCKET, SO_PEERCRED, &from,
	    &len) == -1 || (from.uid != geteuid() && from.uid != 0)) {
		log_warnx("%s/adopt: uid %u listens there, which is not for "
		    "us to take over; remove it", dir,
		    (unsigned int)from.uid);
		return -1;
	}
	a->broker.pid = from.pid;
	a->broker.pidfd = (int)syscall(SYS_pidfd_open, from.pid, 0);
	return 0;
}

static enum answer
adopt_on_listener(struct adoption *a, const union proto_any *msg,
    struct chan_fds *fds)
{
	struct adopt_listener *one;
	int on = 0;
	socklen_t len = sizeof(on);

	if (a->nlisteners >= ADOPT_MAX)
		return ANSWER_MORE;
	a->listeners = xreallocarray(a->listeners, a->nlisteners + 1,
	    sizeof(*a->listeners));
	one = &a->listeners[a->nlisteners];
	if (span_to_str(msg->KEEP.listener, one->url,
	    sizeof(one->url)) == -1 || getsockopt(fds->fd[0], SOL_SOCKET,
	    SO_ACCEPTCONN, &on, &len) == -1 || !on)
		return ANSWER_MORE;
	one->fd = chan_take_fd(fds, 0);
	a->nlisteners++;
	return ANSWER_MORE;
}

/* The process of a pidfd; 0: it is none, or that one has ended. */
static pid_t
adopt_pid(int pidfd)
{
	char path[64], line[128];
	int pid = 0;
	FILE *in;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	in = fopen(path, "re");
	while (in != NULL && fgets(line, sizeof(line), in) != NULL)
		if (sscanf(line, "Pid: %d", &pid) == 1)
			break;
	if (in != NULL)
		fclose(in);
	return pid > 0 ? pid : 0;
}

/* One that has ended meanwhile is started again as any other. */
static enum answer
adopt_on_gateway(struct adoption *a, const union proto_any *msg,
    struct chan_fds *fds)
{
	struct adopt_gateway *one;
	pid_t pid = adopt_pid(fds->fd[1]);

	if (a->ngateways >= ADOPT_MAX || pid == 0 ||
	    !unix_is_socket(fds->fd[0], SOCK_SEQPACKET) ||
	    adopt_has_number(a, msg->SB_GATEWAY.gateway) ||
	    msg->SB_GATEWAY.gateway == 0)
		return ANSWER_MORE;
	a->gateways = xreallocarray(a->gateways, a->ngateways + 1,
	    sizeof(*a->gateways));
	one = &a->gateways[a->ngateways++];
	*one = (struct adopt_gateway){
		.number = msg->SB_GATEWAY.gateway,
		.pool = msg->SB_GATEWAY.pool,
		.found = {
			.channel = chan_take_fd(fds, 0),
			.pidfd = chan_take_fd(fds, 1),
			.pid = pid,
		},
	};
	return ANSWER_MORE;
}

static enum answer
adopt_on_door(struct adoption *a, const union proto_any *msg,
    struct chan_fds *fds)
{
	uint32_t door = msg->DOOR.door;

	if (door >= DOOR_ADMIN && door <= DOOR_ADOPT && a->doors[door] == -1)
		a->doors[door] = chan_take_fd(fds, 0);
	return ANSWER_MORE;
}

static enum answer
adopt_on_hello(struct adoption *a, const union proto_any *msg)
{
	const struct fields_HELLO *hello = &msg->HELLO;

	if (proto_agree(hello->version, hello->oldest) == 0) {
		log_warnx("the broker that is here, pid %d, speaks version %u "
		    "(oldest %u), we speak %u (oldest %u): start a holdfastd "
		    "of its version, or end it, and its sessions, first",
		    (int)a->broker.pid, hello->version, hello->oldest,
		    PROTO_VERSION, PROTO_OLDEST);
		return ANSWER_REFUSED;
	}
	a->broker.version = hello->version;
	return ANSWER_DONE;
}

static enum answer
adopt_on_refusal(const struct adoption *a, const union proto_any *msg)
{
	char why[LOG_CLEAN_SIZE];

	log_clean(why, msg->BS_TAKEN.text.p, msg->BS_TAKEN.text.len);
	log_warnx("the broker that is here, pid %d, does not let us take "
	    "over: %s", (int)a->broker.pid, why);
	return ANSWER_REFUSED;
}

/* It hangs: nobody can do anything with it any more. */
static enum answer
adopt_end(const struct adoption *a)
{
	struct pollfd pfd = { .fd = a->broker.pidfd, .events = POLLIN };

	log_warnx("the broker that is here, pid %d, does not answer; it is "
	    "killed, and its sessions are lost", (int)a->broker.pid);
	if (a->broker.pidfd == -1 || syscall(SYS_pidfd_send_signal,
	    a->broker.pidfd, SIGKILL, NULL, 0) == -1 ||
	    poll(&pfd, 1, ADOPT_MS) != 1)
		log_warn("it cannot be ended");
	return ANSWER_NONE;
}

static enum answer
adopt_hear(struct adoption *a, uint64_t deadline)
{
	static uint8_t bytes[PROTO_CONTROL_MAX];
	struct chan_fds fds = { .count = 0 };
	uint64_t now = clock_ms();
	enum answer answer = ANSWER_REFUSED;
	struct pollfd pfd = { .fd = a->broker.channel, .events = POLLIN };
	union proto_any msg;
	const char *why;
	int type;

	if (now >= deadline || poll(&pfd, 1, (int)(deadline - now)) != 1)
		return adopt_end(a);
	type = chan_read_one(a->broker.channel, ROLE_SUPERVISOR, ROLE_BROKER,
	    PHASE_START, 0, bytes, &msg, &fds, &why);
	switch (type) {
	case MSG_BS_KEPT_LISTENER:
		answer = adopt_on_listener(a, &msg, &fds);
		break;
	case MSG_BS_KEPT_GATEWAY:
		answer = adopt_on_gateway(a, &msg, &fds);
		break;
	case MSG_BS_KEPT_DOOR:
		answer = adopt_on_door(a, &msg, &fds);
		break;
	case MSG_BS_HELLO:
		answer = adopt_on_hello(a, &msg);
		break;
	case MSG_BS_TAKEN:
		answer = adopt_on_refusal(a, &msg);
		break;
	default:
		if (recv(a->broker.channel, bytes, 1, MSG_PEEK |
		    MSG_DONTWAIT) == 0) {
			log_warnx("the broker that was here has gone");
			answer = ANSWER_NONE;
			break;
		}
		log_warnx("process %d listens at our door, and answers as no "
		    "broker does (%s): end it first", (int)a->broker.pid,
		    type == -1 ? why : proto_name((uint16_t)type));
	}
	while (fds.count > 0)
		unix_close_passed(&fds.fd[--fds.count]);
	return answer;
}

static enum answer
adopt_ask(struct adoption *a, const char *dir)
{
	static const struct fields_HELLO hello = {
		.version = PROTO_VERSION,
		.oldest = PROTO_OLDEST,
	};
	uint64_t deadline = clock_ms() + ADOPT_MS;
	enum answer answer = ANSWER_MORE;

	if (adopt_check_peer(a, dir) == -1)
		return ANSWER_REFUSED;
	if (chan_write_one(a->broker.channel, MSG_SB_ADOPT, &hello, NULL,
	    0) == -1)
		return ANSWER_NONE;
	while (answer == ANSWER_MORE)
		answer = adopt_hear(a, deadline);
	/* Without it, its end would not be noticed. */
	if (answer == ANSWER_DONE && a->broker.pidfd == -1) {
		log_warnx("the broker that is here, pid %d, cannot be watched",
		    (int)a->broker.pid);
		answer = ANSWER_REFUSED;
	}
	return answer;
}

int
adopt_find(struct adoption *a, const char *dir)
{
	enum answer answer;

	adopt_init(a);
	a->broker.channel = adopt_connect(dir);
	if (a->broker.channel == -1)
		return 0;
	answer = adopt_ask(a, dir);
	if (answer == ANSWER_DONE) {
		a->found = 1;
		log_info("taking over broker %d with %zu gateways and %zu "
		    "listeners", (int)a->broker.pid, a->ngateways,
		    a->nlisteners);
		return 0;
	}
	adopt_clear(a);
	return answer == ANSWER_NONE ? 0 : -1;
}
