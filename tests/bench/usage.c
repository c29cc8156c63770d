/* SPDX-License-Identifier: ISC */
/* What the processes of a server use, from /proc. */
#include "config.h"

#include <sys/types.h>

#include <dirent.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/num.h"
#include "tests/bench/usage.h"
#include "tests/lib/procfs.h"

#define NAME_PREFIX 5 /* characters by which a server's processes are known */

/* The processes of a server; the array is the caller's to free. */
static size_t
usage_list(pid_t root, struct procfs_entry **out)
{
	struct procfs_entry *all = need(NULL, PROCFS_MAX * sizeof(*all));
	struct procfs_entry self;
	size_t i, kept = 0, n;

	if (procfs_get(root, &self) == -1)
		give_up("process %d is gone", (int)root);
	n = procfs_below(root, all, PROCFS_MAX - 1);
	for (i = 0; i < n; i++)
		if (strncmp(all[i].comm, self.comm, NAME_PREFIX) == 0)
			all[kept++] = all[i];
	all[kept++] = self;
	*out = all;
	return kept;
}

static enum part
part_of(const char *comm)
{
	if (strncmp(comm, "holdfast-gatewa", 15) == 0)
		return PART_GATEWAY;
	if (strncmp(comm, "holdfast-broker", 15) == 0)
		return PART_BROKER;
	if (strncmp(comm, "holdfast-runner", 15) == 0)
		return PART_RUNNER;
	return PART_OTHER;
}

typedef void task_cb(pid_t tid, void *arg);

static void
each_task(pid_t pid, task_cb *cb, void *arg)
{
	char path[64];
	struct dirent *d;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	if ((dir = opendir(path)) == NULL)
		return;
	while ((d = readdir(dir)) != NULL)
		if (d->d_name[0] != '.')
			cb((pid_t)strtol(d->d_name, NULL, 10), arg);
	closedir(dir);
}

static void
add_cpu(pid_t tid, void *arg)
{
	uint64_t *sum = arg, ns;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)tid);
	if ((f = fopen(path, "re")) == NULL)
		return;
	if (fscanf(f, "%" SCNu64, &ns) == 1)
		*sum += ns;
	fclose(f);
}

uint64_t
usage_cpu_of(pid_t pid)
{
	uint64_t sum = 0;

	each_task(pid, add_cpu, &sum);
	return sum;
}

void
usage_cpu(pid_t root, struct usage *out)
{
	struct procfs_entry *list;
	size_t i, n = usage_list(root, &list);
	uint64_t ns;

	memset(out, 0, sizeof(*out));
	for (i = 0; i < n; i++) {
		ns = usage_cpu_of(list[i].pid);
		out->part[part_of(list[i].comm)] += ns;
		out->all += ns;
	}
	free(list);
}

/* Private memory as the result, the rest into "m" unless NULL. */
static uint64_t
read_rollup(pid_t pid, struct memory *m)
{
	uint64_t clean = 0, dirty = 0, kib;
	char path[64], line[128];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	if ((f = fopen(path, "re")) == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "Private_Clean: %" SCNu64, &kib) == 1)
			clean = kib;
		else if (sscanf(line, "Private_Dirty: %" SCNu64, &kib) == 1)
			dirty = kib;
		else if (m != NULL && sscanf(line, "Pss: %" SCNu64, &kib) == 1)
			m->pss += kib;
		else if (m != NULL && sscanf(line, "Rss: %" SCNu64, &kib) == 1)
			m->rss += kib;
	}
	fclose(f);
	return clean + dirty;
}

uint64_t
usage_private_of(pid_t pid)
{
	return read_rollup(pid, NULL);
}

void
usage_memory(pid_t root, struct memory *out)
{
	struct procfs_entry *list;
	size_t i, n = usage_list(root, &list);
	uint64_t kib;

	memset(out, 0, sizeof(*out));
	for (i = 0; i < n; i++) {
		kib = read_rollup(list[i].pid, out);
		out->private.part[part_of(list[i].comm)] += kib;
		out->private.all += kib;
	}
	out->processes = n;
	free(list);
}

void
usage_minus(struct usage *out, const struct usage *later,
    const struct usage *earlier)
{
	size_t i;

	for (i = 0; i < PARTS; i++)
		out->part[i] = later->part[i] - earlier->part[i];
	out->all = later->all - earlier->all;
}

static cpu_set_t *
allowed_at_start(void)
{
	static cpu_set_t set;
	static int known;

	if (!known && sched_getaffinity(0, sizeof(set), &set) == 0)
		known = 1;
	return &set;
}

static void
pin_task(pid_t tid, void *arg)
{
	sched_setaffinity(tid, sizeof(cpu_set_t), arg);
}

static void
pin_set(int cpu, cpu_set_t *set)
{
	*set = *allowed_at_start();
	if (cpu >= 0) {
		CPU_ZERO(set);
		CPU_SET((size_t)cpu, set);
	}
}

void
usage_pin_self(int cpu)
{
	cpu_set_t set;

	pin_set(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

void
usage_pin(pid_t root, int cpu)
{
	struct procfs_entry *list;
	size_t i, n = usage_list(root, &list);
	cpu_set_t set;

	pin_set(cpu, &set);
	for (i = 0; i < n; i++)
		each_task(list[i].pid, pin_task, &set);
	free(list);
}

/* The inode of the socket that listens at "port", by /proc/net/tcp. */
static unsigned long
listening_inode(int port)
{
	unsigned local, state;
	unsigned long inode = 0, found;
	char line[512];
	FILE *f;

	if ((f = fopen("/proc/net/tcp", "re")) == NULL)
		return 0;
	while (inode == 0 && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "%*u: %*x:%x %*x:%*x %x %*x:%*x %*x:%*x %*x "
		    "%*u %*u %lu", &local, &state, &found) == 3 &&
		    (int)local == port && state == 0x0a)
			inode = found;
	fclose(f);
	return inode;
}

pid_t
usage_listener(int port)
{
	struct procfs_entry *all = need(NULL, PROCFS_MAX * sizeof(*all));
	unsigned long inode = listening_inode(port);
	unsigned long long start = 0;
	size_t i, n;
	pid_t pid = 0;

	n = inode == 0 ? 0 : procfs_list(all, PROCFS_MAX);
	for (i = 0; i < n; i++)
		if (procfs_holds_socket(all[i].pid, inode) &&
		    (pid == 0 || all[i].start < start)) {
			pid = all[i].pid;
			start = all[i].start;
		}
	free(all);
	return pid;
}
