/* SPDX-License-Identifier: ISC */
/* Finding and ending every descendant, also those that run away. */
#include "config.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/pidset.h"
#include "common/reap.h"

TestSuite(pidset, .timeout = 10);
TestSuite(reap, .timeout = 60);

Test(pidset, keeps_order_whatever_the_order_of_adding)
{
	struct pidset set = { 0 };
	pid_t pid;
	size_t i;

	for (pid = 1000; pid > 0; pid -= 2)
		cr_assert_eq(pidset_add(&set, pid), 0);
	for (pid = 1; pid < 1000; pid += 2)
		cr_assert_eq(pidset_add(&set, pid), 0);
	cr_assert_eq(pidset_add(&set, 500), 0);
	cr_assert_eq(set.count, 1000);
	for (i = 0; i < set.count; i++)
		cr_assert_eq(set.pids[i], (pid_t)i + 1);
	pidset_clear(&set);
}

Test(pidset, removes_only_what_is_there)
{
	struct pidset set = { 0 };

	cr_assert(!pidset_has(NULL, 1));
	cr_assert(!pidset_has(&set, 1));
	cr_assert_eq(pidset_remove(&set, 1), -1);
	cr_assert_eq(pidset_add(&set, 1), 0);
	cr_assert_eq(pidset_add(&set, 3), 0);
	cr_assert_eq(pidset_remove(&set, 2), -1);
	cr_assert_eq(pidset_remove(&set, 3), 0);
	cr_assert(pidset_has(&set, 1));
	cr_assert(!pidset_has(&set, 3));
	pidset_empty(&set);
	cr_assert(!pidset_has(&set, 1));
	pidset_clear(&set);
}

#define TAIL " 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 "

static const struct {
	const char *line;
	int result;
	pid_t parent;
	int alive;
} lines[] = {
	{ "7 (sh) S 42" TAIL "1 0 9\n", 0, 42, 1 },
	{ "7 (sh) R 42" TAIL "1 0 9\n", 0, 42, 1 },
	{ "7 (sh) T 1" TAIL "1 0 9\n", 0, 1, 1 },
	{ "7 (sh) Z 42" TAIL "1 0 9\n", 0, 42, 0 },
	{ "7 (sh) X 42" TAIL "1 0 9\n", 0, 42, 0 },
	{ "7 (sh) Z 42" TAIL "3 0 9\n", 0, 42, 1 },
	{ "7 () Z 99) S 42" TAIL "1 0 9\n", 0, 42, 1 },
	{ "7 (a b) S 1 c) S 42" TAIL "1 0 9\n", 0, 42, 1 },
	{ "7 (sh) S -1" TAIL "1 0 9\n", -1, 0, 0 },
	{ "7 (sh) S x" TAIL "1 0 9\n", -1, 0, 0 },
	{ "7 (sh) S 42 4 5", -1, 0, 0 },
	{ "7 (sh) S", -1, 0, 0 },
	{ "7 (sh)", -1, 0, 0 },
	{ "7", -1, 0, 0 },
	{ "", -1, 0, 0 },
};

Test(reap, parses_lines_of_stat)
{
	struct reap_stat stat;
	size_t i;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		cr_assert_eq(reap_parse_stat(lines[i].line,
		    strlen(lines[i].line), &stat), lines[i].result,
		    "%s", lines[i].line);
		if (lines[i].result == -1)
			continue;
		cr_assert_eq(stat.parent, lines[i].parent, "%s",
		    lines[i].line);
		cr_assert_eq(stat.group, 5);
		cr_assert_eq(stat.session, 6);
		cr_assert_eq(stat.alive, lines[i].alive, "%s", lines[i].line);
	}
}

/* Start "body" in a child that reports over "ready" once it is at work. */
static pid_t
start(void (*body)(int), int ready)
{
	pid_t pid;

	pid = fork();
	if (pid == 0) {
		body(ready);
		_exit(1);
	}
	return pid;
}

static void
report(int ready)
{
	(void)!write(ready, "", 1);
}

static void
wait_ready(int ready, size_t count)
{
	char byte;

	while (count > 0 && read(ready, &byte, 1) == 1)
		count--;
	cr_assert_eq(count, 0);
}

static void
sleeper(int ready)
{
	report(ready);
	for (;;)
		pause();
}

static void
stopped(int ready)
{
	report(ready);
	for (;;)
		raise(SIGSTOP);
}

static void
daemonised(int ready)
{
	if (fork() != 0)
		_exit(0);
	setsid();
	if (fork() != 0)
		_exit(0);
	sleeper(ready);
}

static void
deaf_tree(int ready)
{
	int i;

	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	for (i = 0; i < 4; i++)
		if (fork() == 0)
			setsid();
	sleeper(ready);
}

/*
 * What runs away in these tests gives up by itself after this many
 * milliseconds, should a test fail to end it.
 */
#define GIVE_UP 15000

/* One life after the other: each ends as soon as its successor runs. */
static void
run_away(int ready, int sessions)
{
	uint64_t end = clock_add(clock_ms(), GIVE_UP);
	pid_t pid;

	setsid();
	report(ready);
	while (clock_ms() < end) {
		pid = fork();
		if (pid > 0)
			_exit(0);
		if (pid == 0 && sessions)
			setsid();
	}
}

