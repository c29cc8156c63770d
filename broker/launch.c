/* SPDX-License-Identifier: ISC */
/* Starting the other programs. */
#include "config.h"

#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/sched.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/launch.h"
#include "common/chan.h"
#include "common/proto.h"
#include "common/role.h"
#include "common/xmalloc.h"

#define PRIVATE_FLAGS (TENANT_PRIVATE_TMP | TENANT_PRIVATE_PIDS)
/* Of a private /tmp, which is memory: the tenant's, where that is counted. */
#define TMP_SIZE "1g"
#define TMP_FILES "1m"

static const char CANNOT_ENTER[] = "cannot enter the working directory";
static const char CANNOT_RUN[] = "cannot run";

/* For us alone: a child that believed them would speak to our manager. */
static const char *const launch_private[] = {
	"NOTIFY_SOCKET=", "WATCHDOG_USEC=", "WATCHDOG_PID=", "LISTEN_FDS=",
	"LISTEN_PID=", "LISTEN_FDNAMES=", "HOLDFAST_LIBEXEC=",
	"HOLDFAST_STORE=", "HOLDFAST_HEIR=", ROLE_FILES_ENV "=", NULL
};

static const char *const launch_sanitizer[] = {
#ifdef WITH_SANITIZERS
	"ASAN_OPTIONS=", "LSAN_OPTIONS=", "UBSAN_OPTIONS=",
#endif
	NULL
};

static int
launch_starts_with_one_of(const char *variable, const char *const *names)
{
	for (; *names != NULL; names++)
		if (strncmp(variable, *names, strlen(*names)) == 0)
			return 1;
	return 0;
}

/* Those of "env" that start with one of "names", or the others. */
static char **
launch_filter(char *const env[], const char *const *names, int wanted)
{
	size_t count = 0, n = 0, i;
	char **kept;

	while (env[count] != NULL)
		count++;
	kept = xcalloc(count + 1, sizeof(*kept));
	for (i = 0; i < count; i++)
		if (launch_starts_with_one_of(env[i], names) == wanted)
			kept[n++] = env[i];
	return kept;
}

char **
launch_broker_env(char *const env[])
{
	return launch_filter(env, launch_private, 0);
}

char **
launch_gateway_env(char *const env[])
{
	return launch_filter(env, launch_sanitizer, 1);
}

void
launch_reset_signals(void)
{
	sigset_t none;
	int signo;

	for (signo = 1; signo < NSIG; signo++)
		(void)signal(signo, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* What a program is given beside its channel; the child's to change. */
struct launch_gift {
	int *fds;
	int *which;	/* by descriptor up to the last place: of fds, or -1 */
	size_t count;
};

#define LAUNCH_FIRST (ROLE_CONTROL_FD + 1)

/*
 * Put each in its place.  One that stands there moves out of the way, and
 * where one came from is free again, so that it takes next to no room beside.
 */
static int
launch_place(struct launch_gift *gift, size_t i, int above)
{
	int place = LAUNCH_FIRST + (int)i, from = gift->fds[i], lifted;

	if (from == place)
		return fcntl(place, F_SETFD, 0);
	if (gift->which[place] != -1) {
		lifted = fcntl(place, F_DUPFD_CLOEXEC, above);
		if (lifted == -1)
			return -1;
		gift->fds[gift->which[place]] = lifted;
	}
	if (dup2(from, place) == -1)
		return -1;
	close(from);
	if (from < above)
		gift->which[from] = -1;
	return 0;
}

static int
launch_set_gift(struct launch_gift *gift, int *control)
{
	int above = LAUNCH_FIRST + (int)gift->count;
	size_t i;

	if (*control < above)
		*control = fcntl(*control, F_DUPFD_CLOEXEC, above);
	if (*control == -1)
		return -1;
	for (i = 0; i < gift->count; i++)
		if (launch_place(gift, i, above) == -1)
			return -1;
	return 0;
}

/* Returns -1 with errno; otherwise descriptors are as launch() promises. */
static int
launch_set_fds(int control, struct launch_gift *gift)
{
	int null;

	if (gift->count > 0 && launch_set_gift(gift, &control) == -1)
		return -1;
	if (control == ROLE_CONTROL_FD) {
		if (fcntl(control, F_SETFD, 0) == -1)
			return -1;
	} else if (dup2(control, ROLE_CONTROL_FD) == -1) {
		return -1;
	}
	role_close_from(LAUNCH_FIRST + (int)gift->count);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null == -1 || dup2(null, STDIN_FILENO) == -1)
		return -1;
	/* Standard output is for the lines with our addresses alone. */
	return dup2(STDERR_FILENO, STDOUT_FILENO) == -1 ? -1 : 0;
}

static int
launch_take_ids(const struct launch_as *as)
{
	bool may_gain = (as->flags & TENANT_PRIVILEGED_JOBS) != 0;

	if (as->uid == geteuid() && as->gid == getegid())
		return may_gain ? 0 : role_gain_nothing();
	if (may_gain)
		return role_become(as->uid, as->gid, as->groups, as->ngroups);
	return role_become_for_good(as->uid, as->gid, as->groups,
	    as->ngroups);
}

/* Make the directories that lead to "path", which is changed meanwhile. */
static int
launch_make_way(char *path)
{
	char *slash;

	for (slash = strchr(path + 1, '/'); slash != NULL;
	    slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0755) == -1 && errno != EEXIST)
			return -1;
		*slash = '/';
	}
	return mkdir(path, 0755) == -1 && errno != EEXIST ? -1 : 0;
}

