/* SPDX-License-Identifier: ISC */
/* Sending what is stored, and what was passed on to us. */
#include "config.h"

#include <sys/mman.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "broker/fdstore.h"
#include "common/clock.h"
#include "common/fdpass.h"
#include "common/log.h"
#include "common/role.h"
#include "common/unix.h"

#define RETRY_MS 5
#define STORE_ENV "HOLDFAST_STORE"
#define NOTIFY_ENV "NOTIFY_SOCKET"
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

struct message {
	TAILQ_ENTRY(message) entry;
	int fd;			/* owned; -1: remove */
	char name[FDSTORE_NAME_SIZE];
};

struct fdstore {
	TAILQ_HEAD(, message) queue;
	size_t nqueued;
	struct event *retry;
	struct sockaddr_un sun;
	socklen_t len;		/* 0: nobody stores */
	int fd;			/* connected, or -1 */
	uint64_t behind_since;	/* 0: it is not */
	bool stuck;		/* for too long to wait for it */
	bool told;		/* that something is not stored */
	void (*drained)(void *arg);
	void *arg;
};

/* Kept from fdstore_inherit() to fdstore_new(). */
static char notify_path[sizeof(((struct sockaddr_un *)0)->sun_path)];

struct fdstore_item *
fdstore_inherit(size_t *count)
{
	const char *names = getenv(STORE_ENV), *path = getenv(NOTIFY_ENV);
	struct fdstore_item *items;
	size_t i;

	if (path != NULL && strlen(path) < sizeof(notify_path))
		snprintf(notify_path, sizeof(notify_path), "%s", path);
	items = fdstore_parse(names, FDSTORE_FIRST, count);
	role_close_from(FDSTORE_FIRST + (int)*count);
	for (i = 0; i < *count; i++)
		if (unix_cloexec(items[i].fd) == -1)
			items[i].fd = -1;
	unsetenv(STORE_ENV);
	unsetenv(NOTIFY_ENV);
	return items;
}

static void
message_free(struct fdstore *store, struct message *message)
{
	TAILQ_REMOVE(&store->queue, message, entry);
	store->nqueued--;
	unix_close(&message->fd);
	free(message);
}

static void
drop_all(struct fdstore *store)
{
	while (!TAILQ_EMPTY(&store->queue))
		message_free(store, TAILQ_FIRST(&store->queue));
}

static int
store_connect(struct fdstore *store)
{
	unix_close(&store->fd);
	store->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0);
	if (store->fd == -1)
		return -1;
	if (connect(store->fd, (struct sockaddr *)&store->sun,
		store->len) == 0)
		return 0;
	unix_close(&store->fd);
	return -1;
}

static void
tell_once(struct fdstore *store, const char *what)
{
	if (store->told)
		return;
	store->told = true;
	log_warn("%s: should the broker be killed, sessions are lost", what);
}

/* 1: sent; 0: not now; -1: never. */
static int
transmit(struct fdstore *store, const char *name, int fd)
{
	char text[64];
	struct iovec iov = { .iov_base = text };

	iov.iov_len = (size_t)snprintf(text, sizeof(text), fd == -1 ?
	    "FDSTOREREMOVE=1\nFDNAME=%s" :
	    "FDSTORE=1\nFDNAME=%s\nFDPOLL=0", name);
	if (store->fd == -1 && store_connect(store) == -1)
		return -1;
	if (fdpass_send(store->fd, &iov, 1, &fd, fd == -1 ? 0 : 1) != -1)
		return 1;
	/* Whoever listened there was replaced. */
	if ((errno == ECONNREFUSED || errno == ENOTCONN) &&
	    store_connect(store) == 0 &&
	    fdpass_send(store->fd, &iov, 1, &fd, fd == -1 ? 0 : 1) != -1)
		return 1;
	return errno == EAGAIN || errno == ENOBUFS || errno == EINTR ||
	    errno == ETOOMANYREFS ? 0 : -1;
}

static void
arm(struct fdstore *store)
{
	static const struct timeval tv = { .tv_usec = RETRY_MS * 1000 };

	event_add(store->retry, &tv);
}

static void
retry_cb(evutil_socket_t fd, short what, void *arg)
{
	struct fdstore *store = arg;
	struct message *message;
	int sent = 1;

	(void)fd;
	(void)what;
	while (sent != 0 && (message = TAILQ_FIRST(&store->queue)) != NULL) {
		sent = transmit(store, message->name, message->fd);
		if (sent == -1 && message->fd != -1)
			tell_once(store, "nothing can be stored");
		if (sent != 0)
			message_free(store, message);
	}
	if (TAILQ_EMPTY(&store->queue)) {
		store->behind_since = 0;
		store->stuck = false;
		store->drained(store->arg);
		return;
	}
	arm(store);
	if (!store->stuck && clock_ms() - store->behind_since >=
	    FDSTORE_STUCK_MS) {
		store->stuck = true;
		log_warnx("what is to be stored waits: %s does not take it",
		    notify_path);
		store->drained(store->arg);
	}
}

