/* SPDX-License-Identifier: ISC */
/* What /proc knows about processes and connections, for tests. */
#ifndef TESTS_LIB_PROCFS_H
#define TESTS_LIB_PROCFS_H

#include <sys/types.h>

#include <stddef.h>

/* Most processes that one listing holds. */
#define PROCFS_MAX 8192

struct procfs_entry {
	pid_t pid;
	pid_t ppid;
	char state; /* as in proc(5), 'Z' for a zombie */
	char comm[16]; /* at most 15 characters of the name */
	unsigned long long start; /* clock ticks since boot */
};

/*
 * All processes, in "out", at most "max".  Returns how many were found;
 * those that end meanwhile are left out.
 */
size_t procfs_list(struct procfs_entry *out, size_t max);

/*
 * The processes below "root", it not included: fills "out", at most "max",
 * and returns how many there are.
 */
size_t procfs_below(pid_t root, struct procfs_entry *out, size_t max);

/* One process; 0, or -1 when it does not exist. */
int procfs_get(pid_t pid, struct procfs_entry *out);

/*
 * The inode of the TCP socket over IPv4 that has these local and remote
 * ports (/proc/net/tcp), or 0.
 */
unsigned long procfs_tcp_inode(int local_port, int remote_port);

/* True when "pid" has a descriptor of the socket "inode". */
int procfs_holds_socket(pid_t pid, unsigned long inode);

/* Memory of its own that "pid" has in core, in KiB; 0 when it is gone. */
unsigned long procfs_memory(pid_t pid);

/* Its real user; -1 when it is gone. */
uid_t procfs_uid(pid_t pid);

/*
 * How many descriptors "pid" has; -1 when they cannot be counted, as those
 * of a process that is not dumpable and that is looked at without root.
 */
int procfs_descriptors(pid_t pid);

/*
 * Processes whose environment has the entry "NAME=VALUE", however they were
 * started and whoever their parent is by now; zombies are not counted.  Fills
 * "pids", at most "max", and returns how many there are.
 */
size_t procfs_marked(const char *entry, pid_t *pids, size_t max);

/* The same for processes that have "argument" among their arguments. */
size_t procfs_argument(const char *argument, pid_t *pids, size_t max);

#endif
