/* SPDX-License-Identifier: ISC */
/* The figures of all rounds, and how they are shown. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/bench.h"
#include "tests/bench/table.h"

const char *
who_name(enum who who)
{
	static const char *const names[WHO_COUNT] = {
		[WHO_LIMIT] = "limit",
		[WHO_PEER] = "peer",
		[WHO_OURS] = "holdfast"
	};

	return names[who];
}

void
cell_add(struct cell *cell, double v)
{
	if (cell->n < ROUNDS_MAX)
		cell->v[cell->n++] = v;
}

static int
order(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double
cell_value(const struct cell *cell)
{
	double v[ROUNDS_MAX];

	if (cell->n == 0)
		return NAN;
	memcpy(v, cell->v, cell->n * sizeof(*v));
	qsort(v, cell->n, sizeof(*v), order);
	return cell->n % 2 == 1 ? v[cell->n / 2] :
	    (v[cell->n / 2 - 1] + v[cell->n / 2]) / 2;
}

static void
put_number(double v)
{
	if (isnan(v))
		printf(" %10s", "-");
	else if (v >= 10000)
		printf(" %10.0f", v);
	else if (v >= 100)
		printf(" %10.1f", v);
	else
		printf(" %10.3g", v);
}

static void
put_ratio(double a, double b)
{
	if (isnan(a) || isnan(b) || b == 0)
		printf(" %7s", "-");
	else
		printf(" %7.2f", a / b);
}

static void
goal_text(const struct metric *m, char *text, size_t size)
{
	static const struct {
		const char *sign;
		const char *of;
	} words[] = {
		[AT_MOST] = { "<=", "" },
		[AT_LEAST] = { ">=", "" },
		[LIMIT_AT_MOST] = { "<=", " limit" },
		[LIMIT_AT_LEAST] = { ">=", " limit" },
		[PEER_AT_LEAST] = { ">=", " peer" }
	};

	*text = '\0';
	if (m->goal != GOAL_END && m->goal != GOAL_NONE)
		snprintf(text, size, "%s %g%s", words[m->goal].sign, m->number,
		    words[m->goal].of);
}

/* Whether it was reached: "yes", "NO", or "" where that can't be said. */
static const char *
verdict(const struct metric *m, double ours, double limit, double peer)
{
	double need = m->number;
	int most = m->goal == AT_MOST || m->goal == LIMIT_AT_MOST;

	if (m->goal == LIMIT_AT_MOST || m->goal == LIMIT_AT_LEAST)
		need *= limit;
	if (m->goal == PEER_AT_LEAST)
		need *= peer;
	if (m->goal == GOAL_NONE || isnan(ours) || isnan(need))
		return "";
	return (most ? ours <= need : ours >= need) ? "yes" : "NO";
}

void
table_head(void)
{
	printf("%-40s %-24s %-6s %-15s %10s %10s %10s %7s %7s\n", "row", "",
	    "unit", "goal", "limit", "peer", "holdfast", "/limit", "/peer");
}

void
table_row(const struct row *row, const struct cell cells[WHO_COUNT][METRICS])
{
	const struct metric *m;
	double limit, peer, ours;
	char goal[32];
	unsigned i;

	for (i = 0; i < METRICS && row->metric[i].goal != GOAL_END; i++) {
		m = &row->metric[i];
		limit = cell_value(&cells[WHO_LIMIT][i]);
		peer = cell_value(&cells[WHO_PEER][i]);
		ours = cell_value(&cells[WHO_OURS][i]);
		goal_text(m, goal, sizeof(goal));
		printf("%-40s %-24s %-6s %-15s", i == 0 ? row->title : "",
		    m->what, m->unit, goal);
		put_number(limit);
		put_number(peer);
		put_number(ours);
		put_ratio(ours, limit);
		put_ratio(ours, peer);
		printf("  %s\n", verdict(m, ours, limit, peer));
	}
}
