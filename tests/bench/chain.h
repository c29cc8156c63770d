/* SPDX-License-Identifier: ISC */
/*
 * Two hops without anything: a client's TCP connection, a relay, a Unix
 * socket, a relay, a job; and base64 in plain C on the client's side.  No
 * server that is made of a gateway and a runner can do with less, so this is
 * the limit that others are held against.
 */
#ifndef TESTS_BENCH_CHAIN_H
#define TESTS_BENCH_CHAIN_H

#include <sys/types.h>

#include <stdint.h>

#define CHAIN_HOPS 2

struct chain {
	int fd; /* the client's end */
	pid_t relay[CHAIN_HOPS];
	pid_t job;
};

/* As JOB_PIPES and so on, or no job: the last relay sends all back. */
#define CHAIN_ECHO (-1)

/*
 * Make a chain of 1 or 2 relays and start "mode" of the job program with
 * "arg" behind it.  Everything ends with the calling process.
 */
void chain_start(struct chain *chain, int hops, int how, const char *mode,
    const char *arg);

/* CPU nanoseconds of the relays so far. */
uint64_t chain_cpu(const struct chain *chain);

void chain_end(struct chain *chain);

/* A process that the calling one's end kills; as fork(2), or gives up. */
pid_t fork_tied(void);

#endif
