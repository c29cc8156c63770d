/* SPDX-License-Identifier: ISC */
/*
 * Starting programs in a sandbox: by way of holdfast-box (box/box.h), which
 * takes some ten milliseconds and may hang on a path, so nobody waits for it.
 */
#ifndef RUNNER_BOXED_H
#define RUNNER_BOXED_H

#include <sys/types.h>

#include <stdbool.h>

#include "broker/runner/exec.h"
#include "common/buf.h"

struct boxing;
struct event_base;

/* What is to be enforced: see sandbox.h. */
struct boxed_policy {
	struct span rules;
	bool network;
};

/* How it went. */
struct boxed_outcome {
	bool started;
	pid_t program;		/* its id, and its group's */
	char text[1024];	/* else why, for the client */
};

/*
 * Start "plan" in a sandbox.  Its descriptors become the program's; where it
 * has no programs, "program" (else -1), a descriptor, is the program.  Returns
 * the id of the process that leads the session in which the program will be
 * and ends when it does, with 128 and the signal's number where a signal ended
 * it; killing it kills all that is in the sandbox.  The program leads a group
 * of its own.  Or -1 with "*failure" set.
 *
 * "*boxing" then tells by "done", once, how it went; until then the program
 * does not run, or not for sure.  It is freed by boxed_forget(), also from
 * "done".
 */
typedef void boxed_done(void *arg, const struct boxed_outcome *outcome);
pid_t boxed_start(struct event_base *base, const struct exec_plan *plan,
    const struct boxed_policy *policy, int program, struct boxing **boxing,
    boxed_done *done, void *arg, struct exec_failure *failure);
void boxed_forget(struct boxing *boxing);

/* A program beside this one, wherever that is.  0, or -1. */
int boxed_beside(const char *name, char *out, size_t size);

#endif
