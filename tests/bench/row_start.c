/* SPDX-License-Identifier: ISC */
/* Processes that are started, do nothing, and end. */
#include "config.h"

#include <sys/epoll.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/bench.h"
#include "tests/bench/chain.h"
#include "tests/bench/client.h"
#include "tests/bench/num.h"
#include "tests/bench/rpc.h"
#include "tests/bench/server.h"
#include "tests/bench/usage.h"

#define PROGRAM "/bin/true"

#define STARTS 200
#define FIRSTS 30
#define PAUSED 15
#define PAUSE_MS 60
#define MANY 600
#define MANY_CLIENTS 4
#define MANY_DEPTH 4

static void
send_start(struct client *c, unsigned number)
{
	char text[CLIENT_TEXT_MAX];

	rpc_start(text, number, JOB_PIPES, PROGRAM, NULL, NULL);
	client_sendf(c, "%s", text);
}

/* From the request to closed and the answer, whichever comes last. */
static uint64_t
start_once(struct client *c, unsigned number)
{
	uint64_t start = now_ns();
	int answered = 0, closed = 0;
	struct frame frame;
	unsigned n;

	send_start(c, number);
	while (!answered || !closed) {
		client_next(c, &frame);
		switch (rpc_got(&frame, &n)) {
		case GOT_RESULT:
			answered = 1;
			break;
		case GOT_CLOSED:
			closed = 1;
			break;
		case GOT_ERROR:
			give_up("%.*s", (int)frame.len, frame.text);
		default:
			break;
		}
	}
	return now_ns() - start;
}

void
row_start(struct run *run)
{
	unsigned i, n = times(run, STARTS);
	struct samples s = { 0 };
	struct usage before, after;
	struct client c;
	uint64_t start;

	session_open(&c, run->server, NULL, NULL);
	start_once(&c, n);
	start = now_ns();
	usage_cpu(run->server->pid, &before);
	for (i = 0; i < n && !enough(start, i); i++)
		samples_add(&s, start_once(&c, i));
	n = i;
	usage_cpu(run->server->pid, &after);
	usage_minus(&after, &after, &before);
	report(run, 0, (double)samples_at(&s, 50) / NS_US);
	report(run, 1, (double)after.all / n / NS_US);
	note_cpu(run, &after, n * NS_US, "us");
	client_close(&c);
}

/* As one types: what the kernel defers is not warm any more. */
void
row_start_pause(struct run *run)
{
	unsigned i, n = times(run, PAUSED) + 1;
	struct samples s = { 0 };
	struct client c;

	session_open(&c, run->server, NULL, NULL);
	start_once(&c, n);
	for (i = 0; i < n; i++) {
		pause_ms(PAUSE_MS);
		samples_add(&s, start_once(&c, i));
	}
	report(run, 0, (double)samples_at(&s, 50) / NS_US);
	client_close(&c);
}

void
row_start_first(struct run *run)
{
	unsigned i, n = times(run, FIRSTS);
	struct samples s = { 0 };
	struct usage before, after;
	uint64_t start = now_ns();
	struct client c;

	usage_cpu(run->server->pid, &before);
	for (i = 0; i < n && !enough(start, i); i++) {
		session_open(&c, run->server, NULL, NULL);
		samples_add(&s, start_once(&c, 1));
		client_close(&c);
	}
	usage_cpu(run->server->pid, &after);
	usage_minus(&after, &after, &before);
	report(run, 0, (double)samples_at(&s, 50) / NS_US);
	report(run, 1, (double)after.all / i / NS_US);
	note_cpu(run, &after, i * NS_US, "us");
}

/* A client that keeps a few starts in flight. */
struct starter {
	struct client client;
	unsigned next; /* number of the next process */
};

/* Starts one for each that has closed; returns how many have. */
static unsigned
starter_read(struct starter *s)
{
	struct frame frame;
	unsigned closed = 0, n;
	enum got got;

	client_fill(&s->client, 0);
	while (client_take(&s->client, &frame)) {
		got = rpc_got(&frame, &n);
		if (got == GOT_ERROR)
			give_up("%.*s", (int)frame.len, frame.text);
		if (got != GOT_CLOSED)
			continue;
		closed++;
		send_start(&s->client, s->next++);
	}
	return closed;
}