static void
enqueue(struct fdstore *store, const char *name, int fd)
{
	struct message *message;

	if (store->nqueued >= FDSTORE_QUEUE_MAX ||
	    (message = calloc(1, sizeof(*message))) == NULL) {
		errno = ENOBUFS;
		tell_once(store, "something is not stored");
		return;
	}
	message->fd = fd == -1 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (fd != -1 && message->fd == -1) {
		tell_once(store, "something is not stored");
		free(message);
		return;
	}
	snprintf(message->name, sizeof(message->name), "%s", name);
	TAILQ_INSERT_TAIL(&store->queue, message, entry);
	if (store->nqueued++ == 0) {
		store->behind_since = clock_ms();
		arm(store);
	}
}

static void
say(struct fdstore *store, const char *name, int fd)
{
	int sent;

	if (store->len == 0)
		return;
	sent = store->nqueued > 0 ? 0 : transmit(store, name, fd);
	if (sent == 0)
		enqueue(store, name, fd);
	else if (sent == -1 && fd != -1)
		tell_once(store, "nothing can be stored");
}

void
fdstore_add(struct fdstore *store, enum fdstore_kind kind, uint32_t slot,
    int fd)
{
	char name[FDSTORE_NAME_SIZE];

	if (fd != -1)
		say(store, fdstore_name(kind, slot, name), fd);
}

void
fdstore_remove(struct fdstore *store, enum fdstore_kind kind, uint32_t slot)
{
	char name[FDSTORE_NAME_SIZE];

	say(store, fdstore_name(kind, slot, name), -1);
}

void
fdstore_remove_name(struct fdstore *store, const char *name)
{
	if (name[0] != '\0')
		say(store, name, -1);
}

bool
fdstore_is_there(const struct fdstore *store)
{
	return store->len != 0;
}

bool
fdstore_is_settled(const struct fdstore *store)
{
	return store->nqueued == 0 || store->stuck;
}

void
fdstore_renew(struct fdstore *store)
{
	drop_all(store);
	unix_close(&store->fd);
	store->told = false;
}

static void
set_address(struct fdstore *store)
{
	size_t used = strlen(notify_path);

	if ((notify_path[0] != '/' && notify_path[0] != '@') || used < 2)
		return;
	store->sun.sun_family = AF_UNIX;
	memcpy(store->sun.sun_path, notify_path, used);
	if (notify_path[0] == '@')
		store->sun.sun_path[0] = '\0';
	store->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
	    used);
}

struct fdstore *
fdstore_new(struct event_base *base, void (*drained)(void *arg), void *arg)
{
	struct fdstore *store = calloc(1, sizeof(*store));

	if (store == NULL)
		return NULL;
	TAILQ_INIT(&store->queue);
	store->fd = -1;
	store->drained = drained;
	store->arg = arg;
	store->retry = evtimer_new(base, retry_cb, store);
	if (store->retry == NULL) {
		free(store);
		return NULL;
	}
	set_address(store);
	return store;
}

void
fdstore_free(struct fdstore *store)
{
	if (store == NULL)
		return;
	drop_all(store);
	unix_close(&store->fd);
	event_free(store->retry);
	free(store);
}

uint64_t
fdstore_cookie(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) == -1)
		return 0;
	return cookie;
}

int
fdstore_pidfd(int pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

int
fdstore_signal(int pidfd, int signo)
{
	return (int)syscall(SYS_pidfd_send_signal, pidfd, signo, NULL, 0);
}

int
fdstore_pid(int pidfd)
{
	char path[64], text[512];
	const char *line;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd == -1 ? -1 : read(fd, text, sizeof(text) - 1);
	unix_close(&fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	line = strstr(text, "\nPid:\t");
	return line == NULL ? 0 : atoi(line + strlen("\nPid:\t"));
}

int
fdstore_memory(const char *name, size_t size)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd == -1)
		return -1;
	if (ftruncate(fd, (off_t)size) == -1 ||
	    fcntl(fd, F_ADD_SEALS, SEALS) == -1)
		unix_close(&fd);
	return fd;
}

size_t
fdstore_memory_size(int fd)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals == -1 || (seals & SEALS) != SEALS ||
	    (seals & F_SEAL_WRITE) != 0 || fstat(fd, &st) == -1 ||
	    st.st_size <= 0)
		return 0;
	return (size_t)st.st_size;
}
