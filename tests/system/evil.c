/* SPDX-License-Identifier: ISC */
/*
 * A job that does not want to end: evil WAY COUNT.  COUNT processes are made
 * that, each in the way named, try to outlive their session.  Whatever
 * happens they end by themselves after some minutes, should a test break.
 */
#include "config.h"

#include <sys/types.h>
#include <sys/wait.h>

#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EVIL_LIFE_S 240

static time_t evil_end;

static time_t
evil_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

static void
evil_nap(long us)
{
	struct timespec ts = { .tv_sec = us / 1000000,
		.tv_nsec = us % 1000000 * 1000 };

	nanosleep(&ts, NULL);
}

static void __attribute__((noreturn))
evil_stay(void)
{
	while (evil_now() < evil_end)
		evil_nap(500000);
	_exit(0);
}

static void
evil_ignore(void)
{
	int sig;

	for (sig = 1; sig < NSIG; sig++)
		if (sig != SIGCHLD)
			signal(sig, SIG_IGN);
}

static void
evil_close(void)
{
	int fd = open("/dev/null", O_RDWR);

	dup2(fd, STDIN_FILENO);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

static void
evil_plain(void)
{
	evil_stay();
}

static void
evil_setsid(void)
{
	setsid();
	evil_close();
	evil_stay();
}

static void
evil_daemon(void)
{
	setsid();
	if (fork() != 0)
		_exit(0);
	evil_ignore();
	evil_close();
	if (chdir("/") == -1)
		_exit(1);
	evil_stay();
}

static void
evil_deaf(void)
{
	evil_ignore();
	evil_stay();
}

static void
evil_stopped(void)
{
	setsid();
	for (;;)
		raise(SIGSTOP);
}

static void
evil_traced(void)
{
	setsid();
	evil_ignore();
	if (fork() == 0)
		evil_stopped();
	evil_stay();
}

/* Never the same process for long. */
static void
evil_fork(void)
{
	setsid();
	evil_ignore();
	evil_close();
	while (evil_now() < evil_end) {
		if (fork() > 0)
			_exit(0);
		evil_nap(200000);
	}
	_exit(0);
}

static pid_t
evil_parent_of(pid_t pid, char comm[32])
{
	char path[64], line[512], *close;
	int ppid = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	comm[0] = '\0';
	if ((f = fopen(path, "re")) == NULL)
		return 0;
	if (fgets(line, sizeof(line), f) != NULL &&
	    sscanf(line, "%*d (%31[^)]", comm) == 1 &&
	    (close = strrchr(line, ')')) != NULL)
		sscanf(close + 1, " %*c %d", &ppid);
	fclose(f);
	return ppid;
}

static void
evil_kill_runner(void)
{
	pid_t pid = getpid(), parent;
	char comm[32];

	evil_ignore();
	if (fork() == 0)
		evil_setsid();
	while ((parent = evil_parent_of(pid, comm)) > 1) {
		pid = parent;
		evil_parent_of(pid, comm);
		if (strncmp(comm, "holdfast-runner", 15) == 0) {
			kill(pid, SIGKILL);
			evil_stay();
		}
	}
	warnx("no runner above me");
	_exit(1);
}

static const struct {
	const char *name;
	void (*act)(void);
} ways[] = {
	{ "plain", evil_plain },
	{ "setsid", evil_setsid },
	{ "daemon", evil_daemon },
	{ "deaf", evil_deaf },
	{ "stopped", evil_stopped },
	{ "tree", evil_traced },
	{ "fork", evil_fork },
	{ "kill-runner", evil_kill_runner },
};

int
main(int argc, char **argv)
{
	int i, count = argc == 3 ? atoi(argv[2]) : 0;
	size_t way;

	evil_end = evil_now() + EVIL_LIFE_S;
	for (way = 0; way < sizeof(ways) / sizeof(ways[0]); way++)
		if (argc == 3 && strcmp(argv[1], ways[way].name) == 0)
			break;
	if (way == sizeof(ways) / sizeof(ways[0]))
		errx(2, "usage: evil WAY COUNT");
	for (i = 1; i < count; i++)
		if (fork() == 0)
			ways[way].act();
	/* The parents of daemons leave quickly: nobody waits for them. */
	signal(SIGCHLD, SIG_IGN);
	if (fork() == 0)
		ways[way].act();
	if (strcmp(argv[1], "deaf") == 0 || strcmp(argv[1], "plain") == 0)
		ways[way].act();
	evil_nap(100000);
	return 0;
}
