/* SPDX-License-Identifier: ISC */
/* Cgroups of tenants and sessions. */
#include "config.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/cgroup_private.h"
#include "common/unix.h"

#define TENANT_PREFIX "tenant-"

/*
 * What is below may have controllers if no process is in the cgroup itself,
 * other than in the root of all, which has no type.  Some controllers could
 * be had nevertheless, but at the price that nothing can be moved below any
 * more; so this is asked before any is enabled.
 */
static bool
is_in_use(int dir)
{
	char text[64];

	return faccessat(dir, "cgroup.type", F_OK, 0) == 0 &&
	    (cgroup_read(dir, "cgroup.procs", text, sizeof(text)) == -1 ||
	    text[0] != '\0');
}

static bool
has_controllers(int dir)
{
	char text[64];

	return cgroup_read(dir, "cgroup.controllers", text,
	    sizeof(text)) == 0 && text[0] != '\0';
}

/* Out of the way: ourselves, those who started us and whom they started. */
static int
make_room(struct cgroup *cgroup)
{
	unix_close(&cgroup->leaf);
	cgroup->leaf = cgroup_make_dir(cgroup->dir, CGROUP_SUPERVISION);
	if (cgroup->leaf != -1 &&
	    cgroup_vacate(cgroup->root, cgroup->leaf) == 0)
		return 0;
	unix_close(&cgroup->leaf);
	(void)unlinkat(cgroup->dir, CGROUP_SUPERVISION, AT_REMOVEDIR);
	return -1;
}

static void
enable_all(struct cgroup *cgroup)
{
	if (!has_controllers(cgroup->root)) {
		cgroup->why = "the host has none to give here";
		return;
	}
	/* An earlier broker may have made room. */
	cgroup->leaf = openat(cgroup->dir, CGROUP_SUPERVISION,
	    CGROUP_DIR_FLAGS | O_NOFOLLOW);
	if (is_in_use(cgroup->root) && make_room(cgroup) == -1) {
		cgroup->why = "other processes are in the cgroup that they "
			      "are to be below";
		return;
	}
	(void)cgroup_enable(cgroup->root, cgroup->controllers);
	if (cgroup->controllers[0] != '\0')
		(void)cgroup_enable(cgroup->dir, cgroup->controllers);
	if (cgroup->controllers[0] == '\0')
		cgroup->why = "they cannot be enabled here";
}

/* Whoever made the cgroup we were started in may want to remove it. */
static void
move_back(struct cgroup *cgroup)
{
	cgroup_disable(cgroup->dir, cgroup->controllers);
	cgroup_disable(cgroup->root, cgroup->controllers);
	(void)cgroup_vacate(cgroup->leaf, cgroup->root);
	unix_close(&cgroup->leaf);
	(void)unlinkat(cgroup->dir, CGROUP_SUPERVISION, AT_REMOVEDIR);
}

struct cgroup *
cgroup_new(const char *root, const char *label, char *why, size_t size)
{
	struct cgroup *cgroup = calloc(1, sizeof(*cgroup));
	char path[CGROUP_PATH_SIZE - 64];

	if (cgroup == NULL || (root == NULL &&
	    cgroup_find_own(path, sizeof(path)) == -1)) {
		snprintf(why, size, "no cgroup of version 2");
		free(cgroup);
		return NULL;
	}
	if (root != NULL)
		snprintf(path, sizeof(path), "%s", root);
	cgroup_remove_stale(path, label);
	LIST_INIT(&cgroup->tenants);
	cgroup->leaf = -1;
	cgroup->root = open(path, CGROUP_DIR_FLAGS);
	snprintf(cgroup->path, sizeof(cgroup->path), "%s%s%s", path,
	    path[strlen(path) - 1] == '/' ? "" : "/", label);
	cgroup->dir = cgroup_make_dir(AT_FDCWD, cgroup->path);
	if (cgroup->root == -1 || cgroup->dir == -1 ||
	    faccessat(cgroup->dir, "cgroup.kill", W_OK, 0) == -1) {
		snprintf(why, size, "%s: %s", cgroup->path, strerror(errno));
		cgroup_free(cgroup);
		return NULL;
	}
	enable_all(cgroup);
	return cgroup;
}

static void
tenant_free(struct cgroup *cgroup, struct cgroup_tenant *tenant)
{
	LIST_REMOVE(tenant, entry);
	close(tenant->dir);
	(void)unlinkat(cgroup->dir, tenant->name, AT_REMOVEDIR);
	free(tenant);
}

