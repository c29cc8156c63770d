/* SPDX-License-Identifier: ISC */
/* Bytes: what jobs write, and what they are given to read. */
#include "config.h"

#include <sys/types.h>

#include <errno.h>
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

#define OUTPUT_MIB 256
#define TERMINAL_MIB 16
#define STDIN_MIB 128
#define JOBS 8
#define PEEKS 4 /* how often memory is looked at */

#define PIECE 65536
#define PIECE_BASE64 ((PIECE + 2) / 3 * 4)
#define WRITES_FLYING 8

/* What is going on while jobs write. */
struct drain {
	struct run *run;
	size_t bytes; /* received */
	size_t peek_at; /* look at memory when so many have come */
	size_t peek_step; /* 0: never */
	struct memory most; /* seen */
	uint64_t looked; /* nanoseconds spent on looking */
};

static void
drain_look(struct drain *d)
{
	uint64_t start = now_ns();
	struct memory m;

	d->peek_at += d->peek_step;
	usage_memory(d->run->server->pid, &m);
	d->looked += now_ns() - start;
	if (m.private.all > d->most.private.all)
		d->most = m;
}

static void
drain_peek(struct drain *d)
{
	if (d->peek_step != 0 && d->bytes >= d->peek_at)
		drain_look(d);
}

/* Until so many processes have closed. */
static void
drain_jobs(struct drain *d, struct client *c, unsigned jobs)
{
	struct frame frame;
	unsigned n;

	while (jobs > 0) {
		client_next(c, &frame);
		switch (rpc_got(&frame, &n)) {
		case GOT_OUTPUT:
			d->bytes += rpc_bytes(&frame);
			drain_peek(d);
			break;
		case GOT_CLOSED:
			jobs--;
			break;
		case GOT_ERROR:
			give_up("%.*s", (int)frame.len, frame.text);
		default:
			break;
		}
	}
}

static void
start_writers(struct client *c, unsigned jobs, int how, const char *mode,
    size_t bytes)
{
	char text[CLIENT_TEXT_MAX], arg[32];
	unsigned i;

	snprintf(arg, sizeof(arg), "%zu", bytes);
	for (i = 0; i < jobs; i++) {
		rpc_start(text, i, how, job_program(), mode, arg);
		client_sendf(c, "%s", text);
	}
}

static void
flow(struct run *run, struct drain *d, unsigned jobs, int how,
    const char *mode, size_t bytes)
{
	struct usage before, after;
	unsigned cpu = how & JOB_TTY ? 0 : 1;
	struct client c;
	uint64_t start, took;
	double mib;

	d->run = run;
	session_open(&c, run->server, NULL, NULL);
	job_start(&c, jobs, JOB_PIPES, "say", "1");
	usage_cpu(run->server->pid, &before);
	start = now_ns();
	start_writers(&c, jobs, how, mode, bytes);
	drain_jobs(d, &c, jobs);
	took = now_ns() - start - d->looked;
	usage_cpu(run->server->pid, &after);
	usage_minus(&after, &after, &before);
	if (d->bytes < jobs * bytes)
		give_up("%zu bytes instead of %zu", d->bytes, jobs * bytes);
	mib = (double)(jobs * bytes) / MIB;
	report(run, 1 - cpu, mib * NS_S / (double)took);
	report(run, cpu, (double)after.all / NS_MS / mib);
	note_cpu(run, &after, mib * NS_MS, "ms/MiB");
	if (d->peek_step != 0)
		drain_look(d);
	job_end(&c, jobs);
	client_close(&c);
}

void
row_output(struct run *run)
{
	struct drain d = { 0 };

	flow(run, &d, 1, JOB_PIPES, "emit", times(run, OUTPUT_MIB) << 20);
}

void
row_outputs(struct run *run)
{
	size_t each = (size_t)times(run, OUTPUT_MIB) / JOBS << 20;
	struct drain d = { .peek_step = each * JOBS / PEEKS };
	struct memory before;

	usage_memory(run->server->pid, &before);
	d.peek_at = d.peek_step;
	flow(run, &d, JOBS, JOB_PIPES, "emit", each);
	note_memory(run, &before, &d.most, 1);
	if (run->round == 0)
		report(run, 2, ((double)d.most.private.all -
		    (double)before.private.all) / 1024);
}

void
row_terminal(struct run *run)
{
	struct drain d = { 0 };

	flow(run, &d, 1, JOB_TTY, "lines", times(run, TERMINAL_MIB) << 20);
}

static void
limit_flow(struct run *run, int how, const char *mode, size_t bytes)
{
	unsigned cpu = how & JOB_TTY ? 0 : 1;
	static char buf[PIECE * 4];
	struct chain chain;
	uint64_t start = now_ns(), used, took;
	size_t got = 0;
	char arg[32];
	ssize_t n;

	snprintf(arg, sizeof(arg), "%zu", bytes);
	chain_start(&chain, CHAIN_HOPS, how, mode, arg);
	used = chain_cpu(&chain);
	while ((n = read(chain.fd, buf, sizeof(buf))) > 0)
		got += (size_t)n;
	took = now_ns() - start;
	used = chain_cpu(&chain) - used;
	if (got / 4 * 3 < bytes)
		give_up("%zu bytes instead of %zu", got, bytes);
	report(run, 1 - cpu, (double)bytes / MIB * NS_S / (double)took);
	report(run, cpu, (double)used / NS_MS / ((double)bytes / MIB));
	chain_end(&chain);
}

