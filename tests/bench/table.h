/* SPDX-License-Identifier: ISC */
/* The figures of all rounds, and how they are shown. */
#ifndef TESTS_BENCH_TABLE_H
#define TESTS_BENCH_TABLE_H

#include "tests/bench/bench.h"

enum who {
	WHO_LIMIT,
	WHO_PEER,
	WHO_OURS,
	WHO_COUNT
};

const char *who_name(enum who who);

#define ROUNDS_MAX 32

/* One figure of one server, once a round. */
struct cell {
	double v[ROUNDS_MAX];
	unsigned n;
};

void cell_add(struct cell *cell, double v);

/* The median; NAN without any. */
double cell_value(const struct cell *cell);

void table_head(void);
void table_row(const struct row *row,
    const struct cell cells[WHO_COUNT][METRICS]);

#endif
