/* SPDX-License-Identifier: ISC */
/* Signals by name: without SIG, in lower case. */
#ifndef COMMON_SIGNAME_H
#define COMMON_SIGNAME_H

#include <signal.h>

#include "common/buf.h"

/*
 * Those of signal(7) that a client may send: name, number.  SIGKILL is not
 * one of them: what it does, process/terminate does.
 */
#define SIGNAME_SENDABLE(S) \
	S("abrt", SIGABRT) \
	S("alrm", SIGALRM) \
	S("bus", SIGBUS) \
	S("chld", SIGCHLD) \
	S("cont", SIGCONT) \
	S("fpe", SIGFPE) \
	S("hup", SIGHUP) \
	S("ill", SIGILL) \
	S("int", SIGINT) \
	S("pipe", SIGPIPE) \
	S("poll", SIGPOLL) \
	S("prof", SIGPROF) \
	S("quit", SIGQUIT) \
	S("segv", SIGSEGV) \
	S("stop", SIGSTOP) \
	S("sys", SIGSYS) \
	S("term", SIGTERM) \
	S("trap", SIGTRAP) \
	S("tstp", SIGTSTP) \
	S("ttin", SIGTTIN) \
	S("ttou", SIGTTOU) \
	S("urg", SIGURG) \
	S("usr1", SIGUSR1) \
	S("usr2", SIGUSR2) \
	S("vtalrm", SIGVTALRM) \
	S("winch", SIGWINCH) \
	S("xcpu", SIGXCPU) \
	S("xfsz", SIGXFSZ)

/* The number of a name that may be sent ("interrupt" is one), or 0. */
int signame_number(struct span name);

/*
 * The name of a number, "kill" and "rtmin+N" included; "out" of SIGNAME_SIZE
 * bytes may hold it.  Never NULL; a number without a name is in digits.
 */
#define SIGNAME_SIZE 16
const char *signame_text(int number, char out[SIGNAME_SIZE]);

#endif
