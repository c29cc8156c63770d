/* SPDX-License-Identifier: ISC */
/* The jail of the worker for files. */
#include "config.h"

#include "common/sandbox.h"
#include "common/sandbox_private.h"

static const struct sandbox_rule files[] = {
	SANDBOX_ALLOW(access), SANDBOX_ALLOW(copy_file_range),
	SANDBOX_ALLOW(faccessat), SANDBOX_ALLOW(faccessat2),
	SANDBOX_ALLOW(fadvise64), SANDBOX_ALLOW(fchmod),
	SANDBOX_ALLOW(fstat), SANDBOX_ALLOW(ftruncate),
	SANDBOX_ALLOW(getcwd), SANDBOX_ALLOW(getdents64),
	SANDBOX_ALLOW(inotify_add_watch), SANDBOX_ALLOW(inotify_init1),
	SANDBOX_ALLOW(inotify_rm_watch), SANDBOX_ALLOW(lstat),
	SANDBOX_ALLOW(mkdir), SANDBOX_ALLOW(mkdirat),
	SANDBOX_ALLOW(newfstatat), SANDBOX_ALLOW(open),
	SANDBOX_ALLOW(openat), SANDBOX_ALLOW(pwrite64),
	SANDBOX_ALLOW(readlink), SANDBOX_ALLOW(readlinkat),
	SANDBOX_ALLOW(rmdir), SANDBOX_ALLOW(stat), SANDBOX_ALLOW(statx),
	SANDBOX_ALLOW(symlink), SANDBOX_ALLOW(symlinkat),
	SANDBOX_ALLOW(unlink), SANDBOX_ALLOW(unlinkat),
};

static const struct sandbox_table files_table = SANDBOX_TABLE(files);

int
sandbox_files(void)
{
	static const struct sandbox_policy policy = {
		.tables = { &sandbox_basics, &sandbox_attacks,
		    &sandbox_alone, &files_table },
	};

	/*
	 * No Landlock: who may write all of a user's files gains nothing by
	 * way of /proc/PID, where users do look at their own processes.
	 */
	return sandbox_load(&policy);
}
