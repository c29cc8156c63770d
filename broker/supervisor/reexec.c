/* SPDX-License-Identifier: ISC */
/* Taking our own place with another image. */
#include "config.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/supervisor/reexec.h"
#include "common/log.h"
#include "common/role.h"
#include "common/unix.h"
#include "common/xmalloc.h"

#define REEXEC_HEIR "HOLDFAST_HEIR"
#define REEXEC_STORE "HOLDFAST_STORE"

static int
reexec_int_compare(const void *a, const void *b)
{
	const int *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* All but those, and standard input, output and error. */
static void
reexec_close_others(const struct reexec *r)
{
	int *keep = xcalloc(r->store.count + 2, sizeof(*keep)), first;
	size_t i, n = 0;

	if (r->lock != -1)
		keep[n++] = r->lock;
	if (r->notify != -1)
		keep[n++] = r->notify;
	for (i = 0; i < r->store.count; i++)
		keep[n++] = r->store.entries[i].fd;
	qsort(keep, n, sizeof(*keep), reexec_int_compare);
	first = STDERR_FILENO + 1;
	for (i = 0; i < n; i++) {
		if (keep[i] > first)
			close_range((unsigned int)first,
			    (unsigned int)keep[i] - 1, 0);
		if (keep[i] >= first)
			first = keep[i] + 1;
	}
	role_close_from(first);
	free(keep);
}

/* Items are NAME=FD; what is none is skipped. */
static void
reexec_read_store(struct reexec *r, const char *text)
{
	char *copy = xstrdup(text), *next = copy, *item, *fd;
	struct store_entry entry;
	int old;

	r->store.most = SIZE_MAX;
	while ((item = strsep(&next, ":")) != NULL) {
		fd = strchr(item, '=');
		if (fd == NULL)
			continue;
		*fd++ = '\0';
		memset(&entry, 0, sizeof(entry));
		entry.fd = atoi(fd);
		if (entry.fd <= STDERR_FILENO || strlcpy(entry.name, item,
		    sizeof(entry.name)) >= sizeof(entry.name) ||
		    unix_cloexec(entry.fd) == -1 ||
		    store_put(&r->store, &entry, &old) == -1)
			continue;
	}
	free(copy);
}

int
reexec_receive(struct reexec *r)
{
	const char *heir = getenv(REEXEC_HEIR), *stored = getenv(REEXEC_STORE);
	struct reexec_task *t = &r->task;
	char dir[4096];

	memset(r, 0, sizeof(*r));
	r->lock = r->notify = -1;
	if (heir != NULL && sscanf(heir, "%d %d %" SCNu64 " %" SCNu64
	    " %d %d %d %4095s", &r->lock, &r->notify, &t->request,
	    &t->grace_ms, &t->upgrade, &t->handoff, &t->force, dir) == 8 &&
	    unix_cloexec(r->lock) == 0) {
		r->dir = xstrdup(dir);
		if (r->notify != -1 && unix_cloexec(r->notify) == -1)
			r->notify = -1;
		if (stored != NULL)
			reexec_read_store(r, stored);
	} else {
		r->lock = r->notify = -1;
		memset(t, 0, sizeof(*t));
	}
	unsetenv(REEXEC_HEIR);
	unsetenv(REEXEC_STORE);
	reexec_close_others(r);
	return r->dir != NULL;
}

void
reexec_clear(struct reexec *r)
{
	free(r->dir);
	r->dir = NULL;
	store_clear(&r->store);
}

/* Names and descriptors; with all of them there is room, see store.h. */
static char *
reexec_store_text(const struct store *store)
{
	size_t room = store->bytes + store->count * 12 + 1, used = 0, i;
	char *text = xcalloc(room, 1);

	for (i = 0; i < store->count; i++)
		used += (size_t)snprintf(text + used, room - used, "%s%s=%d",
		    i == 0 ? "" : ":", store->entries[i].name,
		    store->entries[i].fd);
	return text;
}

static void
reexec_inherit(const struct reexec *r, int on)
{
	int flags = on ? 0 : FD_CLOEXEC;
	size_t i;

	(void)fcntl(r->lock, F_SETFD, flags);
	if (r->notify != -1)
		(void)fcntl(r->notify, F_SETFD, flags);
	for (i = 0; i < r->store.count; i++)
		(void)fcntl(r->store.entries[i].fd, F_SETFD, flags);
}

/* Ours, cleaned, with what the next image needs. */
static int
reexec_set_env(const struct reexec *r)
{
	char *text = reexec_store_text(&r->store), *heir, *files;
	int rc;

	heir = xasprintf("%d %d %" PRIu64 " %" PRIu64 " %d %d %d %s", r->lock,
	    r->notify, r->task.request, r->task.grace_ms, r->task.upgrade,
	    r->task.handoff, r->task.force, r->dir);
	files = role_heir_env();
	rc = setenv(REEXEC_HEIR, heir, 1);
	if (rc == 0)
		rc = setenv(REEXEC_STORE, text, 1);
	if (rc == 0)
		rc = setenv(ROLE_FILES_ENV, strchr(files, '=') + 1, 1);
	free(heir);
	free(text);
	free(files);
	return rc;
}

static void
reexec_unset_env(void)
{
	unsetenv(REEXEC_HEIR);
	unsetenv(REEXEC_STORE);
	unsetenv(ROLE_FILES_ENV);
}

int
reexec_become(const char *path, char *argv[], const struct reexec *r)
{
	struct rlimit core;
	int saved;

	if (reexec_set_env(r) == -1)
		return -1;
	if (getrlimit(RLIMIT_CORE, &core) == -1)
		return -1;
	reexec_inherit(r, 1);
	role_restore_for_heir();
	execv(path, argv);
	saved = errno;
	reexec_inherit(r, 0);
	umask(077);
	(void)setrlimit(RLIMIT_CORE, &core);
	role_guard();
	reexec_unset_env();
	errno = saved;
	return -1;
}