static void
starters_open(struct starter *s, int ep, const struct server *server)
{
	struct epoll_event ev = { .events = EPOLLIN };
	unsigned i;

	for (i = 0; i < MANY_CLIENTS; i++) {
		session_open(&s[i].client, server, NULL, NULL);
		start_once(&s[i].client, 0);
		s[i].next = 1;
		ev.data.ptr = &s[i];
		epoll_ctl(ep, EPOLL_CTL_ADD, s[i].client.fd, &ev);
	}
}

static void
starters_go(struct starter *s)
{
	unsigned i, j;

	for (i = 0; i < MANY_CLIENTS; i++)
		for (j = 0; j < MANY_DEPTH; j++)
			send_start(&s[i].client, s[i].next++);
}

void
row_starts(struct run *run)
{
	unsigned done = 0, n = times(run, MANY);
	int i, ready, ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event ev[MANY_CLIENTS];
	struct starter s[MANY_CLIENTS];
	struct usage before, after;
	uint64_t start, took;

	starters_open(s, ep, run->server);
	usage_cpu(run->server->pid, &before);
	start = now_ns();
	starters_go(s);
	while (done < n && !enough(start, done)) {
		ready = epoll_wait(ep, ev, MANY_CLIENTS, -1);
		for (i = 0; i < ready; i++)
			done += starter_read(ev[i].data.ptr);
	}
	took = now_ns() - start;
	usage_cpu(run->server->pid, &after);
	usage_minus(&after, &after, &before);
	report(run, 0, done * NS_S / (double)took);
	report(run, 1, (double)after.all / done / NS_US);
	note_cpu(run, &after, done * NS_US, "us");
	for (i = 0; i < MANY_CLIENTS; i++)
		client_close(&s[i].client);
}

/* A process with both its outputs, as bare as can be. */
struct bare {
	pid_t pid;
	int out;
	int err;
};

static void
bare_spawn(struct bare *b)
{
	int out[2], err[2], null;

	if (pipe2(out, O_CLOEXEC) == -1 || pipe2(err, O_CLOEXEC) == -1)
		give_up("pipe: %s", strerror(errno));
	if ((b->pid = fork()) == -1)
		give_up("fork: %s", strerror(errno));
	if (b->pid == 0) {
		null = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (dup2(null, STDIN_FILENO) == -1 ||
		    dup2(out[1], STDOUT_FILENO) == -1 ||
		    dup2(err[1], STDERR_FILENO) == -1)
			_exit(127);
		execl(PROGRAM, PROGRAM, (char *)NULL);
		_exit(127);
	}
	close(out[1]);
	close(err[1]);
	b->out = out[0];
	b->err = err[0];
}

static void
bare_end(struct bare *b)
{
	char byte;

	while (read(b->out, &byte, 1) > 0 || read(b->err, &byte, 1) > 0)
		continue;
	close(b->out);
	close(b->err);
	waitpid(b->pid, NULL, 0);
}

static void
bare_once(struct run *run, unsigned n, unsigned ms)
{
	struct samples s = { 0 };
	struct bare b;
	uint64_t start;
	unsigned i;

	for (i = 0; i < n; i++) {
		if (ms > 0)
			pause_ms(ms);
		start = now_ns();
		bare_spawn(&b);
		bare_end(&b);
		samples_add(&s, now_ns() - start);
	}
	report(run, 0, (double)samples_at(&s, 50) / NS_US);
}

void
limit_spawn(struct run *run)
{
	bare_once(run, times(run, STARTS), 0);
}

void
limit_spawn_pause(struct run *run)
{
	bare_once(run, times(run, PAUSED) + 1, PAUSE_MS);
}

static void
bare_many(unsigned n)
{
	struct bare b[MANY_DEPTH];
	unsigned i;

	for (i = 0; i < n + MANY_DEPTH; i++) {
		if (i >= MANY_DEPTH)
			bare_end(&b[i % MANY_DEPTH]);
		if (i < n)
			bare_spawn(&b[i % MANY_DEPTH]);
	}
}

void
limit_spawns(struct run *run)
{
	unsigned i, n = times(run, MANY);
	uint64_t start = now_ns();

	for (i = 0; i < MANY_CLIENTS; i++)
		if (fork_tied() == 0) {
			bare_many(n / MANY_CLIENTS);
			_exit(0);
		}
	while (wait(NULL) > 0)
		continue;
	report(run, 0, n * NS_S / (double)(now_ns() - start));
}
