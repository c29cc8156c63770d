/* SPDX-License-Identifier: ISC */
/* The privilege drop, in children that report by exit status. */
#include "config.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <linux/capability.h>
#include <linux/securebits.h>

#include <criterion/criterion.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/caps.h"
#include "common/role.h"

TestSuite(role, .timeout = 20);

#define NOBODY 65534

/* Run "fn" in a child; its exit status, or 128 + the signal. */
static int
in_child(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(fn());
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) :
	    128 + WTERMSIG(status);
}

static int
child_begin(void)
{
	close(0);
	role_begin("test");
	return fcntl(0, F_GETFD) == -1 || prctl(PR_GET_DUMPABLE) != 0;
}

Test(role, begin_opens_standard_descriptors_and_forbids_tracing)
{
	cr_assert_eq(in_child(child_begin), 0);
}

static int
child_restore(void)
{
	struct rlimit want = { 100, 200 }, got;
	mode_t mask;

	umask(027);
	if (setrlimit(RLIMIT_NOFILE, &want) == -1)
		return 2;
	role_begin("test");
	if (getrlimit(RLIMIT_NOFILE, &got) == -1 || got.rlim_cur != 200)
		return 3;
	if (role_umask() != 027)
		return 5;
	role_restore();
	mask = umask(0);
	if (getrlimit(RLIMIT_NOFILE, &got) == -1)
		return 4;
	return mask != 027 || got.rlim_cur != 100 || got.rlim_max != 200;
}

Test(role, a_child_gets_the_users_umask_and_limits_back)
{
	cr_assert_eq(in_child(child_restore), 0);
}

static int
child_no_new_privs(void)
{
	role_no_new_privs();
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1;
}

Test(role, no_new_privs_is_on_afterwards)
{
	cr_assert_eq(in_child(child_no_new_privs), 0);
}

static int
child_drop(void)
{
	role_drop(NOBODY, NOBODY, "/proc");
	if (getuid() != NOBODY || getgid() != NOBODY || setuid(0) == 0 ||
	    getgroups(0, NULL) != 0)
		return 2;
	if (access("/self/status", F_OK) == -1)	/* the new root */
		return 3;
	return prctl(PR_GET_DUMPABLE) != 0;
}

Test(role, drop_is_for_good)
{
	if (geteuid() != 0)
		cr_skip("needs root");
	cr_assert_eq(in_child(child_drop), 0);
}

static int
child_drop_to_root(void)
{
	role_drop(0, 0, NULL);
	return 0;
}

Test(role, root_is_nobody_to_drop_to)
{
	if (geteuid() != 0)
		cr_skip("needs root");
	cr_assert_eq(in_child(child_drop_to_root), 1);
}

static int
child_mixed(void)
{
	if (setresuid(1, 2, 0) == -1)
		return 9;
	role_drop(NOBODY, NOBODY, NULL);
	return 0;
}

Test(role, mixed_ids_are_refused)
{
	if (geteuid() != 0)
		cr_skip("needs root");
	cr_assert_eq(in_child(child_mixed), 1);
}

static int
child_become(void)
{
	static const gid_t groups[] = { 7, 8 };
	gid_t got[4];

	if (role_become(1234, 2345, groups, 2) == -1)
		return 2;
	return getgroups(4, got) != 2 || getuid() != 1234 ||
	    getegid() != 2345 || setuid(0) == 0;
}

Test(role, a_tenant_keeps_its_groups_and_nothing_else)
{
	if (geteuid() != 0)
		cr_skip("needs root");
	cr_assert_eq(in_child(child_become), 0);
}

/* Nothing is left, and nothing that is executed brings anything back. */
static int
child_for_good(void)
{
	static const gid_t groups[] = { 7 };
	struct caps caps;

	if (role_become_for_good(1234, 2345, groups, 1) == -1)
		return 2;
	if (caps_get(&caps) == -1 || (caps.effective | caps.permitted |
	    caps.inheritable | caps.bounding) != 0)
		return 3;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 4;
	return (prctl(PR_GET_SECUREBITS) & SECBIT_NOROOT_LOCKED) == 0;
}

Test(role, a_tenant_can_gain_nothing)
{
	if (geteuid() != 0)
		cr_skip("needs root");
	cr_assert_eq(in_child(child_for_good), 0);
}

static int
child_may_gain(void)
{
	struct caps before, caps;

	if (caps_get(&before) == -1 ||
	    role_become(1234, 2345, NULL, 0) == -1)
		return 2;
	if (caps_get(&caps) == -1 || (caps.effective | caps.permitted |
	    caps.inheritable) != 0)
		return 3;
	return caps.bounding != before.bounding;
}

Test(role, a_tenant_that_may_gain_has_nothing_yet)
{
	if (geteuid() != 0)
		cr_skip("needs root");
	cr_assert_eq(in_child(child_may_gain), 0);
}

static int
child_keep_caps(void)
{
	const uint64_t keep = CAPS_BIT(CAP_SETUID) | CAPS_BIT(CAP_KILL);
	struct caps caps;

	role_keep_caps(keep | CAPS_BIT(CAP_SETPCAP));
	role_keep_caps(keep);
	if (caps_get(&caps) == -1 || caps.effective != keep ||
	    caps.permitted != keep || caps.inheritable != 0)
		return 2;
	/* A second cut leaves less, and the first what is bound. */
	if ((caps.bounding & ~(keep | CAPS_BIT(CAP_SETPCAP))) != 0)
		return 3;
	role_keep_caps(CAPS_ALL);
	return setgid(1234) == 0 || chroot("/") == 0;
}

Test(role, capabilities_that_are_not_kept_are_gone)
{
	if (geteuid() != 0)
		cr_skip("needs root");
	cr_assert_eq(in_child(child_keep_caps), 0);
}

static int
child_no_control(void)
{
	close(ROLE_CONTROL_FD);
	role_need_control("test");
	return 0;
}

Test(role, a_role_without_a_superior_says_so_and_ends)
{
	cr_assert_eq(in_child(child_no_control), 1);
}
