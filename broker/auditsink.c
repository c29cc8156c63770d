/* SPDX-License-Identifier: ISC */
/* Where the lines of the audit trail go. */
#include "config.h"

#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "broker/audit.h"
#include "broker/auditsink.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/unix.h"

/* When to try again, in milliseconds: a reader is slow; all else. */
#define AGAIN_MS 50
#define LATER_MS 1000
#define HEAD_SIZE 96	/* of what syslog wants in front, bytes */

enum target {
	TO_NOWHERE,
	TO_FILE,
	TO_SOCKET,
	TO_SYSLOG
};

struct waiting {
	STAILQ_ENTRY(waiting) entry;
	size_t len;
	size_t done;		/* bytes that are written */
	char bytes[];
};

struct auditsink {
	enum target target;
	int fd;			/* owned, or -1 */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	STAILQ_HEAD(, waiting) queue;
	size_t size;		/* of what is in it, bytes */
	unsigned long long lost;
	bool troubled;		/* which has been logged */
	struct event *retry;
};

static void retry_cb(evutil_socket_t fd, short what, void *arg);

struct auditsink *
auditsink_new(struct event_base *base)
{
	struct auditsink *sink = calloc(1, sizeof(*sink));

	if (sink == NULL)
		return NULL;
	sink->fd = -1;
	STAILQ_INIT(&sink->queue);
	sink->retry = evtimer_new(base, retry_cb, sink);
	if (sink->retry == NULL) {
		free(sink);
		errno = ENOMEM;
		return NULL;
	}
	return sink;
}

bool
auditsink_wants(const struct auditsink *sink)
{
	return sink->target != TO_NOWHERE;
}

size_t
auditsink_waiting(const struct auditsink *sink)
{
	return sink->size;
}

unsigned long long
auditsink_lost(const struct auditsink *sink)
{
	return sink->lost;
}

static void
arm(struct auditsink *sink, unsigned int ms)
{
	const struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	event_add(sink->retry, &tv);
}

static void
drop_first(struct auditsink *sink)
{
	struct waiting *first = STAILQ_FIRST(&sink->queue);

	STAILQ_REMOVE_HEAD(&sink->queue, entry);
	sink->size -= first->len;
	free(first);
}

/* syslogd may have been started again, or not yet. */
static int
connect_syslog(struct auditsink *sink)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (sink->fd != -1)
		return 0;
	memcpy(address.sun_path, sink->path, sizeof(address.sun_path));
	sink->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0);
	if (sink->fd == -1)
		return -1;
	if (connect(sink->fd, (const struct sockaddr *)&address,
		sizeof(address)) == 0)
		return 0;
	unix_close(&sink->fd);
	return -1;
}

