/* SPDX-License-Identifier: ISC */
/* process/start: from what was asked to a running process. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/runner/envpolicy.h"
#include "broker/runner/exec.h"
#include "broker/runner/pty.h"
#include "broker/runner/runner.h"
#include "common/unix.h"

#define PROGRAM_SHOWN 255	/* bytes, see TAG_PROGRAM */

extern char **environ;

/* Both ends of what becomes a process's standard descriptors. */
struct ends {
	struct child_fds ours;
	int theirs[3];
};

struct refusal {
	int64_t code;
	const char *what;
	int error;		/* errno, or 0 */
};

static int
refuse(struct refusal *refusal, int64_t code, const char *what, int error)
{
	*refusal = (struct refusal){ code, what, error };
	return -1;
}

/* One block that begins with the array; strings end at no NUL but theirs. */
static char **
make_argv(struct span list)
{
	size_t count = proto_list_count(list), i = 0;
	struct span item;
	char **argv, *text;

	argv = malloc((count + 1) * sizeof(*argv) + list.len + count);
	if (argv == NULL)
		return NULL;
	text = (char *)(argv + count + 1);
	while (proto_list_next(&list, &item)) {
		if (item.len > 0 && memchr(item.p, '\0', item.len) != NULL) {
			free(argv);
			errno = EINVAL;
			return NULL;
		}
		argv[i++] = text;
		if (item.len > 0)
			memcpy(text, item.p, item.len);
		text[item.len] = '\0';
		text += item.len + 1;
	}
	argv[i] = NULL;
	return argv;
}

static char **
make_environment(const struct runner *runner,
    const struct fields_GR_START *msg)
{
	struct envpolicy policy = {
		.given = msg->has_env_inherit,
		.inherit = (enum proto_inherit)msg->env_inherit,
		.no_default_excludes = msg->env_no_default_excludes,
		.exclude = msg->env_exclude,
		.set = msg->env_set,
		.include_only = msg->env_include_only,
		.overlay = msg->env,
		.shell = msg->tty ? runner->shell : NULL,
	};

	return envpolicy_make(&policy,
	    (const char *const *)(uintptr_t)environ, ENVIRONMENT_MAX);
}

static char *
make_string(struct span span)
{
	char *string = malloc(span.len + 1);

	if (string != NULL && span_to_str(span, string, span.len + 1) == -1) {
		free(string);
		errno = EINVAL;
		return NULL;
	}
	return string;
}

static int
open_terminal(struct ends *ends, const struct fields_GR_START *msg)
{
	unsigned short rows = PTY_ROWS, cols = PTY_COLS;
	int master, slave;

	if (msg->has_rows) {
		rows = (unsigned short)msg->rows;
		cols = (unsigned short)msg->cols;
	}
	if (pty_open(&master, &slave, rows, cols) == -1)
		return -1;
	ends->ours.in = ends->ours.out[0] = master;
	ends->theirs[0] = ends->theirs[1] = ends->theirs[2] = slave;
	return 0;
}

/* A pipe whose end "mine" is ours and does not block. */
static int
open_pipe(int *mine, int *theirs, int read_end)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) == -1)
		return -1;
	*mine = fds[!read_end];
	*theirs = fds[read_end];
	return unix_nonblock(*mine);
}

static int
open_pipes(struct ends *ends, int null_fd, int pipe_stdin)
{
	if (open_pipe(&ends->ours.out[0], &ends->theirs[1], 1) == -1 ||
	    open_pipe(&ends->ours.out[1], &ends->theirs[2], 1) == -1)
		return -1;
	if (pipe_stdin)
		return open_pipe(&ends->ours.in, &ends->theirs[0], 0);
	ends->theirs[0] = null_fd;
	return 0;
}

static void
close_theirs(struct ends *ends, int null_fd)
{
	int i, last = -1;

	for (i = 0; i < 3; i++) {
		if (ends->theirs[i] == last || ends->theirs[i] == null_fd)
			continue;
		last = ends->theirs[i];
		close(last);
	}
}

static void
close_ours(struct ends *ends)
{
	if (ends->ours.in == ends->ours.out[0])
		ends->ours.in = -1;
	unix_close(&ends->ours.in);
	unix_close(&ends->ours.out[0]);
	unix_close(&ends->ours.out[1]);
}

/* What the process is known by beside its id; none of it is worth failing. */
static void
describe(struct child *child, const struct fields_GR_START *msg)
{
	struct span argv = msg->argv, program;

	if (proto_list_next(&argv, &program))
		child->program = strndup((const char *)program.p,
		    program.len < PROGRAM_SHOWN ? program.len :
		    PROGRAM_SHOWN);
	report_prepare(child, msg->argv);
}

/* The process, or what will be it. */
static pid_t
launch_plan(struct runner *runner, const struct exec_plan *plan,
    const struct fields_GR_START *msg, struct starting *starting,
    struct refusal *refusal)
{
	struct exec_failure failure;
	const char *why = NULL;
	pid_t pid;

	pid = starting == NULL ? exec_start(plan, &failure) :
	    starting_launch(starting, runner, plan, msg, &failure, &why);
	if (pid == -1 && why != NULL)
		refuse(refusal, -32602, why, 0);
	else if (pid == -1)
		refuse(refusal, -32603, exec_stage_text(failure.stage),
		    failure.error);
	return pid;
}

