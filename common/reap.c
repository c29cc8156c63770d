/* SPDX-License-Identifier: ISC */
/*
 * Descendants are found by their parents in /proc/PID/stat, because
 * /proc/PID/task/TID/children is not there on every kernel.  Each one is
 * signalled the moment it is seen: what forks and exits in a chain is gone
 * when a complete picture of the tree is ready.  What a single process
 * escapes by forking on, its process group does not: the kernel never lets a
 * fork complete past a signal to the group.
 */
#include "config.h"

#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/reap.h"

/* Looks at /proc in one call; a further one follows only on a new find. */
#define REAP_LOOKS 4
/* Children collected before each look; it collects those it meets. */
#define REAP_ZOMBIES 64
/* A longer chain of parents than this is taken for a stranger's. */
#define REAP_DEPTH 4096
/* Room for directory entries, in bytes; on the stack. */
#define REAP_ENTRIES 8192
/* Enough of the line: id, name (64 at most), state ... num_threads. */
#define REAP_LINE 512

enum reap_descent {
	REAP_UNKNOWN,
	REAP_OURS,
	REAP_STRANGER
};

struct reap {
	int proc;			/* /proc */
	pid_t self;
	int signo;
	const struct pidset *spare;
	reap_exited_cb *exited_cb;
	void *arg;
	struct pidset present;		/* processes, in this look */
	struct pidset ours;		/* descendants, in this look */
	struct pidset strangers;	/* not, in all looks of this call */
	struct pidset sessions;		/* with a stranger in them, or us */
	struct pidset signalled;	/* in all looks of this call */
	size_t alive;			/* in this look */
	size_t fresh;			/* signalled in this look */
	int groups;			/* whole groups may be killed */
	int blind;			/* some stranger's session is unknown */
};

static const char *
reap_skip_fields(const char *p, int fields)
{
	while (fields-- > 0) {
		p = strchr(p, ' ');
		if (p == NULL)
			return NULL;
		p++;
	}
	return p;
}

static int
reap_parse_number(const char *p, long *number)
{
	char *end;

	if (p == NULL || *p < '0' || *p > '9')
		return -1;
	errno = 0;
	*number = strtol(p, &end, 10);
	if (errno != 0 || *number > INT_MAX ||
	    (*end != ' ' && *end != '\n' && *end != '\0'))
		return -1;
	return 0;
}

int
reap_parse_stat(const char *text, size_t len, struct reap_stat *stat)
{
	char line[REAP_LINE];
	const char *p;
	long parent, group, session, threads;

	if (len >= sizeof(line))
		len = sizeof(line) - 1;
	memcpy(line, text, len);
	line[len] = '\0';
	p = strrchr(line, ')');
	if (p == NULL || p[1] != ' ' || p[2] == '\0' || p[3] != ' ')
		return -1;
	p += 2;
	if (reap_parse_number(p + 2, &parent) == -1 ||
	    reap_parse_number(reap_skip_fields(p, 2), &group) == -1 ||
	    reap_parse_number(reap_skip_fields(p, 3), &session) == -1 ||
	    reap_parse_number(reap_skip_fields(p, 17), &threads) == -1)
		return -1;
	stat->parent = (pid_t)parent;
	stat->group = (pid_t)group;
	stat->session = (pid_t)session;
	/* A leader that exited before its threads looks like a zombie. */
	stat->alive = (*p != 'Z' && *p != 'X' && *p != 'x') || threads > 1;
	return 0;
}

static int
reap_read_stat(const struct reap *reap, pid_t pid, struct reap_stat *stat)
{
	char path[32], line[REAP_LINE];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%d/stat", (int)pid);
	fd = openat(reap->proc, path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	n = read(fd, line, sizeof(line));
	close(fd);
	if (n <= 0)
		return -1;
	return reap_parse_stat(line, (size_t)n, stat);
}

/* Without memory to remember a stranger's session, no group is killed. */
static void
reap_avoid(struct reap *reap, pid_t pid, pid_t session)
{
	(void)pidset_add(&reap->strangers, pid);
	if (pidset_add(&reap->sessions, session) == -1)
		reap->blind = 1;
}

/*
 * Whether "pid" descends from this process and not through a spared child.
 * Climbs until it meets someone it knows.  A chain that breaks is nobody's
 * for now: who is orphaned meanwhile is found again.
 */
static enum reap_descent
reap_descent(struct reap *reap, pid_t pid, const struct reap_stat *start)
{
	struct reap_stat stat = *start;
	int depth;

	for (depth = 0; depth < REAP_DEPTH; depth++) {
		if (stat.parent == reap->self)
			return pidset_has(reap->spare, pid) ? REAP_STRANGER :
			    REAP_OURS;
		if (pidset_has(&reap->ours, stat.parent))
			return REAP_OURS;
		if (stat.parent <= 1 ||
		    pidset_has(&reap->strangers, stat.parent)) {
			reap_avoid(reap, pid, stat.session);
			return REAP_STRANGER;
		}
		pid = stat.parent;
		if (reap_read_stat(reap, pid, &stat) == -1)
			break;
	}
	return REAP_UNKNOWN;
}

/* Bounded: somebody may be making zombies faster than they are collected. */
static void
reap_collect(struct reap *reap, int most)
{
	int status;
	pid_t pid;

	if (reap->exited_cb == NULL)
		return;
	while (most-- > 0 && (pid = waitpid(-1, &status, WNOHANG)) > 0)
		reap->exited_cb(pid, status, reap->arg);
}

/*
 * Kill the whole process group of a descendant, unless a stranger is in its
 * session: all groups of a session are then ours.  Only after a first
 * complete look are the strangers known.  The member is stopped first, so
 * that it keeps the group's id from being given to another one.
 */
static void
reap_hit_group(struct reap *reap, int fd, pid_t pid)
{
	struct reap_stat stat;

	if (!reap->groups || reap->blind ||
	    syscall(SYS_pidfd_send_signal, fd, SIGSTOP, NULL, 0) == -1 ||
	    reap_read_stat(reap, pid, &stat) == -1)
		return;
	if (stat.alive && stat.group > 1 && stat.session > 1 &&
	    !pidset_has(&reap->sessions, stat.session) &&
	    reap_descent(reap, pid, &stat) == REAP_OURS)
		kill(-stat.group, SIGKILL);
}

/* Signal through a descriptor that cannot change its meaning. */
static void
reap_hit(struct reap *reap, pid_t pid)
{
	struct reap_stat stat;
	int fd;

	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd == -1)
		return;
	/*
	 * The id may have passed to another process since the first look;
	 * from now on the descriptor is of the one whose descent is checked
	 * here, or of a dead one, which no signal reaches.
	 */
	if (reap_read_stat(reap, pid, &stat) == 0 &&
	    reap_descent(reap, pid, &stat) == REAP_OURS) {
		reap_hit_group(reap, fd, pid);
		if (syscall(SYS_pidfd_send_signal, fd, reap->signo, NULL,
		    0) == 0) {
			reap->fresh++;
			(void)pidset_add(&reap->signalled, pid);
		}
	}
	close(fd);
}

