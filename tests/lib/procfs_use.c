/* SPDX-License-Identifier: ISC */
/* What single processes use and which ones belong together, for tests. */
#include "config.h"

#include <sys/types.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/xmalloc.h"
#include "tests/lib/procfs.h"

#define PROCFS_STRINGS_MAX 131072

unsigned long
procfs_memory(pid_t pid)
{
	char path[64], line[256];
	unsigned long kib = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if ((f = fopen(path, "re")) == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "RssAnon: %lu kB", &kib) == 1)
			break;
	fclose(f);
	return kib;
}

uid_t
procfs_uid(pid_t pid)
{
	char path[64], line[256];
	unsigned int uid = (unsigned int)-1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if ((f = fopen(path, "re")) == NULL)
		return (uid_t)-1;
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "Uid: %u", &uid) == 1)
			break;
	fclose(f);
	return uid;
}

int
procfs_descriptors(pid_t pid)
{
	struct dirent *entry;
	char path[64];
	int n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	if ((dir = opendir(path)) == NULL)
		return -1;
	while ((entry = readdir(dir)) != NULL)
		n += entry->d_name[0] != '.';
	closedir(dir);
	return n;
}

/* "file" of /proc/PID holds strings, each with its terminator. */
static int
procfs_has_string(pid_t pid, const char *file, const char *string, char *buf)
{
	size_t len = 0, want = strlen(string) + 1;
	char path[64], *p;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return 0;
	while (len < PROCFS_STRINGS_MAX &&
	    (n = read(fd, buf + len, PROCFS_STRINGS_MAX - len)) > 0)
		len += (size_t)n;
	close(fd);
	p = memmem(buf, len, string, want);
	return p != NULL && (p == buf || p[-1] == '\0');
}

static size_t
procfs_with_string(const char *file, const char *string, pid_t *pids,
    size_t max)
{
	struct procfs_entry *all = xcalloc(PROCFS_MAX, sizeof(*all));
	size_t i, nall = procfs_list(all, PROCFS_MAX), n = 0;
	char *buf = xmalloc(PROCFS_STRINGS_MAX);

	for (i = 0; i < nall; i++) {
		if (all[i].state == 'Z' ||
		    !procfs_has_string(all[i].pid, file, string, buf))
			continue;
		if (n < max)
			pids[n] = all[i].pid;
		n++;
	}
	free(buf);
	free(all);
	return n;
}

size_t
procfs_marked(const char *entry, pid_t *pids, size_t max)
{
	return procfs_with_string("environ", entry, pids, max);
}

size_t
procfs_argument(const char *argument, pid_t *pids, size_t max)
{
	return procfs_with_string("cmdline", argument, pids, max);
}
