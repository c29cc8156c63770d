/* SPDX-License-Identifier: ISC */
/* Sessions: made, resumed, and all dropped at once. */
#include "config.h"

#include <sys/epoll.h>
#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
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

#define CONNECTS 2000
#define CONNECT_FLYING 16
#define RESUMES 100
#define RETAINED "65536"
#define STORM 200
#define STORM_RETRY_MS 2
#define STORM_LIMIT_MS 10000

/* The upgrade and initialize in one piece, as bytes to write. */
static size_t
hello_bytes(char *out, const char *resume)
{
	char text[CLIENT_TEXT_MAX];
	const char *head;
	size_t len, n;

	head = client_upgrade(&len);
	memcpy(out, head, len);
	n = rpc_initialize(text, sizeof(text), resume);
	return len + client_frame(out + len, text, n);
}

static void
connect_begin(struct client *c, const struct server *server,
    const char *hello, size_t len)
{
	client_begin(c, server);
	fcntl(c->fd, F_SETFL, 0);
	client_write(c, hello, len);
}

static void
connect_end(struct client *c)
{
	struct frame frame;

	while (!client_upgraded(c))
		client_fill(c, 0);
	rpc_wait(c, 1, &frame);
	client_close(c);
}

/* So many, a few of them always under way. */
static void
connect_many(const struct server *server, unsigned n)
{
	char hello[CLIENT_TEXT_MAX * 2];
	size_t len = hello_bytes(hello, NULL);
	struct client c[CONNECT_FLYING];
	unsigned i;

	for (i = 0; i < n + CONNECT_FLYING; i++) {
		if (i >= CONNECT_FLYING)
			connect_end(&c[i % CONNECT_FLYING]);
		if (i < n)
			connect_begin(&c[i % CONNECT_FLYING], server, hello,
			    len);
	}
}

void
row_connect(struct run *run)
{
	unsigned n = times(run, CONNECTS);
	struct usage before, after;
	uint64_t start, took;

	connect_many(run->server, CONNECT_FLYING);
	usage_cpu(run->server->pid, &before);
	start = now_ns();
	connect_many(run->server, n);
	took = now_ns() - start;
	usage_cpu(run->server->pid, &after);
	usage_minus(&after, &after, &before);
	report(run, 0, n * NS_S / (double)took);
	report(run, 1, (double)after.all / n / NS_US);
	note_cpu(run, &after, n * NS_US, "us");
}

/* From connecting to the answer to process/read; 0: not free yet. */
static uint64_t
resume_once(struct client *c, const struct server *server, const char *id)
{
	char text[CLIENT_TEXT_MAX];
	uint64_t start = now_ns();
	struct frame frame;
	unsigned n;

	client_open(c, server);
	rpc_initialize(text, sizeof(text), id);
	client_sendf(c, "%s", text);
	client_next(c, &frame);
	if (rpc_got(&frame, &n) == GOT_ERROR) {
		client_close(c);
		pause_ms(STORM_RETRY_MS);
		return 0;
	}
	client_sendf(c, "%s", RPC_INITIALIZED);
	client_sendf(c, RPC_READ_FMT, 7, 1, 0);
	while (!client_take(c, &frame))
		client_fill(c, 0);
	return now_ns() - start;
}

void
row_resume(struct run *run)
{
	unsigned i, refused = 0, n = times(run, RESUMES);
	struct samples s = { 0 };
	char id[SESSION_ID_MAX];
	struct client c;
	uint64_t start, took;

	session_open(&c, run->server, NULL, id);
	job_start(&c, 1, JOB_PIPES, "say", RETAINED);
	pause_ms(50);
	start = now_ns();
	for (i = 0; i < n && !enough(start, i); i++) {
		client_close(&c);
		while ((took = resume_once(&c, run->server, id)) == 0)
			refused++;
		samples_add(&s, took);
	}
	report(run, 0, (double)samples_at(&s, 50) / NS_US);
	report(run, 1, (double)samples_at(&s, 99) / NS_US);
	note(run, "refused %u times", refused);
	job_end(&c, 1);
	client_close(&c);
}

