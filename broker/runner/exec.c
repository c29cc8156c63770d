/* SPDX-License-Identifier: ISC */
/*
 * The child shares our memory until it runs the program, and we stand still
 * meanwhile, as with vfork(2): no page table is copied, and it can tell us
 * what failed by writing it down.  So nothing between clone and execve may
 * allocate, lock or touch more than its own stack and the failure.
 */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/runner/clone.h"
#include "broker/runner/exec.h"
#include "common/role.h"

#define STACK_SIZE 32768
/* Jobs go before the runner that would have to tell of their end. */
#define OOM_RAISE 500
#define OOM_PATH "/proc/self/oom_score_adj"
#define DEFAULT_PATH "/bin:/usr/bin"

/*
 * The child leaves the stack in the middle of things, and the sanitizer would
 * take what it marked there for the next child's mistakes.
 */
#define IN_CHILD __attribute__((no_sanitize("address")))

static const char *const stage_texts[EXEC_STAGES] = {
	[EXEC_FORK] = "cannot create a process",
	[EXEC_CGROUP] = "cannot enter the cgroup of the session's jobs",
	[EXEC_LIMITS] = "cannot set the resource limits",
	[EXEC_SESSION] = "cannot begin a session",
	[EXEC_TERMINAL] = "cannot take the terminal",
	[EXEC_FILES] = "cannot set up standard input and output",
	[EXEC_DIRECTORY] = "cannot enter the working directory",
	[EXEC_PROGRAM] = "cannot run the program",
};

static sigset_t ignored;
static char oom_score[16];
static int jobs_cgroup = -1;
static size_t nlimits;
static struct {
	int resource;
	struct rlimit limit;
} limits[RLIM_NLIMITS];

struct child {
	const struct exec_plan *plan;
	struct exec_failure failure;
	int failed;
	int moves;		/* to the cgroup it was not born in */
	int spared;		/* could not make itself the first to go */
};

const char *
exec_stage_text(enum exec_stage stage)
{
	return stage < EXEC_STAGES ? stage_texts[stage] : "cannot start";
}

static void
oom_init(void)
{
	char text[16] = "";
	int fd, score;

	fd = open(OOM_PATH, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return;
	if (read(fd, text, sizeof(text) - 1) > 0) {
		score = atoi(text) + OOM_RAISE;
		snprintf(oom_score, sizeof(oom_score), "%d",
		    score < 1000 ? score : 1000);
	}
	close(fd);
}

void
exec_init(void)
{
	struct sigaction action;
	int signo;

	sigemptyset(&ignored);
	for (signo = 1; signo < NSIG; signo++)
		if (sigaction(signo, NULL, &action) == 0 &&
		    action.sa_handler == SIG_IGN)
			sigaddset(&ignored, signo);
	oom_init();
}

void
exec_set_cgroup(int dir)
{
	jobs_cgroup = dir;
}

/* What may not be raised is as high as it may be. */
static void
limit_set(uint32_t resource, rlim_t soft, rlim_t hard)
{
	struct rlimit present;

	if (getrlimit((int)resource, &present) == -1)
		return;
	if (geteuid() != 0 && hard > present.rlim_max)
		hard = present.rlim_max;
	limits[nlimits].resource = (int)resource;
	limits[nlimits].limit.rlim_max = hard;
	limits[nlimits++].limit.rlim_cur = soft < hard ? soft : hard;
}

int
exec_set_limits(struct span list)
{
	uint64_t soft, hard;
	uint32_t resource;
	struct cursor c;
	struct span item;

	nlimits = 0;
	while (proto_list_next(&list, &item)) {
		cursor_init(&c, item.p, item.len);
		resource = cursor_u32(&c);
		soft = cursor_u64(&c);
		hard = cursor_u64(&c);
		if (!cursor_done(&c) || resource >= RLIM_NLIMITS ||
		    nlimits == RLIM_NLIMITS)
			return -1;
		limit_set(resource, (rlim_t)soft, (rlim_t)hard);
	}
	return 0;
}

static const char *
search_path(char *const *envp, int fallback)
{
	for (; *envp != NULL; envp++)
		if (strncmp(*envp, "PATH=", 5) == 0)
			return *envp + 5;
	return fallback ? DEFAULT_PATH : NULL;
}

static size_t
search_count(const char *path)
{
	size_t count = 1;

	for (; *path != '\0'; path++)
		if (*path == ':')
			count++;
	return count;
}

/* An empty directory in PATH is the current one, as "name" alone is. */
static char *
search_join(char *out, const char *dir, size_t len, const char *name)
{
	memcpy(out, dir, len);
	if (len > 0)
		out[len++] = '/';
	memcpy(out + len, name, strlen(name) + 1);
	return out + len + strlen(name) + 1;
}

char **
exec_programs(const char *name, char *const *envp, int fallback)
{
	const char *path = "", *end;
	size_t count = 0, i = 0;
	char **block, *text;

	if (*name != '\0' && strchr(name, '/') == NULL)
		path = search_path(envp, fallback);
	if (*name != '\0' && path != NULL)
		count = search_count(path);
	block = malloc((count + 1) * sizeof(char *) +
	    count * (strlen(name) + 2) + (path != NULL ? strlen(path) : 0));
	if (block == NULL)
		return NULL;
	text = (char *)(block + count + 1);
	while (i < count) {
		end = strchrnul(path, ':');
		block[i++] = text;
		text = search_join(text, path, (size_t)(end - path), name);
		path = *end == ':' ? end + 1 : end;
	}
	block[i] = NULL;
	return block;
}

static void IN_CHILD
child_signals(void)
{
	struct sigaction action = { .sa_handler = SIG_DFL };
	int signo;

	for (signo = 1; signo < NSIG; signo++)
		if (sigismember(&ignored, signo) == 1)
			sigaction(signo, &action, NULL);
}

static int IN_CHILD
oom_write(const char *path)
{
	int fd, result;

	if (oom_score[0] == '\0')
		return 0;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	result = write(fd, oom_score, strlen(oom_score)) == -1 ? -1 : 0;
	close(fd);
	return result;
}

/*
 * As long as it shares our memory, which nobody may look into, what /proc has
 * of it is root's: then we do it, when it has a program of its own.
 */
static void
oom_raise(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)pid);
	(void)oom_write(path);
}