static int
run_plan(struct attach *attach, const struct call *call,
    struct exec_plan *plan, const struct fields_GR_START *msg,
    struct refusal *refusal)
{
	struct runner *runner = attach->runner;
	struct ends ends = { { -1, { -1, -1 } }, { -1, -1, -1 } };
	struct starting *starting = NULL;
	struct child *child;
	pid_t pid;

	if (msg->has_sandbox_files) {
		starting = starting_new(attach, call);
		if (starting == NULL)
			return refuse(refusal, -32603, "cannot start", errno);
	}
	if ((msg->tty ? open_terminal(&ends, msg) : open_pipes(&ends,
	    runner->null_fd, msg->pipe_stdin)) == -1) {
		refuse(refusal, -32603, "cannot open descriptors", errno);
		close_theirs(&ends, runner->null_fd);
		close_ours(&ends);
		starting_forget(starting);
		return -1;
	}
	memcpy(plan->fds, ends.theirs, sizeof(plan->fds));
	plan->terminal = msg->tty;
	pid = launch_plan(runner, plan, msg, starting, refusal);
	close_theirs(&ends, runner->null_fd);
	if (pid == -1) {
		close_ours(&ends);
		starting_forget(starting);
		return -1;
	}
	child = child_new(runner, msg->process_id, pid, &ends.ours, msg->tty);
	if (child == NULL) {
		refuse(refusal, -32603, "cannot keep the process", errno);
		kill(-pid, SIGKILL);
		starting_forget(starting);
		return -1;
	}
	starting_adopt(starting, child);
	describe(child, msg);
	/* Without its limit it must not run at all. */
	if (msg->has_run_ms && child_limit(child, msg->run_ms) == -1) {
		kill(-pid, SIGKILL);
		child_free(child);
		return refuse(refusal, -32603, "cannot limit the process",
		    errno);
	}
	return 0;
}

/* Everything the plan points to is made here and freed here. */
static int
start_planned(struct attach *attach, const struct call *call,
    const struct fields_GR_START *msg, struct refusal *refusal)
{
	struct runner *runner = attach->runner;
	struct exec_plan plan = { 0 };
	char **argv, **envp, **programs = NULL, *directory, *arg0 = NULL;
	int result = -1;

	argv = make_argv(msg->argv);
	envp = argv != NULL ? make_environment(runner, msg) : NULL;
	directory = envp != NULL ? make_string(msg->directory) : NULL;
	if (directory != NULL)
		programs = exec_programs(argv[0], envp, !msg->tty);
	if (programs != NULL && msg->has_arg0)
		arg0 = make_string(msg->arg0);
	if (programs == NULL || (msg->has_arg0 && arg0 == NULL)) {
		refuse(refusal, -32603, "cannot make the arguments", errno);
	} else {
		if (arg0 != NULL)
			argv[0] = arg0;
		plan.argv = argv;
		plan.envp = envp;
		plan.programs = programs;
		plan.directory = directory;
		result = run_plan(attach, call, &plan, msg, refusal);
	}
	free(arg0);
	free(programs);
	free(directory);
	free(envp);
	free(argv);
	return result;
}

static int
start_checked(struct attach *attach, const struct call *call,
    const struct fields_GR_START *msg, const struct digest *digest,
    struct refusal *refusal)
{
	struct runner *runner = attach->runner;
	struct child *child;

	if (proto_list_count(msg->argv) == 0)
		return refuse(refusal, -32602, "argv must not be empty", 0);
	if (msg->env_inherit > INHERIT_ALL)
		return refuse(refusal, -32602, "unknown envPolicy.inherit", 0);
	if (msg->has_rows && (!msg->tty || !msg->has_cols ||
	    !pty_size_valid(msg->rows, msg->cols)))
		return refuse(refusal, -32602, "size is for terminals only",
		    0);
	if (table_find_id(runner, msg->process_id) != NULL)
		return refuse(refusal, -32600, "process ID already exists",
		    0);
	if (runner->open >= runner->max_processes)
		return refuse(refusal, -32603,
		    "the session has as many processes as it may have", 0);
	if (start_planned(attach, call, msg, refusal) == -1)
		return -1;
	child = table_find_id(runner, msg->process_id);
	child->generation = attach->generation;
	child->digest = *digest;
	return 0;
}

/*
 * Whether this asks again, on a later attachment, for what was started: then
 * the answer was lost on the way, not the request.
 */
static bool
start_is_repeated(const struct attach *attach,
    const struct fields_GR_START *msg, const struct digest *digest)
{
	const struct child *child = table_find_id(attach->runner,
	    msg->process_id);

	return child != NULL && child->generation < attach->generation &&
	    digest_equal(&child->digest, digest);
}

void
start_process(struct attach *attach, const struct call *call,
    const struct fields_GR_START *msg)
{
	struct digest digest = digest_request(proto_row(MSG_GR_START), msg);
	struct refusal refusal = { 0 };
	struct child *child;

	if (start_is_repeated(attach, msg, &digest)) {
		starting_repeat(attach, call, table_find_id(attach->runner,
		    msg->process_id));
	} else if (start_checked(attach, call, msg, &digest, &refusal) ==
	    0) {
		child = table_find_id(attach->runner, msg->process_id);
		if (child->starting == NULL) {
			report_start(child);
			starting_answer(attach, call, child, false);
		}
	} else if (refusal.error == 0)
		attach_error(attach, call, MSG_GR_START, refusal.code, "%s",
		    refusal.what);
	else
		attach_error(attach, call, MSG_GR_START, refusal.code,
		    "%s: %s", refusal.what, strerror(refusal.error));
}