static ssize_t
write_syslog(struct auditsink *sink, const char *bytes, size_t len)
{
	char head[HEAD_SIZE], when[32];
	struct iovec iov[2] = { { head, 0 },
		{ (void *)(uintptr_t)bytes, len - 1 } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	time_t now = (time_t)(clock_wall_ms() / 1000);
	struct tm tm;
	int n;

	if (connect_syslog(sink) == -1)
		return -1;
	memset(&tm, 0, sizeof(tm));
	(void)localtime_r(&now, &tm);
	strftime(when, sizeof(when), "%b %e %H:%M:%S", &tm);
	n = snprintf(head, sizeof(head), "<%d>%s holdfast-broker[%d]: ",
	    LOG_AUTHPRIV | LOG_INFO, when, (int)getpid());
	iov[0].iov_len = (size_t)n;
	if (sendmsg(sink->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) != -1)
		return (ssize_t)len;
	/* What is too long now will be so later. */
	if (errno == EMSGSIZE) {
		sink->lost++;
		return (ssize_t)len;
	}
	if (errno != EAGAIN && errno != ENOBUFS && errno != EINTR) {
		n = errno;
		unix_close(&sink->fd);
		errno = n;
	}
	return -1;
}

static ssize_t
write_some(struct auditsink *sink, const char *bytes, size_t len)
{
	switch (sink->target) {
	case TO_FILE:
		return write(sink->fd, bytes, len);
	case TO_SOCKET:
		return send(sink->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	case TO_SYSLOG:
		return write_syslog(sink, bytes, len);
	case TO_NOWHERE:
		break;
	}
	return (ssize_t)len;
}

static void
say_trouble(struct auditsink *sink, int error)
{
	if (error == EAGAIN || error == EINTR || sink->troubled)
		return;
	sink->troubled = true;
	errno = error;
	log_warn("the audit trail cannot be written and waits");
}

static void
enqueue(struct auditsink *sink, const char *bytes, size_t len)
{
	struct waiting *waiting = NULL;

	if (len <= AUDITSINK_MAX - sink->size)
		waiting = malloc(sizeof(*waiting) + len);
	if (waiting == NULL) {
		sink->lost++;
		return;
	}
	waiting->len = len;
	waiting->done = 0;
	memcpy(waiting->bytes, bytes, len);
	STAILQ_INSERT_TAIL(&sink->queue, waiting, entry);
	sink->size += len;
}

/* Lines are in order, so this one stands where the others are missing. */
static void
enqueue_lost(struct auditsink *sink)
{
	struct audit_record record = {
		.event = AUDIT_LOST,
		.time_ms = clock_wall_ms(),
		.count = (int64_t)sink->lost,
	};
	unsigned long long lost = sink->lost;
	char line[AUDIT_LINE_SIZE];

	if (lost == 0 || AUDITSINK_MAX - sink->size < 2 * AUDIT_LINE_SIZE)
		return;
	sink->lost = 0;
	enqueue(sink, line, audit_format(&record, line));
	/* Memory may be out: then that was one more. */
	if (sink->lost > 0)
		sink->lost = lost;
}

/* Whether everything is written. */
static bool
flush(struct auditsink *sink)
{
	struct waiting *first;
	ssize_t n;

	while ((first = STAILQ_FIRST(&sink->queue)) != NULL) {
		n = write_some(sink, first->bytes + first->done,
		    first->len - first->done);
		if (n == -1) {
			say_trouble(sink, errno);
			arm(sink, errno == EAGAIN || errno == EINTR ?
			    AGAIN_MS : LATER_MS);
			return false;
		}
		first->done += (size_t)n;
		if (first->done == first->len)
			drop_first(sink);
		else if (n == 0)
			break;
		if (STAILQ_EMPTY(&sink->queue))
			enqueue_lost(sink);
	}
	if (first != NULL) {
		arm(sink, LATER_MS);
		return false;
	}
	if (sink->troubled)
		log_info("the audit trail is written again");
	sink->troubled = false;
	return true;
}

static void
retry_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)flush(arg);
}

void
auditsink_write(struct auditsink *sink, const char *line, size_t len)
{
	bool waits = !STAILQ_EMPTY(&sink->queue);

	if (sink->target == TO_NOWHERE)
		return;
	enqueue_lost(sink);
	enqueue(sink, line, len);
	/* Else the timer is running. */
	if (!waits)
		(void)flush(sink);
}

/* What was begun elsewhere is written here as a whole. */
static void
redirect(struct auditsink *sink, enum target target, int fd)
{
	unix_close(&sink->fd);
	sink->fd = fd;
	sink->target = target;
	if (!STAILQ_EMPTY(&sink->queue))
		STAILQ_FIRST(&sink->queue)->done = 0;
	event_del(sink->retry);
	(void)flush(sink);
}

void
auditsink_to_file(struct auditsink *sink, int fd)
{
	struct stat st;

	redirect(sink, fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode) ?
	    TO_SOCKET : TO_FILE, fd);
}

void
auditsink_to_syslog(struct auditsink *sink, const char *path)
{
	snprintf(sink->path, sizeof(sink->path), "%s", path);
	redirect(sink, TO_SYSLOG, -1);
}

void
auditsink_to_nowhere(struct auditsink *sink)
{
	unix_close(&sink->fd);
	sink->target = TO_NOWHERE;
	while (!STAILQ_EMPTY(&sink->queue))
		drop_first(sink);
	sink->lost = 0;
	sink->troubled = false;
	event_del(sink->retry);
}

void
auditsink_free(struct auditsink *sink)
{
	unsigned long long lost;

	if (sink == NULL)
		return;
	lost = sink->lost;
	if (!flush(sink)) {
		while (!STAILQ_EMPTY(&sink->queue)) {
			drop_first(sink);
			lost++;
		}
		log_warnx("%llu lines of the audit trail are lost", lost);
	}
	auditsink_to_nowhere(sink);
	event_free(sink->retry);
	free(sink);
}