void
limit_output(struct run *run)
{
	limit_flow(run, JOB_PIPES, "emit", times(run, OUTPUT_MIB) << 20);
}

/* One is enough: more can't be faster where there is one relay for all. */
void
limit_outputs(struct run *run)
{
	limit_output(run);
}

void
limit_terminal(struct run *run)
{
	limit_flow(run, JOB_TTY, "lines", times(run, TERMINAL_MIB) << 20);
}

/* Everything of a write but its id, made once. */
struct piece {
	char *text;
	size_t len;
	size_t id; /* where the write's id stands, eight digits */
	char *frame;
};

static void
piece_make(struct piece *p)
{
	static const char head[] = "{\"id\":9,\"method\":\"process/write\","
	    "\"params\":{\"processId\":\"p1\",\"writeId\":\"";
	static const char middle[] = "00000000\",\"chunk\":\"";
	static const char tail[] = "\"}}";

	p->id = sizeof(head) - 1;
	p->len = p->id + sizeof(middle) - 1 + PIECE_BASE64 + sizeof(tail) - 1;
	p->text = need(NULL, p->len);
	memset(p->text, 'A', p->len);
	memcpy(p->text, head, p->id);
	memcpy(p->text + p->id, middle, sizeof(middle) - 1);
	memcpy(p->text + p->len - sizeof(tail) - 1, "==\"}}", 5);
	p->frame = need(NULL, p->len + CLIENT_HEAD_MAX);
	p->len = client_frame(p->frame, p->text, p->len);
	p->id += CLIENT_HEAD_MAX; /* a length of 8 bytes: over 64 KiB */
	free(p->text);
}

static void
piece_send(struct piece *p, struct client *c, unsigned number)
{
	char digits[16];

	snprintf(digits, sizeof(digits), "%08u", number % 100000000);
	memcpy(p->frame + p->id, digits, 8);
	client_write(c, p->frame, p->len);
}

void
row_stdin(struct run *run)
{
	unsigned sent = 0, n = times(run, STDIN_MIB) * 16, answered = 0, id;
	struct usage before, after;
	struct frame frame;
	struct client c;
	struct piece p;
	uint64_t start, took;
	enum got got = GOT_OTHER;
	char arg[32];

	piece_make(&p);
	session_open(&c, run->server, NULL, NULL);
	snprintf(arg, sizeof(arg), "%zu", (size_t)n * PIECE);
	job_start(&c, 1, JOB_STDIN, "drain", arg);
	usage_cpu(run->server->pid, &before);
	start = now_ns();
	while (got != GOT_CLOSED) {
		while (sent < n && sent - answered < WRITES_FLYING)
			piece_send(&p, &c, sent++);
		client_next(&c, &frame);
		got = rpc_got(&frame, &id);
		if (got == GOT_ERROR)
			give_up("%.*s", (int)frame.len, frame.text);
		answered += got == GOT_RESULT;
	}
	took = now_ns() - start;
	usage_cpu(run->server->pid, &after);
	usage_minus(&after, &after, &before);
	if (sent < n)
		give_up("the job ended early");
	report(run, 0, n / 16.0 * NS_S / (double)took);
	report(run, 1, (double)after.all / NS_MS / (n / 16.0));
	note_cpu(run, &after, n / 16.0 * NS_MS, "ms/MiB");
	client_close(&c);
}

void
limit_stdin(struct run *run)
{
	size_t bytes = (size_t)times(run, STDIN_MIB) << 20, sent = 0;
	size_t text = (bytes + 2) / 3 * 4;
	static char buf[PIECE_BASE64];
	struct chain chain;
	uint64_t start, used;
	char arg[32];
	ssize_t n;

	snprintf(arg, sizeof(arg), "%zu", bytes);
	chain_start(&chain, CHAIN_HOPS, JOB_STDIN, "drain", arg);
	used = chain_cpu(&chain);
	start = now_ns();
	memset(buf, 'A', sizeof(buf));
	while (sent < text && (n = write(chain.fd, buf, sizeof(buf))) > 0)
		sent += (size_t)n;
	if (sent < text)
		give_up("input: %s", strerror(errno));
	/* The end comes back when the job has read all and is gone. */
	while (read(chain.fd, buf, sizeof(buf)) > 0)
		continue;
	report(run, 0, (double)bytes / MIB * NS_S / (double)(now_ns() - start));
	report(run, 1, (double)(chain_cpu(&chain) - used) / NS_MS /
	    ((double)bytes / MIB));
	chain_end(&chain);
}