void
cgroup_free(struct cgroup *cgroup)
{
	if (cgroup == NULL)
		return;
	while (!LIST_EMPTY(&cgroup->tenants))
		tenant_free(cgroup, LIST_FIRST(&cgroup->tenants));
	if (cgroup->leaf != -1)
		move_back(cgroup);
	unix_close(&cgroup->root);
	if (cgroup->dir != -1) {
		close(cgroup->dir);
		(void)rmdir(cgroup->path);
	}
	free(cgroup);
}

/*
 * Somebody else has removed it, being empty and named after a process that is
 * not there any more.
 */
static int
remake(struct cgroup *cgroup)
{
	int dir = cgroup_make_dir(AT_FDCWD, cgroup->path);

	if (dir == -1)
		return -1;
	close(cgroup->dir);
	cgroup->dir = dir;
	if (cgroup->controllers[0] != '\0')
		(void)cgroup_enable(cgroup->dir, cgroup->controllers);
	return 0;
}

static struct cgroup_tenant *
tenant_new(struct cgroup *cgroup, const char *name)
{
	struct cgroup_tenant *tenant;

	tenant = malloc(sizeof(*tenant) + strlen(name) + 1);
	if (tenant == NULL)
		return NULL;
	memcpy(tenant->name, name, strlen(name) + 1);
	tenant->dir = cgroup_make_dir(cgroup->dir, name);
	if (tenant->dir == -1 && errno == ENOENT && remake(cgroup) == 0)
		tenant->dir = cgroup_make_dir(cgroup->dir, name);
	if (tenant->dir == -1) {
		free(tenant);
		return NULL;
	}
	LIST_INSERT_HEAD(&cgroup->tenants, tenant, entry);
	return tenant;
}

/* Kept while we run, for sessions that come. */
static struct cgroup_tenant *
tenant_find(struct cgroup *cgroup, const char *name)
{
	struct cgroup_tenant *tenant;
	char dir[NAME_MAX + 1];

	if ((size_t)snprintf(dir, sizeof(dir), TENANT_PREFIX "%s", name) >=
	    sizeof(dir)) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	LIST_FOREACH(tenant, &cgroup->tenants, entry)
		if (strcmp(tenant->name, dir) == 0)
			break;
	if (tenant != NULL && (faccessat(tenant->dir, "cgroup.procs", F_OK,
		0) == 0 || errno != ENOENT))
		return tenant;
	if (tenant != NULL) {
		LIST_REMOVE(tenant, entry);
		close(tenant->dir);
		free(tenant);
	}
	return tenant_new(cgroup, dir);
}

void
cgroup_init(struct cgroup_session *session)
{
	session->tenant = NULL;
	session->dir = session->runner = session->jobs = -1;
}

/*
 * Who starts a process in a cgroup must be allowed to move processes there
 * and in the nearest one above that both are in: so that is allowed, and
 * nothing else.  The limits stay ours, and so does the runner's cgroup, into
 * which no job can flee.
 */
static int
hand_over(const struct cgroup_session *session, uid_t uid)
{
	static const char procs[] = "cgroup.procs";

	if (uid == geteuid())
		return 0;
	if (fchownat(session->dir, procs, uid, (gid_t)-1, 0) == -1 ||
	    fchownat(session->jobs, procs, uid, (gid_t)-1, 0) == -1 ||
	    fchmod(session->jobs, 0711) == -1)
		return -1;
	return 0;
}

static void
set_limits(const struct cgroup *cgroup, const struct cgroup_plan *plan,
    const struct cgroup_session *session)
{
	char names[CGROUP_NAMES_SIZE];

	cgroup_limit(session->tenant->dir, plan->limits, plan->tenant);
	if (cgroup->controllers[0] == '\0')
		return;
	(void)cgroup_enable(session->tenant->dir, names);
	(void)cgroup_enable(session->dir, names);
	/* Out of memory, a session's jobs end together, not others' with it. */
	(void)cgroup_write(session->jobs, "memory.oom.group", "1");
	cgroup_limit(session->jobs, plan->jobs, plan->tenant);
}

