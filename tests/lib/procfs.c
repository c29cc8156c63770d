/* SPDX-License-Identifier: ISC */
/* What /proc knows about processes and connections, for tests. */
#include "config.h"

#include <sys/types.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/procfs.h"

int
procfs_get(pid_t pid, struct procfs_entry *out)
{
	char path[64], line[1024], *open, *close;
	size_t len;
	FILE *f;
	int ppid;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if ((f = fopen(path, "re")) == NULL)
		return -1;
	len = fread(line, 1, sizeof(line) - 1, f);
	fclose(f);
	line[len] = '\0';
	/* The name may hold blanks and brackets: take the outermost ones. */
	open = strchr(line, '(');
	close = strrchr(line, ')');
	if (open == NULL || close == NULL || close < open)
		return -1;
	memset(out, 0, sizeof(*out));
	out->pid = pid;
	*close = '\0';
	snprintf(out->comm, sizeof(out->comm), "%s", open + 1);
	if (sscanf(close + 1, " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u"
	    " %*u %*d %*d %*d %*d %*d %*d %llu", &out->state, &ppid,
	    &out->start) != 3)
		return -1;
	out->ppid = ppid;
	return 0;
}

size_t
procfs_list(struct procfs_entry *out, size_t max)
{
	struct dirent *entry;
	size_t n = 0;
	DIR *dir;
	int pid;

	if ((dir = opendir("/proc")) == NULL)
		return 0;
	while (n < max && (entry = readdir(dir)) != NULL) {
		pid = atoi(entry->d_name);
		if (pid > 0 && procfs_get(pid, &out[n]) == 0)
			n++;
	}
	closedir(dir);
	return n;
}

static int
procfs_is_below(pid_t root, pid_t pid, const struct procfs_entry *all,
    size_t nall)
{
	size_t i, steps;

	for (steps = 0; steps < nall && pid > 0; steps++) {
		for (i = 0; i < nall && all[i].pid != pid; i++)
			;
		if (i == nall)
			return 0;
		pid = all[i].ppid;
		if (pid == root)
			return 1;
	}
	return 0;
}

size_t
procfs_below(pid_t root, struct procfs_entry *out, size_t max)
{
	struct procfs_entry *all;
	size_t i, nall, n = 0;

	if ((all = calloc(PROCFS_MAX, sizeof(*all))) == NULL)
		return 0;
	nall = procfs_list(all, PROCFS_MAX);
	for (i = 0; i < nall && n < max; i++)
		if (procfs_is_below(root, all[i].pid, all, nall))
			out[n++] = all[i];
	free(all);
	return n;
}

unsigned long
procfs_tcp_inode(int local_port, int remote_port)
{
	unsigned int local, remote;
	unsigned long inode, found = 0;
	char line[512];
	FILE *f;

	if ((f = fopen("/proc/net/tcp", "re")) == NULL)
		return 0;
	while (found == 0 && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, " %*d: %*x:%x %*x:%x %*x %*s %*s %*s %*u %*u"
		    " %lu", &local, &remote, &inode) == 3 &&
		    local == (unsigned int)local_port &&
		    remote == (unsigned int)remote_port)
			found = inode;
	fclose(f);
	return found;
}

int
procfs_holds_socket(pid_t pid, unsigned long inode)
{
	char path[320], want[64], target[64];
	struct dirent *entry;
	ssize_t n;
	DIR *dir;
	int found = 0;

	snprintf(want, sizeof(want), "socket:[%lu]", inode);
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	if ((dir = opendir(path)) == NULL)
		return 0;
	while (!found && (entry = readdir(dir)) != NULL) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%s", (int)pid,
		    entry->d_name);
		if ((n = readlink(path, target, sizeof(target) - 1)) < 0)
			continue;
		target[n] = '\0';
		found = strcmp(target, want) == 0;
	}
	closedir(dir);
	return found;
}
