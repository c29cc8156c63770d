/* SPDX-License-Identifier: ISC */
/*
 * Processes on their way into a sandbox.  To the client they are starting:
 * what it asks of them meanwhile waits, and if they never run there was
 * nothing but an error.
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "broker/runner/boxed.h"
#include "broker/runner/runner.h"
#include "broker/runner/sandbox.h"

struct starting {
	struct child *child;	/* NULL before there is one */
	struct boxing *boxing;
	uint64_t generation;	/* of the attachment that asked */
	struct call call;
	uint8_t *id;		/* behind the call's, if it has a string */
	bool repeated;
	bool exited;
	int status;		/* as waitpid(2) has it, if it has exited */
};

void
starting_forget(struct starting *starting)
{
	if (starting == NULL)
		return;
	if (starting->child != NULL)
		starting->child->starting = NULL;
	boxed_forget(starting->boxing);
	free(starting->id);
	free(starting);
}

void
starting_exited(struct starting *starting, int status)
{
	starting->exited = true;
	starting->status = status;
}

void
starting_answer(struct attach *attach, const struct call *call,
    const struct child *child, bool repeated)
{
	struct fields_RG_RESULT result = {
		.has_process_id = true,
		.process_id = { child->id, child->id_len },
		.has_sandbox_type = true,
		.sandbox_type = child->boxed ? SANDBOX_LINUX : SANDBOX_NONE,
		.has_repeated = repeated,
		.repeated = repeated,
	};

	attach_result(attach, call, MSG_GR_START, &result);
}

/* Who asked, if that is still attached. */
static struct attach *
starting_attach(const struct starting *starting)
{
	struct attach *attach = starting->child->runner->attach;

	return attach != NULL && attach->generation == starting->generation ?
	    attach : NULL;
}

static void
starting_ran(struct starting *starting)
{
	struct attach *attach = starting_attach(starting);
	struct child *child = starting->child;
	bool exited = starting->exited;
	int status = starting->status;

	report_start(child);
	if (attach != NULL)
		starting_answer(attach, &starting->call, child,
		    starting->repeated);
	starting_forget(starting);
	input_started(child);
	if (exited)
		child_on_exit(child, status);
}

static void
boxed_cb(void *arg, const struct boxed_outcome *outcome)
{
	struct starting *starting = arg;
	struct attach *attach = starting_attach(starting);
	struct child *child = starting->child;

	if (outcome->started) {
		child->inmate = outcome->program;
		starting_ran(starting);
		return;
	}
	if (attach != NULL)
		attach_error(attach, &starting->call, MSG_GR_START, -32603,
		    "%s", child->terminated ?
		    "the process was ended before it ran" : outcome->text);
	reads_refuse(child);
	input_refuse(child);
	child_signal(child, SIGKILL);
	child_free(child);
}

/* The answer goes to this call. */
static int
starting_for(struct starting *starting, const struct attach *attach,
    const struct call *call)
{
	uint8_t *id = NULL;

	if (call->id_str.len > 0) {
		id = malloc(call->id_str.len);
		if (id == NULL)
			return -1;
		memcpy(id, call->id_str.p, call->id_str.len);
	}
	free(starting->id);
	starting->id = id;
	starting->call = *call;
	starting->call.id_str.p = id;
	starting->generation = attach->generation;
	return 0;
}

struct starting *
starting_new(const struct attach *attach, const struct call *call)
{
	struct starting *starting = calloc(1, sizeof(*starting));

	if (starting != NULL && starting_for(starting, attach, call) == -1) {
		free(starting);
		starting = NULL;
	}
	return starting;
}

pid_t
starting_launch(struct starting *starting, struct runner *runner,
    const struct exec_plan *plan, const struct fields_GR_START *msg,
    struct exec_failure *failure, const char **why)
{
	/* Its fields begin as those of all that may ask for a sandbox do. */
	const struct fields_BOXED_CALL *policy = (const void *)msg;
	struct boxed_policy boxed = { .network = policy->sandbox_network };
	struct writer rules;
	pid_t pid = -1;

	*why = NULL;
	writer_init(&rules, PROTO_SANDBOX_MAX);
	if (sandbox_rules(policy, msg->directory, getenv("TMPDIR"), &rules,
	    why) == 0) {
		*why = NULL;
		boxed.rules = (struct span){ rules.p, rules.len };
		pid = boxed_start(runner->base, plan, &boxed, -1,
		    &starting->boxing, boxed_cb, starting, failure);
	}
	writer_clear(&rules);
	return pid;
}

void
starting_adopt(struct starting *starting, struct child *child)
{
	child->boxed = starting != NULL;
	child->starting = starting;
	if (starting != NULL)
		starting->child = child;
}

void
starting_repeat(struct attach *attach, const struct call *call,
    struct child *child)
{
	if (child->starting == NULL)
		starting_answer(attach, call, child, true);
	else if (starting_for(child->starting, attach, call) == -1)
		attach_error(attach, call, MSG_GR_START, -32603,
		    "out of memory");
	else
		child->starting->repeated = true;
}
