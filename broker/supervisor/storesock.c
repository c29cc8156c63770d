/* SPDX-License-Identifier: ISC */
/* The socket by which the broker stores descriptors with us. */
#include "config.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "broker/supervisor/storesock.h"
#include "common/log.h"
#include "common/unix.h"
#include "common/xmalloc.h"

/* What holdfastd needs for itself. */
#define STORESOCK_RESERVE 512
/* Messages that are taken before something else has its turn. */
#define STORESOCK_TURN 64
/* A message has one descriptor; more are taken to be closed. */
#define STORESOCK_FDS 16
#define STORESOCK_TEXT 512
/* In the queue of a dead sender there is no end of a flooder's messages. */
#define STORESOCK_DRAIN 65536

struct storesock {
	struct store store;
	struct event *event;
	char *path;
	int fd;
	pid_t sender;
	bool told_full, told_stranger, told_malformed;
};

struct datagram {
	char text[STORESOCK_TEXT];
	size_t len;
	int fds[STORESOCK_FDS];
	size_t nfds;
	struct ucred from;
	bool cut;
};

static size_t
storesock_most(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == -1 ||
	    files.rlim_cur <= 2 * STORESOCK_RESERVE)
		return STORESOCK_RESERVE / 2;
	return (size_t)files.rlim_cur - STORESOCK_RESERVE;
}

int
storesock_bind(const char *dir)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd, n, on = 1, saved;

	n = snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/notify", dir);
	if (n < 0 || (size_t)n >= sizeof(sun.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return -1;
	/* The directory is ours and locked, so what is there is left over. */
	(void)unlink(sun.sun_path);
	if (fchmod(fd, 0600) == 0 && setsockopt(fd, SOL_SOCKET, SO_PASSCRED,
	    &on, sizeof(on)) == 0 &&
	    bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* Returns 0, or -1 when there is none. */
static int
storesock_receive(int fd, struct datagram *d)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(struct ucred)) +
		    CMSG_SPACE(sizeof(int) * STORESOCK_FDS)];
	} control;
	struct iovec iov = { d->text, sizeof(d->text) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *cmsg;
	ssize_t n;

	n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (n == -1)
		return -1;
	d->len = (size_t)n;
	d->nfds = 0;
	d->from = (struct ucred){ .uid = (uid_t)-1 };
	d->cut = (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
	for (cmsg = CMSG_FIRSTHDR(&msg); cmsg != NULL;
	    cmsg = CMSG_NXTHDR(&msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET)
			continue;
		if (cmsg->cmsg_type == SCM_CREDENTIALS) {
			memcpy(&d->from, CMSG_DATA(cmsg), sizeof(d->from));
		} else if (cmsg->cmsg_type == SCM_RIGHTS) {
			d->nfds = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
			memcpy(d->fds, CMSG_DATA(cmsg),
			    d->nfds * sizeof(int));
		}
	}
	return 0;
}

/* The process of a pidfd, or 0 where it is none or that one has ended. */
static pid_t
storesock_pid(int fd)
{
	char path[64], line[128];
	int pid = 0;
	FILE *in;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	in = fopen(path, "re");
	while (in != NULL && fgets(line, sizeof(line), in) != NULL)
		if (sscanf(line, "Pid: %d", &pid) == 1)
			break;
	if (in != NULL)
		fclose(in);
	return pid > 0 ? pid : 0;
}

void
storesock_put(struct storesock *sock, const char *name, int fd)
{
	struct store_entry entry = { .fd = fd };
	int old;

	if (strlcpy(entry.name, name, sizeof(entry.name)) >=
	    sizeof(entry.name))
		entry.name[0] = '\0';
	if (name[0] == 'p')
		entry.pid = storesock_pid(fd);
	if (store_put(&sock->store, &entry, &old) == -1) {
		if (!sock->told_full)
			log_warn("%s is not stored, nor what follows: a "
			    "session of which something is missing ends with "
			    "the broker", name);
		sock->told_full = true;
		old = fd;
	} else {
		log_debug("store", "%s is stored", name);
	}
	unix_close_passed(&old);
}

static void
storesock_complain(bool *told, const char *what, pid_t pid)
{
	if (!*told)
		log_warnx("%s from process %d: not taken, nor said again",
		    what, (int)pid);
	*told = true;
}

static void
storesock_handle(struct storesock *sock, struct datagram *d)
{
	char name[STORE_NAME_MAX + 1];
	enum store_verb verb;
	int fd;

	if (d->from.pid != sock->sender || d->from.uid != geteuid()) {
		storesock_complain(&sock->told_stranger,
		    "a message that is not the broker's", d->from.pid);
		return;
	}
	verb = d->cut ? STORE_MALFORMED : store_parse(d->text, d->len, name);
	if (verb == STORE_PUT && d->nfds == 1) {
		fd = d->fds[0];
		d->nfds = 0;
		storesock_put(sock, name, fd);
	} else if (verb == STORE_REMOVE && d->nfds == 0) {
		fd = store_take(&sock->store, name);
		log_debug("store", "%s is %s", name, fd == -1 ?
		    "not there to be removed" : "removed");
		unix_close(&fd);
	} else if (verb != STORE_NOTHING) {
		storesock_complain(&sock->told_malformed,
		    "a message that cannot be understood", d->from.pid);
	}
}

/* Returns whether there may be more. */
static bool
storesock_take(struct storesock *sock, unsigned int most)
{
	struct datagram d;
	size_t i;

	for (; most > 0; most--) {
		if (storesock_receive(sock->fd, &d) == -1)
			return errno == EINTR;
		storesock_handle(sock, &d);
		for (i = 0; i < d.nfds; i++)
			unix_close_passed(&d.fds[i]);
	}
	return true;
}

static void
storesock_read_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)storesock_take(arg, STORESOCK_TURN);
}

