/* SPDX-License-Identifier: ISC */
/* Clients that have stopped reading while a job floods. */
#include "config.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/bench.h"
#include "tests/bench/client.h"
#include "tests/bench/num.h"
#include "tests/bench/rpc.h"
#include "tests/bench/server.h"
#include "tests/bench/usage.h"

#define JOB_LIMIT_MS 3000
#define SETTLE_MS 300
#define STALL_MS 1000

/* A fifo for the job to name itself in; its path goes to "path". */
static int
fifo_make(char *path)
{
	int fd;

	if ((fd = mkstemp(path)) == -1)
		give_up("%s: %s", path, strerror(errno));
	close(fd);
	if (unlink(path) == -1 || mkfifo(path, 0600) == -1 ||
	    (fd = open(path, O_RDWR | O_CLOEXEC)) == -1)
		give_up("%s: %s", path, strerror(errno));
	return fd;
}

static pid_t
fifo_pid(int fifo)
{
	struct pollfd p = { .fd = fifo, .events = POLLIN };
	char text[32] = "";

	if (poll(&p, 1, JOB_LIMIT_MS) != 1 ||
	    read(fifo, text, sizeof(text) - 1) <= 0)
		give_up("the job did not start");
	return (pid_t)strtol(text, NULL, 10);
}

void
row_terminate(struct run *run)
{
	char path[] = "/tmp/holdfast-bench-pid-XXXXXX";
	struct pollfd p = { .events = POLLIN };
	int fifo = fifo_make(path), gone;
	uint64_t start, took;
	struct client c;
	pid_t pid;

	session_open(&c, run->server, NULL, NULL);
	job_start(&c, 1, JOB_PIPES, "flood", path);
	pid = fifo_pid(fifo);
	unlink(path);
	pause_ms(STALL_MS);
	p.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	start = now_ns();
	client_sendf(&c, RPC_TERMINATE_FMT, 2, 1);
	gone = poll(&p, 1, JOB_LIMIT_MS);
	took = now_ns() - start;
	report(run, 0, gone == 1 ? (double)took / NS_MS : JOB_LIMIT_MS);
	if (gone != 1)
		kill(pid, SIGKILL);
	client_close(&c);
	close(p.fd);
	close(fifo);
}

void
row_stalled(struct run *run)
{
	struct memory before, after;
	struct client c;
	unsigned i;

	session_open(&c, run->server, NULL, NULL);
	job_start(&c, 1, JOB_PIPES, "say", "1");
	pause_ms(SETTLE_MS);
	usage_memory(run->server->pid, &before);
	job_start(&c, 2, JOB_PIPES, "flood", NULL);
	pause_ms(STALL_MS);
	usage_memory(run->server->pid, &after);
	report(run, 0, ((double)after.private.all -
	    (double)before.private.all) / 1024);
	note_memory(run, &before, &after, 1);
	for (i = 1; i <= 2; i++)
		job_end(&c, i);
	client_close(&c);
}
