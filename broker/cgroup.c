/* SPDX-License-Identifier: ISC */
/* Cgroups of sessions. */
#include "config.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/cgroup.h"
#include "common/unix.h"

#define PATH_SIZE 4096
#define FILE_SIZE 65536		/* mountinfo(5) of a busy host */
#define DEPTH_MAX 16		/* cgroups that jobs made one below another */
#define PREFIX "holdfast-"
#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

struct cgroup {
	int dir;
	char path[PATH_SIZE];
};

int
cgroup_parse_own(const char *text, char *out, size_t size)
{
	static const char mark[] = "0::";
	const char *line = text, *end;

	while (line != NULL && strncmp(line, mark, sizeof(mark) - 1) != 0) {
		line = strchr(line, '\n');
		line = line == NULL ? NULL : line + 1;
	}
	if (line == NULL)
		return -1;
	line += sizeof(mark) - 1;
	end = strchrnul(line, '\n');
	if (line[0] != '/' || (size_t)(end - line) >= size)
		return -1;
	memcpy(out, line, (size_t)(end - line));
	out[end - line] = '\0';
	return 0;
}

/* id parent major:minor root mountpoint options... - type source super */
static int
parse_mount_line(char *line, char *out, size_t size)
{
	char *type = strstr(line, " - "), *field, *save = NULL;
	int i;

	if (type == NULL || strncmp(type + 3, "cgroup2 ", 8) != 0)
		return -1;
	field = strtok_r(line, " ", &save);
	for (i = 0; field != NULL && i < 4; i++) {
		/* What is bound from below the root has other paths. */
		if (i == 3 && strcmp(field, "/") != 0)
			return -1;
		field = strtok_r(NULL, " ", &save);
	}
	/* Blanks in it are written as octal numbers: not for us. */
	if (field == NULL || field[0] != '/' || strchr(field, '\\') != NULL)
		return -1;
	return (size_t)snprintf(out, size, "%s", field) < size ? 0 : -1;
}

int
cgroup_parse_mount(const char *text, char *out, size_t size)
{
	char *copy = strdup(text), *line, *save = NULL;
	int found = -1;

	if (copy == NULL)
		return -1;
	for (line = strtok_r(copy, "\n", &save); line != NULL && found == -1;
	    line = strtok_r(NULL, "\n", &save))
		found = parse_mount_line(line, out, size);
	free(copy);
	return found;
}

static int
read_file(int dir, const char *path, char *out, size_t size)
{
	size_t used = 0;
	ssize_t n;
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		return -1;
	while (used < size - 1 &&
	    (n = read(fd, out + used, size - 1 - used)) > 0)
		used += (size_t)n;
	out[used] = '\0';
	close(fd);
	return 0;
}

static int
find_own(char *path, size_t size)
{
	char mount[PATH_SIZE], own[PATH_SIZE], *text;
	int result = -1;

	if ((text = malloc(FILE_SIZE)) == NULL)
		return -1;
	if (read_file(AT_FDCWD, "/proc/self/mountinfo", text, FILE_SIZE) == 0 &&
	    cgroup_parse_mount(text, mount, sizeof(mount)) == 0 &&
	    read_file(AT_FDCWD, "/proc/self/cgroup", text, FILE_SIZE) == 0 &&
	    cgroup_parse_own(text, own, sizeof(own)) == 0 &&
	    (size_t)snprintf(path, size, "%s%s", mount, own) < size)
		result = 0;
	free(text);
	return result;
}

/* Jobs may have made cgroups of their own below; "dir" is closed. */
static void
remove_below(int dir, int depth)
{
	struct dirent *entry;
	DIR *list;
	int fd;

	if ((list = fdopendir(dir)) == NULL) {
		close(dir);
		return;
	}
	while (depth > 0 && (entry = readdir(list)) != NULL) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		fd = openat(dir, entry->d_name, DIR_FLAGS | O_NOFOLLOW);
		if (fd != -1)
			remove_below(fd, depth - 1);
		(void)unlinkat(dir, entry->d_name, AT_REMOVEDIR);
	}
	closedir(list);
}