/* Where our programs lie is hidden: have it there again, but not to write. */
static int
launch_uncover(const char *directory, int fd)
{
	char path[PATH_MAX], source[64];
	mode_t mask;
	int made;

	if (strlcpy(path, directory, sizeof(path)) >= sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	mask = umask(022);
	made = launch_make_way(path);
	umask(mask);
	if (made == -1)
		return -1;
	snprintf(source, sizeof(source), "/proc/self/fd/%d", fd);
	if (mount(source, path, NULL, MS_BIND, NULL) == -1)
		return -1;
	return mount(NULL, path, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY |
	    MS_NOSUID | MS_NODEV, NULL);
}

static int
launch_mount_tmp(const char *place)
{
	if (mount("tmpfs", place, "tmpfs", MS_NOSUID | MS_NODEV,
		"mode=1777,size=" TMP_SIZE ",nr_inodes=" TMP_FILES) == -1 &&
	    errno != ENOENT)
		return -1;
	return 0;
}

/*
 * What the tenant has for itself of the file system; we are root then, and in
 * the namespace already.  "program" may lie below /tmp when it was built
 * there.
 */
static const char *
launch_private_tmp(const char *program)
{
	char directory[PATH_MAX], *slash;
	int fd = -1, rc = -1;

	if (strlcpy(directory, program, sizeof(directory)) <
	    sizeof(directory) && (slash = strrchr(directory, '/')) != NULL) {
		*slash = '\0';
		fd = open(directory,
		    O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd != -1 && launch_mount_tmp("/tmp") == 0 &&
	    launch_mount_tmp("/var/tmp") == 0)
		rc = access(program, F_OK) == 0 ? 0 :
		    launch_uncover(directory, fd);
	if (fd != -1)
		close(fd);
	return rc == -1 ? "cannot make a private /tmp" : NULL;
}

static const char *
launch_namespaces(unsigned int flags, const char *program)
{
	if ((flags & PRIVATE_FLAGS) == 0)
		return NULL;
	/* What is mounted later outside is seen; what is mounted here not. */
	if (unshare(CLONE_NEWNS) == -1 ||
	    mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == -1)
		return "cannot make a mount namespace";
	if ((flags & TENANT_PRIVATE_PIDS) != 0 &&
	    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		NULL) == -1)
		return "cannot make a private /proc";
	return (flags & TENANT_PRIVATE_TMP) == 0 ? NULL :
	    launch_private_tmp(program);
}

/*
 * Jobs are limited by the runner, which could not raise what is lower here
 * and is not to be bound by what is for them.
 */
static void
launch_raise_limits(const struct launch_as *as)
{
	const struct tenant_rlimit *wanted;
	struct rlimit limit;
	size_t i;

	if (geteuid() != 0)
		return;
	for (i = 0; i < as->nrlimits; i++) {
		wanted = &as->rlimits[i];
		if (getrlimit(wanted->resource, &limit) == -1 ||
		    wanted->limit.rlim_max <= limit.rlim_max)
			continue;
		limit.rlim_max = wanted->limit.rlim_max;
		(void)setrlimit(wanted->resource, &limit);
	}
}

static const char *
launch_become(const struct launch_as *as, const char *program)
{
	const char *failed;

	if (as == NULL)
		return NULL;
	failed = launch_namespaces(as->flags, program);
	if (failed != NULL)
		return failed;
	launch_raise_limits(as);
	if (as->has_file_mask)
		umask(as->file_mask);
	if (launch_take_ids(as) == -1)
		return "cannot become its user";
	return chdir(as->cwd) == -1 ? CANNOT_ENTER : NULL;
}

/* For whoever waits for the program, and for the log. */
static void __attribute__((noreturn))
launch_fail(const char *path, const char *failed, const struct launch_as *as)
{
	struct fields_RB_FAILED message;
	const char *what = failed == CANNOT_ENTER ? as->cwd : path;
	char text[512];

	snprintf(text, sizeof(text), "%s %s: %s", failed, what,
	    strerror(errno));
	dprintf(STDERR_FILENO, "%s: %s\n", program_invocation_short_name,
	    text);
	message.text = span_str(failed == CANNOT_ENTER ? text : failed);
	if (as != NULL)
		(void)chan_write_one(ROLE_CONTROL_FD, MSG_RB_FAILED,
		    &message, NULL, 0);
	_exit(127);
}

/* Returns 0, or -1 with errno. */
static int
launch_move(int cgroup)
{
	int fd = openat(cgroup, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	int result, saved;

	if (fd == -1)
		return -1;
	result = write(fd, "0", 1) == 1 ? 0 : -1;
	saved = errno;
	close(fd);
	errno = saved;
	return result;
}

static void __attribute__((noreturn))
launch_child(const char *path, const char *name, char *const env[],
    int control, const struct launch_as *as, struct launch_gift *gift,
    bool moves)
{
	const char *argv[] = { name, NULL };
	const char *failed = "cannot set up";
	int error;

	launch_reset_signals();
	if (gift->count > 0)
		role_restore_for_heir();
	else
		role_restore();
	error = moves && launch_move(as->cgroup) == -1 ? errno : 0;
	/* Apart from our terminal: its Ctrl-C is an order to us alone. */
	if (setsid() == -1 || launch_set_fds(control, gift) == -1)
		launch_fail(path, failed, as);
	if (error != 0) {
		errno = error;
		launch_fail(path, "cannot enter the session's cgroup for", as);
	}
	failed = launch_become(as, path);
	if (failed == NULL) {
		failed = CANNOT_RUN;
		execve(path, (char *const *)(uintptr_t)argv, env);
	}
	launch_fail(path, failed, as);
}

static bool
launch_is_unknown(int error)
{
	return error == ENOSYS || error == EINVAL || error == E2BIG ||
	    error == EPERM;
}

/*
 * Being born in a cgroup costs nothing; to move there is a matter of an RCU
 * grace period, many milliseconds.  That is for where the kernel or a jail
 * around us does not know how.  Whom a cgroup has no room for is not started:
 * elsewhere it would be without limits, with all its jobs.
 */
static pid_t
launch_fork(const struct launch_as *as, bool *moves)
{
	struct clone_args args = { .exit_signal = SIGCHLD };
	pid_t pid;

	*moves = false;
	if (as != NULL && as->cgroup != -1) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)as->cgroup;
	}
	if (as != NULL && (as->flags & TENANT_PRIVATE_PIDS) != 0)
		args.flags |= CLONE_NEWPID;
	if (args.flags == 0)
		return fork();
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid != -1 || as->cgroup == -1 || !launch_is_unknown(errno))
		return pid;
	*moves = true;
	args.flags &= ~(uint64_t)CLONE_INTO_CGROUP;
	args.cgroup = 0;
	return args.flags == 0 ? fork() :
	    (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

static pid_t
launch_start(const char *path, const char *name, char *const env[],
    int control, const struct launch_as *as, struct launch_gift *gift)
{
	sigset_t all, before;
	bool moves;
	pid_t pid;

	/* A signal to the child must not run our handlers there. */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	pid = launch_fork(as, &moves);
	if (pid == 0)
		launch_child(path, name, env, control, as, gift, moves);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return pid;
}

pid_t
launch(const char *path, const char *name, char *const env[], int control,
    const struct launch_as *as)
{
	struct launch_gift nothing = { 0 };

	return launch_start(path, name, env, control, as, &nothing);
}

pid_t
launch_heir(const char *path, const char *name, char *const env[],
    int control, const int *fds, size_t nfds)
{
	size_t above = LAUNCH_FIRST + nfds, i;
	struct launch_gift gift = {
		.fds = xcalloc(nfds + 1, sizeof(int)),
		.which = xcalloc(above, sizeof(int)),
		.count = nfds,
	};
	int saved;
	pid_t pid;

	for (i = 0; i < above; i++)
		gift.which[i] = -1;
	for (i = 0; i < nfds; i++) {
		gift.fds[i] = fds[i];
		if ((size_t)fds[i] < above)
			gift.which[fds[i]] = (int)i;
	}
	pid = launch_start(path, name, env, control, NULL, &gift);
	saved = errno;
	free(gift.fds);
	free(gift.which);
	errno = saved;
	return pid;
}
