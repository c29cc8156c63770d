/* SPDX-License-Identifier: ISC */
/* What a row of the table is made of. */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include <stdint.h>
#include <stdio.h>

#define NS_US 1000.0
#define NS_MS 1000000.0
#define NS_S 1000000000.0
#define MIB 1048576.0

struct memory;
struct server;
struct usage;

/* Most figures that one row has. */
#define METRICS 4

/* What a figure must reach. */
enum goal {
	GOAL_END, /* no more figures in this row */
	GOAL_NONE, /* shown only */
	AT_MOST, /* the number */
	AT_LEAST,
	LIMIT_AT_MOST, /* so many times the limit of this run */
	LIMIT_AT_LEAST,
	PEER_AT_LEAST /* so many times the peer's of this run */
};

struct metric {
	const char *what;
	const char *unit;
	enum goal goal;
	double number;
};

/* One measurement, in a process of its own that ends with it. */
struct run {
	const struct server *server; /* what to measure; NULL: the limit */
	int quick; /* a tenth of the work */
	unsigned round; /* 0 for the first at this server */
	FILE *out; /* to the table */
};

/* Fill in figure "metric" of the row. */
void report(struct run *run, unsigned metric, double value);

/* More about it, shown with --verbose. */
void note(struct run *run, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* CPU by part, divided, as a note. */
void note_cpu(struct run *run, const struct usage *cpu, double by,
    const char *unit);

/* Growth of private memory by part, divided, as a note. */
void note_memory(struct run *run, const struct memory *before,
    const struct memory *after, unsigned by);

/* How often to do something. */
unsigned times(const struct run *run, unsigned full);

/* True when "done" samples since "start" (now_ns()) will do. */
int enough(uint64_t start, unsigned done);

#define ROW_PIN 1 /* everything on one CPU */
#define ROW_ONCE 2 /* memory that was used once is not taken again */

struct row {
	const char *name; /* for --only */
	const char *title;
	void (*measure)(struct run *run);
	void (*limit)(struct run *run); /* or NULL */
	int flags;
	const char *args; /* for our daemon, or NULL */
	struct metric metric[METRICS];
};

/* All rows, ended by one without a name. */
extern const struct row rows[];

void row_cheap(struct run *run);
void row_call(struct run *run);
void row_pipelined_cheap(struct run *run);
void row_pipelined_call(struct run *run);
void row_long_poll(struct run *run);
void row_neighbour(struct run *run);
void limit_tcp_echo(struct run *run);
void limit_call(struct run *run);

void row_start(struct run *run);
void row_start_pause(struct run *run);
void row_start_first(struct run *run);
void row_starts(struct run *run);
void limit_spawn(struct run *run);
void limit_spawn_pause(struct run *run);
void limit_spawns(struct run *run);

void row_output(struct run *run);
void row_outputs(struct run *run);
void row_terminal(struct run *run);
void row_stdin(struct run *run);
void limit_output(struct run *run);
void limit_outputs(struct run *run);
void limit_terminal(struct run *run);
void limit_stdin(struct run *run);

void row_keys(struct run *run);
void row_terminals(struct run *run);
void limit_keys(struct run *run);

void row_idle_session(struct run *run);
void row_idle_process(struct run *run);
void row_crowd(struct run *run);
void row_empty(struct run *run);
void row_stalled(struct run *run);
void limit_idle_process(struct run *run);

void row_connect(struct run *run);
void row_resume(struct run *run);
void row_storm(struct run *run);
void row_terminate(struct run *run);

#endif
