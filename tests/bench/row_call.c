/* SPDX-License-Identifier: ISC */
/* Calls: one after another, many in flight, beside others that are slow. */
#include "config.h"

#include <sys/epoll.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
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

#define CALLS 8000
#define WARM_UP 200
#define QUIET 1 /* the number of a process that says nothing */

#define PIPE_CLIENTS 8
#define PIPE_DEPTH 16
#define PIPE_CALLS 150000

#define FLOODS 4
#define NEIGHBOUR_CALLS 400
#define NEIGHBOUR_PAUSE_MS 1

/* The same request again and again, as bytes to write. */
struct request {
	char frame[CLIENT_TEXT_MAX + CLIENT_HEAD_MAX];
	size_t len;
};

static void
request_make(struct request *r, const char *text)
{
	r->len = client_frame(r->frame, text, strlen(text));
}

static void
request_make_read(struct request *r, unsigned wait_ms)
{
	char text[CLIENT_TEXT_MAX];

	snprintf(text, sizeof(text), RPC_READ_FMT, 7, QUIET, wait_ms);
	request_make(r, text);
}

static uint64_t
call_once(struct client *c, const struct request *r)
{
	uint64_t start = now_ns();
	struct frame frame;

	client_write(c, r->frame, r->len);
	client_next(c, &frame);
	return now_ns() - start;
}

static void
call_many(struct run *run, struct client *c, const struct request *r)
{
	unsigned i, n = times(run, CALLS);
	struct samples s = { 0 };
	struct usage before, after;

	for (i = 0; i < WARM_UP; i++)
		call_once(c, r);
	usage_cpu(run->server->pid, &before);
	for (i = 0; i < n; i++)
		samples_add(&s, call_once(c, r));
	usage_cpu(run->server->pid, &after);
	usage_minus(&after, &after, &before);
	report(run, 0, (double)samples_at(&s, 50) / NS_US);
	report(run, 1, (double)samples_at(&s, 99) / NS_US);
	report(run, 2, (double)after.all / n / NS_US);
	note_cpu(run, &after, n * NS_US, "us");
}

void
row_cheap(struct run *run)
{
	struct request r;
	struct client c;

	session_open(&c, run->server, NULL, NULL);
	request_make(&r, RPC_STATUS);
	call_many(run, &c, &r);
	client_close(&c);
}

void
row_call(struct run *run)
{
	struct request r;
	struct client c;

	session_open(&c, run->server, NULL, NULL);
	job_start(&c, QUIET, JOB_PIPES, "idle", NULL);
	request_make_read(&r, 0);
	call_many(run, &c, &r);
	job_end(&c, QUIET);
	client_close(&c);
}

/* What a request and its answer are long, about. */
#define ECHO_BYTES 100

static void
limit_echo(struct run *run, int hops)
{
	unsigned i, n = times(run, CALLS) + WARM_UP;
	struct samples s = { 0 };
	struct chain chain;
	char text[ECHO_BYTES] = "";
	uint64_t start;

	chain_start(&chain, hops, CHAIN_ECHO, NULL, NULL);
	for (i = 0; i < n; i++) {
		start = now_ns();
		if (write(chain.fd, text, sizeof(text)) == -1 ||
		    read(chain.fd, text, sizeof(text)) <= 0)
			give_up("echo: %s", strerror(errno));
		if (i >= WARM_UP)
			samples_add(&s, now_ns() - start);
	}
	report(run, 0, (double)samples_at(&s, 50) / NS_US);
	report(run, 1, (double)samples_at(&s, 99) / NS_US);
	report(run, 2, (double)chain_cpu(&chain) / n / NS_US);
	chain_end(&chain);
}

void
limit_tcp_echo(struct run *run)
{
	limit_echo(run, 1);
}

void
limit_call(struct run *run)
{
	limit_echo(run, CHAIN_HOPS);
}

/* Requests in flight on several connections. */
struct pipeline {
	struct client client[PIPE_CLIENTS];
	struct request request;
	char *batch; /* PIPE_DEPTH requests */
	int epoll;
	unsigned left; /* answers still to come */
	unsigned unsent; /* requests still to be sent */
};

static void
pipeline_send(struct pipeline *p, struct client *c, unsigned n)
{
	if (n > p->unsent)
		n = p->unsent;
	if (n == 0)
		return;
	p->unsent -= n;
	client_write(c, p->batch, n * p->request.len);
}

/* Answers that came together are replaced together. */
static void
pipeline_read(struct pipeline *p, struct client *c)
{
	struct frame frame;
	unsigned n = 0;

	client_fill(c, 0);
	while (client_take(c, &frame))
		n++;
	p->left -= n < p->left ? n : p->left;
	pipeline_send(p, c, n);
}

static void
pipeline_go(struct pipeline *p, unsigned n)
{
	struct epoll_event ev[PIPE_CLIENTS];
	int i, ready;

	p->left = p->unsent = n;
	for (i = 0; i < PIPE_CLIENTS; i++)
		pipeline_send(p, &p->client[i], PIPE_DEPTH);
	while (p->left > 0) {
		ready = epoll_wait(p->epoll, ev, PIPE_CLIENTS, -1);
		for (i = 0; i < ready; i++)
			pipeline_read(p, ev[i].data.ptr);
	}
}