/*
 * By its number: asked for any child, the kernel goes past all that live, and
 * thousands that have just been killed still do.
 */
static void
reap_collect_one(struct reap *reap, pid_t pid)
{
	int status;

	if (reap->exited_cb != NULL && waitpid(pid, &status, WNOHANG) == pid)
		reap->exited_cb(pid, status, reap->arg);
}

static void
reap_visit(struct reap *reap, pid_t pid)
{
	struct reap_stat stat;

	if (pid == reap->self || pidset_has(&reap->strangers, pid) ||
	    reap_read_stat(reap, pid, &stat) == -1)
		return;
	if (!stat.alive && stat.parent == reap->self) {
		reap_collect_one(reap, pid);
		return;
	}
	switch (reap_descent(reap, pid, &stat)) {
	case REAP_STRANGER:
		reap_avoid(reap, pid, stat.session);
		return;
	case REAP_UNKNOWN:
		return;
	case REAP_OURS:
		break;
	}
	(void)pidset_add(&reap->ours, pid);
	if (!stat.alive)
		return;
	reap->alive++;
	if (!pidset_has(&reap->signalled, pid))
		reap_hit(reap, pid);
}

static pid_t
reap_entry_pid(const char *name)
{
	char *end;
	long pid;

	if (name[0] < '1' || name[0] > '9')
		return -1;
	pid = strtol(name, &end, 10);
	return *end == '\0' ? (pid_t)pid : -1;
}

/* Only ids first: this is faster than anything forks. */
static int
reap_list(struct reap *reap)
{
	char entries[REAP_ENTRIES] __attribute__((aligned(8)));
	const struct dirent64 *entry;
	ssize_t n, at;
	pid_t pid;

	pidset_empty(&reap->present);
	if (lseek(reap->proc, 0, SEEK_SET) == -1)
		return -1;
	while ((n = getdents64(reap->proc, entries, sizeof(entries))) > 0) {
		for (at = 0; at < n; at += entry->d_reclen) {
			entry = (const void *)(entries + at);
			pid = reap_entry_pid(entry->d_name);
			if (pid != -1 && pidset_add(&reap->present, pid) == -1)
				return -1;
		}
	}
	return n == -1 ? -1 : 0;
}

/* Newest first: what forks on is still there when its turn comes. */
static int
reap_look(struct reap *reap)
{
	size_t i;

	reap_collect(reap, REAP_ZOMBIES);
	if (reap_list(reap) == -1)
		return -1;
	pidset_empty(&reap->ours);
	reap->alive = reap->fresh = 0;
	for (i = reap->present.count; i > 0; i--)
		reap_visit(reap, reap->present.pids[i - 1]);
	return 0;
}

static int
reap_has_child(void)
{
	siginfo_t info;

	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL)
	    == 0;
}

static int
reap_spares_nobody(const struct reap *reap)
{
	return reap->spare == NULL || reap->spare->count == 0;
}

static int
reap_looks(struct reap *reap)
{
	int i;

	for (i = 0; i < REAP_LOOKS; i++) {
		if (reap_look(reap) == -1)
			return -1;
		if (reap->fresh == 0)
			break;
		reap->groups = reap->signo == SIGKILL;
	}
	if (reap->alive == 0)
		reap_collect(reap, INT_MAX);
	/* What was missed by every look still hangs below some child. */
	if (reap->alive == 0 && reap_spares_nobody(reap) && reap_has_child())
		return 1;
	return (int)reap->alive;
}

int
reap_signal(const struct pidset *spare, int signo, reap_exited_cb *exited_cb,
    void *arg)
{
	struct reap reap = { .signo = signo, .spare = spare,
	    .exited_cb = exited_cb, .arg = arg };
	int result, saved;

	/* Who has no child has no descendant; /proc may be large. */
	reap_collect(&reap, REAP_ZOMBIES);
	if (reap_spares_nobody(&reap) && !reap_has_child())
		return 0;
	reap.self = getpid();
	reap.blind = pidset_add(&reap.sessions, getsid(0)) == -1;
	reap.proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (reap.proc == -1)
		return -1;
	result = reap_looks(&reap);
	saved = errno;
	close(reap.proc);
	pidset_clear(&reap.present);
	pidset_clear(&reap.ours);
	pidset_clear(&reap.strangers);
	pidset_clear(&reap.sessions);
	pidset_clear(&reap.signalled);
	errno = saved;
	return result;
}