void
storesock_drain(struct storesock *sock)
{
	if (sock != NULL)
		(void)storesock_take(sock, STORESOCK_DRAIN);
}

struct storesock *
storesock_new(struct event_base *base, const char *dir, int fd)
{
	struct storesock *sock = xcalloc(1, sizeof(*sock));
	int saved;

	sock->path = xasprintf("%s/notify", dir);
	sock->store.most = storesock_most();
	sock->fd = fd;
	sock->event = event_new(base, sock->fd, EV_READ | EV_PERSIST,
	    storesock_read_cb, sock);
	if (sock->event == NULL || event_add(sock->event, NULL) == -1) {
		saved = errno;
		storesock_free(sock, 1);
		errno = saved;
		return NULL;
	}
	return sock;
}

void
storesock_empty(struct storesock *sock)
{
	size_t i;

	if (sock == NULL)
		return;
	for (i = 0; i < sock->store.count; i++)
		unix_close_passed(&sock->store.entries[i].fd);
	store_clear(&sock->store);
}

void
storesock_free(struct storesock *sock, int remove)
{
	if (sock == NULL)
		return;
	storesock_empty(sock);
	if (sock->event != NULL)
		event_free(sock->event);
	unix_close(&sock->fd);
	if (remove)
		(void)unlink(sock->path);
	free(sock->path);
	free(sock);
}

void
storesock_set_sender(struct storesock *sock, pid_t pid)
{
	if (sock != NULL)
		sock->sender = pid;
}

const struct store *
storesock_store(const struct storesock *sock)
{
	static const struct store nothing;

	return sock == NULL ? &nothing : &sock->store;
}

/* A number of one that has ended may be somebody else's by now. */
void
storesock_spare(const struct storesock *sock, struct pidset *spare)
{
	const struct store *store = storesock_store(sock);
	struct pollfd *pfds;
	size_t i, n = 0;
	pid_t *pids;

	if (store->count == 0)
		return;
	pfds = xcalloc(store->count, sizeof(*pfds));
	pids = xcalloc(store->count, sizeof(*pids));
	for (i = 0; i < store->count; i++) {
		if (store->entries[i].pid == 0)
			continue;
		pfds[n].fd = store->entries[i].fd;
		pfds[n].events = POLLIN;
		pids[n++] = store->entries[i].pid;
	}
	if (poll(pfds, n, 0) == -1)
		log_warn("cannot tell which runners live");
	for (i = 0; i < n; i++)
		if (pfds[i].revents == 0)
			pidset_add(spare, pids[i]);
	free(pfds);
	free(pids);
}

const char *
storesock_path(const struct storesock *sock)
{
	return sock->path;
}

int
storesock_fd(const struct storesock *sock)
{
	return sock->fd;
}
