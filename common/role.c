/* SPDX-License-Identifier: ISC */
/* The start of every role, and the proven drop. */
#include "config.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef WITH_SANITIZERS
#include <sanitizer/lsan_interface.h>
#endif

#include "common/caps.h"
#include "common/log.h"
#include "common/proto.h"
#include "common/role.h"
#include "common/unix.h"
#include "common/xmalloc.h"

#ifdef WITH_SANITIZERS
/* Leaks are found by way of /proc, which another root directory lacks. */
int
__lsan_is_turned_off(void)
{
	return access("/proc/self/task", F_OK) == -1;
}
#endif

#define OOM_PATH "/proc/self/oom_score_adj"
#define OOM_GUARDED "-900"

/* As role_begin() found it; the score is empty as long as it is the same. */
static struct {
	bool known;
	mode_t umask;
	struct rlimit core, files;
	char oom_score[16];
} before;

/*
 * Who was started with many descriptors has the limit for them already, and
 * is told what it was before: "SOFT:HARD".
 */
static void
files_told(void)
{
	const char *told = getenv(ROLE_FILES_ENV);
	unsigned long long soft, hard;
	char end;

	if (told == NULL)
		return;
	if (sscanf(told, "%llu:%llu%c", &soft, &hard, &end) == 2) {
		if (soft < before.files.rlim_cur)
			before.files.rlim_cur = (rlim_t)soft;
		if (hard < before.files.rlim_max)
			before.files.rlim_max = (rlim_t)hard;
	}
	unsetenv(ROLE_FILES_ENV);
}

/* Several for each of 10,000s of sessions; fs.nr_open is more by default. */
#define ROLE_FILES 262144

/* Root's own processes are not held to what a login shell has. */
static int
files_raise(struct rlimit files)
{
	struct rlimit more = { ROLE_FILES, ROLE_FILES };

	if (geteuid() == 0 && files.rlim_max < ROLE_FILES &&
	    setrlimit(RLIMIT_NOFILE, &more) == 0)
		return 0;
	files.rlim_cur = files.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &files);
}

static void
limits_set(void)
{
	struct rlimit core, files;

	if (getrlimit(RLIMIT_CORE, &before.core) == -1 ||
	    getrlimit(RLIMIT_NOFILE, &before.files) == -1)
		fatal("cannot ask for limits");
	files = before.files;
	files_told();
	core = before.core;
	core.rlim_cur = 0;
	if (setrlimit(RLIMIT_CORE, &core) == -1)
		fatal("cannot forbid core dumps");
	if (files_raise(files) == -1)
		log_warn("cannot raise the limit of open files");
}

static int
oom_write(const char *score)
{
	int fd = open(OOM_PATH, O_WRONLY | O_CLOEXEC), result;

	if (fd == -1)
		return -1;
	result = write(fd, score, strlen(score)) == -1 ? -1 : 0;
	close(fd);
	return result;
}

void
role_guard(void)
{
	int fd = open(OOM_PATH, O_RDONLY | O_CLOEXEC);
	char score[sizeof(before.oom_score)] = "";
	ssize_t n;

	if (fd == -1)
		return;
	n = read(fd, score, sizeof(score) - 1);
	close(fd);
	/* In a container not even root may. */
	if (n > 0 && geteuid() == 0 && oom_write(OOM_GUARDED) == 0)
		memcpy(before.oom_score, score, sizeof(score));
}

mode_t
role_umask(void)
{
	mode_t mask;

	if (before.known)
		return before.umask;
	mask = umask(077);
	umask(mask);
	return mask;
}

void
role_restore_for_heir(void)
{
	if (!before.known)
		return;
	if (before.oom_score[0] != '\0')
		(void)oom_write(before.oom_score);
	umask(before.umask);
	(void)setrlimit(RLIMIT_CORE, &before.core);
}

void
role_restore(void)
{
	role_restore_for_heir();
	if (before.known)
		(void)setrlimit(RLIMIT_NOFILE, &before.files);
}

char *
role_heir_env(void)
{
	return xasprintf(ROLE_FILES_ENV "=%llu:%llu",
	    (unsigned long long)before.files.rlim_cur,
	    (unsigned long long)before.files.rlim_max);
}

static void
standard_fds(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
		if (fd == -1)
			_exit(1);
	} while (fd <= STDERR_FILENO);
	close(fd);
}

