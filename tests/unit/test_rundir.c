/* SPDX-License-Identifier: ISC */
/* The runtime directory. */
#include "config.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "broker/supervisor/rundir.h"

static char base[64];
static char path[96];
static char reason[RUNDIR_REASON_SIZE];

static void
make_base(void)
{
	strlcpy(base, "/tmp/test_rundir.XXXXXX", sizeof(base));
	cr_assert_not_null(mkdtemp(base));
	snprintf(path, sizeof(path), "%s/run", base);
}

static void
drop_base(void)
{
	rmdir(path);
	cr_assert_eq(rmdir(base), 0, "%s: something was left", base);
}

TestSuite(rundir, .timeout = 20, .init = make_base, .fini = drop_base);
TestSuite(rundir_choose, .timeout = 20);

Test(rundir_choose, by_wish_then_root_then_xdg_then_tmp)
{
	static const struct {
		const char *wanted, *xdg;
		uid_t uid;
		const char *want;
	} rows[] = {
		{ "/w", "/x", 0, "/w" },
		{ "/w", NULL, 5, "/w" },
		{ NULL, "/x", 0, RUNTIME_DIR },
		{ NULL, "/x", 5, "/x/holdfast" },
		{ NULL, "x", 5, "/tmp/holdfast-5" },
		{ NULL, "", 5, "/tmp/holdfast-5" },
		{ NULL, NULL, 4294967294U, "/tmp/holdfast-4294967294" },
	};
	char *got;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		got = rundir_choose(rows[i].wanted, rows[i].xdg, rows[i].uid);
		cr_assert_str_eq(got, rows[i].want);
		free(got);
	}
}

Test(rundir, everything_is_removed_at_the_end)
{
	struct rundir *rd = rundir_open(path, reason);
	const char *empty;
	struct stat st;

	cr_assert_not_null(rd, "%s", reason);
	empty = rundir_empty(rd);
	cr_assert_not_null(empty);
	cr_assert_eq(rundir_empty(rd), empty);
	cr_assert_eq(stat(empty, &st), 0);
	cr_assert_eq(st.st_mode & 07777, 0555);
	rundir_close(rd);
	cr_assert_eq(stat(path, &st), -1);
	cr_assert_eq(errno, ENOENT);
}

Test(rundir, a_directory_that_was_there_stays)
{
	struct rundir *rd;
	struct stat st;

	cr_assert_eq(mkdir(path, 0700), 0);
	rd = rundir_open(path, reason);
	cr_assert_not_null(rd, "%s", reason);
	rundir_close(rd);
	cr_assert_eq(stat(path, &st), 0);
}

Test(rundir, the_mode_does_not_depend_on_the_umask)
{
	struct rundir *rd;
	struct stat st;

	umask(077);
	rd = rundir_open(path, reason);
	cr_assert_not_null(rd, "%s", reason);
	cr_assert_eq(stat(path, &st), 0);
	cr_assert_eq(st.st_mode & 07777,
	    geteuid() == 0 ? (mode_t)0755 : (mode_t)0700);
	rundir_close(rd);
}

Test(rundir, a_second_instance_is_told_who_holds_it)
{
	struct rundir *rd = rundir_open(path, reason);
	char pid[32];

	cr_assert_not_null(rd, "%s", reason);
	cr_assert_null(rundir_open(path, reason));
	cr_assert_eq(errno, EBUSY);
	snprintf(pid, sizeof(pid), "(pid %d)", (int)getpid());
	cr_assert_not_null(strstr(reason, pid), "%s", reason);
	rundir_close(rd);
}

Test(rundir, those_who_do_not_mind_go_beside_each_other)
{
	struct rundir *rd[3];
	char want[128];
	struct stat st;
	int i;

	for (i = 0; i < 3; i++) {
		rd[i] = rundir_open_beside(path, reason);
		cr_assert_not_null(rd[i], "%s", reason);
	}
	cr_assert_str_eq(rundir_path(rd[0]), path);
	snprintf(want, sizeof(want), "%s-3", path);
	cr_assert_str_eq(rundir_path(rd[2]), want);
	for (i = 0; i < 3; i++)
		rundir_close(rd[i]);
	cr_assert_eq(stat(want, &st), -1);
}

Test(rundir, what_a_killed_instance_left_is_taken_over)
{
	struct rundir *rd;
	char lock[128], empty[128];

	cr_assert_eq(mkdir(path, 0700), 0);
	snprintf(lock, sizeof(lock), "%s/holdfastd.lock", path);
	snprintf(empty, sizeof(empty), "%s/empty", path);
	close(open(lock, O_WRONLY | O_CREAT, 0600));
	cr_assert_eq(mkdir(empty, 0700), 0);
	rd = rundir_open(path, reason);
	cr_assert_not_null(rd, "%s", reason);
	cr_assert_not_null(rundir_empty(rd));
	rundir_close(rd);
	cr_assert_eq(access(path, F_OK), -1);
}

/*
 * Each makes and removes the directory under the other's hands.  Returns how
 * often it could not be had.
 */
static int
come_and_go(void)
{
	struct rundir *rd;
	int failed = 0, i;

	for (i = 0; i < 500; i++) {
		rd = rundir_open_beside(path, reason);
		failed += rd == NULL;
		rundir_close(rd);
	}
	return failed;
}

Test(rundir, another_that_ends_just_now_does_not_matter)
{
	int failed, status;
	pid_t pid = fork();

	cr_assert_neq(pid, -1);
	failed = come_and_go();
	if (pid == 0)
		_exit(failed != 0);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(failed, 0, "%d times: %s", failed, reason);
	cr_assert_eq(status, 0);
	snprintf(reason, sizeof(reason), "%s-2", path);
	rmdir(reason);
}

Test(rundir, a_link_is_not_followed)
{
	cr_assert_eq(symlink("/", path), 0);
	cr_assert_null(rundir_open(path, reason));
	cr_assert_eq(unlink(path), 0);
}

Test(rundir, a_directory_open_to_others_is_refused)
{
	cr_assert_eq(mkdir(path, 0700), 0);
	cr_assert_eq(chmod(path, 0777), 0);
	cr_assert_null(rundir_open(path, reason));
	cr_assert_neq(errno, EBUSY);
	cr_assert_not_null(strstr(reason, "mode 777"), "%s", reason);
}

Test(rundir, a_directory_of_somebody_else_is_refused)
{
	if (geteuid() != 0)
		cr_skip();
	cr_assert_eq(mkdir(path, 0700), 0);
	cr_assert_eq(chown(path, 12345, 0), 0);
	cr_assert_null(rundir_open(path, reason));
	cr_assert_not_null(strstr(reason, "12345"), "%s", reason);
}

Test(rundir, a_missing_parent_is_named)
{
	snprintf(path, sizeof(path), "%s/no/run", base);
	cr_assert_null(rundir_open(path, reason));
	cr_assert_not_null(strstr(reason, path), "%s", reason);
}
