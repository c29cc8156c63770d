/* SPDX-License-Identifier: ISC */
/* holdfast-box: started by holdfast-runner, twice; see box.h. */
#include "config.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/runner/box/box.h"
#include "broker/runner/box/filter.h"
#include "broker/runner/box/look.h"
#include "broker/runner/box/plan.h"
#include "broker/runner/exec.h"
#include "common/proto.h"
#include "common/xmalloc.h"

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

static void
tell(const void *bytes, size_t len)
{
	(void)!write(BOX_FD_STATUS, bytes, len);
}

static void refuse(const char *fmt, ...)
    __attribute__((format(printf, 1, 2), noreturn));

static void
refuse(const char *fmt, ...)
{
	char text[BOX_STATUS_MAX / 2] = { BOX_REFUSED };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text + 1, sizeof(text) - 1, fmt, ap);
	va_end(ap);
	tell(text, strlen(text));
	_exit(1);
}

static void __attribute__((noreturn))
fail(enum exec_stage stage, int error)
{
	char text[64];
	int len;

	len = snprintf(text, sizeof(text), "%c%d %d", BOX_FAILED, (int)stage,
	    error);
	tell(text, (size_t)len);
	_exit(127);
}

/* The order stays mapped until this process becomes another. */
static void
order_read(struct fields_BOX *order)
{
	struct stat st;
	struct span list;
	void *bytes;

	if (fstat(BOX_FD_ORDER, &st) == -1 || st.st_size <= 0)
		refuse("holdfast-box is started by holdfast-runner, not by "
		    "hand");
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE,
	    BOX_FD_ORDER, 0);
	if (bytes == MAP_FAILED)
		refuse("sandbox: cannot read what to do: %s", strerror(errno));
	list = (struct span){ bytes, (size_t)st.st_size };
	if (proto_record_next(&list, &proto_box, order) != 1)
		refuse("sandbox: what to do is malformed");
}

/* Another view of processes would lead out of the sandbox. */
static void
cover_procs(struct plan *plan)
{
	struct mntent *entry;
	FILE *mounts = setmntent("/proc/self/mounts", "re");

	if (mounts == NULL)
		refuse("sandbox: cannot read /proc/self/mounts: %s",
		    strerror(errno));
	while ((entry = getmntent(mounts)) != NULL)
		if (strcmp(entry->mnt_type, "proc") == 0 &&
		    strcmp(entry->mnt_dir, "/proc") != 0 &&
		    strncmp(entry->mnt_dir, "/proc/", 6) != 0)
			plan_add_all(plan, (const char *const []){ "--tmpfs",
			    entry->mnt_dir, "--remount-ro", entry->mnt_dir,
			    NULL });
	endmntent(mounts);
}

/* Where it was when this was built, or else where others are found. */
static const char *
find_bwrap(void)
{
	static char path[PATH_MAX];
	const char *dir = getenv("PATH"), *end;

	if (BWRAP[0] == '/' && access(BWRAP, X_OK) == 0)
		return BWRAP;
	for (; dir != NULL && *dir != '\0'; dir = *end == ':' ? end + 1 :
	    end) {
		end = strchrnul(dir, ':');
		if (dir[0] != '/')
			continue;
		snprintf(path, sizeof(path), "%.*s/bwrap", (int)(end - dir),
		    dir);
		if (access(path, X_OK) == 0)
			return path;
	}
	refuse("the sandbox needs bubblewrap (bwrap), which is not installed "
	    "here: install the package bubblewrap");
}

static void
add_number(struct plan *plan, const char *option, int number)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", number);
	plan_add(plan, option);
	plan_add(plan, text);
}

/* Above those that mean something inside, also where they are not used. */
static int
above(int fd)
{
	int high = fd == -1 ? -1 : fcntl(fd, F_DUPFD, BOX_FD_END);

	if (fd != -1)
		close(fd);
	return high;
}

/* We are found again inside by descriptor, whatever can be seen there. */
static void
add_self(struct plan *plan)
{
	char path[64];
	size_t i;
	int fd = above(open("/proc/self/exe", O_RDONLY));

	if (fd == -1)
		refuse("sandbox: cannot open holdfast-box: %s",
		    strerror(errno));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	plan_add(plan, "--");
	plan_add(plan, path);
	plan_add(plan, "inside");
	for (i = 0; i < plan->mark_count; i++)
		plan_add(plan, plan->marks[i]);
}

