/* SPDX-License-Identifier: ISC */
/* The processes of a holdfastd, for tests: which are there, which are left. */
#include "config.h"

#include <sys/types.h>
#include <sys/wait.h>

#include <arpa/inet.h>

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/xmalloc.h"
#include "tests/lib/daemon.h"
#include "tests/lib/procfs.h"
#include "tests/lib/wait.h"

struct daemon_wanted {
	const struct daemon *daemon;
	const char *name;
	size_t count;
};

static int
daemon_compare(const void *a, const void *b)
{
	const struct procfs_entry *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

size_t
daemon_find(const struct daemon *daemon, const char *name, pid_t *pids,
    size_t max)
{
	struct procfs_entry *all;
	size_t i, n, found = 0;

	if (daemon_pid(daemon) <= 0)
		return 0;
	all = xcalloc(PROCFS_MAX, sizeof(*all));
	n = procfs_below(daemon_pid(daemon), all, PROCFS_MAX);
	qsort(all, n, sizeof(*all), daemon_compare);
	for (i = 0; i < n; i++) {
		/* The kernel keeps 15 characters of a name. */
		if (all[i].state == 'Z' ||
		    strncmp(all[i].comm, name, sizeof(all[i].comm) - 1) != 0)
			continue;
		if (found < max)
			pids[found] = all[i].pid;
		found++;
	}
	free(all);
	return found;
}

static int
daemon_has(void *arg)
{
	struct daemon_wanted *wanted = arg;

	return daemon_find(wanted->daemon, wanted->name, NULL, 0) >=
	    wanted->count;
}

int
daemon_wait_for(const struct daemon *daemon, const char *name, size_t count,
    int ms)
{
	struct daemon_wanted wanted = { daemon, name, count };

	return wait_until(daemon_has, &wanted, ms);
}

static int
daemon_has_none(void *arg)
{
	struct daemon_wanted *wanted = arg;

	return daemon_find(wanted->daemon, wanted->name, NULL, 0) == 0;
}

int
daemon_wait_none(const struct daemon *daemon, const char *name, int ms)
{
	struct daemon_wanted wanted = { daemon, name, 0 };

	return wait_until(daemon_has_none, &wanted, ms);
}

pid_t
daemon_owner_of(const struct daemon *daemon, int port)
{
	const char *colon = strrchr(daemon_url(daemon), ':');
	unsigned long inode;
	pid_t pids[64], owner = 0;
	size_t i, n;

	inode = procfs_tcp_inode(atoi(colon + 1), port);
	if (inode == 0)
		return 0;
	n = daemon_find(daemon, "holdfast-gateway", pids, 64);
	for (i = 0; i < n && i < 64 && owner == 0; i++)
		if (procfs_holds_socket(pids[i], inode))
			owner = pids[i];
	return owner;
}

size_t
daemon_left_alive(struct daemon *daemon, pid_t *pids, size_t max)
{
	struct procfs_entry *all;
	size_t i, n, found = 0;

	while (daemon_pid(daemon) <= 0 && waitpid(-1, NULL, WNOHANG) > 0)
		;
	all = xcalloc(PROCFS_MAX, sizeof(*all));
	n = procfs_below(getpid(), all, PROCFS_MAX);
	qsort(all, n, sizeof(*all), daemon_compare);
	for (i = 0; i < n; i++) {
		if (all[i].state == 'Z' || all[i].pid == daemon_pid(daemon))
			continue;
		if (found < max)
			pids[found] = all[i].pid;
		found++;
	}
	free(all);
	return found;
}

static size_t
daemon_each_file(const struct daemon *daemon, int show)
{
	DIR *dir = opendir(daemon_runtime_dir(daemon));
	struct dirent *entry;
	size_t n = 0;

	if (dir == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		if (show)
			fprintf(stderr, "daemon: left behind: %s/%s\n",
			    daemon_runtime_dir(daemon), entry->d_name);
		n++;
	}
	closedir(dir);
	return n;
}

size_t
daemon_left_files(const struct daemon *daemon)
{
	return daemon_each_file(daemon, 0);
}

static int
daemon_is_alone(void *arg)
{
	return daemon_left_alive(arg, NULL, 0) == 0;
}

static int
daemon_is_clean(void *arg)
{
	return daemon_is_alone(arg) && daemon_left_files(arg) == 0;
}

int
daemon_check_alive(struct daemon *daemon, int ms)
{
	struct procfs_entry entry;
	pid_t pids[32];
	size_t i, n;

	if (wait_until(daemon_is_alone, daemon, ms) == 0)
		return 0;
	n = daemon_left_alive(daemon, pids, 32);
	for (i = 0; i < n && i < 32; i++)
		if (procfs_get(pids[i], &entry) == 0)
			fprintf(stderr, "daemon: still alive: %d (%s)\n",
			    (int)entry.pid, entry.comm);
	return -1;
}

/* Nobody would notice otherwise: what crashes is started again. */
static int
daemon_log_is_sound(const struct daemon *daemon)
{
	static const char *const bad[] = { "Sanitizer", "runtime error:",
		"Segmentation fault", "Aborted", "Bad system call",
		"Assertion" };
	char line[1024];
	int sound = 1;
	size_t i;
	FILE *f;

	if ((f = fopen(daemon_log(daemon), "re")) == NULL)
		return 1;
	while (fgets(line, sizeof(line), f) != NULL)
		for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
			if (strstr(line, bad[i]) != NULL) {
				fprintf(stderr, "daemon: %s", line);
				sound = 0;
			}
	fclose(f);
	return sound;
}

int
daemon_check_clean(struct daemon *daemon, int ms)
{
	if (wait_until(daemon_is_clean, daemon, ms) == 0)
		return daemon_log_is_sound(daemon) ? 0 : -1;
	daemon_check_alive(daemon, 0);
	daemon_each_file(daemon, 1);
	return -1;
}

struct daemon_line {
	const char *path, *text;
};

static int
daemon_has_line(void *arg)
{
	const struct daemon_line *wanted = arg;
	FILE *in = fopen(wanted->path, "re");
	char *line = NULL;
	size_t size = 0;
	int found = 0;

	while (in != NULL && !found && getline(&line, &size, in) != -1)
		found = strstr(line, wanted->text) != NULL;
	free(line);
	if (in != NULL)
		fclose(in);
	return found;
}

int
daemon_wait_logged(const struct daemon *daemon, const char *text, int ms)
{
	struct daemon_line wanted = { daemon_log(daemon), text };

	return wait_until(daemon_has_line, &wanted, ms);
}