static void
pipeline_open(struct pipeline *p, const struct server *server, int jobs)
{
	struct epoll_event ev = { .events = EPOLLIN };
	unsigned i;

	memset(p, 0, sizeof(*p));
	if (jobs)
		request_make_read(&p->request, 0);
	else
		request_make(&p->request, RPC_STATUS);
	p->batch = need(NULL, PIPE_DEPTH * p->request.len);
	for (i = 0; i < PIPE_DEPTH; i++)
		memcpy(p->batch + i * p->request.len, p->request.frame,
		    p->request.len);
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	for (i = 0; i < PIPE_CLIENTS; i++) {
		session_open(&p->client[i], server, NULL, NULL);
		if (jobs)
			job_start(&p->client[i], QUIET, JOB_PIPES, "idle",
			    NULL);
		ev.data.ptr = &p->client[i];
		epoll_ctl(p->epoll, EPOLL_CTL_ADD, p->client[i].fd, &ev);
	}
}

static void
pipelined(struct run *run, int jobs)
{
	unsigned i, n = times(run, jobs ? PIPE_CALLS / 2 : PIPE_CALLS);
	struct usage before, after;
	static struct pipeline p;
	uint64_t start, took;

	pipeline_open(&p, run->server, jobs);
	pipeline_go(&p, 1000);
	usage_cpu(run->server->pid, &before);
	start = now_ns();
	pipeline_go(&p, n);
	took = now_ns() - start;
	usage_cpu(run->server->pid, &after);
	usage_minus(&after, &after, &before);
	report(run, 0, n * NS_S / (double)took);
	report(run, 1, (double)after.all / n / NS_US);
	note_cpu(run, &after, n * NS_US, "us");
	for (i = 0; i < PIPE_CLIENTS; i++) {
		if (jobs)
			job_end(&p.client[i], QUIET);
		client_close(&p.client[i]);
	}
}

void
row_pipelined_cheap(struct run *run)
{
	pipelined(run, 0);
}

void
row_pipelined_call(struct run *run)
{
	pipelined(run, 1);
}

void
row_long_poll(struct run *run)
{
	struct request poll, status;
	struct frame frame;
	struct client c;
	uint64_t start;

	session_open(&c, run->server, NULL, NULL);
	job_start(&c, QUIET, JOB_PIPES, "idle", NULL);
	request_make_read(&poll, 500);
	request_make(&status, RPC_STATUS);
	client_write(&c, poll.frame, poll.len);
	start = now_ns();
	client_write(&c, status.frame, status.len);
	do
		client_next(&c, &frame);
	while (memmem(frame.text, frame.len, "ready", 5) == NULL);
	report(run, 0, (double)(now_ns() - start) / NS_MS);
	job_end(&c, QUIET);
	client_close(&c);
}

/* Sessions whose jobs flood, drained as fast as this process can. */
static void __attribute__((noreturn))
floods(const struct server *server, int ready, int stop)
{
	struct epoll_event ev = { .events = EPOLLIN }, got[FLOODS + 1];
	struct client c[FLOODS];
	struct frame frame;
	int i, n, ep = epoll_create1(EPOLL_CLOEXEC), going = 1;

	epoll_ctl(ep, EPOLL_CTL_ADD, stop, &ev);
	for (i = 0; i < FLOODS; i++) {
		session_open(&c[i], server, NULL, NULL);
		job_start(&c[i], 1, JOB_PIPES, "flood", NULL);
		ev.data.ptr = &c[i];
		epoll_ctl(ep, EPOLL_CTL_ADD, c[i].fd, &ev);
	}
	close(ready);
	while (going) {
		n = epoll_wait(ep, got, FLOODS + 1, -1);
		for (i = 0; i < n; i++) {
			if (got[i].data.ptr == NULL) {
				going = 0;
				break;
			}
			client_fill(got[i].data.ptr, 0);
			while (client_take(got[i].data.ptr, &frame))
				continue;
		}
	}
	for (i = 0; i < FLOODS; i++)
		job_end(&c[i], 1);
	_exit(0);
}

void
row_neighbour(struct run *run)
{
	unsigned i, n = times(run, NEIGHBOUR_CALLS);
	struct samples s = { 0 };
	struct request r;
	struct client c;
	int ready[2], stop[2];
	char byte;

	if (pipe2(ready, O_CLOEXEC) == -1 || pipe2(stop, O_CLOEXEC) == -1)
		give_up("pipe: %s", strerror(errno));
	if (fork_tied() == 0) {
		close(stop[1]);
		floods(run->server, ready[1], stop[0]);
	}
	close(ready[1]);
	session_open(&c, run->server, NULL, NULL);
	job_start(&c, QUIET, JOB_PIPES, "idle", NULL);
	request_make_read(&r, 0);
	if (read(ready[0], &byte, 1) == -1)
		give_up("floods: %s", strerror(errno));
	for (i = 0; i < n; i++) {
		samples_add(&s, call_once(&c, &r));
		pause_ms(NEIGHBOUR_PAUSE_MS);
	}
	report(run, 0, (double)samples_at(&s, 99) / NS_US);
	report(run, 1, (double)samples_at(&s, 50) / NS_US);
	close(stop[1]);
	job_end(&c, QUIET);
	client_close(&c);
	wait(NULL);
}