void
role_begin(const char *name)
{
	standard_fds();
	log_init(name, LOG_LEVEL_INFO, 0);
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		fatal("cannot ignore SIGPIPE");
	if (prctl(PR_SET_DUMPABLE, 0) == -1 || prctl(PR_GET_DUMPABLE) != 0)
		fatal("cannot forbid tracing");
	limits_set();
	before.umask = umask(077);
	before.known = true;
}

void
role_print_protocol(void)
{
	printf("%d %d\n", PROTO_OLDEST, PROTO_VERSION);
}

void
role_protocol(int argc, char *argv[])
{
	if (argc != 2 || strcmp(argv[1], "--protocol") != 0)
		return;
	role_print_protocol();
	exit(fflush(stdout) == EOF);
}

void
role_close_from(int first)
{
	if (close_range((unsigned int)first, ~0U, 0) == -1)
		closefrom(first);
}

void
role_need_control(const char *name)
{
	if (!unix_is_socket(ROLE_CONTROL_FD, SOCK_SEQPACKET))
		fatalx("%s is started by holdfastd, not by hand", name);
	if (unix_cloexec(ROLE_CONTROL_FD) == -1)
		fatal("control channel");
}

void
role_no_new_privs(void)
{
	if (role_gain_nothing() == -1)
		fatal("cannot give up new privileges");
}

void
role_subreaper(void)
{
	int on = 0;

	if (prctl(PR_SET_CHILD_SUBREAPER, 1) == -1 ||
	    prctl(PR_GET_CHILD_SUBREAPER, &on) == -1 || !on)
		fatal("cannot become the reaper of orphans");
}

static int
ids_are(uid_t uid, gid_t gid)
{
	uid_t r, e, s;
	gid_t rg, eg, sg;

	return getresuid(&r, &e, &s) == 0 && r == uid && e == uid &&
	    s == uid && getresgid(&rg, &eg, &sg) == 0 && rg == gid &&
	    eg == gid && sg == gid;
}

/* Having been root, every way back must be shut. */
static int
way_back(uid_t uid, gid_t gid)
{
	struct caps caps;

	if (uid == 0)
		return 0;
	if (setuid(0) != -1 || seteuid(0) != -1 || setresuid(0, 0, 0) != -1)
		return 1;
	if (gid != 0 && (setgid(0) != -1 || setegid(0) != -1))
		return 1;
	return caps_get(&caps) == -1 ||
	    (caps.effective | caps.permitted | caps.inheritable) != 0;
}

int
role_become(uid_t uid, gid_t gid, const gid_t *groups, size_t ngroups)
{
	if (setgroups(ngroups, groups) == -1 ||
	    setresgid(gid, gid, gid) == -1 || setresuid(uid, uid, uid) == -1)
		return -1;
	/*
	 * With fs.suid_dumpable(5) other than 0 we are not what we were: our
	 * memory, secrets in it, would be that user's to look into.
	 */
	if (prctl(PR_SET_DUMPABLE, 0) == -1)
		return -1;
	if (!ids_are(uid, gid) || way_back(uid, gid)) {
		errno = EPERM;
		return -1;
	}
	return 0;
}

int
role_become_for_good(uid_t uid, gid_t gid, const gid_t *groups,
    size_t ngroups)
{
	if (uid != 0 && (caps_bound(0) == -1 || caps_lock() == -1))
		return -1;
	if (role_become(uid, gid, groups, ngroups) == -1)
		return -1;
	return role_gain_nothing();
}

int
role_gain_nothing(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return -1;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		return 0;
	errno = EPERM;
	return -1;
}

void
role_keep_caps(uint64_t keep)
{
	if (keep != CAPS_ALL && caps_limit(keep) == -1)
		fatal("cannot give up capabilities");
}

void
role_drop(uid_t uid, gid_t gid, const char *root)
{
	if (geteuid() != 0) {
		if (!ids_are(geteuid(), getegid()))
			fatalx("started with mixed user or group ids");
		role_keep_caps(0);
		return;
	}
	if (uid == 0)
		fatalx("no unprivileged user to become");
	if (root != NULL && (chroot(root) == -1 || chdir("/") == -1))
		fatal("cannot enter %s", root);
	if (role_become_for_good(uid, gid, NULL, 0) == -1)
		fatal("cannot become uid %u", (unsigned int)uid);
	role_keep_caps(0);
	/* Changing ids may have made the process dumpable again. */
	if (prctl(PR_SET_DUMPABLE, 0) == -1 || getgroups(0, NULL) != 0)
		fatalx("privileges are not gone");
}
