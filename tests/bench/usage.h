/* SPDX-License-Identifier: ISC */
/*
 * What the processes of a server use, from /proc: CPU time by
 * /proc/PID/task/TID/schedstat (nanoseconds), memory by smaps_rollup.
 */
#ifndef TESTS_BENCH_USAGE_H
#define TESTS_BENCH_USAGE_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

enum part {
	PART_OTHER, /* the supervisor, or a server of one process */
	PART_GATEWAY,
	PART_BROKER,
	PART_RUNNER,
	PARTS
};

/* Nanoseconds of CPU, or KiB, by part and together. */
struct usage {
	uint64_t part[PARTS];
	uint64_t all;
};

struct memory {
	struct usage private; /* Private_Clean and Private_Dirty, KiB */
	uint64_t pss; /* KiB */
	uint64_t rss; /* KiB */
	size_t processes;
};

/*
 * The processes below "root" and itself, jobs not counted: those whose name
 * begins as that of "root" does.
 */
void usage_cpu(pid_t root, struct usage *out);
void usage_memory(pid_t root, struct memory *out);

/* CPU time of one process, all its threads. */
uint64_t usage_cpu_of(pid_t pid);

/* Private memory of one process, KiB; 0 when it is gone. */
uint64_t usage_private_of(pid_t pid);

/* out = later - earlier, by part. */
void usage_minus(struct usage *out, const struct usage *later,
    const struct usage *earlier);

/*
 * Keep every thread of these processes, and what they start, on one CPU, or
 * (cpu -1) on any that the caller had at its start.
 */
void usage_pin(pid_t root, int cpu);
void usage_pin_self(int cpu);

/* Who listens at this TCP port over IPv4: the eldest holder; 0 if unknown. */
pid_t usage_listener(int port);

#endif