/* One of many clients that come back at once. */
struct returner {
	struct client client;
	char id[SESSION_ID_MAX];
	enum { CONNECTING, UPGRADING, WAITING, BACK } state;
	uint64_t retry_at; /* 0: not waiting to try again */
};

struct storm {
	struct returner *who;
	unsigned n;
	unsigned back;
	unsigned refused;
	int epoll;
	uint64_t start;
	struct samples took;
};

static void
storm_ask(struct returner *r)
{
	char text[CLIENT_TEXT_MAX];

	rpc_initialize(text, sizeof(text), r->id);
	client_sendf(&r->client, "%s", text);
	r->retry_at = 0;
}

static void
storm_answer(struct storm *st, struct returner *r)
{
	struct frame frame;
	unsigned n;

	if (!client_take(&r->client, &frame))
		return;
	if (rpc_got(&frame, &n) == GOT_ERROR) {
		st->refused++;
		r->retry_at = now_ns() + STORM_RETRY_MS * 1000000u;
		return;
	}
	r->state = BACK;
	st->back++;
	samples_add(&st->took, now_ns() - st->start);
}

static void
storm_event(struct storm *st, struct returner *r, uint32_t events)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = r };
	const char *text;
	size_t len;

	if (r->state == CONNECTING && events & EPOLLOUT) {
		text = client_upgrade(&len);
		client_write(&r->client, text, len);
		storm_ask(r);
		epoll_ctl(st->epoll, EPOLL_CTL_MOD, r->client.fd, &ev);
		r->state = UPGRADING;
		return;
	}
	client_fill(&r->client, 0);
	if (r->state == UPGRADING && client_upgraded(&r->client))
		r->state = WAITING;
	if (r->state == WAITING)
		storm_answer(st, r);
}

static void
storm_prepare(struct storm *st, const struct server *server)
{
	struct returner *r;
	unsigned i;

	st->who = need(NULL, st->n * sizeof(*st->who));
	memset(st->who, 0, st->n * sizeof(*st->who));
	st->epoll = epoll_create1(EPOLL_CLOEXEC);
	for (i = 0; i < st->n; i++) {
		r = &st->who[i];
		session_open(&r->client, server, NULL, r->id);
		job_start(&r->client, 1, JOB_PIPES, "idle", NULL);
	}
}

static void
storm_go(struct storm *st, const struct server *server)
{
	struct epoll_event ev = { .events = EPOLLOUT }, got[64];
	uint64_t now;
	unsigned i;
	int n, k;

	for (i = 0; i < st->n; i++)
		client_close(&st->who[i].client);
	st->start = now_ns();
	for (i = 0; i < st->n; i++) {
		client_begin(&st->who[i].client, server);
		ev.data.ptr = &st->who[i];
		epoll_ctl(st->epoll, EPOLL_CTL_ADD, st->who[i].client.fd, &ev);
	}
	do {
		n = epoll_wait(st->epoll, got, 64, 1);
		for (k = 0; k < n; k++)
			storm_event(st, got[k].data.ptr, got[k].events);
		now = now_ns();
		for (i = 0; i < st->n; i++)
			if (st->who[i].retry_at != 0 &&
			    now >= st->who[i].retry_at)
				storm_ask(&st->who[i]);
	} while (st->back < st->n &&
	    now - st->start < STORM_LIMIT_MS * 1000000ull);
}

void
row_storm(struct run *run)
{
	struct storm st = { .n = run->quick ? STORM / 4 : STORM };
	unsigned i;

	storm_prepare(&st, run->server);
	storm_go(&st, run->server);
	report(run, 0, 100.0 * st.back / st.n);
	report(run, 1, (double)samples_at(&st.took, 99) / NS_MS);
	report(run, 2, (double)samples_at(&st.took, 100) / NS_MS);
	note(run, "refused %u times", st.refused);
	for (i = 0; i < st.n; i++) {
		if (st.who[i].state == BACK) {
			fcntl(st.who[i].client.fd, F_SETFL, 0);
			client_sendf(&st.who[i].client, "%s", RPC_INITIALIZED);
			job_end(&st.who[i].client, 1);
		}
		client_close(&st.who[i].client);
	}
	free(st.who);
}