static void __attribute__((noreturn))
outside(void)
{
	/* It stays for all to read in what bubblewrap leaves inside. */
	static char *const no_environment[] = { NULL };
	struct plan plan = { 0 };
	struct fields_BOX order;
	const char *bwrap;
	int filter;

	order_read(&order);
	bwrap = find_bwrap();
	plan_add(&plan, "bwrap");
	if (plan_make(&plan, order.rules, order.network, &look_here) == -1)
		refuse("%s", plan.why);
	cover_procs(&plan);
	/* Root does without where the system has no user namespaces. */
	plan_add(&plan, geteuid() == 0 ? "--unshare-user-try" :
	    "--unshare-user");
	filter = above(filter_make(order.network));
	if (filter == -1)
		refuse("sandbox: cannot make a filter of system calls");
	add_number(&plan, "--seccomp", filter);
	add_self(&plan);
	execve(bwrap, plan.args, no_environment);
	refuse("sandbox: cannot run %s: %s", bwrap, strerror(errno));
}

/* A list of strings as an array of them. */
static char **
strings(struct span list)
{
	char **array = xcalloc(proto_list_count(list) + 1, sizeof(*array));
	struct span item;
	size_t i = 0;

	while (proto_list_next(&list, &item)) {
		array[i] = malloc(item.len + 1);
		if (array[i] == NULL)
			fail(EXEC_PROGRAM, ENOMEM);
		if (span_to_str(item, array[i++], item.len + 1) == -1)
			fail(EXEC_PROGRAM, EINVAL);
	}
	return array;
}

/*
 * As leader of a group that exists in here: shells want to go back to the
 * one they began with.
 */
static void
lead(const struct fields_BOX *order)
{
	if (setpgid(0, 0) == -1)
		fail(EXEC_SESSION, errno);
	if (order->tty && tcsetpgrp(STDIN_FILENO, getpid()) == -1)
		fail(EXEC_TERMINAL, errno);
}

static void
enter(const struct fields_BOX *order)
{
	char directory[PATH_MAX];

	if (span_to_str(order->directory, directory, sizeof(directory)) == -1)
		fail(EXEC_DIRECTORY, EINVAL);
	if (chdir(directory) == -1)
		fail(EXEC_DIRECTORY, errno);
}

/* Programs of ours are told on what their sandbox depends. */
static char **
argv_join(char **first, char *const *more)
{
	size_t i = 0, j;
	char **argv;

	while (first[i] != NULL)
		i++;
	for (j = 0; more[j] != NULL; j++)
		continue;
	argv = xcalloc(i + j + 1, sizeof(*argv));
	memcpy(argv, first, i * sizeof(*argv));
	memcpy(argv + i, more, j * sizeof(*argv));
	return argv;
}

static void __attribute__((noreturn))
inside(char *const *marks)
{
	char program[64], *by_fd[] = { program, NULL };
	char **programs, **argv, **envp;
	struct fields_BOX order;
	const char begun = BOX_INSIDE;
	sigset_t none;
	int i;

	tell(&begun, 1);
	order_read(&order);
	for (i = 0; i < 3; i++)
		if (dup2(BOX_FD_IN + i, i) == -1)
			fail(EXEC_FILES, errno);
	if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == -1)
		fail(EXEC_FILES, errno);
	argv = strings(order.argv);
	envp = strings(order.env);
	programs = strings(order.programs);
	if (fcntl(BOX_FD_PROGRAM, F_GETFD) != -1) {
		snprintf(program, sizeof(program), "/proc/self/fd/%d",
		    BOX_FD_PROGRAM);
		programs = by_fd;
		argv = argv_join(argv, marks);
	}
	lead(&order);
	enter(&order);
	/*
	 * They were blocked all the way so that neither bubblewrap nor we die
	 * of what is meant for the program.
	 */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	fail(EXEC_PROGRAM, exec_try(programs, argv, envp));
}

int
main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "inside") == 0)
		inside(argv + 2);
	outside();
}