/* The process that a directory of this name belongs to, or 0. */
static pid_t
owner_of(const char *name)
{
	static const char prefix[] = PREFIX;
	char *end;
	long pid;

	if (strncmp(name, prefix, sizeof(prefix) - 1) != 0)
		return 0;
	pid = strtol(name + sizeof(prefix) - 1, &end, 10);
	return *end == '\0' && pid > 0 && pid <= INT_MAX ? (pid_t)pid : 0;
}

/*
 * What brokers left that were killed.  Nothing is killed here, and no cgroup
 * goes that still has a process.
 */
static void
remove_stale(const char *parent)
{
	struct dirent *entry;
	DIR *list = opendir(parent);
	pid_t owner;
	int fd;

	while (list != NULL && (entry = readdir(list)) != NULL) {
		owner = owner_of(entry->d_name);
		if (owner == 0 || kill(owner, 0) != -1 || errno != ESRCH)
			continue;
		fd = openat(dirfd(list), entry->d_name, DIR_FLAGS);
		if (fd != -1)
			remove_below(fd, DEPTH_MAX);
		(void)unlinkat(dirfd(list), entry->d_name, AT_REMOVEDIR);
	}
	if (list != NULL)
		closedir(list);
}

/* The directory may be there, left by one that had the same number. */
static int
make_dir(int at, const char *name)
{
	if (mkdirat(at, name, 0755) == -1 && errno != EEXIST)
		return -1;
	return openat(at, name, DIR_FLAGS | O_NOFOLLOW);
}

struct cgroup *
cgroup_new(pid_t owner, char *why, size_t size)
{
	struct cgroup *cgroup = calloc(1, sizeof(*cgroup));
	char path[PATH_SIZE - 64];

	if (cgroup == NULL || find_own(path, sizeof(path)) == -1) {
		snprintf(why, size, "no cgroup of version 2");
		free(cgroup);
		return NULL;
	}
	remove_stale(path);
	snprintf(cgroup->path, sizeof(cgroup->path), "%s%s" PREFIX "%d", path,
	    path[strlen(path) - 1] == '/' ? "" : "/", (int)owner);
	cgroup->dir = make_dir(AT_FDCWD, cgroup->path);
	if (cgroup->dir == -1 ||
	    faccessat(cgroup->dir, "cgroup.kill", W_OK, 0) == -1) {
		snprintf(why, size, "%s: %s", cgroup->path, strerror(errno));
		cgroup_free(cgroup);
		return NULL;
	}
	return cgroup;
}

void
cgroup_free(struct cgroup *cgroup)
{
	if (cgroup == NULL)
		return;
	if (cgroup->dir != -1) {
		close(cgroup->dir);
		(void)rmdir(cgroup->path);
	}
	free(cgroup);
}

int
cgroup_make(struct cgroup *cgroup, const char *name)
{
	return cgroup == NULL ? -1 : make_dir(cgroup->dir, name);
}

void
cgroup_kill(int dir)
{
	int fd;

	if (dir == -1)
		return;
	fd = openat(dir, "cgroup.kill", O_WRONLY | O_CLOEXEC);
	if (fd == -1)
		return;
	(void)!write(fd, "1", 1);
	close(fd);
}

int
cgroup_is_empty(int dir)
{
	char text[256];

	if (dir == -1 ||
	    read_file(dir, "cgroup.events", text, sizeof(text)) == -1)
		return 1;
	return strstr(text, "populated 1") == NULL;
}

void
cgroup_remove(struct cgroup *cgroup, const char *name, int *dir)
{
	if (*dir == -1)
		return;
	remove_below(*dir, DEPTH_MAX);
	*dir = -1;
	(void)unlinkat(cgroup->dir, name, AT_REMOVEDIR);
}
