/* SPDX-License-Identifier: ISC */
/*
 * Ending every descendant of this process.  Orphans stay descendants only of
 * a child subreaper (PR_SET_CHILD_SUBREAPER(2const)); who wants daemonised
 * grandchildren ended must be one.
 */
#ifndef COMMON_REAP_H
#define COMMON_REAP_H

#include <sys/types.h>

#include <stddef.h>

#include "common/pidset.h"

/* What is needed of a line of /proc/PID/stat, see proc_pid_stat(5). */
struct reap_stat {
	pid_t parent;
	pid_t group;
	pid_t session;
	int alive;	/* false for a zombie without living threads */
};

/*
 * Parse "len" bytes of /proc/PID/stat.  The command name in it is the
 * process's own choice and may hold anything, parentheses too.  Returns 0,
 * or -1 when the text is not such a line.
 */
int reap_parse_stat(const char *text, size_t len, struct reap_stat *stat);

/* A child of this process was collected; "status" as from waitpid(2). */
typedef void reap_exited_cb(pid_t pid, int status, void *arg);

/*
 * Send "signo" (signal(7)) once to every living descendant of this process,
 * except the children in "spare" (NULL: none) and whatever descends from
 * them.  Each is signalled by a pidfd, after its descent was checked with
 * that descriptor open, so a reused process id never hits a stranger.  With
 * SIGKILL, call it again until it answers 0: what forks faster than one call
 * looks is met by the next one.  It never waits; one call takes milliseconds
 * with a few hundred processes.
 *
 * "exited_cb" gets every child that waitpid(2) has, spared ones too, before
 * and between the looks; with NULL nothing is collected.  Who needs no exit
 * status any more sets SIGCHLD to SIG_IGN first: what runs away by forking
 * leaves more zombies than one process can collect beside looking.
 *
 * Returns how many living ones the last look found, those just signalled
 * included, or -1 with errno when /proc cannot be read.  Where nothing is
 * spared, 0 is told only when no child is left at all.
 */
int reap_signal(const struct pidset *spare, int signo,
    reap_exited_cb *exited_cb, void *arg);

#endif