static int IN_CHILD
child_move(void)
{
	int fd, result;

	fd = openat(jobs_cgroup, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	result = write(fd, "0", 1) == 1 ? 0 : -1;
	close(fd);
	return result;
}

static int IN_CHILD
child_limits(void)
{
	size_t i;

	for (i = 0; i < nlimits; i++)
		if (setrlimit(limits[i].resource,
			&limits[i].limit) == -1)
			return -1;
	return 0;
}

static int IN_CHILD
child_files(const struct exec_plan *plan)
{
	int i;

	for (i = 0; i < 3; i++)
		if (dup2(plan->fds[i], i) == -1)
			return -1;
	for (i = 0; i < plan->extras; i++)
		if (dup2(plan->extra[i], 3 + i) == -1)
			return -1;
	/* All of ours are close-on-exec; this is for what others left open. */
	if (close_range(3 + (unsigned int)plan->extras, ~0U, 0) == -1 &&
	    errno != ENOSYS)
		return -1;
	return 0;
}

/* Those errors say nothing about the next directory; see execvp(3). */
static int IN_CHILD
search_goes_on(int error)
{
	return error == ENOENT || error == ENOTDIR || error == EACCES ||
	    error == ENAMETOOLONG || error == ESTALE || error == ENODEV ||
	    error == ETIMEDOUT;
}

int IN_CHILD
exec_try(char *const *programs, char *const *argv, char *const *envp)
{
	int denied = 0, error = ENOENT;
	size_t i;

	for (i = 0; programs[i] != NULL; i++) {
		execve(programs[i], argv, envp);
		error = errno;
		if (error == EACCES)
			denied = 1;
		if (!search_goes_on(error))
			break;
	}
	return denied && search_goes_on(error) ? EACCES : error;
}

static int IN_CHILD
child_program(const struct exec_plan *plan)
{
	sigset_t none;

	sigemptyset(&none);
	if (!plan->blocked)
		sigprocmask(SIG_SETMASK, &none, NULL);
	errno = exec_try(plan->programs, plan->argv, plan->envp);
	return -1;
}

static enum exec_stage IN_CHILD
child_steps(struct child *child)
{
	const struct exec_plan *plan = child->plan;

	if (child->moves && child_move() == -1)
		return EXEC_CGROUP;
	if (setsid() == -1)
		return EXEC_SESSION;
	if (plan->terminal && ioctl(plan->fds[0], TIOCSCTTY, 0) == -1)
		return EXEC_TERMINAL;
	child->spared = oom_write(OOM_PATH) == -1;
	if (child_files(plan) == -1)
		return EXEC_FILES;
	role_restore();
	if (child_limits() == -1)
		return EXEC_LIMITS;
	child_signals();
	if (chdir(plan->directory) == -1)
		return EXEC_DIRECTORY;
	child_program(plan);
	return EXEC_PROGRAM;
}

static int IN_CHILD
child_main(void *arg)
{
	struct child *child = arg;

	child->failure.stage = child_steps(child);
	child->failure.error = errno;
	child->failed = 1;
	_exit(127);
}

/* Nobody may run elsewhere than in the cgroup with the limits, if there is. */
static pid_t
child_create(struct child *child)
{
	/* One child at a time is in here, and we wait for it. */
	static uint8_t stack[STACK_SIZE] __attribute__((aligned(64)));
	pid_t pid;

	pid = clone_into(jobs_cgroup, child_main, child, stack,
	    sizeof(stack));
	if (pid == -1 && errno == ENOSYS && jobs_cgroup != -1) {
		child->moves = 1;
		pid = clone_into(-1, child_main, child, stack, sizeof(stack));
	}
	return pid;
}

pid_t
exec_start(const struct exec_plan *plan, struct exec_failure *failure)
{
	struct child child = { .plan = plan };
	sigset_t all, old;
	pid_t pid;

	/* No handler of ours may run in the child, on our memory. */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	pid = child_create(&child);
	if (pid == -1) {
		child.failure.error = errno;
		child.failure.stage = EXEC_FORK;
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (pid != -1 && !child.failed) {
		if (child.spared)
			oom_raise(pid);
		return pid;
	}
	if (pid != -1)
		waitpid(pid, NULL, 0);
	*failure = child.failure;
	return -1;
}
