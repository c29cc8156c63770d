/* SPDX-License-Identifier: ISC */
/* Where cgroups are, and what is already there. */
#include "config.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/cgroup_private.h"
#include "common/reap.h"

#define FILE_SIZE 65536		/* mountinfo(5) of a busy host */
#define DEPTH_MAX 16		/* cgroups that jobs made one below another */
#define PREFIX "holdfast-"

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

int
cgroup_read(int dir, const char *path, char *out, size_t size)
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

int
cgroup_write(int dir, const char *path, const char *text)
{
	int fd = openat(dir, path, O_WRONLY | O_CLOEXEC), saved;
	ssize_t n;

	if (fd == -1)
		return -1;
	n = write(fd, text, strlen(text));
	saved = errno;
	close(fd);
	errno = saved;
	return n == -1 ? -1 : 0;
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
 * A broker before us may have moved the supervisor out of the way, and so
 * us; that is where "path" ends then.
 */
static void
cut_own(char *path)
{
	static const char leaf[] = "/" CGROUP_SUPERVISION;
	size_t len = strlen(path);
	char *at;

	if (len < sizeof(leaf) ||
	    strcmp(path + len - (sizeof(leaf) - 1), leaf) != 0)
		return;
	path[len - (sizeof(leaf) - 1)] = '\0';
	at = strrchr(path, '/');
	if (at == NULL || owner_of(at + 1) == 0)
		path[len - (sizeof(leaf) - 1)] = '/';
	else
		at[at == path ? 1 : 0] = '\0';
}

int
cgroup_find_own(char *path, size_t size)
{
	char mount[CGROUP_PATH_SIZE], own[CGROUP_PATH_SIZE], *text;
	int result = -1;

	if ((text = malloc(FILE_SIZE)) == NULL)
		return -1;
	if (cgroup_read(AT_FDCWD, "/proc/self/mountinfo", text,
		FILE_SIZE) == 0 &&
	    cgroup_parse_mount(text, mount, sizeof(mount)) == 0 &&
	    cgroup_read(AT_FDCWD, "/proc/self/cgroup", text,
		FILE_SIZE) == 0 &&
	    cgroup_parse_own(text, own, sizeof(own)) == 0) {
		cut_own(own);
		if ((size_t)snprintf(path, size, "%s%s", mount, own) < size)
			result = 0;
	}
	free(text);
	return result;
}

/* Jobs may have made cgroups of their own below. */
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
		fd = openat(dir, entry->d_name, CGROUP_DIR_FLAGS |
		    O_NOFOLLOW);
		if (fd != -1)
			remove_below(fd, depth - 1);
		(void)unlinkat(dir, entry->d_name, AT_REMOVEDIR);
	}
	closedir(list);
}

void
cgroup_remove_below(int dir)
{
	remove_below(dir, DEPTH_MAX);
}

bool
cgroup_is_label(const char *text)
{
	return owner_of(text) != 0;
}

/* Whether anything below it still runs: somebody has taken it over, then. */
static bool
is_populated(int dir, const char *name)
{
	char path[NAME_MAX + 32], text[256];

	snprintf(path, sizeof(path), "%s/cgroup.events", name);
	return cgroup_read(dir, path, text, sizeof(text)) == -1 ||
	    strstr(text, "populated 1") != NULL;
}

/* Nothing is killed here, and no cgroup goes that still has a process. */
void
cgroup_remove_stale(const char *parent, const char *label)
{
	struct dirent *entry;
	DIR *list = opendir(parent);
	pid_t owner;
	int fd;

	while (list != NULL && (entry = readdir(list)) != NULL) {
		owner = owner_of(entry->d_name);
		if (owner == 0 || kill(owner, 0) != -1 || errno != ESRCH ||
		    strcmp(entry->d_name, label) == 0 ||
		    is_populated(dirfd(list), entry->d_name))
			continue;
		fd = openat(dirfd(list), entry->d_name, CGROUP_DIR_FLAGS);
		if (fd != -1)
			cgroup_remove_below(fd);
		(void)unlinkat(dirfd(list), entry->d_name, AT_REMOVEDIR);
	}
	if (list != NULL)
		closedir(list);
}

/* The directory may be there, left by one that had the same number. */
int
cgroup_make_dir(int at, const char *name)
{
	if (mkdirat(at, name, 0755) == -1 && errno != EEXIST)
		return -1;
	return openat(at, name, CGROUP_DIR_FLAGS | O_NOFOLLOW);
}

static bool
is_ours(pid_t pid)
{
	char path[64], text[1024];
	struct reap_stat stat;

	if (pid == getpid() || pid == getppid())
		return true;
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	return cgroup_read(AT_FDCWD, path, text, sizeof(text)) == 0 &&
	    reap_parse_stat(text, strlen(text), &stat) == 0 &&
	    (stat.parent == getpid() || stat.parent == getppid());
}

int
cgroup_vacate(int dir, int leaf)
{
	char text[4096], copy[4096], *line, *save = NULL;

	if (getppid() == 1 ||
	    cgroup_read(dir, "cgroup.procs", text, sizeof(text)) == -1)
		return -1;
	memcpy(copy, text, sizeof(copy));
	for (line = strtok_r(copy, "\n", &save); line != NULL;
	    line = strtok_r(NULL, "\n", &save))
		if (!is_ours((pid_t)strtol(line, NULL, 10)))
			return -1;
	for (line = strtok_r(text, "\n", &save); line != NULL;
	    line = strtok_r(NULL, "\n", &save))
		if (cgroup_write(leaf, "cgroup.procs", line) == -1)
			return -1;
	return 0;
}
