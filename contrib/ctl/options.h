/* SPDX-License-Identifier: ISC */
/* The command line of holdfastctl(8). */
#ifndef CONTRIB_CTL_OPTIONS_H
#define CONTRIB_CTL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit statuses; see holdfastctl(8). */
#define CTL_NOT_FOUND 1		/* no such session or process */
#define CTL_USAGE 2
#define CTL_FAILED 3		/* tried, and it did not work out */
#define CTL_REFUSED 4		/* not in the state it is in */
#define CTL_UNAVAILABLE 69	/* no server; or it does not answer */
#define CTL_PROTOCOL 76		/* it is of another version */
#define CTL_NOT_ALLOWED 77

enum ctl_command {
	CTL_STATUS,
	CTL_SESSIONS,
	CTL_SHOW,
	CTL_WHY,
	CTL_PROCESSES,
	CTL_KILL,
	CTL_EVICT,
	CTL_DRAIN,
	CTL_RELOAD,
	CTL_ROLL,
	CTL_UPGRADE,
	CTL_TRACE,
	CTL_VERSION,
	CTL_COMMANDS
};

#define OPTIONS_TOPICS 8

struct options {
	enum ctl_command command;
	const char *session;	/* in lower case, or NULL */
	const char *process;
	const char *topics[OPTIONS_TOPICS];
	size_t ntopics;
	const char *runtime_dir;	/* or NULL */
	const char *signal;	/* a name, or NULL */
	const char *reason;
	uint64_t grace_ms;
	bool json, all, off, keep, handoff, force;
	bool has_grace;
	uint64_t watch_ms;	/* 0: once */
	char id[64];		/* what "session" points to */
};

enum options_result {
	OPTIONS_RUN,
	OPTIONS_DONE,		/* --help or --version was all */
	OPTIONS_BAD		/* said why on standard error */
};

enum options_result options_parse(struct options *options, int argc,
    char *argv[]);

/* What a command is called; never NULL. */
const char *options_name(enum ctl_command command);

#endif
