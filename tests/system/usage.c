/* SPDX-License-Identifier: ISC */
/* What the processes of a daemon use, before and after. */
#include "config.h"

#include <sys/types.h>

#include <stdio.h>
#include <stdlib.h>

#include "common/xmalloc.h"
#include "tests/lib/daemon.h"
#include "tests/lib/procfs.h"
#include "tests/lib/tap.h"
#include "tests/lib/wait.h"
#include "tests/system/usage.h"

#define USAGE_MAX 66
#define USAGE_MS 60000

#if defined(__SANITIZE_ADDRESS__)
#define USAGE_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define USAGE_SANITIZED 1
#endif
#endif
#ifndef USAGE_SANITIZED
#define USAGE_SANITIZED 0
#endif

struct usage {
	size_t n;
	pid_t pids[USAGE_MAX];
	int descriptors[USAGE_MAX];
	unsigned long kib[USAGE_MAX];
};

int
usage_has_memory(void)
{
	return !USAGE_SANITIZED;
}

struct usage *
usage_take(const struct daemon *daemon)
{
	struct usage *usage = xcalloc(1, sizeof(*usage));
	size_t i;

	usage->pids[usage->n++] = daemon_pid(daemon);
	usage->n += daemon_find(daemon, "holdfast-broker",
	    usage->pids + usage->n, 1);
	usage->n += daemon_find(daemon, "holdfast-gateway",
	    usage->pids + usage->n, USAGE_MAX - usage->n);
	for (i = 0; i < usage->n; i++) {
		usage->descriptors[i] = procfs_descriptors(usage->pids[i]);
		usage->kib[i] = procfs_memory(usage->pids[i]);
	}
	return usage;
}

void
usage_free(struct usage *usage)
{
	free(usage);
}

static int
usage_descriptors_back(void *arg)
{
	const struct usage *before = arg;
	size_t i;

	/* holdfastd stores a session's data end a second after it came. */
	for (i = 0; i < before->n; i++)
		if (procfs_descriptors(before->pids[i]) >
		    before->descriptors[i] + (i == 0))
			return 0;
	return 1;
}

static const char *
usage_name(size_t i)
{
	return i == 0 ? "holdfastd" : i == 1 ? "broker" : "gateway";
}

static void
usage_check_memory(const struct usage *before, unsigned long kib)
{
	unsigned long now, most = 0;
	size_t i, who = 0;

	for (i = 0; i < before->n; i++) {
		now = procfs_memory(before->pids[i]);
		tap_note("%s %d: %lu KiB, now %lu KiB", usage_name(i),
		    (int)before->pids[i], before->kib[i], now);
		if (now > before->kib[i] && now - before->kib[i] > most) {
			most = now - before->kib[i];
			who = i;
		}
	}
	tap_ok(most <= kib, "memory grew by %lu KiB at most (%s)", most,
	    usage_name(who));
}

void
usage_check(const struct usage *before, unsigned long kib)
{
	struct usage copy = *before;
	size_t i;

	if (before->descriptors[1] == -1)
		tap_skip("not to be seen without root",
		    "descriptors are back where they were");
	else if (!tap_ok(wait_until(usage_descriptors_back, &copy,
	    USAGE_MS) == 0, "descriptors are back where they were"))
		for (i = 0; i < before->n; i++)
			tap_note("%s %d: %d, now %d", usage_name(i),
			    (int)before->pids[i], before->descriptors[i],
			    procfs_descriptors(before->pids[i]));
	if (USAGE_SANITIZED)
		tap_skip("a sanitizer keeps memory", "memory is back");
	else
		usage_check_memory(before, kib);
}
