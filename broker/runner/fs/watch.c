/* SPDX-License-Identifier: ISC */
/* watchMissing: paths that do not exist yet. */
#include "config.h"

#include <sys/inotify.h>
#include <sys/stat.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/runner/fs/fs.h"
#include "common/log.h"

/* A directory that changes all the time is looked at this often, in ms. */
#define LOOK_MS 20

#define CHANGES (IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | \
	IN_ONLYDIR)

struct watch {
	int64_t id;
	uint8_t *paths;		/* a list; NULL: the slot is free */
	size_t len;
};

static struct watch watches[FS_WATCHES_MAX];
static int notify_fd = -1;

/*
 * Watch the nearest directory on the way to "path" that is there: what comes
 * next comes in it.
 */
static void
arm(struct span path)
{
	char text[PATH_MAX], *slash;

	fs_path(path, text);
	while ((slash = strrchr(text, '/')) != NULL) {
		*slash = '\0';
		if (inotify_add_watch(notify_fd, slash == text ? "/" : text,
		    CHANGES) != -1 || slash == text)
			return;
	}
}

static bool
is_there(struct span path)
{
	char text[PATH_MAX];
	struct stat st;

	fs_path(path, text);
	return lstat(text, &st) == 0;
}

static void
announce(struct watch *watch)
{
	struct fields_RG_FS_APPEARED appeared = { .watch_id = watch->id };
	struct writer w;
	struct iovec iov;

	writer_init(&w, 64);
	proto_encode(&w, MSG_RG_FS_APPEARED, &appeared);
	iov = (struct iovec){ w.p, w.len };
	fs_send(MSG_RG_FS_APPEARED, 0, &iov, 1);
	writer_clear(&w);
	free(watch->paths);
	*watch = (struct watch){ 0 };
}

/*
 * Armed first and looked for afterwards, so that what appears in between is
 * seen one way or the other.
 */
static void
look(struct watch *watch)
{
	struct span list = { watch->paths, watch->len }, rest = list, path;

	while (proto_list_next(&rest, &path))
		arm(path);
	while (proto_list_next(&list, &path))
		if (is_there(path)) {
			announce(watch);
			return;
		}
}

static struct watch *
slot_for(int64_t id)
{
	struct watch *unused = NULL;
	size_t i;

	for (i = 0; i < FS_WATCHES_MAX; i++) {
		if (watches[i].paths != NULL && watches[i].id == id)
			return &watches[i];
		if (watches[i].paths == NULL && unused == NULL)
			unused = &watches[i];
	}
	return unused;
}

static void
watch_begin(const struct fs_call *call)
{
	const struct fields_GR_FS_WATCH *msg = &call->msg->GR_FS_WATCH;
	struct fields_RG_RESULT result = {
		.watching = true,
		.has_watching = true,
	};
	struct watch *watch = slot_for(msg->watch_id);

	if (watch == NULL) {
		fs_reply_error(call, -32600, "too many watches: at most %d",
		    FS_WATCHES_MAX);
		return;
	}
	free(watch->paths);
	watch->id = msg->watch_id;
	watch->len = msg->missing.len;
	watch->paths = malloc(watch->len + 1);
	if (watch->paths == NULL)
		fatalx("no memory for a watch");
	if (watch->len > 0)
		memcpy(watch->paths, msg->missing.p, watch->len);
	fs_reply_result(call, &result);
	look(watch);
}

static void
look_at_all(void)
{
	static char events[16384];
	size_t i;

	poll(NULL, 0, LOOK_MS);
	while (read(notify_fd, events, sizeof(events)) > 0)
		continue;
	for (i = 0; i < FS_WATCHES_MAX; i++)
		if (watches[i].paths != NULL)
			look(&watches[i]);
}

int
fs_watch(int fd)
{
	struct pollfd fds[2] = { { .fd = fd, .events = POLLIN } };

	notify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (notify_fd == -1)
		fatal("inotify");
	fds[1] = (struct pollfd){ .fd = notify_fd, .events = POLLIN };
	fs_serve_init(fd);
	for (;;) {
		if (poll(fds, 2, -1) == -1 && errno != EINTR)
			fatal("poll");
		if (fds[0].revents != 0 && !fs_serve_one(watch_begin))
			return 0;
		if (fds[1].revents != 0)
			look_at_all();
	}
}