int
cgroup_make(struct cgroup *cgroup, const struct cgroup_plan *plan,
    const char *name, struct cgroup_session *session)
{
	int saved;

	cgroup_init(session);
	if (cgroup == NULL) {
		errno = ENOTSUP;
		return -1;
	}
	session->tenant = tenant_find(cgroup, plan->tenant);
	if (session->tenant == NULL)
		return -1;
	session->dir = cgroup_make_dir(session->tenant->dir, name);
	if (session->dir == -1)
		return -1;
	session->runner = cgroup_make_dir(session->dir, "runner");
	session->jobs = cgroup_make_dir(session->dir, "jobs");
	if (session->runner == -1 || session->jobs == -1 ||
	    hand_over(session, plan->uid) == -1) {
		saved = errno;
		cgroup_remove(name, session);
		errno = saved;
		return -1;
	}
	set_limits(cgroup, plan, session);
	return 0;
}

void
cgroup_open(struct cgroup *cgroup, const char *tenant, const char *name,
    struct cgroup_session *session)
{
	cgroup_init(session);
	if (cgroup == NULL ||
	    (session->tenant = tenant_find(cgroup, tenant)) == NULL)
		return;
	session->dir = openat(session->tenant->dir, name, CGROUP_DIR_FLAGS |
	    O_NOFOLLOW);
}

static void
sweep_tenant(int dir, bool (*is_known)(void *arg, const char *name),
    void *arg)
{
	struct cgroup_session stray = { .runner = -1, .jobs = -1 };
	struct dirent *entry;
	DIR *list = fdopendir(dir);

	if (list == NULL)
		close(dir);
	while (list != NULL && (entry = readdir(list)) != NULL) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.' ||
		    is_known(arg, entry->d_name))
			continue;
		stray.dir = openat(dir, entry->d_name, CGROUP_DIR_FLAGS |
		    O_NOFOLLOW);
		if (stray.dir == -1)
			continue;
		cgroup_kill(&stray);
		cgroup_remove_below(stray.dir);
		(void)unlinkat(dir, entry->d_name, AT_REMOVEDIR);
	}
	if (list != NULL)
		closedir(list);
}

void
cgroup_sweep(struct cgroup *cgroup,
    bool (*is_known)(void *arg, const char *name), void *arg)
{
	struct dirent *entry;
	DIR *list = NULL;
	int dir;

	if (cgroup != NULL)
		list = opendir(cgroup->path);
	while (list != NULL && (entry = readdir(list)) != NULL) {
		if (entry->d_type != DT_DIR ||
		    strncmp(entry->d_name, TENANT_PREFIX,
			strlen(TENANT_PREFIX)) != 0)
			continue;
		dir = openat(dirfd(list), entry->d_name, CGROUP_DIR_FLAGS |
		    O_NOFOLLOW);
		if (dir != -1)
			sweep_tenant(dir, is_known, arg);
	}
	if (list != NULL)
		closedir(list);
}

void
cgroup_close_leaves(struct cgroup_session *session)
{
	unix_close(&session->runner);
	unix_close(&session->jobs);
}

const char *
cgroup_path(const struct cgroup *cgroup)
{
	return cgroup == NULL ? NULL : cgroup->path;
}

uint64_t
cgroup_runner_oom(const struct cgroup_session *session)
{
	static const char key[] = "oom_kill ";
	char text[512], *at;
	ssize_t n;
	int fd;

	if (session->dir == -1)
		return 0;
	fd = openat(session->dir, "runner/memory.events",
	    O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	at = strstr(text, key);
	return at == NULL ? 0 : strtoull(at + sizeof(key) - 1, NULL, 10);
}

void
cgroup_kill(const struct cgroup_session *session)
{
	if (session->dir != -1)
		(void)cgroup_write(session->dir, "cgroup.kill", "1");
}

int
cgroup_is_empty(const struct cgroup_session *session)
{
	char text[256];

	if (session->dir == -1)
		return 1;
	/* What cannot be read for want of descriptors is not empty. */
	if (cgroup_read(session->dir, "cgroup.events", text,
		sizeof(text)) == -1)
		return errno == ENOENT || errno == ENODEV;
	return strstr(text, "populated 1") == NULL;
}

void
cgroup_remove(const char *name, struct cgroup_session *session)
{
	cgroup_close_leaves(session);
	if (session->dir == -1)
		return;
	cgroup_remove_below(session->dir);
	session->dir = -1;
	(void)unlinkat(session->tenant->dir, name, AT_REMOVEDIR);
}
