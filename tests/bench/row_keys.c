/* SPDX-License-Identifier: ISC */
/* Terminals: how soon a key is echoed, and how many can live. */
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

#define KEYS 2000
#define WARM_UP 20
#define LINE 64 /* keys to a line, or the terminal's buffer fills up */

#define TERMINAL_CLIENTS 20
#define TERMINALS 2000
#define KEYS_EVERY 20

/* One key, then its echo and the answer, in whatever order they come. */
static uint64_t
key_once(struct client *c, unsigned process, unsigned number)
{
	uint64_t start, echoed = 0;
	int answered = 0;
	struct frame frame;
	unsigned n;

	start = now_ns();
	client_sendf(c, "{\"id\":5,\"method\":\"process/write\",\"params\":{"
	    "\"processId\":\"p%u\",\"writeId\":\"w%u\",\"chunk\":\"%s\"}}",
	    process, number, number % LINE == LINE - 1 ? "Cg==" : "YQ==");
	while (echoed == 0 || !answered) {
		client_next(c, &frame);
		switch (rpc_got(&frame, &n)) {
		case GOT_OUTPUT:
			if (n == process && echoed == 0)
				echoed = now_ns();
			break;
		case GOT_RESULT:
			answered = 1;
			break;
		default:
			give_up("%.*s", (int)frame.len, frame.text);
		}
	}
	return echoed - start;
}

void
row_keys(struct run *run)
{
	unsigned i, n = times(run, KEYS);
	struct samples s = { 0 };
	struct usage before, after;
	struct client c;
	uint64_t start, took;

	session_open(&c, run->server, NULL, NULL);
	job_start(&c, 1, JOB_TTY, "sink", NULL);
	usage_cpu(run->server->pid, &before);
	start = now_ns();
	for (i = 0; i < n + WARM_UP && !enough(start, (unsigned)s.n); i++) {
		took = key_once(&c, 1, i);
		if (i >= WARM_UP)
			samples_add(&s, took);
	}
	usage_cpu(run->server->pid, &after);
	usage_minus(&after, &after, &before);
	report(run, 0, (double)samples_at(&s, 50) / NS_US);
	report(run, 1, (double)samples_at(&s, 99) / NS_US);
	report(run, 2, (double)after.all / i / NS_US);
	note_cpu(run, &after, i * NS_US, "us");
	job_end(&c, 1);
	client_close(&c);
}

void
limit_keys(struct run *run)
{
	unsigned i, n = times(run, KEYS) + WARM_UP;
	struct samples s = { 0 };
	struct chain chain;
	uint64_t start;
	char key, back[16];

	chain_start(&chain, CHAIN_HOPS, JOB_TTY, "sink", NULL);
	for (i = 0; i < n; i++) {
		start = now_ns();
		key = i % LINE == LINE - 1 ? '\n' : 'a';
		if (write(chain.fd, &key, 1) == -1 ||
		    read(chain.fd, back, sizeof(back)) <= 0)
			give_up("echo: %s", strerror(errno));
		if (i >= WARM_UP)
			samples_add(&s, now_ns() - start);
	}
	report(run, 0, (double)samples_at(&s, 50) / NS_US);
	report(run, 1, (double)samples_at(&s, 99) / NS_US);
	report(run, 2, (double)chain_cpu(&chain) / n / NS_US);
	chain_end(&chain);
}

/* Starts one; 0 when it was refused. */
static int
terminal_start(struct client *c, unsigned number, struct samples *s)
{
	char text[CLIENT_TEXT_MAX];
	struct frame frame;
	uint64_t start;
	enum got got;
	unsigned n;

	rpc_start(text, number, JOB_TTY, job_program(), "sink", NULL);
	start = now_ns();
	client_sendf(c, "%s", text);
	do {
		client_next(c, &frame);
		got = rpc_got(&frame, &n);
	} while ((got != GOT_RESULT && got != GOT_ERROR) || n != number);
	samples_add(s, now_ns() - start);
	return got == GOT_RESULT;
}

void
row_terminals(struct run *run)
{
	unsigned i, n = times(run, TERMINALS), each = n / TERMINAL_CLIENTS;
	struct samples starts = { 0 }, keys = { 0 };
	struct client c[TERMINAL_CLIENTS];
	unsigned started = 0;

	for (i = 0; i < TERMINAL_CLIENTS; i++)
		session_open(&c[i], run->server, NULL, NULL);
	for (i = 0; i < n; i++) {
		if (!terminal_start(&c[i / each], i % each, &starts))
			break;
		started++;
	}
	for (i = 0; i < started; i += KEYS_EVERY)
		samples_add(&keys, key_once(&c[i / each], i % each, 0));
	report(run, 0, started);
	report(run, 1, (double)samples_at(&keys, 50) / NS_US);
	report(run, 2, (double)samples_at(&starts, 99) / NS_MS);
	for (i = 0; i < started; i++)
		client_sendf(&c[i / each], RPC_TERMINATE_FMT, 1, i % each);
	for (i = 0; i < TERMINAL_CLIENTS; i++) {
		client_sendf(&c[i], "%s", RPC_STATUS);
		pause_ms(1);
		client_close(&c[i]);
	}
}