static void
runaway(int ready)
{
	run_away(ready, 0);
}

static void
runaway_leader(int ready)
{
	run_away(ready, 1);
}

/* Keeps children that keep ending and being replaced. */
static void
breeder(int ready)
{
	uint64_t end = clock_add(clock_ms(), GIVE_UP);

	signal(SIGCHLD, SIG_IGN);
	report(ready);
	while (clock_ms() < end)
		if (fork() == 0)
			_exit(0);
}

static void
count_cb(pid_t pid, int status, void *arg)
{
	size_t *count = arg;

	(void)pid;
	(void)status;
	if (count != NULL)
		++*count;
}

static void
end_all(void)
{
	int alive;

	while ((alive = reap_signal(NULL, SIGKILL, count_cb, NULL)) != 0) {
		cr_assert_neq(alive, -1);
		/* Some child of ours ends soon, or none is left. */
		(void)waitpid(-1, NULL, 0);
	}
	cr_assert_eq(waitpid(-1, NULL, 0), -1);
	cr_assert_eq(errno, ECHILD);
}

static void (*const kinds[])(int) = {
	sleeper, stopped, daemonised, deaf_tree, runaway, runaway_leader,
	breeder,
};
static const size_t reports[] = { 1, 1, 1, 16, 1, 1, 1 };

Test(reap, ends_every_kind_of_descendant)
{
	size_t i;
	int ready[2];

	cr_assert_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	cr_assert_eq(pipe(ready), 0);
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		cr_assert_neq(start(kinds[i], ready[1]), -1);
		wait_ready(ready[0], reports[i]);
		end_all();
	}
}

/* Held at "gate" until its other end is closed. */
static void
start_gated(void (*body)(int), const int gate[2], int ready)
{
	pid_t pid;
	char byte;

	pid = fork();
	if (pid == 0) {
		close(gate[1]);
		(void)!read(gate[0], &byte, 1);
		body(ready);
		_exit(1);
	}
	cr_assert_neq(pid, -1);
}

Test(reap, converges_on_hundreds_that_keep_forking)
{
	void (*const mix[])(int) = { runaway, sleeper, breeder, sleeper,
	    runaway_leader, stopped, sleeper, sleeper, sleeper, stopped };
	int gate[2], i, ready[2];

	cr_assert_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	cr_assert_eq(pipe(ready), 0);
	cr_assert_eq(pipe(gate), 0);
	for (i = 0; i < 300; i++)
		start_gated(mix[i % 50 < 10 ? i % 50 : 1], gate, ready[1]);
	close(gate[0]);
	close(gate[1]);
	/* Until they are really at it. */
	for (i = 0; i < 60; i++)
		cr_assert_gt(waitpid(-1, NULL, 0), 0);
	end_all();
}

Test(reap, counts_what_lives_and_leaves_zombies_without_a_callback)
{
	siginfo_t info;
	int ready[2];
	pid_t pid;

	cr_assert_eq(pipe(ready), 0);
	cr_assert_eq(reap_signal(NULL, SIGCONT, NULL, NULL), 0);
	pid = start(sleeper, ready[1]);
	wait_ready(ready[0], 1);
	cr_assert_eq(reap_signal(NULL, SIGCONT, NULL, NULL), 1);
	cr_assert_eq(reap_signal(NULL, SIGTERM, NULL, NULL), 1);
	cr_assert_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	cr_assert_eq(info.si_status, SIGTERM);
	/* Not alive, but while it is there "none left" is not told. */
	cr_assert_eq(reap_signal(NULL, SIGKILL, NULL, NULL), 1);
	cr_assert_eq(waitpid(pid, NULL, 0), pid);
	cr_assert_eq(reap_signal(NULL, SIGKILL, NULL, NULL), 0);
}

static void
parent_of_one(int ready)
{
	if (fork() == 0)
		sleeper(ready);
	sleeper(ready);
}

Test(reap, spares_a_registered_child_and_all_below_it)
{
	struct pidset spare = { 0 };
	size_t exits = 0;
	int alive, ready[2];
	pid_t kept;

	cr_assert_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	cr_assert_eq(pipe(ready), 0);
	kept = start(parent_of_one, ready[1]);
	cr_assert_neq(start(daemonised, ready[1]), -1);
	cr_assert_neq(start(deaf_tree, ready[1]), -1);
	cr_assert_eq(pidset_add(&spare, kept), 0);
	wait_ready(ready[0], 2 + 1 + 16);
	while ((alive = reap_signal(&spare, SIGKILL, count_cb, &exits)) != 0)
		cr_assert_neq(alive, -1);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		exits++;
	/* Two of the double fork, its end, and the tree. */
	cr_assert_eq(exits, 3 + 16);
	cr_assert_eq(waitpid(kept, NULL, WNOHANG), 0);

	/* No longer registered, it goes with its child. */
	cr_assert_eq(pidset_remove(&spare, kept), 0);
	end_all();
	pidset_clear(&spare);
}
