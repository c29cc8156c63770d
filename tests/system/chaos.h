/* SPDX-License-Identifier: ISC */
/* The clients of the chaos test, each a process of its own. */
#ifndef TESTS_SYSTEM_CHAOS_H
#define TESTS_SYSTEM_CHAOS_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

struct daemon;

/* What one has come to; sent over a pipe at its end. */
struct chaos_report {
	char error[512];	/* empty: all is as it should be */
	uint64_t bytes;		/* of output, all compared */
	int resumed;		/* connections that were lost */
	int rounds;
	int starts;		/* jobs that run once and end */
};

struct chaos_client {
	const char *name;
	pid_t pid;
	int stop;		/* closed when it is to finish */
	int report;		/* where its report comes from */
};

/* How many kinds there are, and their names. */
size_t chaos_kinds(void);
const char *chaos_kind_name(size_t kind);

/*
 * Start a client of that kind.  It goes on until chaos_finish(), whatever
 * happens to its connections.  0 or -1.
 */
int chaos_start(struct chaos_client *client, size_t kind,
    struct daemon *daemon);

/* Whether it still runs. */
int chaos_runs(const struct chaos_client *client);

/* Have it finish its jobs and compare; "report" is what it says. */
void chaos_tell(struct chaos_client *client);
void chaos_finish(struct chaos_client *client, struct chaos_report *report);

#endif
